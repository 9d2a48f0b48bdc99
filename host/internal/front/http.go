package front

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/mcpwasm/mcpwasm/host/internal/gate"
	"github.com/mcpwasm/mcpwasm/host/internal/gateway"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

const (
	headerSession  = "Mcp-Session-Id"
	headerVersion  = "Mcp-Protocol-Version"
	headerLastSeen = "Last-Event-ID"

	// readTimeout is how long a client may take to send a request's body.
	readTimeout = 30 * time.Second
)

// ServeHTTP is the MCP endpoint: Streamable HTTP of all revisions.
func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// The connection may have an old deadline from the request before.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
	if !f.checkOrigin(w, r) {
		return
	}
	if r.Method == http.MethodOptions {
		preflight(w)
		return
	}
	var principal Principal
	if f.cfg.Principal != nil {
		var err error
		if principal, err = f.cfg.Principal(r); err != nil {
			if w.Header().Get("WWW-Authenticate") == "" {
				w.Header().Set("WWW-Authenticate", "Bearer")
			}
			httpError(w, http.StatusUnauthorized, "", plugins.CodeInvalidRequest, "not authenticated")
			return
		}
	}
	switch r.Method {
	case http.MethodPost:
		f.post(w, r, principal)
	case http.MethodGet, http.MethodDelete:
		f.sessionMethod(w, r, principal)
	default:
		notAllowed(w)
	}
}

func notAllowed(w http.ResponseWriter) {
	w.Header().Set("Allow", "POST")
	httpError(w, http.StatusMethodNotAllowed, "", plugins.CodeInvalidRequest, "use POST")
}

// post takes one message, or a batch of 2025-03-26.
func (f *Front) post(w http.ResponseWriter, r *http.Request, principal Principal) {
	if !acceptable(w, r) {
		return
	}
	body, ok := f.readBody(w, r)
	if !ok {
		return
	}
	if err := wire.Check(body); err != nil {
		httpError(w, http.StatusBadRequest, wire.SalvageID(body), plugins.CodeParseError, "Parse error: "+err.Error())
		return
	}
	if wire.KindOf(body) == "an array" {
		f.postBatch(w, r, principal, body)
		return
	}
	m, err := wire.ParseChecked(body)
	if err != nil && m.Kind == wire.Response {
		f.badResponse(r, principal, m, err)
	}
	if err != nil {
		writeAnswer(w, http.StatusBadRequest, m.ID, plugins.Answer{Error: asError(err)})
		return
	}
	version := r.Header.Get(headerVersion)
	switch {
	case gateway.HasModernMeta(m.Params), version != "" && !isLegacy(version) && m.Method != methodInitialize:
		f.postModern(w, r, principal, m)
	case m.Kind == wire.Request && m.Method == methodInitialize && r.Header.Get(headerSession) == "":
		f.postInitialize(w, r, principal, m)
	default:
		f.postLegacy(w, r, principal, m)
	}
}

// acceptable checks the headers that say what the bodies are.
func acceptable(w http.ResponseWriter, r *http.Request) bool {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		httpError(w, http.StatusUnsupportedMediaType, "", plugins.CodeInvalidRequest, "Content-Type must be application/json")
		return false
	}
	accept := strings.Join(r.Header["Accept"], ",")
	if accept != "" && (!accepts(accept, "application/json") || !accepts(accept, "text/event-stream")) {
		httpError(w, http.StatusNotAcceptable, "", plugins.CodeInvalidRequest, "Accept must list application/json and text/event-stream")
		return false
	}
	return true
}

func accepts(accept, kind string) bool {
	major, _, _ := strings.Cut(kind, "/")
	for part := range strings.SplitSeq(accept, ",") {
		switch t, _, _ := strings.Cut(strings.TrimSpace(part), ";"); strings.ToLower(strings.TrimSpace(t)) {
		case kind, major + "/*", "*/*":
			return true
		}
	}
	return false
}

