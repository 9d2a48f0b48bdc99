package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// gate is where those wait who want the file. The lock on the file itself has no
// queue: a process that works on it without a pause would get it again and again,
// while others sleep between two tries. So whoever wants it takes the lock of a
// second file first, and gives that up once it has the file; hence between two
// turns of one process there is one of another's. Within a process a channel does
// the same without polling.
type gate struct {
	turn chan struct{} // holds one token while somebody has it
	path string        // of the second file

	mu     sync.Mutex
	broken error
}

func newGate(path string) *gate { return &gate{turn: make(chan struct{}, 1), path: path} }

// enter waits for the turn of this process's caller. leave ends it.
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

// queue waits for the turn of this process. The caller has entered.
func (g *gate) queue(ctx context.Context) (next func(), err error) {
	lock := flock.New(g.path, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	for w := (wait{next: 200 * time.Microsecond, limit: 5 * time.Millisecond}); ; {
		ok, err := lock.TryLock()
		if err != nil {
			return nil, errors.Join(err, lock.Close())
		}
		if ok {
			return func() { _ = lock.Close() }, nil
		}
		if err := w.sleep(ctx); err != nil {
			return nil, errors.Join(err, lock.Close())
		}
	}
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
