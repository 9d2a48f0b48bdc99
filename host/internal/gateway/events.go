package gateway

import "sync"

// Event is something that changed on a server's side, as clients name it.
type Event struct {
	Method string // a list_changed notification, or resources/updated
	URI    string // of the resource that was updated
}

// Events hands events to the subscriptions that want them.
type Events struct {
	mu   sync.Mutex
	subs map[*Subscription]struct{}
}

// Subscription collects the events that a client wants to hear of. Events that
// say the same are one, so what waits is bounded by what was asked for, however
// slow the client.
type Subscription struct {
	events *Events
	wants  func(Event) bool
	ready  chan struct{} // holds a token while events wait

	mu      sync.Mutex
	waiting []Event
}

// Subscribe starts collecting the events that wants accepts. wants must be safe
// for concurrent use. The caller must Close the subscription.
func (e *Events) Subscribe(wants func(Event) bool) *Subscription {
	s := &Subscription{events: e, wants: wants, ready: make(chan struct{}, 1)}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.subs == nil {
		e.subs = map[*Subscription]struct{}{}
	}
	e.subs[s] = struct{}{}
	return s
}

// Publish gives an event to everybody who wants it.
func (e *Events) Publish(ev Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for s := range e.subs {
		if s.wants(ev) {
			s.add(ev)
		}
	}
}

func (s *Subscription) add(ev Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.waiting {
		if w == ev {
			return
		}
	}
	s.waiting = append(s.waiting, ev)
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// Ready is sent to when events wait to be taken.
func (s *Subscription) Ready() <-chan struct{} { return s.ready }

// Take returns the events that wait, in the order in which they came.
func (s *Subscription) Take() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	evs := s.waiting
	s.waiting = nil
	return evs
}

// Close ends the subscription.
func (s *Subscription) Close() {
	s.events.mu.Lock()
	defer s.events.mu.Unlock()
	delete(s.events.subs, s)
}
