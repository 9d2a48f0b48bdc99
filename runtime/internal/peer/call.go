package peer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
)

// call is one request to the server. Its fields are guarded by Peer.mu unless
// they are constant.
type call struct {
	id       int64
	method   string
	subject  string // the tool, prompt or resource
	internal bool   // the peer's own request, not the host's
	standing bool   // a listen request, which stays open
	wake     chan struct{}
	line     *outLine // the request, while it may still be withdrawn

	who      caller
	queue    []wire.Message // notifications that are not delivered yet
	notified int            // bytes of notifications so far
	done     bool           // answer or err is there
	answer   plugins.Answer
	err      error
	dropped  bool // its caller has given up
	// held is the server's answer, while what belongs before it may still come.
	held *plugins.Answer

	asks    []*ask // requests by the server that wait for an input
	lastKey int
	state   string // requestState while it is parked
	timer   *time.Timer
	acked   json.RawMessage // a standing call: the filter that was acknowledged
}

// caller is what one round's message says about who asks.
type caller struct {
	notify func(plugins.Notification)
	token  json.RawMessage // progressToken, nil when there is none
	level  string
	caps   wire.Object
}

// readCaller reads a message's _meta.
func readCaller(params wire.Object, notify func(plugins.Notification)) (caller, error) {
	who := caller{notify: notify}
	meta, _, err := params.GetObject("_meta")
	if err != nil {
		return who, err
	}
	if v, ok := meta.Get(plugins.MetaProgressToken); ok && !wire.IsNull(v) {
		who.token = v
	}
	if who.level, _, err = meta.GetString(plugins.MetaLogLevel); err != nil {
		return who, err
	}
	who.caps, _, err = meta.GetObject(plugins.MetaClientCapabilities)
	return who, err
}

// errorFor names the call in an error that may concern several.
func (k *call) errorFor(e *runtime.GuestError) *runtime.GuestError {
	c := *e
	c.Tool = k.subject
	return &c
}

func (k *call) signal() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// Handle gives the server one message and returns its one answer. The error is
// a *runtime.GuestError when the server is at fault, or ctx's error: then the
// server has been told that the call is cancelled.
//
// A result with resultType "input_required" from a server of an older era means
// that the call is parked: it goes on when a message with the same method and
// name brings back its requestState, within Limits.Park.
func (p *Peer) Handle(ctx context.Context, c runtime.Call) (plugins.Answer, error) {
	if n := len(c.Message.Params); n > p.limits.MessageBytes {
		e := p.limitError("message", p.limits.MessageBytes, "the message has %d bytes", n)
		e.Tool = c.Tool()
		return plugins.Answer{}, e
	}
	params, err := wire.ParseObject(c.Message.Params)
	if err != nil {
		return invalidParams("%v", err), nil
	}
	who, err := readCaller(params, c.Notify)
	if err != nil {
		return invalidParams("_meta: %v", err), nil
	}
	e := p.spoken()
	if a, ok := e.answerSelf(c.Message.Method); ok {
		return a, nil
	}
	if err := p.enter(c.Tool()); err != nil {
		return plugins.Answer{}, err
	}
	defer p.leave()
	if !e.modern && mayAsk(c.Message.Method) && params.Has("requestState") {
		return p.resume(ctx, c, params, who)
	}
	k, err := p.register(&call{method: c.Message.Method, subject: c.Tool(), who: who})
	if err != nil {
		return plugins.Answer{}, err
	}
	if err := p.raiseLevel(ctx, who.level); err != nil {
		p.forget(k)
		return plugins.Answer{}, p.giveUp(ctx, err)
	}
	if err := p.send(ctx, k, e.toServer(params, who, k.id)); err != nil {
		p.forget(k)
		return plugins.Answer{}, p.giveUp(ctx, err)
	}
	return p.await(ctx, k)
}

func invalidParams(format string, args ...any) plugins.Answer {
	return plugins.Answer{Error: plugins.Errorf(plugins.CodeInvalidParams, "Invalid params: "+format, args...)}
}

// enter counts a caller that the peer works for.
func (p *Peer) enter(tool string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		e := *p.err
		e.Tool = tool
		return &e
	}
	if p.running >= p.limits.Concurrency {
		return &runtime.GuestError{Kind: runtime.KindOverload, Server: p.cfg.Server, Tool: tool,
			Limit: fmt.Sprintf("concurrency=%d", p.limits.Concurrency), Detail: "it has as many messages as it may have; try again later"}
	}
	p.running++
	return nil
}

func (p *Peer) leave() {
	p.mu.Lock()
	p.running--
	p.mu.Unlock()
}

// register gives a call its id.
func (p *Peer) register(k *call) (*call, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return nil, k.errorFor(p.err)
	}
	p.lastID++
	k.id, k.wake = p.lastID, make(chan struct{}, 1)
	p.calls[k.id] = k
	return k, nil
}

