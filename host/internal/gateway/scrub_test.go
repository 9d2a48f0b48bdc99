package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/host/internal/gate/gatetest"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
)

// canary is a secret that a guest has got hold of.
const canary = "canary-1b5e9d"

// scrubbing is [Capabilities] that know one secret.
type scrubbing struct{}

func (scrubbing) Authority(effect.Call) *runtime.Authority { return &runtime.Authority{} }
func (scrubbing) Check(*plugins.Definitions) error         { return nil }
func (scrubbing) Scrub(v json.RawMessage) json.RawMessage {
	return bytes.ReplaceAll(v, []byte(canary), []byte("[secret]"))
}

// babbling is a guest that says the secret wherever it can.
type babbling struct {
	*scripted
	fails  bool // it fails rather than answers
	silent bool // in its lists
}

func (g *babbling) Handle(ctx context.Context, c runtime.Call) (plugins.Answer, error) {
	if c.Notify != nil {
		c.Notify(plugins.Notification{Method: plugins.NotifyLog, Params: json.RawMessage(`{"level":"error","data":"` + canary + `"}`)})
	}
	if g.fails && (c.Message.Method == plugins.MethodCallTool || c.Message.Method == plugins.MethodDiscover && !g.silent) {
		return plugins.Answer{}, &runtime.GuestError{Kind: runtime.KindExit, Server: "a", Detail: "exited: " + canary}
	}
	return g.scripted.Handle(ctx, c)
}

func (g *babbling) Subscribe(context.Context, runtime.Call, string) error {
	return &runtime.GuestError{Kind: runtime.KindExit, Detail: canary}
}

// memory is a [Cache].
type memory map[string][]byte

func (m memory) Get(key string) ([]byte, bool)      { v, ok := m[key]; return v, ok }
func (m memory) Put(key string, definitions []byte) { m[key] = definitions }

// TestScrubEverywhere: a secret that a guest knows comes out nowhere.
func TestScrubEverywhere(t *testing.T) {
	t.Parallel()
	babble := func(change func(*babbling)) *babbling {
		g := &babbling{scripted: newGuest("a")}
		g.answers[plugins.MethodListTools] = says(`{"tools":[{"name":"run","description":"` + canary + `","inputSchema":{"type":"object"}}]}`)
		g.answers[plugins.MethodCallTool] = says(`{"content":[{"type":"text","text":"` + canary + `"}],"requestState":"` + canary + `"}`)
		change(g)
		return g
	}
	tests := []struct {
		name   string
		guest  *babbling
		method string
	}{
		{"a result", babble(func(*babbling) {}), plugins.MethodCallTool},
		{"a list", babble(func(*babbling) {}), plugins.MethodListTools},
		{"an error", babble(func(g *babbling) {
			g.answers[plugins.MethodCallTool] = func(wire.Object) string {
				return `{"error":{"code":-5,"message":"` + canary + `","data":{"` + canary + `":1}}}`
			}
		}), plugins.MethodCallTool},
		{"an error of its lists", babble(func(g *babbling) {
			g.answers[plugins.MethodListTools] = func(wire.Object) string { return `{"error":{"code":-5,"message":"` + canary + `"}}` }
		}), plugins.MethodCallTool},
		{"a failure", babble(func(g *babbling) { g.fails, g.silent = true, true }), plugins.MethodCallTool},
		{"a failure of its lists", babble(func(g *babbling) { g.fails = true }), plugins.MethodCallTool},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			cache := memory{}
			s := NewServer("a", slog.New(slog.NewTextHandler(&log, nil)), cache)
			s.Attach(tt.guest, "id", scrubbing{})
			g := New(Config{Versions: []string{"2026-07-28"}, PageSize: 100, Gate: gatetest.Open(), Log: slog.New(slog.NewTextHandler(&log, nil))})
			g.Replace([]*Server{s})
			params, err := wire.ParseObject([]byte(`{"name":"run"}`))
			if err != nil {
				t.Fatal(err)
			}
			said := ""
			a := g.Handle(t.Context(), Request{Method: tt.method, Params: params, Meta: Meta{LogLevel: "debug"},
				Notify: func(n plugins.Notification) { said += string(n.Params) }})
			said += string(a.Result)
			if a.Error != nil {
				said += a.Error.Message + string(a.Error.Data)
			}
			if !strings.Contains(said, "[secret]") {
				t.Errorf("nothing was said: %s", said)
			}
			if all := said + log.String() + string(cache["id"]); strings.Contains(all, canary) {
				t.Errorf("the secret is in %s", all)
			}
		})
	}
}

// TestScrubSignals: nor in what a guest says outside its answers.
func TestScrubSignals(t *testing.T) {
	t.Parallel()
	guest := &babbling{scripted: newGuest("a")}
	s := NewServer("a", slog.New(slog.DiscardHandler), nil)
	s.Attach(guest, "id", scrubbing{})
	events := make(chan Event, 1)
	s.changed = func(e Event) { events <- e }
	s.Signal("", plugins.Notification{Method: plugins.NotifyResourceUpdated, Params: json.RawMessage(`{"uri":"x:` + canary + `"}`)})
	select {
	case e := <-events:
		if e.URI != "x:[secret]" {
			t.Errorf("updated: %s", e.URI)
		}
	case <-time.After(time.Minute):
		t.Error("nothing was said")
	}
	t.Run("subscribing", func(t *testing.T) {
		g := New(Config{Versions: []string{"2026-07-28"}, PageSize: 100, Gate: gatetest.Open(), Log: slog.New(slog.DiscardHandler)})
		g.Replace([]*Server{s})
		if err := g.Watch(t.Context(), Request{Method: "resources/subscribe"}, "test://r"); err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("error %v", err)
		}
	})
}
