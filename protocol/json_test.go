package protocol

import (
	"encoding/json"
	"errors"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestRoundTrip fills every field of every type, and gets it back.
func TestRoundTrip(t *testing.T) {
	for _, zero := range wireTypes() {
		v := reflect.New(reflect.TypeOf(zero).Elem())
		fill(v.Elem(), 1)
		text, err := json.Marshal(v.Interface())
		if err != nil {
			t.Errorf("%T: %v", zero, err)
			continue
		}
		back := reflect.New(reflect.TypeOf(zero).Elem())
		if err := json.Unmarshal(text, back.Interface()); err != nil {
			t.Errorf("%T: %v in %s", zero, err, text)
		} else if !reflect.DeepEqual(back.Interface(), v.Interface()) {
			t.Errorf("%T: got %+v, want %+v", zero, back.Elem(), v.Elem())
		}
		checkNames(t, text)
	}
}

// TestZeroHasNoNullArrays: a client may loop over what is no option.
func TestZeroHasNoNullArrays(t *testing.T) {
	for _, zero := range wireTypes() {
		checkArrays(t, reflect.ValueOf(zero).Elem())
	}
}

func checkArrays(t *testing.T, v reflect.Value) {
	t.Helper()
	text, err := json.Marshal(v.Interface())
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatal(err)
	}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, flags, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Type.Kind() != reflect.Slice || f.Type == reflect.TypeFor[json.RawMessage]() {
			continue
		}
		want := "[]"
		if flags != "" {
			want = ""
		}
		if got := string(members[name]); got != want {
			t.Errorf("%s.%s: got %q, want %q", v.Type(), name, got, want)
		}
	}
}

// fill puts something that is not zero everywhere.
func fill(v reflect.Value, n int) {
	if v.Type() == reflect.TypeFor[json.RawMessage]() {
		v.SetBytes([]byte(`"r"`))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("ä<\n\u2028😀")
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(n))
	case reflect.Float64:
		v.SetFloat(0.5)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), n+i)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n+i)
		}
	default:
		panic("a type that the test does not know: " + v.Type().String())
	}
}

var lowerCamel = regexp.MustCompile(`^[a-z][A-Za-z0-9]*$`)

func checkNames(t *testing.T, text []byte) {
	t.Helper()
	var members map[string]json.RawMessage
	if json.Unmarshal(text, &members) != nil {
		return
	}
	for name, value := range members {
		if !lowerCamel.MatchString(name) {
			t.Errorf("%q is not a name as LSP has them", name)
		}
		checkNames(t, value)
	}
}

// TestLSPNames pins the names that LSP gives; the round trip would not see a typing error.
func TestLSPNames(t *testing.T) {
	check := func(method, text string) {
		t.Helper()
		p, err := DecodeDaemon(method, json.RawMessage(text))
		if err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != text {
			t.Errorf("%s: got %s, want %s", method, got, text)
		}
	}
	check("textDocument/didOpen", `{"textDocument":{"uri":"file:///a","languageId":"go","version":1,"text":"x"},`+
		`"earshot":{"stamp":"s"}}`)
	check("textDocument/didChange", `{"textDocument":{"uri":"file:///a","version":2},"contentChanges":[`+
		`{"range":{"start":{"line":0,"character":1},"end":{"line":0,"character":1}},"text":"y"},{"text":"all"}]}`)
	check("initialize", `{"processId":1,"clientInfo":{"name":"n"},"rootUri":"file:///","capabilities":{"general":`+
		`{"positionEncodings":["utf-8"]},"window":{"workDoneProgress":true,"showDocument":{"support":true}},"workspace":`+
		`{"applyEdit":true},"experimental":{"earshot":{"exactVersions":true}}},"initializationOptions":{"replica":"r"}}`)
	check("session/join", `{"code":"c","iceServers":[],"workDoneToken":7}`)
	check("session/share", `{"folder":"file:///f","iceServers":[{"urls":["stun:s"]}]}`)
	check("session/join", `{"code":"c"}`)
}

