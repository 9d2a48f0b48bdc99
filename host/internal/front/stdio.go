package front

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/mcpwasm/mcpwasm/host/internal/gate"
	"github.com/mcpwasm/mcpwasm/host/internal/gateway"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// ServeStdio serves one client over a pair of streams, one message a line (MCP
// 2026-07-28, basic/transports/stdio), until the input ends or ctx is done. At
// the end of the input it answers what it has and returns nil.
func (f *Front) ServeStdio(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c := &conn{front: f, out: out, stop: cancel, caller: caller{conversation: "stdio " + rand.Text(), ends: true, transport: gate.TransportStdio}, calls: map[wire.ID]context.CancelCauseFunc{}}
	c.hung, c.hangUp = context.WithCancel(ctx)
	lines := make(chan line)
	go readLines(ctx, in, f.cfg.MaxMessageBytes, lines)
	err := c.serve(ctx, lines)
	c.hangUp()
	if err != nil {
		cancel(err)
	}
	c.wg.Wait()
	f.gw.EndConversation(c.caller.conversation)
	if s := c.legacy(); s != nil {
		s.close()
	}
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return err
}

// line is one line of input, or why there is none.
type line struct {
	data []byte
	err  error // io.EOF, errLong or the reader's
}

var errLong = errors.New("line too long")

// readLines sends the lines of in until it ends. A line longer than limit is
// skipped, with errLong in its place.
func readLines(ctx context.Context, in io.Reader, limit int, lines chan<- line) {
	r := bufio.NewReaderSize(in, 64<<10)
	for {
		data, err := readLine(r, limit)
		if len(data) > 0 || err != nil {
			select {
			case lines <- line{data, err}:
			case <-ctx.Done():
				return
			}
		}
		if err != nil && !errors.Is(err, errLong) {
			return
		}
	}
}

// readLine reads one line without its end. What it returns is the caller's. The
// last line may have no newline.
func readLine(r *bufio.Reader, limit int) ([]byte, error) {
	var data []byte
	long := false
	for {
		part, err := r.ReadSlice('\n')
		if long = long || len(data)+len(part) > limit+1; long {
			data = nil
		} else {
			data = append(data, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case long && (err == nil || errors.Is(err, io.EOF)):
			return nil, errLong
		case errors.Is(err, io.EOF) && len(data) > 0:
			return trimEnd(data), nil // the next read returns the end
		}
		return trimEnd(data), err
	}
}

func trimEnd(b []byte) []byte {
	for len(b) > 0 && (b[len(b)-1] == '\n' || b[len(b)-1] == '\r') {
		b = b[:len(b)-1]
	}
	return b
}

// conn is one client on stdio. Requests of the stateless era and of a session
// can come on one connection.
type conn struct {
	front  *Front
	caller caller
	stop   context.CancelCauseFunc
	wg     sync.WaitGroup // requests in flight
	// hung is done once there is no more input, and with it nobody who answers
	// us or listens on.
	hung   context.Context
	hangUp context.CancelFunc

	outMu  sync.Mutex
	out    io.Writer
	outErr error
	buf    []byte

	mu      sync.Mutex
	session *session
	calls   map[wire.ID]context.CancelCauseFunc // of the stateless era
}

func (c *conn) serve(ctx context.Context, lines <-chan line) error {
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case l := <-lines:
			switch {
			case errors.Is(l.err, errLong):
				c.reply("", fail(plugins.CodeInvalidRequest,
					"Invalid request: a line is longer than %d bytes", c.front.cfg.MaxMessageBytes))
			case errors.Is(l.err, io.EOF):
				return nil
			case l.err != nil:
				return fmt.Errorf("read standard input: %w", l.err)
			default:
				c.receive(ctx, l.data)
			}
		}
	}
}

// receive takes one line.
func (c *conn) receive(ctx context.Context, data []byte) {
	if err := wire.Check(data); err != nil {
		c.reply(wire.SalvageID(data), fail(plugins.CodeParseError, "Parse error: %v", err))
		return
	}
	if wire.KindOf(data) == "an array" {
		c.batch(ctx, data)
		return
	}
	m, err := wire.ParseChecked(data)
	if err != nil && m.Kind == wire.Response {
		c.badResponse(m, err)
		return
	}
	if err != nil {
		c.reply(m.ID, plugins.Answer{Error: asError(err)})
		return
	}
	c.dispatch(ctx, m, func(a plugins.Answer) { c.reply(m.ID, a) })
}

// dispatch starts the work on a message. done gets the answer to a request.
func (c *conn) dispatch(ctx context.Context, m wire.Message, done func(plugins.Answer)) {
	s := c.legacy()
	switch {
	case m.Kind == wire.Response:
		if s != nil {
			s.response(m)
		}
	case m.Kind == wire.Notification:
		c.notification(s, m)
	case gateway.HasModernMeta(m.Params):
		c.startModern(ctx, m, done)
	case s != nil:
		c.startLegacy(ctx, s, m, done)
	case m.Method == methodInitialize:
		c.open(ctx, m, done)
	case m.Method == methodPing: // allowed before initialize
		done(emptyResult)
	default:
		done(fail(plugins.CodeInvalidParams, "Invalid params: a request of %s has %q and %q in its _meta; a client of an older revision sends initialize first",
			plugins.ProtocolVersion, plugins.MetaProtocolVersion, plugins.MetaClientCapabilities))
	}
}

