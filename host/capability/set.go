// Package capability is what a guest can do beyond computing: the capabilities
// that were asked for and granted, as one [Set] for each server.
//
// Each capability is a package of its own below this one: egress (HTTP requests),
// files, kv (key-value data) and secrets. They decide, perform and explain; this
// package reads a guest's request, finds the capability that it is for and keeps
// the operator informed of what was denied. A capability that was not granted is
// there all the same, and denies.
package capability

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
)

// maxDenials is how many denials of one message are logged; what a guest does
// over and over is not worth more.
const maxDenials = 10

// performer is [runtime.Effects] for one call.
type performer struct {
	set     *Set
	call    effect.Call
	denials *atomic.Int32
}

var _ runtime.Effects = performer{}

// Perform implements [runtime.Effects].
func (p performer) Perform(ctx context.Context, request []byte, body io.Reader, reply io.Writer) error {
	r := effect.NewReply(reply)
	call, byPolicy := p.call.Watched()
	req, err := parse(request, body)
	if err == nil {
		err = p.dispatch(ctx, call, req, r)
	}
	if err == nil {
		return nil
	}
	told, ok := errors.AsType[*plugins.EffectError](err)
	if ok && told.Kind == plugins.EffectDenied && !byPolicy() {
		p.denied(req.Method, told)
	}
	if !ok && ctx.Err() == nil {
		p.set.log.Warn("an effect failed", "effect", req.Method, "tool", p.call.Tool, "error", p.set.ScrubText(err.Error()))
	}
	if r.Begun() {
		return err
	}
	if !ok {
		told = effect.Errorf(plugins.EffectFailed, "the host could not do it; its log says why")
	}
	return r.Fail(told)
}

func (p performer) dispatch(ctx context.Context, call effect.Call, req effect.Request, r *effect.Reply) error {
	h, ok := p.set.handlers[req.Method]
	if !ok {
		return effect.Errorf(plugins.EffectInvalid, "this host has no %q%s", clip(req.Method), p.set.meant(req.Method))
	}
	return h.Perform(ctx, call, req, r)
}

// denied tells the operator, who alone can change it, of what the grants deny. The
// policy's denials are told where it is asked.
func (p performer) denied(what string, e *plugins.EffectError) {
	switch n := p.denials.Add(1); {
	case n < maxDenials:
		p.set.log.Warn("denied", "effect", what, "tool", p.call.Tool, "reason", e.Message, "grant", e.Grant)
	case n == maxDenials:
		p.set.log.Warn("denied more; further denials of this message are not logged", "tool", p.call.Tool)
	}
}

// parse reads a request strictly: what is decided here is what is done.
func parse(b []byte, body io.Reader) (effect.Request, error) {
	invalid := func(err error) (effect.Request, error) {
		return effect.Request{}, effect.Errorf(plugins.EffectInvalid, "request: %v", err)
	}
	if err := wire.Check(b); err != nil {
		return invalid(err)
	}
	o, err := wire.ParseObject(b)
	if err != nil {
		return invalid(err)
	}
	r := effect.Request{Body: body}
	for _, m := range o.Members() {
		switch m.Name {
		case "method":
			r.Method, _, err = o.GetString("method")
		case "params":
			r.Params, _, err = o.GetObject("params")
		case "body":
			r.HasBody = string(m.Value) == "true"
			if !r.HasBody && string(m.Value) != "false" {
				err = errors.New("body: want true or false")
			}
		default:
			err = fmt.Errorf("unknown member %q", clip(m.Name))
		}
		if err != nil {
			return invalid(err)
		}
	}
	if r.Method == "" {
		return invalid(errors.New("missing method"))
	}
	if !r.HasBody {
		r.Body = noBody{}
	}
	return r, nil
}

// noBody is the body of a request that announced none.
type noBody struct{}

func (noBody) Read([]byte) (int, error) { return 0, io.EOF }
