package gateway

import (
	"encoding/json"
	"errors"

	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/host/internal/gate"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
)

// authority is what the guest holds for a message: nothing without capabilities,
// and otherwise what was granted, narrowed by what its own tool says of itself.
func (t target) authority(r Request, c *gate.Call) *runtime.Authority {
	if t.server.capabilities == nil {
		return nil
	}
	return t.server.capabilities.Authority(effect.Call{
		Server: t.server.name, Method: r.Method, Tool: t.tool.Key, Principal: r.Principal,
		ReadOnly: readOnly(t.tool),
		Decide:   c.Effect,
	})
}

// readOnly reads a tool's hint (MCP 2026-07-28, schema, ToolAnnotations). It can
// only take away: a tool that lies about it has less, not more.
func readOnly(tool plugins.Definition) bool {
	o, err := wire.ParseObject(tool.Raw)
	if err != nil {
		return false
	}
	annotations, _, _ := o.GetObject("annotations")
	hint, _ := annotations.Get("readOnlyHint")
	return string(hint) == "true"
}

// scrub keeps secrets out of what the guest says. It never saw one, unless an
// upstream has found a way to show it one.
func (s *Server) scrub(v json.RawMessage) json.RawMessage {
	if s.capabilities == nil {
		return v
	}
	return s.capabilities.Scrub(v)
}

// scrubAnswer is scrub for all of an answer.
func (s *Server) scrubAnswer(a plugins.Answer) plugins.Answer {
	a.Result = s.scrub(a.Result)
	if a.Error != nil {
		a.Error = s.scrubError(a.Error)
	}
	return a
}

// scrubFailure keeps secrets out of why a guest failed, which may have its last
// words in it.
func (s *Server) scrubFailure(err error) error {
	e, ok := errors.AsType[*runtime.GuestError](err)
	if !ok || s.capabilities == nil {
		return err
	}
	scrubbed := *e
	if json.Unmarshal(s.scrub(wire.Quote(e.Detail)), &scrubbed.Detail) != nil {
		scrubbed.Detail = "why has a secret in it"
	}
	return &scrubbed
}

func (s *Server) scrubError(e *plugins.Error) *plugins.Error {
	if s.capabilities == nil {
		return e
	}
	scrubbed := *e
	scrubbed.Data = s.scrub(e.Data)
	if message := s.scrub(wire.Quote(e.Message)); json.Unmarshal(message, &scrubbed.Message) != nil {
		scrubbed.Message = "the error has a secret in it"
	}
	return &scrubbed
}
