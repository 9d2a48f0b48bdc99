package mcpgo

import (
	"context"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/mcpwasm/mcpwasm/plugins/pdk"
)

// queue is how many notifications mcp-go may send without pause.
const queue = 1024

// session is the one session of the server: it hands notifications to the host,
// counts as initialized and as subscribed to every resource, since the host
// knows who wants what.
type session struct {
	notifications chan mcp.JSONRPCNotification

	mu  sync.Mutex // orders what drain sends
	ctx context.Context

	info         mcp.Implementation
	capabilities mcp.ClientCapabilities
}

var (
	_ server.SessionWithClientInfo            = (*session)(nil)
	_ server.SessionWithResourceSubscriptions = (*session)(nil)
)

func newSession() *session {
	return &session{notifications: make(chan mcp.JSONRPCNotification, queue), ctx: context.Background()}
}

func (s *session) begin(ctx context.Context) { s.set(ctx) }

func (s *session) end() { s.set(context.Background()) }

func (s *session) set(ctx context.Context) {
	s.mu.Lock()
	s.ctx = ctx
	s.info, s.capabilities = mcp.Implementation{}, mcp.ClientCapabilities{}
	s.mu.Unlock()
}

// drain sends what has been queued.
func (s *session) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		select {
		case n := <-s.notifications:
			// A refused notification is not worth failing for.
			_ = pdk.Notify(s.ctx, n.Method, n.Params)
		default:
			return
		}
	}
}

// SessionID implements server.ClientSession.
func (s *session) SessionID() string { return "mcpwasm" }

// NotificationChannel implements server.ClientSession. mcp-go calls it before
// each notification: what was queued before is sent now, and the one that
// follows as soon as the handler waits for anything, at the latest with the
// answer.
func (s *session) NotificationChannel() chan<- mcp.JSONRPCNotification {
	s.drain()
	go s.drain()
	return s.notifications
}

// Initialize implements server.ClientSession.
func (s *session) Initialize() {}

// Initialized implements server.ClientSession.
func (s *session) Initialized() bool { return true }

// GetClientInfo implements server.SessionWithClientInfo.
func (s *session) GetClientInfo() mcp.Implementation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.info
}

// SetClientInfo implements server.SessionWithClientInfo.
func (s *session) SetClientInfo(i mcp.Implementation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.info = i
}

// GetClientCapabilities implements server.SessionWithClientInfo.
func (s *session) GetClientCapabilities() mcp.ClientCapabilities {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.capabilities
}

// SetClientCapabilities implements server.SessionWithClientInfo.
func (s *session) SetClientCapabilities(c mcp.ClientCapabilities) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.capabilities = c
}

// SubscribeToResource implements server.SessionWithResourceSubscriptions.
func (s *session) SubscribeToResource(string) {}

// UnsubscribeFromResource implements server.SessionWithResourceSubscriptions.
func (s *session) UnsubscribeFromResource(string) {}

// SubscribedResources implements server.SessionWithResourceSubscriptions.
func (s *session) SubscribedResources() []string { return nil }

// IsSubscribedToResource implements server.SessionWithResourceSubscriptions.
func (s *session) IsSubscribedToResource(string) bool { return true }
