// Package wire reads and writes JSON-RPC messages strictly, so that what was
// inspected is what is forwarded.
//
// A message is checked once, as a whole, by [Check]: one JSON value of valid
// UTF-8, no member name twice in an object, no two names that differ only in
// case, a bounded depth. After that its parts are byte slices of the original
// ([Object]), and every reader of them, however lenient, sees the same values:
// a number keeps all its digits, an unknown member its place.
package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpwasm/mcpwasm/internal/fold"
)

// MaxDepth is how deep objects and arrays may nest in a message.
const MaxDepth = 256

// Errors of [Check] that callers tell apart from malformed JSON.
var (
	// ErrDuplicate: a member name stands twice in an object, or twice but for
	// its case.
	ErrDuplicate = errors.New("duplicate member name")
	// ErrDepth: the message nests deeper than MaxDepth.
	ErrDepth = errors.New("nested too deep")
	// ErrTokens: there is more in it than [CheckAtMost] was told.
	ErrTokens = errors.New("too many JSON values")
)

// Check reports whether b is exactly one JSON value that is safe to hand on.
// It names the place of what it refuses as a JSON pointer.
func Check(b []byte) error { return CheckAtMost(b, math.MaxInt) }

// CheckAtMost is [Check] for what is made into structures: little text may make
// large ones. It refuses more than so many names, values and closing brackets,
// and reads no further than that.
func CheckAtMost(b []byte, tokens int) error {
	d := newDecoder(b)
	defer d.free()
	for n := 0; ; n++ {
		if n == tokens {
			return fmt.Errorf("%w: more than %d names, values and brackets", ErrTokens, tokens)
		}
		// A decoder gives the name before its value, so an object's names are
		// seen in order without building the object.
		if nameNext(d) && d.PeekKind() == '"' {
			if err := d.checkName(); err != nil {
				return err
			}
			continue
		}
		tok, err := d.ReadToken()
		if err != nil {
			return checkError(err)
		}
		switch tok.Kind() {
		case '{', '[':
			if d.StackDepth() > MaxDepth {
				return fmt.Errorf("%w: more than %d levels", ErrDepth, MaxDepth)
			}
			d.names.push()
		case '}', ']':
			d.names.pop()
		}
		if d.StackDepth() == 0 {
			break
		}
	}
	if _, err := d.ReadToken(); err != io.EOF {
		return errors.New("more than one JSON value")
	}
	return nil
}

// checkName reads a member's name.
func (d *decoder) checkName() error {
	name, err := d.readName()
	if err != nil {
		return checkError(err)
	}
	if other, ok := d.names.add(name); !ok {
		return fmt.Errorf("%w: %q and %q at %q", ErrDuplicate, other, name, d.StackPointer())
	}
	return nil
}

// nameNext reports whether the next token is a member's name.
func nameNext(d *decoder) bool {
	kind, length := d.StackIndex(d.StackDepth())
	return kind == '{' && length%2 == 0
}

// checkError turns the decoder's error into one line without its prefix.
func checkError(err error) error {
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return fmt.Errorf("%w: %s", ErrDuplicate, trimPrefix(err))
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("unexpected end of JSON")
	}
	return errors.New(trimPrefix(err))
}

func trimPrefix(err error) string {
	return strings.TrimPrefix(err.Error(), "jsontext: ")
}

// foldSet holds the names of the objects that are open, to be compared without
// regard to case.
type foldSet struct {
	levels []foldLevel
}

// foldLevel is one open object or array: a list that is scanned while it is
// short, as most are, and a map beyond that.
type foldLevel struct {
	names [][]byte          // as written
	wide  map[string]string // folded to written
}

const (
	// foldScan is how many names are compared one by one before a map is built.
	foldScan = 16
	// foldKeep is how many levels a set keeps for the next message.
	foldKeep = 16
)

func (s *foldSet) push() {
	if n := len(s.levels); n < cap(s.levels) {
		s.levels = s.levels[:n+1] // keeps the lists that an earlier object grew
		return
	}
	s.levels = append(s.levels, foldLevel{})
}

func (s *foldSet) pop() {
	l := &s.levels[len(s.levels)-1]
	l.names, l.wide = l.names[:0], nil
	s.levels = s.levels[:len(s.levels)-1]
}

// reset empties the set: nothing keeps a message's bytes in memory.
func (s *foldSet) reset() {
	if cap(s.levels) > foldKeep {
		s.levels = nil
		return
	}
	s.levels = s.levels[:cap(s.levels)]
	for i := range s.levels {
		l := &s.levels[i]
		clear(l.names[:cap(l.names)])
		l.names, l.wide = l.names[:0], nil
	}
	s.levels = s.levels[:0]
}

// add records a name of the innermost object; it reports the other name and
// false where one equal but for case was there.
func (s *foldSet) add(name []byte) (other string, ok bool) {
	l := &s.levels[len(s.levels)-1]
	if l.wide != nil {
		return l.addWide(name)
	}
	for _, n := range l.names {
		if bytes.EqualFold(n, name) {
			return string(n), false
		}
	}
	l.names = append(l.names, name)
	if len(l.names) > foldScan {
		l.wide = make(map[string]string, 4*foldScan)
		for _, n := range l.names {
			l.wide[fold.Simple(string(n))] = string(n)
		}
	}
	return "", true
}

func (l *foldLevel) addWide(name []byte) (other string, ok bool) {
	written := string(name)
	folded := fold.Simple(written)
	if other, dup := l.wide[folded]; dup {
		return other, false
	}
	l.wide[folded] = written
	return "", true
}
