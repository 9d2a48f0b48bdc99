package cel

import (
	"slices"
	"strings"

	celgo "cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
)

// rule is a rule that can be decided.
type rule struct {
	source *sourceRule
	file   string
	labels []string // that the policy knows
	index  int
	// conditions are by the place in [Phases]; nil where the rule is not on the phase.
	conditions [4]*condition
	// typed says that the arguments it reads are typed by a tool's input schema.
	typed bool
}

// condition is what a rule asks in one phase.
type condition struct {
	phase Phase
	env   *celgo.Env
	// ast is checked; nil for always.
	ast     *celgo.Ast
	program program
	// partial decides lists, in which some of what the condition reads is not known;
	// without a program where it reads none of that.
	partial program
	// paths are the variables and fields that it reads, as far down as they are written,
	// in ascending order: "effect.http.host".
	paths []string
	// schema types args; nil where they are dynamic.
	schema *schema
}

// program is an expression that can be evaluated.
type program struct {
	celgo.Program
	// tracked says that its cost is counted while it runs, because it may exceed
	// [MaxCost].
	tracked bool
}

// compile compiles all rules; with a problem there is no policy.
func compile(src *source) (*Policy, Problems, error) {
	p := &Policy{source: src}
	var problems Problems
	for i := range src.rules {
		r := &rule{source: &src.rules[i], file: src.file, labels: src.labels, index: i}
		more, err := r.compile()
		if err != nil {
			return nil, nil, err
		}
		problems = append(problems, more...)
		p.rules = append(p.rules, r)
	}
	for i := range src.broken {
		r := &rule{source: &src.broken[i], file: src.file, labels: src.labels}
		more, err := r.compileBroken()
		if err != nil {
			return nil, nil, err
		}
		problems = append(problems, more...)
	}
	if len(problems) > 0 || len(src.broken) > 0 {
		return nil, problems, nil
	}
	p.passes = arrange(p.rules)
	p.tools = newToolCache(p.rules)
	return p, nil, nil
}

// compileBroken looks for what else is wrong with a rule that has a problem already. Where
// its phases are not known, the expression may be one of any.
func (r *rule) compileBroken() (Problems, error) {
	if len(r.source.On) > 0 {
		return r.compile()
	}
	var fewest Problems
	for i, phase := range Phases {
		r.source.On = []Phase{phase}
		problems, err := r.compile()
		if err != nil || len(problems) == 0 {
			return nil, err
		}
		if i == 0 || len(problems) < len(fewest) {
			fewest = problems
		}
	}
	return fewest, nil
}

func (r *rule) compile() (Problems, error) {
	var problems Problems
	for i, phase := range Phases {
		if !slices.Contains(r.source.On, phase) {
			continue
		}
		e, err := environments[i]()
		if err != nil {
			return nil, err
		}
		c, more := r.condition(phase, e.general, nil)
		for _, m := range more {
			if !slices.Contains(problems, m) { // said of another phase
				problems = append(problems, m)
			}
		}
		r.conditions[i] = c
	}
	r.typed = len(r.source.Servers) > 0 && len(r.source.Tools) > 0 && r.reads("args")
	return problems, nil
}

// reads reports whether the rule reads a variable or field, or anything below it, in any
// phase.
func (r *rule) reads(path string) bool {
	return slices.ContainsFunc(r.conditions[:], func(c *condition) bool { return c != nil && c.reads(path) })
}

func (c *condition) reads(path string) bool {
	return slices.ContainsFunc(c.paths, func(p string) bool { return below(p, path) })
}

// below reports whether a path is another or a field in it.
func below(path, object string) bool {
	rest, ok := strings.CutPrefix(path, object)
	return ok && (rest == "" || rest[0] == '.')
}

// condition compiles the rule's expression for one phase.
func (r *rule) condition(phase Phase, env *celgo.Env, args *schema) (*condition, Problems) {
	c := &condition{phase: phase, env: env, schema: args}
	if r.source.When == "" {
		return c, nil
	}
	checker := &checker{rule: r, phase: phase, env: env, schema: args}
	if c.ast = checker.check(); len(checker.problems) > 0 {
		return nil, checker.problems
	}
	for _, p := range checkLabels(c.ast, r.labels) {
		checker.report(p.Line, p.Column, p.Message)
	}
	if len(checker.problems) > 0 {
		return nil, checker.problems
	}
	c.paths = pathsOf(c.ast.NativeRep().Expr())
	if len(r.source.Labels) > 0 && c.reads("labels") {
		checker.report(1, 0, "a rule with labels cannot read labels: rules that label are decided before the others")
		return nil, checker.problems
	}
	var err error
	if c.program, err = c.newProgram(); err == nil && c.mayBeUnknown() {
		c.partial, err = c.newProgram(celgo.EvalOptions(celgo.OptPartialEval))
	}
	if err != nil {
		checker.report(1, 0, shorten(err.Error()))
	}
	return c, checker.problems
}

