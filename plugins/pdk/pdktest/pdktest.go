// Package pdktest asks a server written with the PDK as the host would, in an
// ordinary go test:
//
//	func TestGreet(t *testing.T) {
//		a := pdktest.Client{}.CallTool(t, "greet", map[string]any{"name": "Ada"})
//		if a.Text() != "Hello, Ada!" {
//			t.Errorf("answer %s", a.Raw)
//		}
//	}
package pdktest

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/mcpwasm/mcpwasm/plugins/pdk"
)

// Client is who asks. The zero value is a client without capabilities that wants
// neither progress nor log messages.
type Client struct {
	// Server is who is asked; nil is the server given to pdk.Serve.
	Server pdk.Handler
	// Capabilities is a ClientCapabilities object as JSON; "" is {}.
	Capabilities string
	// LogLevel asks for log messages of this level and above.
	LogLevel pdk.Level
	// ProgressToken, if not nil, asks for progress.
	ProgressToken any
	// Inputs and State are the answers and the state of a further round.
	Inputs map[string]any
	State  string
	// Cancelled reports whether the client has given up; nil is never.
	Cancelled func() bool
	// Effects is the host that the server asks; nil denies everything.
	Effects *Effects
}

// Notification is what a server sent before its answer.
type Notification struct {
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
}

// Error is the error in an answer.
type Error struct {
	Code    int             `json:"code"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data"`
}

// Answer is what came of a message.
type Answer struct {
	Raw           []byte          `json:"-"` // as the host gets it
	Result        json.RawMessage `json:"result"`
	Error         *Error          `json:"error"`
	Notifications []Notification  `json:"-"` // in order
}

// CallTool calls a tool; arguments is anything that encodes as a JSON object, or
// nil.
func (c Client) CallTool(tb testing.TB, name string, arguments any) Answer {
	tb.Helper()
	params := map[string]any{"name": name}
	if arguments != nil {
		params["arguments"] = arguments
	}
	return c.Call(tb, "tools/call", params)
}

// Call sends a message, with the _meta that a host adds. It fails the test where
// the answer is none.
func (c Client) Call(tb testing.TB, method string, params map[string]any) Answer {
	tb.Helper()
	full := map[string]any{"_meta": c.meta()}
	for k, v := range params {
		full[k] = v
	}
	if c.Inputs != nil {
		full["inputResponses"] = c.Inputs
	}
	if c.State != "" {
		full["requestState"] = c.State
	}
	message, err := json.Marshal(map[string]any{"method": method, "params": full})
	if err != nil {
		tb.Fatalf("encode the message: %v", err)
	}
	return c.send(tb, message)
}

func (c Client) meta() map[string]any {
	capabilities := c.Capabilities
	if capabilities == "" {
		capabilities = "{}"
	}
	m := map[string]any{
		"io.modelcontextprotocol/protocolVersion":    pdk.ProtocolVersion,
		"io.modelcontextprotocol/clientCapabilities": json.RawMessage(capabilities),
	}
	if c.LogLevel != "" {
		m["io.modelcontextprotocol/logLevel"] = c.LogLevel
	}
	if c.ProgressToken != nil {
		m["progressToken"] = c.ProgressToken
	}
	return m
}

func (c Client) send(tb testing.TB, message []byte) Answer {
	tb.Helper()
	var a Answer
	var mu sync.Mutex
	effects := c.Effects
	if effects == nil {
		effects = &Effects{}
	}
	ctx, end := pdk.WithHost(context.Background(), pdk.Host{Cancelled: c.Cancelled, Effects: effects.Open, Notify: func(b []byte) bool {
		var n Notification
		if err := json.Unmarshal(b, &n); err != nil {
			tb.Errorf("notification %s: %v", b, err)
			return false
		}
		mu.Lock()
		defer mu.Unlock()
		a.Notifications = append(a.Notifications, n)
		return true
	}})
	defer end()
	handle := pdk.Handle
	if c.Server != nil {
		handle = c.Server.Handle
	}
	raw := handle(ctx, message)
	mu.Lock()
	defer mu.Unlock()
	a.Raw = raw
	if err := json.Unmarshal(raw, &a); err != nil || (a.Result == nil) == (a.Error == nil) {
		tb.Fatalf("answer %s: want exactly one of result and error (%v)", raw, err)
	}
	return a
}

// Text returns the text of a tool's result, its blocks joined by newlines, ""
// where there is none.
func (a Answer) Text() string {
	var r struct {
		Content []struct{ Type, Text string }
	}
	if json.Unmarshal(a.Result, &r) != nil {
		return ""
	}
	var texts []string
	for _, c := range r.Content {
		if c.Type == "text" {
			texts = append(texts, c.Text)
		}
	}
	return strings.Join(texts, "\n")
}

// IsError reports whether the answer is an error, or a tool's result that says
// that it failed.
func (a Answer) IsError() bool {
	var r struct{ IsError bool }
	return a.Error != nil || json.Unmarshal(a.Result, &r) == nil && r.IsError
}
