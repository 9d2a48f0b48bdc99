package cel

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
)

// parts is a set of paths of what may be missing: effect.http, principal.claims.team,
// args.limit. "args" stands for all arguments.
type parts map[string]bool

func both(a, b parts) parts {
	all := maps.Clone(a)
	if all == nil {
		all = parts{}
	}
	maps.Copy(all, b)
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

// missing warns of what is read where it may be missing: that is an error, and denies
// whatever the rule is about.
func (c *linter) missing(r *lintRule, installed []Installed) {
	if r.condition.ast == nil {
		return
	}
	w := partWalker{warned: parts{}, bound: map[string]int{}, report: func(path string, e ast.Expr, advice string) {
		c.warn(r, r.at(e), "%s is read before it is clear that it is there, which is an error and denies %s", path, advice)
	}}
	w.optional = optionalArgs(r, installed)
	w.walk(r.condition.ast.NativeRep().Expr(), parts{})
}

// optionalArgs says of which arguments of a rule it is known that they may be missing.
// It returns what to say of one, by the path of the object that it is a member of,
// and "" for one that is always there.
func optionalArgs(r *lintRule, installed []Installed) func(object []string, name string) string {
	if len(r.source.Tools) == 0 {
		return func(object []string, name string) string {
			if len(object) > 1 {
				return "" // what is in an argument nobody knows
			}
			return fmt.Sprintf("every call without it: name the server and the tool, or write has(args.%s) && … or args.?%[1]s.orValue(…)", name)
		}
	}
	tools := map[string]*schema{}
	for _, s := range installed {
		for _, t := range s.Tools {
			if !slices.Contains(r.source.Servers, s.Server) || !slices.Contains(r.source.Tools, t.Name) || len(t.InputSchema) == 0 {
				continue
			}
			if args, err := parseSchema(t.InputSchema); err == nil {
				tools[t.Name] = args
			}
		}
	}
	return func(object []string, name string) string {
		for _, tool := range slices.Sorted(maps.Keys(tools)) {
			if tools[tool].optional(object, name) {
				return fmt.Sprintf("every call without it, and the tool %s does not require it: write has(…) && … or .?%s.orValue(…)", quoted(tool), name)
			}
		}
		return ""
	}
}

// optional reports whether a schema lets a member of an object be missing, "args" first in
// the object's path. What it does not describe is no matter of types.
func (s *schema) optional(object []string, name string) bool {
	shape := s.root
	for _, field := range object[1:] {
		if shape = shape.fields[field]; shape == nil {
			return false
		}
	}
	return shape.fields[name] != nil && !slices.Contains(shape.required, name)
}

// partWalker finds what is read without a test. CEL's && and || take an error on one side
// for what it is where the other side decides, whichever comes first: a test guards both
// what follows and what precedes it.
type partWalker struct {
	warned   parts
	bound    map[string]int // variables of the loops around the expression
	optional func(object []string, name string) string
	report   func(path string, e ast.Expr, advice string)
}

// walk looks through an expression that only counts where some parts are there.
func (w *partWalker) walk(e ast.Expr, there parts) {
	w.look(e, there)
	switch e.Kind() {
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
		w.loop(e.AsComprehension(), there)
	}
	for _, child := range children(e) {
		w.walk(child, there)
	}
}

func (w *partWalker) loop(loop ast.ComprehensionExpr, there parts) {
	w.walk(loop.IterRange(), there)
	w.walk(loop.AccuInit(), there)
	names := []string{loop.IterVar(), loop.IterVar2(), loop.AccuVar()}
	for _, n := range names {
		w.bound[n]++
	}
	for _, part := range []ast.Expr{loop.LoopCondition(), loop.LoopStep(), loop.Result()} {
		w.walk(part, there)
	}
	for _, n := range names {
		w.bound[n]--
	}
}

// look warns of an expression that is itself what may be missing.
func (w *partWalker) look(e ast.Expr, there parts) {
	path := selection(e)
	if len(path) < 2 || e.Kind() == ast.SelectKind && e.AsSelect().IsTestOnly() || w.bound[path[0]] > 0 {
		return
	}
	text := dotted(path)
	if there[text] || there[path[0]] || w.warned[text] {
		return
	}
	if advice := w.advice(path, path[len(path)-1]); advice != "" {
		w.warned[text] = true
		w.report(text, e, advice)
	}
}

// advice says whom the lack of something that is read denies and what to write, "" for
// what is always there.
func (w *partWalker) advice(path []string, name string) string {
	object := path[:len(path)-1]
	switch dotted(object) {
	case "effect":
		if i, ok := declared[dotted(path)]; !ok || declarations[i].has == nil {
			return ""
		}
		return fmt.Sprintf(`every other effect: write effect.kind == "%s" && … or has(effect.%[1]s) && …`, name)
	case "principal.claims":
		return fmt.Sprintf(`everybody who does not have it: write has(principal.claims.%s) && … or principal.claims.?%[1]s.orValue(…)`, name)
	}
	if object[0] == "args" {
		return w.optional(object, name)
	}
	return ""
}

func dotted(path []string) string { return strings.Join(path, ".") }

// selection is the path of an expression that selects without an option, written
// object.name or object["name"]; nil for others.
func selection(e ast.Expr) []string {
	switch e.Kind() {
	case ast.IdentKind:
		return []string{e.AsIdent()}
	case ast.SelectKind:
		if object := selection(e.AsSelect().Operand()); object != nil {
			return append(object, e.AsSelect().FieldName())
		}
	case ast.CallKind:
		if e.AsCall().FunctionName() != "_[_]" {
			return nil
		}
		args := e.AsCall().Args()
		object := selection(args[0])
		if name, ok := stringLiteral(args[1]); ok && object != nil {
			return append(object, name)
		}
	}
	return nil
}

// shown are the parts that must be there if an expression has a value.
func shown(e ast.Expr, value bool) parts {
	if e.Kind() == ast.SelectKind && e.AsSelect().IsTestOnly() && value {
		return parts{dotted(selection(e)): true}
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
		return equalShows(args, value)
	case "_!=_":
		return equalShows(args, !value)
	case "@in":
		return inShows(args, value)
	}
	return nil
}

// equalShows is what the comparison of a name with a text shows.
func equalShows(args []ast.Expr, equal bool) parts {
	if !equal {
		return nil
	}
	path, text := pathOf(args[0]), args[1]
	if path == "" {
		path, text = pathOf(args[1]), args[0]
	}
	return nameShows(path, text)
}

// inShows is what a test with "in" shows: "limit" in args, or a name in a list.
func inShows(args []ast.Expr, in bool) parts {
	if !in {
		return nil
	}
	if name, ok := stringLiteral(args[0]); ok {
		return parts{dotted(append(selection(args[1]), name)): true}
	}
	if args[1].Kind() != ast.ListKind {
		return nil
	}
	var all parts
	for i, element := range args[1].AsList().Elements() {
		if one := nameShows(pathOf(args[0]), element); i == 0 {
			all = one
		} else {
			all = either(all, one)
		}
	}
	return all
}

// nameShows is what a name that is known shows: the part of an effect's kind. Who names
// a tool or a prompt knows its arguments.
func nameShows(path string, text ast.Expr) parts {
	if text.Kind() != ast.LiteralKind {
		return nil
	}
	name, _ := text.AsLiteral().(types.String)
	switch {
	case path == "effect.kind":
		return parts{join("effect", string(name)): true}
	case (path == "tool.name" || path == "prompt") && name != "":
		return parts{"args": true}
	}
	return nil
}
