package lock

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// ErrForm is wrapped by the error of a file that says what it should, but not in
// its one form: [Format] writes that.
var ErrForm = errors.New("it is not in its one form")

// ErrConflict is wrapped by the error of a file with the marks of a merge.
var ErrConflict = errors.New("a merge left its marks")

// document is the file's JSON form.
type document struct {
	Version int              `json:"version"`
	Servers map[string]Entry `json:"servers"`
}

// Marshal returns the one form of a file: members in a fixed order, servers and
// whatever is named by a key ascending, two spaces of indentation, a line end
// behind the last line, and every character that does not show as an escape. An
// entry that was not sealed, or that [Parse] would refuse, is an error.
func (f *File) Marshal() ([]byte, error) {
	data, err := f.encode()
	if err != nil {
		return nil, err
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("the lock file would have %d bytes, more than the %d allowed", len(data), MaxBytes)
	}
	return data, nil
}

func (f *File) encode() ([]byte, error) {
	doc := document{Version: FormVersion, Servers: f.Servers}
	if doc.Servers == nil {
		doc.Servers = map[string]Entry{}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(doc); err != nil {
		return nil, fmt.Errorf("write lock file: %w", err)
	}
	return escape(b.Bytes()), nil
}

// escape writes characters that a reviewer would not see, or see in another place,
// as \u escapes. Outside of strings JSON has none.
func escape(data []byte) []byte {
	shown := func(r rune) bool { return r == '\n' || unicode.IsPrint(r) && r != utf8.RuneError }
	if bytes.IndexFunc(data, func(r rune) bool { return !shown(r) }) < 0 {
		return data
	}
	var b bytes.Buffer
	for _, r := range string(data) {
		switch {
		case shown(r):
			b.WriteRune(r)
		case r > 0xFFFF:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.Bytes()
}

// Parse reads a file. It takes the one form only, so that no two files say the
// same; an unknown or repeated member, another version and an entry whose
// integrity does not hold are errors. Errors name the line, where there is one, and the
// way out.
func Parse(data []byte) (*File, error) {
	f, err := parse(data)
	if err != nil {
		return nil, err
	}
	canonical, err := f.encode()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(data, canonical) {
		return nil, fmt.Errorf("line %d: %w: write it again with: mcpwasm lock fmt", firstDifference(data, canonical), ErrForm)
	}
	return f, nil
}

// Format returns the one form of a file that an editor, a merge or git's
// conversion of line ends has changed in its form alone.
func Format(data []byte) ([]byte, error) {
	f, err := parse(data)
	if err != nil {
		return nil, err
	}
	return f.Marshal()
}

// parse reads a file in whatever form.
func parse(data []byte) (*File, error) {
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("larger than the %d bytes allowed", MaxBytes)
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, errors.New("the file is empty: restore it, or remove it to begin with nothing")
	}
	if line := conflict(data); line > 0 {
		return nil, fmt.Errorf("line %d: %w: keep each server's entry from one side, whole, and then: mcpwasm lock fmt", line, ErrConflict)
	}
	// The version first: what another one has besides is not ours to judge.
	var head struct {
		Version *int `json:"version"`
	}
	if err := jsonv2.Unmarshal(data, &head); err != nil {
		return nil, locate(data, err)
	}
	switch {
	case head.Version == nil:
		return nil, errors.New("version is missing: it is not a lock file of mcpwasm, or damaged: restore it")
	case *head.Version > FormVersion:
		return nil, fmt.Errorf("version %d: this mcpwasm reads version %d: update mcpwasm", *head.Version, FormVersion)
	case *head.Version != FormVersion:
		return nil, fmt.Errorf("version %d: want %d: the file is damaged: restore it", *head.Version, FormVersion)
	}
	var doc document
	if err := jsonv2.Unmarshal(data, &doc, jsonv2.RejectUnknownMembers(true)); err != nil {
		return nil, locate(data, err)
	}
	f := &File{Servers: doc.Servers}
	if err := f.check(); err != nil {
		return nil, err
	}
	return f, nil
}

var marks = regexp.MustCompile(`(?m)^(<{7}|\|{7}|={7}|>{7})( |\r?$)`)

// conflict returns the line of the first mark of a merge, or 0. A line of JSON
// never begins with one.
func conflict(data []byte) int {
	at := marks.FindIndex(data)
	if at == nil {
		return 0
	}
	return lineOf(data, at[0])
}

func lineOf(data []byte, offset int) int {
	return 1 + bytes.Count(data[:min(max(offset, 0), len(data))], []byte("\n"))
}

func firstDifference(a, b []byte) int {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	return lineOf(a, i)
}

// locate says in which line an error of the JSON is, in one line.
func locate(data []byte, err error) error {
	const restore = ": restore the file"
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		if errors.Is(err, jsontext.ErrDuplicateName) {
			return fmt.Errorf("line %d: %s stands twice%s", lineOf(data, int(syntax.ByteOffset)), place(syntax.JSONPointer), restore)
		}
		return fmt.Errorf("line %d: not valid JSON: %w%s", lineOf(data, int(syntax.ByteOffset)), syntax.Err, restore)
	}
	semantic, ok := errors.AsType[*jsonv2.SemanticError](err)
	if !ok {
		return fmt.Errorf("not valid JSON: %w%s", err, restore)
	}
	line := lineOf(data, int(semantic.ByteOffset))
	if errors.Is(err, jsonv2.ErrUnknownName) {
		return fmt.Errorf("line %d: unknown key %s%s", line, place(semantic.JSONPointer), restore)
	}
	if semantic.Err != nil {
		return fmt.Errorf("line %d: %s: %w%s", line, place(semantic.JSONPointer), semantic.Err, restore)
	}
	return fmt.Errorf("line %d: %s: a value of another kind stands here (%s)%s", line, place(semantic.JSONPointer), semantic.JSONKind, restore)
}

// place writes a pointer like the paths of the configuration: servers.hello.digest.
func place(p jsontext.Pointer) string {
	tokens := slices.Collect(p.Tokens())
	if len(tokens) == 0 {
		return "top level"
	}
	return fmt.Sprintf("%q", strings.Join(tokens, "."))
}
