// Package arguments refuses arguments that a server may read otherwise than those
// who decided on them.
//
// A policy looks for "path" by exactly that name. Guests decode JSON with libraries
// that are less strict: some take "Path" for "path", some normalise Unicode, some do
// not mind an underscore. So a member that is not declared must not look like one
// that is, and no two members of an object may look alike unless both are declared
// and differ in underscores or dashes. JavaScript's __proto__ has to be declared as
// well: guests in that language put what is in it where their defaults are.
package arguments

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpwasm/mcpwasm/internal/fold"
)

// Names are the members that one level of the arguments is declared to have, and
// those of the levels below. Nil declares nothing. It is never changed.
type Names struct {
	declared map[string]*Names // what is below each name; nil: nothing is known of it
	alike    map[string]string // by [key], the declared name that a reader may mean
	rest     *Names            // below the names that are not declared
	items    *Names            // of an array's elements
}

// List returns the names of arguments that are all on one level, as a prompt's are.
func List(names []string) *Names {
	n := &Names{declared: map[string]*Names{}}
	for _, name := range names {
		n.declared[name] = nil
	}
	n.index()
	return n
}

// index makes the declared names to be found by what looks like them; of several that
// look alike, the first in the order of the alphabet.
func (n *Names) index() {
	n.alike = make(map[string]string, len(n.declared))
	for name := range n.declared {
		k := key(name)
		if other, ok := n.alike[k]; !ok || name < other {
			n.alike[k] = name
		}
	}
}

// separators are what some libraries leave out of names before they compare them:
// protobuf's JSON takes both "filePath" and "file_path", and encoding/json/v2
// ignores dashes as well where it ignores case.
var separators = strings.NewReplacer("_", "", "-", "")

// key is the same for all names that some library may take for one declared name.
func key(name string) string { return separators.Replace(fold.Full(name)) }

// Check reports the first member of args that another reader may take for another
// one, with its place as a JSON pointer. args must have passed wire.Check, which
// refuses names that differ only in case already.
func (n *Names) Check(args json.RawMessage) error {
	r := readers.Get().(*reader)
	defer readers.Put(r)
	return r.check(n, args)
}

// level is an object or array that is open.
type level struct {
	names *Names            // declared for it
	child *Names            // declared for what comes next in it
	seen  [][]byte          // names so far
	loose map[string][]byte // the same by what they look like, once that can be another one
}

// reader reads arguments token by token, and knows where it is.
type reader struct {
	jsontext.Decoder
	in     bytes.Buffer
	root   *Names
	levels []level
}

var readers = sync.Pool{New: func() any { return new(reader) }}

// check reads arguments of which names are declared.
func (r *reader) check(names *Names, args json.RawMessage) error {
	defer r.forget()
	r.root, r.in = names, *bytes.NewBuffer(args)
	r.Reset(&r.in, jsontext.AllowDuplicateNames(true))
	for {
		if done, err := r.step(); done || err != nil {
			return err
		}
	}
}

// What a reader keeps for the next arguments: levels, and names of each.
const (
	keepLevels = 16
	keepNames  = 64
)

// forget makes a reader ready for the next arguments, without a trace of what it has
// read.
func (r *reader) forget() {
	if cap(r.levels) > keepLevels {
		r.levels = nil
	}
	r.levels = r.levels[:cap(r.levels)]
	for i := range r.levels {
		seen := r.levels[i].seen
		clear(seen[:cap(seen)])
		if cap(seen) > keepNames {
			seen = nil
		}
		r.levels[i] = level{seen: seen[:0]}
	}
	r.levels, r.root, r.in = r.levels[:0], nil, bytes.Buffer{}
	r.Reset(&r.in)
}

// step reads a name or the next token of a value. It reports whether that was the
// end.
func (r *reader) step() (done bool, err error) {
	if kind, length := r.StackIndex(r.StackDepth()); kind == '{' && length%2 == 0 && r.PeekKind() == '"' {
		return false, r.name()
	}
	tok, err := r.ReadToken()
	if err != nil {
		return true, err
	}
	switch tok.Kind() {
	case '{':
		r.push(r.below())
	case '[':
		below := r.below()
		r.push(below)
		if below != nil {
			r.levels[len(r.levels)-1].child = below.items
		}
	case '}', ']':
		r.pop()
	}
	return r.StackDepth() == 0, nil
}

