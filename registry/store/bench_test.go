package store

import (
	"fmt"
	"path/filepath"
	"testing"
)

func benchFile(b *testing.B, entries int) *File {
	b.Helper()
	f, err := Open(filepath.Join(b.TempDir(), "state.db"))
	if err != nil {
		b.Fatal(err)
	}
	var changes []Change
	for i := range entries {
		changes = append(changes, Change{Key: benchKey(i), Value: make([]byte, 256)})
		if len(changes) == MaxBatch || i == entries-1 {
			if _, err := f.Apply(b.Context(), changes...); err != nil {
				b.Fatal(err)
			}
			changes = nil
		}
	}
	return f
}

func benchKey(i int) string { return fmt.Sprintf("bench/%08d", i) }

// BenchmarkGet opens the file, reads one entry of 256 bytes and closes it again.
func BenchmarkGet(b *testing.B) {
	for _, entries := range []int{100, 20_000} {
		b.Run(fmt.Sprint(entries), func(b *testing.B) {
			f := benchFile(b, entries)
			for i := 0; b.Loop(); i++ {
				if _, err := f.Get(b.Context(), benchKey(i%entries)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkApply replaces one entry of 256 bytes durably.
func BenchmarkApply(b *testing.B) {
	for _, entries := range []int{100, 20_000} {
		b.Run(fmt.Sprint(entries), func(b *testing.B) {
			f := benchFile(b, entries)
			e, err := f.Get(b.Context(), benchKey(7))
			if err != nil {
				b.Fatal(err)
			}
			for c := (Change{Key: e[0].Key, If: e[0].Version, Value: e[0].Value}); b.Loop(); {
				v, err := f.Apply(b.Context(), c)
				if err != nil {
					b.Fatal(err)
				}
				c.If = v[0]
			}
		})
	}
}

// BenchmarkList reads 100 entries of 256 bytes.
func BenchmarkList(b *testing.B) {
	f := benchFile(b, 20_000)
	for b.Loop() {
		if e, err := f.List(b.Context(), "bench/0001", "", 100); err != nil || len(e) != 100 {
			b.Fatal(len(e), err)
		}
	}
}
