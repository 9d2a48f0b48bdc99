package peer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
)

// Config says how to speak to one server.
type Config struct {
	// Server is how errors call it.
	Server string
	// Limits bound what it may use; zero fields take their defaults.
	Limits runtime.Limits
	// First is the call that the server is started for. Unless the peer is
	// Shared, a server of an older era learns the capabilities that this
	// call's _meta declares, since it can be told only once.
	First runtime.Call
	// Shared says that callers who must not learn of each other use this
	// peer: nothing is then related to a call by guessing.
	Shared bool
	// Legacy skips the probe with server/discover and goes straight to
	// initialize: for a server that a [ProbeError] was returned for.
	Legacy bool
	// Signal takes list changed and resource updated notifications, one at a
	// time, from a goroutine of its own. Signals of one kind (and one URI)
	// that it was too slow for are merged. Nil drops them.
	Signal func(plugins.Notification)
	// Noise takes output that is no MCP message, a line at a time without the
	// newline, cut at 1 KiB, as valid UTF-8; control characters are left in.
	// It must not block. Nil drops it.
	Noise func(line string)
	// Fault takes violations of the protocol that failed no call. It must not
	// block. Nil drops them.
	Fault func(*runtime.GuestError)
	// Settled waits, for a short bounded time, until the server has nothing
	// more to say at the moment and all that it has said was read. An answer to a
	// call that wants progress or log messages is held until then, because
	// some servers write those from another thread than the answer, and late.
	// Nil: an answer ends its call as soon as it is there.
	Settled func()
}

// ProbeError says that the server ended when it was probed with server/discover
// or right after: as a server of an older era may do with a request that comes
// before initialize. Start it again and connect with [Config].Legacy.
type ProbeError struct {
	// Guest is how the server ended.
	Guest *runtime.GuestError
}

// Error implements the error interface.
func (e *ProbeError) Error() string {
	return e.Guest.Error() + " when it was probed with server/discover; it may speak older revisions only and needs a start without the probe"
}

// Unwrap returns the guest's error.
func (e *ProbeError) Unwrap() error { return e.Guest }

// Bounds that are not worth configuring.
const (
	maxParked  = 64              // calls that wait for an input
	maxAsks    = 16              // unanswered requests by the server in one call
	maxGone    = 256             // cancelled ids that are remembered
	maxURIs    = 1024            // resource subscriptions, and signals that wait
	maxSignal  = 16 << 10        // bytes of a signal
	maxID      = 256             // bytes of an id that the server chooses
	replyWait  = 2 * time.Second // for what a server answers at once: the probe, setLevel, listen
	envelope   = 1 << 10         // room for JSON-RPC around an answer
	noticeCost = 64              // what a notification costs beside its bytes
)

// Peer is a connection to one server. Its methods are safe for concurrent use.
type Peer struct {
	cfg    Config
	limits runtime.Limits
	out    *outbox
	w      io.WriteCloser
	sig    *signals
	done   chan struct{}

	era atomic.Pointer[era] // nil until the handshake is done

	level  levels
	listen listener

	mu      sync.Mutex
	err     *runtime.GuestError // why the peer ended
	lastID  int64
	running int             // Handle calls
	calls   map[int64]*call // asked and not answered
	gone    cancelled
	// flooding is the call that last failed of too many notifications.
	flooding int64
	parked   map[string]*call // by requestState

	noise noiseCount // of the reading goroutine
}

// era is what the handshake found out.
type era struct {
	modern   bool
	version  string          // the revision that is spoken
	caps     wire.Object     // what the server declares
	discover json.RawMessage // of a legacy server: the result of server/discover
}

