package kv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/store"
)

// reapBatch bounds how much of what has expired one change gives back.
const reapBatch = 32

// change is what a guest wants of one key.
type change struct {
	key    string
	ifSo   *uint64 // the version that there must be, 0 for none; nil: any
	delete bool
	value  []byte
	ttl    time.Duration
}

// readValue reads what is to be kept.
func readValue(body io.Reader) ([]byte, error) {
	value, err := io.ReadAll(io.LimitReader(body, MaxValueBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read the value: %w", err)
	}
	if len(value) > MaxValueBytes {
		return nil, effect.Errorf(plugins.EffectLimit, "the value has more than %d bytes", MaxValueBytes)
	}
	return value, nil
}

func (h *Handler) set(ctx context.Context, s scope, p params, reply *effect.Reply) error {
	v, err := h.change(ctx, s, change{key: p.key, ifSo: p.version, value: p.value, ttl: p.ttl})
	if err != nil {
		return err
	}
	return reply.Head(map[string]string{"version": formatVersion(v)})
}

func (h *Handler) delete(ctx context.Context, s scope, p params, reply *effect.Reply) error {
	v, err := h.change(ctx, s, change{key: p.key, ifSo: p.version, delete: true})
	if err != nil {
		return err
	}
	return reply.Head(map[string]bool{"deleted": v != 0})
}

// change makes a change and returns the new version, or the one that was
// deleted. Where another process changes the same data at once it begins again.
func (h *Handler) change(ctx context.Context, s scope, c change) (uint64, error) {
	select {
	case h.turn <- struct{}{}:
		defer func() { <-h.turn }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	for {
		v, err := h.try(ctx, s, c)
		if !errors.Is(err, store.ErrConflict) && !errors.Is(err, errAgain) {
			return v, err
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
	}
}

// errAgain says that something was given back to the quota, and may be enough.
var errAgain = errors.New("again")

func (h *Handler) try(ctx context.Context, s scope, c change) (uint64, error) {
	now := time.Now()
	t, err := h.begin(ctx, s, c.key)
	if err != nil {
		return 0, err
	}
	have := uint64(0)
	if t.old.alive(now) && t.oldValue != 0 {
		have = t.old.version
	}
	if c.ifSo != nil && *c.ifSo != have {
		return 0, effect.Errorf(plugins.EffectConflict, "key %q has another version", c.key)
	}
	if c.delete && have == 0 {
		return 0, nil
	}
	full, err := t.reap(ctx, c.key, now)
	if err != nil {
		return 0, err
	}
	before, reaped := t.usage, t.changes
	if err := t.replace(ctx, c, now); err != nil {
		return 0, err
	}
	if err := h.quota.over(before, t.usage); err != nil {
		if !full {
			return 0, effect.Errorf(plugins.EffectLimit, "key %q: %s", c.key, err)
		}
		t.usage, t.changes, t.made = before, reaped, -1
		if _, err := t.commit(ctx); err != nil {
			return 0, err
		}
		return 0, errAgain
	}
	v, err := t.commit(ctx)
	if c.delete {
		v = have
	}
	return v, err
}
