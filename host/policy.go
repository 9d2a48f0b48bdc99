package host

import (
	"context"
	"time"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host/internal/gate"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/store"
)

// SetPolicy has every decision from now on made by p, in calls that are running as
// well; nil is [cel.Default]. Clients are told that lists have changed. The error is a
// [LabelProblems] where servers have labels that p does not know; the policy is then as
// before. [Host.Replace] changes both at once.
func (h *Host) SetPolicy(p *cel.Policy) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	p = orDefault(p)
	if err := CheckLabels(p, configs(h.entries)); err != nil {
		return err
	}
	h.decideBy(p)
	return nil
}

// decideBy puts a policy in force. h.mu is held.
func (h *Host) decideBy(p *cel.Policy) {
	if p != h.policy {
		h.policy = p
		h.gateway.SetPolicy(p)
	}
}

// configs are the servers of entries as they were configured.
func configs(entries []entry) []Server {
	list := make([]Server, len(entries))
	for i, e := range entries {
		list[i] = e.config
	}
	return list
}

func orDefault(p *cel.Policy) *cel.Policy {
	if p == nil {
		return cel.Default()
	}
	return p
}

// Approval is something that a person has allowed for good when a policy asked.
type Approval struct {
	ID string // names it for [Forget]
	// When it was allowed, to the second, in UTC.
	When time.Time
	// Principal is for whom it holds, "" for whoever speaks to the host on stdio.
	Principal string
	// Server and Digest are the server's name and module, Tool the tool that was
	// called, "" where the answer is about a prompt or a resource, and Rule the rule
	// that asked. The answer holds for these only: another module or tool definition,
	// or another wording of the rule, is asked about again.
	Server, Digest, Tool, Rule string
	What                       string // in plain words
}

// Approvals lists what people have allowed for good, in ascending order of the ids.
func Approvals(ctx context.Context, s store.Store) ([]Approval, error) {
	kept, err := gate.Approvals(ctx, s)
	if err != nil {
		return nil, err
	}
	all := make([]Approval, len(kept))
	for i, a := range kept {
		all[i] = Approval(a)
	}
	return all, nil
}

// ErrNoApproval says that no approval has an id.
var ErrNoApproval = gate.ErrNoApproval

// Forget takes back what was allowed for good; hosts that are running ask again from
// now on. The error wraps [ErrNoApproval] where there is no such approval.
func Forget(ctx context.Context, s store.Store, id string) error { return gate.Forget(ctx, s, id) }

// about is what policies see of a server.
func about(s Server, digest string, held plugins.Grants) gate.About {
	return gate.About{
		Server: cel.Server{
			Name: s.Name, Digest: digest, Signers: s.Signers, Registry: s.Registry, Repository: s.Repository,
			Backend: "wasm", Grants: grantTexts(held),
		},
		Tools: s.Labels.Tools, Prompts: s.Labels.Prompts, Resources: s.Labels.Resources, Tags: s.Tags,
	}
}

// grantTexts are grants in the form in which people write them.
func grantTexts(g plugins.Grants) cel.Grants {
	var out cel.Grants
	for _, h := range g.HTTP {
		out.HTTP = append(out.HTTP, h.String())
	}
	for _, m := range g.Mounts {
		out.Mounts = append(out.Mounts, m.String())
	}
	for _, s := range g.Secrets {
		out.Secrets = append(out.Secrets, s.Name)
	}
	if g.KV != nil {
		out.KV = string(plugins.ReadWrite)
		if g.KV.Access != "" {
			out.KV = string(g.KV.Access)
		}
	}
	return out
}
