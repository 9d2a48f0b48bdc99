// Package store keeps state that outlives a process and is shared by processes.
package store

import (
	"context"
	"errors"
	"time"
)

// ErrConflict is why a [Change] was not made: the key has another version.
var ErrConflict = errors.New("conflict")

// Entry is what a store holds under a key. Version 0 says that there is nothing;
// Expires is zero for what stays.
type Entry struct {
	Key     string
	Version uint64
	Value   []byte
	Expires time.Time
}

// Change is one of the changes of an [Store.Apply]. If is the version that the key
// must have, 0 for none.
type Change struct {
	Key     string
	If      uint64
	Value   []byte
	Delete  bool
	Expires time.Time
}

// Store is where state is kept. It is safe for concurrent use.
type Store interface {
	// Get returns the entries of keys in their order, as of one moment.
	Get(ctx context.Context, keys ...string) ([]Entry, error)
	// List returns up to limit entries whose keys have the prefix and come
	// after a key, in ascending order of bytes.
	List(ctx context.Context, prefix, after string, limit int) ([]Entry, error)
	// Apply makes all of the changes or, with [ErrConflict], none. It returns
	// the new versions.
	Apply(ctx context.Context, changes ...Change) ([]uint64, error)
}
