package store_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/mcpwasm/mcpwasm/registry/store"
)

func hold(path string, fn func() error) error {
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: time.Minute})
	if err != nil {
		return err
	}
	return errors.Join(fn(), db.Close())
}

// filled returns the bytes of a file whose trees have branches and which has free
// pages, and the size of its pages.
func filled(t *testing.T) (content []byte, pageSize int) {
	t.Helper()
	f := newFile(t)
	var changes []store.Change
	for i := range 1500 {
		changes = append(changes, store.Change{Key: fmt.Sprintf("k/%04d", i), Value: make([]byte, i%150), Expires: time.Now().Add(time.Hour)})
	}
	changes = append(changes, store.Change{Key: "large", Value: make([]byte, 20_000)})
	versions, err := f.Apply(t.Context(), changes...)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < 1500; i += 7 {
		if i%200 == 0 {
			if _, err := f.Apply(t.Context(), store.Change{Key: changes[i].Key, If: versions[i], Delete: true}); err != nil {
				t.Fatal(err)
			}
		}
	}
	content, err = os.ReadFile(f.Path())
	if err != nil {
		t.Fatal(err)
	}
	return content, int(binary.LittleEndian.Uint32(content[16+8:]))
}

func writeFile(t *testing.T, content []byte) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "state.db")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// eachPage calls f with the flags and bytes of every page of one kind.
func eachPage(b []byte, pageSize int, flags uint16, f func(page []byte)) {
	for at := 2 * pageSize; at+pageSize <= len(b); at += pageSize {
		if page := b[at : at+pageSize]; binary.LittleEndian.Uint16(page[8:]) == flags && binary.LittleEndian.Uint64(page) == uint64(at/pageSize) {
			f(page)
		}
	}
}

func TestDamaged(t *testing.T) {
	t.Parallel()
	content, pageSize := filled(t)
	const branch, leaf, freelist = 0x01, 0x02, 0x10
	for _, tt := range []struct {
		name   string
		damage func(b []byte) []byte
		want   string
	}{
		{"text", func([]byte) []byte { return []byte(strings.Repeat("not a database\n", 1000)) }, "invalid"},
		{"short text", func([]byte) []byte { return []byte("hello") }, "invalid"},
		{"one page is left", func(b []byte) []byte { return b[:pageSize] }, "too small"},
		{"half is left", func(b []byte) []byte { return b[:len(b)/2/pageSize*pageSize] }, "cut off"},
		{"no root", func(b []byte) []byte { clear(b[:2*pageSize]); return b }, "invalid"},
		{"endless tree", func(b []byte) []byte {
			eachPage(b, pageSize, branch, func(p []byte) { copy(p[16+8:16+16], p[:8]) })
			return b
		}, "used twice"},
		{"shared page", func(b []byte) []byte {
			eachPage(b, pageSize, branch, func(p []byte) { copy(p[16+8:16+16], p[32+8:32+16]) })
			return b
		}, "used twice"},
		{"page beyond the end", func(b []byte) []byte {
			eachPage(b, pageSize, branch, func(p []byte) { p[16+8+5] = 1 })
			return b
		}, "there are"},
		{"key outside", func(b []byte) []byte {
			eachPage(b, pageSize, branch, func(p []byte) { p[16+3] = 1 })
			return b
		}, "key is outside"},
		{"value outside", func(b []byte) []byte {
			eachPage(b, pageSize, leaf, func(p []byte) { p[16+15] = 1 })
			return b
		}, "value is outside"},
		{"too many elements", func(b []byte) []byte {
			eachPage(b, pageSize, leaf, func(p []byte) { p[11] = 0xff })
			return b
		}, "do not fit"},
		{"other kind of page", func(b []byte) []byte {
			eachPage(b, pageSize, branch, func(p []byte) { p[8] = freelist })
			return b
		}, "flags"},
		{"free pages without end", func(b []byte) []byte {
			eachPage(b, pageSize, freelist, func(p []byte) { copy(p[10:], "\xff\xff"); copy(p[16:], "\xff\xff\xff\xff\xff\xff\xff\x0f") })
			return b
		}, "do not fit"},
		{"free pages in use", func(b []byte) []byte {
			eachPage(b, pageSize, freelist, func(p []byte) {
				binary.LittleEndian.PutUint16(p[10:], 30)
				for i := range 30 {
					binary.LittleEndian.PutUint64(p[16+8*i:], uint64(i)+2)
				}
			})
			return b
		}, "used twice"},
		{"no list of free pages", func(b []byte) []byte { return resealed(b, pageSize, 32, 1<<64-1) }, "page 18446744073709551615"},
		{"root beyond the end", func(b []byte) []byte { return resealed(b, pageSize, 16, 1<<40) }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			damaged := tt.damage(bytes.Clone(content))
			path := writeFile(t, damaged)
			_, err := store.Open(path)
			if !errors.Is(err, store.ErrDamaged) || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("err = %v", err)
			}
			for _, part := range []string{path, "put back a copy"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q is not in %q", part, err)
				}
			}
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, damaged) {
				t.Errorf("the file was changed: %v", err)
			}
		})
	}
	t.Run("nothing", func(t *testing.T) { open(t, writeFile(t, content)) })
}

