package cel

import (
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"

	"github.com/mcpwasm/mcpwasm/internal/nearest"
)

// impossible warns of comparisons with a text that a variable never is.
func (c *linter) impossible(r *lintRule) {
	if r.condition.ast == nil {
		return
	}
	ast.PreOrderVisit(r.condition.ast.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		for path, literals := range compared(e) {
			i, ok := declared[path]
			if !ok {
				continue
			}
			for _, l := range literals {
				value, isText := stringLiteral(l)
				if why := declarations[i].never(value); isText && why != "" {
					c.warn(r, r.at(l), "%s is never %s%s", path, quoted(value), why)
				}
			}
		}
	}))
}

// never says what a declaration is instead of a text, "" where it can be that.
func (d *declaration) never(value string) string {
	switch {
	case d.upper && value != strings.ToUpper(value):
		return ": it is in upper case: write " + quoted(strings.ToUpper(value))
	case len(d.values) == 0 || slices.Contains(d.values, value) || d.empty && value == "":
		return ""
	case d.open:
		return nearest.Hint(value, d.values)
	}
	return choice(value, d.values)
}
