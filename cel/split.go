package cel

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// Prices of splitting beside one step for a byte outside of texts.
const (
	splitText   = 8   // a text, and each escaped quote in one
	splitMember = 150 // a member
)

var (
	errNoObject = errors.New("args: not a JSON object")
	errSplit    = fmt.Errorf("args: too much to be read: about %d bytes beside texts, or %d members, are", maxSplit, maxSplit/splitMember)
)

// splitter finds the members of a JSON object. It knows JSON that passed internal/wire.Check,
// and goes through texts as fast as a quote is found: a tokenizer takes ten times as long.
// Whatever else is split wrongly is found out when it is read, which takes one.
type splitter struct {
	json []byte
	at   int
	left int // of maxSplit
}

// splitArguments returns the members of the arguments, each an [*argument].
func splitArguments(g *arguments) (map[string]any, error) {
	members := map[string]any{}
	if len(g.json) == 0 {
		return members, nil
	}
	s := &splitter{json: g.json, left: maxSplit}
	if s.next() != '{' {
		return nil, errNoObject
	}
	s.at++
	for s.next() != '}' {
		m := &argument{g: g}
		if err := s.member(m); err != nil {
			return nil, err
		}
		if _, twice := members[m.name]; twice {
			return nil, fmt.Errorf("args: %s stands twice", clip(strconv.Quote(m.name)))
		}
		members[m.name] = m
		if s.next() != ',' {
			break
		}
		if s.at++; s.next() == '}' {
			return nil, errNoObject
		}
	}
	if s.next() != '}' {
		return nil, errNoObject
	}
	if s.at++; s.next() != 0 {
		return nil, errors.New("args: more than one value")
	}
	if s.left < 0 {
		return nil, errSplit
	}
	return members, nil
}

// next is the next byte that is no white space; 0 at the end.
func (s *splitter) next() byte {
	for ; s.at < len(s.json); s.at++ {
		switch s.json[s.at] {
		case ' ', '\t', '\r', '\n':
			s.left--
		default:
			return s.json[s.at]
		}
	}
	return 0
}

// member reads a name and the value after it.
func (s *splitter) member(m *argument) error {
	if s.left -= splitMember; s.left < 0 {
		return errSplit
	}
	if s.next() != '"' {
		return errNoObject
	}
	name := s.at
	s.text()
	if s.left < 0 {
		return errSplit
	}
	text, err := jsontext.AppendUnquote(nil, s.json[name:s.at])
	if err != nil || s.next() != ':' {
		return errNoObject
	}
	s.at++
	m.name = string(text)
	if c := s.next(); c == ',' || c == '}' || c == 0 {
		return errNoObject
	}
	start := s.at
	m.values = s.value()
	m.json = s.json[start:s.at]
	if s.left < 0 {
		return errSplit
	}
	return nil
}

// value goes past a value, and returns how many values are in it at most, it included. It stops
// early when there is no more to spend.
func (s *splitter) value() int {
	values := 1
	for depth := 0; s.at < len(s.json) && s.left >= 0; {
		switch s.json[s.at] {
		case '"':
			s.text()
			if depth == 0 {
				return values
			}
			continue
		case '[', '{':
			depth++
			values++
		case ']', '}':
			if depth == 0 {
				return values // of the object around a scalar
			}
			if depth--; depth == 0 {
				s.at++
				return values
			}
		case ',':
			if depth == 0 {
				return values
			}
			values++
		case ' ', '\t', '\r', '\n':
			if depth == 0 {
				return values
			}
		}
		s.at++
		s.left--
	}
	return values
}

// text goes past a text, whose first quote is next.
func (s *splitter) text() {
	for start := s.at + 1; ; {
		s.left -= splitText
		end := bytes.IndexByte(s.json[start:], '"')
		if end < 0 || s.left < 0 {
			s.at = len(s.json)
			return
		}
		s.at = start + end + 1
		slashes := 0
		for i := start + end - 1; i >= start && s.json[i] == '\\'; i-- {
			slashes++
		}
		s.left -= slashes
		if slashes%2 == 0 {
			return
		}
		start = s.at
	}
}
