package pdk_test

import (
	"context"
	"encoding/json"
	"errors"
	goruntime "runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpwasm/mcpwasm/plugins/pdk"
	"github.com/mcpwasm/mcpwasm/plugins/pdk/pdktest"
)

type nameForm struct {
	Name string `json:"name" jsonschema:"who"`
}

// asking is a server whose tools ask.
func asking() *pdk.Server {
	s := pdk.New("asking", "1")
	tool := func(name string, h func(context.Context) (*pdk.ToolResult, error)) {
		pdk.AddTool(s, pdk.Tool{Name: name}, func(ctx context.Context, _ struct{}) (*pdk.ToolResult, error) { return h(ctx) })
	}
	tool("name", func(ctx context.Context) (*pdk.ToolResult, error) {
		in, action, err := pdk.Elicit[nameForm](ctx, "who", "Name?")
		if err != nil {
			return nil, err
		}
		return pdk.Textf("%s %s", action, in.Name), nil
	})
	tool("twice", func(ctx context.Context) (*pdk.ToolResult, error) {
		a, _, err := pdk.Elicit[nameForm](ctx, "a", "A?")
		if err != nil {
			return nil, err
		}
		b, err := pdk.Ask(ctx, "b", "B?", 10)
		if err != nil {
			return nil, err
		}
		roots, err := pdk.ListRoots(ctx, "c")
		if err != nil {
			return nil, err
		}
		return pdk.Textf("%s %s %d", a.Name, b, len(roots)), nil
	})
	tool("state", func(ctx context.Context) (*pdk.ToolResult, error) {
		if pdk.State(ctx) == "" {
			return nil, pdk.NeedInput(nil, "x\"y")
		}
		return pdk.TextResult(pdk.State(ctx)), nil
	})
	tool("neither", func(context.Context) (*pdk.ToolResult, error) { return nil, pdk.NeedInput(nil, "") })
	tool("page", func(ctx context.Context) (*pdk.ToolResult, error) {
		action, err := pdk.ElicitURL(ctx, "p", "Visit", "https://example.com")
		if err != nil {
			return nil, err
		}
		return pdk.TextResult(string(action)), nil
	})
	tool("sampletools", func(context.Context) (*pdk.ToolResult, error) {
		return nil, pdk.NeedInput(map[string]pdk.InputRequest{"s": pdk.Sampling(map[string]any{"tools": []int{}})}, "")
	})
	tool("roots", func(ctx context.Context) (*pdk.ToolResult, error) {
		_, err := pdk.ListRoots(ctx, "r")
		return nil, err
	})
	return s
}

