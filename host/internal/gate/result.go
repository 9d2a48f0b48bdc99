package gate

import (
	"context"
	"encoding/json"
	"slices"
	"sync"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// Answer decides on a guest's result before the client sees it, a question to the
// client included. It returns what is left of it; the error is a *Stop. What an
// effect has to be asked for comes first: the guest's result is then nothing but
// what it made of a denial.
func (c *Call) Answer(ctx context.Context, result wire.Object) (wire.Object, error) {
	if p := c.asking(); p != nil {
		return result, c.ask(ctx, *p)
	}
	raw := result.JSON()
	isError, _ := result.Get("isError")
	r := &cel.Result{Kind: cel.ResultAnswer, Size: int64(len(raw)), IsError: string(isError) == "true"}
	kept := ""
	if kind, _, _ := result.GetString("resultType"); kind == plugins.ResultInputRequired {
		r.Kind, kept = cel.ResultInput, "requestState" // is sealed before the client gets it
	}
	r.Content = content(raw, result, kept)
	d := c.result(ctx, r)
	if d.Verdict == cel.Deny {
		return result, c.denied(cel.PhaseResult, d.Rule, d.Message)
	}
	if len(d.Redactions) == 0 {
		return result, nil
	}
	if isWhole(d.Redactions) {
		if r.Kind == cel.ResultInput {
			return result, c.withheld(d, "nothing of what the server asks may be shown")
		}
		return c.emptied(result), nil
	}
	left, err := rewrite(raw, kept, replacer(d.Redactions))
	if err != nil {
		return result, c.withheld(d, err.Error())
	}
	return wire.ParseObject(left)
}

// Error decides on an error of the guest's. It returns what is left of it, and a
// *Stop for an error.
func (c *Call) Error(ctx context.Context, e *plugins.Error) (*plugins.Error, error) {
	if p := c.asking(); p != nil {
		return nil, c.ask(ctx, *p)
	}
	o := wire.Object{}.SetString("message", e.Message)
	if len(e.Data) > 0 {
		o = o.Set("data", e.Data)
	}
	raw := o.JSON()
	d := c.result(ctx, &cel.Result{Kind: cel.ResultError, Size: int64(len(raw)), IsError: true, Content: content(raw, wire.Object{}, "")})
	if d.Verdict == cel.Deny {
		return nil, c.denied(cel.PhaseResult, d.Rule, d.Message)
	}
	if len(d.Redactions) == 0 {
		return e, nil
	}
	replace := replacer(d.Redactions)
	if isWhole(d.Redactions) {
		return &plugins.Error{Code: e.Code, Message: replace("error")}, nil
	}
	left := &plugins.Error{Code: e.Code, Message: replace(e.Message)}
	if len(e.Data) > 0 {
		var err error
		if left.Data, err = rewriteFree(e.Data, replace); err != nil {
			return nil, c.withheld(d, err.Error())
		}
	}
	return left, nil
}

// Notification decides on progress or a log message. It reports false for what
// the client does not get to see.
func (c *Call) Notification(ctx context.Context, n plugins.Notification, params wire.Object) (plugins.Notification, bool) {
	if c.asking() != nil {
		return n, false
	}
	kept := ""
	if n.Method == plugins.NotifyProgress {
		kept = "progressToken" // is the client's, or the notification is not its
	}
	d := c.result(ctx, &cel.Result{Kind: cel.ResultNotification, Size: int64(len(n.Params)), Content: content(n.Params, wire.Object{}, kept)})
	if d.Verdict == cel.Deny {
		return n, false
	}
	if len(d.Redactions) == 0 {
		return n, true
	}
	replace := replacer(d.Redactions)
	if isWhole(d.Redactions) {
		for _, member := range []string{"message", "data"} {
			if params.Has(member) {
				params = params.SetString(member, replace("notification"))
			}
		}
		n.Params = only(params, "progressToken", "progress", "total", "level", "message", "data").JSON()
		return n, true
	}
	left, err := rewrite(n.Params, kept, replace)
	n.Params = left
	return n, err == nil
}

// result decides on something that the guest says. What is let through labels the
// session, before anybody sees it.
func (c *Call) result(ctx context.Context, r *cel.Result) cel.Decision {
	in := c.input()
	start := c.defs.server.startLabels()
	in.Labels, in.Result = union(in.Labels, start), r
	d := c.gate.decide(ctx, cel.PhaseResult, &in, &c.denials)
	if d.Verdict != cel.Deny {
		c.session.add(d.Labels)
	}
	return d
}

// content says lazily what is in a result: most policies never ask. kept is the member
// that is not the guest's.
func content(raw json.RawMessage, result wire.Object, kept string) func() ([]string, string) {
	return sync.OnceValues(func() ([]string, string) { return typesOf(result), textOf(raw, kept) })
}

// withheld is the denial of something that could not be redacted.
func (c *Call) withheld(d cel.Decision, why string) error {
	return c.denied(cel.PhaseResult, d.Redactions[0].Rule, why)
}

func isWhole(all []cel.Redaction) bool {
	return slices.ContainsFunc(all, func(r cel.Redaction) bool { return len(r.Patterns) == 0 })
}

func replacer(all []cel.Redaction) func(string) string {
	return func(s string) string {
		for _, r := range all {
			s = r.Apply(s)
		}
		return s
	}
}

// redactedText stands for all of a result.
var redactedText = cel.Redaction{}.Apply("result")

// emptied is a result of the right shape with nothing of the guest's in it.
func (c *Call) emptied(result wire.Object) wire.Object {
	out := wire.Object{}.SetString("resultType", plugins.ResultComplete)
	text := textContent(redactedText)
	switch c.r.Method {
	case plugins.MethodCallTool:
		out = out.Set("content", list(text))
		if v, ok := result.Get("isError"); ok && (string(v) == "true" || string(v) == "false") {
			out = out.Set("isError", v)
		}
	case plugins.MethodGetPrompt:
		out = out.Set("messages", list(wire.Object{}.SetString("role", "user").Set("content", text).JSON()))
	case plugins.MethodReadResource:
		out = out.Set("contents", list(wire.Object{}.SetString("uri", c.r.Subject.Resource).SetString("text", redactedText).JSON()))
	case plugins.MethodComplete:
		out = out.Set("completion", json.RawMessage(`{"values":[]}`))
	}
	return out
}

func list(v json.RawMessage) json.RawMessage { return slices.Concat([]byte("["), v, []byte("]")) }

// only returns the members with these names.
func only(o wire.Object, names ...string) wire.Object {
	var out wire.Object
	for _, m := range o.Members() {
		if slices.Contains(names, m.Name) {
			out = out.Set(m.Name, m.Value)
		}
	}
	return out
}
