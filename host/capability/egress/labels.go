package egress

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// label is labels, and the requests that have them.
type label struct {
	key    string // as the operator wrote it
	rule   rule
	labels []string
}

// labelsOf reads labels by grants. Keys that [plugins.ParseHTTPGrant] or [Check]
// refuse label nothing, as such grants cover nothing.
func labelsOf(byGrant map[string][]string) []label {
	var all []label
	for key, labels := range byGrant {
		g, err := plugins.ParseHTTPGrant(key)
		if err != nil {
			continue
		}
		if r, err := fromGrant(g); err == nil {
			all = append(all, label{key, r, labels})
		}
	}
	return all
}

// Labels returns those of every entry of byGrant, in the form of [effect.Labels], that
// covers a request. A client does the same, with the same errors.
func Labels(byGrant map[string][]string, h *cel.HTTP) ([]string, error) {
	host := h.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	l, err := parseLocation(fmt.Sprintf("%s://%s:%d%s", h.Scheme, host, h.Port, h.Path))
	if err != nil {
		return nil, err
	}
	g := grants{server: "it", labelled: labelsOf(byGrant)}
	return g.labels(h.Method, &l)
}

// labels are those of every entry that covers a request, sorted. Where a server could
// read a path as another one ([climbs]), nobody knows whether an entry for a path
// covers it: that is a denial, since to go without a label can be to go free.
func (g *grants) labels(method string, l *location) ([]string, error) {
	var found []string
	for _, entry := range g.labelled {
		anywhere := entry.rule
		anywhere.paths = nil
		switch {
		case entry.rule.covers(method, l):
			found = append(found, entry.labels...)
		case len(entry.rule.paths) > 0 && climbs(l.path) && anywhere.covers(method, l):
			return nil, effect.Errorf(plugins.EffectDenied,
				"%s may not send %s %s: the path can be read as another one, which has the labels of %q", g.server, method, l.place(), entry.key)
		}
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// Overlap reports whether there could be a request that two grants cover. A grant that
// [Check] refuses covers nothing.
func Overlap(a, b plugins.HTTPGrant) bool {
	ra, err := fromGrant(a)
	if err != nil {
		return false
	}
	rb, err := fromGrant(b)
	if err != nil {
		return false
	}
	return ra.meetsHost(&rb) && ra.meetsPort(&rb) && ra.meetsMethod(&rb) && ra.meetsPath(&rb)
}

func (r *rule) meetsHost(o *rule) bool {
	local := []string{localhost}
	switch {
	case r.addr.IsValid() || o.addr.IsValid():
		return r.addr == o.addr
	case r.names:
		return !slices.Equal(o.labels, local)
	case o.names:
		return !slices.Equal(r.labels, local)
	}
	return slices.EqualFunc(r.labels, o.labels, func(a, b string) bool { return a == b || a == "*" || b == "*" }) &&
		// localhost is covered by its name only
		slices.Equal(r.labels, local) == slices.Equal(o.labels, local)
}

// meetsPort looks at schemes, whose ports are meant where a rule names none.
func (r *rule) meetsPort(o *rule) bool {
	return slices.ContainsFunc(r.schemes, func(scheme string) bool {
		if !slices.Contains(o.schemes, scheme) {
			return false
		}
		for _, port := range slices.Concat(r.ports, o.ports, []int{defaultPort(scheme)}) {
			l := &location{scheme: scheme, port: port}
			if r.coversPort(l) && o.coversPort(l) {
				return true
			}
		}
		return false
	})
}

func (r *rule) meetsMethod(o *rule) bool {
	return len(r.methods) == 0 || len(o.methods) == 0 ||
		slices.ContainsFunc(r.methods, func(m string) bool { return slices.Contains(o.methods, m) })
}

func (r *rule) meetsPath(o *rule) bool {
	if len(r.paths) == 0 || len(o.paths) == 0 {
		return true
	}
	return slices.ContainsFunc(r.paths, func(p string) bool {
		return slices.ContainsFunc(o.paths, func(q string) bool { return under(p, q) || under(q, p) })
	})
}
