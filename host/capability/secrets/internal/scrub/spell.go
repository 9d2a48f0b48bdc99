package scrub

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"
)

// node is a state of a trie of spellings: which bytes may follow, and whether a
// spelling ends here. A spelling may be the beginning of another.
type node struct {
	edges []edge
	final bool
}

type edge struct {
	b  byte
	to *node
}

// next returns the state behind a byte, or nil.
func (n *node) next(b byte) *node {
	for i := range n.edges {
		if n.edges[i].b == b {
			return n.edges[i].to
		}
	}
	return nil
}

// insert adds a spelling. With fold its letters stand for both cases.
func (n *node) insert(s string, fold bool) {
	if s == "" {
		n.final = true
		return
	}
	letters := []byte{s[0]}
	if isLetter := s[0]|0x20 >= 'a' && s[0]|0x20 <= 'z'; fold && isLetter {
		letters = []byte{s[0] | 0x20, s[0] &^ 0x20}
	}
	for _, b := range letters {
		to := n.next(b)
		if to == nil {
			to = &node{}
			n.edges = append(n.edges, edge{b, to})
		}
		to.insert(s[1:], fold)
	}
}

// unit is one place of a pattern: one of several characters. With breaks a line
// may end before it; with fold ASCII letters may be of either case.
type unit struct {
	runes        string
	breaks, fold bool
}

// speller makes a trie for each unit, once.
type speller map[unit]*node

// common has the tries of units in ASCII, of which there are a few hundred, for
// all matchers: they are most of the work of making one.
var common sync.Map

func (s speller) spell(u unit) *node {
	if n, ok := s[u]; ok {
		return n
	}
	n, ok := common.Load(u)
	switch {
	case ok:
	case strings.ContainsFunc(u.runes, func(r rune) bool { return r >= utf8.RuneSelf }):
		n = u.trie()
	default:
		n, _ = common.LoadOrStore(u, u.trie())
	}
	s[u] = n.(*node)
	return s[u]
}

// trie returns all spellings of a unit. It is not changed afterwards.
func (u unit) trie() *node {
	root := &node{}
	ends := []string{""}
	if u.breaks {
		ends = []string{"", "\n", "\r\n", `\n`, `\r\n`}
	}
	for _, r := range u.runes {
		for _, end := range ends {
			root.insert(end+string(r), u.fold)
			for _, e := range escapes(r) {
				root.insert(end+e, true)
			}
		}
	}
	return root
}

// escapes returns the ways to write a character that are not the character
// itself. Those of JSON, URLs and HTML also as they look when they were escaped
// once more, or twice: JSON within a string of JSON.
func escapes(r rune) []string {
	out := slices.Concat(percentEscapes(r), backslashEscapes(r), htmlEscapes(r))
	if r == ' ' {
		out = append(out, "+", "%2b", "%252b") // application/x-www-form-urlencoded
	}
	return out
}

// eachByte writes every byte of a character's UTF-8 in a way of its own.
func eachByte(r rune, format string) string {
	var b strings.Builder
	for _, c := range []byte(string(r)) {
		fmt.Fprintf(&b, format, c)
	}
	return b.String()
}

// percentEscapes are those of RFC 3986, section 2.1.
func percentEscapes(r rune) []string {
	return []string{eachByte(r, "%%%02x"), eachByte(r, "%%25%02x"), eachByte(r, "%%2525%02x")}
}

// backslashEscapes are those of JSON (RFC 8259, section 7), of JavaScript and of
// shells.
func backslashEscapes(r rune) []string {
	var hex string
	for _, u := range utf16.Encode([]rune{r}) {
		hex += `\u` + fmt.Sprintf("%04x", u)
	}
	out := []string{
		hex, strings.ReplaceAll(hex, `\`, `\\`), strings.ReplaceAll(hex, `\`, `\\\\`),
		eachByte(r, `\x%02x`), eachByte(r, `\\x%02x`),
	}
	switch {
	case r == '\\':
		out = append(out, `\\`, `\\\\`, `\\\\\\\\`)
	case r > ' ' && r < 0x7f && !isAlphanumeric(r):
		for _, n := range []int{1, 2, 3, 7} {
			out = append(out, strings.Repeat(`\`, n)+string(r))
		}
	}
	return out
}

func isAlphanumeric(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}

// htmlNames are the characters that programs write by name.
var htmlNames = map[rune]string{'&': "amp", '<': "lt", '>': "gt", '"': "quot", '\'': "apos"}

// htmlEscapes are character references (HTML, section 13.5).
func htmlEscapes(r rune) []string {
	refs := []string{"#" + strconv.Itoa(int(r)), fmt.Sprintf("#%03d", r), fmt.Sprintf("#x%02x", r), fmt.Sprintf("#x%04x", r)}
	if name, ok := htmlNames[r]; ok {
		refs = append(refs, name)
	}
	var out []string
	for _, ref := range refs {
		out = append(out, "&"+ref+";", "&amp;"+ref+";")
	}
	return out
}
