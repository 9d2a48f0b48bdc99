package front

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

const (
	// maxStreamBytes bounds what a stream keeps for a client that is not
	// connected; older events are dropped beyond it.
	maxStreamBytes = 4 << 20
	// streamLinger is how long a stream that is complete can be asked for
	// again.
	streamLinger = time.Minute
	// keepAlive is how often an idle event stream gets a comment.
	keepAlive = 15 * time.Second
	// writeTimeout is how long a client may take to accept what it is sent.
	writeTimeout = 30 * time.Second
)

// stream is a sequence of messages to a client of an older revision, which can
// lose its connection and come back for the rest with Last-Event-ID (MCP
// 2025-11-25, basic/transports, "Resumability and Redelivery").
type stream struct {
	id       string
	revision string

	mu      sync.Mutex
	changed chan struct{} // closed and replaced at every change
	events  [][]byte      // one message each, on one line
	first   int           // number of events[0]; events count from 1
	size    int
	done    time.Time // when the last event was added; zero: more can come
	cut     int       // how often the server has closed the connection
	retry   int       // milliseconds that the client waits after a cut
	conns   int       // connections so far; the newest has the stream
	sent    int       // number of the newest event that a connection took
}

func newStream(id, revision string) *stream {
	return &stream{id: id, revision: revision, first: 1, changed: make(chan struct{})}
}

// send implements link.
func (s *stream) send(m wire.Message) error {
	if m.Kind == wire.Notification && m.Method == plugins.NotifyCloseStream {
		s.hangUp(m.Params)
		return nil
	}
	s.add(wire.OneLine(m.Append(nil)), false)
	return nil
}

// finish adds the last message; nil adds none.
func (s *stream) finish(data []byte) { s.add(data, true) }

func (s *stream) add(data []byte, last bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if data != nil {
		s.events = append(s.events, data)
		s.size += len(data)
		for s.size > maxStreamBytes && len(s.events) > 1 {
			s.size -= len(s.events[0])
			s.events = s.events[1:]
			s.first++
		}
	}
	if last {
		s.done = time.Now()
	}
	s.wakeLocked()
}

func (s *stream) wakeLocked() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// hangUp has the client reconnect, for guests that take long (SEP-1699). Only
// clients that were given an event to come back with can.
func (s *stream) hangUp(params wire.Object) {
	if s.revision < revision20251125 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	v, _ := params.Get("retryMs")
	if ms, err := strconv.Atoi(string(v)); err == nil && ms >= 0 && ms <= 60_000 {
		s.retry = ms
	}
	s.cut++
	s.wakeLocked()
}

// finished returns when the stream was completed; zero: it is not.
func (s *stream) finished() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.done
}

// only returns the stream's single message, or nil for none, once it is complete;
// ok is false as soon as it is known to need an event stream.
func (s *stream) only(ctx context.Context) (data []byte, ok bool) {
	for {
		s.mu.Lock()
		changed, complete := s.changed, !s.done.IsZero()
		events, first, cut := s.events, s.first, s.cut
		s.mu.Unlock()
		switch {
		case complete && len(events) == 0:
			return nil, true
		case complete && len(events) == 1 && first == 1 && cut == 0:
			return events[0], true
		case complete || len(events) > 0 || cut > 0:
			return nil, false
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, false
		}
	}
}

// position is where a connection stands in a stream.
type position struct {
	conn int // which connection it is
	cut  int // cuts that it has seen
	n    int // events that it has
}

// attach makes a new connection the stream's; one before it ends. A connection
// of a client that comes back has seen the cuts so far.
func (s *stream) attach(n int, back bool) position {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns++
	p := position{conn: s.conns, n: n}
	if back {
		p.cut = s.cut
	}
	s.wakeLocked()
	return p
}

// newest returns the number of the newest event that a connection took.
func (s *stream) newest() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent
}

