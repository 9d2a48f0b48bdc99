// Package storetest says what a [store.Store] is held to: [Run] tests all of it,
// [Ops] plays operations against a model.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpwasm/mcpwasm/registry/store"
)

// Run tests the stores that open returns: each is new and empty, and a call of
// again with one returns another one over the same state.
func Run(t *testing.T, open func(*testing.T) store.Store, again func(*testing.T, store.Store) store.Store) {
	t.Run("nothing", func(t *testing.T) { testNothing(t, open(t)) })
	t.Run("conditions", func(t *testing.T) { testConditions(t, open(t)) })
	t.Run("all or nothing", func(t *testing.T) { testAtomic(t, open(t)) })
	t.Run("versions", func(t *testing.T) { testVersions(t, open(t), again) })
	t.Run("list", func(t *testing.T) { testList(t, open(t)) })
	t.Run("expiry", func(t *testing.T) { testExpiry(t, open(t)) })
	t.Run("bounds", func(t *testing.T) { testBounds(t, open(t)) })
	t.Run("values are copies", func(t *testing.T) { testCopies(t, open(t)) })
	t.Run("context", func(t *testing.T) { testContext(t, open(t)) })
	t.Run("counters", func(t *testing.T) { s := open(t); testCounters(t, s, again(t, s)) })
	t.Run("transfers", func(t *testing.T) { s := open(t); testTransfers(t, s, again(t, s)) })
}

func get(t *testing.T, s store.Store, key string) store.Entry {
	t.Helper()
	e, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return e[0]
}

func apply(t *testing.T, s store.Store, changes ...store.Change) []uint64 {
	t.Helper()
	v, err := s.Apply(t.Context(), changes...)
	if err != nil {
		t.Fatal(err)
	}
	if len(v) != len(changes) {
		t.Fatalf("%d versions for %d changes", len(v), len(changes))
	}
	return v
}

func testNothing(t *testing.T, s store.Store) {
	e, err := s.Get(t.Context(), "a", "b")
	if err != nil || len(e) != 2 {
		t.Fatal(e, err)
	}
	for i, key := range []string{"a", "b"} {
		if e[i].Key != key || e[i].Version != 0 || e[i].Value != nil || !e[i].Expires.IsZero() {
			t.Errorf("entry %d = %+v", i, e[i])
		}
	}
	if e, err := s.List(t.Context(), "", "", 10); err != nil || len(e) != 0 {
		t.Error(e, err)
	}
	if e, err := s.Get(t.Context()); err != nil || len(e) != 0 {
		t.Error(e, err)
	}
	if v, err := s.Apply(t.Context()); err != nil || len(v) != 0 {
		t.Error(v, err)
	}
}

func testConditions(t *testing.T, s store.Store) {
	v := apply(t, s, store.Change{Key: "there", Value: []byte("1")})[0]
	for _, tt := range []struct {
		name     string
		change   store.Change
		conflict bool
	}{
		{"make what is there", store.Change{Key: "there"}, true},
		{"replace another version", store.Change{Key: "there", If: v + 1}, true},
		{"replace nothing", store.Change{Key: "absent", If: v}, true},
		{"delete another version", store.Change{Key: "there", If: v + 1, Delete: true}, true},
		{"delete as if absent", store.Change{Key: "there", Delete: true}, true},
		{"delete nothing by version", store.Change{Key: "absent", If: v, Delete: true}, true},
		{"delete nothing", store.Change{Key: "absent", Delete: true}, false},
		{"delete", store.Change{Key: "there", If: v, Delete: true}, false},
		{"make again", store.Change{Key: "there", Value: []byte("2")}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			versions, err := s.Apply(t.Context(), tt.change)
			switch {
			case errors.Is(err, store.ErrConflict) != tt.conflict, err != nil && !tt.conflict:
				t.Error(err)
			case err == nil && (versions[0] == 0) != tt.change.Delete:
				t.Errorf("version %d", versions[0])
			}
		})
	}
	if e := get(t, s, "there"); string(e.Value) != "2" {
		t.Errorf("entry = %+v", e)
	}
}

func testAtomic(t *testing.T, s store.Store) {
	v := apply(t, s, store.Change{Key: "a", Value: []byte("old")}, store.Change{Key: "b", Value: []byte("old")})
	for _, tt := range []struct {
		name string
		bad  store.Change
	}{
		{"conflict", store.Change{Key: "b", If: v[1] + 100}},
		{"bad key", store.Change{Key: strings.Repeat("k", store.MaxKeyBytes+1)}},
		{"the same key", store.Change{Key: "a", If: v[0], Delete: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			good := []store.Change{{Key: "a", If: v[0], Value: []byte("new")}, {Key: "c", Value: []byte("new")}}
			if _, err := s.Apply(t.Context(), append(good, tt.bad)...); err == nil {
				t.Error("no error")
			}
			e, err := s.Get(t.Context(), "a", "b", "c")
			if err != nil || string(e[0].Value) != "old" || e[1].Version != v[1] || e[2].Version != 0 {
				t.Error(e, err)
			}
		})
	}
}

