package kv

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/host/capability/internal/effecttest"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/store"
)

func newStore(t testing.TB) store.Store {
	t.Helper()
	s, err := store.Open(filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newHandler(t testing.TB) *Handler {
	t.Helper()
	return New(Config{Server: "notes", Scope: "notes", Granted: &plugins.KVGrant{}, Store: newStore(t)})
}

// answer is a reply, read.
type answer struct {
	Version   string
	Size      int64
	ExpiresMs *int64
	Deleted   bool
	More      bool
	Keys      []struct {
		Key, Version string
		Size         int64
		ExpiresMs    *int64
	}
	body  string
	error *plugins.EffectError
}

func (a answer) kind() string {
	if a.error == nil {
		return ""
	}
	return a.error.Kind
}

func (a answer) names() string {
	var names []string
	for _, k := range a.Keys {
		names = append(names, k.Key)
	}
	return strings.Join(names, " ")
}

// request makes one request as a guest would. Text after a line break in params is
// the body.
func request(t testing.TB, h *Handler, c effect.Call, method, params string) answer {
	t.Helper()
	a, err := tryRequest(t.Context(), h, c, method, params)
	if err != nil {
		t.Fatalf("%s %s: %v", method, params, err)
	}
	return a
}

func tryRequest(ctx context.Context, h *Handler, c effect.Call, method, params string) (a answer, err error) {
	head, body, hasBody := strings.Cut(params, "\n")
	if err := wire.Check([]byte(head)); err != nil {
		return a, err
	}
	o, err := wire.ParseObject([]byte(head))
	if err != nil {
		return a, err
	}
	var b bytes.Buffer
	reply := effect.NewReply(&b)
	if c.Decide == nil {
		c.Decide = effecttest.Allow
	}
	r := effect.Request{Method: "kv/" + method, Params: o, Body: strings.NewReader(body), HasBody: hasBody}
	if err := h.Perform(ctx, c, r, reply); err != nil {
		if !errors.As(err, &a.error) {
			return a, err
		}
		return a, nil
	}
	rest := bufio.NewReader(&b)
	line, err := rest.ReadBytes('\n')
	if err != nil {
		return a, err
	}
	var first struct{ Result *answer }
	first.Result = &a
	if err := json.Unmarshal(line, &first); err != nil {
		return a, err
	}
	left := new(strings.Builder)
	_, err = rest.WriteTo(left)
	a.body = left.String()
	return a, err
}

func usageOf(t testing.TB, h *Handler, principal string) (u usage) {
	t.Helper()
	s := newScope(h.cfg.Scope, principal)
	e, err := h.cfg.Store.Get(t.Context(), s.usageKey())
	if err != nil {
		t.Fatal(err)
	}
	if u, err = s.decodeUsage(e[0]); err != nil {
		t.Fatal(err)
	}
	return u
}

func TestGetSetDelete(t *testing.T) {
	t.Parallel()
	h := newHandler(t)
	request(t, h, effect.Call{}, "set", `{"key":"there"}`+"\nvalue")
	v := request(t, h, effect.Call{}, "get", `{"key":"there"}`).Version
	for _, tt := range []struct {
		name, method, params string
		kind, body           string
	}{
		{"get", "get", `{"key":"there"}`, "", "value"},
		{"get nothing", "get", `{"key":"absent"}`, plugins.EffectNotFound, ""},
		{"make what is there", "set", `{"key":"there","ifVersion":""}` + "\nx", plugins.EffectConflict, ""},
		{"replace nothing", "set", `{"key":"absent","ifVersion":"` + v + `"}` + "\nx", plugins.EffectConflict, ""},
		{"replace another version", "set", `{"key":"there","ifVersion":"` + v + `0"}` + "\nx", plugins.EffectConflict, ""},
		{"nothing changed", "get", `{"key":"there"}`, "", "value"},
		{"make", "set", `{"key":"new","ifVersion":""}` + "\nmade", "", ""},
		{"it is made", "get", `{"key":"new"}`, "", "made"},
		{"replace", "set", `{"key":"there","ifVersion":"` + v + `"}` + "\nsecond", "", ""},
		{"it is replaced", "get", `{"key":"there"}`, "", "second"},
		{"the version is used up", "set", `{"key":"there","ifVersion":"` + v + `"}` + "\nx", plugins.EffectConflict, ""},
		{"delete another version", "delete", `{"key":"there","ifVersion":"` + v + `"}`, plugins.EffectConflict, ""},
		{"delete as if absent", "delete", `{"key":"there","ifVersion":""}`, plugins.EffectConflict, ""},
		{"delete nothing", "delete", `{"key":"absent"}`, "", ""},
		{"delete nothing that is nothing", "delete", `{"key":"absent","ifVersion":""}`, "", ""},
		{"delete a version of nothing", "delete", `{"key":"absent","ifVersion":"1"}`, plugins.EffectConflict, ""},
		{"empty value", "set", `{"key":"empty"}`, "", ""},
		{"get it", "get", `{"key":"empty"}`, "", ""},
		{"bytes", "set", `{"key":"b"}` + "\n\x00\xff\n\n", "", ""},
		{"get them", "get", `{"key":"b"}`, "", "\x00\xff\n\n"},
		{"largest", "set", `{"key":"l"}` + "\n" + strings.Repeat("x", MaxValueBytes), "", ""},
		{"larger", "set", `{"key":"l"}` + "\n" + strings.Repeat("x", MaxValueBytes+1), plugins.EffectLimit, ""},
		{"longest key", "set", `{"key":"` + strings.Repeat("/", MaxKeyBytes) + `"}` + "\nx", "", ""},
		{"get it too", "get", `{"key":"` + strings.Repeat("/", MaxKeyBytes) + `"}`, "", "x"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := request(t, h, effect.Call{}, tt.method, tt.params)
			if a.kind() != tt.kind || a.body != tt.body || tt.method == "get" && tt.kind == "" && a.Size != int64(len(tt.body)) {
				t.Errorf("%+v", a)
			}
			if tt.method == "set" && tt.kind == "" && a.Version == "" {
				t.Error("no version")
			}
		})
	}
	if a := request(t, h, effect.Call{}, "delete", `{"key":"there"}`); !a.Deleted {
		t.Errorf("delete: %+v", a)
	}
	if a := request(t, h, effect.Call{}, "delete", `{"key":"there"}`); a.Deleted {
		t.Errorf("delete again: %+v", a)
	}
}

func TestInvalid(t *testing.T) {
	t.Parallel()
	h := newHandler(t)
	for name, tt := range map[string]struct{ method, params string }{
		"method":             {"drop", `{}`},
		"no key":             {"get", `{}`},
		"empty key":          {"get", `{"key":""}`},
		"long key":           {"get", `{"key":"` + strings.Repeat("k", MaxKeyBytes+1) + `"}`},
		"long in bytes":      {"get", `{"key":"` + strings.Repeat("ä", MaxKeyBytes/2+1) + `"}`},
		"key is null":        {"get", `{"key":null}`},
		"key is a number":    {"get", `{"key":1}`},
		"other case":         {"get", `{"Key":"a"}`},
		"unknown":            {"get", `{"key":"a","ttl":1}`},
		"of another method":  {"get", `{"key":"a","ifVersion":""}`},
		"get with a body":    {"get", `{"key":"a"}` + "\nx"},
		"delete with a body": {"delete", `{"key":"a"}` + "\nx"},
		"list with a body":   {"list", `{}` + "\nx"},
		"version null":       {"set", `{"key":"a","ifVersion":null}` + "\nx"},
		"version number":     {"set", `{"key":"a","ifVersion":1}` + "\nx"},
		"version 0":          {"set", `{"key":"a","ifVersion":"0"}` + "\nx"},
		"version 01":         {"set", `{"key":"a","ifVersion":"01"}` + "\nx"},
		"version +1":         {"set", `{"key":"a","ifVersion":"+1"}` + "\nx"},
		"version blank":      {"set", `{"key":"a","ifVersion":" "}` + "\nx"},
		"version too large":  {"set", `{"key":"a","ifVersion":"18446744073709551616"}` + "\nx"},
		"ttl 0":              {"set", `{"key":"a","ttlMs":0}` + "\nx"},
		"ttl negative":       {"set", `{"key":"a","ttlMs":-1}` + "\nx"},
		"ttl too long":       {"set", `{"key":"a","ttlMs":315360000001}` + "\nx"},
		"ttl fraction":       {"set", `{"key":"a","ttlMs":1.5}` + "\nx"},
		"ttl exponent":       {"set", `{"key":"a","ttlMs":1e3}` + "\nx"},
		"ttl text":           {"set", `{"key":"a","ttlMs":"1"}` + "\nx"},
		"ttl null":           {"set", `{"key":"a","ttlMs":null}` + "\nx"},
		"limit 0":            {"list", `{"limit":0}`},
		"limit 1001":         {"list", `{"limit":1001}`},
		"limit huge":         {"list", `{"limit":99999999999999999999}`},
		"prefix null":        {"list", `{"prefix":null}`},
		"long prefix":        {"list", `{"prefix":"` + strings.Repeat("k", MaxKeyBytes+1) + `"}`},
		"after a number":     {"list", `{"after":1}`},
	} {
		t.Run(name, func(t *testing.T) {
			if a := request(t, h, effect.Call{}, tt.method, tt.params); a.kind() != plugins.EffectInvalid {
				t.Errorf("%+v", a.error)
			}
		})
	}
	if u := usageOf(t, h, ""); u.Keys != 0 {
		t.Errorf("usage = %+v", u)
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	h := newHandler(t)
	for _, key := range []string{"b", "a/2", "a", "a/1", "a/10", "ä", "\u0000", "a\u0000"} {
		request(t, h, effect.Call{}, "set", fmt.Sprintf(`{"key":%s}`, wire.Quote(key))+"\n"+key)
	}
	for _, tt := range []struct {
		name, params, want string
		more               bool
	}{
		{"all", `{}`, "\x00 a a\x00 a/1 a/10 a/2 b ä", false},
		{"prefix", `{"prefix":"a/"}`, "a/1 a/10 a/2", false},
		{"prefix of itself", `{"prefix":"a/1"}`, "a/1 a/10", false},
		{"after", `{"prefix":"a/","after":"a/1"}`, "a/10 a/2", false},
		{"after nothing", `{"prefix":"a/","after":""}`, "a/1 a/10 a/2", false},
		{"after before the prefix", `{"prefix":"a/","after":"a"}`, "a/1 a/10 a/2", false},
		{"after behind the prefix", `{"prefix":"a/","after":"b"}`, "", false},
		{"limit", `{"limit":2}`, "\x00 a", true},
		{"limit that is enough", `{"limit":8}`, "\x00 a a\x00 a/1 a/10 a/2 b ä", false},
		{"limit and after", `{"limit":2,"after":"a/2"}`, "b ä", false},
		{"nothing", `{"prefix":"zz"}`, "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := request(t, h, effect.Call{}, "list", tt.params)
			if a.names() != tt.want || a.More != tt.more || a.Keys == nil {
				t.Errorf("%q, more %t; want %q, %t", a.names(), a.More, tt.want, tt.more)
			}
			for _, k := range a.Keys {
				if k.Size != int64(len(k.Key)) || k.Version == "" || k.ExpiresMs != nil || a.body != "" {
					t.Errorf("%+v", k)
				}
			}
		})
	}
}

func TestAuthority(t *testing.T) {
	t.Parallel()
	ro, rw := &plugins.KVGrant{Access: plugins.ReadOnly}, &plugins.KVGrant{Access: plugins.ReadWrite}
	for _, tt := range []struct {
		name        string
		cfg         Config
		call        effect.Call
		read, write bool
		grant, why  string // of the denial
	}{
		{"granted", Config{Granted: &plugins.KVGrant{}}, effect.Call{}, true, true, "", ""},
		{"granted rw", Config{Granted: rw}, effect.Call{}, true, true, "", ""},
		{"nothing", Config{}, effect.Call{}, false, false, "--kv", "was not granted"},
		{"only asked", Config{HasManifest: true, Asked: &plugins.KVRequest{}}, effect.Call{}, false, false, "--kv", "was not granted"},
		{"only granted", Config{HasManifest: true, Granted: rw}, effect.Call{}, false, false, "", "does not ask"},
		{"neither", Config{HasManifest: true}, effect.Call{}, false, false, "", "does not ask"},
		{"both", Config{HasManifest: true, Granted: rw, Asked: &plugins.KVRequest{Access: "rw"}}, effect.Call{}, true, true, "", ""},
		{"granted ro", Config{Granted: ro}, effect.Call{}, true, false, "--kv=rw", "granted key-value data for reading"},
		{"granted what nobody knows", Config{Granted: &plugins.KVGrant{Access: "all"}}, effect.Call{}, true, false, "--kv=rw", "for reading"},
		{"asked ro", Config{HasManifest: true, Granted: rw, Asked: &plugins.KVRequest{Access: "ro"}}, effect.Call{}, true, false, "", "asks for key-value data for reading"},
		{"granted and asked ro", Config{HasManifest: true, Granted: ro, Asked: &plugins.KVRequest{Access: "ro"}}, effect.Call{}, true, false, "", "asks for key-value data for reading"},
		{"hint", Config{Granted: rw}, effect.Call{Tool: "find", ReadOnly: true}, true, false, "--tool-access find=rw", "tool find only reads"},
		{"other message", Config{Granted: rw}, effect.Call{Method: "resources/read", ReadOnly: true}, true, false, "", "resources/read"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.cfg.Store, tt.cfg.Server = newStore(t), "notes"
			h := New(tt.cfg)
			for _, r := range []struct {
				method, params string
				allowed        bool
			}{
				{"get", `{"key":"a"}`, tt.read},
				{"list", `{}`, tt.read},
				{"set", `{"key":"a"}` + "\nx", tt.write},
				{"delete", `{"key":"a"}`, tt.write},
			} {
				a := request(t, h, tt.call, r.method, r.params)
				if denied := a.kind() == plugins.EffectDenied; denied == r.allowed {
					t.Errorf("%s: %v", r.method, a.error)
				} else if denied && (a.error.Grant != tt.grant || !strings.Contains(a.error.Message, tt.why)) {
					t.Errorf("%s: %+v", r.method, a.error)
				}
			}
		})
	}
}

