package peer

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
)

// Requests that a server of an older era may send to its client.
const (
	methodElicit   = "elicitation/create"
	methodSampling = "sampling/createMessage"
	methodRoots    = "roots/list"
	methodPing     = "ping"
)

// ask is a request by the server that waits for the client's input.
type ask struct {
	id     wire.ID
	key    string // its name among the call's inputRequests
	method string
	params json.RawMessage // an object, or nil
}

// request is the ask as a member of inputRequests.
func (a *ask) request() json.RawMessage {
	r := wire.Object{}.SetString("method", a.method)
	if a.params != nil {
		r = r.Set("params", a.params)
	}
	return r.JSON()
}

// mayAsk reports whether a call of a method can need an input (2026-07-28,
// basic/patterns/mrtr, "Supported Requests").
func mayAsk(method string) bool {
	return method == plugins.MethodCallTool || method == plugins.MethodGetPrompt || method == plugins.MethodReadResource
}

// takeRequest takes a request by the server.
func (p *Peer) takeRequest(m wire.Message) {
	e := p.spoken()
	switch {
	case len(m.ID) > maxID:
		p.fault("it sent a request whose id has %d bytes; at most %d are taken", len(m.ID), maxID)
	case e.modern:
		p.fault("it sent the request %q; a server of %s must not", cut(m.Method), e.version)
		p.reply(m.ID, plugins.Errorf(plugins.CodeMethodNotFound, "Method not found: a server of %s sends no requests", e.version))
	case m.Method == methodPing:
		p.sendUrgent(wire.Message{Kind: wire.Response, ID: m.ID, Answer: plugins.Answer{Result: json.RawMessage("{}")}})
	case m.Method == methodElicit || m.Method == methodSampling || m.Method == methodRoots:
		if err := p.addAsk(m); err != nil {
			p.reply(m.ID, err)
		}
	default:
		p.reply(m.ID, plugins.Errorf(plugins.CodeMethodNotFound, "Method not found: %s", cut(m.Method)))
	}
}

// reply refuses a request by the server.
func (p *Peer) reply(id wire.ID, err *plugins.Error) {
	p.sendUrgent(wire.Message{Kind: wire.Response, ID: id, Answer: plugins.Answer{Error: err}})
}

// addAsk relates a request by the server to a call and wakes its caller.
func (p *Peer) addAsk(m wire.Message) *plugins.Error {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := &ask{id: m.ID, method: m.Method}
	if m.Params.Len() > 0 {
		a.params = m.Params.JSON() // a copy, which does not keep the whole line
	}
	k, err := p.relate(a)
	if err != nil {
		return err
	}
	if p.askBytes()+len(a.params) > p.limits.AnswerBytes {
		return plugins.Errorf(plugins.CodeInternalError, "%s: the requests that wait are larger than answer=%s", a.method, runtime.FormatBytes(p.limits.AnswerBytes))
	}
	k.addAsk(a)
	return nil
}

// askBytes is the size of all that waits for an input.
func (p *Peer) askBytes() int {
	n := 0
	for _, k := range p.calls {
		for _, a := range k.asks {
			n += len(a.params)
		}
	}
	return n
}

func (k *call) addAsk(a *ask) {
	k.lastKey++
	a.key = strconv.Itoa(k.lastKey)
	k.asks = append(k.asks, a)
	if k.state == "" {
		k.signal()
	}
}

