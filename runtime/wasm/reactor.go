package wasm

import (
	"context"
	"sync"
	"time"

	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
	"github.com/mcpwasm/mcpwasm/runtime/wasm/internal/wasi"
	"github.com/tetratelabs/wazero/api"
)

// reactor is an instance of the reactor shape.
type reactor struct {
	program *program
	session string
	system  *wasi.System
	stderr  *lines
	module  api.Module
	handle  api.Function

	turn chan struct{} // holds a token while nobody uses the guest
	life context.Context
	end  context.CancelFunc
	once sync.Once
	done chan struct{}
}

func (p *program) startReactor(ctx context.Context, first runtime.Call) (runtime.Instance, error) {
	r := &reactor{
		program: p, session: first.Session,
		stderr: newLines(p.options.Limits.StderrBytes, p.options.Stderr),
		turn:   make(chan struct{}, 1), done: make(chan struct{}),
	}
	// A reactor has nobody who reads its standard output: what it prints is
	// meant for people.
	out := wasi.Output(r.stderr)
	r.system = wasi.New(wasi.Config{
		Args: p.args(), Env: p.options.Env, Mounts: p.options.Mounts, Stdin: wasi.Empty(), Stdout: out, Stderr: out,
		ClockPrecision: p.options.ClockPrecision,
	})
	r.life, r.end = context.WithCancel(context.WithoutCancel(ctx))
	x := &exchange{limits: p.options.Limits}
	err := r.call(ctx, x, r.initialise)
	r.stderr.end()
	if err != nil {
		r.release()
		return nil, err
	}
	r.turn <- struct{}{}
	return r, nil
}

func (r *reactor) initialise(ctx context.Context) (err error) {
	if r.module, err = r.program.instantiate(ctx); err != nil {
		return err
	}
	if init := r.module.ExportedFunction(plugins.ExportInitialize); init != nil {
		if _, err := init.Call(ctx); err != nil {
			return err
		}
	}
	r.handle = r.module.ExportedFunction(plugins.ExportHandleV1)
	return nil
}

// call is a call into the guest within an exchange.
func (r *reactor) call(ctx context.Context, x *exchange, f func(context.Context) error) error {
	err := r.program.call(ctx, r.life, func() { x.cancelled.Store(true) }, func(guest context.Context) error {
		return f(wasi.With(x.context(guest), r.system))
	})
	if err == nil {
		return nil
	}
	if x.fault != nil {
		return x.fault
	}
	return r.program.limited(r.module, failure(ctx, err, r.system, r.stderr))
}

// Handle implements [runtime.Instance].
func (r *reactor) Handle(ctx context.Context, c runtime.Call) (plugins.Answer, error) {
	select {
	case <-r.turn:
	case <-r.done:
		return plugins.Answer{}, runtime.ErrClosed
	case <-ctx.Done():
		return plugins.Answer{}, context.Cause(ctx)
	}
	if c.Authority != nil {
		r.system.SetAuthority(*c.Authority)
	}
	x := &exchange{limits: r.program.options.Limits, message: encode(c.Message), notify: r.notifier(c)}
	err := r.call(ctx, x, func(ctx context.Context) error {
		stack := [1]uint64{uint64(len(x.message))}
		return r.handle.CallWithStack(ctx, stack[:])
	})
	r.system.EndEffects()
	r.system.SetAuthority(runtime.Authority{})
	r.stderr.end()
	if err != nil {
		// Its memory may be in any state.
		r.release()
		return plugins.Answer{}, err
	}
	r.turn <- struct{}{}
	if ctx.Err() != nil {
		return plugins.Answer{}, context.Cause(ctx)
	}
	return x.result()
}

// notifier sends what is about the message to its caller and the rest to the
// server's.
func (r *reactor) notifier(c runtime.Call) func(plugins.Notification) {
	return func(n plugins.Notification) {
		signal := r.program.options.Signal
		switch {
		case isSignal(n.Method) && signal != nil:
			signal(r.session, n)
		case !isSignal(n.Method) && c.Notify != nil:
			c.Notify(n)
		}
	}
}

// encode writes the message as the guest gets it.
func encode(m plugins.Message) []byte {
	params := m.Params
	if len(params) == 0 {
		params = []byte("{}")
	}
	b := make([]byte, 0, len(m.Method)+len(params)+32)
	b = append(b, `{"method":`...)
	b = append(b, wire.Quote(m.Method)...)
	b = append(b, `,"params":`...)
	b = append(b, params...)
	return append(b, '}')
}

// Done implements [runtime.Instance].
func (r *reactor) Done() <-chan struct{} { return r.done }

// release frees the guest. Nobody uses it.
func (r *reactor) release() {
	r.once.Do(func() {
		close(r.done)
		r.end()
		if r.module != nil {
			// Its only error is that of closing files, of which wazero has none.
			_ = r.module.Close(context.WithoutCancel(r.life))
		}
		r.system.Close()
	})
}

// Close implements [runtime.Instance]: a message under way ends with
// [runtime.ErrClosed].
func (r *reactor) Close(ctx context.Context) error {
	r.end()
	select {
	case <-r.turn:
		r.release()
	case <-r.done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// afterGrace calls end unless ctx ends first.
func afterGrace(ctx context.Context, grace time.Duration, end func()) {
	t := time.AfterFunc(grace, end)
	context.AfterFunc(ctx, func() { t.Stop() })
}
