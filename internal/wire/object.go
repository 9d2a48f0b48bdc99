package wire

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpwasm/mcpwasm/internal/fold"
)

// Member is one member of an [Object].
type Member struct {
	Name  string
	Value json.RawMessage // a part of the original message, not to be changed
}

// Object is the outermost level of a JSON object: its members in their order,
// their values unparsed. The zero value is an empty object. Methods that change
// it return another one and leave it as it is.
type Object struct {
	members []Member
}

// ParseObject splits b, which must have passed [Check].
func ParseObject(b []byte) (Object, error) {
	d := newDecoder(b, lenient)
	defer d.free()
	if kind := d.PeekKind(); kind != '{' {
		return Object{}, fmt.Errorf("want an object, have %s", kindName(kind))
	}
	if _, err := d.ReadToken(); err != nil {
		return Object{}, checkError(err)
	}
	o := Object{make([]Member, 0, 4)} // most objects have no more
	for d.PeekKind() != '}' {
		name, err := d.readName()
		if err != nil {
			return Object{}, checkError(err)
		}
		m := Member{Name: toName(name)}
		v, err := d.ReadValue()
		if err != nil {
			return Object{}, checkError(err)
		}
		end := d.InputOffset()
		m.Value = b[end-int64(len(v)) : end : end]
		o.members = append(o.members, m)
	}
	return o, nil
}

func kindName(k jsontext.Kind) string {
	switch k {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "no JSON value"
}

// Len returns the number of members.
func (o Object) Len() int { return len(o.members) }

// Members returns the members in order. They must not be changed.
func (o Object) Members() []Member { return o.members }

// Get returns the value of the member with exactly the given name.
func (o Object) Get(name string) (json.RawMessage, bool) {
	for _, m := range o.members {
		if m.Name == name {
			return m.Value, true
		}
	}
	return nil, false
}

// Has reports whether there is a member with exactly the given name.
func (o Object) Has(name string) bool {
	_, ok := o.Get(name)
	return ok
}

// GetString returns a member that must be a string. A missing one is "" and
// false; one of another type is an error.
func (o Object) GetString(name string) (s string, ok bool, err error) {
	v, ok := o.Get(name)
	if !ok {
		return "", false, nil
	}
	if len(v) == 0 || v[0] != '"' {
		return "", true, fmt.Errorf("%s: want a string, have %s", name, KindOf(v))
	}
	if s, ok := plainString(v); ok {
		return s, true, nil
	}
	if err := json.Unmarshal(v, &s); err != nil {
		return "", true, fmt.Errorf("%s: %w", name, err)
	}
	return s, true, nil
}

// plainString reads a string of printable ASCII without escapes, as most are.
func plainString(v json.RawMessage) (string, bool) {
	if len(v) < 2 || v[len(v)-1] != '"' {
		return "", false
	}
	inner := v[1 : len(v)-1]
	for _, c := range inner {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return "", false
		}
	}
	return string(inner), true
}

// GetObject returns a member that must be an object. A missing one is the empty
// object and false.
func (o Object) GetObject(name string) (Object, bool, error) {
	v, ok := o.Get(name)
	if !ok {
		return Object{}, false, nil
	}
	m, err := ParseObject(v)
	if err != nil {
		return Object{}, true, fmt.Errorf("%s: %w", name, err)
	}
	return m, true, nil
}

// Set returns the object with a member's value replaced, or the member added at
// the end.
func (o Object) Set(name string, value json.RawMessage) Object {
	members := slices.Clone(o.members)
	for i, m := range members {
		if m.Name == name {
			members[i].Value = value
			return Object{members}
		}
	}
	return Object{append(members, Member{name, value})}
}

// SetString is Set with a string's JSON.
func (o Object) SetString(name, value string) Object {
	return o.Set(name, Quote(value))
}

