package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// gate lets one goroutine of this process at a time to the file, so that only
// processes have to try again and again.
type gate struct {
	turn chan struct{} // holds one token while somebody has it

	mu     sync.Mutex
	broken error
}

func newGate() *gate { return &gate{turn: make(chan struct{}, 1)} }

// enter waits for the caller's turn. leave ends it.
func (g *gate) enter(ctx context.Context) (leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case g.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for the state file: %w", ctx.Err())
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.broken != nil {
		<-g.turn
		return nil, g.broken
	}
	return func() { <-g.turn }, nil
}

// shut lets nobody in any more.
func (g *gate) shut(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.broken = err
}

// wait spaces out tries: longer each time up to a limit, and never two waiters in
// step.
type wait struct{ next, limit time.Duration }

func (w *wait) sleep(ctx context.Context) error {
	t := time.NewTimer(w.next/2 + rand.N(w.next))
	defer t.Stop()
	w.next = min(2*w.next, w.limit)
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrBusy, ctx.Err())
	}
}
