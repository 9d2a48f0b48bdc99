// Package store keeps what must outlive a process: approvals, key-value data,
// heads of audit logs. [Open] gives the default, one file on this machine that
// several processes share; whatever else implements [Store] can stand in its
// place, and package storetest says what it is held to.
//
// Every change says which version it is made to, so that nobody overwrites what
// they have not seen. Versions grow over the life of a store and are never used
// twice, not even by a key that was deleted and made again.
//
//	entries, err := s.Get(ctx, "approvals/weather")
//	…
//	_, err = s.Apply(ctx, store.Change{Key: entries[0].Key, If: entries[0].Version, Value: value})
//	if errors.Is(err, store.ErrConflict) { … } // begin again with Get
package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"
)

// Bounds that every [Store] keeps.
const (
	// MaxKeyBytes bounds a key, which has at least one byte. Any bytes will do.
	MaxKeyBytes = 2 << 10
	// MaxValueBytes bounds a value, which may be empty.
	MaxValueBytes = 2 << 20
	// MaxBatch bounds how many keys one Get, how many entries one List and how
	// many changes one Apply is about.
	MaxBatch = 4096
)

var (
	// ErrConflict says that an entry does not have the version that a change
	// was made for.
	ErrConflict = errors.New("another version is stored")
	// ErrBusy says that the context ended while others held the store.
	ErrBusy = errors.New("the state file is in use by another process")
	// ErrDamaged says that what is stored cannot be read as what was written.
	ErrDamaged = errors.New("the state file is damaged")
)

// Entry is what is stored for a key. One whose Version is 0 does not exist.
type Entry struct {
	Key     string
	Version uint64
	Value   []byte // the caller's own
	// Expires is when the entry ceases to exist, to the millisecond; zero is
	// never.
	Expires time.Time
}

// Change replaces an entry, or deletes it.
type Change struct {
	Key string
	// If is the version that is stored now; 0 says that there is none.
	If    uint64
	Value []byte
	// Delete removes the entry; Value and Expires mean nothing then.
	Delete bool
	// Expires is when the entry ceases to exist, in whole milliseconds (what is
	// beyond is dropped); zero is never. A time that has passed already is
	// allowed: such an entry is never seen.
	Expires time.Time
}

// Store is durable and shared. Its methods may be called at once by any number of
// goroutines and processes; each sees or makes one state as a whole. They end
// with the context's error when ctx does, except that an Apply which is being
// written is finished. An entry that has expired does not exist.
type Store interface {
	// Get returns an entry for each key, in the order of keys, from one state.
	Get(ctx context.Context, keys ...string) ([]Entry, error)
	// List returns up to limit entries, 1 to [MaxBatch], whose keys have the
	// prefix and come behind after, in ascending order of their bytes.
	List(ctx context.Context, prefix, after string, limit int) ([]Entry, error)
	// Apply makes all changes or, with an error, none. No two may have one key.
	// [ErrConflict] says that one of them met another version. It returns the
	// new versions, 0 for what was deleted. What it has returned is durable.
	Apply(ctx context.Context, changes ...Change) ([]uint64, error)
}

func checkKey(key string) error {
	if n := len(key); n < 1 || n > MaxKeyBytes {
		return fmt.Errorf("a key has 1 to %d bytes, this one has %d", MaxKeyBytes, n)
	}
	return nil
}

func checkBatch(what string, n int) error {
	if n > MaxBatch {
		return fmt.Errorf("%d %s at once: %d are allowed", n, what, MaxBatch)
	}
	return nil
}

func checkKeys(keys []string) error {
	for _, key := range keys {
		if err := checkKey(key); err != nil {
			return err
		}
	}
	return checkBatch("keys", len(keys))
}

func checkChanges(changes []Change) error {
	seen := make(map[string]bool, len(changes))
	for _, c := range changes {
		if err := checkKey(c.Key); err != nil {
			return err
		}
		if seen[c.Key] {
			return fmt.Errorf("two changes to the key %q", c.Key)
		}
		seen[c.Key] = true
		if len(c.Value) > MaxValueBytes {
			return fmt.Errorf("value of %q: %d bytes are more than %d", c.Key, len(c.Value), MaxValueBytes)
		}
		if _, err := millis(c.Expires); err != nil {
			return fmt.Errorf("expiry of %q: %w", c.Key, err)
		}
	}
	return checkBatch("changes", len(changes))
}

// millis returns the Unix time in milliseconds, 0 for never.
func millis(t time.Time) (uint64, error) {
	if t.IsZero() {
		return 0, nil
	}
	// UnixMilli wraps around beyond 292 million years.
	if y := t.Year(); y > 9999 {
		return 0, fmt.Errorf("year %d is beyond 9999", y)
	}
	if t.UnixMilli() < 1 {
		return 1, nil // long ago; 0 would be never
	}
	return uint64(t.UnixMilli()), nil
}

func fromMillis(ms uint64) time.Time {
	if ms == 0 || ms > math.MaxInt64 {
		return time.Time{}
	}
	return time.UnixMilli(int64(ms))
}
