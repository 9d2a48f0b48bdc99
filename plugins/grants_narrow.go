package plugins

import (
	"fmt"
	"slices"
	"strings"
)

// Narrow returns what a guest holds: what was granted, as far as its package asks
// for it. withheld names what was granted in vain, a line for the operator each;
// where it is narrower than the grant, what is left.
//
// HTTP stays as it was granted, because a request is decided by itself: it must
// be covered by held.HTTP and by asked.HTTP. Quotas stay the operator's, since
// what a package expects is no authority. Tools stay as well.
//
// asked are the Capabilities of a manifest, where nil asks for nothing. A module
// without a manifest is held to its grants alone: do not call Narrow.
func (g Grants) Narrow(asked *Requests) (held Grants, withheld []string) {
	if asked == nil {
		asked = &Requests{}
	}
	n := narrowing{asked: asked}
	held = Grants{Tools: g.Tools}
	if len(asked.HTTP) > 0 {
		held.HTTP = g.HTTP
	} else if len(g.HTTP) > 0 {
		n.withhold("http: the package asks for no requests")
	}
	for _, m := range g.Mounts {
		if m, ok := n.mount(m); ok {
			held.Mounts = append(held.Mounts, m)
		}
	}
	held.KV = n.kv(g.KV)
	for _, s := range g.Secrets {
		if s, ok := n.secret(s); ok {
			held.Secrets = append(held.Secrets, s)
		}
	}
	return held, n.withheld
}

// NarrowEnv returns the variables, "KEY=value", whose names the package asks for,
// and the names of the others. It is to an environment what [Grants.Narrow] is to
// grants; r may be nil.
func (r *Requests) NarrowEnv(env []string) (held, withheld []string) {
	for _, kv := range env {
		key, _, _ := strings.Cut(kv, "=")
		if r != nil && slices.ContainsFunc(r.Env, func(e EnvRequest) bool { return e.Name == key }) {
			held = append(held, kv)
		} else {
			withheld = append(withheld, key)
		}
	}
	return held, withheld
}

// narrowing collects what is withheld.
type narrowing struct {
	asked    *Requests
	withheld []string
}

func (n *narrowing) withhold(format string, args ...any) {
	n.withheld = append(n.withheld, fmt.Sprintf(format, args...))
}

// mount gives a mount at a folder that was asked for or below it, with the access
// of the request that is nearest.
func (n *narrowing) mount(g MountGrant) (MountGrant, bool) {
	var best *FilesRequest
	for i, f := range n.asked.Files {
		if within(g.Path, f.Path) && (best == nil || len(f.Path) > len(best.Path)) {
			best = &n.asked.Files[i]
		}
	}
	if best == nil {
		n.withhold("mount %s: the package does not ask for it", g.Path)
		return g, false
	}
	if g.Access == ReadWrite && best.Access != string(ReadWrite) {
		n.withhold("mount %s: the package asks for reading only", g.Path)
		g.Access, g.QuotaBytes = ReadOnly, 0
	}
	return g, true
}

func (n *narrowing) kv(g *KVGrant) *KVGrant {
	switch {
	case g == nil:
		return nil
	case n.asked.KV == nil:
		n.withhold("kv: the package does not ask for it")
		return nil
	case n.asked.KV.Access == string(ReadOnly) && g.Access != ReadOnly:
		n.withhold("kv: the package asks for reading only")
		return &KVGrant{Access: ReadOnly, QuotaBytes: g.QuotaBytes}
	}
	held := *g
	return &held
}

func (n *narrowing) secret(g SecretGrant) (SecretGrant, bool) {
	i := slices.IndexFunc(n.asked.Secrets, func(r SecretRequest) bool { return r.Name == g.Name })
	if i < 0 {
		n.withhold("secret %s: the package does not ask for it", g.Name)
		return g, false
	}
	asked := n.asked.Secrets[i]
	var hosts []string
	for _, h := range g.Hosts {
		if both, ok := commonHost(h, asked.Hosts); ok {
			hosts = append(hosts, both)
		} else {
			n.withhold("secret %s: the package does not ask to send it to %s", g.Name, h)
		}
	}
	g.Hosts, g.In = hosts, n.places(g, asked)
	return g, len(g.Hosts) > 0 && len(g.In) > 0
}

// places returns where a secret may stand. A grant without places leaves them to
// the package.
func (n *narrowing) places(g SecretGrant, asked SecretRequest) []string {
	places := asked.In
	if len(places) == 0 {
		places = []string{"header"}
	}
	if len(g.In) == 0 {
		return slices.Clone(places)
	}
	var in []string
	for _, p := range g.In {
		if slices.Contains(places, p) {
			in = append(in, p)
		} else {
			n.withhold("secret %s: the package does not ask for it in the %s", g.Name, p)
		}
	}
	return in
}

// commonHost returns the narrower of a granted HOST[:PORT] and the one among the
// asked ones that is the same. A host without a port is at its scheme's own, for
// https 443.
func commonHost(granted string, asked []string) (string, bool) {
	host, port, err := parseHostPort(granted, false)
	if err != nil {
		return "", false
	}
	common, found := "", false
	for _, a := range asked {
		h, p, err := parseHostPort(a, false)
		switch {
		case err != nil || h != host:
		case p == port:
			return joinHostPort(h, p), true
		case p == 0 && port == 443, port == 0 && p == 443:
			common, found = joinHostPort(h, 443), true
		}
	}
	return common, found
}
