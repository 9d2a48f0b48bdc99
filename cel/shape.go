package cel

import (
	celgo "cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
)

// shapeValidator bounds the size of what was compiled and refuses messages: making one
// converts all that is put into it, at no price.
type shapeValidator struct{}

var _ celgo.ASTValidator = shapeValidator{}

// Name implements celgo.ASTValidator.
func (shapeValidator) Name() string { return "mcpwasm.shape" }

// Validate implements celgo.ASTValidator.
func (shapeValidator) Validate(_ *celgo.Env, _ celgo.ValidatorConfig, a *ast.AST, issues *celgo.Issues) {
	deep := false
	ast.MatchDescendants(ast.NavigateAST(a), func(e ast.NavigableExpr) bool {
		switch {
		case e.Kind() == ast.StructKind:
			issues.ReportErrorAtID(e.ID(), "%s cannot be made in a policy", quoted(e.AsStruct().TypeName()+"{}"))
		case e.Depth() > maxDepth && !deep:
			deep = true
			issues.ReportErrorAtID(e.ID(), "the expression is nested too deeply: at most %d parts inside one another", maxDepth)
		}
		return false
	})
}
