package store

import (
	"bytes"
	"context"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"
)

// The file's buckets.
var (
	bucketMeta    = []byte("meta")
	bucketEntries = []byte("entries")  // key → record; its sequence is the last version
	bucketExpiry  = []byte("expiries") // see expiryKey
	keyFormat     = []byte("format")
	format1       = []byte("mcpwasm state 1")
)

// sweep bounds how many expired entries one Apply removes in passing.
const sweep = 64

// File is the [Store] in one file, see [Open].
type File struct {
	path string
	gate *gate
}

var _ Store = (*File)(nil)

// Path returns where the file is.
func (f *File) Path() string { return f.path }

// Get implements [Store].
func (f *File) Get(ctx context.Context, keys ...string) ([]Entry, error) {
	if err := checkKeys(keys); err != nil {
		return nil, f.fail("read", err)
	}
	entries := make([]Entry, len(keys))
	err := f.view(ctx, func(tx *bolt.Tx) error {
		b, err := openBuckets(tx)
		if err != nil {
			return err
		}
		now := time.Now()
		for i, key := range keys {
			if err := ctx.Err(); err != nil {
				return err
			}
			r, err := b.get([]byte(key), now)
			if err != nil {
				return err
			}
			entries[i] = r.entry(key)
		}
		return nil
	})
	if err != nil {
		return nil, f.fail("read", err)
	}
	return entries, nil
}

// List implements [Store].
func (f *File) List(ctx context.Context, prefix, after string, limit int) ([]Entry, error) {
	if limit < 1 || limit > MaxBatch {
		return nil, f.fail("list", fmt.Errorf("limit %d: want 1 to %d", limit, MaxBatch))
	}
	var entries []Entry
	err := f.view(ctx, func(tx *bolt.Tx) error {
		b, err := openBuckets(tx)
		if err != nil {
			return err
		}
		now, c := time.Now(), b.entries.Cursor()
		for k, v := c.Seek([]byte(max(prefix, after))); k != nil && len(entries) < limit; k, v = c.Next() {
			if err := ctx.Err(); err != nil {
				return err
			}
			if !bytes.HasPrefix(k, []byte(prefix)) {
				if string(k) < prefix {
					continue
				}
				break
			}
			r, err := decodeRecord(k, v)
			if err != nil {
				return err
			}
			if r.alive(now) && string(k) > after {
				entries = append(entries, r.entry(string(k)))
			}
		}
		return nil
	})
	if err != nil {
		return nil, f.fail("list", err)
	}
	return entries, nil
}

// Apply implements [Store].
func (f *File) Apply(ctx context.Context, changes ...Change) ([]uint64, error) {
	if err := checkChanges(changes); err != nil {
		return nil, f.fail("write", err)
	}
	if len(changes) == 0 {
		return nil, nil
	}
	versions := make([]uint64, len(changes))
	err := f.update(ctx, func(tx *bolt.Tx) error {
		b, err := openBuckets(tx)
		if err != nil {
			return err
		}
		now := time.Now()
		// All are compared before the first is made: a conflict is the common
		// way to fail, and then nothing has to be taken back.
		for _, c := range changes {
			r, err := b.get([]byte(c.Key), now)
			if err != nil {
				return err
			}
			if r.version != c.If {
				return fmt.Errorf("%q: %w", c.Key, ErrConflict)
			}
		}
		for i, c := range changes {
			if versions[i], err = b.apply(c); err != nil {
				return err
			}
		}
		if err := b.sweep(now); err != nil {
			return err
		}
		return ctx.Err()
	})
	if err != nil {
		return nil, f.fail("write", err)
	}
	return versions, nil
}

// fail names the file in an error.
func (f *File) fail(verb string, err error) error {
	return fmt.Errorf("%s state file %s: %w", verb, f.path, err)
}

// entry copies a record out of the file's memory.
func (r record) entry(key string) Entry {
	if r.version == 0 {
		return Entry{Key: key}
	}
	return Entry{Key: key, Version: r.version, Value: bytes.Clone(r.value), Expires: fromMillis(r.expires)}
}

// buckets are a transaction's.
type buckets struct{ entries, expiry *bolt.Bucket }

// openBuckets checks that the file is one of this package's and opens its
// buckets.
func openBuckets(tx *bolt.Tx) (buckets, error) {
	meta := tx.Bucket(bucketMeta)
	b := buckets{tx.Bucket(bucketEntries), tx.Bucket(bucketExpiry)}
	if meta == nil || b.entries == nil || b.expiry == nil {
		return b, fmt.Errorf("%w: it is a bbolt file, but not one of mcpwasm", ErrDamaged)
	}
	if got := meta.Get(keyFormat); !bytes.Equal(got, format1) {
		return b, fmt.Errorf("its format is %q, this mcpwasm knows %q: use a newer one", got, format1)
	}
	return b, nil
}

// get returns the record of a key, the zero record where there is none that has
// not expired.
func (b buckets) get(key []byte, now time.Time) (record, error) {
	v := b.entries.Get(key)
	if v == nil {
		return record{}, nil
	}
	r, err := decodeRecord(key, v)
	if err != nil || !r.alive(now) {
		return record{}, err
	}
	return r, nil
}

// apply makes one change, whatever is stored.
func (b buckets) apply(c Change) (uint64, error) {
	key := []byte(c.Key)
	if err := b.remove(key); err != nil || c.Delete {
		return 0, err
	}
	version, err := b.entries.NextSequence()
	if err != nil {
		return 0, err
	}
	expires, err := millis(c.Expires)
	if err != nil {
		return 0, err
	}
	if expires != 0 {
		if err := b.expiry.Put(expiryKey(expires, key), nil); err != nil {
			return 0, err
		}
	}
	return version, b.entries.Put(key, encodeRecord(key, version, expires, c.Value))
}

// remove removes an entry, expired or not, and its place in the index.
func (b buckets) remove(key []byte) error {
	v := b.entries.Get(key)
	if v == nil {
		return nil
	}
	r, err := decodeRecord(key, v)
	if err != nil {
		return err
	}
	if r.expires != 0 {
		if err := b.expiry.Delete(expiryKey(r.expires, key)); err != nil {
			return err
		}
	}
	return b.entries.Delete(key)
}

// sweep removes some of what has expired.
func (b buckets) sweep(now time.Time) error {
	var gone [][]byte // removing moves the cursor
	c := b.expiry.Cursor()
	for k, _ := c.First(); k != nil && len(gone) < sweep; k, _ = c.Next() {
		expires, key, err := splitExpiryKey(k)
		if err != nil {
			return err
		}
		if expires > uint64(max(now.UnixMilli(), 0)) {
			break
		}
		gone = append(gone, bytes.Clone(key))
	}
	for _, key := range gone {
		if err := b.remove(key); err != nil {
			return err
		}
	}
	return nil
}
