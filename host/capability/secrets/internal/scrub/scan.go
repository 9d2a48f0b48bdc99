package scrub

import (
	"cmp"
	"slices"
)

// candidate is a pattern that has matched from start on up to where the scanner
// is.
type candidate struct {
	p     *pattern
	unit  int   // the one that is being matched
	at    *node // how far into its spelling
	start int   // in scanner.buf
}

// span is a part of the text that is to be replaced.
type span struct {
	start, end int
	p          *pattern // whose mark is put there
}

// scanner looks for patterns in a text that comes in pieces.
type scanner struct {
	m   *Matcher
	buf []byte // what came and was not settled
	pos int    // how much of it was scanned

	active, next []candidate
	found        []span // ascending, none overlap
	compactAt    int    // how many candidates are worth comparing with each other
}

// scan takes a piece of the text.
func (s *scanner) scan(piece []byte) {
	s.buf = append(s.buf, piece...)
	for s.pos < len(s.buf) {
		if len(s.active) == 0 {
			s.skip()
		}
		s.step(s.buf[s.pos])
		s.pos++
	}
}

// skip goes on to where a pattern may begin, or to the last byte.
func (s *scanner) skip() {
	i, buf, m := s.pos, s.buf, s.m
	for i+1 < len(buf) && !m.mayBegin(buf[i], buf[i+1]) {
		i++
	}
	s.pos = i
}

// step advances the candidates over the byte at pos, and adds those that begin
// with it.
func (s *scanner) step(b byte) {
	s.next = s.next[:0]
	for _, c := range s.active {
		s.advance(c, b)
	}
	starting := s.m.byFirst[b]
	if s.pos+1 < len(s.buf) {
		starting = nil
		if after := s.buf[s.pos+1]; s.m.mayBegin(b, after) {
			starting = s.m.byPair[[2]byte{b, after}]
		}
	}
	for _, p := range starting {
		s.advance(candidate{p, 0, p.units[0], s.pos}, b)
	}
	s.active, s.next = s.next, s.active
	s.compact()
}

// advance moves a candidate over a byte. It dies, goes on within a spelling, goes
// on with the next unit, or both of these.
func (s *scanner) advance(c candidate, b byte) {
	to := c.at.next(b)
	if to == nil {
		return
	}
	if len(to.edges) > 0 {
		s.next = append(s.next, candidate{c.p, c.unit, to, c.start})
	}
	switch {
	case !to.final:
	case c.unit+1 == len(c.p.units):
		s.match(span{c.start, s.pos + 1, c.p})
	default:
		s.next = append(s.next, candidate{c.p, c.unit + 1, c.p.units[c.unit+1], c.start})
	}
}

// match notes that a pattern was found. Spans that overlap become one, which is
// called by the one that begins first and, of those, ends last.
func (s *scanner) match(f span) {
	for len(s.found) > 0 {
		last := s.found[len(s.found)-1]
		if last.end <= f.start {
			break
		}
		tie := last.start == f.start && last.end == f.end && last.p.index < f.p.index
		if last.start < f.start || tie {
			f.start, f.p = last.start, last.p
		}
		s.found = s.found[:len(s.found)-1]
	}
	s.found = append(s.found, f)
}

// compact bounds the candidates by the number of states that there are: of two in
// the same state, which will end in the same place, the one that began first is
// enough. A text in which backslashes can be read in many ways would double
// their number with every byte.
func (s *scanner) compact() {
	if len(s.active) <= max(s.compactAt, 64) {
		return
	}
	type state struct {
		p    *pattern
		unit int
		at   *node
	}
	slices.SortStableFunc(s.active, func(a, b candidate) int { return cmp.Compare(a.start, b.start) })
	seen := make(map[state]bool, len(s.active))
	s.active = slices.DeleteFunc(s.active, func(c candidate) bool {
		k := state{c.p, c.unit, c.at}
		known := seen[k]
		seen[k] = true
		return known
	})
	s.compactAt = 2 * len(s.active)
}

// settle appends to dst the text that no further piece can change, with marks in
// the place of values, and forgets it. At the end that is all of it.
func (s *scanner) settle(dst []byte, end bool) []byte {
	hold := len(s.buf)
	if end {
		s.active = s.active[:0]
	}
	for _, c := range s.active {
		hold = min(hold, c.start)
	}
	done, n := 0, 0
	for ; n < len(s.found) && s.found[n].end <= hold; n++ {
		dst = append(dst, s.buf[done:s.found[n].start]...)
		dst = append(dst, s.found[n].p.mark...)
		done = s.found[n].end
	}
	s.found = slices.Delete(s.found, 0, n)
	if len(s.found) > 0 {
		hold = min(hold, s.found[0].start)
	}
	dst = append(dst, s.buf[done:hold]...)
	s.forget(hold)
	return dst
}

// forget drops the first n bytes.
func (s *scanner) forget(n int) {
	s.buf = slices.Delete(s.buf, 0, n)
	s.pos -= n
	for i := range s.active {
		s.active[i].start -= n
	}
	for i := range s.found {
		s.found[i].start -= n
		s.found[i].end -= n
	}
}
