package main

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// object is JSON with its keys in alphabetical order, as encoding/json writes maps.
type object = map[string]any

// openRPC writes openrpc.json (OpenRPC 1.3): for programs that make clients of it. OpenRPC knows one
// direction; x-sentBy says who sends.
func openRPC(m *Model) ([]byte, error) {
	schemas := object{}
	for _, s := range m.Structs {
		schemas[s.Name] = structSchema(s)
	}
	for _, e := range m.Enums {
		schemas[e.Name] = enumSchema(e)
	}
	document := object{
		"openrpc": "1.3.2",
		"info": object{
			"title":       "Earshot: editor socket",
			"version":     fmt.Sprint(m.Version),
			"description": "JSON-RPC 2.0 in LSP's base protocol over a local socket; see PROTOCOL.md.",
			"license":     object{"name": "Apache-2.0"},
		},
		"methods":    rpcMethods(m),
		"components": object{"schemas": schemas, "errors": rpcErrors(m)},
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(document)
	return b.Bytes(), err
}

// rpcMethods merges what both sides may send: names are unique in OpenRPC.
func rpcMethods(m *Model) []any {
	var list []any
	byName := map[string]object{}
	add := func(side string, methods []Method) {
		for _, x := range methods {
			if known := byName[x.Wire]; known != nil {
				known["x-sentBy"] = "both"
				continue
			}
			o := rpcMethod(m, x)
			o["x-sentBy"] = side
			byName[x.Wire] = o
			list = append(list, o)
		}
	}
	add("editor", m.Daemon)
	add("daemon", m.Editor)
	return list
}

func rpcMethod(m *Model, x Method) object {
	params := []any{}
	for _, f := range m.structs[x.Params].Fields {
		p := object{"name": f.JSON, "schema": schema(f.Type)}
		if f.Doc != "" {
			p["description"] = f.Doc
		}
		if !f.Optional {
			p["required"] = true
		}
		params = append(params, p)
	}
	o := object{
		"name":           x.Wire,
		"summary":        methodDoc(x),
		"paramStructure": "by-name",
		"params":         params,
	}
	if doc := paramsDoc(m.structs[x.Params]); doc != "" {
		o["description"] = doc
	}
	if x.Result != nil {
		o["result"] = object{"name": "result", "schema": schema(*x.Result)}
	}
	return o
}

func rpcErrors(m *Model) object {
	errors := object{}
	for _, c := range m.Codes {
		e := object{"code": json.Number(c.Text), "message": c.Name[len("Code"):]}
		if c.Name == "CodeEarshot" {
			e["data"] = object{"$ref": "#/components/schemas/ErrorData"}
		}
		errors[c.Name[len("Code"):]] = e
	}
	return errors
}

func structSchema(s *Struct) object {
	properties, required := object{}, []string{}
	for _, f := range s.Fields {
		p := schema(f.Type)
		if f.Doc != "" {
			p["description"] = f.Doc
		}
		properties[f.JSON] = p
		if !f.Optional {
			required = append(required, f.JSON)
		}
	}
	o := object{"type": "object", "description": s.Doc, "properties": properties}
	if len(required) > 0 {
		o["required"] = required
	}
	return o
}

func enumSchema(e *Enum) object {
	values := []json.RawMessage{}
	for _, v := range e.Values {
		values = append(values, json.RawMessage(v.Text))
	}
	kind := "integer"
	if e.String {
		kind = "string"
	}
	return object{"type": kind, "description": e.Doc, "enum": values}
}

func schema(t Type) object {
	if t.Nullable {
		t.Nullable = false
		return object{"anyOf": []any{schema(t), object{"type": "null"}}}
	}
	switch t.Shape {
	case ShapeString:
		return object{"type": "string"}
	case ShapeInteger:
		return object{"type": "integer"}
	case ShapeNumber:
		return object{"type": "number"}
	case ShapeBool:
		return object{"type": "boolean"}
	case ShapeArray:
		return object{"type": "array", "items": schema(*t.Elem)}
	case ShapeNamed:
		return object{"$ref": "#/components/schemas/" + t.Name}
	}
	return object{}
}
