package front

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mcpwasm/mcpwasm/host/internal/gate"
	"github.com/mcpwasm/mcpwasm/host/internal/gateway"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// maxRounds bounds how often one request can ask its client for input.
const maxRounds = 32

// defaultLogLevel is what a session gets until it sets a level.
const defaultLogLevel = "info"

// errCancelled is the cause of a context whose request the client cancelled.
var errCancelled = errors.New("cancelled by the client")

// link is the way to a client for the messages that belong to one request.
type link interface {
	// send delivers a notification or a request to the client, in order.
	send(m wire.Message) error
}

// session is what a client of an older revision established by initialize.
type session struct {
	front    *Front
	id       string // key of the guests' session
	revision string
	caps     json.RawMessage // ClientCapabilities
	info     json.RawMessage // Implementation, may be empty
	events   *gateway.Subscription
	// hung is done once the client can answer no more requests; nil where that
	// is not known.
	hung context.Context

	mu       sync.Mutex
	caller   caller
	logLevel string
	watched  map[string]bool
	calls    map[wire.ID]context.CancelCauseFunc // by the client's ids
	asks     map[wire.ID]chan plugins.Answer     // by our ids
	closed   bool
}

// initialize opens a session of a caller and returns it with the answer. key is
// that of the guests' session.
func (f *Front) initialize(ctx context.Context, key string, c caller, params wire.Object) (*session, plugins.Answer) {
	if err := params.CheckNames("protocolVersion", "capabilities", "clientInfo"); err != nil {
		return nil, fail(plugins.CodeInvalidParams, "Invalid params: %v", err)
	}
	revision, ok, err := params.GetString("protocolVersion")
	if err != nil || !ok {
		return nil, fail(plugins.CodeInvalidParams, "Invalid params: protocolVersion: want a string")
	}
	if !isLegacy(revision) {
		revision = legacyRevisions[0]
	}
	caps, _, err := params.GetObject("capabilities")
	if err != nil {
		return nil, fail(plugins.CodeInvalidParams, "Invalid params: %v", err)
	}
	info, hasInfo, err := params.GetObject("clientInfo")
	if err != nil {
		return nil, fail(plugins.CodeInvalidParams, "Invalid params: %v", err)
	}
	answer := f.handshake(ctx, revision)
	if answer.Error != nil {
		return nil, answer
	}
	s := &session{front: f, id: key, caller: c, revision: revision, caps: caps.JSON(), logLevel: defaultLogLevel,
		watched: map[string]bool{}, calls: map[wire.ID]context.CancelCauseFunc{}, asks: map[wire.ID]chan plugins.Answer{}}
	if hasInfo {
		s.info = info.JSON()
	}
	s.events = f.gw.Events().Subscribe(s.wants)
	return s, answer
}

// handshake is the answer to initialize.
func (f *Front) handshake(ctx context.Context, revision string) plugins.Answer {
	caps, info, instructions, err := f.gw.Handshake(ctx)
	if err != nil {
		return fail(plugins.CodeInternalError, "%v", err)
	}
	result := wire.Object{}.SetString("protocolVersion", revision).Set("capabilities", caps.JSON()).Set("serverInfo", info)
	if instructions != "" {
		result = result.SetString("instructions", instructions)
	}
	return plugins.Answer{Result: result.JSON()}
}

func (s *session) wants(ev gateway.Event) bool {
	if ev.Method != plugins.NotifyResourceUpdated {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.watched[ev.URI]
}

// close ends what the session has open.
func (s *session) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	s.events.Close()
	for _, cancel := range s.calls {
		cancel(errCancelled)
	}
}

// pump sends the session's events to the client until ctx is done.
func (s *session) pump(ctx context.Context, out link) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.events.Ready():
			for _, ev := range s.events.Take() {
				s.front.logError("event", s.notify(out, notification(ev, nil)))
			}
		}
	}
}

// request answers one request of the client.
func (s *session) request(ctx context.Context, m wire.Message, out link) plugins.Answer {
	switch m.Method {
	case methodPing:
		return emptyResult
	case methodInitialize:
		return fail(plugins.CodeInvalidRequest, "Invalid request: this session is initialized already")
	case methodSetLevel:
		return s.setLevel(m.Params)
	case methodSubscribe, methodUnsubscibe:
		return s.watch(ctx, m)
	case plugins.MethodDiscover, methodListen:
		return methodNotFound(m.Method) // of the stateless era only
	}
	return downgrade(s.revision, m.Method, s.rounds(ctx, m, out))
}

