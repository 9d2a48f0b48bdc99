package plugins

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mcpwasm/mcpwasm/internal/nearest"
)

// maxManifestDepth is how deep a manifest may nest, as deep as a message.
const maxManifestDepth = 256

// decodeStrict decodes data into v, a pointer to a struct. encoding/json alone
// is lenient where a signature needs one meaning: it takes the last of two equal
// members, matches names without regard to case, and replaces bad UTF-8.
func decodeStrict(data []byte, v any) error {
	if len(data) > MaxManifestBytes {
		return fmt.Errorf("manifest: %d bytes, more than the %d allowed", len(data), MaxManifestBytes)
	}
	s := strict{data: data, dec: json.NewDecoder(bytes.NewReader(data))}
	s.dec.UseNumber()
	if !utf8.Valid(data) {
		return errors.New("manifest: not valid UTF-8")
	}
	if trimmed := bytes.TrimLeft(data, " \t\r\n"); !bytes.HasPrefix(trimmed, []byte("{")) {
		return errors.New("manifest: want a JSON object")
	}
	if err := s.value(reflect.TypeOf(v).Elem(), "", 0); err != nil {
		return s.locate(err)
	}
	if _, err := s.dec.Token(); err != io.EOF {
		return s.locate(errors.New("more than one JSON value"))
	}
	if err := json.Unmarshal(data, v); err != nil {
		var typed *json.UnmarshalTypeError
		if errors.As(err, &typed) {
			return fmt.Errorf("manifest: %s: want %s, have %s", typed.Field, typeName(typed.Type), typed.Value)
		}
		return fmt.Errorf("manifest: %w", err)
	}
	return nil
}

// strict walks a document's tokens beside the type that it will be decoded into.
type strict struct {
	data []byte
	dec  *json.Decoder
}

// locate adds the line and column of the token that was read last.
func (s *strict) locate(err error) error {
	at := min(int(s.dec.InputOffset()), len(s.data))
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		at = min(int(syntax.Offset), len(s.data))
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("unexpected end of JSON")
	}
	line := 1 + bytes.Count(s.data[:at], []byte("\n"))
	column := utf8.RuneCount(s.data[bytes.LastIndexByte(s.data[:at], '\n')+1 : at])
	return fmt.Errorf("manifest: line %d, column %d: %w", line, max(column, 1), err)
}

// value walks one value. A nil type is data of the server's own: its members
// have any name, but none twice.
func (s *strict) value(t reflect.Type, path string, depth int) error {
	if depth > maxManifestDepth {
		return fmt.Errorf("nested deeper than %d levels", maxManifestDepth)
	}
	tok, err := s.dec.Token()
	if err != nil {
		return err
	}
	switch tok {
	case json.Delim('{'):
		return s.object(t, path, depth)
	case json.Delim('['):
		return s.array(t, path, depth)
	}
	return s.scalar(tok, t, path)
}

// scalar refuses null where a value is meant: encoding/json would take it for
// an absent member.
func (s *strict) scalar(tok json.Token, t reflect.Type, path string) error {
	if t == nil {
		return nil
	}
	if tok == nil {
		return fmt.Errorf("%s: null is not a value here: leave it out", pathName(path))
	}
	if t == reflect.TypeFor[json.RawMessage]() || indirect(t).Kind() == reflect.Struct {
		return fmt.Errorf("%s: want an object", pathName(path))
	}
	return nil
}

func (s *strict) object(t reflect.Type, path string, depth int) error {
	fields, open := membersOf(t)
	if !open && fields == nil {
		return fmt.Errorf("%s: want %s, have an object", pathName(path), typeName(t))
	}
	seen := map[string]string{}
	for s.dec.More() {
		tok, err := s.dec.Token()
		if err != nil {
			return err
		}
		name, _ := tok.(string)
		if other, dup := seen[fold(name)]; dup {
			return fmt.Errorf("%s: %q and %q are the same key", pathName(path), other, name)
		}
		seen[fold(name)] = name
		ft, known := fields[name]
		if !open && !known {
			return fmt.Errorf("%s: unknown key %q%s", pathName(path), name, nearest.Hint(name, keys(fields)))
		}
		if err := s.value(ft, join(path, name), depth+1); err != nil {
			return err
		}
	}
	_, err := s.dec.Token()
	return err
}

func (s *strict) array(t reflect.Type, path string, depth int) error {
	var elem reflect.Type
	if t != nil {
		if t.Kind() != reflect.Slice || t == reflect.TypeFor[json.RawMessage]() {
			return fmt.Errorf("%s: want %s, have an array", pathName(path), typeName(t))
		}
		elem = t.Elem()
	}
	for i := 0; s.dec.More(); i++ {
		if err := s.value(elem, fmt.Sprintf("%s[%d]", path, i), depth+1); err != nil {
			return err
		}
	}
	_, err := s.dec.Token()
	return err
}

// membersOf returns the members that an object of type t may have; open means
// any.
func membersOf(t reflect.Type) (fields map[string]reflect.Type, open bool) {
	if t == nil || t == reflect.TypeFor[json.RawMessage]() {
		return nil, true
	}
	t = indirect(t)
	if t == reflect.TypeFor[Definitions]() {
		t = reflect.TypeFor[definitionsJSON]()
	}
	if t.Kind() != reflect.Struct {
		return nil, false
	}
	fields = map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
			fields[name] = f.Type
		}
	}
	return fields, false
}

func indirect(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}

// typeName says in JSON's words what a Go type takes.
func typeName(t reflect.Type) string {
	if t == reflect.TypeFor[json.RawMessage]() {
		return "an object"
	}
	switch indirect(t).Kind() {
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Slice:
		return "an array"
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "a boolean"
	}
	return "an integer"
}

func keys(m map[string]reflect.Type) []string {
	var names []string
	for k := range m {
		names = append(names, k)
	}
	return names
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func pathName(path string) string {
	if path == "" {
		return "top level"
	}
	return path
}

// fold maps names that differ only in case to the same string, by Unicode's
// simple folding: the least rune of each folding orbit.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, s)
}
