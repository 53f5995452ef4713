package main

import (
	"fmt"
	"go/format"
	"strings"
)

// arraysCode writes zz_arrays.go: MarshalJSON for each struct with an array that may not be absent, because a nil
// slice would go out as null and LSP clients loop over it without a look. Rejected: constructors, which someone
// forgets, and filling in place before sending, which writes to values that several connections share.
func arraysCode(m *Model) ([]byte, error) {
	var b strings.Builder
	b.WriteString(generated)
	for _, s := range m.Structs {
		fields := requiredArrays(s)
		if len(fields) == 0 {
			continue
		}
		fmt.Fprintf(&b, "// MarshalJSON writes a nil slice as [].\nfunc (v %s) MarshalJSON() ([]byte, error) {\n", s.Name)
		fmt.Fprintf(&b, "type plain %s\n", s.Name)
		for _, f := range fields {
			fmt.Fprintf(&b, "if v.%s == nil {\nv.%s = []%s{}\n}\n", f.Go, f.Go, elemType(*f.Type.Elem))
		}
		b.WriteString("return marshalPlain(plain(v))\n}\n\n")
	}
	return format.Source([]byte(b.String()))
}

func requiredArrays(s *Struct) []Field {
	var fields []Field
	for _, f := range s.Fields {
		if f.Type.Shape == ShapeArray && !f.Optional {
			fields = append(fields, f)
		}
	}
	return fields
}

func elemType(t Type) string {
	if t.Name != "" {
		return t.Name
	}
	return map[Shape]string{ShapeString: "string", ShapeInteger: "int", ShapeBool: "bool"}[t.Shape]
}
