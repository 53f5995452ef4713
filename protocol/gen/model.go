package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

// Model is package protocol as the outputs need it, in the order of the source.
type Model struct {
	Version int
	Daemon  []Method // editor → daemon
	Editor  []Method // daemon → editor
	Structs []*Struct
	Enums   []*Enum
	Codes   []Value // error codes, by the name of their constant
	Limits  []Value // documented limits

	structs map[string]*Struct
	enums   map[string]*Enum
}

// Method of one of the two interfaces. Result is nil for a notification.
type Method struct {
	Go     string // name in the interface
	Wire   string // name in JSON-RPC
	Doc    string
	Params string // struct name
	Result *Type
}

// Struct is an object on the wire.
type Struct struct {
	Name   string
	Doc    string
	Fields []Field
}

// Field of a Struct. Optional ones may be absent.
type Field struct {
	Go       string
	JSON     string
	Doc      string
	Type     Type
	Optional bool
}

// Enum is a named string or integer with its known values.
type Enum struct {
	Name   string
	Doc    string
	String bool // else integer
	Values []Value
}

// Value is a constant.
type Value struct {
	Name string
	Text string // as JSON
	Doc  string
}

// Shape of a Type.
type Shape int

// Shapes on the wire.
const (
	ShapeString Shape = iota
	ShapeInteger
	ShapeNumber
	ShapeBool
	ShapeAny
	ShapeArray
	ShapeNamed // a Struct or Enum
)

// Type of a field or result. Nullable means that null stands for "none".
type Type struct {
	Shape    Shape
	Name     string
	Elem     *Type
	Nullable bool
}

// directive before an interface method names it on the wire.
const directive = "//rpc:method "

// parser state: the model and what is needed to resolve names.
type reader struct {
	m       *Model
	files   []*ast.File
	aliases map[string]ast.Expr
}

// parseModel reads the hand-written files of the package in dir.
func parseModel(dir string) (*Model, error) {
	files, err := parseFiles(dir)
	if err != nil {
		return nil, err
	}
	r := &reader{
		m:       &Model{structs: map[string]*Struct{}, enums: map[string]*Enum{}},
		files:   files,
		aliases: map[string]ast.Expr{},
	}
	r.eachType(r.declare)
	if err := r.each(r.readType); err != nil {
		return nil, err
	}
	r.readConstants()
	return r.m, r.check()
}

