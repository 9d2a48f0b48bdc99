package store

import (
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	bolt "go.etcd.io/bbolt"
)

// stored counts what is in the file, expired or not.
func stored(t *testing.T, f *File) (entries, expiries int) {
	t.Helper()
	err := f.view(t.Context(), func(tx *bolt.Tx) error {
		b, err := openBuckets(tx)
		if err == nil {
			entries, expiries = b.entries.Stats().KeyN, b.expiry.Stats().KeyN
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return entries, expiries
}

// TestSweep: an entry lives to the millisecond, and what has expired is removed by
// later changes, so much at a time.
func TestSweep(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	synctest.Test(t, func(t *testing.T) {
		f, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		changes := []Change{{Key: "lasts"}}
		for i := range sweep + 10 {
			changes = append(changes, Change{Key: fmt.Sprint(i), Expires: time.Now().Add(time.Second)})
		}
		if _, err := f.Apply(t.Context(), changes...); err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			wait time.Duration
			seen int
		}{{999 * time.Millisecond, len(changes)}, {time.Millisecond, 1}} {
			time.Sleep(tt.wait)
			if e, err := f.List(t.Context(), "", "", MaxBatch); err != nil || len(e) != tt.seen {
				t.Errorf("%d entries, want %d: %v", len(e), tt.seen, err)
			}
		}
		for _, left := range []int{10, 0, 0} {
			if _, err := f.Apply(t.Context(), Change{Key: "absent", Delete: true}); err != nil {
				t.Fatal(err)
			}
			if entries, expiries := stored(t, f); entries != left+1 || expiries != left {
				t.Errorf("%d entries and %d expiries, want %d and %d", entries, expiries, left+1, left)
			}
		}
	})
}
