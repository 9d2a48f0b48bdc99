package pdk

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/mcpwasm/mcpwasm/plugins/pdk/effect"
)

// Host is what a message's surroundings can do while it is worked on. In a guest
// these are functions of the WebAssembly host; a native test supplies its own
// with [WithHost].
type Host struct {
	// Notify takes a notification {"method":…,"params":{…}} and reports
	// whether it was taken. It may keep the bytes. Nil takes and drops all.
	Notify func(notification []byte) bool
	// Cancelled reports whether the caller has given up. It may be called from
	// several goroutines at once. Nil is never.
	Cancelled func() bool
	// Effects opens what a handler asks the host for ([Effect], [Secret] and the
	// packages kv and hosthttp). Nil is the host that a guest runs in; natively
	// there is none, and every effect fails.
	Effects effect.Opener
}

// ErrRefused is why a notification was not sent: the host found it malformed or
// over the limit of what one message may send.
var ErrRefused = errors.New("the host refused the notification: it is malformed, or this message has sent too much")

type hostKey struct{}

// WithHost returns a context that carries h, and whose Err and Done report what
// h.Cancelled says. The returned function ends the context and must be called
// once the message is answered.
func WithHost(ctx context.Context, h Host) (context.Context, context.CancelFunc) {
	if h.Effects != nil {
		ctx = effect.WithOpener(ctx, h.Effects)
	}
	inner, cancel := context.WithCancel(context.WithValue(ctx, hostKey{}, h))
	if h.Cancelled == nil {
		return inner, cancel
	}
	c := &hostContext{Context: inner, cancel: cancel, cancelled: h.Cancelled}
	return c, c.end
}

// pollEvery is how often the host is asked while somebody waits on Done.
const pollEvery = 5 * time.Millisecond

// hostContext learns of a cancellation by asking the host. It asks when it is
// asked itself, and from a timer only once somebody has called Done, so that a
// handler that never waits costs nothing.
//
// Its Value is that of a context of the standard library with the same channel,
// by which contexts derived from it attach without a goroutine.
type hostContext struct {
	context.Context
	cancel    context.CancelFunc
	cancelled func() bool

	mu    sync.Mutex
	timer *time.Timer
	ended bool
}

// Err implements context.Context.
func (c *hostContext) Err() error {
	if err := c.Context.Err(); err != nil {
		return err
	}
	if c.cancelled() {
		c.cancel()
	}
	return c.Context.Err()
}

// Done implements context.Context.
func (c *hostContext) Done() <-chan struct{} {
	if c.Err() == nil {
		c.mu.Lock()
		if c.timer == nil && !c.ended {
			c.timer = time.AfterFunc(pollEvery, c.poll)
		}
		c.mu.Unlock()
	}
	return c.Context.Done()
}

func (c *hostContext) poll() {
	if c.Err() != nil {
		return
	}
	c.mu.Lock()
	if !c.ended {
		c.timer.Reset(pollEvery)
	}
	c.mu.Unlock()
}

func (c *hostContext) end() {
	c.mu.Lock()
	c.ended = true
	if c.timer != nil {
		c.timer.Stop()
	}
	c.mu.Unlock()
	c.cancel()
}

// Notify sends a notification by its method; params is a value that encodes as a
// JSON object, or nil. The functions beside it, [Progress], [Log], [ToolsChanged]
// and so on, cover MCP's own. The error is [ErrRefused], or that params cannot be
// encoded.
func Notify(ctx context.Context, method string, params any) error {
	h, _ := ctx.Value(hostKey{}).(Host)
	if h.Notify == nil {
		return nil
	}
	if params == nil {
		params = struct{}{}
	}
	b, err := encode(struct {
		Method string `json:"method"`
		Params any    `json:"params"`
	}{method, params})
	if err != nil {
		return err
	}
	if !h.Notify(b) {
		return ErrRefused
	}
	return nil
}

// ToolsChanged tells clients that the list of tools has changed. Declare it with
// [Server.Changes].
func ToolsChanged(ctx context.Context) error {
	return Notify(ctx, "notifications/tools/list_changed", nil)
}

// PromptsChanged tells clients that the list of prompts has changed.
func PromptsChanged(ctx context.Context) error {
	return Notify(ctx, "notifications/prompts/list_changed", nil)
}

// ResourcesChanged tells clients that the list of resources has changed.
func ResourcesChanged(ctx context.Context) error {
	return Notify(ctx, "notifications/resources/list_changed", nil)
}

// ResourceUpdated tells subscribed clients that a resource reads differently now.
func ResourceUpdated(ctx context.Context, uri string) error {
	return Notify(ctx, "notifications/resources/updated", map[string]string{"uri": uri})
}

// CloseStream asks the host to close the client's event stream now and to let it
// come back for the answer after the given time (2025-11-25, Streamable HTTP,
// "Resumability"). It has no effect on other transports and revisions.
func CloseStream(ctx context.Context, retry time.Duration) error {
	return Notify(ctx, "notifications/mcpwasm/close_stream", map[string]int64{"retryMs": retry.Milliseconds()})
}

// Progress reports how far a request has come; total 0 means unknown, message
// may be empty. done must grow from one report to the next. Nothing is sent
// where the caller did not ask for progress.
func Progress(ctx context.Context, done, total float64, message string) {
	token := callOf(ctx).meta.ProgressToken
	if len(token) == 0 {
		return
	}
	// A refused report is not worth failing for.
	_ = Notify(ctx, "notifications/progress", struct {
		Token   json.RawMessage `json:"progressToken"`
		Done    float64         `json:"progress"`
		Total   float64         `json:"total,omitempty"`
		Message string          `json:"message,omitempty"`
	}{token, done, total, message})
}
