// Package mcpgo serves an MCP server written with mcp-go
// (github.com/mark3labs/mcp-go) as a WebAssembly guest, in one line:
//
//	func init() { mcpgo.Serve(newServer()) }
//
//	func main() {}
//
// where newServer returns the *server.MCPServer that the program has already.
// Build it as any guest, see the package pdk.
//
// Handlers see every message as one of revision 2026-07-28: what they ask the
// client is an input_required result (server.NewInputRequestBuilder), and the
// session is the same for all messages. A tool that returns a *pdk.Error answers
// with that code and data, which mcp-go alone cannot express; prompts and
// resources have mcp-go's own codes.
package mcpgo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/mcpwasm/mcpwasm/plugins/pdk"
)

// Serve makes s the server of this program. Call it once, in an init function,
// after the server's tools, prompts and resources were added.
func Serve(s *server.MCPServer) { pdk.Serve(New(s)) }

// Handler answers the host's messages with an mcp-go server.
type Handler struct {
	server  *server.MCPServer
	session *session

	// mu lets one message be worked on at a time, as in a guest, since the
	// session's notifications belong to the message that is worked on.
	mu sync.Mutex
}

// New returns a handler for s, for tests; [Serve] is the way to use it.
func New(s *server.MCPServer) *Handler {
	h := &Handler{server: s, session: newSession()}
	s.Use(keepErrors)
	// The error is that the id is taken, and it is ours alone.
	_ = s.RegisterSession(context.Background(), h.session)
	return h
}

// versions is what server/discover says: the host translates for other
// revisions.
var versions = []string{pdk.ProtocolVersion}

// Handle implements [pdk.Handler].
func (h *Handler) Handle(ctx context.Context, message []byte) []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	request, err := envelope(message)
	if err != nil {
		return errorAnswer(pdk.Errorf(pdk.CodeInvalidRequest, "Invalid request: %v", err))
	}
	fault := &keptError{}
	h.session.begin(ctx)
	defer h.session.end()
	ctx = context.WithValue(h.server.WithContext(ctx, h.session), faultKey{}, fault)
	ctx = server.WithSupportedProtocolVersions(ctx, versions)
	response := h.server.HandleMessage(ctx, request)
	h.session.drain()
	if fault.err != nil {
		return errorAnswer(fault.err)
	}
	return answer(response)
}

// envelope makes a JSON-RPC request of a message.
func envelope(message []byte) (json.RawMessage, error) {
	body := bytes.TrimLeft(message, " \t\r\n")
	if len(body) == 0 || body[0] != '{' {
		return nil, errors.New("want an object")
	}
	return append([]byte(`{"jsonrpc":"2.0","id":1,`), body[1:]...), nil
}

// answer takes the answer out of a JSON-RPC response.
func answer(response mcp.JSONRPCMessage) []byte {
	var out any
	switch r := response.(type) {
	case mcp.JSONRPCResponse:
		out = map[string]any{"result": r.Result}
	case mcp.JSONRPCError:
		out = map[string]any{"error": r.Error}
	default:
		return errorAnswer(pdk.Errorf(pdk.CodeInternalError, "mcp-go gave no answer"))
	}
	b, err := json.Marshal(out)
	if err != nil {
		return errorAnswer(pdk.Errorf(pdk.CodeInternalError, "encode the answer: %v", err))
	}
	return b
}

func errorAnswer(e *pdk.Error) []byte {
	b, err := json.Marshal(map[string]*pdk.Error{"error": e})
	if err != nil {
		return errorAnswer(pdk.Errorf(e.Code, "%s (its data cannot be encoded: %v)", e.Message, err))
	}
	return b
}

// keptError is where a tool's *pdk.Error waits until mcp-go has made an internal
// error of it.
type keptError struct{ err *pdk.Error }

type faultKey struct{}

// keepErrors is middleware that notes a *pdk.Error.
func keepErrors(next server.ToolHandlerFunc) server.ToolHandlerFunc {
	return func(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		result, err := next(ctx, r)
		var e *pdk.Error
		if kept, ok := ctx.Value(faultKey{}).(*keptError); ok && errors.As(err, &e) {
			kept.err = e
		}
		return result, err
	}
}
