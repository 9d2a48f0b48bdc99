package runtime

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// gate decides which message is next. Messages wait in one line, first come,
// first served, but one that could not run yet (its guest is busy and does one
// thing at a time) does not keep the ones behind it from overtaking, so that a
// busy session costs the others nothing.
type gate struct {
	// exclusive says that a key has one message at a time.
	exclusive bool
	// keys bounds the keys that have messages under way; 0 is no bound, and
	// keys are not looked at.
	keys     int
	maxQueue int

	mu     sync.Mutex
	free   int            // messages that may still enter
	active map[string]int // messages under way by key
	queue  []*ticket      // in the order of arrival
}

// ticket is a message's place in the line.
type ticket struct {
	key string
	in  chan struct{} // closed when it may go on; under gate.mu
}

func newGate(concurrency, queue, keys int, exclusive bool) *gate {
	return &gate{exclusive: exclusive, keys: keys, maxQueue: queue, free: concurrency, active: map[string]int{}}
}

// enter waits for the message's turn. Every enter that returns nil needs a
// leave. It fails at once, with KindOverload, when the line is full.
func (g *gate) enter(ctx context.Context, key string) error {
	g.mu.Lock()
	if g.mayEnter(key) {
		g.take(key)
		g.mu.Unlock()
		return nil
	}
	if len(g.queue) >= g.maxQueue {
		g.mu.Unlock()
		return &GuestError{
			Kind:   KindOverload,
			Limit:  fmt.Sprintf("queue=%d", g.maxQueue),
			Detail: "too many messages are waiting; try again later",
		}
	}
	t := &ticket{key: key, in: make(chan struct{})}
	g.queue = append(g.queue, t)
	g.mu.Unlock()

	select {
	case <-t.in:
		return nil
	case <-ctx.Done():
		return g.giveUp(t, context.Cause(ctx))
	}
}

// giveUp takes a ticket out of the line. One that was let in meanwhile gives
// its turn to the next.
func (g *gate) giveUp(t *ticket, cause error) error {
	g.mu.Lock()
	i := slices.Index(g.queue, t)
	if i >= 0 {
		g.queue = slices.Delete(g.queue, i, i+1)
	}
	g.mu.Unlock()
	if i < 0 {
		g.leave(t.key)
	}
	return cause
}

// leave ends a message's turn and lets in who can go on.
func (g *gate) leave(key string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.free++
	if g.keys > 0 {
		if g.active[key]--; g.active[key] == 0 {
			delete(g.active, key)
		}
	}
	g.queue = slices.DeleteFunc(g.queue, func(t *ticket) bool {
		if !g.mayEnter(t.key) {
			return false
		}
		g.take(t.key)
		close(t.in)
		return true
	})
}

// mayEnter and take are called with mu held.
func (g *gate) mayEnter(key string) bool {
	if g.free == 0 {
		return false
	}
	if g.keys == 0 {
		return true
	}
	if g.active[key] > 0 {
		return !g.exclusive
	}
	return len(g.active) < g.keys
}

func (g *gate) take(key string) {
	g.free--
	if g.keys > 0 {
		g.active[key]++
	}
}