func testVersions(t *testing.T, s store.Store, again func(*testing.T, store.Store) store.Store) {
	var last uint64
	for i := range 20 {
		v := apply(t, s, store.Change{Key: "a"}, store.Change{Key: fmt.Sprint(i)})
		if v[0] <= last || v[1] <= v[0] {
			t.Fatalf("versions %d after %d", v, last)
		}
		if e := get(t, s, "a"); e.Version != v[0] {
			t.Fatalf("version %d, want %d", e.Version, v[0])
		}
		last = v[1]
		apply(t, s, store.Change{Key: "a", If: v[0], Delete: true})
		s = again(t, s)
	}
}

func testList(t *testing.T, s store.Store) {
	keys := []string{"a", "a/", "a/b", "a/c", "a\xff", "a\xff\xff", "b", "\x00", "\xff"}
	var changes []store.Change
	for _, k := range keys {
		changes = append(changes, store.Change{Key: k, Value: []byte("v" + k)})
	}
	apply(t, s, changes...)
	for _, tt := range []struct {
		name, prefix, after string
		limit               int
		want                []string
	}{
		{"all", "", "", 100, []string{"\x00", "a", "a/", "a/b", "a/c", "a\xff", "a\xff\xff", "b", "\xff"}},
		{"prefix", "a/", "", 100, []string{"a/", "a/b", "a/c"}},
		{"prefix at the end of bytes", "a\xff", "", 100, []string{"a\xff", "a\xff\xff"}},
		{"limit", "a", "", 2, []string{"a", "a/"}},
		{"after", "a/", "a/b", 100, []string{"a/c"}},
		{"after what is not there", "a/", "a/bb", 100, []string{"a/c"}},
		{"after before the prefix", "a/", "a", 100, []string{"a/", "a/b", "a/c"}},
		{"after behind the prefix", "a/", "b", 100, nil},
		{"no such prefix", "zz", "", 100, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, err := s.List(t.Context(), tt.prefix, tt.after, tt.limit)
			if err != nil || len(e) != len(tt.want) {
				t.Fatal(e, err)
			}
			for i, k := range tt.want {
				if e[i].Key != k || string(e[i].Value) != "v"+k || e[i].Version == 0 {
					t.Errorf("entry %d = %+v, want %q", i, e[i], k)
				}
			}
		})
	}
}

func testExpiry(t *testing.T, s store.Store) {
	far := time.Now().Add(time.Hour).Truncate(time.Millisecond)
	soon := time.Now().Add(30 * time.Millisecond)
	v := apply(t, s,
		store.Change{Key: "far", Expires: far.Add(999 * time.Microsecond)},
		store.Change{Key: "gone", Expires: time.Now().Add(-time.Millisecond)},
		store.Change{Key: "long gone", Expires: time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)},
		store.Change{Key: "soon", Value: []byte("x"), Expires: soon})
	if e := get(t, s, "far"); !e.Expires.Equal(far) || e.Version != v[0] {
		t.Errorf("far = %+v", e)
	}
	for _, key := range []string{"gone", "long gone"} {
		if e := get(t, s, key); e.Version != 0 {
			t.Errorf("%s = %+v", key, e)
		}
	}
	for get(t, s, "soon").Version != 0 {
		time.Sleep(time.Millisecond)
	}
	if time.Now().Before(soon.Truncate(time.Millisecond)) {
		t.Error("expired too soon")
	}
	if e, err := s.List(t.Context(), "", "", 10); err != nil || len(e) != 1 || e[0].Key != "far" {
		t.Error(e, err)
	}
	if _, err := s.Apply(t.Context(), store.Change{Key: "soon", If: v[3]}); !errors.Is(err, store.ErrConflict) {
		t.Error("an expired version still counts:", err)
	}
	apply(t, s, store.Change{Key: "soon"})
	if e := get(t, s, "soon"); e.Version <= v[3] || !e.Expires.IsZero() {
		t.Errorf("soon = %+v", e)
	}
}

