package gate

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpwasm/mcpwasm/internal/wire"
)

// What a guest says is JSON of MCP's shapes with JSON of its own inside. Text is
// every string in it but those that only the protocol reads. Those cannot
// be redacted either, and neither can names of members: where a pattern matches one,
// nothing is let through.

// protocolNames are the names of members that MCP defines; they are no text of the
// guest's, wherever they stand.
var protocolNames = set("_meta", "action", "annotations", "arguments", "audience", "blob", "cacheScope", "code", "completion", "content",
	"contents", "data", "default", "description", "enum", "hasMore", "icons", "inputRequests", "isError", "lastModified", "level",
	"logger", "message", "messages", "method", "mimeType", "mode", "name", "params", "priority", "progress", "progressToken", "properties",
	"requestState", "requestedSchema", "required", "resource", "resultType", "role", "size", "structuredContent", "text", "title",
	"total", "ttlMs", "type", "uri", "values")

// keptNames are the members whose value is for the protocol; inside what is the
// guest's own (freeNames) they mean nothing.
var keptNames = set("cacheScope", "lastModified", "level", "method", "mimeType", "mode", "progressToken", "resultType", "role", "type")

// freeNames are the members whose value can be any JSON.
var freeNames = set("_meta", "structuredContent", "arguments", "metadata", "input")

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
	// text gets every string that is text and returns what stands in its place. name
	// gets names that the guest has made up, kept the values of keptNames: neither
	// can be replaced.
	text       func(string) string
	name, kept func(string) error
}

func newWalker(v json.RawMessage) *walker {
	return &walker{in: jsontext.NewDecoder(bytes.NewBuffer(v), jsontext.AllowDuplicateNames(true)), kept: func(string) error { return nil }}
}

// value goes through one value, which belongs to a member's name; free says that it is
// in JSON of the guest's own.
func (w *walker) value(name string, free bool) error {
	switch w.in.PeekKind() {
	case '{':
		return w.object(free)
	case '[':
		return w.array(name, free)
	case '"':
		return w.str(name, free)
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

func (w *walker) object(free bool) error {
	if _, err := w.token(); err != nil {
		return err
	}
	for w.in.PeekKind() != '}' {
		t, err := w.token()
		if err != nil {
			return err
		}
		name := t.String()
		if free || !protocolNames[name] {
			if err := w.name(name); err != nil {
				return err
			}
		}
		// What MCP calls data is any JSON, but for base64 beside a type.
		inside := free || freeNames[name] || name == "data" && w.in.PeekKind() != '"'
		if err := w.value(name, inside); err != nil {
			return err
		}
	}
	_, err := w.token()
	return err
}

func (w *walker) array(name string, free bool) error {
	if _, err := w.token(); err != nil {
		return err
	}
	for w.in.PeekKind() != ']' {
		if err := w.value(name, free); err != nil {
			return err
		}
	}
	_, err := w.token()
	return err
}

func (w *walker) str(name string, free bool) error {
	t, err := w.in.ReadToken()
	if err != nil {
		return err
	}
	s := t.String()
	switch {
	case !free && name == "requestState": // is sealed before the client gets it
	case !free && keptNames[name]:
		err = w.kept(s)
	case !free && w.isBinary(name, s):
	default:
		s = w.text(s)
	}
	if err != nil || w.out == nil {
		return err
	}
	return w.out.WriteToken(jsontext.String(s))
}

// isBinary reports whether a string is the base64 of an image, of sound or of a blob,
// which stand inside of content. Only there; at the top, data is what a log message
// or an error says.
func (w *walker) isBinary(name, s string) bool {
	if name != "data" && name != "blob" || w.in.StackDepth() < 2 {
		return false
	}
	_, err := io.Copy(io.Discard, base64.NewDecoder(base64.StdEncoding, strings.NewReader(s)))
	return err == nil
}

// textOf returns every string of a guest's in JSON, a line each: texts, and names of
// members that the guest has made up.
func textOf(v json.RawMessage) string {
	var b strings.Builder
	b.Grow(len(v))
	line := func(s string) string {
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(s)
		return s
	}
	w := newWalker(v)
	w.text = line
	w.name = func(s string) error {
		line(s)
		return nil
	}
	if w.value("", false) != nil {
		return string(v) // cannot be, since it was checked; whoever looks sees more then, not less
	}
	return b.String()
}

// errFixed says that a redaction matched what cannot be replaced.
var errFixed = errors.New("a redaction matches a name or a value that the protocol needs")

// rewrite replaces the texts in JSON; free says that all of it is the guest's own.
func rewrite(v json.RawMessage, free bool, replace func(string) string) (json.RawMessage, error) {
	var out bytes.Buffer
	w := newWalker(v)
	w.out = jsontext.NewEncoder(&out, jsontext.AllowDuplicateNames(true))
	w.text = replace
	w.name = func(s string) error {
		if replace(s) != s {
			return errFixed
		}
		return nil
	}
	w.kept = w.name
	if err := w.value("", free); err != nil {
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
