package peer

import (
	"encoding/json"
	"strconv"
	"sync"

	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// takeNotification takes a notification by the server, of which the memory of a
// line of size bytes is kept. Unknown ones are ignored, as JSON-RPC wants it.
func (p *Peer) takeNotification(m wire.Message, size int) {
	switch m.Method {
	case plugins.NotifyProgress:
		p.takeProgress(m, size)
	case plugins.NotifyLog:
		p.takeLog(m, size)
	case plugins.NotifyToolsListChanged, plugins.NotifyPromptsListChanged, plugins.NotifyResourcesListChanged, plugins.NotifyResourceUpdated:
		p.takeSignal(m)
	case "notifications/subscriptions/acknowledged":
		p.takeAck(m)
	case "notifications/cancelled":
		p.takeCancelled(m)
	}
}

// takeProgress relates progress to its call by the token, which is the
// request's id.
func (p *Peer) takeProgress(m wire.Message, size int) {
	v, _ := m.Params.Get(plugins.MetaProgressToken)
	id, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	k := p.calls[id]
	if k == nil || k.who.token == nil {
		return
	}
	p.enqueue(k, m, size)
}

// forCaller makes a notification fit for the caller of the present round, whose
// progress token may be another than that of the round in which it came.
func (who caller) forCaller(m wire.Message) (plugins.Notification, bool) {
	params := m.Params
	if m.Method == plugins.NotifyProgress {
		if who.token == nil {
			return plugins.Notification{}, false
		}
		params = params.Set(plugins.MetaProgressToken, who.token)
	}
	return plugins.Notification{Method: m.Method, Params: params.JSON()}, who.notify != nil
}

// takeLog relates a log message, which does not say what it belongs to.
func (p *Peer) takeLog(m wire.Message, size int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	only, hosts := p.youngest(func(*call) bool { return true })
	switch {
	case p.gone.pending(p.flooding): // the rest of what failed that call
	case p.cfg.Shared && (hosts > 1 || p.gone.alive()):
	case hosts == 1:
		p.enqueue(only, m, size)
	default:
		// One client is behind all of them: it hears it once.
		if k, _ := p.youngest(func(k *call) bool { return k.who.level != "" }); k != nil {
			p.enqueue(k, m, size)
		}
	}
}

// enqueue adds a notification to those that a call's caller has yet to deliver;
// the lock is held. A call with too many fails.
func (p *Peer) enqueue(k *call, m wire.Message, size int) {
	if k.done || k.dropped {
		return
	}
	k.notified += noticeCost + size
	if k.notified > p.limits.NotifyBytes {
		err := p.limitError("notifications", p.limits.NotifyBytes, "its notifications are more than that")
		p.settle(k, plugins.Answer{}, k.errorFor(err))
		p.gone.add(k.id)
		p.flooding = k.id
		go p.sendCancelled(k.id, "Too many notifications.")
		return
	}
	k.queue = append(k.queue, m)
	if k.state == "" {
		k.signal()
	}
}

// takeSignal hands on what is about the server and not about a call. The
// subscription that it came by is the peer's own business.
func (p *Peer) takeSignal(m wire.Message) {
	params := m.Params
	if meta, ok, err := params.GetObject("_meta"); ok && err == nil {
		meta = meta.Delete(plugins.MetaSubscriptionID)
		params = params.Set("_meta", meta.JSON())
		if meta.Len() == 0 {
			params = params.Delete("_meta")
		}
	}
	key := m.Method
	if m.Method == plugins.NotifyResourceUpdated {
		uri, _, err := params.GetString("uri")
		if err != nil || uri == "" {
			return
		}
		key += " " + uri
	}
	n := plugins.Notification{Method: m.Method}
	if params.Len() > 0 {
		n.Params = params.JSON()
	}
	if len(n.Params) > maxSignal {
		p.fault("%q has %d bytes; at most %d are taken", m.Method, len(n.Params), maxSignal)
		return
	}
	if !p.sig.add(key, n) {
		p.fault("it sends more signals than are taken; %q was dropped", m.Method)
	}
}

// takeCancelled takes the server's cancellation of a request of its own, or its
// end of a subscription.
func (p *Peer) takeCancelled(m wire.Message) {
	v, _ := m.Params.Get("requestId")
	id, ok := wire.ParseID(v)
	if !ok {
		return
	}
	if !p.spoken().modern {
		p.dropAsk(id)
		return
	}
	if k := p.callByID(id); k != nil && k.standing {
		p.finish(k, plugins.Answer{Result: json.RawMessage("{}")}, nil)
	}
}

// signals merges signals until they are taken.
type signals struct {
	take  func(plugins.Notification)
	ready chan struct{}

	mu      sync.Mutex
	order   []string
	pending map[string]plugins.Notification
}

func newSignals(take func(plugins.Notification)) *signals {
	return &signals{take: take, ready: make(chan struct{}, 1), pending: map[string]plugins.Notification{}}
}

// add reports false when there was no room.
func (s *signals) add(key string, n plugins.Notification) bool {
	if s.take == nil {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.pending[key]; !ok {
		if len(s.order) >= maxURIs {
			return false
		}
		s.order = append(s.order, key)
	}
	s.pending[key] = n
	select {
	case s.ready <- struct{}{}:
	default:
	}
	return true
}

// run delivers signals until done.
func (s *signals) run(done <-chan struct{}) {
	if s.take == nil {
		return
	}
	for {
		select {
		case <-s.ready:
		case <-done:
			return
		}
		s.mu.Lock()
		order, pending := s.order, s.pending
		s.order, s.pending = nil, map[string]plugins.Notification{}
		s.mu.Unlock()
		for _, key := range order {
			s.take(pending[key])
		}
	}
}
