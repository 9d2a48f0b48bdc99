package wire

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpwasm/mcpwasm/internal/fold"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// ID is a request's id as it was written, quotes included: a string or an
// integer (MCP basic/index, "Requests": never null). The zero value is no id.
type ID string

// IsZero reports whether there is no id.
func (id ID) IsZero() bool { return id == "" }

// JSON returns the id as JSON; no id is null.
func (id ID) JSON() json.RawMessage {
	if id == "" {
		return json.RawMessage("null")
	}
	return json.RawMessage(id)
}

// IntID returns the id n.
func IntID(n int64) ID { return ID(strconv.FormatInt(n, 10)) }

// ParseID reads an id. Strings that are written differently but mean the same
// are one id.
func ParseID(v json.RawMessage) (ID, bool) {
	if len(v) == 0 {
		return "", false
	}
	if v[0] == '"' {
		var s string
		if json.Unmarshal(v, &s) != nil {
			return "", false
		}
		return ID(Quote(s)), true
	}
	if c := v[0]; c == '-' || '0' <= c && c <= '9' {
		if strings.ContainsAny(string(v), ".eE") {
			return "", false
		}
		return ID(v), true
	}
	return "", false
}

// Kind is what a JSON-RPC message is.
type Kind int

// The kinds of messages.
const (
	Request Kind = iota + 1
	Notification
	Response
)

// Message is one JSON-RPC 2.0 message.
type Message struct {
	Kind   Kind
	ID     ID     // of a request or response
	Method string // of a request or notification
	Params Object // of a request or notification
	// Answer of a response.
	Answer plugins.Answer
}

// ParseMessage reads one message. The error is a *plugins.Error with JSON-RPC's
// code; where the message's id could be read all the same, it is in the
// returned message, so that the error can be sent to the right request.
func ParseMessage(b []byte) (Message, error) {
	if err := Check(b); err != nil {
		return Message{}, plugins.Errorf(plugins.CodeParseError, "Parse error: %v", err)
	}
	return ParseChecked(b)
}

// SalvageID finds the id of a message that [Check] refuses, so that the error can
// be sent to the request that waits for it: the one member of the outermost
// object that is named id, whatever its case. It returns no id where there is
// none, or more than one, or the message cannot be read that far.
func SalvageID(b []byte) ID {
	d := newDecoder(b, lenient, jsontext.AllowInvalidUTF8(true))
	defer d.free()
	if d.PeekKind() != '{' {
		return ""
	}
	if _, err := d.ReadToken(); err != nil {
		return ""
	}
	var found ID
	for d.PeekKind() == '"' {
		name, err := d.readName()
		if err != nil {
			return ""
		}
		isID := fold.Simple(string(name)) == "id"
		value, err := d.ReadValue()
		if err != nil {
			return ""
		}
		if !isID {
			continue
		}
		id, ok := ParseID(json.RawMessage(bytes.Clone(value)))
		if !ok || !found.IsZero() {
			return ""
		}
		found = id
	}
	if d.PeekKind() != '}' {
		return ""
	}
	return found
}

// ParseChecked is ParseMessage for bytes that have passed [Check].
func ParseChecked(b []byte) (Message, error) {
	o, err := ParseObject(b)
	if err != nil {
		return Message{}, invalid("%v", err)
	}
	var m Message
	// JSON-RPC has a null id in an error that belongs to no request; MCP leaves
	// it out.
	if v, ok := o.Get("id"); ok && !(IsNull(v) && o.Has("error")) {
		if m.ID, ok = ParseID(v); !ok {
			return m, invalid("id: want a string or an integer, have %s", KindOf(v))
		}
	}
	if err := o.CheckNames("jsonrpc", "id", "method", "params", "result", "error"); err != nil {
		return m, invalid("%v", err)
	}
	if v, _, _ := o.GetString("jsonrpc"); v != "2.0" {
		return m, invalid(`jsonrpc: want "2.0"`)
	}
	if o.Has("method") {
		return m, m.parseCall(o)
	}
	return m, m.parseResponse(o)
}

