package peer

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/mcpwasm/mcpwasm/internal/wire"
)

// maxUrgent bounds the lines that wait without a slot: cancellations and
// answers to the server's own requests, which nobody waits for.
const maxUrgent = 256

var errEnded = errors.New("the server has ended")

// outbox holds the lines that wait for the server to read them, in order.
type outbox struct {
	slots chan struct{} // one for each ordinary line that waits
	ready chan struct{} // a line is there

	mu     sync.Mutex
	lines  []*outLine
	urgent int
}

type outLine struct {
	bytes  []byte
	urgent bool
}

func newOutbox(slots int) *outbox {
	return &outbox{slots: make(chan struct{}, slots), ready: make(chan struct{}, 1)}
}

// put queues a message once there is room.
func (o *outbox) put(ctx context.Context, done <-chan struct{}, m wire.Message) (*outLine, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case o.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-done:
		return nil, errEnded
	}
	l := &outLine{bytes: encode(m)}
	o.add(l)
	return l, nil
}

// putUrgent queues a message without waiting. It reports false when too many
// wait already: the server does not read.
func (o *outbox) putUrgent(m wire.Message) bool {
	l := &outLine{bytes: encode(m), urgent: true}
	o.mu.Lock()
	full := o.urgent >= maxUrgent
	if !full {
		o.urgent++
	}
	o.mu.Unlock()
	if full {
		return false
	}
	o.add(l)
	return true
}

func (o *outbox) add(l *outLine) {
	o.mu.Lock()
	o.lines = append(o.lines, l)
	o.mu.Unlock()
	select {
	case o.ready <- struct{}{}:
	default:
	}
}

// next takes the oldest line.
func (o *outbox) next() ([]byte, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.lines) == 0 {
		return nil, false
	}
	l := o.lines[0]
	o.lines = slices.Delete(o.lines, 0, 1)
	o.release(l)
	return l.bytes, true
}

// withdraw takes a line back; it reports false when the server may have seen it.
func (o *outbox) withdraw(l *outLine) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	i := slices.Index(o.lines, l)
	if i < 0 {
		return false
	}
	o.lines = slices.Delete(o.lines, i, i+1)
	o.release(l)
	return true
}

func (o *outbox) release(l *outLine) {
	if l.urgent {
		o.urgent--
		return
	}
	<-o.slots
}

// encode writes a message as one line: its parts may hold newlines between
// their tokens.
func encode(m wire.Message) []byte {
	return append(wire.OneLine(m.Append(nil)), '\n')
}
