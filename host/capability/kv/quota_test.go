package kv

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/store"
)

func TestQuotaOf(t *testing.T) {
	for _, tt := range []struct {
		name           string
		granted, asked int64
		want           int64
	}{
		{"default", 0, 0, DefaultQuotaBytes},
		{"granted", 99 << 20, 0, 99 << 20},
		{"asked for less", 99 << 20, 1 << 20, 99 << 20},
		{"asked for less than the default", 0, 1 << 20, DefaultQuotaBytes},
		{"asked for more", 1 << 20, 99 << 20, 1 << 20},
		{"asked for more than the default", 0, 99 << 20, DefaultQuotaBytes},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := New(Config{Granted: &plugins.KVGrant{QuotaBytes: tt.granted}, Asked: &plugins.KVRequest{QuotaBytes: tt.asked}})
			if h.quota.bytes != tt.want {
				t.Errorf("quota = %d, want %d", h.quota.bytes, tt.want)
			}
		})
	}
}

func TestQuota(t *testing.T) {
	t.Parallel()
	h := New(Config{Granted: &plugins.KVGrant{QuotaBytes: 10}, Store: newStore(t), maxKeys: 3})
	for _, tt := range []struct {
		name, method, params, kind string
		bytes                      int64
		keys                       int
	}{
		{"exactly", "set", `{"key":"a"}` + "\n123456789", "", 10, 1},
		{"one more", "set", `{"key":"b"}`, plugins.EffectLimit, 10, 1},
		{"overwrite with more", "set", `{"key":"a"}` + "\n1234567890", plugins.EffectLimit, 10, 1},
		{"overwrite with as much", "set", `{"key":"a"}` + "\n987654321", "", 10, 1},
		{"overwrite with less", "set", `{"key":"a"}` + "\n1", "", 2, 1},
		{"another", "set", `{"key":"b"}` + "\n1", "", 4, 2},
		{"with expiry", "set", `{"key":"c","ttlMs":1000000}` + "\n1", "", 6, 3},
		{"too many keys", "set", `{"key":"d"}` + "\n1", plugins.EffectLimit, 6, 3},
		{"conflict", "set", `{"key":"b","ifVersion":""}` + "\n12", plugins.EffectConflict, 6, 3},
		{"delete with expiry", "delete", `{"key":"c"}`, "", 4, 2},
		{"delete", "delete", `{"key":"a"}`, "", 2, 1},
		{"delete again", "delete", `{"key":"a"}`, "", 2, 1},
		{"delete the last", "delete", `{"key":"b"}`, "", 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if a := request(t, h, effect.Call{}, tt.method, tt.params); a.kind() != tt.kind {
				t.Errorf("%+v", a.error)
			}
			if u := usageOf(t, h, ""); u.Bytes != tt.bytes || u.Keys != tt.keys {
				t.Errorf("usage = %+v", u)
			}
		})
	}
	if e, err := h.cfg.Store.List(t.Context(), "", "", 10); err != nil || len(e) != 0 {
		t.Errorf("left behind: %v, %v", e, err)
	}
}

// TestQuotaLowered: what is there may shrink, and not grow.
func TestQuotaLowered(t *testing.T) {
	t.Parallel()
	h := newHandler(t)
	request(t, h, effect.Call{}, "set", `{"key":"a"}`+"\n123456789")
	h.quota.bytes = 5
	for value, kind := range map[string]string{"1234567890": plugins.EffectLimit, "12345678": ""} {
		if a := request(t, h, effect.Call{}, "set", `{"key":"a"}`+"\n"+value); a.kind() != kind {
			t.Errorf("%d bytes: %v", len(value), a.error)
		}
	}
}

// TestQuotaExpiry fills a quota with what expires, more than one batch of it: all
// of it is given back when it is needed.
func TestQuotaExpiry(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	synctest.Test(t, func(t *testing.T) {
		const n = 3*reapBatch + 5
		h := New(Config{Granted: &plugins.KVGrant{QuotaBytes: 4 * n}, Store: s})
		for i := range n {
			request(t, h, effect.Call{}, "set", fmt.Sprintf(`{"key":"%03d","ttlMs":%d}`+"\nx", i, 1_000_000+i%2))
		}
		if a := request(t, h, effect.Call{}, "set", `{"key":"k"}`); a.kind() != plugins.EffectLimit {
			t.Fatalf("%+v", a.error)
		}
		time.Sleep(time.Hour)
		// One key expired and is made again: it is counted once.
		large := strings.Repeat("x", 4*n-3)
		if a := request(t, h, effect.Call{}, "set", `{"key":"007"}`+"\n"+large); a.error != nil {
			t.Fatal(a.error)
		}
		if u := usageOf(t, h, ""); u.Keys != 1 || u.Bytes != 4*n {
			t.Errorf("usage = %+v", u)
		}
		e, err := s.List(t.Context(), "", "", store.MaxBatch)
		if err != nil || len(e) != 3 {
			t.Errorf("%d entries, want usage, index and value: %v", len(e), err)
		}
	})
}

// TestUsageExact makes random changes and counts by itself.
func TestUsageExact(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	synctest.Test(t, func(t *testing.T) {
		h := New(Config{Granted: &plugins.KVGrant{}, Store: s})
		r := rand.New(rand.NewPCG(5, 6))
		for range 300 {
			key := wire.Quote(strings.Repeat("k", 1+r.IntN(8)))
			switch r.IntN(5) {
			case 0:
				request(t, h, effect.Call{}, "delete", fmt.Sprintf(`{"key":%s}`, key))
			case 1:
				time.Sleep(time.Duration(r.IntN(20)) * time.Millisecond)
			case 2:
				request(t, h, effect.Call{}, "set", fmt.Sprintf(`{"key":%s}`+"\n%s", key, strings.Repeat("v", r.IntN(9))))
			default:
				request(t, h, effect.Call{}, "set", fmt.Sprintf(`{"key":%s,"ttlMs":%d}`+"\n%s", key, 1+r.IntN(30), strings.Repeat("v", r.IntN(9))))
			}
			checkUsage(t, h)
		}
	})
}

// checkUsage compares the usage with what the index has, expired or not.
func checkUsage(t *testing.T, h *Handler) {
	t.Helper()
	scope := newScope("", "")
	entries, err := h.cfg.Store.List(t.Context(), scope.indexKey(""), "", store.MaxBatch)
	if err != nil {
		t.Fatal(err)
	}
	var want usage
	expiring := 0
	for _, e := range entries {
		x, err := decodeIndex(e)
		if err != nil {
			t.Fatal(err)
		}
		want.add(strings.TrimPrefix(e.Key, scope.indexKey("")), x.size, 1)
		if x.expires != 0 {
			expiring++
		}
	}
	if got := usageOf(t, h, ""); got.Bytes != want.Bytes || got.Keys != want.Keys {
		t.Fatalf("usage = %+v, want %+v", got, want)
	}
	if e, err := h.cfg.Store.List(t.Context(), scope.expiryPrefix(), "", store.MaxBatch); err != nil || len(e) != expiring {
		t.Fatalf("%d expiries, want %d: %v", len(e), expiring, err)
	}
}
