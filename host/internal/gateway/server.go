package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/host/internal/gate"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
)

// Guest is a running server as the gateway needs it; *runtime.Server is one.
type Guest interface {
	Handle(ctx context.Context, c runtime.Call) (plugins.Answer, error)
	Subscribe(ctx context.Context, c runtime.Call, uri string) error
	Unsubscribe(ctx context.Context, c runtime.Call, uri string) error
	CloseSession(session string)
	Close(ctx context.Context) error
}

// Capabilities are what a server was granted; *capability.Set has them.
type Capabilities interface {
	// Authority is what the guest holds for a call.
	Authority(effect.Call) *runtime.Authority
	// Scrub replaces secrets by their names in JSON that the guest made.
	Scrub(json.RawMessage) json.RawMessage
	// Check refuses definitions that the grants do not fit.
	Check(*plugins.Definitions) error
}

// Server is one server behind the gateway: a guest, or the reason why there is
// none, and what it said about itself.
type Server struct {
	name  string
	log   *slog.Logger
	cache Cache

	// Set once by Attach or Fail, before the gateway gets the server.
	guest        Guest
	capabilities Capabilities // may be nil: there are none
	policies     *gate.Server // as policies see it
	identity     string
	err          error
	pinned       bool // the guest has no say in its definitions

	life     context.Context // of what the server is asked by itself
	end      context.CancelFunc
	defs     atomic.Pointer[definitionSet]
	load     singleflight.Group
	changed  func(Event) // set by the gateway
	gate     *gate.Gate  // set by the gateway
	inflight sync.WaitGroup

	mu         sync.Mutex
	stale      map[string]bool // list_changed methods not yet acted on; of a pinned server, those that were logged
	refreshing bool
	failed     time.Time // when the definitions could not be read last; zero: they could
	awaited    bool      // somebody waits to tell that they are there
}

// Cache keeps definitions between processes.
type Cache interface {
	// Get returns what was put under a key, or false.
	Get(key string) ([]byte, bool)
	// Put keeps data under a key; it may drop it.
	Put(key string, data []byte)
}

// NewServer returns a server without a guest. [Server.Attach] or [Server.Fail]
// must follow. cache may be nil.
func NewServer(name string, log *slog.Logger, cache Cache) *Server {
	s := &Server{name: name, log: log.With("server", name), cache: cache,
		policies: gate.NewServer(gate.About{Server: cel.Server{Name: name}}),
		changed:  func(Event) {}, stale: map[string]bool{}}
	s.life, s.end = context.WithCancel(context.Background())
	return s
}

// Attach gives the server its guest and what that may do; c may be nil. identity
// changes whenever the server's definitions may: it is made of the artifact's
// digest and its settings.
func (s *Server) Attach(g Guest, identity string, c Capabilities) {
	s.guest, s.identity, s.capabilities = g, identity, c
}

// Describe gives the server as policies see it; without, they see its name only. It
// must come before Pin and Attach.
func (s *Server) Describe(p *gate.Server) { s.policies = p }

// Fail says why the server has no guest, in an error that names the server. It is
// for the operator: it may name files of the host.
func (s *Server) Fail(err error) { s.err = &unavailable{s.name, err} }

// unavailable is the error of a server without a guest.
type unavailable struct {
	name string
	err  error
}

func (e *unavailable) Error() string {
	return fmt.Sprintf("server %q cannot be used: %v", e.name, e.err)
}

func (e *unavailable) Unwrap() error { return e.err }

// Name returns the server's name.
func (s *Server) Name() string { return s.name }

// Err returns why the server has no guest, or nil.
func (s *Server) Err() error { return s.err }

// definitionSet is what a server said about itself: as it said it, as clients see
// it behind a prefix, and as policies see it.
type definitionSet struct {
	own      *plugins.Definitions
	prefixed *plugins.Definitions
	seen     *gate.Definitions
	shown    [len(lists)]atomic.Pointer[shown]
	declared sync.Map // "tools/name" → *arguments.Names, made when first called
}

func newDefinitionSet(name string, own *plugins.Definitions, seen *gate.Definitions) *definitionSet {
	prefixed := *own
	for _, spec := range lists {
		from, to := spec.list(own), spec.list(&prefixed)
		to.Items = make([]plugins.Definition, len(from.Items))
		for i, d := range from.Items {
			to.Items[i] = exposed(name, spec, d)
		}
	}
	return &definitionSet{own: own, prefixed: &prefixed, seen: seen}
}

// definitions returns what the server says about itself, asking the guest the
// first time.
func (s *Server) definitions(ctx context.Context) (*definitionSet, error) {
	if s.err != nil {
		return nil, s.err
	}
	if d := s.defs.Load(); d != nil {
		return d, nil
	}
	return s.await(ctx, s.load.DoChan("load", func() (any, error) {
		if d, ok := s.cached(); ok {
			return s.accept(d)
		}
		return s.read(true)
	}))
}

// worthWaiting reports whether a list should wait for the server: once. One that
// has failed before, or takes long, is asked beside the lists.
func (s *Server) worthWaiting() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.err != nil || s.awaited:
		return false
	case s.failed.IsZero():
		return true
	case time.Since(s.failed) > listRetry:
		s.awaited = true
		go s.tellWhenListable()
	}
	return false
}