// TestCounter increments from several goroutines and two handlers, which stand for
// two processes: none is lost, and the usage stays exact.
func TestCounter(t *testing.T) {
	t.Parallel()
	const workers, rounds = 6, 10
	h := newHandler(t)
	handlers := []*Handler{h, New(h.cfg)}
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			for range rounds {
				if err := increment(t.Context(), handlers[i%2]); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if a := request(t, h, effect.Call{}, "get", `{"key":"n"}`); a.body != strconv.Itoa(workers*rounds) {
		t.Errorf("counter = %s", a.body)
	}
	if u := usageOf(t, h, ""); u.Keys != 1 || u.Bytes != 3 {
		t.Errorf("usage = %+v", u)
	}
}

func increment(ctx context.Context, h *Handler) error {
	for {
		a, err := tryRequest(ctx, h, effect.Call{}, "get", `{"key":"n"}`)
		if err != nil {
			return err
		}
		n, _ := strconv.Atoi(a.body) // "" is 0
		a, err = tryRequest(ctx, h, effect.Call{}, "set", fmt.Sprintf(`{"key":"n","ifVersion":%q}`+"\n%d", a.Version, n+1))
		if err != nil || a.error == nil {
			return err
		}
		if a.kind() != plugins.EffectConflict {
			return a.error
		}
	}
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	synctest.Test(t, func(t *testing.T) {
		h := New(Config{Granted: &plugins.KVGrant{}, Store: s})
		request(t, h, effect.Call{}, "set", `{"key":"a","ttlMs":1000}`+"\nx")
		v := request(t, h, effect.Call{}, "set", `{"key":"b","ttlMs":315360000000}`+"\nx").Version
		time.Sleep(999 * time.Millisecond)
		for _, tt := range []struct {
			key  string
			left int64
		}{{"a", 1}, {"b", 315360000000 - 999}} {
			a := request(t, h, effect.Call{}, "get", `{"key":"`+tt.key+`"}`)
			if a.body != "x" || a.ExpiresMs == nil || *a.ExpiresMs != tt.left {
				t.Errorf("%s: %+v", tt.key, a)
			}
		}
		if a := request(t, h, effect.Call{}, "list", `{}`); a.names() != "a b" || *a.Keys[0].ExpiresMs != 1 {
			t.Errorf("list: %+v", a)
		}
		time.Sleep(time.Millisecond)
		if a := request(t, h, effect.Call{}, "get", `{"key":"a"}`); a.kind() != plugins.EffectNotFound {
			t.Errorf("expired: %+v", a)
		}
		if a := request(t, h, effect.Call{}, "list", `{"limit":1}`); a.names() != "b" || a.More {
			t.Errorf("list: %+v", a)
		}
		if a := request(t, h, effect.Call{}, "delete", `{"key":"a"}`); a.Deleted {
			t.Error("an expired key was deleted")
		}
		if a := request(t, h, effect.Call{}, "set", `{"key":"a","ifVersion":""}`+"\ny"); a.error != nil {
			t.Errorf("set: %v", a.error)
		}
		// A set without ttlMs makes it last.
		request(t, h, effect.Call{}, "set", `{"key":"b","ifVersion":"`+v+`"}`+"\nz")
		if a := request(t, h, effect.Call{}, "get", `{"key":"b"}`); a.ExpiresMs != nil || a.body != "z" {
			t.Errorf("b: %+v", a)
		}
		if u := usageOf(t, h, ""); u.Keys != 2 || u.Bytes != 4 {
			t.Errorf("usage = %+v", u)
		}
	})
}

// stuck is a store that answers when its context ends.
type stuck struct{ store.Store }

func (stuck) Get(ctx context.Context, _ ...string) ([]store.Entry, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestFailures(t *testing.T) {
	t.Parallel()
	t.Run("slow store", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		h := New(Config{Granted: &plugins.KVGrant{}, Store: stuck{}})
		if a, err := tryRequest(ctx, h, effect.Call{}, "set", `{"key":"a"}`+"\nx"); err != nil || a.kind() != plugins.EffectTimeout {
			t.Error(a.error, err)
		}
	})
	t.Run("no store", func(t *testing.T) {
		h := New(Config{Granted: &plugins.KVGrant{}})
		if a, err := tryRequest(t.Context(), h, effect.Call{}, "get", `{"key":"a"}`); err == nil {
			t.Error(a)
		}
	})
	t.Run("somebody else wrote there", func(t *testing.T) {
		h := newHandler(t)
		s := newScope("notes", "")
		_, err := h.cfg.Store.Apply(t.Context(), store.Change{Key: s.indexKey("a")}, store.Change{Key: s.usageKey(), Value: []byte("[")})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range [][2]string{{"get", `{"key":"a"}`}, {"list", `{}`}, {"set", `{"key":"a"}` + "\nx"}} {
			if a, err := tryRequest(t.Context(), h, effect.Call{}, r[0], r[1]); err == nil {
				t.Errorf("%s: %+v", r[0], a)
			}
		}
	})
}
