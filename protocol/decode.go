package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// ErrMethodNotFound is for a method that the contract does not name: a request is answered with CodeMethodNotFound, a
// notification ignored.
var ErrMethodNotFound = errors.New("unknown method")

// DaemonParams are the decoded params of a message from an editor. ServeDaemon calls the method of Daemon that they
// belong to; id is not used by notifications.
type DaemonParams interface {
	Method() string
	ServeDaemon(d Daemon, from ConnID, id RequestID)
}

// EditorParams are the params of a message to an editor. ServeEditor calls the method of Editor that they belong to
// and gives its result, nil for a notification.
type EditorParams interface {
	Method() string
	ServeEditor(e Editor) any
}

// DecodeDaemon gives the params of a message from an editor. Types are strict, unknown fields are ignored; absent
// params, null and [] (which Lua writes for an empty table) are zero values. Errors: ErrMethodNotFound, or an *Error
// with CodeInvalidParams whose sentence names the field.
func DecodeDaemon(method string, raw json.RawMessage) (DaemonParams, error) {
	p := newDaemonParams(method)
	if p == nil {
		return nil, fmt.Errorf("%w: %s", ErrMethodNotFound, method)
	}
	if err := decodeObject(method, raw, p); err != nil {
		return nil, err
	}
	return p, nil
}

// DecodeEditor gives the params of a message to an editor; otherwise like DecodeDaemon.
func DecodeEditor(method string, raw json.RawMessage) (EditorParams, error) {
	p := newEditorParams(method)
	if p == nil {
		return nil, fmt.Errorf("%w: %s", ErrMethodNotFound, method)
	}
	if err := decodeObject(method, raw, p); err != nil {
		return nil, err
	}
	return p, nil
}

// DecodeEditorResult gives what an editor answered to a request: a pointer to the result type of method in Editor,
// for a nullable one (*MessageActionItem) nil of that type. Errors like DecodeDaemon.
func DecodeEditorResult(method string, raw json.RawMessage) (any, error) {
	result := newEditorResult(method)
	if result == nil {
		return nil, fmt.Errorf("%w: %s", ErrMethodNotFound, method)
	}
	if _, nullable := result.(*MessageActionItem); nullable && isNull(raw) {
		return (*MessageActionItem)(nil), nil
	}
	if err := decodeObject(method, raw, result); err != nil {
		return nil, err
	}
	return result, nil
}

func decodeObject(method string, raw json.RawMessage, into any) error {
	if isNull(raw) || isEmptyArray(raw) {
		return nil
	}
	err := json.Unmarshal(raw, into)
	if err == nil {
		return nil
	}
	return &Error{Code: CodeInvalidParams, Message: method + ": " + complaint(err)}
}

// complaint says which field is wrong, in the terms of JSON and never with the value, which may be a text.
func complaint(err error) string {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		if wrong.Field == "" {
			return fmt.Sprintf("the params must be an object, not %s; see PROTOCOL.md", jsonKind(wrong.Value))
		}
		return fmt.Sprintf("the field %q must not be %s; see PROTOCOL.md", wrong.Field, jsonKind(wrong.Value))
	}
	return "the params are not valid JSON; send an object"
}

// jsonKind makes words of what encoding/json found: "array", or "number 1.5" for a number that an integer can't hold.
func jsonKind(value string) string {
	kind, number, _ := strings.Cut(value, " ")
	switch {
	case kind == "array" || kind == "object":
		return "an " + kind
	case number == "":
		return "a " + kind
	case strings.ContainsAny(number, ".eE"):
		return "a number with a fraction"
	}
	return "a number that large"
}

// marshalPlain is json.Marshal without its escapes for HTML, which make six bytes of each < and & in a text.
func marshalPlain(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func isObject(raw []byte) bool {
	raw = bytes.TrimSpace(raw)
	return len(raw) > 0 && raw[0] == '{'
}

func isNull(raw json.RawMessage) bool {
	raw = bytes.TrimSpace(raw)
	return len(raw) == 0 || string(raw) == "null"
}

func isEmptyArray(raw json.RawMessage) bool {
	raw = bytes.TrimSpace(raw)
	if len(raw) < 2 || raw[0] != '[' || raw[len(raw)-1] != ']' {
		return false
	}
	return len(bytes.TrimSpace(raw[1:len(raw)-1])) == 0
}
