package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// Bounds of a document of any form.
const (
	maxDepth = 64
	maxNodes = 1_000_000
)

// kind is what a value of a document is.
type kind uint8

const (
	kindNull kind = iota
	kindBoolean
	kindNumber
	kindText
	kindList
	kindObject
)

// String returns the kind in words for errors.
func (k kind) String() string {
	return [...]string{"nothing", "true or false", "a number", "text", "a list", "an object"}[k]
}

// node is one value of a JSON or YAML document, so that both are read by the same
// rules: no name twice, names in their exact case, bounded depth and number.
type node struct {
	kind kind
	// plain is set for a YAML scalar without quotes, which stands for text as it
	// is written where text is wanted: 8080, 1.10.
	plain   bool
	line    int
	text    string // of a scalar, as it is written
	members []member
	items   []*node
}

type member struct {
	name  string
	value *node
}

// get returns a member of an object, nil where it has none of the name.
func (n *node) get(name string) *node {
	for _, m := range n.members {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

// is reports whether an object has a member of a kind.
func (n *node) is(name string, k kind) bool {
	v := n.get(name)
	return v != nil && v.kind == k
}

// parse reads a document: JSON where it begins with a brace, else YAML.
func parse(data []byte) (*node, error) {
	if trimmed := bytes.TrimLeft(data, " \t\r\n"); len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '[') {
		return parseJSON(data)
	}
	return parseYAML(data)
}

// checkText refuses what is no document of any form.
func checkText(data []byte) error {
	switch {
	case len(data) > MaxBytes:
		return fmt.Errorf("%d bytes, more than the %d allowed", len(data), MaxBytes)
	case !utf8.Valid(data):
		return errors.New("not valid UTF-8")
	case len(bytes.TrimSpace(data)) == 0:
		return errors.New("the file is empty")
	}
	return nil
}

func parseJSON(data []byte) (*node, error) {
	if err := checkText(data); err != nil {
		return nil, err
	}
	r := jsonReader{data: data, dec: json.NewDecoder(bytes.NewReader(data)), line: 1}
	r.dec.UseNumber()
	root, err := r.value(0)
	if err == nil {
		if _, end := r.dec.Token(); !errors.Is(end, io.EOF) {
			err = errors.New("more than one JSON value")
		}
	}
	if err != nil {
		return nil, r.locate(err)
	}
	return root, nil
}

type jsonReader struct {
	data    []byte
	dec     *json.Decoder
	nodes   int
	line    int
	counted int64 // how far the lines are counted
}

// locate adds the line of the token that was read last.
func (r *jsonReader) locate(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("unexpected end of JSON")
	}
	return fmt.Errorf("line %d: %w", r.at(), err)
}

func (r *jsonReader) at() int {
	to := min(r.dec.InputOffset(), int64(len(r.data)))
	r.line += bytes.Count(r.data[r.counted:to], []byte("\n"))
	r.counted = to
	return r.line
}

func (r *jsonReader) value(depth int) (*node, error) {
	if err := bound(depth, &r.nodes); err != nil {
		return nil, err
	}
	tok, err := r.dec.Token()
	if err != nil {
		return nil, err
	}
	n := &node{line: r.at()}
	switch t := tok.(type) {
	case json.Delim:
		if t == '{' {
			n.kind = kindObject
			return n, r.object(n, depth)
		}
		n.kind = kindList
		return n, r.list(n, depth)
	case string:
		n.kind, n.text = kindText, t
	case json.Number:
		n.kind, n.text = kindNumber, t.String()
	case bool:
		n.kind, n.text = kindBoolean, fmt.Sprint(t)
	}
	return n, nil
}

func (r *jsonReader) object(n *node, depth int) error {
	seen := map[string]bool{}
	for r.dec.More() {
		tok, err := r.dec.Token()
		if err != nil {
			return err
		}
		name, _ := tok.(string)
		if seen[name] {
			return fmt.Errorf("the key %q stands twice", name)
		}
		seen[name] = true
		v, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		n.members = append(n.members, member{name, v})
	}
	_, err := r.dec.Token()
	return err
}

func (r *jsonReader) list(n *node, depth int) error {
	for r.dec.More() {
		v, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		n.items = append(n.items, v)
	}
	_, err := r.dec.Token()
	return err
}

// bound counts a value, and refuses one too deep or too many.
func bound(depth int, nodes *int) error {
	*nodes++
	switch {
	case depth > maxDepth:
		return fmt.Errorf("nested deeper than %d levels", maxDepth)
	case *nodes > maxNodes:
		return fmt.Errorf("more than %d values", maxNodes)
	}
	return nil
}

// raw returns the value as JSON, without white space.
func (n *node) raw() json.RawMessage {
	var b bytes.Buffer
	n.write(&b)
	return b.Bytes()
}

func (n *node) write(b *bytes.Buffer) {
	switch n.kind {
	case kindNull:
		b.WriteString("null")
	case kindBoolean, kindNumber:
		b.WriteString(n.text)
	case kindText:
		writeText(b, n.text)
	case kindList:
		b.WriteByte('[')
		for i, item := range n.items {
			if i > 0 {
				b.WriteByte(',')
			}
			item.write(b)
		}
		b.WriteByte(']')
	case kindObject:
		b.WriteByte('{')
		for i, m := range n.members {
			if i > 0 {
				b.WriteByte(',')
			}
			writeText(b, m.name)
			b.WriteByte(':')
			m.value.write(b)
		}
		b.WriteByte('}')
	}
}

func writeText(b *bytes.Buffer, s string) {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s)         // text is always encoded, and a buffer takes it
	b.Truncate(b.Len() - 1) // the line end
}
