package front

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/mcpwasm/mcpwasm/host/internal/gate"
	"github.com/mcpwasm/mcpwasm/host/internal/gate/gatetest"
	"github.com/mcpwasm/mcpwasm/host/internal/gateway"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
)

// testGuest stands where a sandboxed guest would, so that the front is tested
// without one; host's own tests run real guests.
type testGuest struct {
	signal func(session string, n plugins.Notification)

	mu      sync.Mutex
	watched []string
	closed  []string
	// started gets a token when the tool "wait" begins, stopped when its
	// context is done.
	started, stopped chan struct{}
}

var testLists = map[string]string{
	plugins.MethodDiscover: `{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{"listChanged":true},"prompts":{},
		"resources":{"subscribe":true},"completions":{},"logging":{}},"instructions":"Be kind.",
		"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"test","version":"1","x-extra":9007199254740993}}}`,
	plugins.MethodListTools: `{"tools":[
		{"name":"wait","inputSchema":{"type":"object"}},
		{"name":"echo","inputSchema":{"type":"object","$defs":{"x":{"const":1e400}}},"x-unknown":[1, 2]},
		{"name":"ask","inputSchema":{"type":"object"}},
		{"name":"odd","inputSchema":{"type":"object"},"outputSchema":{"type":"array"}},
		{"name":"talk","inputSchema":{"type":"object"}},
		{"name":"change","inputSchema":{"type":"object"}},
		{"name":"regional","inputSchema":{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"}}}}]}`,
	plugins.MethodListPrompts:           `{"prompts":[{"name":"p"}]}`,
	plugins.MethodListResources:         `{"resources":[{"uri":"test://a","name":"a"}]}`,
	plugins.MethodListResourceTemplates: `{"resourceTemplates":[]}`,
}

func (g *testGuest) Handle(ctx context.Context, c runtime.Call) (plugins.Answer, error) {
	if list, ok := testLists[c.Message.Method]; ok {
		return plugins.Answer{Result: json.RawMessage(list)}, nil
	}
	params, err := wire.ParseObject(c.Message.Params)
	if err != nil {
		return plugins.Answer{}, err
	}
	switch c.Message.Method {
	case plugins.MethodCallTool:
		name, _, _ := params.GetString("name")
		return g.tool(ctx, name, params, c)
	case plugins.MethodReadResource:
		uri, _, _ := params.GetString("uri")
		if uri != "test://a" {
			return plugins.Answer{Error: plugins.Errorf(plugins.CodeInvalidParams, "no such resource").WithData(map[string]string{"uri": uri})}, nil
		}
		return result(`{"contents":[{"uri":"test://a","text":"A"}]}`)
	}
	return plugins.Answer{Error: plugins.Errorf(plugins.CodeMethodNotFound, "Method not found")}, nil
}

func (g *testGuest) tool(ctx context.Context, name string, params wire.Object, c runtime.Call) (plugins.Answer, error) {
	switch name {
	case "echo":
		args, _ := params.Get("arguments")
		if args == nil {
			args = json.RawMessage("null")
		}
		return result(`{"content":[],"structuredContent":` + string(args) + `}`)
	case "odd":
		return result(`{"content":[{"type":"audio","data":"AA==","mimeType":"audio/wav"},{"type":"resource_link","uri":"test://a","name":"a"}],"structuredContent":[1]}`)
	case "wait":
		g.started <- struct{}{}
		<-ctx.Done()
		g.stopped <- struct{}{}
		return plugins.Answer{}, context.Cause(ctx)
	case "talk":
		return g.talk(params, c)
	case "change":
		g.signal(c.Session, plugins.Notification{Method: plugins.NotifyToolsListChanged, Params: json.RawMessage("{}")})
		g.signal(c.Session, plugins.Notification{Method: plugins.NotifyResourceUpdated, Params: json.RawMessage(`{"uri":"test://a"}`)})
		return result(`{"content":[]}`)
	case "ask":
		return ask(params)
	}
	return result(`{"content":[]}`)
}

// talk sends ten progress notifications, one with a foreign token, and log
// messages of two levels.
func (g *testGuest) talk(params wire.Object, c runtime.Call) (plugins.Answer, error) {
	meta, _, _ := params.GetObject("_meta")
	token, _ := meta.Get("progressToken")
	if token == nil {
		token = json.RawMessage(`"none"`)
	}
	c.Notify(plugins.Notification{Method: plugins.NotifyProgress, Params: json.RawMessage(`{"progressToken":"foreign","progress":0}`)})
	for i := range 10 {
		c.Notify(plugins.Notification{Method: plugins.NotifyProgress, Params: json.RawMessage(fmt.Sprintf(`{"progressToken":%s,"progress":%d}`, token, i))})
	}
	for _, level := range []string{"debug", "error"} {
		c.Notify(plugins.Notification{Method: plugins.NotifyLog, Params: json.RawMessage(`{"level":"` + level + `","data":"x"}`)})
	}
	return result(`{"content":[]}`)
}

// ask wants two rounds of input and shows what it got.
func ask(params wire.Object) (plugins.Answer, error) {
	state, _, _ := params.GetString("requestState")
	responses, _, _ := params.GetObject("inputResponses")
	round, _ := strconv.Atoi(strings.TrimPrefix(state, "round "))
	if round == 2 {
		return result(`{"content":[],"structuredContent":` + string(responses.JSON()) + `}`)
	}
	return result(fmt.Sprintf(`{"resultType":"input_required","requestState":"round %d","inputRequests":{"q%d":
		{"method":"elicitation/create","params":{"message":"name?","requestedSchema":{"type":"object","properties":{}}}}}}`, round+1, round+1))
}

func result(s string) (plugins.Answer, error) { return plugins.Answer{Result: json.RawMessage(s)}, nil }

func (g *testGuest) Subscribe(_ context.Context, _ runtime.Call, uri string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.watched = append(g.watched, uri)
	return nil
}

func (g *testGuest) Unsubscribe(context.Context, runtime.Call, string) error { return nil }

func (g *testGuest) CloseSession(session string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = append(g.closed, session)
}

func (g *testGuest) Close(context.Context) error { return nil }

// newTestFront returns a front with one test guest behind it.
func newTestFront(t testing.TB, cfg Config) (*Front, *testGuest) {
	t.Helper()
	return newTestFrontAt(t, gatetest.Policy{}, cfg)
}

// newTestFrontAt is newTestFront with a policy.
func newTestFrontAt(t testing.TB, p gatetest.Policy, cfg Config) (*Front, *testGuest) {
	t.Helper()
	at := gatetest.Open()
	at.SetPolicy(p)
	return newTestFrontBehind(t, at, cfg)
}

func newTestFrontBehind(t testing.TB, at *gate.Gate, cfg Config) (*Front, *testGuest) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	gw := gateway.New(gateway.Config{Versions: Versions(), PageSize: 4, Gate: at, Log: log})
	g := &testGuest{started: make(chan struct{}, 8), stopped: make(chan struct{}, 8)}
	s := gateway.NewServer("test", log, nil)
	g.signal = s.Signal
	s.Attach(g, "digest", nil)
	gw.Replace([]*gateway.Server{s})
	cfg.Gateway, cfg.Log = gw, log
	f := New(cfg)
	t.Cleanup(f.Close)
	return f, g
}

// meta is the _meta of a request of the stateless era.
const meta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{}}}`
