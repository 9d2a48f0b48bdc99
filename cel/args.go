package cel

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"github.com/go-json-experiment/json/jsontext"
)

// Bounds of what the arguments of one decision may cost before an expression sees them.
const (
	// maxSplit bounds splitting them into members, in steps of about a nanosecond: see
	// splitter.
	maxSplit = 1_500_000
	// maxReading bounds making values of the members that rules read, in nanoseconds, at
	// the prices below.
	maxReading = 1_500_000
)

// Prices of reading a member, in nanoseconds: by the byte, more with escapes in it, and by the
// value. The figures are those of BenchmarkReadArgument, rounded up.
const (
	plainByte    = 1
	escapedByte  = 4
	readingValue = 200
)

// arguments are the arguments of one decision. They are split into members when a rule first
// reads them, and a member becomes a value when it is first read: a large text beside the one
// that a rule asks for costs next to nothing.
type arguments struct {
	a    *activation
	json []byte
	// schema types them for the rule that is being decided; nil where it does not.
	schema  *schema
	members map[string]any // *argument
	err     error
	split   bool
	spent   float64 // of maxReading
	// made is the value for the schema madeFor.
	made    ref.Val
	madeFor *schema
}

// value is what the rule that is being decided reads as args.
func (g *arguments) value() (any, error) {
	if !g.split {
		g.split = true
		g.members, g.err = splitArguments(g)
	}
	if g.err != nil {
		g.a.untouchable(g.err)
		return nil, g.err
	}
	if g.made == nil || g.madeFor != g.schema {
		var v any = g.members
		if g.schema != nil {
			v = g.schema.root.convertRoot(g.a, g.members)
		}
		g.made, g.madeFor = adapter.NativeToValue(v), g.schema
	}
	return g.made, nil
}

// argument is a member of the arguments.
type argument struct {
	g    *arguments
	name string
	json []byte
	// values are how many there are in it at most, it included.
	values int
	// native is what it comes to, made the same for expressions that do not know its type.
	native any
	made   ref.Val
}

// read makes the member's value once. What it would cost is asked before.
func (m *argument) read() any {
	if m.native == nil {
		m.native = m.g.make(m)
	}
	return m.native
}

func (m *argument) value() ref.Val {
	if u, ok := m.read().(*unreadable); ok {
		return adapter.NativeToValue(u) // which notes it for each rule
	}
	if m.made == nil {
		m.made = adapter.NativeToValue(m.native)
	}
	return m.made
}

func (g *arguments) make(m *argument) any {
	price := m.price()
	if g.spent+price > maxReading {
		return &unreadable{g.a, fmt.Errorf("the argument %s is too large: %d bytes with up to %d values; "+
			"the rules of one decision may read about %d values, or %d bytes of text (%d where it has escapes)",
			clip(strconv.Quote(m.name)), len(m.json), m.values, maxReading/readingValue, maxReading/plainByte, maxReading/escapedByte)}
	}
	g.spent += price
	v, err := g.a.parseValue(m.json)
	if err != nil {
		return &unreadable{g.a, fmt.Errorf("args: %s: %s", clip(strconv.Quote(m.name)), clip(strings.TrimPrefix(err.Error(), "jsontext: ")))}
	}
	return v
}

func (m *argument) price() float64 {
	if plainText(m.json) {
		return plainByte * float64(len(m.json))
	}
	return readingValue*float64(m.values) + escapedByte*float64(len(m.json))
}

// plainText reports whether a JSON value is a text that stands there as it is.
func plainText(json []byte) bool {
	return json[0] == '"' && bytes.IndexByte(json, '\\') < 0
}

// parseValue reads the whole of a JSON value.
func (a *activation) parseValue(json []byte) (any, error) {
	if plainText(json) {
		text := json[1 : len(json)-1]
		if !utf8.Valid(text) {
			return nil, errors.New("invalid UTF-8")
		}
		return types.String(text), nil
	}
	d := jsontext.NewDecoder(bytes.NewBuffer(json))
	v, err := a.parse(d)
	if err == nil {
		if _, end := d.ReadToken(); end != io.EOF {
			err = errors.New("more than one value")
		}
	}
	return v, err
}

// parse reads one JSON value. A member twice is an error (jsontext).
func (a *activation) parse(d *jsontext.Decoder) (any, error) {
	t, err := d.ReadToken()
	if err != nil {
		return nil, err
	}
	switch t.Kind() {
	case '{':
		return a.parseObject(d)
	case '[':
		return a.parseArray(d)
	case '"':
		return types.String(t.String()), nil // as it is read: no conversion each time
	case '0':
		return a.number(t.String()), nil
	case 't', 'f':
		return types.Bool(t.Bool()), nil
	}
	return types.NullValue, nil
}

func (a *activation) parseObject(d *jsontext.Decoder) (any, error) {
	members := map[string]any{}
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		key := name.String() // the token is gone with the next
		if members[key], err = a.parse(d); err != nil {
			return nil, err
		}
	}
	_, err := d.ReadToken()
	return members, err
}

func (a *activation) parseArray(d *jsontext.Decoder) (any, error) {
	elements := []any{}
	for d.PeekKind() != ']' {
		v, err := a.parse(d)
		if err != nil {
			return nil, err
		}
		elements = append(elements, v)
	}
	_, err := d.ReadToken()
	return elements, err
}

// unreadable stands for a value that is an error when it is read.
type unreadable struct {
	a   *activation
	err error
}