// relate finds the call that a request by the server belongs to. The protocol
// does not say, so it must be plain: on a shared peer the only call that the
// server can be working on, otherwise the youngest that can take an input.
func (p *Peer) relate(a *ask) (*call, *plugins.Error) {
	k, hosts := p.youngest(func(k *call) bool { return mayAsk(k.method) && !k.dropped && !k.done && k.held == nil })
	if k == nil {
		return nil, plugins.Errorf(plugins.CodeMethodNotFound, "%s is possible only while a tools/call, prompts/get or resources/read is worked on", a.method)
	}
	if p.cfg.Shared && (hosts > 1 || p.gone.alive()) {
		return nil, plugins.Errorf(plugins.CodeMethodNotFound, "%s: the client cannot tell which of several calls this is for", a.method)
	}
	if err := k.who.refuses(a); err != nil {
		return nil, err
	}
	if len(k.asks) >= maxAsks {
		return nil, plugins.Errorf(plugins.CodeInternalError, "%s: %d requests of this call wait already", a.method, maxAsks)
	}
	return k, nil
}

// youngest returns the last call that fits, those that run before those that
// are parked, and how many of the host's calls are in flight.
func (p *Peer) youngest(fits func(*call) bool) (best *call, hosts int) {
	for _, k := range p.calls {
		if k.internal {
			continue
		}
		hosts++
		if !fits(k) {
			continue
		}
		if best == nil || (k.state == "") != (best.state == "") && k.state == "" || (k.state == "") == (best.state == "") && k.id > best.id {
			best = k
		}
	}
	return best, hosts
}

// refuses says why a client cannot be asked, by what it has declared
// (2025-11-25, basic/lifecycle, "Capability Negotiation").
func (who caller) refuses(a *ask) *plugins.Error {
	notSupported := func(what string) *plugins.Error {
		return plugins.Errorf(plugins.CodeMethodNotFound, "Method not found: the client of this call does not support %s", what)
	}
	var params wire.Object
	if a.params != nil {
		params, _ = wire.ParseObject(a.params) // it was one when it came
	}
	switch a.method {
	case methodRoots:
		if !who.caps.Has("roots") {
			return notSupported("roots")
		}
	case methodSampling:
		sampling, ok, err := who.caps.GetObject("sampling")
		if !ok || err != nil {
			return notSupported("sampling")
		}
		if (params.Has("tools") || params.Has("toolChoice")) && !sampling.Has("tools") {
			return plugins.Errorf(plugins.CodeInvalidParams, "Invalid params: the client of this call does not support tools in sampling")
		}
	case methodElicit:
		elicitation, ok, err := who.caps.GetObject("elicitation")
		if !ok || err != nil {
			return notSupported("elicitation")
		}
		mode, _, err := params.GetString("mode")
		if err != nil {
			return plugins.Errorf(plugins.CodeInvalidParams, "Invalid params: %v", err)
		}
		if mode == "" {
			mode = "form"
		}
		// An empty object means forms (2025-11-25, client/elicitation).
		if !elicitation.Has(mode) && (mode != "form" || elicitation.Has("url")) {
			return plugins.Errorf(plugins.CodeInvalidParams, "Invalid params: the client of this call does not support elicitation mode %q", cut(mode))
		}
	}
	return nil
}

// refuse answers what waits in a call with an error.
func (p *Peer) refuse(k *call, why string) {
	asks := k.asks
	k.asks = nil
	p.refuseAll(asks, why)
}

// refuseAll answers from a goroutine of its own, because the lock is held and a
// full queue ends the peer.
func (p *Peer) refuseAll(asks []*ask, why string) {
	if len(asks) == 0 || p.err != nil {
		return
	}
	go func() {
		for _, a := range asks {
			p.reply(a.id, plugins.Errorf(plugins.CodeInternalError, "%s: %s", a.method, why))
		}
	}()
}

// rehome finds another call for the requests that wait in one that is over.
func (p *Peer) rehome(k *call) {
	asks := k.asks
	k.asks = nil
	for _, a := range asks {
		if other, err := p.relate(a); err == nil && !p.cfg.Shared {
			other.addAsk(a)
			continue
		}
		p.refuseAll([]*ask{a}, "the call that it was for is over")
	}
}