// begin registers a request so that the client can cancel it. It reports false
// when the id is in use or too many are in flight, with the answer to give.
func (s *session) begin(ctx context.Context, id wire.ID) (context.Context, func(), *plugins.Error) {
	ctx, cancel := context.WithCancelCause(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := admit(s.calls, id, s.front.cfg.MaxRequests); err != nil {
		cancel(nil)
		return nil, nil, err
	}
	if s.closed {
		cancel(errCancelled)
	}
	s.calls[id] = cancel
	return ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.calls, id)
		cancel(nil)
	}, nil
}

// admit refuses a request whose id is in use, and one too many.
func admit(calls map[wire.ID]context.CancelCauseFunc, id wire.ID, limit int) *plugins.Error {
	if _, used := calls[id]; used {
		return plugins.Errorf(plugins.CodeInvalidRequest, "Invalid request: id %s is of a request still in flight", id)
	}
	if len(calls) >= limit {
		return plugins.Errorf(plugins.CodeInternalError, "too many requests in flight, at most %d", limit)
	}
	return nil
}

// notification takes a notification of the client.
func (s *session) notification(m wire.Message) {
	if m.Method != notifyCancelled {
		return
	}
	if id, ok := cancelledID(m.Params); ok {
		s.mu.Lock()
		defer s.mu.Unlock()
		if cancel, ok := s.calls[id]; ok {
			cancel(errCancelled)
		}
	}
}

func cancelledID(params wire.Object) (wire.ID, bool) {
	raw, _ := params.Get("requestId")
	return wire.ParseID(raw)
}

// response takes the client's answer to one of our requests.
func (s *session) response(m wire.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ch, ok := s.asks[m.ID]; ok {
		delete(s.asks, m.ID)
		ch <- m.Answer // has room for one
	}
}

func (s *session) setLevel(params wire.Object) plugins.Answer {
	level, ok, err := params.GetString("level")
	if err != nil || !ok || !gateway.ValidLogLevel(level) {
		return fail(plugins.CodeInvalidParams, "Invalid params: level: want debug, info, notice, warning, error, critical, alert or emergency")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logLevel = level
	return emptyResult
}

// watch serves resources/subscribe and resources/unsubscribe.
func (s *session) watch(ctx context.Context, m wire.Message) plugins.Answer {
	uri, ok, err := m.Params.GetString("uri")
	if err != nil || !ok {
		return fail(plugins.CodeInvalidParams, "Invalid params: uri: want a string")
	}
	caps, _, _, err := s.front.gw.Handshake(ctx)
	if err != nil {
		return fail(plugins.CodeInternalError, "%v", err)
	}
	if !declared(caps, "resources", "subscribe") {
		return methodNotFound(m.Method)
	}
	on := m.Method == methodSubscribe
	if perr := s.setWatched(uri, on); perr != nil {
		return plugins.Answer{Error: perr}
	}
	do := s.front.gw.Watch
	if !on {
		do = s.front.gw.Unwatch
	}
	params, meta, perr := s.modernize(m.Params)
	if perr != nil {
		return plugins.Answer{Error: perr}
	}
	if err := do(ctx, s.from().request(m, s.revision, params, meta), uri); err != nil {
		perr := asError(err)
		if on && perr.Code == plugins.CodeDenied {
			s.unwatch(uri)
		}
		return plugins.Answer{Error: perr}
	}
	return emptyResult
}

func (s *session) unwatch(uri string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.watched, uri)
}

// from is who speaks in the session, by the latest authentication.
func (s *session) from() caller {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.caller
}

// renew takes what the latest authentication says; the subject is the same.
func (s *session) renew(p Principal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.caller.principal = p
}

func (s *session) setWatched(uri string, on bool) *plugins.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !on {
		delete(s.watched, uri)
		return nil
	}
	if len(s.watched) >= maxWatched {
		return plugins.Errorf(plugins.CodeInternalError, "too many subscriptions, at most %d", maxWatched)
	}
	s.watched[uri] = true
	return nil
}

func asError(err error) *plugins.Error {
	var e *plugins.Error
	if errors.As(err, &e) {
		return e
	}
	return plugins.Errorf(plugins.CodeInternalError, "%v", err)
}

// rounds has the gateway answer a request, asking the client for what a guest
// wants in between: a multi-round request of the stateless era is one request of
// ours with requests to the client inside.
func (s *session) rounds(ctx context.Context, m wire.Message, out link) plugins.Answer {
	params, meta, perr := s.modernize(m.Params)
	if perr != nil {
		return plugins.Answer{Error: perr}
	}
	from := s.from()
	for range maxRounds {
		r := from.request(m, s.revision, params, meta)
		r.Notify = func(n plugins.Notification) { s.front.logError("notify", s.notify(out, n)) }
		answer := s.front.gw.Handle(ctx, r)
		if answer.Error != nil {
			return answer
		}
		result, err := wire.ParseObject(answer.Result)
		if err != nil {
			return fail(plugins.CodeInternalError, "result: %v", err)
		}
		if kind, _, _ := result.GetString("resultType"); kind != plugins.ResultInputRequired {
			return answer
		}
		responses, err := s.askAll(ctx, result, out)
		if err != nil {
			return plugins.Answer{Error: asError(err)}
		}
		params = params.Set("inputResponses", responses.JSON()).Delete("requestState")
		if state, ok := result.Get("requestState"); ok {
			params = params.Set("requestState", state)
		}
	}
	return fail(plugins.CodeInternalError, "the server asked for input more than %d times", maxRounds)
}

