// Package scrub takes values out of text, in every form in which another program
// may have written them.
//
// A form is a pattern: a row of units, each of which is one character of several,
// and each character may be spelled in several ways ("/" also as "\/", "%2F" or
// "&#47;"). So a text that escapes some characters and not others is still
// recognised, and so is base64 within a URL. A [Matcher] runs all patterns over a
// text at once, byte by byte, as a set of candidates that advance or die; pairs of
// bytes with which no pattern begins are skipped, which is nearly all of a text.
// Time is in proportion to the text, but for values that repeat themselves ("aaaa"):
// there a candidate begins with every byte, and time is in proportion to text and
// value.
package scrub

import (
	"slices"
	"sync"
)

// Matcher knows the values that are to be taken out. It is immutable; the nil
// Matcher knows none.
type Matcher struct {
	patterns []*pattern
	// pairs has a bit for each two bytes that some pattern begins with, and
	// byPair those patterns; byFirst is for a byte whose next is not known yet.
	pairs   [1 << 16 / 64]uint64
	byPair  map[[2]byte][]*pattern
	byFirst [256][]*pattern

	shortest int             // value, in bytes
	folded   func() *Matcher // of the same values, whatever the case of letters
}

// pattern is one form of a value.
type pattern struct {
	index int // in Matcher.patterns
	mark  string
	units []*node // the spellings of each unit
}

// Value is what is to be found, and what stands in its place afterwards.
type Value struct {
	Text string // UTF-8 without control characters, 8 bytes at least
	Mark string
}

// New returns a matcher of values. It takes time and memory in proportion to the
// length of their texts: some 70 bytes for each byte.
func New(values []Value) *Matcher {
	if len(values) == 0 {
		return nil
	}
	values = slices.Clone(values) // the caller may change them before they are folded
	m := build(values, false)
	m.folded = sync.OnceValue(func() *Matcher { return build(values, true) })
	return m
}

func build(values []Value, fold bool) *Matcher {
	m := &Matcher{byPair: map[[2]byte][]*pattern{}, shortest: len(values[0].Text)}
	s := speller{}
	for _, v := range values {
		m.shortest = min(m.shortest, len(v.Text))
		for _, units := range forms(v.Text) {
			p := &pattern{index: len(m.patterns), mark: v.Mark}
			for _, u := range units {
				u.fold = fold
				p.units = append(p.units, s.spell(u))
			}
			m.add(p)
		}
	}
	return m
}

// add makes a pattern one that is looked for.
func (m *Matcher) add(p *pattern) {
	m.patterns = append(m.patterns, p)
	for _, first := range p.units[0].edges {
		m.byFirst[first.b] = append(m.byFirst[first.b], p)
		seconds := slices.Clone(first.to.edges)
		if first.to.final {
			seconds = append(seconds, p.units[1].edges...)
		}
		for _, second := range seconds {
			pair := [2]byte{first.b, second.b}
			if !slices.Contains(m.byPair[pair], p) {
				m.byPair[pair] = append(m.byPair[pair], p)
			}
			n := pairNumber(first.b, second.b)
			m.pairs[n/64] |= 1 << (n % 64)
		}
	}
}

func pairNumber(a, b byte) uint { return uint(a)<<8 | uint(b) }

// mayBegin reports whether a pattern can begin with two bytes.
func (m *Matcher) mayBegin(a, b byte) bool {
	n := pairNumber(a, b)
	return m.pairs[n/64]&(1<<(n%64)) != 0
}

// Text returns text with the values replaced. Where nothing is found it is the
// text itself.
func (m *Matcher) Text(text string) string {
	if m == nil || text == "" {
		return text
	}
	s := scanner{m: m}
	s.scan([]byte(text))
	if len(s.found) == 0 {
		return text
	}
	return string(s.settle(nil, true))
}

// Shows reports whether a value is in text in any form, whatever the case of ASCII
// letters: what somebody may have brought into another case. The first call with a
// text that is long enough takes as long as [New].
func (m *Matcher) Shows(text string) bool {
	if m == nil || len(text) < m.shortest { // no form is shorter than its value
		return false
	}
	s := scanner{m: m.folded()}
	s.scan([]byte(text))
	return len(s.found) > 0
}
