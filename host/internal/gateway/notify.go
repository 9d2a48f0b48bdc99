package gateway

import (
	"context"
	"errors"

	"github.com/mcpwasm/mcpwasm/host/internal/gate"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
)

// filter returns what takes a guest's notifications for one message: progress
// with the client's own token, log messages that the client asked for; what is
// about the server goes to everybody who listens.
func (s *Server) filter(ctx context.Context, r Request, call *gate.Call) func(plugins.Notification) {
	meta, _, _ := r.Params.GetObject("_meta")
	rawToken, _ := meta.Get(plugins.MetaProgressToken)
	token, hasToken := wire.ParseID(rawToken)
	return func(n plugins.Notification) {
		n.Params = s.scrub(n.Params)
		params, err := wire.ParseObject(n.Params)
		if err != nil {
			return
		}
		switch n.Method {
		case plugins.NotifyProgress:
			raw, _ := params.Get("progressToken")
			if got, ok := wire.ParseID(raw); !hasToken || !ok || got != token {
				return
			}
		case plugins.NotifyLog:
			level, _, _ := params.GetString("level")
			if !ValidLogLevel(level) || !wantsLog(r.Meta.LogLevel, level) {
				return
			}
		case plugins.NotifyCloseStream:
		default:
			s.Signal(r.Session, n)
			return
		}
		if r.Notify == nil {
			return
		}
		if n.Method != plugins.NotifyCloseStream {
			var ok bool
			if n, ok = call.Notification(ctx, n, params); !ok {
				return
			}
		}
		r.Notify(n)
	}
}

// methodSubscribe is what policies are told of whoever wants to hear of a resource,
// in whatever revision.
const methodSubscribe = "resources/subscribe"

// Watch asks the server of a resource to tell when it is updated, if the policy
// lets the client know. r says who asks, and with what metadata. A denial is a
// *plugins.Error with [plugins.CodeDenied].
func (g *Gateway) Watch(ctx context.Context, r Request, exposed string) error {
	return g.watch(ctx, r, exposed, Guest.Subscribe, g.mayWatch)
}

// Unwatch takes a Watch back.
func (g *Gateway) Unwatch(ctx context.Context, r Request, exposed string) error {
	return g.watch(ctx, r, exposed, Guest.Unsubscribe, nil)
}

func (g *Gateway) watch(ctx context.Context, r Request, exposed string, do func(Guest, context.Context, runtime.Call, string) error,
	may func(context.Context, Request, target) error) error {
	t, err := g.owner(ctx, "resources", uriSeparator, func(string) (wire.Object, error) { return r.Params, nil }, exposed)
	if err != nil {
		return err
	}
	defer t.server.release()
	if may != nil {
		if err := may(ctx, r, t); err != nil {
			return err
		}
	}
	return t.server.scrubFailure(do(t.server.guest, ctx, runtime.Call{
		Message: plugins.Message{Method: r.Method, Params: t.params.JSON()},
		Session: r.Session,
	}, t.own))
}

func (g *Gateway) mayWatch(ctx context.Context, r Request, t target) error {
	if err := g.checkURI(t); err != nil {
		return err
	}
	t.subject.Resource, r.Method = t.own, methodSubscribe
	call, err := g.cfg.Gate.Open(ctx, t.defs.seen, t.request(r))
	if err == nil {
		defer call.Close()
		err = call.Decide(ctx)
	}
	if stop, ok := errors.AsType[*gate.Stop](err); ok {
		return stop.Err // only a call of a tool can end with a result
	}
	return err
}
