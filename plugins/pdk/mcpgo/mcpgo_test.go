package mcpgo_test

import (
	"context"
	"encoding/json"
	"reflect"
	"sync"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/mcpwasm/mcpwasm/plugins/pdk"
	"github.com/mcpwasm/mcpwasm/plugins/pdk/mcpgo"
)

// newServer has a tool for each thing that must survive the adapter.
func newServer() *server.MCPServer {
	s := server.NewMCPServer("sample", "1.2.3", server.WithToolCapabilities(true), server.WithLogging(), server.WithResourceCapabilities(true, true))
	s.AddTool(mcp.NewTool("echo", mcp.WithString("text", mcp.Required())), func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultText(r.GetString("text", "")), nil
	})
	s.AddTool(mcp.NewTool("code"), func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return nil, &pdk.Error{Code: -32055, Message: "teapot", Data: map[string]int{"short": 1}}
	})
	s.AddTool(mcp.NewTool("notify"), func(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		for i := range 3 {
			if err := s.SendNotificationToClient(ctx, "notifications/progress", map[string]any{"progressToken": r.Params.Meta.ProgressToken, "progress": i}); err != nil {
				return nil, err
			}
		}
		if err := s.SendLogMessageToClient(ctx, mcp.NewLoggingMessageNotification(mcp.LoggingLevelInfo, "l", "d")); err != nil {
			return nil, err
		}
		s.DeleteTools("code")
		return mcp.NewToolResultText("ok"), nil
	})
	s.AddTool(mcp.NewTool("ask"), func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		if e := server.ElicitationResponse(r.Params.InputResponses, "who"); e != nil {
			return mcp.NewToolResultText(string(e.Action) + " " + r.Params.RequestState), nil
		}
		return server.NewInputRequestBuilder("s1").Elicit("who", mcp.ElicitationParams{Message: "who?", RequestedSchema: map[string]any{"type": "object"}}).ToolResult(), nil
	})
	return s
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
	h := mcpgo.New(newServer())
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
	v, methods := exchange(t, mcpgo.New(newServer()), "tools/call", `"name":"notify"`)
	if got := at(v, "result", "content", 0, "text"); got != "ok" {
		t.Fatalf("answer %v", v)
	}
	want := []string{"notifications/progress", "notifications/progress", "notifications/progress", "notifications/message", "notifications/tools/list_changed"}
	if !reflect.DeepEqual(methods, want) {
		t.Errorf("notifications %q, want %q", methods, want)
	}
}

func TestMalformedMessage(t *testing.T) {
	h := mcpgo.New(newServer())
	for _, m := range []string{"", "[]", "{", "null", `{"method":5}`} {
		var v struct{ Error *struct{ Code int } }
		if b := h.Handle(t.Context(), []byte(m)); json.Unmarshal(b, &v) != nil || v.Error == nil {
			t.Errorf("%q: answer %s, want an error", m, b)
		}
	}
}
