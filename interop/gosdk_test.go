package interop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// goClient is the official Go SDK's client.
type goClient struct {
	session    *mcp.ClientSession
	ev         *events
	tokens     atomic.Int64
	subscribed []string
}

func connectGoSDK(t *testing.T, g target, revision string, p person) client {
	t.Helper()
	ev := newEvents()
	c := mcp.NewClient(&mcp.Implementation{Name: "interop-go", Version: "1.0.0"}, goOptions(t, ev, p))
	c.AddRoots(&mcp.Root{URI: "file:///work/a", Name: "a"})
	session, err := c.Connect(deadline(t), goTransport(g), &mcp.ClientSessionOptions{ProtocolVersion: revision})
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	// A test that fails does not close; closing twice is allowed.
	t.Cleanup(func() { _ = session.Close() })
	return &goClient{session: session, ev: ev}
}

func goTransport(g target) mcp.Transport {
	if g.url != "" {
		return &mcp.StreamableClientTransport{Endpoint: g.url}
	}
	cmd := exec.Command(g.command[0], g.command[1:]...)
	cmd.Env = append(os.Environ(), g.env...)
	cmd.Stderr = os.Stderr
	return &mcp.CommandTransport{Command: cmd, TerminateDuration: patience}
}

func goOptions(t *testing.T, ev *events, p person) *mcp.ClientOptions {
	record := func(name string, params any) { ev.add(name, mustJSON(t, params)) }
	options := &mcp.ClientOptions{
		CreateMessageHandler: func(_ context.Context, r *mcp.CreateMessageRequest) (*mcp.CreateMessageResult, error) {
			record("sampling/createMessage", r.Params)
			return decode[mcp.CreateMessageResult](sampleAnswer)
		},
		LoggingMessageHandler:       func(_ context.Context, r *mcp.LoggingMessageRequest) { record("notifications/message", r.Params) },
		ProgressNotificationHandler: func(_ context.Context, r *mcp.ProgressNotificationClientRequest) { record("progress", r.Params) },
		ToolListChangedHandler: func(_ context.Context, r *mcp.ToolListChangedRequest) {
			record("notifications/tools/list_changed", r.Params)
		},
		PromptListChangedHandler: func(_ context.Context, r *mcp.PromptListChangedRequest) {
			record("notifications/prompts/list_changed", r.Params)
		},
		ResourceListChangedHandler: func(_ context.Context, r *mcp.ResourceListChangedRequest) {
			record("notifications/resources/list_changed", r.Params)
		},
		ResourceUpdatedHandler: func(_ context.Context, r *mcp.ResourceUpdatedNotificationRequest) {
			record("notifications/resources/updated", r.Params)
		},
	}
	if p.elicit != "" {
		options.ElicitationHandler = func(_ context.Context, r *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
			record("elicitation/create", r.Params)
			return decode[mcp.ElicitResult](p.elicit)
		}
	}
	return options
}

func decode[T any](text string) (*T, error) {
	v := new(T)
	return v, json.Unmarshal([]byte(text), v)
}

func (c *goClient) events() *events { return c.ev }
func (c *goClient) showsWire() bool { return false }
func (c *goClient) close() error    { return c.session.Close() }

func (c *goClient) hello() hello {
	r := c.session.InitializeResult()
	h := hello{Revision: r.ProtocolVersion, Instructions: r.Instructions}
	// The SDK's own types encode without an error.
	h.Capabilities, _ = json.Marshal(r.Capabilities)
	info, _ := json.Marshal(r.ServerInfo)
	_ = json.Unmarshal(info, &h.ServerInfo)
	return h
}

func (c *goClient) do(ctx context.Context, method string, params json.RawMessage) (json.RawMessage, error) {
	result, err := c.send(ctx, method, params)
	var wire *jsonrpc.Error
	if errors.As(err, &wire) {
		return nil, &rpcError{int(wire.Code), wire.Message, wire.Data}
	}
	return result, err
}

func (c *goClient) send(ctx context.Context, method string, params json.RawMessage) (json.RawMessage, error) {
	s := c.session
	switch method {
	case "tools/list":
		return typed(ctx, params, s.ListTools)
	case "tools/call":
		return typed(ctx, params, func(ctx context.Context, p *mcp.CallToolParams) (*mcp.CallToolResult, error) {
			p.SetProgressToken(c.tokens.Add(1))
			return s.CallTool(ctx, p)
		})
	case "prompts/list":
		return typed(ctx, params, s.ListPrompts)
	case "prompts/get":
		return typed(ctx, params, s.GetPrompt)
	case "resources/list":
		return typed(ctx, params, s.ListResources)
	case "resources/templates/list":
		return typed(ctx, params, s.ListResourceTemplates)
	case "resources/read":
		return typed(ctx, params, s.ReadResource)
	case "completion/complete":
		return typed(ctx, params, s.Complete)
	case "logging/setLevel":
		return typed(ctx, params, noResult(s.SetLoggingLevel))
	case "ping":
		return typed(ctx, params, noResult(s.Ping))
	case "subscribe":
		return typed(ctx, params, c.subscribe)
	case "unsubscribe":
		return typed(ctx, params, c.unsubscribe)
	}
	return nil, fmt.Errorf("this client has no way to send %s", method)
}

// The SDK subscribes to changed lists by itself when it has a handler for them.
func (c *goClient) subscribe(ctx context.Context, p *mcp.NotificationSubscriptions) (*struct{}, error) {
	c.subscribed = p.ResourceSubscriptions
	for _, uri := range c.subscribed {
		if err := c.session.Subscribe(ctx, &mcp.SubscribeParams{URI: uri}); err != nil {
			return nil, err
		}
	}
	return &struct{}{}, nil
}

func (c *goClient) unsubscribe(ctx context.Context, _ *struct{}) (*struct{}, error) {
	for _, uri := range c.subscribed {
		if err := c.session.Unsubscribe(ctx, &mcp.UnsubscribeParams{URI: uri}); err != nil {
			return nil, err
		}
	}
	return &struct{}{}, nil
}

func noResult[P any](f func(context.Context, *P) error) func(context.Context, *P) (*struct{}, error) {
	return func(ctx context.Context, p *P) (*struct{}, error) { return &struct{}{}, f(ctx, p) }
}

func typed[P, R any](ctx context.Context, params json.RawMessage, f func(context.Context, *P) (*R, error)) (json.RawMessage, error) {
	p := new(P)
	if err := json.Unmarshal(params, p); err != nil {
		return nil, err
	}
	result, err := f(ctx, p)
	if err != nil {
		return nil, err
	}
	return json.Marshal(result)
}
