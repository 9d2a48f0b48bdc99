package runtime

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mcpwasm/mcpwasm/plugins"
)

// ErrClosed is why a message gets no answer from a [Server] that was closed, or
// whose session was.
var ErrClosed = errors.New("the server or the session was closed")

// Server runs one artifact and answers messages. It owns the policy: how long
// instances live, how many messages run and wait, when an instance is replaced.
// How an instance comes about and ends is the [Program]'s business: under
// [LifetimeCall] every message gets an instance from [Program.Start] and gives
// it back through [Instance.Close], so that a program is free to hand out one
// that it has put back into its pristine state.
//
// It is safe for concurrent use.
type Server struct {
	name    string
	program Program
	options Options
	gate    *gate
	kept    *keeper // nil under LifetimeCall

	// ended is done once messages under way are to end.
	ended context.Context
	end   context.CancelCauseFunc

	mu     sync.Mutex
	closed bool
	calls  sync.WaitGroup // Add under mu and only while not closed
	freed  chan struct{}  // closed when Close is done and failed is set
	failed error          // of the program's Close
}

// Open loads an artifact and makes a server of it. It returns as soon as the
// backend has checked the artifact; nothing is started before the first
// message.
//
// Errors are a *[GuestError] of [KindLoad] where the artifact cannot be run, and
// a plain error where the options do not fit it.
func Open(ctx context.Context, b Backend, a Artifact, o Options) (*Server, error) {
	o.Limits = o.Limits.Defaults()
	o.Stderr = oneAtATime(o.Stderr)
	program, err := b.Load(ctx, a, o)
	if err != nil {
		return nil, blame(err, a.Name, "")
	}
	if o.Lifetime, err = o.LifetimeFor(program.Shape()); err != nil {
		return nil, errors.Join(fmt.Errorf("server %q: %w", a.Name, err), program.Close(ctx))
	}
	s := &Server{name: a.Name, program: program, options: o, freed: make(chan struct{})}
	// What the caller's ctx ends is Open, not the server.
	s.ended, s.end = context.WithCancelCause(context.WithoutCancel(ctx))
	s.gate, s.kept = newPolicy(s.ended, program, o)
	return s, nil
}

// newPolicy makes the two parts that differ by lifetime.
func newPolicy(ctx context.Context, p Program, o Options) (*gate, *keeper) {
	keys := 0
	switch o.Lifetime {
	case LifetimeSession:
		keys = o.Limits.Sessions
	case LifetimeProcess:
		keys = 1
	}
	// A stdio guest multiplexes by itself, everything else does one thing at a
	// time.
	exclusive := o.Exclusive || p.Shape() != plugins.ShapeStdio
	g := newGate(o.Limits.Concurrency, o.Limits.Queue, keys, exclusive)
	if keys == 0 {
		return g, nil
	}
	return g, newKeeper(ctx, p, keys)
}

// LifetimeFor returns the lifetime that the options give a guest of the given
// shape, which is the shape's default where they name none. A stdio guest
// cannot live for a call only.
func (o Options) LifetimeFor(shape plugins.Shape) (Lifetime, error) {
	l, err := ParseLifetime(string(o.Lifetime))
	switch {
	case err != nil:
		return "", err
	case shape != plugins.ShapeStdio && l == "":
		return LifetimeCall, nil
	case shape == plugins.ShapeStdio && l == "":
		return LifetimeSession, nil
	case shape == plugins.ShapeStdio && l == LifetimeCall:
		return "", errors.New("lifetime call: a stdio guest lives for a session or a process; use lifetime session or process, or build it with the SDK")
	}
	return l, nil
}

// Shape tells how the artifact is driven.
func (s *Server) Shape() plugins.Shape { return s.program.Shape() }

// Lifetime tells how long instances live: the option's value, or the shape's
// default.
func (s *Server) Lifetime() Lifetime { return s.options.Lifetime }

// Handle gives the guest one message and returns its answer. It starts an
// instance where the lifetime asks for one, and waits for its turn where the
// server has as many messages as it may have. The deadline counts from when the
// guest gets the message.
//
// The error is a *[GuestError] when the guest failed or a limit was hit,
// [ErrClosed] when the server or the session was closed, and ctx's cause when
// the caller gave up, at the latest after [Limits.CancelGrace]. The next message
// is served in every case.
func (s *Server) Handle(ctx context.Context, c Call) (plugins.Answer, error) {
	if !s.begin() {
		return plugins.Answer{}, fmt.Errorf("server %q: %w", s.name, ErrClosed)
	}
	defer s.calls.Done()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(s.ended, func() { cancel(context.Cause(s.ended)) })()

	a, err := s.handle(ctx, s.normalise(c))
	if err != nil {
		return plugins.Answer{}, blame(err, s.name, c.Tool())
	}
	return a, nil
}

