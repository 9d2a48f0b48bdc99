package cel

import (
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"github.com/mcpwasm/mcpwasm/internal/nearest"
)

// installed warns of a rule about servers and tools that are not there.
func (c *linter) installed(r *lintRule, servers []Installed) {
	names := make([]string, len(servers))
	for i, s := range servers {
		names[i] = s.Server
	}
	for i, name := range r.source.Servers {
		if !slices.Contains(names, name) {
			c.warn(r, r.source.serversAt[i], "no server %s is installed%s", quoted(name), nearest.Hint(name, names))
		}
	}
	// A server that is missing has been named: its tools are not known.
	known := len(r.source.Servers) == 0 || slices.ContainsFunc(r.source.Servers, func(s string) bool { return slices.Contains(names, s) })
	tools := toolsOf(servers, r.source.Servers)
	for i, name := range r.source.Tools {
		if known && !slices.Contains(tools, name) {
			c.warn(r, r.source.toolsAt[i], "no server of the rule has a tool %s%s", quoted(name), nearest.Hint(name, tools))
		}
	}
	if r.condition.ast != nil && known {
		c.namesIn(r, r.condition.ast.NativeRep().Expr(), map[string][]string{"server.name": names, "tool.name": tools})
	}
}

// toolsOf are the names of the tools of some servers, none for all.
func toolsOf(servers []Installed, of []string) []string {
	var names []string
	for _, s := range servers {
		if len(of) > 0 && !slices.Contains(of, s.Server) {
			continue
		}
		for _, t := range s.Tools {
			names = append(names, t.Name)
		}
	}
	return names
}

// namesIn warns of comparisons of a name with a text that is none of the known ones.
func (c *linter) namesIn(r *lintRule, e ast.Expr, known map[string][]string) {
	for path, texts := range compared(e) {
		for _, t := range texts {
			names, ok := known[path]
			name, isText := t.AsLiteral().(types.String)
			// tool.name is empty where there is no tool.
			if ok && isText && name != "" && !slices.Contains(names, string(name)) {
				c.warn(r, r.at(t), "%s is never %s: none of that name is installed%s", path, quoted(string(name)), nearest.Hint(string(name), names))
			}
		}
	}
	for _, child := range children(e) {
		c.namesIn(r, child, known)
	}
}

// compared are the literals that an expression itself compares a path with.
func compared(e ast.Expr) map[string][]ast.Expr {
	if e.Kind() != ast.CallKind || len(e.AsCall().Args()) != 2 {
		return nil
	}
	a, b := e.AsCall().Args()[0], e.AsCall().Args()[1]
	var found []ast.Expr
	switch name := e.AsCall().FunctionName(); {
	case name == "@in" && b.Kind() == ast.ListKind:
		found = b.AsList().Elements()
	case name != "_==_" && name != "_!=_":
		return nil
	case pathOf(a) != "":
		found = []ast.Expr{b}
	default:
		a, found = b, []ast.Expr{a}
	}
	return map[string][]ast.Expr{pathOf(a): slices.DeleteFunc(slices.Clone(found), func(e ast.Expr) bool { return e.Kind() != ast.LiteralKind })}
}
