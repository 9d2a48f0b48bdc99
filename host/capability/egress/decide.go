package egress

import (
	"fmt"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// formMethod is what a method looks like (RFC 9110, 9.1, in upper case).
var formMethod = regexp.MustCompile(`^[A-Z][A-Z-]{0,31}$`)

// rule is a grant or a request for one, in the form in which it is compared.
type rule struct {
	// labels are a name's, "*" for any one label.
	labels []string
	// addr is the address that the rule is for, in place of labels.
	addr netip.Addr
	// names covers every name, all every address and localhost as well.
	names, all bool
	schemes    []string
	ports      []int    // none: the scheme's own
	methods    []string // none: every method
	paths      []string // normal, without a slash at the end; none: every path
}

// covers reports whether a request falls under the rule.
func (r *rule) covers(method string, l *location) bool {
	return r.coversHost(l) && slices.Contains(r.schemes, l.scheme) && r.coversPort(l) &&
		(len(r.methods) == 0 || slices.Contains(r.methods, method)) &&
		(len(r.paths) == 0 || slices.ContainsFunc(r.paths, func(p string) bool { return under(l.path, p) }))
}

func (r *rule) coversHost(l *location) bool {
	switch {
	case r.all:
		return true
	case r.addr.IsValid() || l.addr.IsValid():
		return r.addr == l.addr
	case l.host == localhost:
		return slices.Equal(r.labels, []string{localhost}) // by name only
	case r.names:
		return true
	}
	return slices.EqualFunc(r.labels, strings.Split(l.host, "."), func(pattern, label string) bool {
		return pattern == "*" || pattern == label
	})
}

func (r *rule) coversPort(l *location) bool {
	if len(r.ports) == 0 {
		return l.port == defaultPort(l.scheme)
	}
	return slices.Contains(r.ports, l.port)
}

// host sets whom the rule is for.
func (r *rule) host(pattern string) error {
	if pattern == "*" {
		r.names = true
		return nil
	}
	plain, bracketed := strings.CutPrefix(pattern, "[")
	if addr, err := netip.ParseAddr(strings.TrimSuffix(plain, "]")); err == nil && addr.Zone() == "" {
		r.addr = addr.Unmap()
		return nil
	}
	// "*" stands where any label could, so a label in its place tells whether the
	// rest is a name. Between numbers it would be meant for addresses.
	name, addr, err := normalHost(strings.ReplaceAll(pattern, "*", "x"), bracketed)
	if err != nil || addr.IsValid() || strings.Trim(pattern, "0123456789.*") == "" && strings.ContainsAny(pattern, "0123456789") {
		return fmt.Errorf("host %q: want a name, an address, or \"*\" in place of labels", pattern)
	}
	r.labels = strings.Split(strings.TrimSuffix(strings.ToLower(pattern), "."), ".")
	for _, l := range r.labels {
		if l != "*" && strings.Contains(l, "*") {
			return fmt.Errorf("host %q: \"*\" stands for a whole label", pattern)
		}
	}
	if !strings.Contains(pattern, "*") {
		r.labels = strings.Split(name, ".")
	}
	return nil
}

// prefix is a path in the form of a rule's.
func prefix(path string) string { return strings.TrimRight(normalPath(path), "/") }

// Check reports what is wrong with a grant, if anything: New would let it cover
// nothing.
func Check(g plugins.HTTPGrant) error {
	_, err := fromGrant(g)
	return err
}

func fromGrant(g plugins.HTTPGrant) (rule, error) {
	r := rule{methods: g.Methods}
	if err := r.host(g.Host); err != nil {
		return r, err
	}
	local := location{host: strings.Join(r.labels, "."), addr: r.addr}
	var err error
	if r.schemes, err = schemesOf(g.Scheme, local.loopback()); err != nil {
		return r, err
	}
	if g.Port < 0 || g.Port > 65535 {
		return r, fmt.Errorf("port %d: want 1 to 65535", g.Port)
	}
	if g.Port != 0 {
		r.ports = []int{g.Port}
	}
	for _, m := range g.Methods {
		if !formMethod.MatchString(m) {
			return r, fmt.Errorf("method %q: want one in upper case", m)
		}
	}
	if g.Path != "" {
		if g.Path[0] != '/' || climbs(g.Path) {
			return r, fmt.Errorf("path %q: want one that starts with \"/\", without \".\" and \"..\" segments", g.Path)
		}
		if p := prefix(g.Path); p != "" {
			r.paths = []string{p}
		}
	}
	return r, nil
}

// schemesOf are the schemes that a grant covers.
func schemesOf(scheme string, loopback bool) ([]string, error) {
	switch {
	case scheme == schemeHTTP, scheme == schemeHTTPS:
		return []string{scheme}, nil
	case scheme != "":
		return nil, fmt.Errorf("scheme %q: want https or http", scheme)
	case loopback: // nobody is on the way
		return []string{schemeHTTPS, schemeHTTP}, nil
	}
	return []string{schemeHTTPS}, nil
}

// fromRequest reads what a manifest asks for, which was checked with it.
func fromRequest(q plugins.HTTPRequest) (rule, error) {
	r := rule{schemes: []string{q.Scheme}, ports: q.Ports, methods: q.Methods, all: q.Host == "*"}
	if q.Scheme == "" {
		r.schemes[0] = schemeHTTPS
	}
	if len(q.Methods) == 0 {
		r.methods = []string{"GET", "HEAD"}
	}
	for _, p := range q.Paths {
		r.paths = append(r.paths, prefix(p))
	}
	return r, r.host(q.Host)
}

// grants decide for one server by what was granted and asked for.
type grants struct {
	server  string
	granted []rule
	// asked counts only if manifest is set.
	asked    []rule
	manifest bool
	labelled []label
}

func newGrants(cfg Config) grants {
	g := grants{server: cfg.Server, manifest: cfg.Asked != nil, labelled: labelsOf(cfg.Labels)}
	if g.server == "" {
		g.server = "the server"
	}
	for _, granted := range cfg.Granted {
		if r, err := fromGrant(granted); err == nil {
			g.granted = append(g.granted, r)
		}
	}
	for _, q := range cfg.Asked {
		if r, err := fromRequest(q); err == nil {
			g.asked = append(g.asked, r)
		}
	}
	return g
}

// decide returns nil if the request is both asked for and granted.
func (g *grants) decide(method string, l *location) error {
	covers := func(r rule) bool { return r.covers(method, l) }
	if g.manifest && !slices.ContainsFunc(g.asked, covers) {
		return effect.Errorf(plugins.EffectDenied, "%s may not send %s %s: the package does not ask for it",
			g.server, method, l.place())
	}
	if slices.ContainsFunc(g.granted, covers) {
		return nil
	}
	return effect.Denied(g.missing(method, l), "%s may not send %s %s: no grant covers it", g.server, method, l.place())
}

// missing is the grant that a request lacks: the host, or a path of it where the
// operator has already granted others.
func (g *grants) missing(method string, l *location) string {
	text := allowHTTP + l.origin()
	elsewhere := func(r rule) bool {
		r.paths = nil
		return r.covers(method, l)
	}
	if slices.ContainsFunc(g.granted, elsewhere) && !climbs(l.path) {
		narrow := text + grantPath(l.path)
		if _, err := plugins.ParseHTTPGrant(strings.TrimPrefix(narrow, allowHTTP)); err == nil {
			return narrow
		}
	}
	return text
}

const allowHTTP = "--allow-http "

// grantPath is as much of a request's path as a grant can say: without empty
// segments, and up to the first that has escapes or a "*".
func grantPath(escaped string) string {
	bad := func(r rune) bool {
		return r >= 0x80 || !unreserved(byte(r)) && !strings.ContainsRune("!$&'()+,;=:@/", r)
	}
	if i := strings.IndexFunc(escaped, bad); i >= 0 {
		escaped = escaped[:strings.LastIndexByte(escaped[:i], '/')+1]
	}
	if strings.Contains(escaped, "//") {
		slash := strings.HasSuffix(escaped, "/")
		if escaped = path.Clean(escaped); slash && escaped != "/" {
			escaped += "/"
		}
	}
	if escaped == "/" {
		return ""
	}
	return escaped
}

// origin is the place as grants write it: the scheme stands there where it is not
// what is meant without.
func (l *location) origin() string {
	if l.scheme == schemeHTTP && !l.loopback() {
		return "http://" + l.authority()
	}
	return l.authority()
}

// opens reports whether an operator granted an address to whatever name leads to
// it: the address itself, or localhost, with the port, and without narrowing it to
// methods or paths, which a connection does not have.
func (g *grants) opens(to netip.AddrPort) bool {
	return slices.ContainsFunc(g.granted, func(r rule) bool {
		local := slices.Equal(r.labels, []string{localhost}) && slices.Contains(localAddrs, to.Addr())
		if !local && r.addr != to.Addr() || len(r.methods) > 0 || len(r.paths) > 0 {
			return false
		}
		return slices.ContainsFunc(r.schemes, func(scheme string) bool {
			return r.coversPort(&location{scheme: scheme, port: int(to.Port())})
		})
	})
}