// below returns what is declared for the value that begins.
func (r *reader) below() *Names {
	if len(r.levels) == 0 {
		return r.root
	}
	return r.levels[len(r.levels)-1].child
}

func (r *reader) push(names *Names) {
	if n := len(r.levels); n < cap(r.levels) {
		r.levels = r.levels[:n+1] // with the list that an earlier object grew
	} else {
		r.levels = append(r.levels, level{})
	}
	l := &r.levels[len(r.levels)-1]
	l.names, l.child = names, nil
}

func (r *reader) pop() {
	l := &r.levels[len(r.levels)-1]
	*l = level{seen: l.seen[:0]}
	r.levels = r.levels[:len(r.levels)-1]
}

// name reads a member's name.
func (r *reader) name() error {
	quoted, err := r.ReadValue()
	if err != nil {
		return err
	}
	name := []byte(quoted[1 : len(quoted)-1])
	if bytes.IndexByte(name, '\\') >= 0 {
		if name, err = jsontext.AppendUnquote(nil, quoted); err != nil {
			return err
		}
	}
	l := &r.levels[len(r.levels)-1]
	declared, meant := l.follow(name)
	if meant != "" {
		return fmt.Errorf("%s%s is not declared and looks like %s, which a server may take it for: write it %s, or leave it out",
			clip(string(name)), r.place(), clip(meant), clip(meant))
	}
	if !declared && string(name) == prototype {
		return fmt.Errorf("%s%s is not declared, and a server may take what is in it for members beside it: leave it out",
			clip(prototype), r.place())
	}
	if other := l.add(name, declared); other != nil {
		return fmt.Errorf("%s and %s%s look alike, so that a server may take one for the other: send one of them",
			clip(string(other)), clip(string(name)), r.place())
	}
	return nil
}

// prototype is where a JavaScript object has the members that it lacks itself.
const prototype = "__proto__"

// follow sets what is declared below a name, and reports whether the name is declared.
// Where it only looks like a declared one, that is returned.
func (l *level) follow(name []byte) (declared bool, meant string) {
	l.child = nil
	if l.names == nil {
		return false, ""
	}
	below, declared := l.names.declared[string(name)]
	if declared {
		l.child = below
		return true, ""
	}
	l.child = l.names.rest
	if usual(name) { // its own key, which costs nothing to look up
		return false, l.names.alike[string(name)]
	}
	return false, l.names.alike[key(string(name))]
}

// add records a name; it returns the one before that looks like it, or nil. follow
// has compared what is not declared with what is. Declared names in ASCII look alike
// only where they differ in case, which was looked at before.
func (l *level) add(name []byte, declared bool) (other []byte) {
	if l.loose == nil {
		if usual(name) || declared && ascii(name) {
			l.seen = append(l.seen, name)
			return nil
		}
		l.loose = make(map[string][]byte, len(l.seen)+1)
		for _, s := range l.seen { // their keys are their folds, or those of declared ones
			l.loose[fold.Full(string(s))] = s
		}
	}
	k := fold.Full(string(name))
	if !declared {
		k = separators.Replace(k)
	}
	if other, dup := l.loose[k]; dup {
		return other
	}
	l.loose[k] = name
	return nil
}

func ascii(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// usual reports whether a name is only lower-case letters and digits.
func usual(name []byte) bool {
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// place says in which object the name that was read last is.
func (r *reader) place() string {
	if parent := r.StackPointer().Parent(); parent != "" {
		return " at " + clip(string(parent))
	}
	return ""
}

// clip makes a client's text fit for a message: quoted, with what is not ASCII by its
// number, and cut.
func clip(s string) string {
	const most = 80
	if runes := []rune(s); len(runes) > most {
		return fmt.Sprintf("%+q…", string(runes[:most]))
	}
	return fmt.Sprintf("%+q", s)
}
