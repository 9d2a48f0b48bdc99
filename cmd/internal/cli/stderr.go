package cli

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/mcpwasm/mcpwasm/host"
)

// tailLines is how much of a server's standard error is shown when it failed.
const tailLines = 10

// stderrTail keeps the last lines of a server's standard error.
type stderrTail struct {
	mu      sync.Mutex
	lines   []string
	dropped bool
	unasked bool // somebody would have had to be asked about an effect
}

func (t *stderrTail) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, line)
	if len(t.lines) > tailLines {
		t.lines, t.dropped = t.lines[1:], true
	}
}

// hint adds to the error of a tool that it was denied something which somebody could
// have allowed: the tool tells it in its own words, if at all.
func (t *stderrTail) hint(err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f, ok := errors.AsType[*failure](err); ok && t.unasked && f.hint == "" {
		f.hint = howToAnswer
	}
	return err
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
// log, and hands on the rest.
type tailHandler struct {
	slog.Handler
	tail *stderrTail
	all  bool // the lines are handed on as well
}

// Enabled implements slog.Handler.
func (h tailHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return l == slog.LevelInfo || h.Handler.Enabled(ctx, l)
}

// Handle implements slog.Handler.
func (h tailHandler) Handle(ctx context.Context, r slog.Record) error {
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
