package catalog

import (
	"cmp"

	"github.com/mcpwasm/mcpwasm/plugins"
)

// Short says in short what a package asks for, one line each in the order of the
// manifest: "http api.example.com", "http http://printer.local", "files rw /data",
// "kv ro", "secret token", "env LANG", "clock", "random"; behind it " (optional)"
// where it may be denied. What is cut off at 300 characters or 200 lines is in the
// package.
func Short(r *plugins.Requests) []string {
	if r == nil {
		return nil
	}
	var lines []string
	add := func(line string, p plugins.PlainRequest) {
		if p.Optional {
			line += " (optional)"
		}
		if len(lines) < maxList {
			lines = append(lines, tidy(line, maxShort))
		}
	}
	for _, h := range r.HTTP {
		host := h.Host
		if h.Scheme == "http" {
			host = "http://" + host
		}
		add("http "+host, h.PlainRequest)
	}
	for _, f := range r.Files {
		add("files "+cmp.Or(f.Access, "ro")+" "+f.Path, f.PlainRequest)
	}
	if r.KV != nil {
		add("kv "+cmp.Or(r.KV.Access, "rw"), r.KV.PlainRequest)
	}
	for _, s := range r.Secrets {
		add("secret "+s.Name, s.PlainRequest)
	}
	for _, e := range r.Env {
		add("env "+e.Name, e.PlainRequest)
	}
	if r.Clock != nil {
		add("clock", *r.Clock)
	}
	if r.Random != nil {
		add("random", *r.Random)
	}
	return lines
}
