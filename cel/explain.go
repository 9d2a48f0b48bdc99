package cel

import (
	"context"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	celgo "cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
)

// Explain decides as Decide does, all rules, and says how. Every expression is
// evaluated once more to see its parts, so it is for people and not for every call.
func (p *Policy) Explain(ctx context.Context, phase Phase, in *Input) Explanation {
	place := slices.Index(Phases, phase)
	if place < 0 {
		return Explanation{Decision: p.Decide(ctx, phase, in)}
	}
	a := activate(in)
	defer a.release()
	c := judge{ctx: ctx, policy: p, place: place, a: a}
	all := p.passes[place].all
	traces := make([]RuleTrace, len(all))
	for _, labelling := range []bool{true, false} {
		for i, e := range all {
			if labelling == (len(e.source.Labels) > 0) {
				traces[i] = c.trace(e)
			}
		}
	}
	return Explanation{Decision: c.decision(), Rules: traces}
}

// trace decides one rule and counts it.
func (c *judge) trace(e *entry) RuleTrace {
	t := RuleTrace{Rule: e.source.Rule, Skipped: e.about(c.a.server.Name, c.a.tool.Name)}
	if t.Skipped != "" {
		return t
	}
	o := c.evaluate(e)
	if o.err == nil && e.source.Then != "" && e.then == "" && len(e.source.Labels) == 0 {
		t.Skipped = "it is about lists, and hides nothing: only what may be called is shown"
		return t
	}
	t.Matched, t.Err = o.matched, o.err
	t.Cost, t.Steps = c.steps(e)
	c.add(e, o)
	return t
}

// steps evaluates a rule with everything noted.
func (c *judge) steps(e *entry) (cost uint64, steps []Step) {
	condition, p, vars, err := c.prepare(e)
	if err != nil || condition.ast == nil {
		return 0, nil
	}
	noted := celgo.EvalOptions(celgo.OptTrackState, celgo.OptTrackCost)
	if p == condition.partial {
		noted = celgo.EvalOptions(celgo.OptTrackState, celgo.OptTrackCost, celgo.OptPartialEval)
	}
	traced, err := condition.env.Program(condition.ast, append(costOptions(), noted, guardKeys(condition.ast))...)
	if err != nil {
		return 0, nil
	}
	c.a.args.schema = condition.schema
	details := evaluateTraced(traced, vars)
	if n := details.ActualCost(); n != nil {
		cost = *n
	}
	t := tracer{rule: e.rule, info: condition.ast.NativeRep().SourceInfo(), state: details.State()}
	t.add(condition.ast.NativeRep().Expr(), 0)
	return cost, t.steps
}

// evaluateTraced evaluates for the details alone, what the expression came to is known. A panic
// leaves what was noted before it.
func evaluateTraced(p celgo.Program, vars interpreter.Activation) (details *celgo.EvalDetails) {
	defer func() { _ = recover() }()
	_, details, _ = p.Eval(vars)
	return details
}

// tracer makes the steps of one expression.
type tracer struct {
	rule  *rule
	info  *ast.SourceInfo
	state interpreter.EvalState
	steps []Step
}

func (t *tracer) add(e ast.Expr, depth int) {
	if e.Kind() == ast.LiteralKind || constant(e) {
		return
	}
	t.steps = append(t.steps, t.step(e, depth))
	switch {
	case pathOf(e) != "":
	case e.Kind() == ast.ComprehensionKind:
		// The parts inside have a value for each round; what is looped over has one.
		t.add(e.AsComprehension().IterRange(), depth+1)
	default:
		for _, child := range operands(e) {
			t.add(child, depth+1)
		}
	}
}

// operands are the parts of an expression; a && b && c has three, which cel-go keeps as a
// tree.
func operands(e ast.Expr) []ast.Expr {
	parts := children(e)
	if e.Kind() != ast.CallKind {
		return parts
	}
	name := e.AsCall().FunctionName()
	if name != "_&&_" && name != "_||_" {
		return parts
	}
	var flat []ast.Expr
	for _, p := range parts {
		if p.Kind() == ast.CallKind && p.AsCall().FunctionName() == name {
			flat = append(flat, operands(p)...)
		} else {
			flat = append(flat, p)
		}
	}
	return flat
}

func (t *tracer) step(e ast.Expr, depth int) Step {
	s := Step{Depth: depth, Untrusted: slices.ContainsFunc(pathsOf(e), untrusted)}
	s.Expression, _ = celgo.ExprToString(e, t.info, celgo.FormatWrapOnColumn(math.MaxInt32))
	at := t.info.GetLocationByOffset(startOf(t.info, e))
	s.Line, s.Column = t.rule.source.position(at.Line(), at.Column()+1)
	if v, ok := t.state.Value(e.ID()); ok {
		s.Value = format(v)
	} else {
		s.Skipped = true
	}
	return s
}

// startOf is where an expression begins: cel-go has the place of the operator.
func startOf(info *ast.SourceInfo, e ast.Expr) int32 {
	first := int32(math.MaxInt32)
	if at, ok := info.GetOffsetRange(e.ID()); ok {
		first = at.Start
	}
	parts := children(e)
	if call, ok := info.GetMacroCall(e.ID()); ok {
		parts = children(call)
	}
	for _, p := range parts {
		first = min(first, startOf(info, p))
	}
	return first
}

// constant reports whether an expression is a list or a map of literals, which have nothing to
// say.
func constant(e ast.Expr) bool {
	if e.Kind() != ast.ListKind && e.Kind() != ast.MapKind {
		return false
	}
	for _, child := range children(e) {
		if child.Kind() != ast.LiteralKind && !constant(child) {
			return false
		}
	}
	return true
}

// untrusted reports whether the value of a path can be made up by a server or a client.
func untrusted(path string) bool {
	for path != "" {
		if i, ok := declared[path]; ok {
			return declarations[i].untrusted
		}
		path = path[:max(strings.LastIndexByte(path, '.'), 0)]
	}
	return false
}

// maxValue is where a value is cut, in characters.
const maxValue = 200

// format writes a value as CEL would, in one line.
func format(v ref.Val) string {
	var s string
	switch v := v.(type) {
	case *types.Unknown:
		return "unknown"
	case *types.Err:
		return "error: " + shorten(v.Error())
	case *object:
		return v.typ.typ.String()
	default:
		s = types.Format(v)
	}
	if utf8.RuneCountInString(s) <= maxValue {
		return s
	}
	return string([]rune(s)[:maxValue]) + "…"
}
