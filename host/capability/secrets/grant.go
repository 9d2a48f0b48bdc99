package secrets

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// The places of a request where a secret may stand.
const (
	PlaceHeader = "header"
	PlaceQuery  = "query"
	PlaceBody   = "body"
)

var places = []string{PlaceHeader, PlaceQuery, PlaceBody}

// rule is where a secret may be sent.
type rule struct {
	hosts []hostPort
	in    []string
}

// hostPort is a host and, unless it is the scheme's own, a port.
type hostPort struct {
	host string
	port int // 0: the scheme's
}

func newRule(hosts, in []string) (rule, error) {
	r := rule{in: in}
	if len(in) == 0 {
		r.in = places
	}
	for _, p := range r.in {
		if !slices.Contains(places, p) {
			return r, fmt.Errorf("%q is no place for a secret: want header, query or body", p)
		}
	}
	if len(hosts) == 0 {
		return r, errors.New("say which hosts it is sent to: NAME=PROVIDER:REF@HOST")
	}
	for _, h := range hosts {
		hp, err := parseHost(h)
		if err != nil {
			return r, err
		}
		r.hosts = append(r.hosts, hp)
	}
	return r, nil
}

var formHost = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$`)

// parseHost reads "host" or "host:port". A host may be an IP address, one of
// version 6 in brackets.
func parseHost(s string) (hostPort, error) {
	if strings.Contains(s, "*") {
		return hostPort{}, fmt.Errorf("host %q: wildcards are not for secrets: name each host", s)
	}
	host, port := strings.ToLower(s), 0
	if addr, err := netip.ParseAddr(host); err == nil && addr.Zone() == "" {
		return hostPort{addr.String(), 0}, nil
	}
	if h, p, err := net.SplitHostPort(host); err == nil {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return hostPort{}, badHost(s)
		}
		host, port = h, int(n)
	} else if strings.HasPrefix(host, "[") {
		host = strings.TrimSuffix(host[1:], "]")
	}
	if addr, err := netip.ParseAddr(host); err == nil && addr.Zone() == "" {
		return hostPort{addr.String(), port}, nil
	}
	if len(host) > 253 || !formHost.MatchString(host) {
		return hostPort{}, badHost(s)
	}
	return hostPort{host, port}, nil
}

func badHost(s string) error {
	return fmt.Errorf(`host %q: want "host" or "host:port" with a port of 1 to 65535`, s)
}

// covers reports whether a rule has the target and, unless it is "", the place.
func (r rule) covers(t effect.Target, place string) bool {
	if place != "" && !slices.Contains(r.in, place) {
		return false
	}
	return slices.ContainsFunc(r.hosts, func(h hostPort) bool {
		return h.host == t.Host && (h.port == t.Port || h.port == 0 && t.Port == defaultPort(t.Scheme))
	})
}

func anyCovers(rules []rule, t effect.Target, place string) bool {
	return slices.ContainsFunc(rules, func(r rule) bool { return r.covers(t, place) })
}

func defaultPort(scheme string) int {
	switch scheme {
	case "https":
		return 443
	case "http":
		return 80
	}
	return -1
}

// allows returns a denial unless the secret may be sent to a target in a place, ""
// being any of them.
func (s *secret) allows(t effect.Target, place string) *plugins.EffectError {
	where := targetText(t)
	grant := "--secret " + s.name + "=…@" + where
	switch {
	case t.Scheme != "https" && (t.Scheme != "http" || !t.Loopback):
		return effect.Errorf(plugins.EffectDenied, "the secret %q is sent over https only, not to %s://%s", s.name, t.Scheme, where)
	case !anyCovers(s.granted, t, ""):
		return effect.Denied(grant, "the secret %q is not granted for %s", s.name, where)
	case !anyCovers(s.granted, t, place):
		return s.elsewhere(t, place)
	case s.hasAsked && !anyCovers(s.asked, t, ""):
		return effect.Errorf(plugins.EffectDenied, "the package does not ask to send the secret %q to %s", s.name, where)
	case s.hasAsked && !anyCovers(s.asked, t, place):
		return effect.Errorf(plugins.EffectDenied, "the package does not ask to send the secret %q in the %s of a request to %s", s.name, place, where)
	}
	return nil
}

// elsewhere is the denial for a place of a request where a secret is not granted,
// to a target for which it is granted in others.
func (s *secret) elsewhere(t effect.Target, place string) *plugins.EffectError {
	var granted, wanted []string
	for _, p := range places {
		held := anyCovers(s.granted, t, p)
		if held {
			granted = append(granted, p)
		}
		if held || p == place {
			wanted = append(wanted, p)
		}
	}
	where := targetText(t)
	return effect.Denied("--secret "+s.name+"=…@"+where+" in="+strings.Join(wanted, ","),
		"the secret %q is not granted for the %s of a request to %s, only for: %s", s.name, place, where, strings.Join(granted, ", "))
}

// targetText writes a target as a grant does: without the scheme's own port.
func targetText(t effect.Target) string {
	host := t.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if t.Port == defaultPort(t.Scheme) {
		return host
	}
	return host + ":" + strconv.Itoa(t.Port)
}
