package plugins

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
)

// httpCeiling are the requests that may be asked for, each in the one form of a
// grant.
type httpCeiling []HTTPGrant

// maxAsked bounds the requests that one entry of a manifest stands for: each is
// compared with every grant.
const maxAsked = 1000

// newHTTPCeiling leaves out what is no grant, which lets nothing be asked for.
func newHTTPCeiling(grants []HTTPGrant) httpCeiling {
	var h httpCeiling
	for _, g := range grants {
		if g, err := ParseHTTPGrant(g.String()); err == nil {
			h = append(h, g)
		}
	}
	return h
}

// reaches reports whether a secret may be sent to HOST[:PORT].
func (h httpCeiling) reaches(target string) bool {
	host, port, err := parseHostPort(target, false)
	return err == nil && slices.ContainsFunc(h, func(g HTTPGrant) bool { return g.covers(host, port) })
}

// exceeded returns the parts of a request that no grant covers, in the form of
// grants. A request stands for each of its methods at each of its ports and
// paths, and those may be covered by different grants.
func (h httpCeiling) exceeded(q HTTPRequest) []string {
	host, err := cleanHost(q.Host, true)
	if err != nil {
		return []string{"http: " + err.Error()}
	}
	a := askedHTTP{host: host, scheme: cmp.Or(q.Scheme, "https")}
	ports, methods, paths := q.Ports, q.Methods, q.Paths
	if len(ports) == 0 {
		ports = []int{ownPort(a.scheme)}
	}
	if len(methods) == 0 {
		methods = []string{"GET", "HEAD"}
	}
	if len(paths) == 0 {
		paths = []string{"/"}
	}
	if len(ports)*len(methods)*len(paths) > maxAsked {
		return []string{fmt.Sprintf("http: %s with %d ports, %d methods and %d paths, more than %d requests", host, len(ports), len(methods), len(paths), maxAsked)}
	}
	var beyond []string
	for _, a.port = range ports {
		for _, p := range paths {
			a.setPath(p)
			if missing := h.missing(a, methods); len(missing) > 0 {
				beyond = append(beyond, "http: "+strings.Join(missing, ",")+" "+a.text(p))
			}
		}
	}
	return beyond
}

// missing returns the methods that no grant covers.
func (h httpCeiling) missing(a askedHTTP, methods []string) []string {
	var missing []string
	for _, m := range methods {
		if !slices.ContainsFunc(h, func(g HTTPGrant) bool { return g.includes(a, m) }) {
			missing = append(missing, m)
		}
	}
	return missing
}

// askedHTTP is a request of a package for one port and one path.
type askedHTTP struct {
	host, scheme string
	port         int
	// path is a prefix, "" for every path. plain is not set where it is not sure
	// what servers make of it.
	path  string
	plain bool
}

// setPath reads a prefix. One with escapes, ";" or empty segments may be another
// path to a server than it is as a text: it is within nothing but every path.
func (a *askedHTTP) setPath(p string) {
	a.path = strings.TrimSuffix(p, "/")
	a.plain = a.path == "" || formURLPath.MatchString(a.path) && !strings.Contains(a.path, ";") && path.Clean(a.path) == a.path
}

// text is the request in the form of a grant, as the package wrote the path.
func (a *askedHTTP) text(p string) string {
	port := a.port
	if port == ownPort(a.scheme) {
		port = 0
	}
	const longest = 100
	p = strings.TrimSuffix(p, "/")
	if r := []rune(p); len(r) > longest {
		p = string(r[:longest]) + "…"
	}
	return a.scheme + "://" + joinHostPort(a.host, port) + p
}

// includes reports whether every request that is asked for is one that the grant
// covers.
func (g HTTPGrant) includes(a askedHTTP, method string) bool {
	switch {
	case !slices.Contains(g.Schemes(), a.scheme), !includesHost(g.Host, a.host):
		return false
	case a.port < 1 || a.port > 65535 || cmp.Or(g.Port, ownPort(a.scheme)) != a.port:
		return false
	case len(g.Methods) > 0 && !slices.Contains(g.Methods, method):
		return false
	case g.Path == "":
		return true
	}
	return a.plain && (a.path == g.Path || strings.HasPrefix(a.path, g.Path+"/"))
}

// includesHost reports whether a pattern stands for every host that another one
// stands for, both in the form of [HTTPGrant.Host].
func includesHost(pattern, asked string) bool {
	if !strings.Contains(asked, "*") {
		return standsFor(pattern, asked)
	}
	if pattern == "*" || pattern == asked {
		return true
	}
	// A label "*" that is asked for is within no label but "*". "*" alone is one
	// label, and stands for names of any number, so it is within itself only.
	p, labels := strings.Split(pattern, "."), strings.Split(asked, ".")
	return asked != "*" && slices.EqualFunc(p, labels, func(p, label string) bool { return p == "*" || p == label })
}

// ownPort is the port of a scheme.
func ownPort(scheme string) int {
	if scheme == "http" {
		return 80
	}
	return 443
}
