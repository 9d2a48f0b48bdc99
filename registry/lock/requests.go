package lock

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpwasm/mcpwasm/plugins"
)

// request is one thing that a package asks for, with whether another request
// covers it.
type request struct {
	text      string
	optional  bool
	coveredBy func(*plugins.Requests) bool
}

// Asked says what a package asks for, a line each, without the reasons: those
// are for [Reasons].
func Asked(r *plugins.Requests) []string {
	var lines []string
	for _, q := range requests(r) {
		lines = append(lines, q.text)
	}
	return lines
}

// widened are the requests of found that nothing of approved covers.
func widened(approved, found *plugins.Requests) []string {
	var lines []string
	for _, q := range requests(found) {
		if !q.coveredBy(orNothing(approved)) {
			lines = append(lines, q.text)
		}
	}
	return lines
}

func orNothing(r *plugins.Requests) *plugins.Requests {
	if r == nil {
		return &plugins.Requests{}
	}
	return r
}

func requests(r *plugins.Requests) []request {
	r = orNothing(r)
	var all []request
	add := func(p plugins.PlainRequest, covered func(*plugins.Requests) bool, format string, args ...any) {
		text := fmt.Sprintf(format, args...)
		if p.Optional {
			text += " (optional)"
		}
		all = append(all, request{text, p.Optional, covered})
	}
	for _, h := range r.HTTP {
		add(h.PlainRequest, func(o *plugins.Requests) bool {
			return slices.ContainsFunc(o.HTTP, func(a plugins.HTTPRequest) bool { return coversHTTP(a, h) })
		}, "http: %s", httpText(h))
	}
	for _, f := range r.Files {
		access := cmp.Or(f.Access, "ro")
		add(f.PlainRequest, func(o *plugins.Requests) bool {
			return slices.ContainsFunc(o.Files, func(a plugins.FilesRequest) bool {
				return a.Path == f.Path && (access == "ro" || a.Access == "rw")
			})
		}, "files: %s %s", f.Path, access)
	}
	if r.KV != nil {
		access := cmp.Or(r.KV.Access, "rw")
		add(r.KV.PlainRequest, func(o *plugins.Requests) bool {
			return o.KV != nil && (access == "ro" || o.KV.Access != "ro")
		}, "kv: %s", access)
	}
	for _, s := range r.Secrets {
		places := placesOf(s)
		add(s.PlainRequest, func(o *plugins.Requests) bool {
			return slices.ContainsFunc(o.Secrets, func(a plugins.SecretRequest) bool {
				return a.Name == s.Name && subset(s.Hosts, a.Hosts) && subset(places, placesOf(a))
			})
		}, "secret: %s sent to %s in %s", s.Name, strings.Join(s.Hosts, ", "), strings.Join(places, ", "))
	}
	for _, e := range r.Env {
		add(e.PlainRequest, func(o *plugins.Requests) bool {
			return slices.ContainsFunc(o.Env, func(a plugins.EnvRequest) bool { return a.Name == e.Name })
		}, "env: %s", e.Name)
	}
	if r.Clock != nil {
		add(*r.Clock, func(o *plugins.Requests) bool { return o.Clock != nil }, "clock")
	}
	if r.Random != nil {
		add(*r.Random, func(o *plugins.Requests) bool { return o.Random != nil }, "random")
	}
	return all
}

// coversHTTP reports whether every request that h asks for is one that a asks for.
// It compares hosts as they are written: what another wildcard may stand for is
// for a person to look at.
func coversHTTP(a, h plugins.HTTPRequest) bool {
	return strings.EqualFold(a.Host, h.Host) && schemeOf(a) == schemeOf(h) &&
		subset(methodsOf(h), methodsOf(a)) && subset(portsOf(h), portsOf(a)) &&
		(len(a.Paths) == 0 || len(h.Paths) > 0 && subset(h.Paths, a.Paths))
}

func schemeOf(h plugins.HTTPRequest) string { return cmp.Or(h.Scheme, "https") }

func methodsOf(h plugins.HTTPRequest) []string {
	if len(h.Methods) == 0 {
		return []string{"GET", "HEAD"}
	}
	return h.Methods
}

func portsOf(h plugins.HTTPRequest) []int {
	switch {
	case len(h.Ports) > 0:
		return h.Ports
	case schemeOf(h) == "http":
		return []int{80}
	}
	return []int{443}
}

func placesOf(s plugins.SecretRequest) []string {
	if len(s.In) == 0 {
		return []string{"header"}
	}
	return s.In
}

func subset[T comparable](part, whole []T) bool {
	return !slices.ContainsFunc(part, func(v T) bool { return !slices.Contains(whole, v) })
}

func httpText(h plugins.HTTPRequest) string {
	var targets []string
	for _, port := range portsOf(h) {
		host := h.Host
		if len(h.Ports) > 0 {
			host = net.JoinHostPort(strings.Trim(host, "[]"), strconv.Itoa(port))
		}
		for _, path := range append(slices.Clone(h.Paths), "")[:max(1, len(h.Paths))] {
			targets = append(targets, schemeOf(h)+"://"+host+path)
		}
	}
	return strings.Join(methodsOf(h), ",") + " " + strings.Join(targets, ", ")
}
