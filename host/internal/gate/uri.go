package gate

import (
	"regexp"
	"slices"
	"strings"
)

// NormalURI returns the form in which policies know a URI, of those that RFC 3986
// calls equivalent by their syntax (section 6.2.2): scheme and host in lower case,
// no escapes of characters that need none, escapes in upper case, no dot segments.
// A text that is no URI has one as well.
func NormalURI(uri string) string { return parseURI(unescapeUnreserved(uri)).normal(removeDots) }

// foldedURI is a URI in which as much as possible is the same: all escapes are
// undone, those of escapes too, and empty segments are left out. Different
// resources may have the same one; nothing but more labels may come of it.
func foldedURI(uri string) string {
	for range maxEscapes {
		next := unescape(uri, func(byte) bool { return true })
		if next == uri {
			break
		}
		uri = next
	}
	return parseURI(uri).normal(func(path string) string {
		path = removeDots(path)
		for strings.Contains(path, "//") {
			path = strings.ReplaceAll(path, "//", "/")
		}
		return path
	})
}

// maxEscapes bounds how often an escape of an escape is undone.
const maxEscapes = 8

// uriParts are the parts of a URI (RFC 3986, appendix B) with what separates them.
type uriParts struct{ scheme, authority, path, rest string }

var uriForm = regexp.MustCompile(`(?s)\A([A-Za-z][A-Za-z0-9+.-]*:)?(//[^/?#]*)?([^?#]*)(.*)\z`)

func parseURI(uri string) uriParts {
	m := uriForm.FindStringSubmatch(uri) // it matches everything
	return uriParts{m[1], m[2], m[3], m[4]}
}

func (u uriParts) normal(path func(string) string) string {
	user := strings.LastIndexByte(u.authority, '@') + 1
	authority := u.authority[:user] + lowerASCII(u.authority[user:])
	return lowerASCII(u.scheme) + upperEscapes(authority) + path(u.path) + u.rest
}

// lowerASCII leaves other letters alone: RFC 3986 knows none.
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// removeDots takes "." and ".." out of a path (RFC 3986, section 5.2.4).
func removeDots(path string) string {
	segments := strings.Split(path, "/")
	rooted := segments[0] == "" && len(segments) > 1
	if rooted {
		segments = segments[1:]
	}
	var out []string
	for i, s := range segments {
		last := i == len(segments)-1
		switch s {
		case ".", "..":
			if s == ".." && len(out) > 0 {
				out = out[:len(out)-1]
			}
			if last && (rooted || len(out) > 0) {
				out = append(out, "")
			}
		default:
			out = append(out, s)
		}
	}
	if rooted {
		return "/" + strings.Join(out, "/")
	}
	return strings.Join(out, "/")
}

// unescapeUnreserved undoes the escapes of unreserved characters and writes the
// others in upper case.
func unescapeUnreserved(s string) string {
	return upperEscapes(unescape(s, func(b byte) bool {
		return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || strings.IndexByte("-._~", b) >= 0
	}))
}

var escapeForm = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)

func upperEscapes(s string) string { return escapeForm.ReplaceAllStringFunc(s, strings.ToUpper) }

// unescape undoes the escapes of some bytes, once.
func unescape(s string, which func(byte) bool) string {
	return escapeForm.ReplaceAllStringFunc(s, func(escape string) string {
		b := fromHex(escape[1])<<4 | fromHex(escape[2])
		if !which(b) {
			return escape
		}
		return string([]byte{b})
	})
}

func fromHex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}

// uriForms are the forms in which labels of a URI are looked for, each once. What a
// client writes in another way may be the same to the server, so that each counts.
func uriForms(uri string) []string {
	forms := []string{uri, NormalURI(uri), foldedURI(uri)}
	slices.Sort(forms)
	return slices.Compact(forms)
}