// next returns the events after a position, with the number of the first,
// waiting for some. end: the connection is over. idle: tick came first.
func (s *stream) next(ctx context.Context, p position, tick <-chan time.Time) (evs [][]byte, number int, end, idle bool) {
	for {
		s.mu.Lock()
		changed := s.changed
		end = !s.done.IsZero() || s.cut > p.cut || s.conns != p.conn
		from := max(p.n+1-s.first, 0)
		number = s.first + from
		if from < len(s.events) && s.conns == p.conn {
			evs = s.events[from:]
		}
		s.mu.Unlock()
		if len(evs) > 0 || end {
			return evs, number, end, false
		}
		select {
		case <-changed:
		case <-tick:
			return nil, 0, false, true
		case <-ctx.Done():
			return nil, 0, true, false
		}
	}
}

// serve writes the events after a position to a connection, until the stream is
// complete, the server or a newer connection ends this one, or ctx is done.
func (s *stream) serve(ctx context.Context, w *eventWriter, p position) error {
	ticker := time.NewTicker(keepAlive)
	defer ticker.Stop()
	for {
		evs, number, end, idle := s.next(ctx, p, ticker.C)
		if idle {
			if err := w.comment(); err != nil {
				return err
			}
			continue
		}
		for i, data := range evs {
			if err := w.event(s.eventID(number+i), data); err != nil {
				return err
			}
			p.n = number + i
		}
		s.took(p.n)
		if end {
			return w.retry(s.retryMillis())
		}
	}
}

func (s *stream) took(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = max(s.sent, n)
}

func (s *stream) retryMillis() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.retry
}

func (s *stream) eventID(n int) string { return s.id + "." + strconv.Itoa(n) }

// parseEventID takes an event's id apart.
func parseEventID(id string) (streamID string, n int, ok bool) {
	streamID, num, ok := strings.Cut(id, ".")
	if !ok {
		return "", 0, false
	}
	n, err := strconv.Atoi(num)
	return streamID, n, err == nil && n >= 0
}

// eventWriter writes server-sent events (WHATWG HTML, "Server-sent events"),
// safe for concurrent use. The handler must outlive every write.
type eventWriter struct {
	w  http.ResponseWriter
	rc *http.ResponseController

	mu      sync.Mutex
	started bool
}

func newEventWriter(w http.ResponseWriter) *eventWriter {
	return &eventWriter{w: w, rc: http.NewResponseController(w)}
}

// open sends the header, so that the client knows that the stream is there.
func (e *eventWriter) open() error { return e.write(nil) }

func (e *eventWriter) hasStarted() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.started
}

func (e *eventWriter) write(b []byte) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.started {
		e.started = true
		h := e.w.Header()
		h.Set("Content-Type", "text/event-stream")
		h.Set("Cache-Control", "no-cache")
		h.Set("X-Accel-Buffering", "no")
		e.w.WriteHeader(http.StatusOK)
	}
	// Some writers know no deadlines; then the connection's own hold.
	if err := e.rc.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := e.w.Write(b); err != nil {
		return err
	}
	return e.rc.Flush()
}

// event writes one message, which is on one line. An empty id is left out.
func (e *eventWriter) event(id string, data []byte) error {
	var b bytes.Buffer
	b.Grow(len(data) + 64)
	if id != "" {
		fmt.Fprintf(&b, "id: %s\n", id)
	}
	b.WriteString("event: message\ndata: ")
	b.Write(data)
	b.WriteString("\n\n")
	return e.write(b.Bytes())
}

// prime writes an event without a message, whose id the client can come back
// with.
func (e *eventWriter) prime(id string, retry int) error {
	text := "id: " + id + "\ndata:\n\n"
	if retry > 0 {
		text = fmt.Sprintf("retry: %d\n", retry) + text
	}
	return e.write([]byte(text))
}

func (e *eventWriter) retry(ms int) error {
	if ms == 0 {
		return nil
	}
	return e.write(fmt.Appendf(nil, "retry: %d\n\n", ms))
}

// comment writes what a client ignores; nothing where the stream has not begun.
func (e *eventWriter) comment() error {
	if !e.hasStarted() {
		return nil
	}
	return e.write([]byte(":\n\n"))
}

// message writes one message of the stateless era.
func (e *eventWriter) message(m wire.Message) error { return e.event("", wire.OneLine(m.Append(nil))) }

func (e *eventWriter) notification(n plugins.Notification) error {
	params, err := wire.ParseObject(n.Params)
	if err != nil {
		return err
	}
	return e.message(wire.Message{Kind: wire.Notification, Method: n.Method, Params: params})
}
