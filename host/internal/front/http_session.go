package front

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/mcpwasm/mcpwasm/host/internal/gate"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// postInitialize opens a session.
func (f *Front) postInitialize(w http.ResponseWriter, r *http.Request, principal Principal, m wire.Message) {
	id := newSessionID()
	s, answer := f.initialize(r.Context(), id, caller{session: id, conversation: id, ends: true, principal: principal, transport: gate.TransportHTTP}, m.Params)
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
func (f *Front) session(w http.ResponseWriter, r *http.Request, principal Principal, id wire.ID) (*httpSession, func(), bool) {
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
func (f *Front) postLegacy(w http.ResponseWriter, r *http.Request, principal Principal, m wire.Message) {
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
	// for the rest, and one that wants it to stop says so. It ends with the
	// session, which is idle while nobody is connected.
	go func() {
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

// badResponse takes an answer of the client's that is none: whoever waits for it
// hears so.
func (f *Front) badResponse(r *http.Request, principal Principal, m wire.Message, err error) {
	h, release, ok := f.sessions.use(r.Header.Get(headerSession), principal)
	if !ok {
		return
	}
	defer release()
	h.response(wire.Message{Kind: wire.Response, ID: m.ID, Answer: plugins.Answer{Error: asError(err)}})
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
		if data == nil { // all of it was cancelled
			w.WriteHeader(http.StatusAccepted)
			return
		}
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
	f.logError("event stream", st.serve(r.Context(), ew, p))
}

// sessionMethod serves GET, the stream of what belongs to no request or the
// rest of one that broke off, and DELETE, the end of a session. The stateless
// era has neither.
func (f *Front) sessionMethod(w http.ResponseWriter, r *http.Request, principal Principal) {
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
	f.logError("event stream", st.serve(ctx, ew, st.attach(n, true)))
}

// postBatch serves an array of messages for a session of 2025-03-26.
func (f *Front) postBatch(w http.ResponseWriter, r *http.Request, principal Principal, body []byte) {
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
	for i, e := range elems {
		m, err := wire.ParseChecked(e)
		switch {
		case err != nil:
			answers = true
			b.done(i, m.ID, plugins.Answer{Error: asError(err)})
		case m.Kind == wire.Request:
			answers = true
			ctx, end, perr := h.begin(h.ctx, m.ID)
			if perr != nil {
				b.done(i, m.ID, plugins.Answer{Error: perr})
				continue
			}
			go func() {
				answer := h.request(ctx, m, st)
				if ctx.Err() != nil {
					answer = plugins.Answer{}
				}
				end()
				b.done(i, m.ID, answer)
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
