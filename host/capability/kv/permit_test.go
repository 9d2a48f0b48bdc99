package kv

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/host/capability/internal/effecttest"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// TestPermit: the policy is asked about the key itself, byte by byte, and a denial
// leaves everything as it is.
func TestPermit(t *testing.T) {
	t.Parallel()
	keys := []string{
		"plain", "a/../b", "a//b/", "/", ".", " a ", "Ünï", "u\u0308", "tab\tline\n", "\x00", `quote"\`, "a\u202eb", "*", strings.Repeat("k", MaxKeyBytes),
	}
	for _, key := range keys {
		t.Run(fmt.Sprintf("%.20q", key), func(t *testing.T) {
			t.Parallel()
			h := newHandler(t)
			h.cfg.Labels = []string{"reads:private"}
			name := string(wire.Quote(key))
			request(t, h, effect.Call{}, "set", `{"key":`+name+"}\nvalue")
			before := dump(t, h)
			for _, tt := range []struct{ method, params, access string }{
				{"get", `{"key":` + name + `}`, "read"}, {"list", `{"prefix":` + name + `,"after":"a"}`, "list"},
				{"set", `{"key":` + name + "}\nother", "write"}, {"delete", `{"key":` + name + `}`, "write"},
			} {
				want := []string{fmt.Sprintf("kv %s %q [reads:private]", tt.access, key)}
				p := effecttest.Policy{Deny: func(string) bool { return true }}
				if a := request(t, h, p.Call(), tt.method, tt.params); a.kind() != plugins.EffectDenied || a.error.Message != effecttest.Denial {
					t.Errorf("%s: %+v", tt.method, a)
				}
				if got := p.Asked(); !slices.Equal(got, want) {
					t.Errorf("%s: asked %q, want %q", tt.method, got, want)
				}
				if after := dump(t, h); after != before {
					t.Errorf("%s has changed\n%s to\n%s", tt.method, before, after)
				}
				p.Deny = nil
				if tt.access == "write" {
					continue
				}
				if a := request(t, h, p.Call(), tt.method, tt.params); a.error != nil || !slices.Equal(p.Asked(), want) {
					t.Errorf("%s: %+v", tt.method, a.error)
				}
			}
		})
	}
	t.Run("all keys", func(t *testing.T) {
		t.Parallel()
		var p effecttest.Policy
		if a := request(t, newHandler(t), p.Call(), "list", `{}`); a.error != nil || !slices.Equal(p.Asked(), []string{`kv list ""`}) {
			t.Error(a.error)
		}
	})
	t.Run("what is not granted is not asked about", func(t *testing.T) {
		t.Parallel()
		var p effecttest.Policy
		if a := request(t, New(Config{}), p.Call(), "list", `{}`); a.kind() != plugins.EffectDenied || len(p.Asked()) > 0 {
			t.Error(a.error)
		}
	})
}

// dump is all that a handler's store has.
func dump(t *testing.T, h *Handler) string {
	t.Helper()
	entries, err := h.cfg.Store.List(t.Context(), "", "", 100)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(entries)
}

// TestPermitAfterValue: a change is decided when its value is there, so that what was
// read meanwhile counts.
func TestPermitAfterValue(t *testing.T) {
	t.Parallel()
	h := newHandler(t)
	params, err := wire.ParseObject([]byte(`{"key":"a"}`))
	if err != nil {
		t.Fatal(err)
	}
	var p effecttest.Policy
	body := &watched{read: func() {
		if len(p.Asked()) > 0 {
			t.Error("it was decided before")
		}
	}}
	r := effect.Request{Method: plugins.EffectKVSet, Params: params, Body: body, HasBody: true}
	if err := h.Perform(t.Context(), p.Call(), r, effect.NewReply(io.Discard)); err != nil || len(p.Asked()) != 1 {
		t.Error(err)
	}
}

// watched is an empty body that says when it is read.
type watched struct{ read func() }

func (w *watched) Read([]byte) (int, error) {
	w.read()
	return 0, io.EOF
}