// Delete returns the object without the named members.
func (o Object) Delete(names ...string) Object {
	if !slices.ContainsFunc(o.members, func(m Member) bool { return slices.Contains(names, m.Name) }) {
		return o
	}
	return Object{slices.DeleteFunc(slices.Clone(o.members), func(m Member) bool {
		return slices.Contains(names, m.Name)
	})}
}

// MapMember replaces a member that is an object by what f makes of it.
func (o Object) MapMember(name string, f func(Object) Object) Object {
	m, ok, err := o.GetObject(name)
	if err != nil || !ok {
		return o
	}
	return o.Set(name, f(m).JSON())
}

// MapElements replaces the objects in a member that is an array by what f makes
// of them.
func (o Object) MapElements(name string, f func(Object) Object) Object {
	raw, ok := o.Get(name)
	if !ok {
		return o
	}
	elems, err := ParseArray(raw)
	if err != nil {
		return o
	}
	out := []byte{'['}
	for i, e := range elems {
		if i > 0 {
			out = append(out, ',')
		}
		if m, err := ParseObject(e); err == nil {
			e = f(m).JSON()
		}
		out = append(out, e...)
	}
	return o.Set(name, append(out, ']'))
}

// CheckNames refuses a member whose name is one of the known ones but for its case
// or its form in Unicode: a lenient reader would take it for the known one, a
// strict reader would not see it.
func (o Object) CheckNames(known ...string) error {
	for _, m := range o.members {
		for _, k := range known {
			if m.Name != k && alike(m.Name, k) {
				return fmt.Errorf("member %+q: write it %q", m.Name, k)
			}
		}
	}
	return nil
}

// alike reports whether a name may be read as a known one, which is ASCII.
func alike(name, known string) bool {
	if strings.EqualFold(name, known) {
		return true
	}
	for i := range len(name) {
		if name[i] >= utf8.RuneSelf {
			return fold.Full(name) == fold.Full(known)
		}
	}
	return false
}

// AppendJSON appends the object as JSON; values keep their bytes.
func (o Object) AppendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	for i, m := range o.members {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendQuote(dst, m.Name)
		dst = append(dst, ':')
		dst = append(dst, m.Value...)
	}
	return append(dst, '}')
}

// JSON returns the object as JSON.
func (o Object) JSON() json.RawMessage {
	n := 2
	for _, m := range o.members {
		n += len(m.Name) + len(m.Value) + 4
	}
	return o.AppendJSON(make([]byte, 0, n))
}

// MarshalJSON implements json.Marshaler.
func (o Object) MarshalJSON() ([]byte, error) { return o.JSON(), nil }

// ParseArray splits b, which must have passed [Check], into its elements.
func ParseArray(b []byte) ([]json.RawMessage, error) {
	d := newDecoder(b, lenient)
	defer d.free()
	if kind := d.PeekKind(); kind != '[' {
		return nil, fmt.Errorf("want an array, have %s", kindName(kind))
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, checkError(err)
	}
	var elems []json.RawMessage
	for d.PeekKind() != ']' {
		v, err := d.ReadValue()
		if err != nil {
			return nil, checkError(err)
		}
		end := d.InputOffset()
		elems = append(elems, b[end-int64(len(v)):end:end])
	}
	return elems, nil
}

// KindOf names the type of a JSON value, with its article: "a string".
func KindOf(v json.RawMessage) string {
	return kindName(jsontext.Value(v).Kind())
}

// IsNull reports whether v is absent or null.
func IsNull(v json.RawMessage) bool {
	return len(v) == 0 || jsontext.Value(v).Kind() == 'n'
}

// Quote returns s as a JSON string. Bytes that are not UTF-8 become U+FFFD.
func Quote(s string) json.RawMessage { return appendQuote(nil, s) }

func appendQuote(dst []byte, s string) []byte {
	// AppendQuote's only error is invalid UTF-8, which it has replaced by then.
	dst, _ = jsontext.AppendQuote(dst, s)
	return dst
}