func (s *session) notify(out link, n plugins.Notification) error {
	params, err := wire.ParseObject(n.Params)
	if err != nil {
		return err
	}
	return out.send(wire.Message{Kind: wire.Notification, Method: n.Method, Params: params})
}

// modernize gives a request the metadata that the stateless era has on every
// one.
func (s *session) modernize(params wire.Object) (wire.Object, gateway.Meta, *plugins.Error) {
	meta, _, err := params.GetObject("_meta")
	if err != nil {
		return params, gateway.Meta{}, plugins.Errorf(plugins.CodeInvalidParams, "Invalid params: %v", err)
	}
	s.mu.Lock()
	level := s.logLevel
	s.mu.Unlock()
	meta = meta.SetString(plugins.MetaProtocolVersion, plugins.ProtocolVersion).
		Set(plugins.MetaClientCapabilities, s.caps).
		SetString(plugins.MetaLogLevel, level)
	if len(s.info) > 0 {
		meta = meta.Set(plugins.MetaClientInfo, s.info)
	}
	// What an older client calls by these names is not what a guest would take
	// it for.
	params = params.Delete("inputResponses", "requestState").Set("_meta", meta.JSON())
	parsed, perr := gateway.ParseMeta(params)
	return params, parsed, perr
}

// askAll sends the client what a guest wants of it and returns the answers
// under the guest's keys.
func (s *session) askAll(ctx context.Context, result wire.Object, out link) (wire.Object, error) {
	inputs, _, err := result.GetObject("inputRequests")
	if err != nil {
		return wire.Object{}, err
	}
	var responses wire.Object
	for _, m := range inputs.Members() {
		o, err := wire.ParseObject(m.Value)
		if err != nil {
			return responses, err
		}
		method, _, err := o.GetString("method")
		if err != nil {
			return responses, err
		}
		params, _, err := o.GetObject("params")
		if err != nil {
			return responses, err
		}
		if params, err = downgradeInput(s.revision, method, params); err != nil {
			return responses, err
		}
		answer, err := s.ask(ctx, method, params, out)
		if err != nil {
			return responses, err
		}
		if answer.Error != nil {
			refused := fmt.Errorf("the client refused %s: %w", method, withoutCode(answer.Error))
			if m.Name != gate.InputKey {
				return responses, refused
			}
			// It is the policy that asks, and that has to know.
			responses = responses.Set(m.Name, wire.Object{}.SetString(gate.AnswerError, refused.Error()).JSON())
			continue
		}
		responses = responses.Set(m.Name, answer.Result)
	}
	return responses, nil
}

// withoutCode keeps a client's error code from becoming the code of our answer.
func withoutCode(e *plugins.Error) error { return errors.New(e.Message) }

// ask sends one request to the client and waits for its answer.
func (s *session) ask(ctx context.Context, method string, params wire.Object, out link) (plugins.Answer, error) {
	id := wire.ID(wire.Quote("mcpwasm-" + rand.Text()))
	ch := make(chan plugins.Answer, 1)
	s.mu.Lock()
	s.asks[id] = ch
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.asks, id)
	}()
	if err := out.send(wire.Message{Kind: wire.Request, ID: id, Method: method, Params: params}); err != nil {
		return plugins.Answer{}, err
	}
	var hung <-chan struct{}
	if s.hung != nil {
		hung = s.hung.Done()
	}
	patience := time.NewTimer(s.front.cfg.InputTimeout)
	defer patience.Stop()
	select {
	case a := <-ch:
		return a, nil
	case <-patience.C:
		return plugins.Answer{}, fmt.Errorf("the client did not answer %s in %v", method, s.front.cfg.InputTimeout)
	case <-hung:
		return plugins.Answer{}, errors.New("the client hung up before it answered " + method)
	case <-ctx.Done():
		s.front.logError("cancel", out.send(wire.Message{Kind: wire.Notification, Method: notifyCancelled,
			Params: wire.Object{}.Set("requestId", id.JSON())}))
		return plugins.Answer{}, context.Cause(ctx)
	}
}
