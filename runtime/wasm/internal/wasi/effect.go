package wasi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
)

const (
	// maxEffects bounds the effects that a guest has open at once.
	maxEffects = 64
	// maxEffectRequest bounds a request, in bytes.
	maxEffectRequest = 128 << 10
	// effectBuffer is what an effect holds in each direction that the other
	// side has not read yet, in bytes.
	effectBuffer = 64 << 10
)

// OpenEffect begins what the guest asks of its host and returns the descriptor of
// it, or minus an errno. The effect ends with ctx at the latest. request is
// copied.
//
// A guest that closes effects and opens others waits until the host is done with
// the closed ones, so that no more are performed than may be open.
func (s *System) OpenEffect(ctx context.Context, request []byte) int32 {
	if s.effects >= maxEffects {
		return -int32(EMFILE)
	}
	select {
	case s.performing <- struct{}{}:
	case <-ctx.Done():
		stop(ctx)
	}
	e := &effect{system: s, body: NewPipe(effectBuffer), reply: NewPipe(effectBuffer)}
	n, errno := s.add(e, 0)
	if errno != Success {
		<-s.performing
		return -int32(errno)
	}
	s.effects++
	e.body.attach(s.poke)
	e.reply.attach(s.poke)
	e.begin(ctx, s.performer(), bytes.Clone(request))
	return int32(n)
}

// performer returns who performs effects now; nil denies them.
func (s *System) performer() runtime.Effects {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.authority.Effects
}

// EndEffects ends what the guest has not closed, and waits until nothing is done
// in its name any more.
func (s *System) EndEffects() {
	for i, d := range s.fds {
		if d == nil {
			continue
		}
		if e, ok := d.file.(*effect); ok {
			e.Close()
			s.fds[i] = nil
		}
	}
	s.performed.Wait()
}

// effect is a request to the host: the guest writes the body and reads the reply.
type effect struct {
	stream
	system      *System
	body, reply *Pipe
	end         context.CancelFunc
	once        sync.Once
}

// begin has the request performed beside the guest.
func (e *effect) begin(ctx context.Context, effects runtime.Effects, request []byte) {
	ctx, e.end = context.WithCancel(ctx)
	stop := context.AfterFunc(ctx, func() {
		e.body.CloseWith(ctx.Err())
		e.reply.CloseWith(ctx.Err())
	})
	e.system.performed.Go(func() {
		defer func() { <-e.system.performing }()
		defer e.end()
		err := e.perform(ctx, effects, request)
		stop()
		if err == nil {
			err = io.EOF
		}
		e.reply.CloseWith(err)
		e.body.CloseWith(io.ErrClosedPipe)
	})
}

// perform guards the host against a panic, which would end it: this goroutine
// has no caller.
func (e *effect) perform(ctx context.Context, effects runtime.Effects, request []byte) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("a function of the host panicked: %v", r)
		}
	}()
	switch {
	case len(request) > maxEffectRequest:
		return refuse(e.reply, plugins.EffectLimit, fmt.Sprintf("the request has more than %d bytes", maxEffectRequest))
	case effects == nil:
		return refuse(e.reply, plugins.EffectDenied, "the guest holds no capabilities now")
	}
	return effects.Perform(ctx, request, e.body, e.reply)
}

// refuse answers what never reaches the host's capabilities.
func refuse(w io.Writer, kind, message string) error {
	b, err := json.Marshal(plugins.EffectReply{Error: &plugins.EffectError{Kind: kind, Message: message}})
	if err == nil {
		_, err = w.Write(append(b, '\n'))
	}
	return err
}

func (e *effect) Read(b []byte) (int, Errno)  { return source{p: e.reply}.Read(b) }
func (e *effect) Write(b []byte) (int, Errno) { return sink{p: e.body}.Write(b) }

func (e *effect) Ready(write bool) (Readiness, Errno) {
	if write {
		return sink{p: e.body}.Ready(true)
	}
	return source{p: e.reply}.Ready(false)
}

// Close ends the effect; it does not wait for the host.
func (e *effect) Close() Errno {
	e.once.Do(func() {
		e.system.effects--
		e.end()
	})
	return Success
}

// shutdown is the end of an effect's body. Nothing else here is a socket.
func shutdown(c *call) Errno {
	const read, write = 1, 2
	return withFile(c, func(f File) Errno {
		e, ok := f.(*effect)
		switch how := c.u32(1); {
		case !ok:
			return ENOTSOCK
		case how == 0 || how > read|write:
			return EINVAL
		case how&write != 0:
			return closeBody(e)
		}
		return Success
	})
}

func closeBody(e *effect) Errno {
	_ = e.body.Close() // it always returns nil
	return Success
}
