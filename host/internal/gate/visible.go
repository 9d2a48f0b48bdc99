package gate

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// visible returns the first n characters of a text, and how many are left. What a
// terminal or a form would not show as it is stands there as its number: controls,
// marks that turn the direction of writing, characters without width. Line feeds
// stay.
func visible(s string, n int) (out string, rest int) {
	var b strings.Builder
	for i, r := range s {
		if n == 0 {
			return b.String(), utf8.RuneCountInString(s[i:])
		}
		n--
		if r == '\n' || unicode.IsPrint(r) && r != unicode.ReplacementChar {
			b.WriteRune(r)
			continue
		}
		fmt.Fprintf(&b, `\u{%X}`, r)
	}
	return b.String(), 0
}
