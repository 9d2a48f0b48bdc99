// Package effecttest has policies for tests of capabilities.
package effecttest

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// Allow is the Decide of an [effect.Call] that may do everything.
func Allow(context.Context, *cel.Effect, []string) error { return nil }

// Policy keeps what it was asked, a line for each effect as [Line] writes it. The zero
// value allows everything. It is safe for concurrent use.
type Policy struct {
	// Deny reports whether an effect is denied; nil denies nothing.
	Deny func(line string) bool

	mu    sync.Mutex
	asked []string
}

// Denial is the message of what a [Policy] denies.
const Denial = "the test forbids it"

// Decide is for an [effect.Call].
func (p *Policy) Decide(_ context.Context, e *cel.Effect, labels []string) error {
	line := Line(e, labels)
	p.mu.Lock()
	p.asked = append(p.asked, line)
	p.mu.Unlock()
	if p.Deny != nil && p.Deny(line) {
		return effect.Errorf(plugins.EffectDenied, Denial)
	}
	return nil
}

// Asked returns what was asked since it was called last.
func (p *Policy) Asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked := p.asked
	p.asked = nil
	return asked
}

// Call returns the call of a tool with this policy.
func (p *Policy) Call() effect.Call {
	return effect.Call{Server: "srv", Method: plugins.MethodCallTool, Tool: "t", Decide: p.Decide}
}

// Line writes an effect: "http GET https://example.com:443/a", "secret TOKEN", "secret
// TOKEN in " and a request, "file read /data/a" or `kv write "a"`, with the labels behind it
// where there are any. All that is in the effect is in the line.
func Line(e *cel.Effect, labels []string) string {
	line := e.Kind
	if e.Secret != nil {
		line += " " + e.Secret.Name
	}
	if h := e.HTTP; h != nil {
		if e.Secret != nil {
			line += " in"
		}
		line += fmt.Sprintf(" %s %s://%s%s", h.Method, h.Scheme, net.JoinHostPort(h.Host, strconv.Itoa(h.Port)), h.Path)
		if h.Query != "" {
			line += "?" + h.Query
		}
	}
	if f := e.File; f != nil {
		line += " " + f.Access + " " + f.Path
	}
	if k := e.KV; k != nil {
		line += fmt.Sprintf(" %s %q", k.Access, k.Key)
	}
	if len(labels) > 0 {
		line += fmt.Sprint(" ", slices.Sorted(slices.Values(labels)))
	}
	return line
}
