package config

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4"

	"github.com/mcpwasm/mcpwasm/internal/nearest"
)

// Problem is one thing that is wrong with a file.
type Problem struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`   // from 1; 0 where it is not known
	Column int    `json:"column,omitempty"` // from 1, in characters
	// Path is the key, "servers.hello.source", "" for the whole file.
	Path    string `json:"path,omitempty"`
	Message string `json:"message"`
}

// String returns "file:line:column: path: message", without what is not known.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, max(p.Column, 1))
	}
	b.WriteString(": ")
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Message)
	return b.String()
}

// Errors are all problems of a file, in the order of its lines.
type Errors []Problem

// Error returns one line for each problem.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, p := range e {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

type position struct{ line, column int }

// decoder reads YAML's nodes into the document's types and keeps where
// everything stands.
type decoder struct {
	file      string
	lookup    func(string) (string, bool)
	positions map[string]position
	problems  Errors
}

func (d *decoder) problem(pos position, path, format string, args ...any) {
	d.problems = append(d.problems, Problem{
		File: d.file, Line: pos.line, Column: pos.column, Path: path, Message: fmt.Sprintf(format, args...),
	})
}

// at is problem at the position of a path that was read.
func (d *decoder) at(path, format string, args ...any) {
	d.problem(d.positions[path], path, format, args...)
}

func (d *decoder) hasProblem(path string) bool {
	return slices.ContainsFunc(d.problems, func(p Problem) bool { return p.Path == path })
}

// hasProblemIn is hasProblem for a path and all that is below it.
func (d *decoder) hasProblemIn(path string) bool {
	return slices.ContainsFunc(d.problems, func(p Problem) bool {
		rest, ok := strings.CutPrefix(p.Path, path)
		return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}

// maxProblems is how many problems are reported; a file that has more is
// something else altogether.
const maxProblems = 20

func (d *decoder) decode(data []byte, doc *document) {
	root := d.load(data, "the file is empty: it needs servers, or trust for packages")
	if root == nil {
		return
	}
	d.value(root, reflect.ValueOf(doc).Elem(), "")
	if len(d.problems) == 0 {
		d.checkEmpty(doc)
	}
	if len(d.problems) > maxProblems {
		d.problems = d.problems[:maxProblems]
	}
}

// load parses a file of one document. It returns nil where there was a problem;
// empty is what is said of a file without any.
func (d *decoder) load(data []byte, empty string) *yaml.Node {
	loader, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		d.syntax(data, err)
		return nil
	}
	var root yaml.Node
	if err := loader.Load(&root); err == io.EOF || err == nil && len(root.Content) == 0 {
		d.problem(position{}, "", "%s", empty)
		return nil
	} else if err != nil {
		d.syntax(data, err)
		return nil
	}
	var second yaml.Node
	if err := loader.Load(&second); err != io.EOF {
		if err != nil {
			d.syntax(data, err)
			return nil
		}
		d.problem(position{second.Line, second.Column}, "", "a second document: the file has one")
		return nil
	}
	return root.Content[0]
}

// checkEmpty refuses a file that says nothing, and servers without any: both
// would be mistakes.
func (d *decoder) checkEmpty(doc *document) {
	if _, given := d.positions["servers"]; given && len(doc.Servers) == 0 {
		d.at("servers", "there are no servers: add one")
	} else if len(d.positions) == 1 { // that of the file itself
		d.problem(position{}, "", "the file is empty: it needs servers, or trust for packages")
	}
}

// syntax reports what the parser says.
func (d *decoder) syntax(data []byte, err error) {
	var e *yaml.LoadError
	if errors.As(err, &e) {
		hint := ""
		if hasStar(data, e.Mark.Line, e.Mark.Column) {
			hint = `; a value that begins with * stands in quotes: "*.example.com"`
		}
		d.problem(position{e.Mark.Line, e.Mark.Column}, "", "not valid YAML: %s%s", oneLine(e.Message), hint)
		return
	}
	d.problem(position{}, "", "not valid YAML: %s", oneLine(err.Error()))
}

// hasStar reports whether a star, which begins an alias in YAML, stands at a
// place or right before it.
func hasStar(data []byte, line, column int) bool {
	lines := strings.Split(string(data), "\n")
	if line < 1 || line > len(lines) {
		return false
	}
	text := []rune(lines[line-1])
	from, to := max(column-2, 0), min(column, len(text))
	return from < to && slices.Contains(text[from:to], '*')
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// value reads one node. Its type decides: text takes any plain value as it is
// written, so that 8080, yes and 1.10 need no quotes.
func (d *decoder) value(n *yaml.Node, v reflect.Value, path string) {
	pos := position{n.Line, n.Column}
	if _, ok := d.positions[path]; !ok {
		d.positions[path] = pos
	}
	if len(d.problems) > maxProblems {
		return
	}
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		d.problem(pos, path, "anchors and aliases are not supported: write the value out")
		return
	}
	if text, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if s, ok := d.scalar(n, path, "a value"); ok {
			if err := text.UnmarshalText([]byte(s)); err != nil {
				d.problem(pos, path, "%v", err)
			}
		}
		return
	}
	if word, ok := v.Addr().Interface().(wordUnmarshaler); ok && n.Kind == yaml.ScalarNode && n.ShortTag() != "!!null" {
		if err := word.unmarshalWord(n.Value); err != nil {
			d.problem(pos, path, "%v", err)
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.structure(n, v, path)
	case reflect.Map:
		d.mapping(n, v, path)
	case reflect.Slice:
		d.sequence(n, v, path)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, v.Elem(), path)
	case reflect.Bool, reflect.Int, reflect.Int64:
		d.plain64(n, v, path)
	default:
		if s, ok := d.scalar(n, path, "text"); ok {
			v.SetString(s)
		}
	}
}

// wordUnmarshaler is a mapping in whose place one word may stand.
type wordUnmarshaler interface{ unmarshalWord(word string) error }

func (d *decoder) scalar(n *yaml.Node, path, want string) (string, bool) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
		d.problem(position{n.Line, n.Column}, path, "want %s, have %s", want, kindName(n))
		return "", false
	}
	if strings.ContainsRune(n.Value, 0) {
		d.problem(position{n.Line, n.Column}, path, "has a NUL character")
		return "", false
	}
	return n.Value, true
}

func kindName(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.ShortTag() == "!!null":
		return "nothing"
	}
	return "a plain value"
}

// members calls f for every member of a mapping, after checking its key.
func (d *decoder) members(n *yaml.Node, path string, f func(key string, value *yaml.Node, at string)) {
	if n.Kind != yaml.MappingNode {
		d.problem(position{n.Line, n.Column}, path, "want a mapping (key: value), have %s", kindName(n))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		pos := position{k.Line, k.Column}
		if k.Kind != yaml.ScalarNode || k.Anchor != "" {
			d.problem(pos, path, "want a plain key")
			continue
		}
		if strings.IndexFunc(k.Value, unicode.IsControl) >= 0 {
			d.problem(pos, path, "key %q has control characters", k.Value) // a path has none
			continue
		}
		if line, ok := seen[k.Value]; ok {
			d.problem(pos, path, "key %q stands on line %d already", k.Value, line)
			continue
		}
		seen[k.Value] = k.Line
		at := k.Value
		if path != "" {
			at = path + "." + k.Value
		}
		d.positions[at] = pos
		f(k.Value, v, at)
	}
}

func (d *decoder) structure(n *yaml.Node, v reflect.Value, path string) {
	fields := fieldsOf(v.Type())
	d.members(n, path, func(key string, value *yaml.Node, at string) {
		index, ok := fields[key]
		if !ok {
			d.problem(d.positions[at], path, "unknown key %q%s", key, nearest.Hint(key, slices.Collect(maps.Keys(fields))))
			return
		}
		d.value(value, v.FieldByIndex(index), at)
	})
}

// fieldsOf maps a struct's keys in the file to its fields: those of a type that
// is JSON elsewhere are what they are there.
func fieldsOf(t reflect.Type) map[string][]int {
	fields := map[string][]int{}
	for _, f := range reflect.VisibleFields(t) {
		key := f.Tag.Get("yaml")
		if key == "" {
			key, _, _ = strings.Cut(f.Tag.Get("json"), ",")
		}
		if key != "" {
			fields[key] = f.Index
		}
	}
	return fields
}

// plain64 reads a number or a truth value, as JSON writes them.
func (d *decoder) plain64(n *yaml.Node, v reflect.Value, path string) {
	want := "a whole number"
	if v.Kind() == reflect.Bool {
		want = "true or false"
	}
	s, ok := d.scalar(n, path, want)
	if !ok {
		return
	}
	if json.Unmarshal([]byte(s), v.Addr().Interface()) != nil || s == "null" {
		d.problem(position{n.Line, n.Column}, path, "%q: want %s", s, want)
	}
}

func (d *decoder) mapping(n *yaml.Node, v reflect.Value, path string) {
	v.Set(reflect.MakeMap(v.Type()))
	d.members(n, path, func(key string, value *yaml.Node, at string) {
		elem := reflect.New(v.Type().Elem()).Elem()
		d.value(value, elem, at)
		v.SetMapIndex(reflect.ValueOf(key), elem)
	})
}

func (d *decoder) sequence(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.SequenceNode {
		d.problem(position{n.Line, n.Column}, path, "want a list, have %s", kindName(n))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, c := range n.Content {
		d.value(c, v.Index(i), fmt.Sprintf("%s[%d]", path, i))
	}
}
