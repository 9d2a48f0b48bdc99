package cel

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	celgo "cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types/ref"
	"github.com/mcpwasm/mcpwasm/internal/nearest"
)

// checker checks the expression of one rule and says in plain words what is wrong.
type checker struct {
	rule     *rule
	phase    Phase
	env      *celgo.Env
	schema   *schema
	problems Problems
	// parts are the expression's by id.
	parts map[int64]ast.Expr
}

// report adds a problem at a place in the expression, in which cel-go counts lines from 1 and
// columns from 0.
func (c *checker) report(line, column int, message string) {
	fileLine, fileColumn := c.rule.source.position(line, column+1)
	c.problems = append(c.problems, Problem{
		File: c.rule.file, Line: fileLine, Column: fileColumn, Rule: c.rule.source.Name,
		Severity: SeverityError, Message: message,
	})
}

// check returns the checked expression, or nil and problems.
func (c *checker) check() *celgo.Ast {
	parsed, issues := c.env.Parse(c.rule.source.When)
	if issues.Err() != nil {
		c.syntax(issues.Errors())
		return nil
	}
	c.parts = map[int64]ast.Expr{}
	ast.PostOrderVisit(parsed.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) { c.parts[e.ID()] = e }))
	checked, issues := c.env.Check(parsed)
	if issues.Err() != nil {
		follows := func(e *celgo.Error) bool { return strings.Contains(e.Message, "!error!") }
		errs := issues.Errors()
		if !slices.ContainsFunc(errs, func(e *celgo.Error) bool { return !follows(e) }) {
			follows = func(*celgo.Error) bool { return false }
		}
		for _, e := range slices.DeleteFunc(errs, follows) {
			if message := c.message(e.ExprID, e.Message); message != "" {
				c.report(e.Location.Line(), e.Location.Column(), message)
			}
		}
		return nil
	}
	if t := checked.OutputType(); !t.IsExactType(celgo.BoolType) && !t.IsExactType(celgo.DynType) {
		c.report(1, 0, fmt.Sprintf("the condition must be true or false, and its type is %s", typeName(t.String())))
	}
	c.checkMaps(checked.NativeRep())
	return checked
}

// checkMaps refuses maps of which a key could stand twice: cel-go takes the last, and the
// specification calls it an error.
func (c *checker) checkMaps(checked *ast.AST) {
	ast.PostOrderVisit(checked.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.MapKind {
			return
		}
		seen := map[ref.Val]bool{}
		for _, entry := range e.AsMap().Entries() {
			key := entry.AsMapEntry().Key()
			at := checked.SourceInfo().GetLocationByOffset(startOf(checked.SourceInfo(), key))
			switch {
			case key.Kind() != ast.LiteralKind:
				c.report(at.Line(), at.Column(), "a key of a map must be a literal: one that is computed could stand twice")
			case seen[key.AsLiteral()]:
				c.report(at.Line(), at.Column(), "this key stands twice")
			default:
				seen[key.AsLiteral()] = true
			}
		}
	}))
}

var (
	undeclared = regexp.MustCompile(`^undeclared reference to '([^']*)'`)
	undefined  = regexp.MustCompile(`^undefined field '([^']*)'`)
	noOverload = regexp.MustCompile(`^found no matching overload for '([^']*)' applied to '(.*)'$`)
	mismatch   = regexp.MustCompile(`^expected type '(.*)' but found '(.*)'$`)
	noFields   = regexp.MustCompile(`^type '(.*)' does not support field selection$`)
	operator   = regexp.MustCompile(`^[_@]?([^_a-z@]+|in)_?$`)
)

// message says in plain words what cel-go found wrong with a part, "" where another
// message says it.
func (c *checker) message(id int64, message string) string {
	if m := undeclared.FindStringSubmatch(message); m != nil {
		return c.undeclared(id, m[1])
	}
	if m := undefined.FindStringSubmatch(message); m != nil {
		return c.undefined(id, m[1])
	}
	if m := noOverload.FindStringSubmatch(message); m != nil {
		return c.noOverload(m[1], typeName(m[2]))
	}
	if m := mismatch.FindStringSubmatch(message); m != nil {
		return fmt.Sprintf("this must be a %s, and is a %s", typeName(m[1]), typeName(m[2]))
	}
	if m := noFields.FindStringSubmatch(message); m != nil {
		return fmt.Sprintf("a %s has no fields", typeName(m[1]))
	}
	return shorten(message)
}