// TestStockInitialize: whatever clients put where LSP allows anything must not fail.
func TestStockInitialize(t *testing.T) {
	for _, text := range []string{
		`{"processId":null,"rootUri":null,"capabilities":{},"trace":"off","workspaceFolders":null}`,
		`{"capabilities":{"experimental":[],"window":{"showMessage":{"x":1}}},"initializationOptions":[]}`,
		`{"capabilities":{"experimental":true},"initializationOptions":"x"}`,
	} {
		p, err := DecodeDaemon("initialize", json.RawMessage(text))
		if err != nil {
			t.Errorf("%s: got %v, %v", text, p, err)
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	check := func(method, raw, want string) {
		t.Helper()
		p, err := DecodeDaemon(method, json.RawMessage(raw))
		var fault *Error
		if p != nil || !errors.As(err, &fault) || fault.Code != CodeInvalidParams || !strings.Contains(fault.Message, want) {
			t.Errorf("%s %s: got %v, %v, want InvalidParams with %q", method, raw, p, err, want)
		}
		if strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: the value is in the message: %v", method, err)
		}
	}
	check("session/join", `{"code":5}`, `"code" must not be a number;`)
	check("textDocument/didChange", `{"textDocument":{"version":9999999999999999999}}`, "a number that large")
	check("session/join", `{"code":["SECRET"]}`, `"code" must not be an array`)
	check("session/join", `"SECRET"`, "must be an object, not a string")
	check("session/join", `[1]`, "must be an object, not an array")
	check("session/join", `{"code":`, "not valid JSON")
	check("textDocument/didChange", `{"textDocument":{"uri":"u","version":1.5}}`, `"textDocument.version" must not be a number with a fraction`)
	check("textDocument/didChange", `{"contentChanges":[{"text":{"SECRET":1}}]}`, `"contentChanges.text" must not be an object`)
	check("presence/update", `{"selections":[{"anchor":{"line":"SECRET"}}]}`, "anchor.line")

	if p, err := DecodeDaemon("no/such", nil); p != nil || !errors.Is(err, ErrMethodNotFound) {
		t.Errorf("got %v, %v, want ErrMethodNotFound", p, err)
	}
	if p, err := DecodeEditor("no/such", nil); p != nil || !errors.Is(err, ErrMethodNotFound) {
		t.Errorf("got %v, %v, want ErrMethodNotFound", p, err)
	}
	if r, err := DecodeEditorResult("window/showMessage", nil); r != nil || !errors.Is(err, ErrMethodNotFound) {
		t.Errorf("got %v, %v, want ErrMethodNotFound: it has no result", r, err)
	}
}

func TestAbsentParams(t *testing.T) {
	for _, raw := range []string{"", "null", "[]", " [ ] ", "{}"} {
		p, err := DecodeDaemon("session/share", json.RawMessage(raw))
		if err != nil || !reflect.DeepEqual(p, &ShareParams{}) {
			t.Errorf("%q: got %v, %v, want zero params", raw, p, err)
		}
	}
}

func TestEditorResults(t *testing.T) {
	check := func(method, raw string, want any) {
		t.Helper()
		got, err := DecodeEditorResult(method, json.RawMessage(raw))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s %s: got %#v, %v, want %#v", method, raw, got, err, want)
		}
	}
	four := 4
	check("workspace/applyEdit", `{"applied":true,"version":4}`, &ApplyWorkspaceEditResult{Applied: true, Version: &four})
	check("workspace/applyEdit", `null`, &ApplyWorkspaceEditResult{})
	check("window/showMessageRequest", `null`, (*MessageActionItem)(nil))
	check("window/showMessageRequest", `{"title":"Yes"}`, &MessageActionItem{Title: "Yes"})
	check("session/admit", `{"admit":true,"role":"viewer"}`, &AdmitAnswer{Admit: true, Role: RoleViewer})
}

// TestDispatch: each method's params reach the interface, with who asks and for which request.
func TestDispatch(t *testing.T) {
	var d asked
	for _, method := range []string{"session/share", "textDocument/didChange", "shutdown"} {
		p, err := DecodeDaemon(method, nil)
		if err != nil {
			t.Fatal(err)
		}
		if p.Method() != method {
			t.Errorf("got %s, want %s", p.Method(), method)
		}
		p.ServeDaemon(&d, 3, `"x"`)
	}
	want := []any{Request[SessionResult]{3, `"x"`}, ConnID(3), Request[*Empty]{3, `"x"`}}
	if !slices.Equal(d.calls, want) {
		t.Errorf("got %v, want %v", d.calls, want)
	}
	check := func(method string, daemon, editor bool) {
		t.Helper()
		if got := IsRequest(method); got != daemon {
			t.Errorf("IsRequest(%s): got %v", method, got)
		}
		if got := IsEditorRequest(method); got != editor {
			t.Errorf("IsEditorRequest(%s): got %v", method, got)
		}
	}
	check("session/share", true, false)
	check("textDocument/didChange", false, false)
	check("workspace/applyEdit", false, true)
	check("window/showMessage", false, false)
	check("no/such", false, false)

	p, err := DecodeEditor("workspace/applyEdit", json.RawMessage(`{"edit":{"documentChanges":[]}}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := p.ServeEditor(refusing{}), any(ApplyWorkspaceEditResult{FailureReason: "no"}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := (&ShowMessageParams{}).ServeEditor(refusing{}); got != nil {
		t.Errorf("got %v, want nil for a notification", got)
	}
}

type asked struct {
	Daemon
	calls []any
}

func (a *asked) Share(r Request[SessionResult], _ *ShareParams) { a.calls = append(a.calls, r) }
func (a *asked) DidChange(from ConnID, _ *DidChangeTextDocumentParams) {
	a.calls = append(a.calls, from)
}
func (a *asked) Shutdown(r Request[*Empty], _ *ShutdownParams) { a.calls = append(a.calls, r) }

type refusing struct{ Editor }

func (refusing) ShowMessage(*ShowMessageParams) {}
func (refusing) ApplyEdit(*ApplyWorkspaceEditParams) ApplyWorkspaceEditResult {
	return ApplyWorkspaceEditResult{FailureReason: "no"}
}

// FuzzDecodeDaemon: no input panics; what is taken can be written, and taken again as the same.
func FuzzDecodeDaemon(f *testing.F) {
	f.Add("textDocument/didChange", []byte(`{"textDocument":{"uri":"u","version":1},"contentChanges":[{"text":""}]}`))
	f.Add("initialize", []byte(`{"capabilities":{"experimental":{"earshot":{}}},"initializationOptions":{"resume":["a"]}}`))
	f.Add("session/join", []byte(`{"code":"x","workDoneToken":[1]}`))
	f.Add("$/cancelRequest", []byte(`{"id":"a"}`))
	f.Add("presence/follow", []byte(`{"session":"s","member":null}`))
	f.Add("session/share", []byte(`[]`))
	f.Add("no/such", []byte(`{`))
	f.Fuzz(func(t *testing.T, method string, raw []byte) {
		p, err := DecodeDaemon(method, raw)
		if err != nil {
			var fault *Error
			if !errors.Is(err, ErrMethodNotFound) && !errors.As(err, &fault) {
				t.Fatalf("an error of no kind: %v", err)
			}
			return
		}
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		again, err := DecodeDaemon(p.Method(), text)
		if err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		second, err := json.Marshal(again)
		if err != nil || string(second) != string(text) {
			t.Fatalf("got %s, %v, want %s", second, err, text)
		}
	})
}
