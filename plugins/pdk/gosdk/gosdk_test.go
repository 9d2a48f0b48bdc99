package gosdk_test

import (
	"context"
	"encoding/json"
	"reflect"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpwasm/mcpwasm/plugins/pdk"
	"github.com/mcpwasm/mcpwasm/plugins/pdk/gosdk"
)

type echoIn struct {
	Text string `json:"text"`
}

// newServer has a tool for each thing that must survive the adapter.
func newServer() *mcp.Server {
	s := mcp.NewServer(&mcp.Implementation{Name: "sample", Version: "1.2.3"}, &mcp.ServerOptions{
		SubscribeHandler:   func(context.Context, *mcp.SubscribeRequest) error { return nil },
		UnsubscribeHandler: func(context.Context, *mcp.UnsubscribeRequest) error { return nil },
	})
	mcp.AddTool(s, &mcp.Tool{Name: "echo"}, func(_ context.Context, _ *mcp.CallToolRequest, in echoIn) (*mcp.CallToolResult, any, error) {
		return text(in.Text), nil, nil
	})
	s.AddTool(&mcp.Tool{Name: "code", InputSchema: anything}, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return nil, &jsonrpc.Error{Code: -32055, Message: "teapot", Data: json.RawMessage(`{"short":1}`)}
	})
	s.AddTool(&mcp.Tool{Name: "notify", InputSchema: anything}, func(ctx context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		for i := range 3 {
			if err := r.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{ProgressToken: r.Params.GetProgressToken(), Progress: float64(i)}); err != nil {
				return nil, err
			}
		}
		if err := r.Session.Log(ctx, &mcp.LoggingMessageParams{Level: "info", Data: "d"}); err != nil {
			return nil, err
		}
		if err := s.ResourceUpdated(ctx, &mcp.ResourceUpdatedNotificationParams{URI: "test://r"}); err != nil {
			return nil, err
		}
		return text("ok"), nil
	})
	s.AddTool(&mcp.Tool{Name: "ask", InputSchema: anything}, func(_ context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		if e, ok := r.Params.InputResponses["who"].(*mcp.ElicitResult); ok {
			return text(e.Action + " " + r.Params.RequestState), nil
		}
		return &mcp.CallToolResult{
			InputRequests: mcp.InputRequestMap{"who": &mcp.ElicitParams{Message: "who?", RequestedSchema: map[string]any{"type": "object", "properties": map[string]any{}}}},
			RequestState:  "s1",
		}, nil
	})
	s.AddTool(&mcp.Tool{Name: "panic", InputSchema: anything}, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		panic("on purpose")
	})
	s.AddTool(&mcp.Tool{Name: "wait", InputSchema: anything}, func(ctx context.Context, _ *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		<-ctx.Done()
		return text("stopped"), nil
	})
	s.AddResource(&mcp.Resource{URI: "test://r", Name: "r"}, func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		return nil, mcp.ResourceNotFoundError("test://r")
	})
	return s
}

var anything = map[string]any{"type": "object"}

func text(s string) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: s}}}
}

// exchange asks one message and returns the answer and the methods of the
// notifications before it.
func exchange(t *testing.T, h pdk.Handler, method, params string) (map[string]any, []string) {
	t.Helper()
	var mu sync.Mutex
	var methods []string
	ctx, end := pdk.WithHost(t.Context(), pdk.Host{Notify: func(b []byte) bool {
		var n struct{ Method string }
		if err := json.Unmarshal(b, &n); err != nil {
			t.Errorf("notification %s: %v", b, err)
		}
		mu.Lock()
		methods = append(methods, n.Method)
		mu.Unlock()
		return true
	}})
	defer end()
	meta := `"_meta":{"progressToken":7,"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/logLevel":"info","io.modelcontextprotocol/clientCapabilities":{"elicitation":{}}}`
	if params != "" {
		meta = "," + meta
	}
	b := h.Handle(ctx, []byte(`{"method":"`+method+`","params":{`+params+meta+`}}`))
	var v map[string]any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("answer %s: %v", b, err)
	}
	return v, methods
}

// at walks into an answer.
func at(v any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			a, _ := v.([]any)
			if p >= len(a) {
				return nil
			}
			v = a[p]
		}
	}
	return v
}

func TestHandle(t *testing.T) {
	h := gosdk.New(newServer())
	tests := []struct {
		name, method, params string
		path                 []any
		want                 any
	}{
		{"discover", "server/discover", "", []any{"result", "supportedVersions"}, []any{"2026-07-28"}},
		{"info", "server/discover", "", []any{"result", "_meta", "io.modelcontextprotocol/serverInfo", "name"}, "sample"},
		{"list", "tools/list", "", []any{"result", "tools", 2, "name"}, "echo"},
		{"call", "tools/call", `"name":"echo","arguments":{"text":"hi"}`, []any{"result", "content", 0, "text"}, "hi"},
		{"error code", "tools/call", `"name":"code"`, []any{"error", "code"}, -32055.0},
		{"error data", "tools/call", `"name":"code"`, []any{"error", "data", "short"}, 1.0},
		{"unknown tool", "tools/call", `"name":"none"`, []any{"error", "code"}, -32602.0},
		{"unknown method", "no/such", "", []any{"error", "code"}, -32601.0},
		{"panic", "tools/call", `"name":"panic"`, []any{"error", "code"}, -32603.0},
		{"asks", "tools/call", `"name":"ask"`, []any{"result", "resultType"}, "input_required"},
		{"asks what", "tools/call", `"name":"ask"`, []any{"result", "inputRequests", "who", "params", "message"}, "who?"},
		{"state", "tools/call", `"name":"ask"`, []any{"result", "requestState"}, "s1"},
		{"is answered", "tools/call", `"name":"ask","requestState":"s1","inputResponses":{"who":{"action":"decline"}}`, []any{"result", "content", 0, "text"}, "decline s1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, _ := exchange(t, h, tt.method, tt.params)
			if got := at(v, tt.path...); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%v = %v, want %v\nin %v", tt.path, got, tt.want, v)
			}
		})
	}
}

func TestNotifications(t *testing.T) {
	v, methods := exchange(t, gosdk.New(newServer()), "tools/call", `"name":"notify"`)
	if got := at(v, "result", "content", 0, "text"); got != "ok" {
		t.Fatalf("answer %v", v)
	}
	want := []string{"notifications/progress", "notifications/progress", "notifications/progress", "notifications/message", "notifications/resources/updated"}
	if !reflect.DeepEqual(methods, want) {
		t.Errorf("notifications %q, want %q", methods, want)
	}
}

func TestCancellation(t *testing.T) {
	ctx, end := pdk.WithHost(t.Context(), pdk.Host{Cancelled: func() bool { return true }})
	defer end()
	b := gosdk.New(newServer()).Handle(ctx, []byte(`{"method":"tools/call","params":{"name":"wait","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`))
	var v struct{ Result, Error json.RawMessage }
	if err := json.Unmarshal(b, &v); err != nil || len(v.Result)+len(v.Error) == 0 {
		t.Errorf("answer %s, want a result or an error", b)
	}
}

func TestMalformedMessage(t *testing.T) {
	h := gosdk.New(newServer())
	for _, m := range []string{"", "[]", "{", "null", `{"method":5}`} {
		var v struct{ Error *struct{ Code int } }
		if b := h.Handle(t.Context(), []byte(m)); json.Unmarshal(b, &v) != nil || v.Error == nil {
			t.Errorf("%q: answer %s, want an error", m, b)
		}
	}
}
