package gate

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// Request is one message of a client on its way to a guest.
type Request struct {
	Method string
	// Params are those that the guest gets, in the server's own names, with what
	// the client answered to the last round.
	Params  wire.Object
	Subject Subject
	// Identity changes with the server's module and settings: what was asked about
	// one is no answer for another.
	Identity  string
	Principal cel.Principal
	// ID, Revision and Transport are as in [cel.Request].
	ID, Revision, Transport string
	// Session is the key of what is remembered between messages. Ends says that it
	// is of a session that ends, for which something can be answered.
	Session string
	Ends    bool
	// CanAsk says that the client can show a form to a person.
	CanAsk bool
	// Scrub takes secrets out of JSON. Nil: there are none.
	Scrub func(json.RawMessage) json.RawMessage
}

// Call is the decisions about one message. The caller must Close it.
type Call struct {
	gate    *Gate
	defs    *Definitions
	r       Request
	time    time.Time
	session *session
	release func()
	denials denials
	// before is what happened in the session before this message.
	before cel.Session
	state  state // of the round before; what it grants is good for this message

	labels []string // of the call, as Decide has left them

	mu      sync.Mutex
	pending *pending // what an effect has to be asked for
	done    []string // effects with consequences so far, in words
	spent   map[string]int
}

// pending is what a person has to be asked in the middle of a call.
type pending struct {
	asks   []cel.Question
	effect *cel.Effect
}

// Open begins the decisions about a message: it reads the state that the client
// brings back and takes its person's answer. The error is a *Stop.
func (g *Gate) Open(ctx context.Context, d *Definitions, r Request) (*Call, error) {
	s, release, err := g.sessions.acquire(r.Session)
	if err != nil {
		return nil, refuse(plugins.CodeInternalError, "%v; try again later", err)
	}
	c := &Call{gate: g, defs: d, r: r, time: time.Now(), session: s, release: release, spent: map[string]int{}}
	if err := c.openState(ctx); err != nil {
		release()
		return nil, err
	}
	return c, nil
}

// Close ends what the call holds.
func (c *Call) Close() { c.release() }

// Params are what the guest gets: the client's, but with the guest's own state
// and without what was answered to the host.
func (c *Call) Params() wire.Object { return c.r.Params }

// input is what a decision is about, without labels of the grant, effect and
// result.
func (c *Call) input() cel.Input {
	in := c.defs.input(c.r.Subject)
	if args, ok := c.r.Params.Get("arguments"); ok && (c.r.Subject.Tool != "" || c.r.Subject.Prompt != "") {
		in.Args = args
	}
	in.Principal = c.r.Principal
	in.Request = cel.Request{ID: c.r.ID, Method: c.r.Method, Revision: c.r.Revision, Time: c.time, Transport: c.r.Transport}
	in.Session = cel.Session{Calls: c.before.Calls, Labels: c.session.currentLabels()}
	if c.labels != nil {
		in.Labels = c.labels
	}
	return in
}

// Decide decides on the message before its guest sees it. The error is a *Stop.
func (c *Call) Decide(ctx context.Context) error {
	c.before = c.session.enter()
	in := c.input()
	in.Session = c.before
	d := c.gate.decide(ctx, cel.PhaseCall, &in, &c.denials)
	err := c.verdict(ctx, d)
	if err != nil {
		c.session.leave()
		return err
	}
	c.labels = d.Labels
	if c.labels == nil {
		c.labels = []string{}
	}
	return nil
}

func (c *Call) verdict(ctx context.Context, d cel.Decision) error {
	switch d.Verdict {
	case cel.Allow:
		return nil
	case cel.Ask:
		open := c.unanswered(ctx, d.Asks, nil)
		if len(open) == 0 {
			return nil
		}
		return c.ask(ctx, pending{asks: open})
	}
	return c.denied(cel.PhaseCall, d.Rule, d.Message)
}

// added are the labels that rules have added.
func added(before, after []string) []string {
	return slices.DeleteFunc(slices.Clone(after), func(l string) bool { return slices.Contains(before, l) })
}

