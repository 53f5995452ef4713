package rpc

import (
	"bytes"
	"encoding/json"

	"earshot/protocol"
)

// maxID is the length of a request's id as it stands in the message: ids are kept until the answer, and a
// number or a UUID needs far less.
const maxID = 256

// envelope is one JSON-RPC message with its payload as it stands in the body, undecoded. All slices point
// into the body and are valid as long as it is.
type envelope struct {
	kind   messageKind
	id     []byte // a number or a quoted string; nil for notifications
	method string
	params []byte // nil if absent
	result []byte
	error  []byte // nil if absent or null
}

// messageKind says what an envelope is.
type messageKind int

const (
	request messageKind = iota
	notification
	response
)

// parseEnvelope splits a body. The error tells the sender what it has sent, with id null or, where the body
// was clearly meant as a request, the id to answer to.
//
// It walks over JSON that json.Valid has accepted, so that a text of megabytes is passed once and copied
// nowhere; jsonrpc2's own decoding builds a map of values and marshals the params again.
func parseEnvelope(body []byte) (envelope, *protocol.Error) {
	if !json.Valid(body) {
		return envelope{}, &protocol.Error{Code: protocol.CodeParseError,
			Message: "a message is not valid JSON; send one JSON object for each Content-Length"}
	}
	body = bytes.TrimSpace(body)
	switch {
	case body[0] == '[':
		return envelope{}, invalid("batches are not part of this protocol; send each message on its own")
	case body[0] != '{':
		return envelope{}, invalid("a message must be a JSON object")
	}
	var e envelope
	var method, version []byte
	eachMember(body, func(key, value []byte) {
		switch string(key) {
		case "jsonrpc":
			version = value
		case "id":
			e.id = value
		case "method":
			method = value
		case "params":
			e.params = value
		case "result":
			e.result = value
		case "error":
			e.error = value
		}
	})
	return e.classify(method, version)
}

func (e envelope) classify(method, version []byte) (envelope, *protocol.Error) {
	if method == nil {
		return e.classifyResponse()
	}
	e.kind = request
	if e.id == nil {
		e.kind = notification
	} else if !goodID(e.id) {
		e.id = nil
		return e, invalid("a request's id must be a number or a short string")
	}
	if json.Unmarshal(method, &e.method) != nil || method[0] != '"' {
		return e, invalid("a method must be a string")
	}
	if string(version) != `"2.0"` {
		return e, invalid("a message must say \"jsonrpc\": \"2.0\"")
	}
	return e, nil
}

func (e envelope) classifyResponse() (envelope, *protocol.Error) {
	e.kind = response
	if string(e.error) == "null" {
		e.error = nil
	}
	if e.result == nil && e.error == nil {
		e.id = nil // not ours to answer: it may be a broken answer to a request of ours
		return e, invalid("a message must have a method, a result or an error")
	}
	return e, nil
}

func goodID(id []byte) bool {
	if len(id) > maxID {
		return false
	}
	return id[0] == '"' || id[0] == '-' || id[0] >= '0' && id[0] <= '9'
}

func invalid(sentence string) *protocol.Error {
	return &protocol.Error{Code: protocol.CodeInvalidRequest, Message: sentence}
}

// eachMember calls do for the members of an object in valid JSON, with keys unquoted and values trimmed.
func eachMember(object []byte, do func(key, value []byte)) {
	i := skipSpace(object, 1)
	for object[i] != '}' {
		end := skipValue(object, i)
		key := unquote(object[i:end])
		i = skipSpace(object, end)
		i = skipSpace(object, i+1) // the colon
		end = skipValue(object, i)
		do(key, object[i:end])
		if i = skipSpace(object, end); object[i] == ',' {
			i = skipSpace(object, i+1)
		}
	}
}

func unquote(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	var s string
	_ = json.Unmarshal(quoted, &s) // valid, and a string
	return []byte(s)
}

func skipSpace(b []byte, i int) int {
	for b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r' {
		i++
	}
	return i
}

// skipValue gives the end of the value that begins at i.
func skipValue(b []byte, i int) int {
	switch b[i] {
	case '"':
		return skipString(b, i)
	case '{', '[':
		return skipNested(b, i)
	}
	for i < len(b) && bytes.IndexByte([]byte(" \t\r\n,]}"), b[i]) < 0 {
		i++
	}
	return i
}

func skipString(b []byte, i int) int {
	for i++; b[i] != '"'; i++ {
		if b[i] == '\\' {
			i++
		}
	}
	return i + 1
}

func skipNested(b []byte, i int) int {
	depth := 0
	for {
		switch b[i] {
		case '"':
			i = skipString(b, i)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
		i++
	}
}
