// Package gate is where the host asks the policy. Everything that a policy decides
// goes through a [Gate]: what is listed, every message to a guest, every effect of
// a guest and everything that it says. The gate also keeps what decisions need to
// know from before: the sessions with their labels, and what people have answered.
//
// For one message the gateway opens a [Call], asks [Call.Decide] before the guest
// gets it, hands [Call.Effect] to the capabilities while the guest works, and takes
// what the guest says through [Call.Notification], [Call.Answer] and [Call.Error].
// Each of them can end the message with a [Stop]: a denial, or a question to the
// person at the client.
package gate

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host/internal/seal"
	"github.com/mcpwasm/mcpwasm/registry/store"
)

// Policy decides; *cel.Policy does, and says what the methods promise.
type Policy interface {
	Decide(ctx context.Context, phase cel.Phase, in *cel.Input) cel.Decision
	CheckTool(server string, tool *cel.Tool) cel.Problems
	ListsVary() bool
}

// Config is what a gate is made of. Policy, Sealer and Log are needed.
type Config struct {
	Policy Policy
	// Sealer protects what is asked on its way through the client.
	Sealer *seal.Sealer
	// Store keeps answers for good. Nil: nothing can be answered for good.
	Store store.Store
	// Shared says that others have the sealer's key, or that it outlives this
	// process: that a state was used is then kept in the store as well.
	Shared bool
	Log    *slog.Logger
}

// Gate asks a policy, safe for concurrent use.
type Gate struct {
	cfg      Config
	policy   atomic.Pointer[policy]
	sessions sessions
	used     nonces
}

// policy is a policy in force. Its pointer tells it from every other.
type policy struct{ Policy }

// New returns a gate.
func New(c Config) *Gate {
	g := &Gate{cfg: c}
	g.SetPolicy(c.Policy)
	return g
}

// SetPolicy has every decision from now on made by p, in calls that are running as
// well.
func (g *Gate) SetPolicy(p Policy) { g.policy.Store(&policy{p}) }

// View is a policy as it was when somebody began to make a list, which is of one
// policy. Views of one policy are equal.
type View struct {
	gate   *Gate
	policy *policy
}

// View returns the policy that is in force.
func (g *Gate) View() View { return View{g, g.policy.Load()} }

// Varies reports whether a list may differ from one principal to the next.
func (v View) Varies() bool { return v.policy.ListsVary() }

// Shows decides whether a definition is listed for a principal.
func (v View) Shows(ctx context.Context, d *Definitions, s Subject, p cel.Principal) bool {
	in := d.input(s)
	in.Principal = cel.Principal{Subject: p.Subject, Claims: p.Claims}
	return v.gate.decideBy(ctx, v.policy, cel.PhaseList, &in, nil).Verdict != cel.Deny
}

// decide asks the policy that is in force.
func (g *Gate) decide(ctx context.Context, phase cel.Phase, in *cel.Input, logged *denials) cel.Decision {
	return g.decideBy(ctx, g.policy.Load(), phase, in, logged)
}

// decideBy is the one place where a policy is asked, so that there is one place that
// knows every decision. logged are the denials of the same message, nil in a list.
func (g *Gate) decideBy(ctx context.Context, p *policy, phase cel.Phase, in *cel.Input, logged *denials) cel.Decision {
	d := p.Decide(ctx, phase, in)
	if d.Verdict == cel.Deny && ctx.Err() == nil {
		g.logDenial(ctx, phase, in, d, logged)
	}
	return d
}

// about are the attributes that say what was decided on. Values of arguments are
// none of them.
func about(phase cel.Phase, in *cel.Input) []any {
	attrs := []any{"phase", string(phase), "server", in.Server.Name}
	if in.Tool != nil {
		attrs = append(attrs, "tool", in.Tool.Name)
	}
	for _, a := range []struct{ name, value string }{
		{"prompt", in.Prompt}, {"resource", in.Resource}, {"method", in.Request.Method}, {"principal", in.Principal.Subject},
	} {
		if a.value != "" {
			attrs = append(attrs, a.name, clip(a.value, 200))
		}
	}
	if in.Effect != nil {
		attrs = append(attrs, "effect", in.Effect.Kind, "what", deed{in})
	}
	if in.Result != nil {
		attrs = append(attrs, "result", in.Result.Kind)
	}
	return attrs
}

// CheckServer logs what is wrong with the policy's rules for a server's tools, which
// are denied until it is put right.
func (g *Gate) CheckServer(d *Definitions) {
	p := g.policy.Load()
	for _, key := range d.toolNames {
		if problems := p.CheckTool(d.server.about.Server.Name, d.tools[key].tool); len(problems) > 0 {
			g.cfg.Log.Warn("rules of the policy do not fit a tool; what they are about is denied",
				"server", d.server.about.Server.Name, "tool", key, "error", problems)
		}
	}
}

// clip makes text of others fit for a line: at most n characters, those that do not
// print made visible.
func clip(s string, n int) string {
	out, rest := visible(s, n)
	out = strings.ReplaceAll(out, "\n", `\n`)
	if rest > 0 {
		out += "…"
	}
	return out
}

// errNoSession says that the gate has no room for one more session.
var errNoSession = errors.New("too many sessions are remembered")
