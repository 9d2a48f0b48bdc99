package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mcpwasm/mcpwasm/internal/bytesize"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// grantsJSON are a server's grants, in the forms of the configuration file.
type grantsJSON struct {
	HTTP    []string                  `json:"http,omitempty"`
	Mounts  []string                  `json:"mounts,omitempty"`
	KV      string                    `json:"kv,omitempty"`
	Secrets map[string]string         `json:"secrets,omitempty"`
	Tools   map[string]plugins.Access `json:"tools,omitempty"`
	Clock   string                    `json:"clock,omitempty"`
}

func newGrantsJSON(g plugins.Grants, clock time.Duration) grantsJSON {
	j := grantsJSON{Tools: g.Tools}
	for _, h := range g.HTTP {
		j.HTTP = append(j.HTTP, h.String())
	}
	for _, m := range g.Mounts {
		j.Mounts = append(j.Mounts, m.String())
	}
	if g.KV != nil {
		j.KV = g.KV.String()
	}
	for _, s := range g.Secrets {
		if j.Secrets == nil {
			j.Secrets = map[string]string{}
		}
		j.Secrets[s.Name] = strings.TrimPrefix(s.String(), s.Name+"=")
	}
	if clock != 0 {
		j.Clock = clock.String()
	}
	return j
}

// grantsText is what validate prints of a server's grants.
func grantsText(server string, may []string) string {
	if len(may) == 0 {
		return server + " has no grants\n"
	}
	return printable(server + " may\n  " + strings.Join(may, "\n  ") + "\n")
}

// may says in words what a server may do, each behind "it may".
func may(g plugins.Grants, clock time.Duration) []string {
	words := []string{}
	for _, h := range g.HTTP {
		words = append(words, maySend(h))
	}
	for _, m := range g.Mounts {
		verb := "read"
		if m.Access == plugins.ReadWrite {
			verb = "read and write"
		}
		words = append(words, fmt.Sprintf("%s %s, as %s%s", verb, m.Source, m.Path, upTo(m.QuotaBytes)))
	}
	switch {
	case g.KV == nil:
	case g.KV.Access == plugins.ReadOnly:
		words = append(words, "read the data that it has kept")
	default:
		words = append(words, "keep data"+upTo(g.KV.QuotaBytes))
	}
	for _, s := range g.Secrets {
		places := s.In
		if len(places) == 0 {
			places = []string{"header", "query", "body"}
		}
		words = append(words, fmt.Sprintf("have the secret %s (%s:%s) sent to %s, in the %s",
			s.Name, s.Provider, s.Ref, list(s.Hosts, "and"), list(places, "or")))
	}
	for _, tool := range slices.Sorted(maps.Keys(g.Tools)) {
		if g.Tools[tool] == plugins.ReadWrite {
			words = append(words, fmt.Sprintf("write in the tool %s, whatever its hints say", tool))
		} else {
			words = append(words, fmt.Sprintf("only read in the tool %s, whatever its hints say", tool))
		}
	}
	if clock != 0 {
		words = append(words, fmt.Sprintf("see the time in steps of %s", clock))
	}
	return words
}

func maySend(g plugins.HTTPGrant) string {
	requests := "requests"
	if len(g.Methods) > 0 {
		requests = list(g.Methods, "and") + " requests"
	}
	g.Methods = nil
	var targets []string
	for _, scheme := range g.Schemes() {
		g.Scheme = scheme
		targets = append(targets, g.String())
	}
	words := "send " + requests + " to " + list(targets, "and")
	if g.Path != "" {
		words += " and what is below"
	}
	if g.Host == "*" {
		words += ", * being every public name"
	}
	return words
}

// upTo says a quota, where there is one.
func upTo(quota int64) string {
	if quota == 0 {
		return ""
	}
	return ", up to " + bytesize.Format(quota)
}

// list joins words: "a, b and c".
func list(words []string, and string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " " + and + " " + words[last]
}
