package cel

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
)

// Decide decides. in must not change meanwhile.
//
// PhaseList knows the rules for calls: a definition is shown if and only if a call of
// it may be allowed or asked for with some arguments, session and request, and no
// rule for lists denies. PhaseCall knows the denials for lists as well: what is not
// shown cannot be called. A rule for lists alone allows nothing in either.
//
// A context that is done denies.
func (p *Policy) Decide(ctx context.Context, phase Phase, in *Input) Decision {
	place := slices.Index(Phases, phase)
	if place < 0 {
		return Decision{Verdict: Deny, Message: noRule, Err: fmt.Errorf("there is no phase %q", clip(string(phase)))}
	}
	a := activate(in)
	defer a.release()
	c := judge{ctx: ctx, policy: p, place: place, a: a}
	passes := &p.passes[place]
	for _, pass := range [...]*index{&passes.labelling, &passes.judging} {
		for e := range pass.of(a.server.Name, a.tool.Name) {
			if c.strength < strengthOf(Deny) || e.index < c.by.index {
				c.add(e, c.evaluate(e))
			}
		}
	}
	return c.decision()
}

// judge makes one decision.
type judge struct {
	ctx    context.Context
	policy *Policy
	place  int // of the phase in Phases
	a      *activation
	tool   *typedTool // of the call, when a rule first needs it
	// partial is the activation in which a list does not know everything.
	partial interpreter.PartialActivation
	// labelsUnknown says that a list does not know whether a rule adds labels.
	labelsUnknown bool

	strength int
	by       *entry
	err      error // of by
	asks     []*entry
	redacts  []*entry
}

// outcome is what came of a condition.
type outcome struct {
	matched bool
	// unknown says that it depends on what a list does not know.
	unknown bool
	err     error
}

// strengthOf orders the verdicts; 0 is none.
func strengthOf(v Verdict) int {
	switch v {
	case Deny:
		return 3
	case Ask:
		return 2
	case Allow, Redact:
		return 1
	}
	return 0
}

// add counts a rule. The order in which rules come does not matter, but that labels
// come before those who read them.
func (c *judge) add(e *entry, o outcome) {
	switch {
	case o.err != nil:
		c.count(e, Deny, o.err)
	case o.matched:
		if len(e.source.Labels) > 0 {
			c.a.addLabels(e.source.Labels)
		}
		c.count(e, e.then, nil)
	case o.unknown:
		if len(e.source.Labels) > 0 && !c.labelsUnknown {
			c.labelsUnknown, c.partial = true, nil
		}
		if e.then == Allow {
			c.count(e, Allow, nil)
		}
	}
}

func (c *judge) count(e *entry, then Verdict, err error) {
	s := strengthOf(then)
	if s == 0 {
		return
	}
	switch then {
	case Ask:
		c.asks = append(c.asks, e)
	case Redact:
		c.redacts = append(c.redacts, e)
	}
	if s > c.strength || s == c.strength && e.index < c.by.index {
		c.strength, c.by, c.err = s, e, err
	}
}

// Messages for callers. They say nothing of what a request holds.
const (
	noRule      = "no rule allows it"
	undecided   = "the rule could not be decided"
	denied      = "it is not allowed"
	mustBeAsked = "it must be confirmed"
)

// decision is what the rules come to.
func (c *judge) decision() Decision {
	d := Decision{Verdict: Deny, Message: noRule, Labels: sortedLabels(c.a.labels)}
	if c.by == nil {
		return d
	}
	r := c.by.source
	d.Rule, d.Message, d.Log, d.Err = r.Name, r.Message, r.Log, c.err
	switch {
	case c.err != nil:
		d.Message = undecided
	case c.strength == strengthOf(Deny):
		d.Message = cmp.Or(d.Message, denied)
	case c.strength == strengthOf(Ask):
		d.Verdict, d.Message = Ask, cmp.Or(d.Message, mustBeAsked)
		d.Asks = questions(c.asks)
	default:
		d.Verdict = c.by.then
		d.Redactions = redactions(c.redacts)
	}
	return d
}

func byIndex(a, b *entry) int { return cmp.Compare(a.index, b.index) }

func questions(es []*entry) []Question {
	slices.SortFunc(es, byIndex)
	qs := make([]Question, len(es))
	for i, e := range es {
		qs[i] = Question{Rule: e.source.Name, Hash: e.source.hash, Message: cmp.Or(e.source.Message, mustBeAsked)}
	}
	return qs
}

func redactions(es []*entry) []Redaction {
	if len(es) == 0 {
		return nil
	}
	slices.SortFunc(es, byIndex)
	rs := make([]Redaction, len(es))
	for i, e := range es {
		rs[i] = Redaction{Rule: e.source.Name, Patterns: e.source.redact}
	}
	return rs
}

// sortedLabels returns the labels in ascending order, each once, in a list of its own.
func sortedLabels(labels []string) []string {
	if len(labels) == 0 {
		return nil
	}
	sorted := slices.Clone(labels)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}

// evaluate decides whether a rule matches.
func (c *judge) evaluate(e *entry) outcome {
	condition, p, vars, err := c.prepare(e)
	if err != nil {
		return outcome{err: err}
	}
	if p.Program == nil {
		return outcome{matched: true}
	}
	c.a.args.schema, c.a.unreadable = condition.schema, nil
	v, err := c.run(p, vars)
	if err == nil {
		err = c.a.unreadable
	}
	if err != nil {
		return outcome{err: e.locate(err)}
	}
	switch v := v.(type) {
	case types.Bool:
		return outcome{matched: bool(v)}
	case *types.Unknown:
		return outcome{unknown: true}
	}
	return outcome{err: e.locate(fmt.Errorf("the condition is a %s, neither true nor false", v.Type().TypeName()))}
}

// prepare finds the program that decides a rule, and what it sees.
func (c *judge) prepare(e *entry) (*condition, program, interpreter.Activation, error) {
	if err := c.ctx.Err(); err != nil {
		return nil, program{}, nil, fmt.Errorf("decide: %w", err)
	}
	condition := e.conditions[e.phase]
	if e.typed && len(c.a.tool.InputSchema) > 0 {
		var err error
		if condition, err = c.typed(e); err != nil {
			return nil, program{}, nil, err
		}
	}
	if c.place == placeList && condition.partial.Program != nil && c.unknown(condition) {
		vars, err := c.partialActivation()
		return condition, condition.partial, vars, err
	}
	return condition, condition.program, c.a, nil
}

// run evaluates a program. Whatever panics in cel-go, in a function or in a getter is an
// error of the rule.
func (c *judge) run(p program, vars interpreter.Activation) (v ref.Val, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("internal error: %s", shorten(fmt.Sprint(r)))
		}
	}()
	if p.tracked {
		v, _, err = p.ContextEval(c.ctx, vars)
	} else {
		v, _, err = p.Eval(vars)
	}
	return v, err
}

// locate adds the place of the rule to an error.
func (r *rule) locate(err error) error {
	return &ruleError{place: fmt.Sprintf("%s:%d", r.file, r.source.Line), err: err}
}

// ruleError is an error of evaluation. Its text may quote what a request holds, so it is
// cut.
type ruleError struct {
	place string
	err   error
}

// Error returns one line of bounded length.
func (e *ruleError) Error() string { return e.place + ": " + shorten(e.err.Error()) }

// Unwrap returns cel-go's error, or the context's.
func (e *ruleError) Unwrap() error { return e.err }