func testBounds(t *testing.T, s store.Store) {
	key, value := strings.Repeat("k", store.MaxKeyBytes), bytes.Repeat([]byte{7}, store.MaxValueBytes)
	apply(t, s, store.Change{Key: key, Value: value})
	if e := get(t, s, key); !bytes.Equal(e.Value, value) {
		t.Errorf("%d bytes came back", len(e.Value))
	}
	many := make([]string, store.MaxBatch+1)
	for i := range many {
		many[i] = "k"
	}
	for name, f := range map[string]func() error{
		"no key":        func() error { _, err := s.Get(t.Context(), ""); return err },
		"long key":      func() error { _, err := s.Get(t.Context(), key+"k"); return err },
		"many keys":     func() error { _, err := s.Get(t.Context(), many...); return err },
		"limit 0":       func() error { _, err := s.List(t.Context(), "", "", 0); return err },
		"high limit":    func() error { _, err := s.List(t.Context(), "", "", store.MaxBatch+1); return err },
		"change no key": func() error { _, err := s.Apply(t.Context(), store.Change{}); return err },
		"large value": func() error {
			_, err := s.Apply(t.Context(), store.Change{Key: "l", Value: append(value, 0)})
			return err
		},
		"distant expiry": func() error {
			_, err := s.Apply(t.Context(), store.Change{Key: "e", Expires: time.Unix(1<<60, 0)})
			return err
		},
		"many changes": func() error { _, err := s.Apply(t.Context(), make([]store.Change, store.MaxBatch+1)...); return err },
	} {
		t.Run(name, func(t *testing.T) {
			if f() == nil {
				t.Error("no error")
			}
		})
	}
}

func testCopies(t *testing.T, s store.Store) {
	value := []byte("value")
	apply(t, s, store.Change{Key: "a", Value: value})
	value[0] = 'X'
	e := get(t, s, "a")
	e.Value[1] = 'X'
	if e := get(t, s, "a"); string(e.Value) != "value" {
		t.Errorf("value = %q", e.Value)
	}
}

func testContext(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Get(ctx, "a"); !errors.Is(err, context.Canceled) {
		t.Error("get:", err)
	}
	if _, err := s.List(ctx, "", "", 1); !errors.Is(err, context.Canceled) {
		t.Error("list:", err)
	}
	if _, err := s.Apply(ctx, store.Change{Key: "a"}); !errors.Is(err, context.Canceled) {
		t.Error("apply:", err)
	}
	if e := get(t, s, "a"); e.Version != 0 {
		t.Error("it was written")
	}
}

// Increment adds one to a decimal number by compare-and-swap.
func Increment(ctx context.Context, s store.Store, key string) error {
	for {
		e, err := s.Get(ctx, key)
		if err != nil {
			return err
		}
		n := 0
		if e[0].Version != 0 {
			if n, err = strconv.Atoi(string(e[0].Value)); err != nil {
				return err
			}
		}
		_, err = s.Apply(ctx, store.Change{Key: key, If: e[0].Version, Value: []byte(strconv.Itoa(n + 1))})
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

func testCounters(t *testing.T, stores ...store.Store) {
	const workers, rounds = 6, 15
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			for range rounds {
				if err := Increment(t.Context(), stores[i%len(stores)], "n"); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if e := get(t, stores[0], "n"); string(e.Value) != strconv.Itoa(workers*rounds) {
		t.Errorf("counter = %s, want %d", e.Value, workers*rounds)
	}
}

// testTransfers moves units between two entries while readers check that none is
// ever missing: a reader that saw one change without the other would count wrong.
func testTransfers(t *testing.T, stores ...store.Store) {
	apply(t, stores[0], store.Change{Key: "a", Value: []byte{100}}, store.Change{Key: "b", Value: []byte{100}})
	var wg sync.WaitGroup
	for i := range 4 {
		s := stores[i%len(stores)]
		wg.Go(func() {
			for range 15 {
				e, err := s.Get(t.Context(), "a", "b")
				if err != nil {
					t.Error(err)
					return
				}
				if sum := int(e[0].Value[0]) + int(e[1].Value[0]); sum != 200 {
					t.Errorf("sum = %d", sum)
				}
				_, err = s.Apply(t.Context(),
					store.Change{Key: "a", If: e[0].Version, Value: []byte{e[0].Value[0] - 1}},
					store.Change{Key: "b", If: e[1].Version, Value: []byte{e[1].Value[0] + 1}})
				if err != nil && !errors.Is(err, store.ErrConflict) {
					t.Error(err)
				}
			}
		})
		wg.Go(func() {
			for range 30 {
				e, err := s.List(t.Context(), "", "", 10)
				if err != nil || len(e) != 2 || int(e[0].Value[0])+int(e[1].Value[0]) != 200 {
					t.Error(e, err)
				}
			}
		})
	}
	wg.Wait()
}
