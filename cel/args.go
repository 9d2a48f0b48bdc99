package cel

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"github.com/go-json-experiment/json/jsontext"
)

// arguments are the arguments of one decision, parsed when a rule first reads them.
type arguments struct {
	a    *activation
	json json.RawMessage
	// schema types them for the rule that is being decided; nil where it does not.
	schema  *schema
	members map[string]any
	err     error
	parsed  bool
	// made is the value for the schema madeFor.
	made    ref.Val
	madeFor *schema
}

// value is what the rule that is being decided reads as args.
func (g *arguments) value() (any, error) {
	if !g.parsed {
		g.parsed = true
		g.members, g.err = g.parse()
	}
	if g.err != nil {
		return nil, g.err
	}
	if g.made == nil || g.madeFor != g.schema {
		var v any = g.members
		if g.schema != nil {
			v = g.schema.root.convert(g.a, g.members, "args")
		}
		g.made, g.madeFor = adapter.NativeToValue(v), g.schema
	}
	return g.made, nil
}

func (g *arguments) parse() (map[string]any, error) {
	if len(g.json) == 0 {
		return map[string]any{}, nil
	}
	d := jsontext.NewDecoder(bytes.NewReader(g.json))
	v, err := g.a.parse(d)
	if err == nil {
		if _, end := d.ReadToken(); end != io.EOF {
			err = errors.New("more than one value")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("args: %s", clip(strings.TrimPrefix(err.Error(), "jsontext: ")))
	}
	members, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("args: not a JSON object")
	}
	return members, nil
}

// parse reads one JSON value. A member twice is an error (jsontext), a number stays
// as it is written.
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
		return &number{a, t.String()}, nil
	case 't', 'f':
		return t.Bool(), nil
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

// native replaces the numbers of JSON that somebody else parsed.
func (a *activation) native(v any) any {
	switch v := v.(type) {
	case map[string]any:
		members := make(map[string]any, len(v))
		for k, m := range v {
			members[k] = a.native(m)
		}
		return members
	case []any:
		elements := make([]any, len(v))
		for i, e := range v {
			elements[i] = a.native(e)
		}
		return elements
	case json.Number:
		return &number{a, v.String()}
	}
	return v
}

// unreadable stands for a value that is an error when it is read.
type unreadable struct {
	a   *activation
	err error
}

// number is a JSON number as it was written.
type number struct {
	a    *activation
	text string
}

// value is an int where the number is written as one, else a double. It is never
// rounded.
func (n *number) value() ref.Val {
	if !strings.ContainsAny(n.text, ".eE") {
		i, err := strconv.ParseInt(n.text, 10, 64)
		if err != nil {
			return n.fail("does not fit 64 bits")
		}
		return types.Int(i)
	}
	f, ok := n.double()
	if !ok {
		return n.fail("cannot be represented exactly")
	}
	return types.Double(f)
}

func (n *number) fail(why string) ref.Val {
	return adapter.NativeToValue(&unreadable{n.a, fmt.Errorf("the number %s %s", clip(n.text), why)})
}

// double is the number as a double, if the double says the same: the shortest text
// that means it has the same digits.
func (n *number) double() (float64, bool) {
	f, err := strconv.ParseFloat(n.text, 64)
	if err != nil {
		return 0, false
	}
	return f, decimalOf(n.text) == decimalOf(strconv.FormatFloat(f, 'e', -1, 64))
}

// integer is the number as an int, if it is one however it is written: 1e3 and 5.0 are
// integers in JSON Schema.
func (n *number) integer() (int64, bool) {
	d := decimalOf(n.text)
	if d.digits == "" {
		return 0, true
	}
	const most = 19 // digits of an int64
	if d.exponent < 0 || d.exponent > most {
		return 0, false
	}
	i, err := strconv.ParseInt(d.sign+d.digits+strings.Repeat("0", d.exponent), 10, 64)
	return i, err == nil
}

// decimal is digits·10^exponent, without zeros at either end of the digits; zero has
// none.
type decimal struct {
	sign, digits string
	exponent     int
}

// decimalOf reads a JSON number. An exponent beyond all numbers that matter is cut, so that
// it can be counted with.
func decimalOf(text string) decimal {
	var d decimal
	if rest, negative := strings.CutPrefix(text, "-"); negative {
		text, d.sign = rest, "-"
	}
	mantissa, e, _ := strings.Cut(strings.ToLower(text), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	d.digits = strings.TrimRight(digits, "0")
	if d.digits == "" {
		return decimal{}
	}
	d.exponent = exponentOf(e) - len(fraction) + len(digits) - len(d.digits)
	return d
}

func exponentOf(text string) int {
	const beyond = 1 << 30
	e, err := strconv.Atoi(text)
	switch {
	case text == "":
		return 0
	case err != nil && text[0] == '-':
		return -beyond
	case err != nil:
		return beyond
	}
	return min(max(e, -beyond), beyond)
}
