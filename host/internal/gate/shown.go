package gate

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/mcpwasm/mcpwasm/internal/wire"
)

// maxShownArgs bounds the arguments that a person is shown, in characters.
const maxShownArgs = 1500

// room is how much of each value is shown: characters of a text or a name, elements
// of a list and members of an object. Zero is all.
type room struct{ text, elements int }

// maxPrinted is where printing ends, in bytes: behind all that can be shown.
const maxPrinted = utf8.UTFMax * maxShownArgs

// rooms are tried in their order until the arguments are short enough: long texts
// give way before short ones do, and texts before members.
var rooms = []room{{0, 0}, {400, 0}, {150, 50}, {60, 25}, {30, 12}, {20, 6}}

// shown are arguments as a person can read them: without secrets, on several lines,
// of bounded length. whole is false where something is left out.
func (c *Call) shown(args json.RawMessage) (text string, whole bool) {
	if c.r.Scrub != nil {
		args = c.r.Scrub(slices.Clone(args))
	}
	var p printer
	for _, p.room = range rooms {
		p.out.Reset()
		p.clipped = false
		p.value(args, "\n")
		if out, rest := visible(p.out.String(), maxShownArgs); rest == 0 {
			return out, !p.clipped
		}
	}
	out, _ := visible(p.out.String(), maxShownArgs)
	return out + "… (and more)", false
}

// printer writes JSON on several lines and leaves out what there is no room for.
type printer struct {
	room    room
	clipped bool
	out     strings.Builder
}

// value writes a value; newline is a line feed with the indentation.
func (p *printer) value(v json.RawMessage, newline string) {
	if p.out.Len() > maxPrinted { // it does not fit, so that nothing depends on the rest
		p.clipped = true
		return
	}
	switch v = trim(v); {
	case len(v) > 0 && v[0] == '"':
		p.text(v)
	case len(v) > 0 && v[0] == '{':
		o, err := wire.ParseObject(v)
		if err != nil {
			p.plain(v)
			return
		}
		p.list("{", "}", newline, o.Len(), func(i int, deeper string) {
			m := o.Members()[i]
			p.text(wire.Quote(m.Name))
			p.out.WriteString(": ")
			p.value(m.Value, deeper)
		})
	case len(v) > 0 && v[0] == '[':
		elements, err := wire.ParseArray(v)
		if err != nil {
			p.plain(v)
			return
		}
		p.list("[", "]", newline, len(elements), func(i int, deeper string) { p.value(elements[i], deeper) })
	default:
		p.plain(v)
	}
}

func trim(v json.RawMessage) json.RawMessage {
	return json.RawMessage(strings.Trim(string(v), " \t\r\n"))
}

// list writes n things in brackets, as far as there is room: the first and the last,
// and between them how many more there are.
func (p *printer) list(begin, end, newline string, n int, write func(i int, deeper string)) {
	p.out.WriteString(begin)
	deeper := newline + "  "
	left := 0
	if p.room.elements > 0 {
		left = max(n-p.room.elements, 0)
	}
	for i := 0; i < n; i++ {
		p.out.WriteString(deeper)
		if left > 0 && i == p.room.elements/2 {
			p.clipped = true
			fmt.Fprintf(&p.out, "… %d more are left out …%s", left, deeper)
			i += left
		}
		write(i, deeper)
		if i < n-1 {
			p.out.WriteString(",")
		}
	}
	if n > 0 {
		p.out.WriteString(newline)
	}
	p.out.WriteString(end)
}

// text writes a string, and of a long one its two ends.
func (p *printer) text(v json.RawMessage) {
	var s string
	if p.room.text == 0 || len(v)-2 <= p.room.text || json.Unmarshal(v, &s) != nil {
		p.out.Write(v)
		return
	}
	runes := []rune(s)
	left := len(runes) - p.room.text
	if left <= 0 {
		p.out.Write(v)
		return
	}
	p.clipped = true
	half := p.room.text / 2
	fmt.Fprintf(&p.out, "%s … %d characters are left out … %s",
		wire.Quote(string(runes[:half])), left, wire.Quote(string(runes[half+left:])))
}

// plain writes what has nothing in it. A number can be long, too.
func (p *printer) plain(v json.RawMessage) {
	if left := len(v) - p.room.text; p.room.text > 0 && left > 0 {
		p.clipped = true
		fmt.Fprintf(&p.out, "%s… (%d more characters)", v[:p.room.text], left)
		return
	}
	p.out.Write(v)
}