// Effect decides on what the guest asks its host for; it is the Decide of
// [effect.Call]. An effect that a person has to be asked about is denied to
// the guest, and so is every one after it: the call begins again with the answer. The session gets
// the labels of the grant and those of rules; the call's own come with its answer.
func (c *Call) Effect(ctx context.Context, e *cel.Effect, labels []string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pending != nil {
		return errAsking
	}
	for {
		in := c.input()
		in.Effect, in.Labels = e, union(in.Labels, labels)
		d := c.gate.decide(ctx, cel.PhaseEffect, &in, &c.denials)
		if err := c.effectVerdict(ctx, d, &in); err != nil {
			return err
		}
		// What was decided holds for the labels that were seen. They only grow, so
		// that this ends.
		own := union(labels, added(in.Labels, d.Labels))
		if c.session.addIf(in.Session.Labels, own) {
			if !effect.Again(ctx) {
				c.did(e)
			}
			return nil
		}
	}
}

func (c *Call) effectVerdict(ctx context.Context, d cel.Decision, in *cel.Input) error {
	switch d.Verdict {
	case cel.Allow:
		return nil
	case cel.Ask:
		open := c.unanswered(ctx, d.Asks, in.Effect)
		if len(open) == 0 {
			return nil
		}
		if reason := c.cannotAsk(); reason != "" {
			c.gate.logUnasked(ctx, cel.PhaseEffect, in, open[0].Rule, reason, &c.denials)
			return effect.Errorf(plugins.EffectDenied, "%s", deniedText(open[0].Rule, because(open[0].Message, reason)))
		}
		c.pending = &pending{open, in.Effect}
		return errAsking
	}
	return effect.Errorf(plugins.EffectDenied, "%s", deniedText(d.Rule, d.Message))
}

var errAsking = effect.Errorf(plugins.EffectDenied, "a person is asked about this first; the call begins again with the answer")

// did notes an effect that is about to happen.
func (c *Call) did(e *cel.Effect) {
	if counted(e) {
		c.spent[effectText(e)]++
	}
	if !consequential(e) {
		return
	}
	if words := effectWords(e); !slices.Contains(c.done, words) {
		c.done = append(c.done, words)
	}
}

// consequential reports whether an effect changes something that outlives the
// call.
func consequential(e *cel.Effect) bool {
	switch e.Kind {
	case cel.EffectHTTP, cel.EffectSecret:
		return e.HTTP != nil && e.HTTP.Method != "GET" && e.HTTP.Method != "HEAD" && e.HTTP.Method != "OPTIONS"
	case cel.EffectFile:
		return e.File != nil && e.File.Access == cel.AccessWrite
	case cel.EffectKV:
		return e.KV != nil && e.KV.Access == cel.AccessWrite
	}
	return true
}

// counted reports whether one answer is good for one such effect only: every
// request that changes something is another one, however alike they look, while
// a file that may be written may be written twice.
func counted(e *cel.Effect) bool { return e.Kind == cel.EffectHTTP && consequential(e) }

func effectText(e *cel.Effect) string {
	b, err := json.Marshal(e)
	if err != nil {
		panic(err) // strings and a number
	}
	return string(b)
}

// asking returns what an effect has to be asked for, if anything.
func (c *Call) asking() *pending {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pending
}

// Start decides on what a stdio guest does before it has a message; it is the
// Decide of [effect.Call] then. Nobody can be asked.
func (g *Gate) Start(s *Server) func(context.Context, *cel.Effect, []string) error {
	var logged denials
	return func(ctx context.Context, e *cel.Effect, labels []string) error {
		in := cel.Input{Server: &s.about.Server, Effect: e, Labels: union(nil, labels), Request: cel.Request{Time: time.Now()}}
		d := g.decide(ctx, cel.PhaseEffect, &in, &logged)
		switch d.Verdict {
		case cel.Allow:
			s.started(d.Labels)
			return nil
		case cel.Ask:
			const reason = "nobody can be asked while a server starts"
			g.logUnasked(ctx, cel.PhaseEffect, &in, d.Rule, reason, &logged)
			return effect.Errorf(plugins.EffectDenied, "%s", deniedText(d.Rule, because(d.Message, reason)))
		}
		return effect.Errorf(plugins.EffectDenied, "%s", deniedText(d.Rule, d.Message))
	}
}