func (c *condition) newProgram(options ...celgo.ProgramOption) (program, error) {
	options = append(options, celgo.EvalOptions(celgo.OptOptimize), guardKeys(c.ast))
	var p program
	if _, bounded := worstCase(c.env, c.ast); !bounded {
		p.tracked = true
		options = append(append(options, costOptions()...), celgo.InterruptCheckFrequency(interruptEvery))
	}
	var err error
	p.Program, err = c.env.Program(c.ast, options...)
	return p, err
}

// interruptEvery is how many rounds of a loop pass between two looks at the context.
const interruptEvery = 64

// pathsOf are the variables and fields that an expression reads.
func pathsOf(e ast.Expr) []string {
	w := pathWalker{bound: map[string]int{}, paths: map[string]bool{}}
	w.walk(e)
	paths := make([]string, 0, len(w.paths))
	for p := range w.paths {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	return paths
}

// pathWalker collects paths; bound are the variables of the loops around the expression, which
// can have the name of one of ours.
type pathWalker struct {
	bound map[string]int
	paths map[string]bool
}

func (w *pathWalker) walk(e ast.Expr) {
	if p := pathOf(e); p != "" {
		name, _, _ := strings.Cut(p, ".")
		if _, ok := declared[name]; ok && w.bound[name] == 0 {
			w.paths[p] = true
		}
		return
	}
	if e.Kind() == ast.ComprehensionKind {
		w.loop(e.AsComprehension())
		return
	}
	for _, child := range children(e) {
		w.walk(child)
	}
}

func (w *pathWalker) loop(c ast.ComprehensionExpr) {
	w.walk(c.IterRange())
	w.walk(c.AccuInit())
	names := []string{c.IterVar(), c.IterVar2(), c.AccuVar()}
	for _, n := range names {
		w.bound[n]++
	}
	w.walk(c.LoopCondition())
	w.walk(c.LoopStep())
	w.walk(c.Result())
	for _, n := range names {
		w.bound[n]--
	}
}

// pathOf is the text of an expression that only selects, such as effect.http.host and
// effect.?http.?host, or "".
func pathOf(e ast.Expr) string {
	switch e.Kind() {
	case ast.IdentKind:
		return strings.TrimPrefix(e.AsIdent(), ".")
	case ast.SelectKind:
		return join(pathOf(e.AsSelect().Operand()), e.AsSelect().FieldName())
	case ast.CallKind:
		c := e.AsCall()
		if c.FunctionName() != "_?._" || len(c.Args()) != 2 || c.Args()[1].Kind() != ast.LiteralKind {
			return ""
		}
		name, _ := c.Args()[1].AsLiteral().(types.String)
		return join(pathOf(c.Args()[0]), string(name))
	}
	return ""
}

func join(object, name string) string {
	if object == "" || name == "" {
		return ""
	}
	return object + "." + name
}

// children are the parts of an expression in the order of the text, those of a loop
// excepted.
func children(e ast.Expr) []ast.Expr {
	switch e.Kind() {
	case ast.SelectKind:
		return []ast.Expr{e.AsSelect().Operand()}
	case ast.CallKind:
		c := e.AsCall()
		if c.IsMemberFunction() {
			return append([]ast.Expr{c.Target()}, c.Args()...)
		}
		return c.Args()
	case ast.ListKind:
		return e.AsList().Elements()
	case ast.MapKind:
		var es []ast.Expr
		for _, entry := range e.AsMap().Entries() {
			es = append(es, entry.AsMapEntry().Key(), entry.AsMapEntry().Value())
		}
		return es
	case ast.StructKind:
		var es []ast.Expr
		for _, field := range e.AsStruct().Fields() {
			es = append(es, field.AsStructField().Value())
		}
		return es
	}
	return nil
}
