package cache

import (
	"context"
	"math/rand/v2"
	"time"
)

// wait spaces out looks at what another process does: longer each time, and never
// two waiters in step.
type wait struct{ next time.Duration }

func (w *wait) sleep(ctx context.Context) error {
	const limit = 50 * time.Millisecond
	t := time.NewTimer(w.next/2 + rand.N(w.next))
	defer t.Stop()
	w.next = min(2*w.next, limit)
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
