package plugins

import (
	"cmp"
	"slices"
	"strings"
)

// Effective is [Grants.Narrow] for showing: HTTP is narrowed as well, to the requests
// that are both granted and asked for, each of which the host decides on by itself.
func (g Grants) Effective(asked *Requests) (held Grants, withheld []string) {
	if asked == nil {
		asked = &Requests{}
	}
	held, withheld = g.Narrow(asked)
	var vain []string
	granted := held.HTTP
	held.HTTP = nil
	for _, h := range granted {
		met := false
		for _, q := range asked.HTTP {
			for _, both := range h.meet(q) {
				met = true
				if !slices.ContainsFunc(held.HTTP, func(o HTTPGrant) bool { return o.String() == both.String() }) {
					held.HTTP = append(held.HTTP, both)
				}
			}
		}
		if !met {
			vain = append(vain, "http "+h.String()+": the package does not ask for it")
		}
	}
	return held, append(vain, withheld...)
}

// meet returns what is both granted and asked for, a grant for each port and path.
func (g HTTPGrant) meet(q HTTPRequest) []HTTPGrant {
	both := HTTPGrant{Scheme: cmp.Or(q.Scheme, "https")}
	asked, err := cleanHost(q.Host, true)
	host, ok := meetHosts(g.Host, asked)
	if err != nil || !ok || !slices.Contains(g.Schemes(), both.Scheme) {
		return nil
	}
	both.Host = host
	methods := q.Methods
	if len(methods) == 0 {
		methods = []string{"GET", "HEAD"}
	}
	for _, m := range methods {
		if len(g.Methods) == 0 || slices.Contains(g.Methods, m) {
			both.Methods = append(both.Methods, m)
		}
	}
	if len(both.Methods) == 0 {
		return nil
	}
	own := ownPort(both.Scheme)
	ports, paths := q.Ports, q.Paths
	if len(ports) == 0 {
		ports = []int{own}
	}
	if len(paths) == 0 {
		paths = []string{""}
	}
	if !slices.Contains(ports, cmp.Or(g.Port, own)) {
		return nil
	}
	if g.Port != own {
		both.Port = g.Port
	}
	var all []HTTPGrant
	for _, p := range paths {
		if both.Path, ok = meetPaths(g.Path, strings.TrimSuffix(p, "/")); ok {
			all = append(all, both)
		}
	}
	return all
}

// meetHosts returns the pattern of the hosts that both patterns stand for.
func meetHosts(a, b string) (string, bool) {
	switch {
	case includesHost(a, b):
		return b, true
	case includesHost(b, a):
		return a, true
	}
	p, q := strings.Split(a, "."), strings.Split(b, ".")
	if len(p) != len(q) || len(p) == 1 {
		return "", false
	}
	for i := range p {
		if p[i] == "*" {
			p[i] = q[i]
		}
		if q[i] != "*" && p[i] != q[i] {
			return "", false
		}
	}
	return strings.Join(p, "."), true
}

// meetPaths returns the longer of two prefixes, where it is below the other.
func meetPaths(a, b string) (string, bool) {
	if len(a) < len(b) {
		a, b = b, a
	}
	return a, b == "" || a == b || strings.HasPrefix(a, b+"/")
}
