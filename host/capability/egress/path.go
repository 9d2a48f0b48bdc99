package egress

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const upperHex = "0123456789ABCDEF"

// normalPath returns an escaped path in normal form (RFC 3986, 6.2.2 and 5.2.4):
// unreserved characters stand for themselves, hexadecimal digits are upper case,
// and there are no "." and ".." segments.
func normalPath(escaped string) string {
	var b strings.Builder
	for i := 0; i < len(escaped); i++ {
		c, ok := unescape(escaped, i)
		switch {
		case !ok:
			b.WriteByte(escaped[i])
			continue
		case unreserved(c):
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', upperHex[c>>4], upperHex[c&15]})
		}
		i += 2
	}
	return removeDots(b.String())
}

// unescape reads the escape that starts at i.
func unescape(s string, i int) (byte, bool) {
	if s[i] != '%' || i+2 >= len(s) {
		return 0, false
	}
	high, low := unhex(s[i+1]), unhex(s[i+2])
	return byte(high<<4 | low), high >= 0 && low >= 0
}

func unhex(c byte) int {
	if 'a' <= c && c <= 'f' {
		c -= 'a' - 'A'
	}
	return strings.IndexByte(upperHex, c)
}

func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

func removeDots(path string) string {
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	out := make([]string, 0, len(segments))
	for i, s := range segments {
		last := i == len(segments)-1
		switch s {
		case "..":
			out = out[:max(len(out)-1, 0)]
		case ".":
		default:
			out = append(out, s)
			continue
		}
		if last {
			out = append(out, "") // "/a/." is "/a/"
		}
	}
	return "/" + strings.Join(out, "/")
}

// under reports whether a normal path is below a prefix, by whole segments, for
// every server that might read it. Servers differ: they decode twice, take "\" and
// "%2F" for "/", drop what follows a ";" in a segment, or merge slashes. A path
// that any of them could read as leading upwards is below no prefix.
func under(path, prefix string) bool {
	if prefix == "" {
		return true
	}
	rest, ok := strings.CutPrefix(path, prefix)
	return ok && (rest == "" || rest[0] == '/') && !climbs(rest)
}

// climbs reports whether a server might find a ".." or "." segment, a control
// character or bad UTF-8 in a path, however often it decodes it.
func climbs(path string) bool {
	for range 4 {
		if climbsAsIs(path) {
			return true
		}
		decoded := decode(path)
		if decoded == path {
			return false
		}
		path = decoded
	}
	return true // whoever encodes that often has a reason
}

func climbsAsIs(path string) bool {
	if !utf8.ValidString(path) || strings.IndexFunc(path, unicode.IsControl) >= 0 {
		return true
	}
	for s := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '/' || r == '\\' }) {
		s, _, _ = strings.Cut(s, ";")
		if s = strings.TrimSpace(s); s == "." || s == ".." {
			return true
		}
	}
	return false
}

// decode resolves escapes once and leaves what is none as it is.
func decode(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if c, ok := unescape(s, i); ok {
			b = append(b, c)
			i += 2
			continue
		}
		b = append(b, s[i])
	}
	return string(b)
}

// escapeQuery escapes what cannot stand in a query (RFC 3986, 3.4) and leaves the
// rest as it is.
func escapeQuery(query string) string {
	var b strings.Builder
	for i := range len(query) {
		c := query[i]
		if unreserved(c) || strings.IndexByte("%!$&'()*+,;=:@/?[]|{}^`", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.Write([]byte{'%', upperHex[c>>4], upperHex[c&15]})
	}
	return b.String()
}
