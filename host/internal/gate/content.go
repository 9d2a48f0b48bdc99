package gate

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// What a guest says is JSON of MCP's shapes with JSON of its own inside. Text is
// every string in it but the words that MCP itself has defined and what is binary.
// Those cannot be redacted, and neither can names of members: where a pattern matches
// one, nothing is let through.

// protocolNames are the names of members that MCP defines; they are no text of the
// guest's, wherever they stand.
var protocolNames = set("_meta", "action", "annotations", "arguments", "audience", "blob", "cacheScope", "code", "completion", "content",
	"contents", "data", "default", "description", "enum", "hasMore", "icons", "inputRequests", "isError", "lastModified", "level",
	"logger", "message", "messages", "method", "mimeType", "mode", "name", "params", "priority", "progress", "progressToken", "properties",
	"requestState", "requestedSchema", "required", "resource", "resultType", "role", "size", "structuredContent", "text", "title",
	"total", "ttlMs", "type", "uri", "values")

// protocolWords are what MCP has the values of members be, by the member's name. They
// are no text there, but inside what is the guest's own (freeNames).
var protocolWords = map[string]map[string]bool{
	"cacheScope": set("private", "public"),
	"level":      set("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"),
	"method":     set("elicitation/create", "roots/list", "sampling/createMessage"),
	"mode":       set("form", "url", "auto", "none", "required"),
	"resultType": set(plugins.ResultComplete, plugins.ResultInputRequired),
	"role":       set("assistant", "user"),
	// of content, and of what a form asks for
	"type": set("audio", "image", "resource", "resource_link", "text", "tool_result", "tool_use",
		"array", "boolean", "integer", "null", "number", "object", "string"),
}

// isWord reports whether MCP has defined a member's value.
func isWord(name, value string) bool {
	if name == "lastModified" {
		_, err := time.Parse(time.RFC3339, value)
		return err == nil
	}
	return protocolWords[name][value]
}

// freeNames are the members whose value can be any JSON.
var freeNames = set("_meta", "structuredContent", "arguments", "metadata", "input")

// isFree reports whether a member's value is JSON of the guest's own. What MCP calls
// data is, but for base64 beside a type.
func isFree(name string, kind jsontext.Kind) bool {
	return freeNames[name] || name == "data" && kind != '"'
}

func set(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}

// walker goes through JSON that passed wire.Check, and writes it anew where out is
// not nil.
type walker struct {
	in  *jsontext.Decoder
	out *jsontext.Encoder
	// text gets every string that is text and returns what stands in its place. fixed
	// gets texts that cannot be replaced: names that the guest has made up, and what
	// is in a blob. word gets the words of MCP's.
	text        func(string) string
	fixed, word func(string) error
	kept        string    // the member at the top that is not the guest's
	objects     []mcpType // of the objects outside of what is the guest's own, in their order
}

// scope says where in the JSON a value is.
type scope struct {
	name   string   // the member's that it belongs to
	free   bool     // in JSON of the guest's own
	beside *mcpType // the object that it is a member of; nil in lists and in what is free
}

func newWalker(v json.RawMessage, kept string) *walker {
	return &walker{in: newDecoder(v), kept: kept, word: func(string) error { return nil }}
}

func newDecoder(v json.RawMessage) *jsontext.Decoder {
	return jsontext.NewDecoder(bytes.NewBuffer(v), jsontext.AllowDuplicateNames(true))
}

// all goes through all of the JSON; free says that it is the guest's own.
func (w *walker) all(v json.RawMessage, free bool) (err error) {
	if !free {
		if w.objects, err = mcpTypes(v); err != nil {
			return err
		}
	}
	return w.value(scope{free: free})
}

func (w *walker) value(at scope) error {
	switch w.in.PeekKind() {
	case '{':
		return w.object(at)
	case '[':
		return w.array(at)
	case '"':
		return w.str(at)
	}
	v, err := w.in.ReadValue() // keeps a number as it is written
	if err != nil || w.out == nil {
		return err
	}
	return w.out.WriteValue(v)
}

func (w *walker) token() (jsontext.Token, error) {
	t, err := w.in.ReadToken()
	if err == nil && w.out != nil {
		err = w.out.WriteToken(t)
	}
	return t, err
}