// park sets a call aside until its inputs are there, and returns the
// input_required result that asks for them.
func (p *Peer) park(k *call) plugins.Answer {
	if len(p.parked) >= maxParked {
		p.refuse(k, "too many calls wait for an input")
		k.done = true
		delete(p.calls, k.id)
		p.gone.add(k.id)
		go p.sendCancelled(k.id, "Too many calls wait for an input.")
		return plugins.Answer{Error: plugins.Errorf(plugins.CodeInternalError, "%d calls of server %q wait for an input already", maxParked, p.cfg.Server)}
	}
	k.state = rand.Text()
	p.parked[k.state] = k
	state := k.state
	k.timer = time.AfterFunc(p.limits.Park, func() { p.expire(state) })
	var requests wire.Object
	for _, a := range k.asks {
		requests = requests.Set(a.key, a.request())
	}
	return plugins.Answer{Result: wire.Object{}.
		SetString("resultType", plugins.ResultInputRequired).
		Set("inputRequests", requests.JSON()).
		SetString("requestState", state).JSON()}
}

// unpark takes a call back; the lock is held.
func (p *Peer) unpark(k *call) {
	k.timer.Stop()
	delete(p.parked, k.state)
	k.state = ""
}

// expire ends a parked call whose inputs did not come.
func (p *Peer) expire(state string) {
	p.mu.Lock()
	k := p.parked[state]
	if k == nil {
		p.mu.Unlock()
		return
	}
	p.unpark(k)
	done := k.done
	asks := k.asks
	k.asks, k.dropped = nil, true
	p.abandonLocked(k)
	p.mu.Unlock()
	for _, a := range asks {
		p.reply(a.id, plugins.Errorf(plugins.CodeInternalError, "%s: the client did not answer within %v", a.method, p.limits.Park))
	}
	if !done {
		p.sendCancelled(k.id, "The client did not answer.")
	}
}

// resume goes on with a parked call.
func (p *Peer) resume(ctx context.Context, c runtime.Call, params wire.Object, who caller) (plugins.Answer, error) {
	state, _, err := params.GetString("requestState")
	if err != nil {
		return invalidParams("%v", err), nil
	}
	responses, _, err := params.GetObject("inputResponses")
	if err != nil {
		return invalidParams("%v", err), nil
	}
	for _, r := range responses.Members() {
		if kind := wire.KindOf(r.Value); kind != "an object" {
			return invalidParams("inputResponses: %q: want an object, have %s", cut(r.Name), kind), nil
		}
	}
	p.mu.Lock()
	k := p.parked[state]
	if k == nil || k.method != c.Message.Method || k.subject != c.Tool() {
		p.mu.Unlock()
		return invalidParams("requestState is not of this call, was used already or has expired; call again without it"), nil
	}
	p.unpark(k)
	k.who = who
	var answered []*ask
	k.asks = slices.DeleteFunc(k.asks, func(a *ask) bool {
		if responses.Has(a.key) {
			answered = append(answered, a)
			return true
		}
		return false
	})
	p.mu.Unlock()
	if err := p.deliver(ctx, answered, responses); err != nil {
		return p.cancel(ctx, k)
	}
	return p.await(ctx, k)
}

// deliver gives the server the inputs that it asked for. What it does not get
// because the caller gave up is refused.
func (p *Peer) deliver(ctx context.Context, asks []*ask, responses wire.Object) error {
	for i, a := range asks {
		v, _ := responses.Get(a.key)
		m := wire.Message{Kind: wire.Response, ID: a.id, Answer: plugins.Answer{Result: v}}
		if _, err := p.out.put(ctx, p.done, m); err != nil {
			for _, a := range asks[i:] {
				p.reply(a.id, plugins.Errorf(plugins.CodeInternalError, "%s: the call was cancelled", a.method))
			}
			return err
		}
	}
	return nil
}

// dropAsk forgets a request that the server has cancelled.
func (p *Peer) dropAsk(id wire.ID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range p.calls {
		k.asks = slices.DeleteFunc(k.asks, func(a *ask) bool { return a.id == id })
	}
}
