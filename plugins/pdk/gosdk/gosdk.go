// Package gosdk serves an MCP server written with the official Go SDK
// (github.com/modelcontextprotocol/go-sdk) as a WebAssembly guest, in one line:
//
//	func init() { gosdk.Serve(newServer()) }
//
//	func main() {}
//
// where newServer returns the *mcp.Server that the program has already. Build it
// as any guest, see the package pdk.
//
// Handlers see every message as one of revision 2026-07-28, in a session of its
// own: what they ask the client is the InputRequests of a result. Errors that are
// a *jsonrpc.Error keep code and data. List-changed notifications, which the SDK
// sends 10 ms after a change, delay the answer of the message that changes a list
// by that time. Resource-updated notifications reach the host for the resources
// that were listed when [Serve] was called.
package gosdk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpwasm/mcpwasm/plugins/pdk"
)

// Serve makes s the server of this program. Call it once, in an init function,
// after the server's tools, prompts and resources were added.
func Serve(s *mcp.Server) { pdk.Serve(New(s)) }

// Handler answers the host's messages with a server of the official Go SDK.
type Handler struct {
	server  *mcp.Server
	changes *changes
}

// New returns a handler for s, for tests; [Serve] is the way to use it. It panics
// if the server cannot be connected.
func New(s *mcp.Server) *Handler {
	s.AddReceivingMiddleware(keepPanics)
	c, err := listen(s)
	if err != nil {
		panic(fmt.Sprintf("gosdk: %v", err))
	}
	return &Handler{server: s, changes: c}
}

// keepPanics turns a handler's panic into an error. The SDK calls handlers on
// goroutines of its own, where a panic would end the guest.
func keepPanics(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, r mcp.Request) (result mcp.Result, err error) {
		defer func() {
			if reason := recover(); reason != nil {
				fmt.Fprintf(os.Stderr, "panic in %s: %v\n%s", method, reason, debug.Stack())
				result, err = nil, &jsonrpc.Error{Code: pdk.CodeInternalError, Message: method + " panicked; the server's standard error says why"}
			}
		}()
		return next(ctx, method, r)
	}
}

// cancelGrace is how long a handler may take to answer once its context was
// cancelled, before the adapter answers for it.
const cancelGrace = 200 * time.Millisecond

// Handle implements [pdk.Handler].
func (h *Handler) Handle(ctx context.Context, message []byte) []byte {
	request, err := decode(message)
	if err != nil {
		return errorAnswer(pdk.CodeInvalidRequest, "Invalid request: "+err.Error(), nil)
	}
	h.changes.begin(ctx)
	defer h.changes.end()
	response, err := roundTrip(ctx, h.server, request)
	if err != nil {
		return errorAnswer(pdk.CodeInternalError, err.Error(), nil)
	}
	h.changes.flush(h.server)
	return answer(request.Method, response)
}

// requestID is the id of every request: each has a connection of its own.
var requestID = mustID("1")

func mustID(s string) jsonrpc.ID {
	id, err := jsonrpc.MakeID(s)
	if err != nil {
		panic(err) // a string always is an id
	}
	return id
}

func decode(message []byte) (*jsonrpc.Request, error) {
	var m struct {
		Method string          `json:"method"`
		Params json.RawMessage `json:"params"`
	}
	if err := json.Unmarshal(message, &m); err != nil {
		return nil, err
	}
	if m.Method == "" {
		return nil, errors.New("it has no method")
	}
	return &jsonrpc.Request{ID: requestID, Method: m.Method, Params: m.Params}, nil
}

// roundTrip has the server answer one request over a connection of its own, and
// hands its notifications to the host as they come.
func roundTrip(ctx context.Context, s *mcp.Server, request *jsonrpc.Request) (*jsonrpc.Response, error) {
	done := make(chan *jsonrpc.Response, 1)
	c := newConn(func(m jsonrpc.Message) {
		switch m := m.(type) {
		case *jsonrpc.Response:
			done <- m
		case *jsonrpc.Request:
			if !m.ID.IsValid() {
				// A refused notification is not worth failing for.
				_ = pdk.Notify(ctx, m.Method, m.Params)
			}
		}
	})
	session, err := s.Connect(ctx, c, nil)
	if err != nil {
		return nil, fmt.Errorf("connect the server: %w", err)
	}
	// Its error is that the connection has ended, which is what is wanted.
	defer func() { _ = session.Close() }()
	c.in <- request
	select {
	case r := <-done:
		return r, nil
	case <-ctx.Done():
	}
	c.in <- cancelled()
	select {
	case r := <-done:
		return r, nil
	case <-time.After(cancelGrace):
		return nil, errors.New("the request was cancelled")
	}
}

func cancelled() *jsonrpc.Request {
	return &jsonrpc.Request{Method: "notifications/cancelled", Params: json.RawMessage(`{"requestId":"1"}`)}
}

// answer takes the answer out of a response.
func answer(method string, r *jsonrpc.Response) []byte {
	if r.Error != nil {
		var e *jsonrpc.Error
		if errors.As(r.Error, &e) {
			return errorAnswer(int(e.Code), e.Message, e.Data)
		}
		return errorAnswer(pdk.CodeInternalError, r.Error.Error(), nil)
	}
	result := r.Result
	if method == "server/discover" {
		result = onlyContractVersion(result)
	}
	out := append([]byte(`{"result":`), result...)
	return append(out, '}')
}

// onlyContractVersion replaces the SDK's revisions by the one that a guest is
// asked in: the host translates for the others.
func onlyContractVersion(result json.RawMessage) json.RawMessage {
	var o map[string]json.RawMessage
	if json.Unmarshal(result, &o) != nil {
		return result
	}
	o["supportedVersions"] = json.RawMessage(`["` + pdk.ProtocolVersion + `"]`)
	b, err := json.Marshal(o)
	if err != nil {
		return result
	}
	return b
}

func errorAnswer(code int, message string, data json.RawMessage) []byte {
	e := &pdk.Error{Code: code, Message: message}
	if len(data) > 0 {
		e.Data = data
	}
	b, err := json.Marshal(map[string]*pdk.Error{"error": e})
	if err != nil {
		return errorAnswer(code, message, nil) // the data is no JSON
	}
	return b
}