// badResponse takes an answer of the client's that is none: whoever waits for it
// hears so.
func (c *conn) badResponse(m wire.Message, err error) {
	if s := c.legacy(); s != nil {
		s.response(wire.Message{Kind: wire.Response, ID: m.ID, Answer: plugins.Answer{Error: asError(err)}})
	}
}

// open begins the session of an older revision.
func (c *conn) open(ctx context.Context, m wire.Message, done func(plugins.Answer)) {
	s, answer := c.front.initialize(ctx, "", c.caller, m.Params)
	done(answer)
	if s == nil {
		return
	}
	s.hung = c.hung
	c.mu.Lock()
	c.session = s
	c.mu.Unlock()
	c.wg.Go(func() { s.pump(c.hung, c) })
}

func (c *conn) startLegacy(ctx context.Context, s *session, m wire.Message, done func(plugins.Answer)) {
	ctx, end, perr := s.begin(ctx, m.ID)
	if perr != nil {
		done(plugins.Answer{Error: perr})
		return
	}
	c.run(ctx, end, done, func() plugins.Answer { return s.request(ctx, m, c) })
}

func (c *conn) startModern(ctx context.Context, m wire.Message, done func(plugins.Answer)) {
	if m.Method == methodListen {
		ctx = c.hung
	}
	ctx, cancel := context.WithCancelCause(ctx)
	c.mu.Lock()
	perr := admit(c.calls, m.ID, c.front.cfg.MaxRequests)
	if perr == nil {
		c.calls[m.ID] = cancel
	}
	c.mu.Unlock()
	if perr != nil {
		cancel(nil)
		done(plugins.Answer{Error: perr})
		return
	}
	end := func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.calls, m.ID)
		cancel(nil)
	}
	c.run(ctx, end, done, func() plugins.Answer {
		return c.front.modern(ctx, c.caller, m, func(n plugins.Notification) {
			c.front.logError("notify", c.sendNotification(ctx, n))
		})
	})
}

// run works on a request beside the others. One that the client has cancelled
// gets no answer (basic/patterns/cancellation), which done is told by the zero
// value. The id is free again before the answer is out, so that the client can
// use it at once.
func (c *conn) run(ctx context.Context, end func(), done func(plugins.Answer), work func() plugins.Answer) {
	c.wg.Go(func() {
		a := work()
		if ctx.Err() != nil {
			a = plugins.Answer{}
		}
		end()
		done(a)
	})
}

func (c *conn) notification(s *session, m wire.Message) {
	if s != nil {
		s.notification(m)
	}
	if m.Method != notifyCancelled {
		return
	}
	if id, ok := cancelledID(m.Params); ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		if cancel, ok := c.calls[id]; ok {
			cancel(errCancelled)
		}
	}
}

// batch takes an array of messages, which 2025-03-26 alone has. The answers go
// out as one array when the last is there.
func (c *conn) batch(ctx context.Context, data []byte) {
	s := c.legacy()
	elems, err := wire.ParseArray(data)
	if err != nil || s == nil || s.revision != revision20250326 || len(elems) == 0 {
		c.reply("", fail(plugins.CodeInvalidRequest, "Invalid request: an array of messages is for sessions of %s only, and not empty", revision20250326))
		return
	}
	b := newBatch(len(elems), func(data []byte) error {
		if data == nil {
			return nil
		}
		return c.write(data)
	})
	for i, e := range elems {
		m, err := wire.ParseChecked(e)
		switch {
		case err != nil:
			b.done(i, m.ID, plugins.Answer{Error: asError(err)})
		case m.Kind == wire.Request:
			c.dispatch(ctx, m, func(a plugins.Answer) { b.done(i, m.ID, a) })
		default:
			c.dispatch(ctx, m, nil)
			b.skip()
		}
	}
}

// legacy returns the connection's session, or nil.
func (c *conn) legacy() *session {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.session
}

// send implements link.
func (c *conn) send(m wire.Message) error {
	if m.Method == plugins.NotifyCloseStream {
		return nil // there is no event stream that could be closed
	}
	c.outMu.Lock()
	defer c.outMu.Unlock()
	c.buf = m.Append(c.buf[:0])
	return c.writeLocked(c.buf)
}

func (c *conn) sendNotification(ctx context.Context, n plugins.Notification) error {
	if ctx.Err() != nil {
		return nil // nothing more about a cancelled request
	}
	params, err := wire.ParseObject(n.Params)
	if err != nil {
		return err
	}
	return c.send(wire.Message{Kind: wire.Notification, Method: n.Method, Params: params})
}

func (c *conn) reply(id wire.ID, a plugins.Answer) {
	if noAnswer(a) {
		return
	}
	c.front.logError("reply", c.send(wire.Message{Kind: wire.Response, ID: id, Answer: a}))
}

func (c *conn) write(data []byte) error {
	c.outMu.Lock()
	defer c.outMu.Unlock()
	return c.writeLocked(data)
}

// writeLocked writes one line. A client that does not take what it is sent is
// gone: the connection ends.
func (c *conn) writeLocked(data []byte) error {
	if c.outErr != nil {
		return c.outErr
	}
	data = append(wire.OneLine(data), '\n')
	if _, err := c.out.Write(data); err != nil {
		c.outErr = fmt.Errorf("write standard output: %w", err)
		c.stop(c.outErr)
	}
	return c.outErr
}
