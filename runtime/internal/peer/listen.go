package peer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// listener is the one subscriptions/listen request that is held open with a
// modern server (2026-07-28, basic/patterns/subscriptions). It is one for
// everything because servers exist that keep one filter for a connection; so a
// change of the filter ends it and opens another.
type listener struct {
	gate chan struct{} // held by whoever changes it
	open *call
	uris []string // ascending
}

func newListener() listener { return listener{gate: make(chan struct{}, 1)} }

// Subscribe asks the server to signal changes of a resource, until
// [Peer.Unsubscribe] or the peer's end. Subscribing twice is subscribing once.
// The error is a *plugins.Error when the server refuses, a *runtime.GuestError
// when it is at fault, or ctx's error.
func (p *Peer) Subscribe(ctx context.Context, uri string) error {
	return p.changeSubscription(ctx, uri, true)
}

// Unsubscribe takes [Peer.Subscribe] back. What was not subscribed is no error.
func (p *Peer) Unsubscribe(ctx context.Context, uri string) error {
	return p.changeSubscription(ctx, uri, false)
}

func (p *Peer) changeSubscription(ctx context.Context, uri string, add bool) error {
	e := p.spoken()
	if !declares(e.caps, "resources", "subscribe") {
		return plugins.Errorf(plugins.CodeMethodNotFound, "Server %q has no resource subscriptions", p.cfg.Server)
	}
	if err := p.holdListener(ctx); err != nil {
		return p.giveUp(ctx, err)
	}
	defer func() { <-p.listen.gate }()
	i, found := slices.BinarySearch(p.listen.uris, uri)
	if found == add {
		return nil
	}
	uris := slices.Clone(p.listen.uris)
	if add {
		if len(uris) >= maxURIs {
			return plugins.Errorf(plugins.CodeInternalError, "Server %q has %d resource subscriptions already", p.cfg.Server, maxURIs)
		}
		uris = slices.Insert(uris, i, uri)
	} else {
		uris = slices.Delete(uris, i, i+1)
	}
	if e.modern {
		return p.giveUpListening(ctx, p.relistenHeld(ctx, uris), uris)
	}
	method := "resources/unsubscribe"
	if add {
		method = "resources/subscribe"
	}
	if err := p.command(ctx, method, wire.Object{}.SetString("uri", uri)); err != nil {
		return p.giveUp(ctx, err)
	}
	p.listen.uris = uris
	return nil
}

// giveUpListening takes a new set of URIs over if the server has; otherwise the
// old set is subscribed again.
func (p *Peer) giveUpListening(ctx context.Context, err error, uris []string) error {
	if err == nil {
		p.listen.uris = uris
		return nil
	}
	if !p.ended() {
		// The caller's time may be up, and is not what bounds this.
		_ = p.relistenHeld(context.WithoutCancel(ctx), p.listen.uris)
	}
	return p.giveUp(ctx, err)
}

func (p *Peer) holdListener(ctx context.Context) error {
	select {
	case p.listen.gate <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-p.done:
		return errEnded
	}
}

func (p *Peer) relisten(ctx context.Context, uris []string) error {
	if err := p.holdListener(ctx); err != nil {
		return err
	}
	defer func() { <-p.listen.gate }()
	return p.relistenHeld(ctx, uris)
}

// relistenHeld ends the open subscription and opens one for the given
// resources; the gate is held. It waits until the server has acknowledged it.
func (p *Peer) relistenHeld(ctx context.Context, uris []string) error {
	p.stopListening()
	filter := p.filter(uris)
	if filter.Len() == 0 {
		return nil
	}
	k, err := p.register(&call{method: "subscriptions/listen", internal: true, standing: true})
	if err != nil {
		return err
	}
	params := wire.Object{}.Set("_meta", p.ownMeta().JSON()).Set("notifications", filter.JSON())
	if err := p.send(ctx, k, params); err != nil {
		p.forget(k)
		return err
	}
	p.listen.open = k
	return bounded(ctx, func(ctx context.Context) error { return p.awaitAck(ctx, k, uris) })
}

// filter asks for what the server offers.
func (p *Peer) filter(uris []string) wire.Object {
	caps := p.spoken().caps
	var f wire.Object
	yes := json.RawMessage("true")
	for _, kind := range []string{"tools", "prompts", "resources"} {
		if declares(caps, kind, "listChanged") {
			f = f.Set(kind+"ListChanged", yes)
		}
	}
	if len(uris) > 0 {
		list := []byte{'['}
		for i, u := range uris {
			if i > 0 {
				list = append(list, ',')
			}
			list = append(list, wire.Quote(u)...)
		}
		f = f.Set("resourceSubscriptions", append(list, ']'))
	}
	return f
}

func declares(caps wire.Object, kind, what string) bool {
	o, _, err := caps.GetObject(kind)
	if err != nil {
		return false
	}
	v, _ := o.Get(what)
	return string(v) == "true"
}

// awaitAck waits for the server's acknowledgement of a subscription.
func (p *Peer) awaitAck(ctx context.Context, k *call, uris []string) error {
	for {
		p.mu.Lock()
		acked, done, answer, err := k.acked, k.done, k.answer, k.err
		p.mu.Unlock()
		switch {
		case acked != nil:
			return p.checkAck(acked, uris)
		case done && err != nil:
			return err
		case done && answer.Error != nil:
			return answer.Error
		case done:
			return errors.New("the server ended the subscription at once")
		}
		select {
		case <-k.wake:
		case <-ctx.Done():
			return fmt.Errorf("the subscription was not acknowledged: %w", ctx.Err())
		}
	}
}

// checkAck refuses an acknowledgement that leaves out resources which were
// asked for.
func (p *Peer) checkAck(acked json.RawMessage, uris []string) error {
	o, err := wire.ParseObject(acked)
	if err != nil {
		return fmt.Errorf("acknowledgement: %w", err)
	}
	have, _ := stringList(o, "resourceSubscriptions")
	for _, u := range uris {
		if !slices.Contains(have, u) {
			return plugins.Errorf(plugins.CodeInvalidParams, "Server %q does not take a subscription to %q", p.cfg.Server, u)
		}
	}
	return nil
}

// takeAck takes the first message of a subscription.
func (p *Peer) takeAck(m wire.Message) {
	meta, _, err := m.Params.GetObject("_meta")
	if err != nil {
		return
	}
	v, _ := meta.Get(plugins.MetaSubscriptionID)
	id, ok := wire.ParseID(v)
	if !ok {
		return
	}
	k := p.callByID(id)
	if k == nil || !k.standing {
		return
	}
	filter, ok := m.Params.Get("notifications")
	if !ok {
		filter = json.RawMessage("{}")
	}
	p.mu.Lock()
	k.acked = filter
	p.mu.Unlock()
	k.signal()
}

// stopListening ends the open subscription and gives the server a moment to
// settle it, since one that keeps a single filter would otherwise clear the next.
func (p *Peer) stopListening() {
	k := p.listen.open
	p.listen.open = nil
	if k == nil || p.isDone(k) {
		return
	}
	p.sendCancelled(k.id, "The subscriptions have changed.")
	grace := time.NewTimer(p.limits.CancelGrace)
	defer grace.Stop()
	for !p.isDone(k) {
		select {
		case <-k.wake:
			continue
		case <-grace.C:
		}
		break
	}
	p.abandon(k)
}