func (w *walker) object(at scope) error {
	if _, err := w.token(); err != nil {
		return err
	}
	var beside *mcpType
	if !at.free {
		beside, w.objects = &w.objects[0], w.objects[1:]
	}
	for w.in.PeekKind() != '}' {
		t, err := w.token()
		if err != nil {
			return err
		}
		name := t.String()
		if at.free || !protocolNames[name] {
			if err := w.fixed(name); err != nil {
				return err
			}
		}
		free := at.free || isFree(name, w.in.PeekKind())
		if err := w.value(scope{name, free, beside}); err != nil {
			return err
		}
	}
	_, err := w.token()
	return err
}

func (w *walker) array(at scope) error {
	if _, err := w.token(); err != nil {
		return err
	}
	at.beside = nil
	for w.in.PeekKind() != ']' {
		if err := w.value(at); err != nil {
			return err
		}
	}
	_, err := w.token()
	return err
}

func (w *walker) str(at scope) error {
	t, err := w.in.ReadToken()
	if err != nil {
		return err
	}
	s := t.String()
	data, isBinary := at.binary(s)
	switch {
	case !at.free && at.name == w.kept && w.in.StackDepth() == 1:
	case !at.free && isWord(at.name, s):
		err = w.word(s)
	case isBinary && at.beside.textual:
		err = w.fixed(strings.ToValidUTF8(string(data), "\uFFFD"))
	case isBinary:
	default:
		s = w.text(s)
	}
	if err != nil || w.out == nil {
		return err
	}
	return w.out.WriteToken(jsontext.String(s))
}

// binary decodes a string that stands where MCP has base64. Text there is text.
func (at scope) binary(s string) (data []byte, ok bool) {
	if at.beside == nil || at.free || !at.beside.hasBinary(at.name) {
		return nil, false
	}
	data, err := base64.RawStdEncoding.DecodeString(plainBase64.Replace(strings.TrimRight(s, "=")))
	return data, err == nil
}

// plainBase64 makes one way to write base64 of those that clients read.
var plainBase64 = strings.NewReplacer("-", "+", "_", "/")

// textOf returns every string of a guest's in JSON, a line each: texts, and names of
// members that the guest has made up. kept is the member at the top that is not the
// guest's, "" for none.
func textOf(v json.RawMessage, kept string) string {
	var b strings.Builder
	b.Grow(len(v))
	line := func(s string) string {
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(s)
		return s
	}
	w := newWalker(v, kept)
	w.text = line
	w.fixed = func(s string) error {
		line(s)
		return nil
	}
	if w.all(v, false) != nil {
		return string(v) // cannot be, since it was checked; whoever looks sees more then, not less
	}
	return b.String()
}

// errFixed says that a redaction matched what cannot be replaced.
var errFixed = errors.New("a redaction matches a name, a blob or a value that the protocol needs")

// rewrite replaces the texts in JSON of MCP's shapes; kept is as in [textOf].
func rewrite(v json.RawMessage, kept string, replace func(string) string) (json.RawMessage, error) {
	return newWalker(v, kept).rewrite(v, false, replace)
}

// rewriteFree replaces the texts in JSON that is the guest's own.
func rewriteFree(v json.RawMessage, replace func(string) string) (json.RawMessage, error) {
	return newWalker(v, "").rewrite(v, true, replace)
}

func (w *walker) rewrite(v json.RawMessage, free bool, replace func(string) string) (json.RawMessage, error) {
	var out bytes.Buffer
	w.out = jsontext.NewEncoder(&out, jsontext.AllowDuplicateNames(true))
	w.text = replace
	w.fixed = func(s string) error {
		if replace(s) != s {
			return errFixed
		}
		return nil
	}
	w.word = w.fixed
	if err := w.all(v, free); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(out.Bytes()), nil
}

// typesOf are the types of the content in a result, each once: "text", "image" and
// so on, of a resource "text" and "blob".
func typesOf(result wire.Object) []string {
	var types []string
	note := func(t string) {
		if t != "" && !slices.Contains(types, t) {
			types = append(types, t)
		}
	}
	kind := func(o wire.Object) wire.Object {
		t, _, _ := o.GetString("type")
		note(t)
		return o
	}
	result.MapElements("content", kind)
	result.MapElements("messages", func(o wire.Object) wire.Object { return o.MapMember("content", kind) })
	result.MapElements("contents", func(o wire.Object) wire.Object {
		for _, member := range []string{"text", "blob"} {
			if o.Has(member) {
				note(member)
			}
		}
		return o
	})
	if result.Has("structuredContent") {
		note("structured")
	}
	return types
}