func (s *Server) noteFailure(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = time.Time{}
	if err != nil {
		s.failed = time.Now()
	}
}

// awaitListable has somebody wait for a server that lists were made without.
func (s *Server) awaitListable() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.awaited {
		s.awaited = true
		go s.tellWhenListable()
	}
}

// tellWhenListable waits for the server's definitions, and has the clients ask
// again.
func (s *Server) tellWhenListable() {
	_, err := s.definitions(s.life)
	s.mu.Lock()
	s.awaited = false
	s.mu.Unlock()
	if err != nil {
		return
	}
	for _, method := range []string{plugins.NotifyToolsListChanged, plugins.NotifyPromptsListChanged, plugins.NotifyResourcesListChanged} {
		s.changed(Event{Method: method})
	}
}

func (s *Server) await(ctx context.Context, done <-chan singleflight.Result) (*definitionSet, error) {
	select {
	case r := <-done:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(*definitionSet), nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// read asks the guest. It is bounded by the guest's own deadlines, not by the
// caller that happened to come first. What a guest says that was just started is
// kept in the cache; what it says later need not be what the next one says.
func (s *Server) read(first bool) (*definitionSet, error) {
	own, err := readDefinitions(s.life, func(ctx context.Context, m plugins.Message) (plugins.Answer, error) {
		a, err := s.guest.Handle(ctx, runtime.Call{Message: m})
		return s.scrubAnswer(a), s.scrubFailure(err)
	})
	s.noteFailure(err)
	if err != nil {
		return nil, s.blame(err)
	}
	if first && s.cache != nil {
		s.cache.Put(s.identity, encodeDefinitions(own))
	}
	return s.accept(own)
}

// accept makes definitions those that are in force.
func (s *Server) accept(own *plugins.Definitions) (*definitionSet, error) {
	if err := s.fits(own); err != nil {
		return nil, s.blame(err)
	}
	seen, err := s.policies.Define(own)
	if err != nil {
		return nil, s.blame(err)
	}
	d := newDefinitionSet(s.name, own, seen)
	s.defs.Store(d)
	if s.gate != nil { // what is pinned is accepted before there is a gate
		s.gate.CheckServer(seen)
	}
	return d, nil
}

// fits refuses definitions that do not have what the grants are about, or what the
// operator has labelled: all that is missing is reported at once.
func (s *Server) fits(own *plugins.Definitions) error {
	var problems plugins.GrantProblems
	if s.capabilities != nil {
		err := s.capabilities.Check(own)
		var ok bool
		if problems, ok = errors.AsType[plugins.GrantProblems](err); err != nil && !ok {
			return err
		}
	}
	if problems = append(problems, s.policies.Check(own)...); len(problems) > 0 {
		return problems
	}
	return nil
}

// blame names the server in an error of its definitions. An error that the guest
// answers to the host is none that a client's request has.
func (s *Server) blame(err error) error {
	if _, ok := errors.AsType[*runtime.GuestError](err); ok {
		return err
	}
	if _, ok := errors.AsType[plugins.GrantProblems](err); ok {
		return fmt.Errorf("server %q: %w", s.name, err)
	}
	prefix := fmt.Sprintf("server %q: ", s.name)
	return errors.New(prefix + strings.TrimPrefix(err.Error(), prefix))
}

func (s *Server) cached() (*plugins.Definitions, bool) {
	if s.cache == nil {
		return nil, false
	}
	data, ok := s.cache.Get(s.identity)
	if !ok {
		return nil, false
	}
	own, err := decodeDefinitions(data)
	if err != nil {
		s.log.Warn("definitions in the cache cannot be read; asking the server", "error", err)
		return nil, false
	}
	return own, true
}

// Signal takes what the guest says outside its answers.
func (s *Server) Signal(_ string, n plugins.Notification) {
	switch n.Method {
	case plugins.NotifyToolsListChanged, plugins.NotifyPromptsListChanged, plugins.NotifyResourcesListChanged:
		if s.pinned {
			s.logPinned(n.Method)
			return
		}
		s.listChanged(n.Method)
	case plugins.NotifyResourceUpdated:
		params, err := wire.ParseObject(s.scrub(n.Params))
		if err != nil {
			return
		}
		if uri, ok, err := params.GetString("uri"); ok && err == nil {
			s.changed(Event{Method: n.Method, URI: uri})
		}
	}
}

// listChanged has the definitions read again, then tells the clients. The guest
// is busy telling us, so somebody else asks it; what changes meanwhile is read
// in one more round, however often it is told.
func (s *Server) listChanged(method string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stale[method] = true
	if !s.refreshing {
		s.refreshing = true
		go s.refresh()
	}
}

func (s *Server) refresh() {
	for {
		s.mu.Lock()
		stale := s.stale
		s.stale = map[string]bool{}
		if len(stale) == 0 {
			s.refreshing = false
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		if _, err := s.read(false); err != nil {
			s.log.Warn("a changed list cannot be read; the old one stays", "error", err)
			continue
		}
		for method := range stale {
			s.changed(Event{Method: method})
		}
	}
}

// close waits for the calls in flight and ends the guest.
func (s *Server) close(ctx context.Context) error {
	s.inflight.Wait()
	s.end()
	if s.guest == nil {
		return nil
	}
	return s.guest.Close(ctx)
}
