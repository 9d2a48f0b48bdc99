package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpwasm/mcpwasm/registry/store"
)

// model is a store in a map.
type model struct {
	entries map[string]store.Entry
	last    uint64 // the highest version seen
}

// Ops plays the operations that data encodes, three bytes each, on an empty store
// and on a model in memory, and compares what they answer.
func Ops(t *testing.T, s store.Store, data []byte) {
	m := model{entries: map[string]store.Entry{}}
	for ; len(data) >= 3; data = data[3:] {
		op, a, b := data[0], data[1], data[2]
		switch op % 4 {
		case 0:
			m.get(t, s, opKey(a), opKey(b))
		case 1:
			m.list(t, s, opKey(a)[:int(a)%2], opKey(b)[:int(b)%3], int(op)/4%5+1)
		default:
			m.apply(t, s, m.change(op, a), m.change(op/2, b))
		}
	}
	m.list(t, s, "", "", store.MaxBatch)
}

// opKey has few keys, so that operations meet, and prefixes among them.
func opKey(b byte) string { return "ab"[:1+b%2] + strings.Repeat("/", int(b)/2%3) + fmt.Sprint(b/8%4) }

func (m *model) change(op, b byte) store.Change {
	key := opKey(b)
	c := store.Change{Key: key, If: m.entries[key].Version, Value: []byte{op, b}}
	switch op / 8 % 8 {
	case 0:
		c.If++
	case 1, 2:
		c.Delete = true
	case 3:
		c.Expires = time.UnixMilli(int64(b) + 1) // long ago
	case 4:
		c.Expires = time.Now().Add(time.Hour).Truncate(time.Millisecond)
	}
	return c
}

func (m *model) get(t *testing.T, s store.Store, keys ...string) {
	t.Helper()
	got, err := s.Get(t.Context(), keys...)
	if err != nil {
		t.Fatal(err)
	}
	for i, key := range keys {
		want := m.entries[key]
		want.Key = key
		if !same(got[i], want) {
			t.Fatalf("get %q = %+v, want %+v", key, got[i], want)
		}
	}
}

func (m *model) list(t *testing.T, s store.Store, prefix, after string, limit int) {
	t.Helper()
	got, err := s.List(t.Context(), prefix, after, limit)
	if err != nil {
		t.Fatal(err)
	}
	var want []store.Entry
	for key, e := range m.entries {
		if strings.HasPrefix(key, prefix) && key > after {
			want = append(want, e)
		}
	}
	slices.SortFunc(want, func(a, b store.Entry) int { return strings.Compare(a.Key, b.Key) })
	want = want[:min(limit, len(want))]
	if !slices.EqualFunc(got, want, same) {
		t.Fatalf("list %q after %q limit %d = %+v, want %+v", prefix, after, limit, got, want)
	}
}

func (m *model) apply(t *testing.T, s store.Store, changes ...store.Change) {
	t.Helper()
	versions, err := s.Apply(t.Context(), changes...)
	twice := changes[0].Key == changes[1].Key
	conflict := slices.ContainsFunc(changes, func(c store.Change) bool { return m.entries[c.Key].Version != c.If })
	switch {
	case twice || conflict:
		if err == nil || !twice && !errors.Is(err, store.ErrConflict) {
			t.Fatalf("apply %+v: %v", changes, err)
		}
		return
	case err != nil:
		t.Fatal(err)
	}
	for i, c := range changes {
		delete(m.entries, c.Key)
		if c.Delete {
			continue
		}
		if versions[i] <= m.last {
			t.Fatalf("version %d after %d", versions[i], m.last)
		}
		m.last = versions[i]
		if c.Expires.IsZero() || c.Expires.After(time.Now()) {
			m.entries[c.Key] = store.Entry{Key: c.Key, Version: versions[i], Value: c.Value, Expires: c.Expires}
		}
	}
}

func same(a, b store.Entry) bool {
	return a.Key == b.Key && a.Version == b.Version && string(a.Value) == string(b.Value) && a.Expires.Equal(b.Expires)
}
