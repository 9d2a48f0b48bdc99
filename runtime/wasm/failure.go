package wasm

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mcpwasm/mcpwasm/runtime"
	"github.com/mcpwasm/mcpwasm/runtime/wasm/internal/wasi"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"
)

const spinDetail = "it busy-waits with sched_yield and would never read its input again, which a Go program does that calls signal.Notify: " +
	"with mcp-go use Listen instead of ServeStdio, or port it with mcpwasm build"

// failure says why a call into a guest failed. ctx is the one that bounds the
// message; the guest's own context ends after it.
func failure(ctx context.Context, err error, s *wasi.System, stderr *lines) error {
	if code, ok := s.Exited(); ok {
		return exitError(code, stderr)
	}
	if s.Spun() {
		return &runtime.GuestError{Kind: runtime.KindSpin, Detail: spinDetail}
	}
	var exit *sys.ExitError
	if errors.As(err, &exit) {
		// Nobody else closes a module than the end of a context.
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return runtime.ErrClosed
	}
	return trapError(err, stderr)
}

// limited names the limit that a guest's failure comes of, if it does.
func (p *program) limited(m api.Module, err error) error {
	if e, ok := errors.AsType[*runtime.GuestError](err); ok && e.Kind == runtime.KindTrap && overflowed(m) {
		return &runtime.GuestError{Kind: runtime.KindLimit, Limit: "stack=" + runtime.FormatBytes(stackBytes), Detail: "stack overflow: its calls are too deep"}
	}
	return p.starved(m, err)
}

// overflowed reports whether a guest trapped since there was no stack left.
func overflowed(m api.Module) bool {
	if m == nil {
		return false
	}
	left := m.ExportedGlobal(exportStack)
	return left != nil && api.DecodeI32(left.Get()) < 0
}

// starved names the memory limit where a guest failed with hardly any memory
// left: its allocator has asked for more than it may have.
func (p *program) starved(m api.Module, err error) error {
	e, ok := errors.AsType[*runtime.GuestError](err)
	limit := p.options.Limits.MemoryBytes
	if !ok || e.Kind != runtime.KindTrap && e.Kind != runtime.KindExit || m == nil || m.Memory() == nil ||
		uint64(m.Memory().Size()) < limit-limit/8 {
		return err
	}
	return &runtime.GuestError{Kind: runtime.KindLimit, Limit: "memory=" + runtime.FormatBytes(limit), Detail: e.Detail}
}

func exitError(code uint32, stderr *lines) error {
	detail := fmt.Sprintf("the guest exited with code %d", code)
	if last := stderr.last(); last != "" {
		detail += ": " + shorten(last)
	}
	return &runtime.GuestError{Kind: runtime.KindExit, Detail: detail}
}

// trapError drops the stack that wazero adds in further lines, and adds what a Go
// runtime said before it gave up: in a reactor it traps rather than exits.
func trapError(err error, stderr *lines) error {
	line, _, _ := strings.Cut(err.Error(), "\n")
	line = strings.TrimSuffix(strings.TrimPrefix(line, "wasm error: "), " (recovered by wazero)")
	detail := "the guest trapped: " + shorten(line)
	if cause := stderr.fatal(); cause != "" {
		detail += ": " + shorten(cause)
	}
	return &runtime.GuestError{Kind: runtime.KindTrap, Detail: detail}
}

// isLimit reports whether a message's context ended by a limit of ours rather
// than by the caller.
func isLimit(ctx context.Context) bool {
	return errors.Is(context.Cause(ctx), &runtime.GuestError{})
}

// call runs f, a call into the guest, with a context that lasts beyond ctx: a
// caller's cancellation calls told and leaves the guest the grace; a limit ends
// it at once, and so does the end of life. A panic of the host's own functions
// becomes an error.
func (p *program) call(ctx, life context.Context, told func(), f func(context.Context) error) (err error) {
	guest, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	defer context.AfterFunc(life, end)()
	defer context.AfterFunc(ctx, func() {
		told()
		if isLimit(ctx) {
			end()
			return
		}
		afterGrace(guest, p.options.Limits.CancelGrace, end)
	})()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("a function of the host panicked: %v", r)
		}
	}()
	return f(guest)
}
