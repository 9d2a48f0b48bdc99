// Package gateway knows the servers behind an endpoint: what they are called,
// what they offer, and which of them a message is for.
//
// It speaks the stateless shape of MCP 2026-07-28 only; the front translates
// for clients of older revisions. Lists are answered from what each server said
// about itself when it was opened; only a message about one of its own tools,
// prompts or resources reaches a guest.
package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host/internal/gate"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
)

// Config is what a gateway is made of.
type Config struct {
	// Prefix makes clients see "server__name"; without it there is exactly one
	// server, whose names they see as they are.
	Prefix bool
	// Versions are the revisions that server/discover names.
	Versions []string
	// Info is the gateway's own Implementation object, for when it stands for
	// several servers.
	Info json.RawMessage
	// PageSize is the number of definitions on a page of a list.
	PageSize int
	// Gate is where the policy is asked.
	Gate *gate.Gate
	Log  *slog.Logger
}

// Gateway routes messages to servers, safe for concurrent use.
type Gateway struct {
	cfg    Config
	events Events

	mu      sync.RWMutex
	servers []*Server // in order of their names
}

// New returns a gateway without servers.
func New(cfg Config) *Gateway { return &Gateway{cfg: cfg} }

// Events returns what changes on the servers' side.
func (g *Gateway) Events() *Events { return &g.events }

// Servers returns the servers in the order of their names.
func (g *Gateway) Servers() []*Server {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return slices.Clone(g.servers)
}

// Replace puts servers in the place of those before. It returns the servers
// that are gone; they still work on the messages that they have, and the caller
// must [Gateway.Retire] them.
func (g *Gateway) Replace(servers []*Server) (gone []*Server) {
	servers = slices.Clone(servers)
	slices.SortFunc(servers, func(a, b *Server) int { return strings.Compare(a.name, b.name) })
	for _, s := range servers {
		s.gate = g.cfg.Gate
		s.changed = func(ev Event) {
			if ev.URI != "" && g.cfg.Prefix {
				ev.URI = joinName(s.name, uriSeparator, ev.URI)
			}
			g.events.Publish(ev)
		}
	}
	g.mu.Lock()
	old := g.servers
	g.servers = servers
	g.mu.Unlock()
	for _, s := range servers {
		if d := s.defs.Load(); d != nil && !slices.Contains(old, s) {
			g.cfg.Gate.CheckServer(d.seen)
		}
	}
	for _, s := range old {
		if !slices.Contains(servers, s) {
			gone = append(gone, s)
		}
	}
	if len(old) > 0 {
		g.listsChanged()
	}
	return gone
}

// SetPolicy has another policy decide from now on.
func (g *Gateway) SetPolicy(p gate.Policy) {
	g.cfg.Gate.SetPolicy(p)
	for _, s := range g.Servers() {
		if d := s.defs.Load(); d != nil {
			g.cfg.Gate.CheckServer(d.seen)
		}
	}
	g.listsChanged()
}

func (g *Gateway) listsChanged() {
	for _, method := range []string{plugins.NotifyToolsListChanged, plugins.NotifyPromptsListChanged, plugins.NotifyResourcesListChanged} {
		g.events.Publish(Event{Method: method})
	}
}

// Retire waits for the messages that servers still work on and closes them.
func (g *Gateway) Retire(ctx context.Context, servers []*Server) error {
	var errs []error
	for _, s := range servers {
		errs = append(errs, s.close(ctx))
	}
	return errors.Join(errs...)
}

// CloseSession ends what servers keep for a session, and what policies do.
func (g *Gateway) CloseSession(session string) {
	g.EndConversation(session)
	for _, s := range g.Servers() {
		if s.guest != nil {
			s.guest.CloseSession(session)
		}
	}
}

// EndConversation forgets what policies keep for a conversation.
func (g *Gateway) EndConversation(key string) { g.cfg.Gate.CloseSession(key) }

// acquire returns the server with a name, counted as busy until release.
func (g *Gateway) acquire(name string) (s *Server, ok bool) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	for _, s := range g.servers {
		if s.name == name || !g.cfg.Prefix {
			s.inflight.Add(1)
			return s, true
		}
	}
	return nil, false
}

func (s *Server) release() { s.inflight.Done() }

// Request is one message of a client on its way to a guest.
type Request struct {
	Method  string
	Params  wire.Object // checked, with the _meta that Meta was read from
	Meta    Meta
	Session string // key of the session that the client speaks in, for guests
	// Conversation is the key of what policies remember between messages, which
	// nobody else has: the session, the connection, or where every message stands for
	// itself the principal. Ends says that the conversation has an end, so that
	// something can be allowed until then.
	Conversation string
	Ends         bool
	Principal    string // subject of the authenticated caller, "" where there is none
	Claims       map[string]any
	ID           string // the client's, as text; "" for calls from Go
	Revision     string // that the client speaks, whatever the front made of it
	Transport    string // one of the gate's
	// Notify takes progress and log messages, in order. Nil drops them.
	Notify func(plugins.Notification)
}

// principal is who asks, as policies see it.
func (r Request) principal() cel.Principal {
	p := cel.Principal{Subject: r.Principal, Claims: r.Claims}
	meta, _, _ := r.Params.GetObject("_meta")
	if info, ok, err := meta.GetObject(plugins.MetaClientInfo); ok && err == nil {
		p.Client.Name, _, _ = info.GetString("name")
		p.Client.Version, _, _ = info.GetString("version")
	}
	return p
}

// Handle answers one message.
func (g *Gateway) Handle(ctx context.Context, r Request) plugins.Answer {
	var result wire.Object
	var err error
	if spec, ok := listFor(r.Method); ok {
		result, err = g.list(ctx, spec, r)
	} else if r.Method == plugins.MethodDiscover {
		result, err = g.discover(ctx)
	} else {
		result, err = g.forward(ctx, r)
	}
	if err != nil {
		return plugins.Answer{Error: asError(err)}
	}
	return plugins.Answer{Result: result.JSON()}
}

// asError makes any error one that a client can be sent.
func asError(err error) *plugins.Error {
	var e *plugins.Error
	if errors.As(err, &e) {
		return e
	}
	var broken *unavailable
	if errors.As(err, &broken) {
		return plugins.Errorf(plugins.CodeInternalError, "server %q cannot be used; the host's log says why", broken.name)
	}
	e = plugins.Errorf(plugins.CodeInternalError, "%v", err)
	var ge *runtime.GuestError
	if errors.As(err, &ge) {
		data := map[string]string{"reason": string(ge.Kind), "server": ge.Server}
		if ge.Limit != "" {
			data["limit"] = ge.Limit
		}
		e = e.WithData(data)
	}
	return e
}

// Tool returns a tool's definition as clients see it.
func (g *Gateway) Tool(ctx context.Context, name string) (plugins.Definition, bool) {
	own, s, ok := g.resolve(name, nameSeparator)
	if !ok {
		return plugins.Definition{}, false
	}
	defer s.release()
	d, err := s.definitions(ctx)
	if err != nil {
		return plugins.Definition{}, false
	}
	return d.own.Tools.Find(own)
}

// resolve finds the server that a name is for, and the server's own name for
// it. The caller must release the server.
func (g *Gateway) resolve(exposed, sep string) (own string, s *Server, ok bool) {
	server, own := "", exposed
	if g.cfg.Prefix {
		if server, own, ok = splitName(exposed, sep); !ok {
			return "", nil, false
		}
	}
	s, ok = g.acquire(server)
	return own, s, ok
}