// resealed changes a number in both roots, whose checksums match again.
func resealed(b []byte, pageSize, at int, v uint64) []byte {
	for page := range 2 {
		meta := b[page*pageSize+16:]
		binary.LittleEndian.PutUint64(meta[at:], v)
		sum := fnv.New64a()
		sum.Write(meta[:56])
		binary.LittleEndian.PutUint64(meta[56:], sum.Sum64())
	}
	return b
}

// TestDamagedValue: a value that lost a bit is not handed out.
func TestDamagedValue(t *testing.T) {
	t.Parallel()
	f := newFile(t)
	if _, err := f.Apply(t.Context(), store.Change{Key: "a", Value: []byte("the value")}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(f.Path())
	if err != nil {
		t.Fatal(err)
	}
	f = open(t, writeFile(t, bytes.ReplaceAll(b, []byte("the value"), []byte("the valuf"))))
	if e, err := f.Get(t.Context(), "a"); !errors.Is(err, store.ErrDamaged) || !strings.Contains(err.Error(), "put back a copy") {
		t.Errorf("get: %v, %v", e, err)
	}
	if e, err := f.List(t.Context(), "", "", 1); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("list: %v, %v", e, err)
	}
}

// TestDamagedInUse cuts the file off behind the back of one who uses it.
func TestDamagedInUse(t *testing.T) {
	t.Parallel()
	content, pageSize := filled(t)
	f := open(t, writeFile(t, content))
	if err := os.Truncate(f.Path(), int64(2*pageSize)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := f.Get(t.Context(), "k/0100"); !errors.Is(err, store.ErrDamaged) || !strings.Contains(err.Error(), f.Path()) {
			t.Errorf("get: %v", err)
		}
	}
	// Nobody waits for a process that has seen it.
	if _, err := store.Open(f.Path()); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("open: %v", err)
	}
}

func TestRemovedInUse(t *testing.T) {
	t.Parallel()
	f := newFile(t)
	if err := os.Remove(f.Path()); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Apply(t.Context(), store.Change{Key: "a"}); err == nil || !strings.Contains(err.Error(), "it was removed while in use") {
		t.Errorf("apply: %v", err)
	}
	if _, err := os.Stat(f.Path()); err == nil {
		t.Error("it was made again")
	}
}

// roleDamage uses files that may be damaged: it must answer or fail, and live.
func roleDamage(args []string) error {
	for _, path := range args {
		fmt.Println(path)
		f, err := store.Open(path)
		if err != nil {
			continue
		}
		ctx := context.Background()
		_, listErr := f.List(ctx, "", "", store.MaxBatch)
		e, err := f.Get(ctx, "k/0100")
		if err == nil {
			_, err = f.Apply(ctx, store.Change{Key: "k/0100", If: e[0].Version, Value: make([]byte, 10_000)})
		}
		for _, err := range []error{err, listErr} {
			if err != nil && !errors.Is(err, store.ErrDamaged) {
				return err
			}
		}
	}
	return nil
}

// TestFlips changes bytes anywhere, and more in the heads of pages, where they do
// most: a process that uses such a file survives.
func TestFlips(t *testing.T) {
	t.Parallel()
	const batches, files = 4, 40
	content, pageSize := filled(t)
	r := rand.New(rand.NewPCG(7, 8))
	for range batches {
		var paths []string
		for range files {
			b := bytes.Clone(content)
			for range 1 + r.IntN(4) {
				at := r.IntN(len(b))
				if r.IntN(4) != 0 {
					at = at/pageSize*pageSize + r.IntN(64)
				}
				b[at] ^= 1 << r.IntN(8)
			}
			paths = append(paths, writeFile(t, b))
		}
		if out, err := another(t, "damage", paths...).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	newer := func(t *testing.T) string {
		f := newFile(t)
		if err := putPair(f.Path(), "meta", "format", "mcpwasm state 2"); err != nil {
			t.Fatal(err)
		}
		return f.Path()
	}
	other := func(t *testing.T) string {
		path := filepath.Join(t.TempDir(), "other.db")
		if err := putPair(path, "mine", "a", "b"); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, tt := range []struct {
		name string
		path func(*testing.T) string
		want string
	}{
		{"newer format", newer, `its format is "mcpwasm state 2"`},
		{"another program's", other, "not one of mcpwasm"},
		{"a folder", func(t *testing.T) string { return t.TempDir() }, "it is not a file"},
		{"below a file", func(t *testing.T) string { return filepath.Join(writeFile(t, nil), "state.db") }, "not a directory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := tt.path(t)
			if _, err := store.Open(path); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("err = %v", err)
			}
		})
	}
}

// putPair writes one pair as any program may that knows bbolt.
func putPair(path, bucket, key, value string) error {
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: time.Minute})
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte(bucket))
		if err != nil {
			return err
		}
		return b.Put([]byte(key), []byte(value))
	})
	return errors.Join(err, db.Close())
}

// TestEmptyFile: one that holds nothing may be begun.
func TestEmptyFile(t *testing.T) {
	t.Parallel()
	f := open(t, writeFile(t, nil))
	if _, err := f.Apply(t.Context(), store.Change{Key: "a"}); err != nil {
		t.Error(err)
	}
}
