package kv

import (
	"fmt"
	"testing"
	"unicode/utf8"

	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// owner is somebody with data of their own.
type owner struct{ scope, principal string }

// TestIsolation gives every owner the same keys with other values. Names and keys
// are made to look like parts of each other.
func TestIsolation(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	names := []string{"", "a", "a/", "/a", "aa", "a\x00", "a/b", "b"}
	var owners []owner
	for _, scope := range names {
		for _, principal := range names {
			owners = append(owners, owner{scope, principal})
		}
	}
	keys := []string{"a", "a/", "a/a", "/", "aa", newScope("a", "").hash, "../a"}
	of := func(o owner) (*Handler, effect.Call) {
		return New(Config{Scope: o.scope, Granted: &plugins.KVGrant{}, Store: s}), effect.Call{Principal: o.principal}
	}
	for i, o := range owners {
		h, c := of(o)
		// Each has all keys but one.
		for _, key := range append(keys[:i%len(keys):i%len(keys)], keys[i%len(keys)+1:]...) {
			request(t, h, c, "set", fmt.Sprintf(`{"key":%s}`+"\n%q", wire.Quote(key), o))
		}
	}
	for i, o := range owners {
		h, c := of(o)
		for j, key := range keys {
			a := request(t, h, c, "get", fmt.Sprintf(`{"key":%s}`, wire.Quote(key)))
			if missing := j == i%len(keys); missing != (a.kind() == plugins.EffectNotFound) || !missing && a.body != fmt.Sprintf("%q", o) {
				t.Errorf("%q reads %q: %q, %v", o, key, a.body, a.error)
			}
		}
		if a := request(t, h, c, "list", `{}`); len(a.Keys) != len(keys)-1 {
			t.Errorf("%q lists %s", o, a.names())
		}
	}
}

// FuzzIsolation has one owner write a key and another one look for it.
func FuzzIsolation(f *testing.F) {
	f.Add("a", "", "b", "a", "", "b/a")
	f.Add("a", "b", "c", "a", "b/", "c")
	f.Add("", "ab", "k", "a", "b", "k")
	f.Add("ab", "", "k", "a", "b", "k")
	f.Add("a", "b", "k", "a", "b", "k/")
	s := newStore(f)
	f.Fuzz(func(t *testing.T, scope1, principal1, key1, scope2, principal2, key2 string) {
		if !utf8.ValidString(key1+key2) || len(key1) < 1 || len(key2) < 1 || len(key1) > MaxKeyBytes || len(key2) > MaxKeyBytes {
			return
		}
		first := New(Config{Scope: scope1, Granted: &plugins.KVGrant{}, Store: s})
		second := New(Config{Scope: scope2, Granted: &plugins.KVGrant{}, Store: s})
		one, two := effect.Call{Principal: principal1}, effect.Call{Principal: principal2}
		request(t, first, one, "set", fmt.Sprintf(`{"key":%s}`+"\nx", wire.Quote(key1)))
		defer request(t, first, one, "delete", fmt.Sprintf(`{"key":%s}`, wire.Quote(key1)))

		same := scope1 == scope2 && principal1 == principal2
		a := request(t, second, two, "get", fmt.Sprintf(`{"key":%s}`, wire.Quote(key2)))
		if (a.error == nil) != (same && key1 == key2) {
			t.Errorf("get: %+v", a)
		}
		a = request(t, second, two, "list", fmt.Sprintf(`{"prefix":%s}`, wire.Quote(key2[:len(key2)-len(lastRune(key2))])))
		if !same && len(a.Keys) != 0 {
			t.Errorf("list: %+v", a)
		}
		if a = request(t, second, two, "list", `{}`); len(a.Keys) == 1 != same || same && a.Keys[0].Key != key1 {
			t.Errorf("list: %+v", a)
		}
		a = request(t, second, two, "delete", fmt.Sprintf(`{"key":%s}`, wire.Quote(key2)))
		if a.Deleted != (same && key1 == key2) {
			t.Errorf("delete: %+v", a)
		}
	})
}

func lastRune(s string) string {
	_, n := utf8.DecodeLastRuneInString(s)
	return s[len(s)-n:]
}

// FuzzParams: whatever is accepted keeps the bounds.
func FuzzParams(f *testing.F) {
	f.Add([]byte(`{"key":"a","ifVersion":"12","ttlMs":5}`))
	f.Add([]byte(`{"prefix":"a","after":"b","limit":1000}`))
	f.Add([]byte(`{"key":"\ud800","ttlMs":-0}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if wire.Check(b) != nil {
			return
		}
		o, err := wire.ParseObject(b)
		if err != nil {
			return
		}
		for _, m := range methods {
			p, err := parse(o, m.params)
			if err != nil {
				continue
			}
			if !utf8.ValidString(p.key+p.prefix+p.after) || len(p.key) > MaxKeyBytes || len(p.prefix) > MaxKeyBytes || len(p.after) > MaxKeyBytes ||
				p.ttl < 0 || p.ttl > MaxTTL || p.limit < 1 || p.limit > maxList {
				t.Errorf("%s: %+v", b, p)
			}
		}
	})
}