// send queues a call's request.
func (p *Peer) send(ctx context.Context, k *call, params wire.Object) error {
	m := wire.Message{Kind: wire.Request, ID: wire.IntID(k.id), Method: k.method, Params: params}
	line, err := p.out.put(ctx, p.done, m)
	k.line = line
	return err
}

// giveUp turns an error of sending into the one that Handle returns.
func (p *Peer) giveUp(ctx context.Context, err error) error {
	if errors.Is(err, errEnded) {
		if e := p.Err(); e != nil {
			return e
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// await delivers a call's notifications until it has an answer, needs an input,
// or the caller gives up.
func (p *Peer) await(ctx context.Context, k *call) (plugins.Answer, error) {
	for {
		p.mu.Lock()
		batch, who := k.queue, k.who
		k.queue = nil
		if len(batch) == 0 {
			if k.done {
				defer p.mu.Unlock()
				return k.answer, k.err
			}
			if len(k.asks) > 0 {
				defer p.mu.Unlock()
				return p.park(k), nil
			}
		}
		p.mu.Unlock()
		if len(batch) > 0 {
			for _, m := range batch {
				if n, ok := who.forCaller(m); ok {
					who.notify(n)
				}
			}
			continue
		}
		select {
		case <-k.wake:
		case <-ctx.Done():
			return p.cancel(ctx, k)
		}
	}
}

// hold keeps a call's answer back until the server has settled. It reports false
// where there is nothing to wait for.
func (p *Peer) hold(k *call, a plugins.Answer) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	wants := k.who.notify != nil && (k.who.token != nil || k.who.level != "")
	if p.cfg.Settled == nil || k.internal || !wants {
		return false
	}
	k.held = &a
	go func() {
		p.cfg.Settled()
		p.finish(k, a, nil)
	}()
	return true
}

// answered reports whether a call's answer is there but held.
func (p *Peer) answered(k *call) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return k.held != nil
}

// forget removes a call that the server has not seen.
func (p *Peer) forget(k *call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.calls, k.id)
}

// abandon removes a call that the server may still answer.
func (p *Peer) abandon(k *call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.abandonLocked(k)
}

func (p *Peer) abandonLocked(k *call) {
	if _, ok := p.calls[k.id]; ok {
		delete(p.calls, k.id)
		p.gone.add(k.id)
	}
}

// callByID returns the call in flight with an id as the server wrote it.
func (p *Peer) callByID(id wire.ID) *call {
	n, ok := intID(id)
	if !ok {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[n]
}

// finish gives a call its answer.
func (p *Peer) finish(k *call, a plugins.Answer, err *runtime.GuestError) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settle(k, a, err)
}

// settle is finish with the lock held. Nothing that fails later takes an answer
// back that is there already.
func (p *Peer) settle(k *call, a plugins.Answer, err *runtime.GuestError) {
	if k.done {
		return
	}
	if k.held != nil {
		a, err = *k.held, nil
	}
	k.done, k.answer = true, a
	if err != nil {
		k.err = err
	}
	delete(p.calls, k.id)
	p.rehome(k)
	k.signal()
}

// failRunning fails the calls that wait for an answer, since nobody can tell
// which of them the server meant.
func (p *Peer) failRunning(err *runtime.GuestError) {
	var ids []int64
	p.mu.Lock()
	for id, k := range p.calls {
		if k.standing || k.state != "" {
			continue
		}
		p.settle(k, plugins.Answer{}, k.errorFor(err))
		p.gone.add(id)
		if !k.internal {
			ids = append(ids, id)
		}
	}
	p.mu.Unlock()
	if len(ids) == 0 {
		p.faultError(err)
	}
	for _, id := range ids {
		p.sendCancelled(id, "The answer could not be read.")
	}
}

// request sends one of the peer's own requests and waits for its answer.
func (p *Peer) request(ctx context.Context, method string, params wire.Object) (plugins.Answer, error) {
	k, err := p.ask(ctx, method, params)
	if err != nil {
		return plugins.Answer{}, err
	}
	return p.answerOf(ctx, k)
}

func (p *Peer) ask(ctx context.Context, method string, params wire.Object) (*call, error) {
	k, err := p.register(&call{method: method, internal: true})
	if err != nil {
		return nil, err
	}
	if err := p.send(ctx, k, params); err != nil {
		p.forget(k)
		return nil, p.giveUp(ctx, err)
	}
	return k, nil
}

func (p *Peer) answerOf(ctx context.Context, k *call) (plugins.Answer, error) {
	for {
		p.mu.Lock()
		done, answer, err := k.done, k.answer, k.err
		p.mu.Unlock()
		if done {
			return answer, err
		}
		select {
		case <-k.wake:
		case <-ctx.Done():
			return plugins.Answer{}, ctx.Err()
		}
	}
}

func (p *Peer) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}
