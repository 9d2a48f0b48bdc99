package cel

import (
	"math"

	celgo "cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
)

// literalCheck says which argument of a function is checked where it is a literal:
// what would be an error at every decision is one at load.
type literalCheck struct {
	// argument is counted from 0, with the receiver of a method as the first.
	argument int
	check    func(text string) error
}

// literalChecks are by function.
var literalChecks = map[string][]literalCheck{
	"glob":             {{1, checkGlob}},
	"timeOfDay":        {{1, checkZone}},
	"semver.compare":   {{0, checkVersion}, {1, checkVersion}},
	"matches":          {{1, checkLiteralRegexp}},
	"regex.extract":    {{1, checkLiteralRegexp}},
	"regex.extractAll": {{1, checkLiteralRegexp}},
	"regex.replace":    {{1, checkLiteralRegexp}},
	"getDate":          {{1, checkZone}},
	"getDayOfMonth":    {{1, checkZone}},
	"getDayOfWeek":     {{1, checkZone}},
	"getDayOfYear":     {{1, checkZone}},
	"getFullYear":      {{1, checkZone}},
	"getHours":         {{1, checkZone}},
	"getMilliseconds":  {{1, checkZone}},
	"getMinutes":       {{1, checkZone}},
	"getMonth":         {{1, checkZone}},
	"getSeconds":       {{1, checkZone}},
}

// checkLiterals makes what is wrong with literals an error of compilation.
func checkLiterals() celgo.EnvOption {
	return celgo.ASTValidators(
		celgo.ValidateDurationLiterals(),
		celgo.ValidateTimestampLiterals(),
		literalValidator{})
}

// literalValidator checks the literals of literalChecks.
type literalValidator struct{}

var _ celgo.ASTValidator = literalValidator{}

// Name implements celgo.ASTValidator.
func (literalValidator) Name() string { return "mcpwasm.literals" }

// Validate implements celgo.ASTValidator.
func (literalValidator) Validate(_ *celgo.Env, _ celgo.ValidatorConfig, a *ast.AST, issues *celgo.Issues) {
	ast.PreOrderVisit(a.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() == ast.LiteralKind {
			if f, ok := e.AsLiteral().(types.Double); ok && math.Abs(float64(f)) >= maxExact {
				issues.ReportErrorAtID(e.ID(), "a double of 2^53 or more is rounded, and so are the integers that it is compared with: write an integer")
			}
		}
		if e.Kind() != ast.CallKind {
			return
		}
		args := callArguments(e.AsCall())
		for _, c := range literalChecks[e.AsCall().FunctionName()] {
			if c.argument >= len(args) {
				continue
			}
			text, ok := stringLiteral(args[c.argument])
			if !ok {
				continue
			}
			if err := c.check(text); err != nil {
				issues.ReportErrorAtID(args[c.argument].ID(), "%s", err.Error())
			}
		}
	}))
}

// callArguments returns a call's arguments with the receiver as the first.
func callArguments(call ast.CallExpr) []ast.Expr {
	if !call.IsMemberFunction() {
		return call.Args()
	}
	return append([]ast.Expr{call.Target()}, call.Args()...)
}

// stringLiteral returns the text of a literal, if e is one.
func stringLiteral(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	s, ok := e.AsLiteral().(types.String)
	return string(s), ok
}