func TestRounds(t *testing.T) {
	all := `{"elicitation":{"form":{},"url":{}},"sampling":{},"roots":{}}`
	accept := func(name any) map[string]any {
		return map[string]any{"action": "accept", "content": map[string]any{"name": name}}
	}
	tests := []struct {
		name, tool, capabilities string
		inputs                   map[string]any
		state                    string
		want                     string
	}{
		{"asks", "name", all, nil, "", `{"result":{"inputRequests":{"who":{"method":"elicitation/create","params":{"mode":"form","message":"Name?","requestedSchema":{"type":"object","properties":{"name":{"type":"string","description":"who"}},"required":["name"]}}}},"resultType":"input_required"}}`},
		{"is answered", "name", "", map[string]any{"who": accept("Ada")}, "", `{"result":{"resultType":"complete","content":[{"type":"text","text":"accept Ada"}]}}`},
		{"ignores others", "name", "", map[string]any{"who": accept("Ada"), "x": 5}, "", `{"result":{"resultType":"complete","content":[{"type":"text","text":"accept Ada"}]}}`},
		{"is declined", "name", "", map[string]any{"who": map[string]any{"action": "decline"}}, "", `{"result":{"resultType":"complete","content":[{"type":"text","text":"decline "}]}}`},
		{"answer of another type", "name", "", map[string]any{"who": 5}, "", `{"error":{"code":-32602,"message":"inputResponses.who: want an object with action"}}`},
		{"unknown action", "name", "", map[string]any{"who": map[string]any{"action": "no"}}, "", `{"error":{"code":-32602,"message":"inputResponses.who.action: want accept, decline or cancel"}}`},
		{"content of another type", "name", "", map[string]any{"who": accept(1)}, "", `{"error":{"code":-32602,"message":"inputResponses.who.content.name: want a string, have a number"}}`},
		{"no form", "name", `{"elicitation":{"url":{}}}`, nil, "", `{"error":{"code":-32021,"message":"Missing required client capability: {\"elicitation\":{}}","data":{"requiredCapabilities":{"elicitation":{}}}}}`},
		{"no elicitation", "name", `{}`, nil, "", `{"error":{"code":-32021,"message":"Missing required client capability: {\"elicitation\":{}}","data":{"requiredCapabilities":{"elicitation":{}}}}}`},
		{"no page", "page", `{"elicitation":{}}`, nil, "", `{"error":{"code":-32021,"message":"Missing required client capability: {\"elicitation\":{\"url\":{}}}","data":{"requiredCapabilities":{"elicitation":{"url":{}}}}}}`},
		{"page", "page", all, nil, "", `{"result":{"inputRequests":{"p":{"method":"elicitation/create","params":{"mode":"url","message":"Visit","url":"https://example.com"}}},"resultType":"input_required"}}`},
		{"no tools in sampling", "sampletools", `{"sampling":{}}`, nil, "", `{"error":{"code":-32021,"message":"Missing required client capability: {\"sampling\":{\"tools\":{}}}","data":{"requiredCapabilities":{"sampling":{"tools":{}}}}}}`},
		{"no roots", "roots", `{"sampling":{}}`, nil, "", `{"error":{"code":-32021,"message":"Missing required client capability: {\"roots\":{}}","data":{"requiredCapabilities":{"roots":{}}}}}`},
		{"second question keeps the first answer", "twice", all, map[string]any{"a": accept("A")}, "", `{"result":{"inputRequests":{"b":{"method":"sampling/createMessage","params":{"maxTokens":10,"messages":[{"role":"user","content":{"type":"text","text":"B?"}}]}}},"requestState":"pdk1:{\"a\":{\"action\":\"accept\",\"content\":{\"name\":\"A\"}}}","resultType":"input_required"}}`},
		{"third question keeps both", "twice", all, map[string]any{"b": map[string]any{"content": []any{map[string]any{"type": "text", "text": "B"}}}}, `pdk1:{"a":{"action":"accept","content":{"name":"A"}}}`, `{"result":{"inputRequests":{"c":{"method":"roots/list","params":{}}},"requestState":"pdk1:{\"a\":{\"action\":\"accept\",\"content\":{\"name\":\"A\"}},\"b\":{\"content\":[{\"text\":\"B\",\"type\":\"text\"}]}}","resultType":"input_required"}}`},
		{"last round", "twice", all, map[string]any{"c": map[string]any{"roots": []any{map[string]any{"uri": "file:///"}}}}, `pdk1:{"a":{"action":"accept","content":{"name":"A"}},"b":{"content":{"type":"text","text":"B"}}}`, `{"result":{"resultType":"complete","content":[{"type":"text","text":"A B 1"}]}}`},
		{"state alone", "state", "", nil, "", `{"result":{"requestState":"x\"y","resultType":"input_required"}}`},
		{"state comes back", "state", "", nil, `x"y`, `{"result":{"resultType":"complete","content":[{"type":"text","text":"x\"y"}]}}`},
		{"neither", "neither", "", nil, "", `{"error":{"code":-32603,"message":"the handler asked for input with neither a request nor a state"}}`},
	}
	s := asking()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := pdktest.Client{Server: s, Capabilities: tt.capabilities, Inputs: tt.inputs, State: tt.state}
			if a := c.CallTool(t, tt.tool, nil); string(a.Raw) != tt.want {
				t.Errorf("answer\n%s\nwant\n%s", a.Raw, tt.want)
			}
		})
	}
}

// notifying is a server whose one tool does what it is given.
func notifying(do func(ctx context.Context) error) *pdk.Server {
	s := pdk.New("notifying", "1")
	pdk.AddTool(s, pdk.Tool{Name: "do"}, func(ctx context.Context, _ struct{}) (*pdk.ToolResult, error) {
		return &pdk.ToolResult{}, do(ctx)
	})
	return s
}

