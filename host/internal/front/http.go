package front

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

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
	if !f.checkOrigin(w, r) {
		return
	}
	if r.Method == http.MethodOptions {
		preflight(w)
		return
	}
	principal := ""
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

// checkOrigin refuses what a web page of another origin, or of a name that was
// rebound to this address, could have sent (MCP basic/transports/streamable-http,
// "Security & Endpoint"). Origin is checked even when Host is right, and Host on
// loopback even when there is no Origin.
func (f *Front) checkOrigin(w http.ResponseWriter, r *http.Request) bool {
	if !f.hostAllowed(r) {
		httpError(w, http.StatusForbidden, "", plugins.CodeInvalidRequest, "Host "+quoted(r.Host)+" is not allowed")
		return false
	}
	origins, sent := r.Header["Origin"]
	if !sent {
		return true
	}
	if len(origins) != 1 || !f.originAllowed(origins[0], r) {
		httpError(w, http.StatusForbidden, "", plugins.CodeInvalidRequest, "Origin "+quoted(strings.Join(origins, ", "))+" is not allowed")
		return false
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", origins[0])
	h.Set("Access-Control-Expose-Headers", headerSession)
	h.Add("Vary", "Origin")
	return true
}

func quoted(s string) string { return string(wire.Quote(s)) }

func preflight(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", "POST, GET, DELETE")
	h.Set("Access-Control-Allow-Headers", "Content-Type, Accept, Authorization, Last-Event-ID, Mcp-Session-Id, MCP-Protocol-Version, Mcp-Method, Mcp-Name")
	w.WriteHeader(http.StatusNoContent)
}

func (f *Front) hostAllowed(r *http.Request) bool {
	if slices.Contains(f.cfg.AllowedHosts, r.Host) {
		return true
	}
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok || !isLoopback(addr.String()) {
		return true // not reached through a loopback name, so not rebound to one
	}
	return isLoopback(r.Host)
}

// isLoopback reports whether a host, with or without a port, is this machine's
// own.
func isLoopback(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func (f *Front) originAllowed(origin string, r *http.Request) bool {
	if slices.Contains(f.cfg.AllowedOrigins, origin) {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || u.Path != "" || u.User != nil {
		return false
	}
	return (u.Scheme == "http" || u.Scheme == "https") && strings.EqualFold(u.Host, r.Host)
}

// post takes one message, or a batch of 2025-03-26.
func (f *Front) post(w http.ResponseWriter, r *http.Request, principal string) {
	if !acceptable(w, r) {
		return
	}
	body, ok := f.readBody(w, r)
	if !ok {
		return
	}
	if err := wire.Check(body); err != nil {
		httpError(w, http.StatusBadRequest, "", plugins.CodeParseError, "Parse error: "+err.Error())
		return
	}
	if wire.KindOf(body) == "an array" {
		f.postBatch(w, r, principal, body)
		return
	}
	m, err := wire.ParseChecked(body)
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
func (f *Front) postModern(w http.ResponseWriter, r *http.Request, principal string, m wire.Message) {
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
	answer := f.modern(ctx, caller{principal, principal}, m, send)
	switch {
	case ctx.Err() != nil:
	case ew.hasStarted():
		f.logError("answer", ew.message(wire.Message{Kind: wire.Response, ID: m.ID, Answer: answer}))
	default:
		writeAnswer(w, modernStatus(answer), m.ID, answer)
	}
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

// postInitialize opens a session.
func (f *Front) postInitialize(w http.ResponseWriter, r *http.Request, principal string, m wire.Message) {
	s, answer := f.initialize(r.Context(), newSessionID(), principal, m.Params)
	if s == nil {
		writeAnswer(w, http.StatusOK, m.ID, answer)
		return
	}
	if _, ok := f.sessions.add(s); !ok {
		s.close()
		writeAnswer(w, http.StatusServiceUnavailable, m.ID, fail(plugins.CodeInternalError, "too many sessions, at most %d", f.cfg.MaxSessions))
		return
	}
	w.Header().Set(headerSession, s.id)
	writeAnswer(w, http.StatusOK, m.ID, answer)
}

// session returns the session that a request names, or tells the client why
// there is none.
func (f *Front) session(w http.ResponseWriter, r *http.Request, principal string, id wire.ID) (*httpSession, func(), bool) {
	key := r.Header.Get(headerSession)
	if key == "" {
		httpError(w, http.StatusBadRequest, id, plugins.CodeInvalidRequest,
			"no Mcp-Session-Id: send initialize first, or the _meta of "+plugins.ProtocolVersion)
		return nil, nil, false
	}
	if version := r.Header.Get(headerVersion); version != "" && !isLegacy(version) {
		httpError(w, http.StatusBadRequest, id, plugins.CodeInvalidRequest, "MCP-Protocol-Version "+quoted(version)+" is not one that sessions have")
		return nil, nil, false
	}
	h, release, ok := f.sessions.use(key, principal)
	if !ok {
		httpError(w, http.StatusNotFound, id, plugins.CodeInvalidRequest, "there is no such session: send initialize again")
		return nil, nil, false
	}
	return h, release, true
}

// postLegacy serves a message of a session.
func (f *Front) postLegacy(w http.ResponseWriter, r *http.Request, principal string, m wire.Message) {
	h, release, ok := f.session(w, r, principal, m.ID)
	if !ok {
		return
	}
	defer release()
	switch m.Kind {
	case wire.Response:
		h.response(m)
		w.WriteHeader(http.StatusAccepted)
		return
	case wire.Notification:
		h.notification(m)
		w.WriteHeader(http.StatusAccepted)
		return
	}
	st := f.startLegacy(w, h, m.ID)
	if st == nil {
		return
	}
	ctx, end, perr := h.begin(h.ctx, m.ID)
	if perr != nil {
		h.drop(st)
		writeAnswer(w, http.StatusOK, m.ID, plugins.Answer{Error: perr})
		return
	}
	// The work outlives the connection: a client that loses it may come back
	// for the rest, and one that wants it to stop says so.
	_, held, _ := f.sessions.use(h.id, principal)
	go func() {
		if held != nil {
			defer held()
		}
		answer := h.request(ctx, m, st)
		cancelled := ctx.Err() != nil
		end()
		if cancelled {
			st.finish(nil)
			return
		}
		st.finish(wire.OneLine(wire.Message{Kind: wire.Response, ID: m.ID, Answer: answer}.Append(nil)))
	}()
	f.deliver(w, r, h, st)
}

func (f *Front) startLegacy(w http.ResponseWriter, h *httpSession, id wire.ID) *stream {
	st := h.open()
	if st == nil {
		writeAnswer(w, http.StatusServiceUnavailable, id, fail(plugins.CodeInternalError, "the session has too many requests, at most %d", maxStreams))
	}
	return st
}

// deliver writes a request's stream to its first connection: as plain JSON when
// there is nothing but the answer.
func (f *Front) deliver(w http.ResponseWriter, r *http.Request, h *httpSession, st *stream) {
	if data, ok := st.only(r.Context()); ok {
		h.drop(st)
		w.Header().Set("Content-Type", "application/json")
		f.writeAll(w, data)
		return
	}
	if r.Context().Err() != nil {
		return
	}
	ew := newEventWriter(w)
	p := st.attach(0, false)
	if st.revision >= revision20251125 {
		if err := ew.prime(st.eventID(0), st.retryMillis()); err != nil {
			return
		}
	}
	complete, err := st.serve(r.Context(), ew, p)
	f.logError("event stream", err)
	if complete {
		h.drop(st)
	}
}

// sessionMethod serves GET, the stream of what belongs to no request or the
// rest of one that broke off, and DELETE, the end of a session. The stateless
// era has neither.
func (f *Front) sessionMethod(w http.ResponseWriter, r *http.Request, principal string) {
	if r.Header.Get(headerSession) == "" {
		notAllowed(w)
		return
	}
	h, release, ok := f.session(w, r, principal, "")
	if !ok {
		return
	}
	defer release()
	if r.Method == http.MethodDelete {
		f.sessions.remove(h)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if !accepts(strings.Join(r.Header["Accept"], ","), "text/event-stream") {
		httpError(w, http.StatusNotAcceptable, "", plugins.CodeInvalidRequest, "Accept must list text/event-stream")
		return
	}
	st, n := h.common, h.common.newest()
	if last := r.Header.Get(headerLastSeen); last != "" {
		id, seen, ok := parseEventID(last)
		if ok {
			st, ok = h.stream(id)
		}
		if !ok {
			httpError(w, http.StatusBadRequest, "", plugins.CodeInvalidRequest, "Last-Event-ID names no stream of this session")
			return
		}
		n = seen
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(h.ctx, cancel)()
	ew := newEventWriter(w)
	if err := ew.open(); err != nil {
		return
	}
	complete, err := st.serve(ctx, ew, st.attach(n, true))
	f.logError("event stream", err)
	if complete && st != h.common {
		h.drop(st)
	}
}

// postBatch serves an array of messages for a session of 2025-03-26.
func (f *Front) postBatch(w http.ResponseWriter, r *http.Request, principal string, body []byte) {
	h, release, ok := f.session(w, r, principal, "")
	if !ok {
		return
	}
	defer release()
	elems, err := wire.ParseArray(body)
	if err != nil || h.revision != revision20250326 || len(elems) == 0 {
		httpError(w, http.StatusBadRequest, "", plugins.CodeInvalidRequest, "an array of messages is for sessions of "+revision20250326+" only, and not empty")
		return
	}
	st := f.startLegacy(w, h, "")
	if st == nil {
		return
	}
	if !f.startBatch(h, st, elems) {
		h.drop(st)
		w.WriteHeader(http.StatusAccepted)
		return
	}
	f.deliver(w, r, h, st)
}

// startBatch starts the work on a batch; it reports false when nothing in it
// wants an answer.
func (f *Front) startBatch(h *httpSession, st *stream, elems []json.RawMessage) (answers bool) {
	b := newBatch(len(elems), func(data []byte) error {
		st.finish(wire.OneLine(data))
		return nil
	})
	for _, e := range elems {
		m, err := wire.ParseChecked(e)
		switch {
		case err != nil:
			answers = true
			b.done(m.ID, plugins.Answer{Error: asError(err)})
		case m.Kind == wire.Request:
			answers = true
			ctx, end, perr := h.begin(h.ctx, m.ID)
			if perr != nil {
				b.done(m.ID, plugins.Answer{Error: perr})
				continue
			}
			go func() {
				answer := h.request(ctx, m, st)
				if ctx.Err() != nil {
					answer = plugins.Answer{}
				}
				end()
				b.done(m.ID, answer)
			}()
		case m.Kind == wire.Response:
			h.response(m)
			b.skip()
		default:
			h.notification(m)
			b.skip()
		}
	}
	return answers
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
	_, err := w.Write(data)
	f.logError("answer", err)
}

// writeAnswer writes one response as plain JSON.
func writeAnswer(w http.ResponseWriter, status int, id wire.ID, a plugins.Answer) {
	data := wire.Message{Kind: wire.Response, ID: id, Answer: a}.Append(nil)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// A client that is gone is told of nowhere.
	_, _ = w.Write(data)
}

func httpError(w http.ResponseWriter, status int, id wire.ID, code int, message string) {
	writeAnswer(w, status, id, plugins.Answer{Error: plugins.Errorf(code, "%s", message)})
}