// readBody reads a bounded body in bounded time.
func (f *Front) readBody(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	rc := http.NewResponseController(w)
	// A writer without deadlines leaves this to its server's own.
	_ = rc.SetReadDeadline(time.Now().Add(readTimeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(f.cfg.MaxMessageBytes)))
	_ = rc.SetReadDeadline(time.Time{})
	if err == nil {
		return body, true
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		writeAnswer(w, http.StatusRequestEntityTooLarge, "", fail(plugins.CodeInvalidRequest, "Invalid request: the body is larger than %d bytes", f.cfg.MaxMessageBytes))
	} else {
		httpError(w, http.StatusBadRequest, "", plugins.CodeParseError, "the body could not be read")
	}
	return nil, false
}

// postModern serves a message of the stateless era.
func (f *Front) postModern(w http.ResponseWriter, r *http.Request, principal Principal, m wire.Message) {
	switch m.Kind {
	case wire.Response:
		writeAnswer(w, http.StatusBadRequest, "", fail(plugins.CodeInvalidRequest, "Invalid request: a client sends no responses in %s", plugins.ProtocolVersion))
		return
	case wire.Notification:
		w.WriteHeader(http.StatusAccepted)
		return
	}
	meta, perr := gateway.ParseMeta(m.Params)
	if perr == nil {
		perr = f.checkHeaders(r, meta, m)
	}
	if perr != nil {
		writeAnswer(w, http.StatusBadRequest, m.ID, plugins.Answer{Error: perr})
		return
	}
	// The stream begins with the first notification; an answer without any is
	// plain JSON.
	ew := newEventWriter(w)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	send := func(n plugins.Notification) {
		if err := ew.notification(n); err != nil {
			cancel() // the client is gone, which cancels the request
		}
	}
	if m.Method == methodListen {
		defer f.keepAlive(ew)()
	}
	answer := f.modern(ctx, stateless(principal), m, send)
	switch {
	case ctx.Err() != nil:
	case ew.hasStarted():
		f.logError("answer", ew.message(wire.Message{Kind: wire.Response, ID: m.ID, Answer: answer}))
	default:
		writeAnswer(w, modernStatus(answer), m.ID, answer)
	}
}

// stateless is who sends a message that stands for itself. What policies remember is
// kept for the principal; all who are nobody share it, since nothing tells them
// apart, and what one of them has seen counts for all.
func stateless(p Principal) caller {
	return caller{session: p.Subject, conversation: "principal " + p.Subject, principal: p, transport: gate.TransportHTTP}
}

// modernStatus is the status of an answer that is not a stream.
func modernStatus(a plugins.Answer) int {
	if a.Error == nil {
		return http.StatusOK
	}
	switch a.Error.Code {
	case plugins.CodeMethodNotFound:
		return http.StatusNotFound
	case plugins.CodeInvalidRequest, plugins.CodeMissingCapability, plugins.CodeUnsupportedVersion, plugins.CodeHeaderMismatch:
		return http.StatusBadRequest
	}
	return http.StatusOK
}

// keepAlive sends comments on a stream that is idle, until the returned function
// is called.
func (f *Front) keepAlive(ew *eventWriter) (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		ticker := time.NewTicker(keepAlive)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				f.logError("keep-alive", ew.comment())
			}
		}
	})
	return func() {
		close(done)
		wg.Wait()
	}
}

func (f *Front) writeAll(w http.ResponseWriter, data []byte) {
	bound(w)
	_, err := w.Write(data)
	f.logError("answer", err)
}

// bound gives a client a bounded time to accept what it is sent. A writer that
// knows no deadlines has its server's own.
func bound(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout))
}

// writeAnswer writes one response as plain JSON.
func writeAnswer(w http.ResponseWriter, status int, id wire.ID, a plugins.Answer) {
	data := wire.Message{Kind: wire.Response, ID: id, Answer: a}.Append(nil)
	bound(w)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// A client that is gone is told of nowhere.
	_, _ = w.Write(data)
}

func httpError(w http.ResponseWriter, status int, id wire.ID, code int, message string) {
	writeAnswer(w, status, id, plugins.Answer{Error: plugins.Errorf(code, "%s", message)})
}