// Connect does the handshake with the server that writes to r and reads from w.
// It takes at most Limits.StartDeadline. The error is a *runtime.GuestError, a
// *ProbeError or ctx's error.
//
// The peer reads r to its end, in a goroutine that lasts as long: whoever
// started the server ends it, before or after [Peer.Close]. The peer closes w.
func Connect(ctx context.Context, cfg Config, r io.Reader, w io.WriteCloser) (*Peer, error) {
	cfg.Limits = cfg.Limits.Defaults()
	p := &Peer{
		cfg: cfg, limits: cfg.Limits,
		out: newOutbox(cfg.Limits.Concurrency), w: w,
		sig:    newSignals(cfg.Signal),
		done:   make(chan struct{}),
		calls:  map[int64]*call{},
		parked: map[string]*call{},
		level:  newLevels(),
		listen: newListener(),
	}
	p.gone.keep = p.limits.Deadline
	go p.read(r)
	go p.write()
	go p.sig.run(p.done)
	start, cancel := context.WithTimeout(ctx, p.limits.StartDeadline)
	defer cancel()
	if err := p.negotiate(start); err != nil {
		_ = p.Close()
		return nil, p.startError(ctx, err)
	}
	return p, nil
}

// startError tells the start's own deadline from the caller's.
func (p *Peer) startError(ctx context.Context, err error) error {
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		e := p.guestError(runtime.KindDeadline, "it did not answer the handshake; is it an MCP server that speaks on its standard output?")
		e.Limit = fmt.Sprintf("startDeadline=%v", p.limits.StartDeadline)
		return e
	}
	return err
}

// Version returns the revision of MCP that is spoken with the server.
func (p *Peer) Version() string { return p.spoken().version }

// spoken returns the era, which is the zero value during the handshake.
func (p *Peer) spoken() era {
	if e := p.era.Load(); e != nil {
		return *e
	}
	return era{}
}

// Done is closed once the peer can take no more messages.
func (p *Peer) Done() <-chan struct{} { return p.done }

// Err returns why the peer ended, a *runtime.GuestError, or nil before
// [Peer.Done] is closed.
func (p *Peer) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		return nil
	}
	return p.err
}

// Close closes the server's input, which asks it to exit, and fails the calls in
// flight. It does not wait for the server.
func (p *Peer) Close() error {
	p.fail(p.guestError(runtime.KindExit, "it was closed"))
	return nil
}

func (p *Peer) guestError(k runtime.Kind, format string, args ...any) *runtime.GuestError {
	return &runtime.GuestError{Kind: k, Server: p.cfg.Server, Detail: fmt.Sprintf(format, args...)}
}

func (p *Peer) limitError(limit string, bytes int, format string, args ...any) *runtime.GuestError {
	e := p.guestError(runtime.KindLimit, format, args...)
	e.Limit = limit + "=" + runtime.FormatBytes(bytes)
	return e
}

func (p *Peer) fault(format string, args ...any) {
	p.faultError(p.guestError(runtime.KindProtocol, format, args...))
}

func (p *Peer) faultError(err *runtime.GuestError) {
	if p.cfg.Fault != nil {
		p.cfg.Fault(err)
	}
}

// fail ends the peer; the first reason stays.
func (p *Peer) fail(err *runtime.GuestError) {
	p.mu.Lock()
	if p.err != nil {
		p.mu.Unlock()
		return
	}
	p.err = err
	for _, k := range p.calls {
		p.settle(k, plugins.Answer{}, k.errorFor(err))
	}
	for _, k := range p.parked {
		p.unpark(k)
	}
	close(p.done)
	p.mu.Unlock()
	// A pending Write returns when its pipe is closed; Close itself must not
	// wait for the server.
	go func() { _ = p.w.Close() }()
}

// write is the writing goroutine.
func (p *Peer) write() {
	for {
		select {
		case <-p.out.ready:
		case <-p.done:
			return
		}
		for {
			line, ok := p.out.next()
			if !ok {
				break
			}
			if _, err := p.w.Write(line); err != nil {
				p.inputClosed(err)
				return
			}
		}
	}
}

// inputClosed ends a server that takes no more messages, once what it may have
// written before has been read.
func (p *Peer) inputClosed(err error) {
	grace := time.NewTimer(p.limits.CancelGrace)
	defer grace.Stop()
	select {
	case <-p.done:
	case <-grace.C:
		p.fail(p.guestError(runtime.KindExit, "it closed its standard input: %v", err))
	}
}
