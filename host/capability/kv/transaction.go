package kv

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/mcpwasm/mcpwasm/registry/store"
)

// transaction is one try of a change: what was read, and what is to be written.
type transaction struct {
	store        store.Store
	scope        scope
	usageVersion uint64
	usage        usage
	old          index  // of the key
	oldValue     uint64 // the version of its value
	changes      []store.Change
	made         int // where among changes the key's index is, -1: nowhere
}

// begin reads what a change to a key depends on.
func (h *Handler) begin(ctx context.Context, s scope, key string) (*transaction, error) {
	t := &transaction{store: h.cfg.Store, scope: s, made: -1}
	e, err := t.store.Get(ctx, s.usageKey(), s.indexKey(key), s.valueKey(key))
	if err != nil {
		return nil, err
	}
	t.usageVersion, t.oldValue = e[0].Version, e[2].Version
	if t.usage, err = s.decodeUsage(e[0]); err != nil {
		return nil, err
	}
	if t.old, err = decodeIndex(e[1]); err != nil {
		return nil, fmt.Errorf("%q: %w", key, err)
	}
	return t, nil
}

// reap gives back what has expired, up to a bound; full says that there may be
// more. The key that is about to be changed is left to replace.
func (t *transaction) reap(ctx context.Context, key string, now time.Time) (full bool, err error) {
	due, err := t.store.List(ctx, t.scope.expiryPrefix(), "", reapBatch)
	if err != nil {
		return false, err
	}
	for i, e := range due {
		ms, expired, err := t.scope.splitExpiry(e.Key)
		if err != nil {
			return false, err
		}
		if ms > now.UnixMilli() {
			due = due[:i]
			break
		}
		if expired == key {
			continue
		}
		if err := t.forget(ctx, expired, ms); err != nil {
			return false, err
		}
		t.changes = append(t.changes, store.Change{Key: e.Key, If: e.Version, Delete: true})
	}
	return len(due) == reapBatch, nil
}

// forget removes a key that has expired, but for its expiry.
func (t *transaction) forget(ctx context.Context, key string, expires int64) error {
	e, err := t.store.Get(ctx, t.scope.indexKey(key), t.scope.valueKey(key))
	if err != nil {
		return err
	}
	x, err := decodeIndex(e[0])
	if err != nil {
		return fmt.Errorf("%q: %w", key, err)
	}
	if x.version != 0 && x.expires == expires {
		t.remove(key, x, e[1].Version)
	}
	return nil
}

// remove removes an index and its value, if the store still has that.
func (t *transaction) remove(key string, x index, value uint64) {
	t.usage.add(key, x.size, -1)
	t.changes = append(t.changes, store.Change{Key: t.scope.indexKey(key), If: x.version, Delete: true})
	if value != 0 {
		t.changes = append(t.changes, store.Change{Key: t.scope.valueKey(key), If: value, Delete: true})
	}
}

// replace makes the change itself.
func (t *transaction) replace(ctx context.Context, c change, now time.Time) error {
	next := index{size: int64(len(c.value))}
	if c.ttl > 0 {
		next.expires = now.Add(c.ttl).UnixMilli()
	}
	if err := t.moveExpiry(ctx, c.key, next.expires); err != nil {
		return err
	}
	if c.delete {
		t.remove(c.key, t.old, t.oldValue)
		return nil
	}
	if t.old.version != 0 {
		t.usage.add(c.key, t.old.size, -1)
	}
	t.usage.add(c.key, next.size, 1)
	value := store.Change{Key: t.scope.valueKey(c.key), If: t.oldValue, Value: c.value}
	if next.expires != 0 {
		value.Expires = time.UnixMilli(next.expires)
	}
	t.made = len(t.changes)
	t.changes = append(t.changes, store.Change{Key: t.scope.indexKey(c.key), If: t.old.version, Value: next.encode()}, value)
	return nil
}

// moveExpiry notes when a key expires now, 0 for never.
func (t *transaction) moveExpiry(ctx context.Context, key string, expires int64) error {
	if expires == t.old.expires {
		return nil // neither does, or it is noted
	}
	if t.old.expires != 0 {
		e, err := t.store.Get(ctx, t.scope.expiryKey(t.old.expires, key))
		if err != nil {
			return err
		}
		t.changes = append(t.changes, store.Change{Key: e[0].Key, If: e[0].Version, Delete: true})
	}
	if expires != 0 {
		t.changes = append(t.changes, store.Change{Key: t.scope.expiryKey(expires, key)})
	}
	return nil
}

// commit writes all and returns the version of the key that was made, if one was.
func (t *transaction) commit(ctx context.Context) (uint64, error) {
	u := store.Change{Key: t.scope.usageKey(), If: t.usageVersion, Delete: t.usage.Keys == 0}
	if !u.Delete {
		b, err := json.Marshal(t.usage)
		if err != nil {
			return 0, err
		}
		u.Value = b
	}
	versions, err := t.store.Apply(ctx, append(t.changes, u)...)
	if err != nil || t.made < 0 {
		return 0, err
	}
	return versions[t.made], nil
}
