package pdk

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
)

// Handler answers messages. [Server] is one; the adapters for other SDKs are
// others.
type Handler interface {
	// Handle answers one message {"method":…,"params":{…}} with
	// {"result":{…}} or {"error":{…}}. The message's bytes are the handler's
	// until it returns.
	Handle(ctx context.Context, message []byte) []byte
}

// served is set by init functions, before any message arrives.
var served Handler

// Serve makes h the server of this program. Call it once, in an init function.
func Serve(h Handler) {
	if h == nil {
		panic("pdk: Serve(nil)")
	}
	if served != nil {
		panic("pdk: Serve was called twice: a program is one server")
	}
	served = h
}

// Handle asks the server of this program one message, as the host does. It is for
// native tests; see [WithHost] for notifications and cancellation.
func Handle(ctx context.Context, message []byte) []byte {
	return answer(ctx, served, message)
}

// answer never panics and always returns an answer.
func answer(ctx context.Context, h Handler, message []byte) (b []byte) {
	if h == nil {
		return errorAnswer(Errorf(CodeInternalError, "the guest has no server: call pdk.Serve in an init function"))
	}
	defer func() {
		if r := recover(); r != nil {
			b = errorAnswer(panicked("the server", r))
		}
	}()
	return h.Handle(ctx, message)
}

// panicked reports a panic to the operator and returns what the caller may know.
func panicked(what string, reason any) *Error {
	fmt.Fprintf(os.Stderr, "panic in %s: %v\n%s", what, reason, debug.Stack())
	return Errorf(CodeInternalError, "%s panicked; its standard error says why", what)
}

func errorAnswer(e *Error) []byte {
	b, err := e.MarshalJSON()
	if err != nil {
		b = mustEncode(Errorf(e.Code, "%s (its data cannot be encoded: %v)", e.Message, err))
	}
	return append(append([]byte(`{"error":`), b...), '}')
}
