// Package yamlfile reads YAML files that people write, strictly: an unknown key, a
// key that stands twice, an anchor or a value of the wrong type is a [Problem] with
// the file, line and column and, where there is one, the name that was meant.
//
//	d := yamlfile.New("mcpwasm.yaml")
//	d.Decode(data, &doc, "the file is empty")
//	if doc.Port == 0 && !d.HasProblem("port") {
//		d.At("port", "want a port")
//	}
//	if len(d.Problems) > 0 { return d.Problems }
package yamlfile

import (
	"bytes"
	"cmp"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v4"

	"github.com/mcpwasm/mcpwasm/internal/nearest"
)

// MaxProblems is how many problems are reported; a file that has more is
// something else altogether.
const MaxProblems = 20

// Decoder reads a file into Go types and collects what is wrong with it. Make one
// by [New].
type Decoder struct {
	File string // names the file in problems
	// Positions has where everything stands that was read, by its path: the key of a
	// mapping's member, the value of a list's; "" is the whole file.
	Positions map[string]Position
	Problems  Errors

	file *contents
}

// New returns a decoder for a file, which is only named.
func New(file string) *Decoder {
	return &Decoder{File: file, Positions: map[string]Position{}}
}

// Problem reports a problem.
func (d *Decoder) Problem(pos Position, path, format string, args ...any) {
	d.Problems = append(d.Problems, Problem{
		File: d.File, Line: pos.Line, Column: pos.Column, Path: path, Message: fmt.Sprintf(format, args...),
	})
}

// At is Problem at the position of a path that was read.
func (d *Decoder) At(path, format string, args ...any) {
	d.Problem(d.Positions[path], path, format, args...)
}

// Given reports whether something stands at a path.
func (d *Decoder) Given(path string) bool {
	_, ok := d.Positions[path]
	return ok
}

// HasProblem reports whether there is a problem with a path itself.
func (d *Decoder) HasProblem(path string) bool {
	return slices.ContainsFunc(d.Problems, func(p Problem) bool { return p.Path == path })
}

