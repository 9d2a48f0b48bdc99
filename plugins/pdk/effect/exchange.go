package effect

import (
	"bufio"
	"context"
	"errors"
	"io"
	"sync"
)

// maxOpen is how many effects a guest may have open at once
// (docs/guest-contract.md, "Effects").
const maxOpen = 64

// slots has a token for every effect that is open. It belongs to the program, as
// descriptors do.
var slots = make(chan struct{}, maxOpen)

// running holds the effects that are open.
var running = struct {
	sync.Mutex
	set map[*exchange]struct{}
}{set: map[*exchange]struct{}{}}

// CloseAll ends every effect of the program that is still open. Who answers one
// message after the other calls it between them, because the host closes the
// descriptors then: one that is kept would be another's the next time that it is
// closed. Package pdk does; a program with a main of its own has no need to.
func CloseAll() {
	running.Lock()
	open := make([]*exchange, 0, len(running.set))
	for x := range running.set {
		open = append(open, x)
	}
	running.Unlock()
	for _, x := range open {
		x.end()
	}
}

// exchange is one effect: the body that goes out, and the reply, of which it is
// the reader.
type exchange struct {
	ctx  context.Context
	body io.Reader // nil for none

	conn Conn
	r    *bufio.Reader
	stop func() bool // detaches it from ctx

	bodyClosed sync.Once

	mu      sync.Mutex
	ended   bool
	atEnd   bool  // the reply was read completely
	bodyErr error // why the body could not be read
}

// open waits for a slot and opens the effect.
func (x *exchange) open(request []byte) error {
	if err := x.ctx.Err(); err != nil {
		return err
	}
	select {
	case slots <- struct{}{}:
	case <-x.ctx.Done():
		return x.ctx.Err()
	}
	conn, err := opener(x.ctx)(x.ctx, request)
	if err != nil {
		<-slots
		return err
	}
	x.conn, x.r = conn, bufio.NewReader(conn)
	x.stop = context.AfterFunc(x.ctx, func() { _ = conn.Close() })
	running.Lock()
	running.set[x] = struct{}{}
	running.Unlock()
	return nil
}

// send copies the body to the host. That the host does not take it is no error
// here: the reply says why.
func (x *exchange) send() {
	_, err := io.Copy(x.conn, bodyReader{x})
	x.closeBody()
	if err == nil {
		_ = x.conn.CloseWrite()
	}
}

// bodyReader tells an error of reading the body from one of writing it, and ends
// the effect on it: half a body must not be taken for a whole one.
type bodyReader struct{ x *exchange }

// Read implements io.Reader.
func (b bodyReader) Read(p []byte) (int, error) {
	n, err := b.x.body.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.x.mu.Lock()
		b.x.bodyErr = err
		b.x.mu.Unlock()
		_ = b.x.conn.Close()
	}
	return n, err
}

// Read implements io.Reader: it reads the reply behind its first line.
func (x *exchange) Read(p []byte) (int, error) {
	x.mu.Lock()
	ended, atEnd := x.ended, x.atEnd
	x.mu.Unlock()
	switch {
	case atEnd:
		return 0, io.EOF
	case ended:
		return 0, x.reason(errClosed)
	}
	n, err := x.r.Read(p)
	switch {
	case err == nil:
		return n, nil
	case errors.Is(err, io.EOF):
		x.mu.Lock()
		x.atEnd = true
		x.mu.Unlock()
		x.end()
		return n, io.EOF
	}
	return n, x.reason(brokenOff(err))
}

var errClosed = errors.New("the reply of this effect was closed")

// Close implements io.Closer.
func (x *exchange) Close() error {
	x.end()
	return nil
}

// end gives up the effect and its slot. It may be called more than once, and for
// one that was never opened.
func (x *exchange) end() {
	x.mu.Lock()
	again := x.ended
	x.ended = true
	x.mu.Unlock()
	if again {
		return
	}
	if x.conn != nil {
		x.stop()
		_ = x.conn.Close()
		running.Lock()
		delete(running.set, x)
		running.Unlock()
		<-slots
	}
	x.closeBody()
}

func (x *exchange) closeBody() {
	if c, ok := x.body.(io.Closer); ok {
		x.bodyClosed.Do(func() { _ = c.Close() })
	}
}

// reason says why an effect really failed with err: the end of the context and
// that of the body show as a closed descriptor.
func (x *exchange) reason(err error) error {
	if x.ctx.Err() != nil {
		return context.Cause(x.ctx)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.bodyErr != nil {
		return x.bodyErr
	}
	return err
}
