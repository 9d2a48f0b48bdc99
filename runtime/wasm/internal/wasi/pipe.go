package wasi

import (
	"io"
	"sync"
)

// Pipe is a bounded queue of bytes between a guest and its host, in one
// direction. The guest's end never blocks (see [Pipe.Source] and [Pipe.Sink]): the guest's
// waiting is the [System]'s business, since a guest waits for several things at
// once. The host's end is an ordinary blocking io.ReadWriteCloser.
type Pipe struct {
	mu      sync.Mutex
	changed sync.Cond // for the host's end
	buf     []byte
	max     int
	closed  bool
	err     error  // why it was closed; io.EOF is the proper end
	wake    func() // tells the guest's system that something changed
	reading bool   // the host waits in Read
	drained []chan struct{}
}

// NewPipe returns a pipe that holds at most max bytes.
func NewPipe(max int) *Pipe {
	p := &Pipe{max: max, wake: func() {}}
	p.changed.L = &p.mu
	return p
}

// Write is the host's: it waits for room, and fails once the pipe is closed.
func (p *Pipe) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	written := 0
	for len(b) > 0 {
		for !p.closed && len(p.buf) >= p.max {
			p.changed.Wait()
		}
		if p.closed {
			return written, io.ErrClosedPipe
		}
		n := min(len(b), p.max-len(p.buf))
		p.buf = append(p.buf, b[:n]...)
		b, written = b[n:], written+n
		p.wake()
	}
	return written, nil
}

// Read is the host's: it waits for bytes and gives the reason of the end once
// the pipe is closed and empty.
func (p *Pipe) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(b) > 0 && len(p.buf) == 0 {
		p.tellDrained()
		if p.closed {
			return 0, p.err
		}
		p.reading = true
		p.changed.Wait()
		p.reading = false
	}
	return p.take(b), nil
}

// Drained returns a channel that is closed when the host has come back to Read
// after all that the pipe held, and so has dealt with it.
func (p *Pipe) Drained() <-chan struct{} {
	c := make(chan struct{})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drained = append(p.drained, c)
	if p.closed && len(p.buf) == 0 || p.reading && len(p.buf) == 0 {
		p.tellDrained()
	}
	return c
}

// tellDrained is called with mu held.
func (p *Pipe) tellDrained() {
	for _, c := range p.drained {
		close(c)
	}
	p.drained = nil
}

// take is called with mu held.
func (p *Pipe) take(b []byte) int {
	n := copy(b, p.buf)
	if p.buf = p.buf[n:]; len(p.buf) == 0 {
		p.buf = nil
	}
	p.changed.Broadcast()
	p.wake()
	return n
}

// Close ends the pipe: what it holds can still be read.
func (p *Pipe) Close() error {
	p.CloseWith(io.EOF)
	return nil
}

// CloseWith is Close with the error that the reader's end sees in place of the
// end of the input; a guest sees EIO.
func (p *Pipe) CloseWith(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.closed, p.err = true, err
	p.changed.Broadcast()
	p.wake()
}

// empty reports whether a guest that reads would have to wait.
func (p *Pipe) empty() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.buf) == 0 && !p.closed
}

// Source returns the guest's end of a pipe that it reads from.
func (p *Pipe) Source() File { return source{p: p} }

// Sink returns the guest's end of a pipe that it writes to.
func (p *Pipe) Sink() File { return sink{p: p} }

type source struct {
	stream
	p *Pipe
}

func (s source) attach(wake func()) { s.p.attach(wake) }

func (s source) Read(b []byte) (int, Errno) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	switch {
	case len(s.p.buf) > 0:
		return s.p.take(b), Success
	case s.p.closed && s.p.err != io.EOF:
		return 0, EIO
	case s.p.closed:
		return 0, Success
	}
	return 0, EAGAIN
}

func (s source) Ready(write bool) (Readiness, Errno) {
	if write {
		return Readiness{}, EBADF
	}
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	return Readiness{
		Ready:  len(s.p.buf) > 0 || s.p.closed,
		Bytes:  uint64(len(s.p.buf)),
		Hangup: s.p.closed && len(s.p.buf) == 0,
	}, Success
}

type sink struct {
	stream
	p *Pipe
}

func (s sink) attach(wake func()) { s.p.attach(wake) }

func (s sink) Write(b []byte) (int, Errno) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	if s.p.closed {
		return 0, EPIPE
	}
	n := min(len(b), s.p.max-len(s.p.buf))
	if n == 0 && len(b) > 0 {
		return 0, EAGAIN
	}
	s.p.buf = append(s.p.buf, b[:n]...)
	s.p.changed.Broadcast()
	return n, Success
}

func (s sink) Ready(write bool) (Readiness, Errno) {
	if !write {
		return Readiness{}, EBADF
	}
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	room := s.p.max - len(s.p.buf)
	return Readiness{Ready: room > 0 || s.p.closed, Bytes: uint64(room), Hangup: s.p.closed}, Success
}

func (p *Pipe) attach(wake func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wake = wake
}