// normalise drops the session's key where it has no meaning.
func (s *Server) normalise(c Call) Call {
	if s.options.Lifetime == LifetimeProcess {
		c.Session = ""
	}
	return c
}

// begin counts a message, unless the server is closed.
func (s *Server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.calls.Add(1)
	}
	return !s.closed
}

func (s *Server) handle(ctx context.Context, c Call) (plugins.Answer, error) {
	if err := s.checkSize(c.Message); err != nil {
		return plugins.Answer{}, err
	}
	if ctx.Err() != nil {
		return plugins.Answer{}, context.Cause(ctx)
	}
	if err := s.gate.enter(ctx, c.Session); err != nil {
		return plugins.Answer{}, err
	}
	defer s.gate.leave(c.Session)

	instance, release, err := s.instance(ctx, c)
	if err != nil {
		return plugins.Answer{}, callerFirst(ctx, err)
	}
	defer release()
	return s.ask(ctx, instance, c)
}

func (s *Server) checkSize(m plugins.Message) error {
	most := s.options.Limits.MessageBytes
	if n := len(m.Method) + len(m.Params); n > most {
		return &GuestError{
			Kind:   KindLimit,
			Limit:  "message=" + FormatBytes(most),
			Detail: fmt.Sprintf("the message has %d bytes", n),
		}
	}
	return nil
}

// instance returns the instance that is to answer, and what to do with it
// afterwards.
func (s *Server) instance(ctx context.Context, c Call) (Instance, func(), error) {
	if s.kept != nil {
		return s.kept.get(ctx, c)
	}
	i, err := s.program.Start(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	// The instance must end even when the caller is gone. What its end reports
	// cannot change the answer.
	return i, func() { _ = i.Close(context.WithoutCancel(ctx)) }, nil
}

// ask gives the message to the instance, within the deadline.
func (s *Server) ask(ctx context.Context, i Instance, c Call) (plugins.Answer, error) {
	d := s.options.Limits.Deadline
	ctx, cancel := context.WithTimeoutCause(ctx, d, &GuestError{
		Kind:   KindDeadline,
		Limit:  "deadline=" + d.String(),
		Detail: "the guest did not answer in time",
	})
	defer cancel()
	a, err := i.Handle(ctx, c)
	if err != nil {
		return plugins.Answer{}, callerFirst(ctx, err)
	}
	return a, nil
}

// callerFirst returns why ctx ended where the error is no more than an echo of
// that.
func callerFirst(ctx context.Context, err error) error {
	if ctx.Err() != nil && !errors.Is(err, &GuestError{}) {
		return context.Cause(ctx)
	}
	return err
}

// blame completes what an instance says about its failure: whose it was, and in
// answer to what. It is the one place where that is filled in.
func blame(err error, server, tool string) error {
	var g *GuestError
	switch {
	case errors.As(err, &g):
		full := *g
		full.Server, full.Tool = server, tool
		return &full
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	return fmt.Errorf("server %q: %w", server, err)
}

// CloseSession ends the instance of a session. Messages under way in it fail
// with [ErrClosed]; the next message with the key gets a fresh instance. It has
// no effect under other lifetimes than [LifetimeSession].
func (s *Server) CloseSession(key string) {
	if s.options.Lifetime == LifetimeSession {
		s.kept.drop(key)
	}
}

// Close takes no more messages, waits for those that were accepted, and frees
// everything. Once ctx is done it waits no longer: the messages still under way
// fail with [ErrClosed], after [Limits.CancelGrace] at the latest.
func (s *Server) Close(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { s.end(ErrClosed) })
	defer stop()
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	s.mu.Unlock()
	if first {
		s.finish(context.WithoutCancel(ctx))
	}
	<-s.freed
	return s.failed
}

// finish frees everything once no message is under way.
func (s *Server) finish(ctx context.Context) {
	defer close(s.freed)
	s.calls.Wait()
	s.end(ErrClosed)
	if s.kept != nil {
		s.kept.close()
	}
	s.failed = s.program.Close(ctx)
}

// oneAtATime keeps instances from calling f at the same time.
func oneAtATime(f func(string)) func(string) {
	if f == nil {
		return nil
	}
	var mu sync.Mutex
	return func(line string) {
		mu.Lock()
		defer mu.Unlock()
		f(line)
	}
}

// closeTimeout bounds how long an instance that is not needed any more may take
// to end.
const closeTimeout = 10 * time.Second
