package front

import (
	"context"
	"crypto/rand"
	"slices"
	"sync"
	"time"
)

// httpSession is a session of an older revision over HTTP: it lives between
// requests, and its event streams between connections.
type httpSession struct {
	*session
	ctx    context.Context // done when the session ends
	end    context.CancelFunc
	common *stream // what belongs to no request, delivered to GET

	// Guarded by the table's mutex.
	busy     int // requests and streams open
	lastUsed time.Time
	idle     *time.Timer

	streamsMu sync.Mutex
	streams   map[string]*stream
}

// sessionTable holds the HTTP sessions by their ids.
type sessionTable struct {
	front *Front

	mu     sync.Mutex
	byID   map[string]*httpSession
	closed bool
}

// newSessionID returns 130 bits from a CSPRNG, in visible ASCII.
func newSessionID() string { return rand.Text() }

// add takes a new session in; the session that was idle longest makes way where
// there are too many. It reports false where none can.
func (t *sessionTable) add(s *session) (*httpSession, bool) {
	ctx, end := context.WithCancel(context.Background())
	h := &httpSession{session: s, ctx: ctx, end: end, common: newStream("0", s.revision), streams: map[string]*stream{}}
	h.hung = ctx
	h.streams[h.common.id] = h.common
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || len(t.byID) >= t.front.cfg.MaxSessions && !t.evictLocked() {
		end()
		return nil, false
	}
	if t.byID == nil {
		t.byID = map[string]*httpSession{}
	}
	h.lastUsed = time.Now()
	h.idle = time.AfterFunc(t.front.cfg.SessionIdle, func() { t.expire(h) })
	t.byID[s.id] = h
	go s.pump(ctx, h.common)
	return h, true
}

func (t *sessionTable) evictLocked() bool {
	var oldest *httpSession
	for _, h := range t.byID {
		if h.busy == 0 && (oldest == nil || h.lastUsed.Before(oldest.lastUsed)) {
			oldest = h
		}
	}
	if oldest == nil {
		return false
	}
	t.removeLocked(oldest)
	return true
}

// use returns the session with an id that belongs to the principal, counted as
// busy until release. A session of another principal is as good as none.
func (t *sessionTable) use(id string, principal Principal) (h *httpSession, release func(), ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h, ok = t.byID[id]
	if !ok || h.from().principal.Subject != principal.Subject {
		return nil, nil, false
	}
	h.renew(principal)
	h.busy++
	return h, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		h.busy--
		h.lastUsed = time.Now()
		h.idle.Reset(t.front.cfg.SessionIdle)
	}, true
}

func (t *sessionTable) expire(h *httpSession) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if h.busy > 0 {
		return // release starts the clock again
	}
	t.removeLocked(h)
}

func (t *sessionTable) remove(h *httpSession) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.removeLocked(h)
}

func (t *sessionTable) removeLocked(h *httpSession) {
	if t.byID[h.id] != h {
		return
	}
	delete(t.byID, h.id)
	h.idle.Stop()
	h.end()
	h.close()
	go t.front.gw.CloseSession(h.id)
}

func (t *sessionTable) closeAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	for _, h := range t.byID {
		t.removeLocked(h)
	}
}

// Bounds of the streams that a session keeps for reconnection: all of them, and
// those that are complete, which a client may come back to when it lost the
// connection before it had the end.
const (
	maxStreams  = 256
	maxFinished = 8
)

// open adds a stream for one request; nil where the session has too many.
func (h *httpSession) open() *stream {
	h.streamsMu.Lock()
	defer h.streamsMu.Unlock()
	var finished []*stream
	for id, s := range h.streams {
		switch done := s.finished(); {
		case done.IsZero():
		case time.Since(done) > streamLinger:
			delete(h.streams, id)
		default:
			finished = append(finished, s)
		}
	}
	slices.SortFunc(finished, func(a, b *stream) int { return b.finished().Compare(a.finished()) })
	for i, s := range finished {
		if i >= maxFinished-1 {
			delete(h.streams, s.id)
		}
	}
	if len(h.streams) >= maxStreams {
		return nil
	}
	s := newStream(newSessionID(), h.revision)
	h.streams[s.id] = s
	return s
}

// stream returns the stream with an id.
func (h *httpSession) stream(id string) (*stream, bool) {
	h.streamsMu.Lock()
	defer h.streamsMu.Unlock()
	s, ok := h.streams[id]
	return s, ok
}

// drop forgets a stream that nobody can come back to.
func (h *httpSession) drop(s *stream) {
	h.streamsMu.Lock()
	defer h.streamsMu.Unlock()
	delete(h.streams, s.id)
}
