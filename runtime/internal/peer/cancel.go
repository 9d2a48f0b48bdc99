package peer

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
)

// cancel tells the server that a call's caller has given up, and waits a little
// for it to settle.
func (p *Peer) cancel(ctx context.Context, k *call) (plugins.Answer, error) {
	if p.out.withdraw(k.line) {
		p.forget(k)
		return plugins.Answer{}, ctx.Err()
	}
	p.mu.Lock()
	k.dropped = true
	p.refuse(k, "the call was cancelled")
	done := k.done
	p.mu.Unlock()
	if !done {
		p.sendCancelled(k.id, "The client gave up.")
	}
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
	return plugins.Answer{}, ctx.Err()
}

func (p *Peer) isDone(k *call) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return k.done
}

// sendCancelled sends notifications/cancelled (2026-07-28,
// basic/patterns/cancellation).
func (p *Peer) sendCancelled(id int64, reason string) {
	params := wire.Object{}.Set("requestId", json.RawMessage(strconv.FormatInt(id, 10))).SetString("reason", reason)
	p.sendUrgent(wire.Message{Kind: wire.Notification, Method: "notifications/cancelled", Params: params})
}

// sendUrgent sends what nobody waits for, and ends a server that does not read.
func (p *Peer) sendUrgent(m wire.Message) {
	if !p.out.putUrgent(m) {
		p.fail(p.guestError(runtime.KindLimit, "it does not read its standard input: %d messages wait", maxUrgent))
	}
}

// cancelled remembers the ids whose answers may still come.
type cancelled struct {
	keep  time.Duration
	order []int64
	since map[int64]time.Time
}

func (c *cancelled) add(id int64) {
	if c.since == nil {
		c.since = map[int64]time.Time{}
	}
	c.since[id] = time.Now()
	c.order = append(c.order, id)
	if len(c.order) > maxGone {
		delete(c.since, c.order[0])
		c.order = append([]int64(nil), c.order[1:]...)
	}
}

// take reports whether an id was cancelled, and forgets it.
func (c *cancelled) take(id int64) bool {
	_, ok := c.since[id]
	delete(c.since, id)
	return ok
}

// pending reports whether the server may still work on a cancelled call.
func (c *cancelled) pending(id int64) bool {
	t, ok := c.since[id]
	return ok && time.Since(t) < c.keep
}

// alive reports whether the server may still work on a cancelled call: one that
// it has not answered, and that was cancelled not long ago.
func (c *cancelled) alive() bool {
	for _, t := range c.since {
		if time.Since(t) < c.keep {
			return true
		}
	}
	return false
}