func (m *Message) parseCall(o Object) error {
	m.Kind = Notification
	if !m.ID.IsZero() {
		m.Kind = Request
	}
	var err error
	if m.Method, _, err = o.GetString("method"); err != nil {
		return invalid("%v", err)
	}
	if o.Has("result") || o.Has("error") {
		return invalid("a message has either a method or a result or error")
	}
	if v, _ := o.Get("params"); !IsNull(v) {
		if m.Params, err = ParseObject(v); err != nil {
			return invalid("params: %v", err)
		}
	}
	return nil
}

func (m *Message) parseResponse(o Object) error {
	m.Kind = Response
	answer, err := parseAnswer(o)
	if err != nil {
		return invalid("%v", err)
	}
	m.Answer = answer
	return nil
}

// ParseAnswer reads {"result":…} or {"error":…}, which must have passed
// [Check]. Further members are refused.
func ParseAnswer(b []byte) (plugins.Answer, error) {
	o, err := ParseObject(b)
	if err != nil {
		return plugins.Answer{}, err
	}
	if o.Len() != 1 {
		return plugins.Answer{}, invalid("an answer has exactly one member, result or error")
	}
	return parseAnswer(o)
}

func parseAnswer(o Object) (plugins.Answer, error) {
	result, hasResult := o.Get("result")
	fault, hasError := o.Get("error")
	switch {
	case hasResult == hasError:
		return plugins.Answer{}, invalid("want exactly one of method, result and error")
	case hasResult:
		if KindOf(result) != "an object" {
			return plugins.Answer{}, invalid("result: want an object, have %s", KindOf(result))
		}
		return plugins.Answer{Result: result}, nil
	}
	e, err := parseError(fault)
	return plugins.Answer{Error: e}, err
}

func parseError(v json.RawMessage) (*plugins.Error, error) {
	o, err := ParseObject(v)
	if err != nil {
		return nil, invalid("error: %v", err)
	}
	if err := o.CheckNames("code", "message", "data"); err != nil {
		return nil, invalid("error: %v", err)
	}
	var e plugins.Error
	code, _ := o.Get("code")
	if e.Code, err = strconv.Atoi(string(code)); err != nil {
		return nil, invalid("error: code: want an integer")
	}
	if e.Message, _, err = o.GetString("message"); err != nil {
		return nil, invalid("error: %v", err)
	}
	e.Data, _ = o.Get("data")
	return &e, nil
}

func invalid(format string, args ...any) *plugins.Error {
	return plugins.Errorf(plugins.CodeInvalidRequest, "Invalid request: "+format, args...)
}

// Append appends m as JSON. An error response to what could not be read has no
// id (MCP basic/index, "Error Responses").
func (m Message) Append(dst []byte) []byte {
	dst = append(dst, `{"jsonrpc":"2.0"`...)
	if !m.ID.IsZero() {
		dst = append(dst, `,"id":`...)
		dst = append(dst, m.ID.JSON()...)
	}
	if m.Kind == Response {
		return append(appendAnswer(append(dst, ','), m.Answer), '}')
	}
	dst = append(dst, `,"method":`...)
	dst = appendQuote(dst, m.Method)
	if m.Params.Len() > 0 {
		dst = append(dst, `,"params":`...)
		dst = m.Params.AppendJSON(dst)
	}
	return append(dst, '}')
}

func appendAnswer(dst []byte, a plugins.Answer) []byte {
	if a.Error == nil {
		dst = append(dst, `"result":`...)
		return append(dst, a.Result...)
	}
	dst = append(dst, `"error":{"code":`...)
	dst = strconv.AppendInt(dst, int64(a.Error.Code), 10)
	dst = append(dst, `,"message":`...)
	dst = appendQuote(dst, a.Error.Message)
	if len(a.Error.Data) > 0 {
		dst = append(dst, `,"data":`...)
		dst = append(dst, a.Error.Data...)
	}
	return append(dst, '}')
}

// OneLine returns b, which must have passed [Check], on one line: values are
// handed on as they were written, line breaks between their tokens included,
// and stdio and event streams frame by lines. Strings and numbers keep their
// bytes.
func OneLine(b []byte) []byte {
	if !bytes.ContainsAny(b, "\r\n") {
		return b
	}
	var buf bytes.Buffer
	// Its only error is malformed JSON.
	_ = json.Compact(&buf, b)
	return buf.Bytes()
}
