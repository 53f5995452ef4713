package main

import "strings"

// Go's doc comments begin with the name of what they describe; where another name stands beside them that reads
// strangely. These say the same without it.

// methodDoc turns "Undo takes back an edit." into "Takes back an edit.", and leaves what is no such sentence.
func methodDoc(x Method) string { return withoutName(x.Go, x.Doc) }

// paramsDoc is what a params type's comment says beyond "XParams of x/method." and "XParams is empty.".
func paramsDoc(s *Struct) string {
	rest, ok := strings.CutPrefix(s.Doc, s.Name)
	if !ok {
		return s.Doc
	}
	if strings.HasPrefix(rest, " is empty") {
		return ""
	}
	if strings.HasPrefix(rest, " of ") {
		end := strings.IndexAny(rest, ":;.")
		if end < 0 {
			return ""
		}
		return upperFirst(strings.TrimSpace(rest[end+1:]))
	}
	if after, ok := strings.CutPrefix(rest, ": "); ok {
		return upperFirst(after)
	}
	return withoutName(s.Name, s.Doc)
}

func withoutName(name, doc string) string {
	rest, ok := strings.CutPrefix(doc, name+" ")
	verb, _, _ := strings.Cut(rest, " ")
	if !ok || verb == "is" || verb == "has" || !strings.HasSuffix(verb, "s") {
		return doc
	}
	return upperFirst(rest)
}

func upperFirst(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// sectionDoc joins the two without saying the same twice.
func sectionDoc(x Method, s *Struct) string {
	method, params := methodDoc(x), paramsDoc(s)
	if strings.HasPrefix(params, strings.TrimSuffix(method, ".")) {
		return params
	}
	return method + " " + params
}
