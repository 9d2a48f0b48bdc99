package effect

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync/atomic"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// Begin returns c with a count of what it is allowed, which a [Permission] goes by. It
// is for the call of one message.
func (c Call) Begin() Call {
	c.allowed = new(atomic.Int64)
	return c
}

// Permit asks the policy about an effect, right before it happens; see [Call.Decide].
// The error is a *plugins.EffectError: a denial. It must not be called with a lock
// held: somebody may be asked.
func (c Call) Permit(ctx context.Context, e *cel.Effect, labels []string) error {
	if err := c.decide(ctx, e, labels); err != nil {
		return err
	}
	if c.allowed != nil && e.Kind != cel.EffectSecret { // which shows a guest nothing
		c.allowed.Add(1)
	}
	return nil
}

// Watched returns c and a function that reports whether c's policy has denied
// anything since. Who decides tells the operator of that as well.
func (c Call) Watched() (watched Call, denied func() bool) {
	var seen atomic.Bool
	if decide := c.Decide; decide != nil {
		c.Decide = func(ctx context.Context, e *cel.Effect, labels []string) error {
			err := decide(ctx, e, labels)
			if err != nil {
				seen.Store(true)
			}
			return err
		}
	}
	return c, seen.Load
}

func (c Call) decide(ctx context.Context, e *cel.Effect, labels []string) error {
	if c.Decide == nil {
		return Errorf(plugins.EffectDenied, "there is no policy here that could allow it")
	}
	err := c.Decide(ctx, e, labels)
	if err == nil {
		return nil
	}
	if told, ok := errors.AsType[*plugins.EffectError](err); ok {
		return told
	}
	return Errorf(plugins.EffectDenied, "the policy could not decide")
}

// Permission is for an effect that goes on for a while, such as a body that is sent
// piece by piece, or a file that stays open. What a call is allowed meanwhile, such as
// to read what is private, may change what the policy says of it; so it is asked again
// then, and only then.
type Permission struct {
	call    Call
	intents []Intent
	at      atomic.Int64 // what the call's count was; 0: it was not asked for
}

// Intent is an effect and the labels of its grant, as [Call.Permit] takes them.
type Intent struct {
	Effect *cel.Effect
	Labels []string
}

// Permission returns one that was not asked for yet. It is for all of what could be
// meant, such as the methods that a request could be taken for.
func (c Call) Permission(intents ...Intent) *Permission {
	return &Permission{call: c, intents: intents}
}

// Check is [Call.Permit] when it is called first, and from then on returns nil for as
// long as nothing else was allowed. It is safe for concurrent use.
func (p *Permission) Check(ctx context.Context) error {
	was, now := p.at.Load(), int64(1) // where nobody counts, it is asked each time
	if count := p.call.allowed; count != nil {
		now = count.Load()
		if was != 0 && was == now {
			return nil
		}
	}
	if was != 0 {
		ctx = context.WithValue(ctx, againKey{}, true)
	}
	if err := p.decide(ctx); err != nil {
		return err
	}
	if was == 0 && p.call.allowed != nil {
		// Only what is new counts: two files that are used by turns would have each
		// other decided again for ever.
		p.call.allowed.Add(1)
		now++
	}
	p.at.Store(now)
	return nil
}

type againKey struct{}

// Again reports whether [Call.Decide] is asked, with this context, about an effect that
// it has allowed before and that still goes on: it is no other one.
func Again(ctx context.Context) bool { return ctx.Value(againKey{}) != nil }

func (p *Permission) decide(ctx context.Context) error {
	for _, i := range p.intents {
		if err := p.call.decide(ctx, i.Effect, i.Labels); err != nil {
			return err
		}
	}
	return nil
}

var formLabel = regexp.MustCompile(`^[a-z][a-z0-9-]*:[a-z][a-z0-9-]*$`)

// CheckLabel reports whether a text is a label: "key:value", each of lower-case
// letters, digits and "-", beginning with a letter.
func CheckLabel(label string) error {
	if !formLabel.MatchString(label) {
		return fmt.Errorf("label %.80q: want key:value, each of lower-case letters, digits and dashes, such as reads:private", label)
	}
	return nil
}