func TestNotifications(t *testing.T) {
	progress := func(ctx context.Context) error { pdk.Progress(ctx, 1, 2, "half"); return nil }
	log := func(l pdk.Level) func(context.Context) error {
		return func(ctx context.Context) error { pdk.Log(ctx, l, "x", map[string]int{"n": 1}); return nil }
	}
	tests := []struct {
		name   string
		do     func(context.Context) error
		client pdktest.Client
		want   string
	}{
		{"progress", progress, pdktest.Client{ProgressToken: 7}, `notifications/progress {"progressToken":7,"progress":1,"total":2,"message":"half"}`},
		{"progress by text", progress, pdktest.Client{ProgressToken: "t"}, `notifications/progress {"progressToken":"t","progress":1,"total":2,"message":"half"}`},
		{"progress unasked", progress, pdktest.Client{}, ``},
		{"log", log(pdk.Info), pdktest.Client{LogLevel: pdk.Info}, `notifications/message {"level":"info","logger":"x","data":{"n":1}}`},
		{"log above", log(pdk.Emergency), pdktest.Client{LogLevel: pdk.ErrorLevel}, `notifications/message {"level":"emergency","logger":"x","data":{"n":1}}`},
		{"log below", log(pdk.Debug), pdktest.Client{LogLevel: pdk.Info}, ``},
		{"log unasked", log(pdk.Emergency), pdktest.Client{}, ``},
		{"log of an unknown level", log("loud"), pdktest.Client{LogLevel: pdk.Debug}, ``},
		{"log asked by an unknown level", log(pdk.Info), pdktest.Client{LogLevel: "all"}, ``},
		{"tools", pdk.ToolsChanged, pdktest.Client{}, `notifications/tools/list_changed {}`},
		{"prompts", pdk.PromptsChanged, pdktest.Client{}, `notifications/prompts/list_changed {}`},
		{"resources", pdk.ResourcesChanged, pdktest.Client{}, `notifications/resources/list_changed {}`},
		{"updated", func(ctx context.Context) error { return pdk.ResourceUpdated(ctx, "u") }, pdktest.Client{}, `notifications/resources/updated {"uri":"u"}`},
		{"close", func(ctx context.Context) error { return pdk.CloseStream(ctx, 2*time.Second) }, pdktest.Client{}, `notifications/mcpwasm/close_stream {"retryMs":2000}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.client.Server = notifying(tt.do)
			got := ""
			for _, n := range tt.client.CallTool(t, "do", nil).Notifications {
				got += n.Method + " " + string(n.Params)
			}
			if got != tt.want {
				t.Errorf("sent %q, want %q", got, tt.want)
			}
		})
	}
}

func TestRefusedNotification(t *testing.T) {
	ctx, end := pdk.WithHost(t.Context(), pdk.Host{Notify: func([]byte) bool { return false }})
	defer end()
	if err := pdk.ToolsChanged(ctx); !errors.Is(err, pdk.ErrRefused) {
		t.Errorf("error %v, want ErrRefused", err)
	}
	if err := pdk.Notify(ctx, "x", func() {}); err == nil || errors.Is(err, pdk.ErrRefused) {
		t.Errorf("error %v, want that of the encoding", err)
	}
}

func TestCancellation(t *testing.T) {
	tests := []struct {
		name string
		wait func(context.Context) error
	}{
		{"Err", func(ctx context.Context) error {
			for ctx.Err() == nil {
			}
			return ctx.Err()
		}},
		{"Done", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
		{"Done of a child", func(ctx context.Context) error {
			child, cancel := context.WithTimeout(ctx, time.Hour)
			defer cancel()
			<-child.Done()
			return child.Err()
		}},
		{"polling select", func(ctx context.Context) error {
			for {
				select {
				case <-ctx.Done():
					return ctx.Err()
				default:
					goruntime.Gosched()
				}
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var asked atomic.Int32
			ctx, end := pdk.WithHost(t.Context(), pdk.Host{Cancelled: func() bool { return asked.Add(1) > 3 }})
			defer end()
			if err := tt.wait(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v, want %v", err, context.Canceled)
			}
		})
	}
}

func TestNobodyAsksForCancellation(t *testing.T) {
	ctx, end := pdk.WithHost(t.Context(), pdk.Host{Cancelled: func() bool { t.Error("the host was asked"); return false }})
	_ = ctx.Value("x")
	end()
}

func TestParams(t *testing.T) {
	s := notifying(func(ctx context.Context) error {
		if name, version := pdk.ClientInfo(ctx); name != "" || version != "" {
			t.Errorf("client %q %q, want none", name, version)
		}
		var p struct{ Name string }
		if err := json.Unmarshal(pdk.Params(ctx), &p); err != nil || p.Name != "do" {
			t.Errorf("params %s", pdk.Params(ctx))
		}
		return nil
	})
	pdktest.Client{Server: s}.CallTool(t, "do", nil)
}
