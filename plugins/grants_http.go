package plugins

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpwasm/mcpwasm/internal/nearest"
)

// httpMethods are those of the registry at IANA (iana.org/assignments/http-methods)
// that ask a server for something: all but CONNECT, TRACE, PRI and "*".
var httpMethods = []string{
	"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY",
	"ACL", "BASELINE-CONTROL", "BIND", "CHECKIN", "CHECKOUT", "COPY", "LABEL", "LINK", "LOCK", "MERGE", "MKACTIVITY",
	"MKCALENDAR", "MKCOL", "MKREDIRECTREF", "MKWORKSPACE", "MOVE", "ORDERPATCH", "PROPFIND", "PROPPATCH", "REBIND",
	"REPORT", "SEARCH", "UNBIND", "UNCHECKOUT", "UNLINK", "UNLOCK", "UPDATE", "UPDATEREDIRECTREF", "VERSION-CONTROL",
}

// formURLPath has the characters of a path that need no escape (RFC 3986, 3.3),
// without "*", which somebody would take for a wildcard.
var formURLPath = regexp.MustCompile(`^/[A-Za-z0-9._~!$&'()+,;=:@/-]*$`)

// ParseHTTPGrant reads [METHOD[,METHOD…] ][SCHEME://]HOST[:PORT][/PATH]:
//
//	api.example.com
//	*.example.com:8443/v1
//	GET,POST https://api.example.com/v1
//	http://127.0.0.1:8080
//	https://[2001:db8::1]
//	*
//
// A "*" stands for one whole label, and alone for every name. Upper case in a
// scheme or a name becomes lower case, an address gets its canonical form, and
// the path loses a slash at its end. [HTTPGrant.String] is the reverse.
func ParseHTTPGrant(text string) (HTTPGrant, error) {
	var g HTTPGrant
	var err error
	target := text
	if methods, rest, ok := strings.Cut(text, " "); ok {
		if g.Methods, err = parseMethods(methods); err != nil {
			return HTTPGrant{}, err
		}
		target = rest
	} else if isMethods(text) {
		return HTTPGrant{}, fmt.Errorf("the host is missing behind %s: %[1]s api.example.com", text)
	}
	if scheme, rest, ok := strings.Cut(target, "://"); ok && !strings.Contains(scheme, "/") {
		g.Scheme, target = strings.ToLower(scheme), rest
		if g.Scheme != "https" && g.Scheme != "http" {
			return HTTPGrant{}, fmt.Errorf("scheme %q: want https or http", scheme)
		}
	}
	authority := target
	if slash := strings.IndexByte(target, '/'); slash >= 0 {
		authority, g.Path = target[:slash], target[slash:]
	}
	if err := checkTarget(target, authority); err != nil {
		return HTTPGrant{}, err
	}
	if g.Host, g.Port, err = parseHostPort(authority, true); err != nil {
		return HTTPGrant{}, err
	}
	g.Path, err = cleanURLPath(g.Path)
	if err != nil {
		return HTTPGrant{}, err
	}
	if g.isNetwork() {
		return HTTPGrant{}, fmt.Errorf("%q reads like a network: a grant is for one address; for the path %s of %[3]s write the port, too", target, g.Path, g.Host)
	}
	return g, nil
}

// checkTarget says of parts of a URL that a grant does not have.
func checkTarget(target, authority string) error {
	switch {
	case strings.Contains(authority, "@"): // first, since no other shall repeat a password
		return errors.New("a grant names no user: credentials are granted as a secret")
	case strings.ContainsAny(target, "?#"):
		return fmt.Errorf("%q: a grant ends with the path, without ? and #", target)
	case strings.ContainsAny(target, " \t\r\n"):
		return fmt.Errorf("%q: one space parts the methods (GET,POST) from the host, and there is no other", target)
	}
	return nil
}

// isMethods reports whether a text is methods and nothing else.
func isMethods(text string) bool {
	return !slices.ContainsFunc(strings.Split(text, ","), func(m string) bool {
		return !slices.Contains(httpMethods, m)
	})
}

func parseMethods(text string) ([]string, error) {
	methods := strings.Split(text, ",")
	for i, m := range methods {
		if !slices.Contains(httpMethods, m) {
			return nil, badMethod(m)
		}
		if slices.Contains(methods[:i], m) {
			return nil, fmt.Errorf("method %s stands twice", m)
		}
	}
	return methods, nil
}

// badMethod says which method was meant.
func badMethod(m string) error {
	if hint := nearest.Hint(m, httpMethods); hint != "" {
		return fmt.Errorf("method %q%s", m, hint)
	}
	return fmt.Errorf("method %q: want methods of HTTP in upper case, parted by commas: GET,POST", m)
}

// isNetwork reports whether a grant for a path of an address may be meant for
// the addresses of a network: 10.0.0.0/8.
func (g HTTPGrant) isNetwork() bool {
	const longest = 128 // bits of an IPv6 address
	_, err := netip.ParseAddr(g.Host)
	bits, notBits := strconv.ParseUint(strings.TrimPrefix(g.Path, "/"), 10, 8)
	return err == nil && g.Port == 0 && notBits == nil && bits <= longest
}

// cleanURLPath returns a prefix of paths without the slash at its end.
func cleanURLPath(p string) (string, error) {
	p = strings.TrimSuffix(p, "/")
	switch {
	case p == "":
		return "", nil
	case len(p) > maxURL:
		return "", fmt.Errorf("path: longer than %d characters", maxURL)
	case strings.Contains(p, "*"):
		return "", fmt.Errorf("path %q: a path covers all that is below it, by whole segments; it has no wildcards", p)
	case !formURLPath.MatchString(p):
		return "", fmt.Errorf("path %q: want letters, digits and -._~!$&'()+,;=:@ between slashes, without escapes", p)
	case path.Clean(p) != p || p == "/":
		return "", fmt.Errorf("path %q: write it without empty, %q and %q segments: %q", p, ".", "..", path.Clean(p))
	}
	return p, nil
}

// String returns the form that [ParseHTTPGrant] reads.
func (g HTTPGrant) String() string {
	var b strings.Builder
	if len(g.Methods) > 0 {
		b.WriteString(strings.Join(g.Methods, ",") + " ")
	}
	if g.Scheme != "" {
		b.WriteString(g.Scheme + "://")
	}
	b.WriteString(joinHostPort(g.Host, g.Port) + g.Path)
	return b.String()
}

// covers reports whether some request to the host and port, 0 for the scheme's
// own, is granted in a scheme in which a secret may be sent: https, or http to
// this machine.
func (g HTTPGrant) covers(host string, port int) bool {
	if !standsFor(g.Host, host) {
		return false
	}
	for _, scheme := range g.Schemes() {
		own := map[string]int{"https": 443, "http": 80}[scheme]
		sends := scheme == "https" || isLoopback(host)
		if sends && cmp.Or(port, own) == cmp.Or(g.Port, own) {
			return true
		}
	}
	return false
}

// Schemes returns the schemes of the requests that are granted.
func (g HTTPGrant) Schemes() []string {
	switch {
	case g.Scheme != "":
		return []string{g.Scheme}
	case isLoopback(g.Host):
		return []string{"https", "http"}
	}
	return []string{"https"}
}
