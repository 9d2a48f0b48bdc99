package cel

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	celgo "cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"github.com/mcpwasm/mcpwasm/internal/yamlfile"
)

// Check looks for rules that cannot mean what they say, each a warning: conditions
// that are always or never true; rules that say what another says, or that never win
// over it; a policy that allows everything, or nothing in a phase; an allow for what a
// server or a client says of itself, or on lists alone; comparisons with a text that a
// variable never is; parts of an effect, claims and arguments that are read before it is
// clear that they are there. With installed servers, names that none of them has, and
// arguments that their tools need not be given; nil where these are not known.
func (p *Policy) Check(installed []Installed) Problems {
	c := linter{policy: p, claims: map[claim][]*lintRule{}}
	for _, r := range p.rules {
		c.rules = append(c.rules, newLintRule(r))
	}
	for _, r := range c.rules {
		c.condition(r)
		c.untrusted(r)
		c.missing(r, installed)
		c.impossible(r)
		c.listAlone(r)
		if installed != nil {
			c.installed(r, installed)
		}
	}
	c.covered()
	c.everything()
	c.phases()
	slices.SortStableFunc(c.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return c.problems
}

// linter collects the warnings about a policy.
type linter struct {
	policy   *Policy
	rules    []*lintRule
	claims   map[claim][]*lintRule
	problems Problems
}

// lintRule is a rule with what its condition comes to without any input.
type lintRule struct {
	*rule
	condition *condition
	// always and never say that the condition is constant; no condition is always.
	always, never bool
	// text is the condition as CEL writes it, so that spaces do not count; "" for
	// always.
	text string
}

func newLintRule(r *rule) *lintRule {
	l := &lintRule{rule: r}
	i := slices.IndexFunc(r.conditions[:], func(c *condition) bool { return c != nil })
	l.condition = r.conditions[i] // they differ in what they can read, and not in what they say
	if l.condition.ast == nil {
		l.always = true
		return l
	}
	if v, ok := constantOf(l.condition); ok {
		l.always, l.never = v, !v
		return l
	}
	l.text, _ = celgo.AstToString(l.condition.ast)
	return l
}

// constantOf returns what a condition always comes to, if that can be said without an
// input.
func constantOf(c *condition) (value, ok bool) {
	folding, err := celgo.NewConstantFoldingOptimizer()
	if err != nil {
		return false, false
	}
	optimizer, err := celgo.NewStaticOptimizer(folding)
	if err != nil {
		return false, false
	}
	folded, issues := optimizer.Optimize(c.env, c.ast)
	if issues.Err() != nil {
		return false, false // what is an error at every decision is no constant
	}
	e := folded.NativeRep().Expr()
	if e.Kind() != ast.LiteralKind {
		return false, false
	}
	v, ok := e.AsLiteral().(types.Bool)
	return bool(v), ok
}

func (c *linter) warn(r *lintRule, at yamlfile.Position, format string, args ...any) {
	c.problems = append(c.problems, Problem{
		File: r.file, Line: at.Line, Column: at.Column, Rule: r.source.Name,
		Severity: SeverityWarning, Message: fmt.Sprintf(format, args...),
	})
}

// at is where a part of the condition stands in the file.
func (r *lintRule) at(e ast.Expr) yamlfile.Position {
	info := r.condition.ast.NativeRep().SourceInfo()
	at := info.GetLocationByOffset(startOf(info, e))
	return r.source.when.At(at.Line(), at.Column()+1)
}

func (c *linter) condition(r *lintRule) {
	switch at := r.source.when.At(1, 1); {
	case r.never:
		c.warn(r, at, "the condition is never true: the rule does nothing")
	case r.always && r.source.When != "":
		c.warn(r, at, "the condition is always true: leave when out, if that is meant")
	}
}

// untrusted warns of an allow for what a server says of its own tool, or a client of
// itself. A result is untrusted as well, but there it is what is decided on.
func (c *linter) untrusted(r *lintRule) {
	if r.source.Then != Allow || r.condition.ast == nil {
		return
	}
	path := claimAlone(r.condition.ast.NativeRep().Expr())
	if path == "" {
		return
	}
	who := "a server"
	if below(path, "principal.client") {
		who = "a client"
	}
	c.warn(r, r.source.when.At(1, 1), "%s is what %s says of itself: who lies is allowed; ask for more, or turn it around and deny", path, who)
}

// claimAlone returns a claim that is enough to make an expression true, "" where
// there is none.
func claimAlone(e ast.Expr) string {
	if e.Kind() == ast.CallKind {
		args := e.AsCall().Args()
		switch e.AsCall().FunctionName() {
		case "_||_":
			return cmp.Or(claimAlone(args[0]), claimAlone(args[1]))
		case "_&&_":
			a, b := claimAlone(args[0]), claimAlone(args[1])
			if a != "" && b != "" || len(pathsOf(args[0])) == 0 || len(pathsOf(args[1])) == 0 {
				return cmp.Or(a, b)
			}
			return ""
		}
	}
	paths := pathsOf(e)
	for _, p := range paths {
		if !below(p, "tool.hints") && !below(p, "principal.client") {
			return ""
		}
	}
	return strings.Join(paths[:min(len(paths), 1)], "")
}

// listAlone warns of an allow for lists that is none for calls.
func (c *linter) listAlone(r *lintRule) {
	if !r.never && r.source.Then == Allow && slices.Contains(r.source.On, PhaseList) && !slices.Contains(r.source.On, PhaseCall) {
		c.warn(r, r.source.onAt, "allowing on list shows nothing by itself: shown is what a rule on call may allow; put it on call, or leave list out")
	}
}

// decided are the phases in which something is allowed or not. Lists are decided by the
// rules for calls.
var decided = []Phase{PhaseCall, PhaseEffect, PhaseResult}

// everything warns of a policy that decides nothing.
func (c *linter) everything() {
	if slices.ContainsFunc(c.rules, func(r *lintRule) bool { return r.source.Then != Allow && r.source.Then != "" && !r.never }) {
		return
	}
	var first *lintRule
	for _, phase := range decided {
		i := slices.IndexFunc(c.rules, func(r *lintRule) bool {
			return r.always && r.source.Then == Allow && len(r.source.Servers) == 0 && slices.Contains(r.source.On, phase)
		})
		if i < 0 {
			return
		}
		if first == nil {
			first = c.rules[i]
		}
	}
	c.warn(first, first.source.place, "everything is allowed: no rule denies, asks or redacts, so that grants alone bound what servers do")
}

// phases warns of phases in which everything is denied.
func (c *linter) phases() {
	for _, phase := range decided {
		if !slices.ContainsFunc(c.rules, func(r *lintRule) bool {
			return slices.Contains(r.source.On, phase) && !r.never && r.source.Then != Deny && r.source.Then != ""
		}) {
			c.problems = append(c.problems, Problem{
				File: c.policy.source.file, Severity: SeverityWarning,
				Message: fmt.Sprintf("no rule allows anything on %s, so that all of it is denied", phase),
			})
		}
	}
}
