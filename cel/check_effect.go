package cel

import (
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
)

// parts is a set of the parts of an effect: http, file, kv and secret.
type parts map[string]bool

func both(a, b parts) parts {
	all := parts{}
	for _, s := range []parts{a, b} {
		for p := range s {
			all[p] = true
		}
	}
	return all
}

func either(a, b parts) parts {
	common := parts{}
	for p := range a {
		if b[p] {
			common[p] = true
		}
	}
	return common
}

// effectParts warns of parts of an effect that are read where they may be missing: each
// effect of another kind is then an error, and denied.
func (c *linter) effectParts(r *lintRule) {
	if r.source.Then == "" && len(r.source.Labels) == 0 || r.condition.ast == nil || !slices.Contains(r.source.On, PhaseEffect) {
		return
	}
	w := partWalker{warned: parts{}, report: func(part string, e ast.Expr) {
		c.warn(r, r.at(e), `effect.%s is read before it is clear that it is there, which is an error and denies every other effect: write effect.kind == "%[1]s" && … or has(effect.%[1]s) && …`, part)
	}}
	w.walk(r.condition.ast.NativeRep().Expr(), parts{})
}

// partWalker finds the parts that are read without a test. CEL's && and || take an error on
// one side for what it is where the other side decides, whichever comes first: a test guards
// both what follows and what precedes it.
type partWalker struct {
	warned parts
	report func(part string, e ast.Expr)
}

// walk looks through an expression that only counts where some parts are there.
func (w *partWalker) walk(e ast.Expr, there parts) {
	switch e.Kind() {
	case ast.SelectKind:
		part := effectPart(e)
		if part != "" && !e.AsSelect().IsTestOnly() && !there[part] && !w.warned[part] {
			w.warned[part] = true
			w.report(part, e)
		}
	case ast.CallKind:
		args := e.AsCall().Args()
		switch e.AsCall().FunctionName() {
		case "_&&_":
			w.walk(args[0], both(there, shown(args[1], true)))
			w.walk(args[1], both(there, shown(args[0], true)))
			return
		case "_||_":
			w.walk(args[0], both(there, shown(args[1], false)))
			w.walk(args[1], both(there, shown(args[0], false)))
			return
		case "_?_:_":
			w.walk(args[0], there)
			w.walk(args[1], both(there, shown(args[0], true)))
			w.walk(args[2], both(there, shown(args[0], false)))
			return
		}
	case ast.ComprehensionKind:
		loop := e.AsComprehension()
		for _, part := range []ast.Expr{loop.IterRange(), loop.AccuInit(), loop.LoopCondition(), loop.LoopStep(), loop.Result()} {
			w.walk(part, there)
		}
	}
	for _, child := range children(e) {
		w.walk(child, there)
	}
}

// effectPart is the part that effect.PART names.
func effectPart(e ast.Expr) string {
	if e.Kind() != ast.SelectKind || pathOf(e.AsSelect().Operand()) != "effect" {
		return ""
	}
	name := e.AsSelect().FieldName()
	if i, ok := declared["effect."+name]; !ok || declarations[i].has == nil {
		return "" // is always there
	}
	return name
}

// shown are the parts that must be there if an expression has a value.
func shown(e ast.Expr, value bool) parts {
	if e.Kind() == ast.SelectKind && e.AsSelect().IsTestOnly() && value {
		return parts{effectPart(e): true}
	}
	if e.Kind() != ast.CallKind {
		return nil
	}
	args := e.AsCall().Args()
	switch e.AsCall().FunctionName() {
	case "!_":
		return shown(args[0], !value)
	case "_&&_", "_||_":
		if (e.AsCall().FunctionName() == "_&&_") == value {
			return both(shown(args[0], value), shown(args[1], value))
		}
		return either(shown(args[0], value), shown(args[1], value))
	case "_==_":
		return kindIs(args, value)
	case "_!=_":
		return kindIs(args, !value)
	case "@in":
		if list := args[1]; value && pathOf(args[0]) == "effect.kind" && list.Kind() == ast.ListKind && list.AsList().Size() == 1 {
			return partNamed(list.AsList().Elements()[0])
		}
	}
	return nil
}

// kindIs is what a comparison of effect.kind with a text shows.
func kindIs(args []ast.Expr, equal bool) parts {
	switch {
	case !equal:
	case pathOf(args[0]) == "effect.kind":
		return partNamed(args[1])
	case pathOf(args[1]) == "effect.kind":
		return partNamed(args[0])
	}
	return nil
}

func partNamed(e ast.Expr) parts {
	if e.Kind() != ast.LiteralKind {
		return nil
	}
	kind, _ := e.AsLiteral().(types.String)
	return parts{string(kind): true}
}
