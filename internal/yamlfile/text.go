package yamlfile

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// Words is a list of words, in whose place a single one may stand.
type Words []string

var _ WordUnmarshaler = (*Words)(nil)

// UnmarshalWord implements [WordUnmarshaler].
func (w *Words) UnmarshalWord(word string) error {
	*w = Words{word}
	return nil
}

// Text is a text that knows where its characters stand in the file, for those who
// find something wrong within it.
type Text struct {
	Value string
	style yaml.Style
	node  Position
	file  *contents
}

// At returns where a character stands in the file, by its line and column in the
// text, both from 1. YAML folds lines and has escapes: what cannot be followed is
// placed where that begins. Of the zero Text it is none.
func (t Text) At(line, column int) Position {
	if t.file == nil {
		return Position{}
	}
	w := t.begin()
	for _, r := range before(t.Value, line, column) {
		if !w.follow(r) {
			break
		}
	}
	w.joinLines()
	return w.at
}

// Commented reports whether a comment stands behind a text without quotes, which may
// have been meant as a part of it.
func (t Text) Commented() bool {
	const plain = yaml.Style(0)
	if t.file == nil || t.style != plain {
		return false
	}
	w := t.begin()
	for _, r := range t.Value {
		if !w.follow(r) {
			return false
		}
	}
	return strings.HasPrefix(strings.TrimLeft(w.rest, " \t"), "#")
}

// begin returns a walker at the text's first character.
func (t Text) begin() *walker {
	w := &walker{style: t.style, at: t.node, rest: t.file.from(t.node)}
	switch {
	case t.style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0: // it begins below its header
		for line := w.at.Line; w.at.Line == line && w.rest != ""; {
			w.skip(1)
		}
		w.skipSpace()
	case t.style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		w.skip(1)
	}
	return w
}

// before returns the text in front of a character.
func before(text string, line, column int) string {
	row, col := 1, 1
	for i, r := range text {
		if row > line || row == line && col >= column {
			return text[:i]
		}
		if col++; r == '\n' {
			row, col = row+1, 1
		}
	}
	return text
}

// walker goes through a text in the file along with its value.
type walker struct {
	style   yaml.Style
	at      Position
	rest    string
	inSpace bool
}

// follow goes past one character of the value, and reports whether it was there.
func (w *walker) follow(r rune) bool {
	w.joinLines()
	space := unicode.IsSpace(r)
	again := space && w.inSpace
	w.inSpace = space
	if n := w.escape(); n > 0 {
		w.skip(n)
		w.inSpace = false // what stands behind it does so in the file
		return true
	}
	if space {
		// However many there are, as many lines as the file has them on: what
		// counts is where the next word stands.
		if !again {
			w.skipSpace()
		}
		return true
	}
	if next, _ := utf8.DecodeRuneInString(w.rest); next != r {
		return false
	}
	w.skip(1)
	return true
}

// joinLines goes past the end of a line that has been escaped, which stands for nothing.
func (w *walker) joinLines() {
	for w.style&yaml.DoubleQuotedStyle != 0 && (strings.HasPrefix(w.rest, "\\\n") || strings.HasPrefix(w.rest, "\\\r")) {
		w.skip(1)
		w.skipSpace()
	}
}

// escape returns how many characters stand for the next one, 0 for itself.
func (w *walker) escape() int {
	switch {
	case w.style&yaml.SingleQuotedStyle != 0 && strings.HasPrefix(w.rest, "''"):
		return 2
	case w.style&yaml.DoubleQuotedStyle == 0 || len(w.rest) < 2 || w.rest[0] != '\\':
		return 0
	}
	switch w.rest[1] {
	case 'x':
		return 4
	case 'u':
		return 6
	case 'U':
		return 10
	}
	return 2
}

func (w *walker) skipSpace() {
	for {
		if r, _ := utf8.DecodeRuneInString(w.rest); !unicode.IsSpace(r) {
			return
		}
		w.skip(1)
	}
}

// skip goes past n characters of the file.
func (w *walker) skip(n int) {
	for ; n > 0 && w.rest != ""; n-- {
		r, size := utf8.DecodeRuneInString(w.rest)
		crlf := r == '\r' && strings.HasPrefix(w.rest, "\r\n")
		w.rest = w.rest[size:]
		if w.at.Column++; r == '\n' || r == '\r' && !crlf {
			w.at = Position{w.at.Line + 1, 1}
		}
	}
}

// text reads a scalar with its place.
func (d *Decoder) text(n *yaml.Node, t *Text, path string) {
	if value, ok := d.scalar(n, path, "text"); ok {
		*t = Text{Value: value, style: n.Style, node: Position{n.Line, n.Column}, file: d.file}
	}
}

// contents is a file with the offsets at which its lines begin.
type contents struct {
	text  string
	lines []int
}

func newContents(data []byte) *contents {
	c := &contents{text: string(data), lines: []int{0}}
	for i := range len(c.text) {
		if c.text[i] == '\n' || c.text[i] == '\r' && !strings.HasPrefix(c.text[i:], "\r\n") {
			c.lines = append(c.lines, i+1)
		}
	}
	return c
}

// from returns the file from a place on, "" for one that it does not have.
func (c *contents) from(pos Position) string {
	if pos.Line < 1 || pos.Line > len(c.lines) {
		return ""
	}
	w := walker{rest: c.text[c.lines[pos.Line-1]:]}
	w.skip(pos.Column - 1)
	return w.rest
}