// HasProblemIn is HasProblem for a path and all that is below it.
func (d *Decoder) HasProblemIn(path string) bool {
	return slices.ContainsFunc(d.Problems, func(p Problem) bool {
		rest, ok := strings.CutPrefix(p.Path, path)
		return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}

// Sort puts the problems into the order of the file's lines.
func (d *Decoder) Sort() {
	slices.SortStableFunc(d.Problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// Decode reads a file of one document into doc, a pointer. empty is what is said of a file
// without any. The keys of a struct are its fields' yaml tags, or else their json
// tags; a type that implements [encoding.TextUnmarshaler] takes any plain value as it is
// written, and so does text: 8080, yes and 1.10 need no quotes. A
// [json.RawMessage] takes everything that JSON can say, and an interface as well, as
// encoding/json has it; numbers keep their digits, as [json.Number] in an interface. It
// stops after [MaxProblems].
func (d *Decoder) Decode(data []byte, doc any, empty string) {
	d.file = newContents(data)
	root := d.load(data, empty)
	if root == nil {
		return
	}
	d.value(root, reflect.ValueOf(doc).Elem(), "")
	if len(d.Problems) > MaxProblems {
		d.Problems = d.Problems[:MaxProblems]
	}
}

// load parses a file of one document. It returns nil where there was a problem;
// empty is what is said of a file without any.
func (d *Decoder) load(data []byte, empty string) *yaml.Node {
	loader, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		d.syntax(data, err)
		return nil
	}
	var root yaml.Node
	if err := loader.Load(&root); err == io.EOF || err == nil && len(root.Content) == 0 {
		d.Problem(Position{}, "", "%s", empty)
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
		d.Problem(Position{second.Line, second.Column}, "", "a second document: the file has one")
		return nil
	}
	return root.Content[0]
}

// syntax reports what the parser says.
func (d *Decoder) syntax(data []byte, err error) {
	var e *yaml.LoadError
	if errors.As(err, &e) {
		hint := ""
		switch line := lineOf(data, e.Mark.Line); {
		case hasStar(line, e.Mark.Column):
			hint = `; a value that begins with * stands in quotes: "*.example.com"`
		case unquoted.MatchString(e.Message) && keyed.Match(line):
			hint = `; a value that begins with a quote, a bracket or a sign, or has ": " in it, stands in quotes, '…', or below its key with >-`
		}
		d.Problem(Position{e.Mark.Line, e.Mark.Column}, "", "not valid YAML: %s%s", oneLine(e.Message), hint)
		return
	}
	d.Problem(Position{}, "", "not valid YAML: %s", oneLine(err.Error()))
}

var (
	// unquoted is what the parser says of a value that goes on behind its quote or bracket,
	// or that it takes for a mapping.
	unquoted = regexp.MustCompile(`did not find expected (key|',' or)|mapping values are not allowed|cannot start any token`)
	// keyed is a line on which a value stands beside its key.
	keyed = regexp.MustCompile(`[\w-]+:[ \t]+\S`)
)

// lineOf returns a line of a file, from 1, or nothing.
func lineOf(data []byte, line int) []byte {
	lines := bytes.Split(data, []byte("\n"))
	if line < 1 || line > len(lines) {
		return nil
	}
	return lines[line-1]
}

// hasStar reports whether a star, which begins an alias in YAML, stands at a
// column or right before it.
func hasStar(line []byte, column int) bool {
	text := []rune(string(line))
	from, to := max(column-2, 0), min(column, len(text))
	return from < to && slices.Contains(text[from:to], '*')
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// unreadable refuses what is no plain YAML, and reports whether it did.
func (d *Decoder) unreadable(n *yaml.Node, path string) bool {
	switch pos := (Position{n.Line, n.Column}); {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		d.Problem(pos, path, "anchors and aliases are not supported: write the value out")
	case tagged(n):
		d.Problem(pos, path, "begins with !, which is a tag in YAML and not a part of the value: put the value in quotes")
	default:
		return false
	}
	return true
}

// tagged reports whether a tag was written: "!" alone is not kept in the style.
func tagged(n *yaml.Node) bool { return n.Style&yaml.TaggedStyle != 0 || n.Tag == "!" }

// value reads one node. The type of what it is read into decides.
func (d *Decoder) value(n *yaml.Node, v reflect.Value, path string) {
	pos := Position{n.Line, n.Column}
	if _, ok := d.Positions[path]; !ok {
		d.Positions[path] = pos
	}
	if len(d.Problems) > MaxProblems {
		return
	}
	if d.unreadable(n, path) {
		return
	}
	if d.special(n, v, path) {
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

// special reads what does not go by its kind, and reports whether it is that.
func (d *Decoder) special(n *yaml.Node, v reflect.Value, path string) bool {
	var err error
	switch to := v.Addr().Interface().(type) {
	case *Text:
		d.text(n, to, path)
	case *json.RawMessage:
		*to = d.json(nil, n, path)
	case *any:
		numbers := json.NewDecoder(bytes.NewReader(d.json(nil, n, path)))
		numbers.UseNumber()
		err = numbers.Decode(to)
	case encoding.TextUnmarshaler:
		if s, ok := d.scalar(n, path, "a value"); ok {
			err = unmarshalText(to, s)
		}
	case WordUnmarshaler:
		if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
			return false
		}
		err = to.UnmarshalWord(n.Value)
	default:
		return false
	}
	if err != nil {
		d.Problem(Position{n.Line, n.Column}, path, "%v", err)
	}
	return true
}

func unmarshalText(to encoding.TextUnmarshaler, s string) error {
	err := to.UnmarshalText([]byte(s))
	if _, ok := errors.AsType[*time.ParseError](err); ok {
		return fmt.Errorf("%q: want a time such as 2026-01-31T15:04:05Z", s)
	}
	return err
}

// WordUnmarshaler is a mapping, or a list, in whose place one word may stand.
type WordUnmarshaler interface{ UnmarshalWord(word string) error }

func (d *Decoder) scalar(n *yaml.Node, path, want string) (string, bool) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
		d.Problem(Position{n.Line, n.Column}, path, "want %s, have %s", want, kindName(n))
		return "", false
	}
	if strings.ContainsRune(n.Value, 0) {
		d.Problem(Position{n.Line, n.Column}, path, "has a NUL character")
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
func (d *Decoder) members(n *yaml.Node, path string, f func(key string, value *yaml.Node, at string)) {
	if n.Kind != yaml.MappingNode {
		d.Problem(Position{n.Line, n.Column}, path, "want a mapping (key: value), have %s", kindName(n))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		pos := Position{k.Line, k.Column}
		if k.Kind != yaml.ScalarNode || k.Anchor != "" || tagged(k) {
			d.Problem(pos, path, "want a plain key")
			continue
		}
		if strings.IndexFunc(k.Value, unicode.IsControl) >= 0 {
			d.Problem(pos, path, "key %q has control characters", k.Value) // a path has none
			continue
		}
		if line, ok := seen[k.Value]; ok {
			d.Problem(pos, path, "key %q stands on line %d already", k.Value, line)
			continue
		}
		seen[k.Value] = k.Line
		at := k.Value
		if path != "" {
			at = path + "." + k.Value
		}
		d.Positions[at] = pos
		f(k.Value, v, at)
	}
}

func (d *Decoder) structure(n *yaml.Node, v reflect.Value, path string) {
	fields := Fields(v.Type())
	d.members(n, path, func(key string, value *yaml.Node, at string) {
		index, ok := fields[key]
		if !ok {
			d.Problem(d.Positions[at], path, "unknown key %q%s", key, nearest.Hint(key, slices.Collect(maps.Keys(fields))))
			return
		}
		d.value(value, v.FieldByIndex(index), at)
	})
}

// Fields maps a struct's keys in the file to the indexes of its fields: those of a
// type that is JSON elsewhere are what they are there.
func Fields(t reflect.Type) map[string][]int {
	fields := map[string][]int{}
	for _, f := range reflect.VisibleFields(t) {
		key := f.Tag.Get("yaml")
		if key == "" {
			key, _, _ = strings.Cut(f.Tag.Get("json"), ",")
		}
		if key != "" && key != "-" {
			fields[key] = f.Index
		}
	}
	return fields
}

// plain64 reads a number or a truth value, as JSON writes them.
func (d *Decoder) plain64(n *yaml.Node, v reflect.Value, path string) {
	want := "a whole number"
	if v.Kind() == reflect.Bool {
		want = "true or false"
	}
	s, ok := d.scalar(n, path, want)
	if !ok {
		return
	}
	if json.Unmarshal([]byte(s), v.Addr().Interface()) != nil || s == "null" {
		d.Problem(Position{n.Line, n.Column}, path, "%q: want %s", s, want)
	}
}

func (d *Decoder) mapping(n *yaml.Node, v reflect.Value, path string) {
	v.Set(reflect.MakeMap(v.Type()))
	d.members(n, path, func(key string, value *yaml.Node, at string) {
		elem := reflect.New(v.Type().Elem()).Elem()
		d.value(value, elem, at)
		v.SetMapIndex(reflect.ValueOf(key), elem)
	})
}

func (d *Decoder) sequence(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.SequenceNode {
		d.Problem(Position{n.Line, n.Column}, path, "want a list, have %s", kindName(n))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, c := range n.Content {
		d.value(c, v.Index(i), fmt.Sprintf("%s[%d]", path, i))
	}
}
