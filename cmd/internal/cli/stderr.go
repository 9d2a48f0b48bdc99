package cli

import (
	"context"
	"log/slog"
	"sync"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host"
)

// tailLines is how much of a server's standard error is shown when it failed.
const tailLines = 10

// stderrTail keeps the last lines of a server's standard error.
type stderrTail struct {
	mu      sync.Mutex
	lines   []string
	dropped bool
	denied  *cel.Input // the first effect that the policy has denied
	unasked bool       // somebody would have had to be asked about an effect
}

func (t *stderrTail) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, line)
	if len(t.lines) > tailLines {
		t.lines, t.dropped = t.lines[1:], true
	}
}

// hasUnasked reports whether the policy has denied something for want of somebody to ask.
func (t *stderrTail) hasUnasked() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.unasked
}

// note looks for what the policy denied for want of somebody to ask.
func (t *stderrTail) note(r slog.Record) {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key != host.LogAsks {
			return true
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		t.unasked = true
		return false
	})
}

// deny keeps what the policy has denied, which may be why the server fails later.
func (t *stderrTail) deny(in *cel.Input) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.denied == nil {
		t.denied = in
	}
}

// firstDenied returns the first effect that the policy has denied, or nil.
func (t *stderrTail) firstDenied() *cel.Input {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.denied
}

// show prints the lines when err is a failure of the server.
func (t *stderrTail) show(s Streams, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil || classify(err).code != ExitTool || len(t.lines) == 0 {
		return
	}
	end := ""
	if t.dropped {
		end = ", at the end (-v shows all)"
	}
	say(s, "the server wrote to its standard error%s:", end)
	for _, line := range t.lines {
		say(s, "| %s", oneLine(line, 500))
	}
}

// tailHandler takes the lines of the server's standard error out of the host's
// log, unless all of it is wanted, notes what the policy denies, and hands on the rest.
type tailHandler struct {
	slog.Handler
	tail *stderrTail
	all  bool
}

// Enabled implements slog.Handler.
func (h tailHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return l == slog.LevelInfo || h.Handler.Enabled(ctx, l)
}

// Handle implements slog.Handler.
func (h tailHandler) Handle(ctx context.Context, r slog.Record) error {
	if in, ok := host.DeniedEffect(r); ok {
		h.tail.deny(in)
	}
	if r.Message == host.LogStderr && !h.all {
		r.Attrs(func(a slog.Attr) bool {
			h.tail.add(a.Value.String())
			return true
		})
		return nil
	}
	h.tail.note(r)
	if !h.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h tailHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return tailHandler{h.Handler.WithAttrs(attrs), h.tail, h.all}
}

// WithGroup implements slog.Handler.
func (h tailHandler) WithGroup(name string) slog.Handler {
	return tailHandler{h.Handler.WithGroup(name), h.tail, h.all}
}