func (c *checker) undeclared(id int64, name string) string {
	if e, ok := c.parts[id]; ok && e.Kind() == ast.CallKind && e.AsCall().FunctionName() == name {
		name = c.namespaceOf(e.AsCall()) + name
		if hint := foreignName(name); hint != "" {
			return fmt.Sprintf("no function %q%s", name, hint)
		}
		return fmt.Sprintf("no function %q%s", name, nearest.Hint(name, c.functions()))
	}
	if c.isNamespace(id) {
		return ""
	}
	name, _, _ = strings.Cut(strings.TrimPrefix(name, "."), ".")
	if i, ok := declared[name]; ok && declarations[i].in(c.phase) {
		return fmt.Sprintf("%s is a variable; an expression cannot make another", name)
	} else if ok {
		return c.elsewhere(name, i)
	}
	if hint := foreignName(name); hint != "" {
		return fmt.Sprintf("no variable %q on %s%s", name, c.phase, hint)
	}
	return fmt.Sprintf("no variable %q on %s%s", name, c.phase, nearest.Hint(name, fieldsOf("", c.phase)))
}

// namespaceOf is what stands before a function that was meant to be one like
// semver.compare, with the dot, and "" for others: cel-go takes such a call for that of
// a method of a variable, and finds neither.
func (c *checker) namespaceOf(call ast.CallExpr) string {
	if !call.IsMemberFunction() || call.Target().Kind() != ast.IdentKind {
		return ""
	}
	prefix := call.Target().AsIdent() + "."
	for name := range c.env.Functions() {
		if strings.HasPrefix(name, prefix) {
			return prefix
		}
	}
	return ""
}

// isNamespace reports whether a part is the namespace of a function that is called.
func (c *checker) isNamespace(id int64) bool {
	for _, e := range c.parts {
		if e.Kind() == ast.CallKind && e.AsCall().IsMemberFunction() && e.AsCall().Target().ID() == id {
			return c.namespaceOf(e.AsCall()) != ""
		}
	}
	return false
}

// elsewhere says in which phases something is known.
func (c *checker) elsewhere(path string, i int) string {
	return fmt.Sprintf("%s does not exist on %s, only on %s", path, c.phase, strings.Join(phaseNames(declarations[i].phases), ", "))
}

func phaseNames(phases []Phase) []string {
	names := make([]string, len(phases))
	for i, p := range phases {
		names[i] = string(p)
	}
	return names
}

func (c *checker) undefined(id int64, field string) string {
	object := c.objectOf(id)
	if i, ok := declared[object+"."+field]; ok {
		return c.elsewhere(object+"."+field, i)
	}
	if below(object, "args") {
		names := c.schema.names(object)
		return fmt.Sprintf("the tool has no argument %q%s", strings.TrimPrefix(object+"."+field, "args."), nearest.Hint(field, names))
	}
	if object == "" {
		return fmt.Sprintf("no field %q", field)
	}
	return fmt.Sprintf("%s has no field %q%s", object, field, nearest.Hint(field, fieldsOf(object, c.phase)))
}

// objectOf is the path of what a field is selected from.
func (c *checker) objectOf(id int64) string {
	e, ok := c.parts[id]
	if !ok {
		return ""
	}
	switch e.Kind() {
	case ast.SelectKind:
		return pathOf(e.AsSelect().Operand())
	case ast.CallKind:
		if args := e.AsCall().Args(); len(args) > 0 {
			return pathOf(args[0])
		}
	}
	return ""
}

func (c *checker) noOverload(function, operands string) string {
	m := operator.FindStringSubmatch(function)
	if m == nil {
		if function == "_[_]" && strings.HasPrefix(operands, "(object") {
			return "fields are written object.name, or object.`na-me`, not object[\"name\"]"
		}
		if function == "_?_:_" {
			return fmt.Sprintf("\"? :\" does not go with %s", operands)
		}
		return fmt.Sprintf("%s does not take %s", function, operands)
	}
	if m[1] == "in" && strings.Contains(operands, "object") {
		return "whether a field is there is asked with has(object.name)"
	}
	return fmt.Sprintf("%q does not go with %s", m[1], operands)
}