func parseFiles(dir string) ([]*ast.File, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var files []*ast.File
	fset := token.NewFileSet()
	for _, name := range names {
		base := filepath.Base(name)
		if strings.HasPrefix(base, "zz_") || strings.HasSuffix(base, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		f, err := parser.ParseFile(fset, base, text, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no Go files in %s", dir)
	}
	return files, nil
}

func (r *reader) eachType(do func(*ast.TypeSpec, string)) {
	_ = r.each(func(s *ast.TypeSpec, doc string) error { do(s, doc); return nil })
}

func (r *reader) each(do func(*ast.TypeSpec, string) error) error {
	for _, f := range r.files {
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.TYPE {
				continue
			}
			for _, s := range g.Specs {
				t := s.(*ast.TypeSpec)
				doc := t.Doc.Text()
				if doc == "" {
					doc = g.Doc.Text()
				}
				if err := do(t, oneLine(doc)); err != nil {
					return fmt.Errorf("type %s: %w", t.Name.Name, err)
				}
			}
		}
	}
	return nil
}

// declare makes names known before any is used. Structs without a JSON tag never cross the wire.
func (r *reader) declare(t *ast.TypeSpec, doc string) {
	name := t.Name.Name
	switch x := t.Type.(type) {
	case *ast.StructType:
		if t.TypeParams == nil && onWire(x) {
			s := &Struct{Name: name, Doc: doc}
			r.m.structs[name] = s
			r.m.Structs = append(r.m.Structs, s)
		}
	case *ast.Ident:
		if t.Assign.IsValid() {
			r.aliases[name] = x
			return
		}
		if x.Name == "string" || x.Name == "int" {
			e := &Enum{Name: name, Doc: doc, String: x.Name == "string"}
			r.m.enums[name] = e
		}
	}
}

func onWire(x *ast.StructType) bool {
	if len(x.Fields.List) == 0 {
		return true
	}
	return slices.ContainsFunc(x.Fields.List, func(f *ast.Field) bool { return f.Tag != nil })
}

func (r *reader) readType(t *ast.TypeSpec, _ string) error {
	name := t.Name.Name
	switch x := t.Type.(type) {
	case *ast.InterfaceType:
		return r.readInterface(name, x)
	case *ast.StructType:
		if s := r.m.structs[name]; s != nil {
			return r.readStruct(s, x)
		}
	}
	return nil
}

func (r *reader) readStruct(s *Struct, x *ast.StructType) error {
	for _, f := range x.Fields.List {
		if len(f.Names) != 1 || f.Tag == nil {
			return fmt.Errorf("every field needs one name and a json tag")
		}
		tag, flags, _ := strings.Cut(reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("json"), ",")
		if tag == "-" {
			continue
		}
		if !lowerCamel(tag) {
			return fmt.Errorf("field %s: json name %q is not lowerCamel", f.Names[0].Name, tag)
		}
		typ, err := r.resolve(f.Type)
		if err != nil {
			return fmt.Errorf("field %s: %w", f.Names[0].Name, err)
		}
		optional := flags == "omitempty" || flags == "omitzero"
		if optional {
			typ.Nullable = false
		}
		doc := oneLine(cmp.Or(f.Doc.Text(), f.Comment.Text()))
		s.Fields = append(s.Fields, Field{Go: f.Names[0].Name, JSON: tag, Doc: doc, Type: typ, Optional: optional})
	}
	return nil
}

func (r *reader) readInterface(name string, x *ast.InterfaceType) error {
	var into *[]Method
	switch name {
	case "Daemon":
		into = &r.m.Daemon
	case "Editor":
		into = &r.m.Editor
	default:
		return nil
	}
	for _, f := range x.Methods.List {
		m, err := r.readMethod(f)
		if err != nil {
			return fmt.Errorf("method %s: %w", f.Names[0].Name, err)
		}
		*into = append(*into, m)
	}
	return nil
}

// readMethod understands `Name(r Request[R], p *P)`, `Name(from ConnID, p *P)`, `Name(p *P) R` and `Name(p *P)`.
func (r *reader) readMethod(f *ast.Field) (Method, error) {
	m := Method{Go: f.Names[0].Name}
	for _, c := range f.Doc.List {
		if rest, ok := strings.CutPrefix(c.Text, directive); ok {
			m.Wire = strings.TrimSpace(rest)
			continue
		}
		m.Doc = strings.TrimSpace(m.Doc + " " + strings.TrimSpace(strings.TrimPrefix(c.Text, "//")))
	}
	if m.Wire == "" {
		return m, fmt.Errorf("no %sdirective", directive)
	}
	fn := f.Type.(*ast.FuncType)
	args := fn.Params.List
	star, ok := args[len(args)-1].Type.(*ast.StarExpr)
	if !ok {
		return m, fmt.Errorf("the last parameter must be a pointer to a struct")
	}
	m.Params = star.X.(*ast.Ident).Name
	if r.m.structs[m.Params] == nil {
		return m, fmt.Errorf("%s is no struct of this package", m.Params)
	}
	result := resultExpr(fn)
	if result == nil {
		return m, nil
	}
	typ, err := r.resolve(result)
	m.Result = &typ
	return m, err
}

func resultExpr(fn *ast.FuncType) ast.Expr {
	if fn.Results != nil {
		return fn.Results.List[0].Type
	}
	if req, ok := fn.Params.List[0].Type.(*ast.IndexExpr); ok {
		return req.Index
	}
	return nil
}

func (r *reader) resolve(x ast.Expr) (Type, error) {
	switch x := x.(type) {
	case *ast.Ident:
		return r.resolveName(x.Name)
	case *ast.StarExpr:
		t, err := r.resolve(x.X)
		t.Nullable = true
		return t, err
	case *ast.ArrayType:
		t, err := r.resolve(x.Elt)
		return Type{Shape: ShapeArray, Elem: &t}, err
	case *ast.SelectorExpr:
		if x.Sel.Name == "RawMessage" {
			return Type{Shape: ShapeAny}, nil
		}
	}
	return Type{}, fmt.Errorf("type %T is not for the wire", x)
}

func (r *reader) resolveName(name string) (Type, error) {
	if alias, ok := r.aliases[name]; ok {
		t, err := r.resolve(alias)
		t.Name = name
		return t, err
	}
	switch name {
	case "string":
		return Type{Shape: ShapeString}, nil
	case "int", "int64", "uint64":
		return Type{Shape: ShapeInteger}, nil
	case "float64":
		return Type{Shape: ShapeNumber}, nil
	case "bool":
		return Type{Shape: ShapeBool}, nil
	}
	if r.m.structs[name] == nil && r.m.enums[name] == nil {
		return Type{}, fmt.Errorf("%s is not for the wire", name)
	}
	return Type{Shape: ShapeNamed, Name: name}, nil
}

// readConstants gathers the values of the enums, the error codes (Code…), the limits (Max…) and Version.
func (r *reader) readConstants() {
	for _, f := range r.files {
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, s := range g.Specs {
				r.readConstant(s.(*ast.ValueSpec))
			}
		}
	}
	for name, e := range r.m.enums {
		if len(e.Values) == 0 {
			delete(r.m.enums, name)
			continue
		}
		r.m.Enums = append(r.m.Enums, e)
	}
	slices.SortFunc(r.m.Enums, func(a, b *Enum) int { return cmp.Compare(a.Name, b.Name) })
}

