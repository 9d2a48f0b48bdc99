package cel

import (
	"slices"

	celgo "cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
)

// labelProblem is a literal that is compared with labels and is none.
type labelProblem struct {
	// Line counts from 1 and Column from 0, in the expression, as cel-go does.
	Line, Column int
	Message      string
}

// labelLists are the variables that hold labels.
var labelLists = []string{"labels", "session.labels"}

// labelFunctions compare two lists, either of which can be one of labels.
var labelFunctions = []string{
	operators.Equals, operators.NotEquals, "sets.contains", "sets.equivalent", "sets.intersects",
	"hasAll", "hasAny", "hasExactly", "hasOnly",
}

// checkLabels returns the texts in an expression that are compared with labels and
// are none of known, in the order of the expression. Such a comparison is never true,
// and nothing else would tell: a denial that is misspelt denies nothing.
//
// It sees what is written out: "x" in labels, ["x"].exists(l, l in labels),
// labels.exists(l, l == "x" || l in ["x"]), labels == ["x"] and the functions on sets
// and lists, for labels and session.labels. A label that is put together while the
// expression runs is not seen.
func checkLabels(checked *celgo.Ast, known []string) []labelProblem {
	native := checked.NativeRep()
	c := labelChecker{known: known, ast: native, elements: map[string][]role{}}
	c.walk(native.Expr())
	slices.SortStableFunc(c.problems, func(a, b labelProblem) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return slices.Compact(c.problems)
}

// role is what the variable of a comprehension goes through.
type role struct {
	labels bool // a list of labels
	// literals is a list that is written out, nil where it is another.
	literals []ast.Expr
}

type labelChecker struct {
	known []string
	ast   *ast.AST
	// elements are the variables of the comprehensions around, by name, the innermost last.
	elements map[string][]role
	problems []labelProblem
}

func (c *labelChecker) walk(e ast.Expr) {
	switch e.Kind() {
	case ast.CallKind:
		c.call(e.AsCall())
	case ast.ComprehensionKind:
		c.comprehension(e.AsComprehension())
		return
	}
	for _, child := range children(e) {
		c.walk(child)
	}
}

// comprehension walks through a loop, in which its variable stands for an element.
func (c *labelChecker) comprehension(loop ast.ComprehensionExpr) {
	c.walk(loop.IterRange())
	c.walk(loop.AccuInit())
	name := loop.IterVar()
	c.elements[name] = append(c.elements[name], role{c.isLabels(loop.IterRange()), literals(loop.IterRange())})
	c.walk(loop.LoopCondition())
	c.walk(loop.LoopStep())
	c.elements[name] = c.elements[name][:len(c.elements[name])-1]
	c.walk(loop.Result())
}

func (c *labelChecker) call(call ast.CallExpr) {
	args := callArguments(call)
	if len(args) != 2 {
		return
	}
	switch name := call.FunctionName(); {
	case name == operators.In && c.isLabels(args[1]):
		c.check(args[0])
		c.check(c.role(args[0]).literals...)
	case name == operators.In && c.role(args[0]).labels:
		c.check(literals(args[1])...)
	case slices.Contains(labelFunctions, name):
		c.compare(args[0], args[1])
		c.compare(args[1], args[0])
	}
}

// compare checks what a is compared with.
func (c *labelChecker) compare(a, b ast.Expr) {
	switch {
	case c.isLabels(a):
		c.check(literals(b)...)
	case c.role(a).labels:
		c.check(b)
		c.check(c.role(b).literals...)
	}
}

// check reports those of the expressions that are literals and no label.
func (c *labelChecker) check(all ...ast.Expr) {
	for _, e := range all {
		text, ok := stringLiteral(e)
		if !ok {
			continue
		}
		if err := checkLabel(text, c.known); err != nil {
			at := c.ast.SourceInfo().GetStartLocation(e.ID())
			c.problems = append(c.problems, labelProblem{at.Line(), at.Column(), err.Error()})
		}
	}
}

func (c *labelChecker) isLabels(e ast.Expr) bool {
	if e.Kind() == ast.IdentKind && len(c.elements[e.AsIdent()]) > 0 {
		return false // a variable of a loop that has the name
	}
	return slices.Contains(labelLists, pathOf(e))
}

// role returns what an expression goes through where it is the variable of a loop.
func (c *labelChecker) role(e ast.Expr) role {
	if e.Kind() != ast.IdentKind {
		return role{}
	}
	roles := c.elements[e.AsIdent()]
	if len(roles) == 0 {
		return role{}
	}
	return roles[len(roles)-1]
}

// literals returns the elements of a list that is written out.
func literals(e ast.Expr) []ast.Expr {
	if e.Kind() != ast.ListKind {
		return nil
	}
	return e.AsList().Elements()
}
