// Package front is where clients come in: transports (stdio and Streamable
// HTTP), the two eras of the protocol, sessions and subscriptions.
//
// A request of 2026-07-28 goes to the gateway as it is (modern.go). For clients
// of 2025-11-25 and earlier the front keeps a session and translates
// (legacy.go, downgrade.go), so that neither the gateway nor a guest knows that
// there were other revisions. The era is chosen per request: by modern _meta, or
// by an initialize that opened the session or the connection.
package front

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/mcpwasm/mcpwasm/host/internal/gateway"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// Revisions with an initialize handshake, newest first.
const (
	revision20251125 = "2025-11-25"
	revision20250618 = "2025-06-18"
	revision20250326 = "2025-03-26"
	revision20241105 = "2024-11-05"
)

var legacyRevisions = []string{revision20251125, revision20250618, revision20250326, revision20241105}

// Versions are all revisions that are served, newest first.
func Versions() []string { return append([]string{plugins.ProtocolVersion}, legacyRevisions...) }

func isLegacy(revision string) bool { return slices.Contains(legacyRevisions, revision) }

// Config is what a front is made of. Zero fields take the defaults they name.
type Config struct {
	Gateway *gateway.Gateway
	Log     *slog.Logger
	// MaxMessageBytes bounds a line on stdio and a body on HTTP. Default 4 MiB.
	MaxMessageBytes int
	// MaxRequests bounds the requests in flight of one stdio connection or one
	// HTTP session. Default 128.
	MaxRequests int
	// MaxSessions bounds the HTTP sessions of older revisions; the one that was
	// idle longest makes way for another. Default 1000.
	MaxSessions int
	// SessionIdle is how long an HTTP session is kept without a request.
	// Default 30 minutes.
	SessionIdle time.Duration
	// InputTimeout is how long a client of an older revision may take to answer
	// what a server asks it. Default 5 minutes.
	InputTimeout time.Duration
	// AllowedOrigins may be sent beside the endpoint's own origin, as
	// "https://host" or "https://host:port".
	AllowedOrigins []string
	// AllowedHosts may be sent as Host beside loopback names when a connection
	// comes in on a loopback address.
	AllowedHosts []string
	// Principal authenticates an HTTP request. Nil lets everybody in as nobody.
	Principal func(*http.Request) (Principal, error)
}

// Principal is who sent a request, as far as it was authenticated.
type Principal struct {
	Subject string // "" for nobody
	Claims  map[string]any
}

// Front serves clients, safe for concurrent use.
type Front struct {
	cfg      Config
	gw       *gateway.Gateway
	log      *slog.Logger
	sessions sessionTable
	closing  chan struct{} // closed by Close
	close    sync.Once
}

// New returns a front for a gateway.
func New(cfg Config) *Front {
	def(&cfg.MaxMessageBytes, 4<<20)
	def(&cfg.MaxRequests, 128)
	def(&cfg.MaxSessions, 1000)
	def(&cfg.SessionIdle, 30*time.Minute)
	def(&cfg.InputTimeout, 5*time.Minute)
	f := &Front{cfg: cfg, gw: cfg.Gateway, log: cfg.Log, closing: make(chan struct{})}
	f.sessions.front = f
	return f
}

// Close ends subscriptions and sessions. Calls in flight go on.
func (f *Front) Close() {
	f.close.Do(func() {
		close(f.closing)
		f.sessions.closeAll()
	})
}

// caller is who sent a message, and how.
type caller struct {
	session      string // key of the guests' session
	conversation string // key of what policies remember
	ends         bool   // the conversation has an end
	principal    Principal
	transport    string
}

// request is a message of the caller's for the gateway.
func (c caller) request(m wire.Message, revision string, params wire.Object, meta gateway.Meta) gateway.Request {
	return gateway.Request{
		Method: m.Method, Params: params, Meta: meta, ID: idText(m.ID), Revision: revision,
		Session: c.session, Conversation: c.conversation, Ends: c.ends,
		Principal: c.principal.Subject, Claims: c.principal.Claims, Transport: c.transport,
	}
}

// idText is a request's id as text: a string without its quotes.
func idText(id wire.ID) string {
	var text string
	if json.Unmarshal(id.JSON(), &text) == nil {
		return text
	}
	return string(id)
}

func def[T int | time.Duration](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}

func methodNotFound(method string) plugins.Answer {
	return fail(plugins.CodeMethodNotFound, "Method not found: %s", method)
}

func fail(code int, format string, args ...any) plugins.Answer {
	return plugins.Answer{Error: plugins.Errorf(code, format, args...)}
}

// noAnswer reports whether a stands for no answer at all.
func noAnswer(a plugins.Answer) bool { return a.Error == nil && a.Result == nil }

var emptyResult = plugins.Answer{Result: json.RawMessage("{}")}