func (r *reader) readConstant(v *ast.ValueSpec) {
	if len(v.Values) != 1 {
		return
	}
	value := eval(v.Values[0])
	if value.Kind() == constant.Unknown {
		return
	}
	name := v.Names[0].Name
	c := Value{Name: name, Text: value.ExactString(), Doc: oneLine(cmp.Or(v.Doc.Text(), v.Comment.Text()))}
	if t, ok := v.Type.(*ast.Ident); ok {
		if e := r.m.enums[t.Name]; e != nil {
			e.Values = append(e.Values, c)
		}
		return
	}
	switch {
	case name == "Version":
		n, _ := constant.Int64Val(value)
		r.m.Version = int(n)
	case strings.HasPrefix(name, "Code"):
		r.m.Codes = append(r.m.Codes, c)
	case strings.HasPrefix(name, "Max"):
		r.m.Limits = append(r.m.Limits, c)
	}
}

// eval knows literals, their negation and products and shifts of them.
func eval(x ast.Expr) constant.Value {
	switch x := x.(type) {
	case *ast.BasicLit:
		return constant.MakeFromLiteral(x.Value, x.Kind, 0)
	case *ast.UnaryExpr:
		if v := eval(x.X); v.Kind() != constant.Unknown {
			return constant.UnaryOp(x.Op, v, 0)
		}
	case *ast.BinaryExpr:
		a, b := eval(x.X), eval(x.Y)
		if a.Kind() != constant.Int || b.Kind() != constant.Int {
			break
		}
		if x.Op == token.SHL {
			n, _ := constant.Uint64Val(b)
			return constant.Shift(a, x.Op, uint(n))
		}
		return constant.BinaryOp(a, x.Op, b)
	}
	return constant.MakeUnknown()
}

// check holds the promises that Go's compiler can't: each wire name once, each params type with one wire name.
func (r *reader) check() error {
	wireOf := map[string]string{}
	for _, side := range [][]Method{r.m.Daemon, r.m.Editor} {
		seen := map[string]bool{}
		for _, m := range side {
			if seen[m.Wire] {
				return fmt.Errorf("%s is named twice", m.Wire)
			}
			seen[m.Wire] = true
			if other, ok := wireOf[m.Params]; ok && other != m.Wire {
				return fmt.Errorf("%s are the params of %s and of %s", m.Params, other, m.Wire)
			}
			wireOf[m.Params] = m.Wire
		}
	}
	if len(r.m.Daemon) == 0 || len(r.m.Editor) == 0 || r.m.Version == 0 {
		return fmt.Errorf("interfaces Daemon and Editor and the constant Version are needed")
	}
	return nil
}

func lowerCamel(s string) bool {
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	return !strings.ContainsAny(s, "_- ")
}

func oneLine(doc string) string { return strings.Join(strings.Fields(doc), " ") }
