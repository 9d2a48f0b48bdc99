package wasm

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
	"github.com/mcpwasm/mcpwasm/runtime/internal/peer"
	"github.com/mcpwasm/mcpwasm/runtime/wasm/internal/wasi"
	"github.com/tetratelabs/wazero/api"
)

// pipeBytes is what a stream holds that the other side has not read yet.
const pipeBytes = 64 << 10

// stdio is an instance of the stdio shape: an ordinary program, spoken to over
// its standard streams.
type stdio struct {
	program    *program
	system     *wasi.System
	stderr     *lines
	module     api.Module
	in, out    *wasi.Pipe
	peer       *peer.Peer
	life       context.Context
	end        context.CancelCauseFunc
	ended      chan struct{} // closed when the program has ended
	done       chan struct{} // closed when it takes no more messages
	once       sync.Once
	mu         sync.Mutex
	death      error // why it ended; set before the streams are closed
	graceAfter time.Duration
}

// startStdio starts the program and does the handshake. A server of an older era
// may die of the probe: it is started again without.
func (p *program) startStdio(ctx context.Context, first runtime.Call) (runtime.Instance, error) {
	s, err := p.connect(ctx, first, false)
	var probe *peer.ProbeError
	if errors.As(err, &probe) {
		s, err = p.connect(ctx, first, true)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (p *program) connect(ctx context.Context, first runtime.Call, legacy bool) (*stdio, error) {
	s := &stdio{
		program: p,
		stderr:  newLines(p.options.Limits.StderrBytes, p.options.Stderr),
		in:      wasi.NewPipe(pipeBytes), out: wasi.NewPipe(pipeBytes),
		ended: make(chan struct{}), done: make(chan struct{}),
		graceAfter: p.options.Limits.CancelGrace,
	}
	s.system = wasi.New(wasi.Config{
		Args: p.args(), Env: p.options.Env, Mounts: p.options.Mounts, Spin: true, ClockPrecision: p.options.ClockPrecision,
		Stdin: s.in.Source(), Stdout: s.out.Sink(), Stderr: wasi.Output(s.stderr),
	})
	s.system.SetAuthority(p.options.Start)
	s.life, s.end = context.WithCancelCause(context.WithoutCancel(ctx))
	go s.run()
	var err error
	s.peer, err = peer.Connect(ctx, s.config(first, legacy), s.out, s.in)
	s.stderr.end()
	if err != nil {
		return nil, s.startError(ctx, err)
	}
	go s.watch()
	return s, nil
}

func (s *stdio) config(first runtime.Call, legacy bool) peer.Config {
	o := s.program.options
	c := peer.Config{
		Server: s.program.name, Limits: o.Limits, First: first, Legacy: legacy,
		Shared:  s.program.lifetime == runtime.LifetimeProcess,
		Fault:   func(err *runtime.GuestError) { _, _ = s.stderr.Write([]byte(err.Detail + "\n")) },
		Settled: s.settled,
		Noise:   func(line string) { _, _ = s.stderr.Write([]byte(line + "\n")) },
	}
	if o.Signal != nil {
		c.Signal = func(n plugins.Notification) { o.Signal(first.Session, n) }
	}
	return c
}

// settleTime is how long an answer waits at most for what a program says after
// it. On one thread, goroutines that have something to say run before the
// program waits for input again, which takes microseconds.
const settleTime = 50 * time.Millisecond

// settled waits until the program waits for input, and the peer for its output.
func (s *stdio) settled() {
	t := time.NewTimer(settleTime)
	defer t.Stop()
	for _, c := range []func() <-chan struct{}{s.system.Idle, s.out.Drained} {
		select {
		case <-c():
		case <-t.C:
			return
		case <-s.ended:
			return
		}
	}
}

// startError ends the program and says why there was no handshake.
func (s *stdio) startError(ctx context.Context, err error) error {
	death := s.reason()
	s.end(runtime.ErrClosed)
	<-s.ended
	var probe *peer.ProbeError
	switch {
	case errors.Is(death, &runtime.GuestError{Kind: runtime.KindSpin}):
		return death
	case errors.As(err, &probe):
		return err
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case death != nil:
		return death
	}
	return err
}

// run is the program's goroutine, from its first instruction to its last.
func (s *stdio) run() {
	defer close(s.ended)
	err := s.program.call(context.WithoutCancel(s.life), s.life, func() {}, func(ctx context.Context) (err error) {
		x := &exchange{limits: s.program.options.Limits}
		ctx = wasi.With(x.context(ctx), s.system)
		if s.module, err = s.program.instantiate(ctx); err != nil {
			return err
		}
		_, err = s.module.ExportedFunction(plugins.ExportStart).Call(ctx)
		return err
	})
	death := error(&runtime.GuestError{Kind: runtime.KindExit, Detail: "the guest returned from _start"})
	if err != nil {
		death = s.program.limited(s.module, failure(s.life, err, s.system, s.stderr))
	}
	s.mu.Lock()
	s.death = death
	s.mu.Unlock()
	s.over()
	s.in.CloseWith(death)
	s.out.CloseWith(death)
	if s.module != nil {
		_ = s.module.Close(context.WithoutCancel(s.life)) // nothing in it can fail to close
	}
	s.system.Close()
	s.stderr.end()
	s.end(death)
}

func (s *stdio) over() { s.once.Do(func() { close(s.done) }) }

// watch ends the program once the peer will not speak to it any more.
func (s *stdio) watch() {
	<-s.peer.Done()
	s.over()
	t := time.AfterFunc(s.graceAfter, func() { s.end(runtime.ErrClosed) })
	<-s.ended
	t.Stop()
}

func (s *stdio) reason() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.death
}

// Handle implements [runtime.Instance].
func (s *stdio) Handle(ctx context.Context, c runtime.Call) (plugins.Answer, error) {
	if c.Authority != nil {
		s.system.SetAuthority(*c.Authority)
	}
	given := make(chan givenUp, 1)
	defer context.AfterFunc(ctx, func() { given <- givenUp{time.Now(), s.system.Idle()} })()
	a, err := s.peer.Handle(ctx, c)
	s.stderr.end()
	if err == nil {
		return a, nil
	}
	select {
	case <-s.peer.Done():
		s.over()
	default:
	}
	if death := s.reason(); death != nil && !errors.Is(err, &runtime.GuestError{Kind: runtime.KindProtocol}) {
		return a, death
	}
	if ctx.Err() != nil {
		s.settle(ctx, <-given)
		return a, context.Cause(ctx)
	}
	return a, err
}

// givenUp is when a message was given up, and a channel that is closed once the
// program has read its input since.
type givenUp struct {
	at   time.Time
	idle <-chan struct{}
}

// settle sees to it that a program whose message was given up is there for the
// next one: it must come back to reading its input within the grace, which the
// peer may have waited for already, or else it hangs and is ended.
func (s *stdio) settle(ctx context.Context, g givenUp) {
	const least = 10 * time.Millisecond
	t := time.NewTimer(max(least, s.graceAfter-time.Since(g.at)))
	defer t.Stop()
	select {
	case <-g.idle:
	case <-s.ended:
	case <-t.C:
		s.over()
		hung := &runtime.GuestError{Kind: runtime.KindDeadline, Detail: "the guest hung in another message and was ended"}
		var g *runtime.GuestError
		if errors.As(context.Cause(ctx), &g) {
			hung.Limit = g.Limit
		}
		s.end(hung)
		<-s.ended
	}
}

// Done implements [runtime.Instance].
func (s *stdio) Done() <-chan struct{} { return s.done }

// Close implements [runtime.Instance]: it closes the program's input, which asks
// it to exit, and ends it after the grace.
func (s *stdio) Close(ctx context.Context) error {
	s.over()
	_ = s.peer.Close() // it always returns nil
	select {
	case <-s.ended:
		return nil
	case <-ctx.Done():
		s.end(runtime.ErrClosed)
		<-s.ended
		return nil
	}
}

var _ runtime.Subscriber = (*stdio)(nil)

// Subscribe implements [runtime.Subscriber].
func (s *stdio) Subscribe(ctx context.Context, uri string) error { return s.peer.Subscribe(ctx, uri) }

// Unsubscribe implements [runtime.Subscriber].
func (s *stdio) Unsubscribe(ctx context.Context, uri string) error {
	return s.peer.Unsubscribe(ctx, uri)
}
