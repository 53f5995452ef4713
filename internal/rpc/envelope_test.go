package rpc

import (
	"encoding/json"
	"strings"
	"testing"

	"earshot/protocol"
)

func TestEnvelope(t *testing.T) {
	check := func(body, want string) {
		t.Helper()
		m, fault := parseEnvelope([]byte(body))
		if fault != nil {
			t.Errorf("%s: %v", body, fault)
			return
		}
		kind := map[messageKind]string{request: "request", notification: "notification", response: "response"}[m.kind]
		got := strings.Join([]string{kind, m.method, string(m.id), string(m.params), string(m.result), string(m.error)}, "|")
		if got != want {
			t.Errorf("%s: got %s, want %s", body, got, want)
		}
	}
	check(`{"jsonrpc":"2.0","method":"m"}`, "notification|m||||")
	check(`{"jsonrpc":"2.0","method":"m","id":1}`, "request|m|1|||")
	check(` { "params" : { "a" : [ "}" , "\"" ] } , "id" : "x" , "method" : "m" , "jsonrpc" : "2.0" } `,
		`request|m|"x"|{ "a" : [ "}" , "\"" ] }||`)
	check(`{"jsonrpc":"2.0","method":"m","id":-1.5e3,"params":[1,{"b":2}],"meta":{"id":7}}`, `request|m|-1.5e3|[1,{"b":2}]||`)
	check(`{"jsonrpc":"2.0","\u006dethod":"\u006d","\u0069d":""}`, `request|m|""|||`)
	check(`{"jsonrpc":"2.0","id":1,"result":null}`, `response||1||null|`)
	check(`{"jsonrpc":"2.0","id":1,"result":{"x":"\\"},"error":null}`, `response||1||{"x":"\\"}|`)
	check(`{"id":1,"error":{"code":1}}`, `response||1|||{"code":1}`)
	check(`{"jsonrpc":"2.0","method":"m","params":"}"}`, `notification|m||"}"||`)
}

func TestBadEnvelope(t *testing.T) {
	check := func(body string, code int, id string) {
		t.Helper()
		m, fault := parseEnvelope([]byte(body))
		if fault == nil || fault.Code != code || string(m.id) != id {
			t.Errorf("%s: got %+v for id %q, want %d for %q", body, fault, m.id, code, id)
		}
	}
	for _, body := range []string{"", " ", "{", "{}}", "nul", `{"a":1,}`, "\xff", `{"a" 1}`, strings.Repeat("[", 20000)} {
		check(body, protocol.CodeParseError, "")
	}
	for _, body := range []string{
		`[]`, `[{"jsonrpc":"2.0","method":"m","id":1}]`, `1`, `"x"`, `null`, `{}`, `{"id":1}`, `{"jsonrpc":"2.0"}`,
		`{"jsonrpc":"2.0","method":"m","id":null}`, `{"jsonrpc":"2.0","method":"m","id":{}}`,
		`{"jsonrpc":"2.0","method":"m","id":"` + strings.Repeat("x", maxID) + `"}`, `{"id":1,"error":null}`,
		`{"method":"m"}`, `{"jsonrpc":"1.0","method":"m"}`,
	} {
		check(body, protocol.CodeInvalidRequest, "")
	}
	check(`{"jsonrpc":"2.0","method":5,"id":1}`, protocol.CodeInvalidRequest, "1")
	check(`{"jsonrpc":"2.0","method":null,"id":1}`, protocol.CodeInvalidRequest, "1")
	check(`{"method":"m","id":"a"}`, protocol.CodeInvalidRequest, `"a"`)
}

// FuzzEnvelope compares the walk over the bytes with encoding/json.
func FuzzEnvelope(f *testing.F) {
	f.Add([]byte(`{"jsonrpc":"2.0","method":"m","id":1,"params":{"a":["]\\\"",-1e9,true]}}`))
	f.Add([]byte(` {"id" : "x" , "result":null, "error" : [ { } ] } `))
	f.Add([]byte(`{"\u0069d":1,"id":2,"method":"\ud800"}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		m, fault := parseEnvelope(body)
		var want map[string]json.RawMessage
		if err := json.Unmarshal(body, &want); err != nil {
			if fault == nil {
				t.Fatalf("taken, but %v", err)
			}
			return
		}
		if fault != nil {
			return
		}
		check := func(name string, got []byte) {
			if string(got) != string(want[name]) {
				t.Errorf("%s: got %q, want %q", name, got, want[name])
			}
		}
		check("params", m.params)
		check("result", m.result)
		if m.kind != notification {
			check("id", m.id)
		}
		if m.error != nil {
			check("error", m.error)
		}
		if m.kind != response {
			var method string
			if err := json.Unmarshal(want["method"], &method); err != nil || method != m.method {
				t.Errorf("got method %q, want %q, %v", m.method, method, err)
			}
		}
	})
}
