package pdk

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// pattern is a URI template of RFC 6570 level 1, and level 2's {+name}.
type pattern []part

// part is either literal text or a variable.
type part struct {
	literal  string
	variable string
	reserved bool // {+name}: may hold reserved characters such as "/"
}

// parsePattern reads a template.
func parsePattern(s string) (pattern, error) {
	var p pattern
	for s != "" {
		before, rest, found := strings.Cut(s, "{")
		if strings.Contains(before, "}") {
			return nil, fmt.Errorf("a } without a {")
		}
		if before != "" {
			p = append(p, part{literal: before})
		}
		if !found {
			break
		}
		name, after, closed := strings.Cut(rest, "}")
		v := part{variable: strings.TrimPrefix(name, "+"), reserved: strings.HasPrefix(name, "+")}
		switch {
		case !closed:
			return nil, fmt.Errorf("a { without a }")
		case !validVariable(v.variable):
			return nil, fmt.Errorf("variable %q: want letters, digits, _ and . only", name)
		case p.has(v.variable):
			return nil, fmt.Errorf("variable %q stands twice", name)
		case len(p) > 0 && p[len(p)-1].variable != "":
			return nil, fmt.Errorf("variable %q follows another without text between them", name)
		}
		p = append(p, v)
		s = after
	}
	if len(p) == 0 {
		return nil, fmt.Errorf("it is empty")
	}
	return p, nil
}

func validVariable(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.") == ""
}

func (p pattern) has(name string) bool {
	return slices.ContainsFunc(p, func(v part) bool { return v.variable == name && name != "" })
}

// match takes a URI apart. Values are percent-decoded; a variable is never
// empty, and holds a "/" only as {+name}, or encoded.
func (p pattern) match(uri string) (map[string]string, bool) {
	values := map[string]string{}
	if !p.matchFrom(uri, values) {
		return nil, false
	}
	return values, true
}

func (p pattern) matchFrom(uri string, values map[string]string) bool {
	if len(p) == 0 {
		return uri == ""
	}
	if p[0].variable == "" {
		rest, ok := strings.CutPrefix(uri, p[0].literal)
		return ok && p[1:].matchFrom(rest, values)
	}
	if len(p) == 1 {
		return p[0].bind(uri, values)
	}
	// A literal follows, since no two variables stand side by side. Of the places
	// where it stands, the first one is taken from which the rest matches.
	next := p[1].literal
	for at := 0; ; {
		i := strings.Index(uri[at:], next)
		if i < 0 {
			return false
		}
		at += i
		if p[0].bind(uri[:at], values) && p[2:].matchFrom(uri[at+len(next):], values) {
			return true
		}
		if !p[0].reserved && strings.Contains(uri[:at], "/") {
			return false
		}
		at++
	}
}

func (v part) bind(raw string, values map[string]string) bool {
	if raw == "" || !v.reserved && strings.ContainsAny(raw, "/?#") {
		return false
	}
	s, ok := percentDecode(raw)
	values[v.variable] = s
	return ok
}

// percentDecode does what net/url's PathUnescape does, without the 100 KB that
// net/url adds to a guest.
func percentDecode(s string) (string, bool) {
	if !strings.Contains(s, "%") {
		return s, true
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", false
		}
		c, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
		if err != nil {
			return "", false
		}
		b.WriteByte(byte(c))
		i += 2
	}
	return b.String(), true
}