// functions are the names that can be called.
func (c *checker) functions() []string {
	names := slices.Collect(maps.Keys(c.env.Functions()))
	return slices.DeleteFunc(names, func(n string) bool { return strings.ContainsAny(n, "_@!") })
}

// typeName makes cel-go's names of types readable.
func typeName(t string) string {
	return strings.NewReplacer("google.protobuf.Timestamp", "timestamp", "google.protobuf.Duration", "duration").Replace(shorten(t))
}

// clock are the names that others have for the time.
var clock = regexp.MustCompile(`(?i)^(get_?)?(now|today|current_?time(stamp)?|utc_?now|date|time)$`)

const writes = "CEL writes && for and, || for or, ! for not, == for is"

// foreignName is what to write instead of a name that other languages have, or "".
func foreignName(name string) string {
	switch {
	case clock.MatchString(name):
		return ": the time is request.time, so that a decision can be repeated"
	case slices.Contains([]string{"and", "or", "not", "is"}, strings.ToLower(name)):
		return ": " + writes
	}
	return ""
}

// syntax reports what the parser says. Where a word of another language explains it, the
// errors that follow from it are left out.
func (c *checker) syntax(errs []*celgo.Error) {
	hint := ""
	for _, e := range errs {
		if hint = c.foreign(e.Location.Line(), e.Location.Column()); hint != "" {
			errs = []*celgo.Error{e}
			break
		}
	}
	if hint == "" && c.rule.source.when.Commented() {
		hint = "; what follows # is a comment in YAML: put the whole expression in quotes, '…', or below when: >-"
	}
	for i, e := range errs {
		message := syntaxMessage(e.Message)
		if i == len(errs)-1 {
			message += hint
		}
		c.report(e.Location.Line(), e.Location.Column(), message)
	}
}

var (
	foreignHere   = regexp.MustCompile(`(?i)^((and|or|not|is)\b|=([^=]|$)|<>|&([^&]|$)|\|([^|]|$))`)
	foreignBefore = regexp.MustCompile(`(?i)(\b(and|or|not|is)\s*|[^=!<>]=\s*)$`)
)

// foreign says how CEL writes what other languages have as words, if such a word stands at
// a place or right before it.
func (c *checker) foreign(line, column int) string {
	lines := strings.Split(c.rule.source.When, "\n")
	if line < 1 || line > len(lines) {
		return ""
	}
	text := []rune(lines[line-1])
	column = min(max(column, 0), len(text))
	if foreignHere.MatchString(string(text[column:])) || foreignBefore.MatchString(string(text[:column])) {
		return "; " + writes
	}
	return ""
}

var syntaxNoise = regexp.MustCompile(` expecting (\{.*|<EOF>)$`)

// syntaxMessage shortens a message of cel-go's parser, which lists all that could have stood
// there.
func syntaxMessage(message string) string {
	message = strings.TrimPrefix(message, "Syntax error: ")
	return "syntax: " + shorten(syntaxNoise.ReplaceAllString(message, ""))
}

// maxForeign is where messages that others made are cut, in bytes.
const maxForeign = 300

// shorten makes one printable line of bounded length of what may hold text of strangers.
func shorten(s string) string {
	var b strings.Builder
	for _, r := range s {
		if b.Len() > maxForeign {
			return b.String() + "…"
		}
		if strconv.IsPrint(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return b.String()
}

// clip is shorten for a name in a message.
func clip(s string) string {
	const most = 80
	if len(s) > most {
		s = s[:most] + "…"
	}
	return shorten(s)
}

// names are the arguments below a path that starts with args.
func (s *schema) names(path string) []string {
	if s == nil {
		return nil
	}
	shape := s.root
	for _, name := range strings.Split(path, ".")[1:] {
		if shape = shape.fields[name]; shape == nil {
			return nil
		}
	}
	return slices.Collect(maps.Keys(shape.fields))
}
