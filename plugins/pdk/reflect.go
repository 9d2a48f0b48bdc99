package pdk

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// generator makes schemas from Go types.
type generator struct {
	// closed forbids members that a struct does not have, so that a misspelled
	// argument is an error and not ignored.
	closed bool
	open   []reflect.Type // structs being worked on, to find recursion
}

// schemaFor returns the schema of a struct or map type, as arguments are.
func schemaFor(t reflect.Type, closed bool) (*schema, error) {
	g := generator{closed: closed}
	s, err := g.of(t)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// formSchema returns the schema of a form, which must be flat.
func formSchema[T any]() (*schema, error) {
	s, err := schemaFor(reflect.TypeFor[T](), false)
	if err != nil {
		return nil, err
	}
	if s.Properties == nil {
		return nil, fmt.Errorf("a form needs a struct with fields, not %v", reflect.TypeFor[T]())
	}
	for _, name := range s.Properties.names {
		p := s.Properties.byName[name]
		if slices.Contains(p.Type, "object") || len(p.Type) == 0 || slices.Contains(p.Type, "array") && len(p.Items.Enum) == 0 {
			return nil, fmt.Errorf("a form's field must be a string, number, boolean or enum: %q is none", name)
		}
	}
	return s, nil
}

var (
	typeTime      = reflect.TypeFor[time.Time]()
	typeRaw       = reflect.TypeFor[json.RawMessage]()
	typeNumber    = reflect.TypeFor[json.Number]()
	typeMarshaler = reflect.TypeFor[json.Marshaler]()
	typeText      = reflect.TypeFor[encoding.TextMarshaler]()
)

func (g *generator) of(t reflect.Type) (*schema, error) {
	switch {
	case t == typeTime:
		return &schema{Type: types{"string"}, Format: "date-time"}, nil
	case t == typeNumber:
		return &schema{Type: types{"number"}}, nil
	case t == typeRaw || implements(t, typeMarshaler):
		return &schema{}, nil
	case implements(t, typeText):
		return &schema{Type: types{"string"}}, nil
	}
	switch t.Kind() {
	case reflect.Bool:
		return &schema{Type: types{"boolean"}}, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return &schema{Type: types{"integer"}}, nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return &schema{Type: types{"integer"}, Minimum: "0"}, nil
	case reflect.Float32, reflect.Float64:
		return &schema{Type: types{"number"}}, nil
	case reflect.String:
		return &schema{Type: types{"string"}}, nil
	case reflect.Interface:
		return &schema{}, nil
	case reflect.Pointer:
		return g.nullable(t.Elem())
	case reflect.Slice, reflect.Array:
		return g.list(t)
	case reflect.Map:
		return g.dictionary(t)
	case reflect.Struct:
		return g.object(t)
	}
	return nil, fmt.Errorf("type %v has no JSON form", t)
}

// implements reports whether t or a pointer to it has the methods of i. A pointer
// type is left to nullable.
func implements(t, i reflect.Type) bool {
	return t.Kind() != reflect.Pointer && (t.Implements(i) || reflect.PointerTo(t).Implements(i))
}

func (g *generator) nullable(t reflect.Type) (*schema, error) {
	s, err := g.of(t)
	if err == nil && len(s.Type) > 0 && !slices.Contains(s.Type, "null") {
		s.Type = append(s.Type, "null")
	}
	return s, err
}

func (g *generator) list(t reflect.Type) (*schema, error) {
	if t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 {
		return &schema{Type: types{"string"}, Encoding: "base64"}, nil
	}
	items, err := g.of(t.Elem())
	if err != nil {
		return nil, err
	}
	s := &schema{Type: types{"array"}, Items: items}
	if t.Kind() == reflect.Array {
		n := t.Len()
		s.MinItems, s.MaxItems = &n, &n
	}
	return s, nil
}

func (g *generator) dictionary(t reflect.Type) (*schema, error) {
	if t.Key().Kind() != reflect.String {
		return nil, fmt.Errorf("type %v: the keys of a map must be strings", t)
	}
	elem, err := g.of(t.Elem())
	if err != nil {
		return nil, err
	}
	return &schema{Type: types{"object"}, Additional: &additional{schema: elem}}, nil
}

func (g *generator) object(t reflect.Type) (*schema, error) {
	if slices.Contains(g.open, t) {
		return nil, fmt.Errorf("type %v contains itself: write its schema yourself", t)
	}
	g.open = append(g.open, t)
	defer func() { g.open = g.open[:len(g.open)-1] }()
	s := &schema{Type: types{"object"}, Properties: &properties{}}
	if err := g.fields(s, t); err != nil {
		return nil, err
	}
	if g.closed {
		s.Additional = &additional{deny: true}
	}
	return s, nil
}

// fields adds the fields of t to s by the rules of encoding/json.
func (g *generator) fields(s *schema, t reflect.Type) error {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" && options == "" {
			continue
		}
		if f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct {
			if err := g.fields(s, f.Type); err != nil {
				return err
			}
			continue
		}
		if !f.IsExported() {
			continue
		}
		if name == "" {
			name = f.Name
		}
		if err := g.field(s, f, name, options); err != nil {
			return fmt.Errorf("field %v.%s: %w", t, f.Name, err)
		}
	}
	return nil
}

func (g *generator) field(s *schema, f reflect.StructField, name, options string) error {
	p, err := g.of(f.Type)
	if err != nil {
		return err
	}
	if err := applyTags(p, f.Tag); err != nil {
		return err
	}
	s.Properties.add(name, p)
	opts := strings.Split(options, ",")
	if slices.Contains(opts, "string") {
		return errors.New(`the json option "string" is not supported`)
	}
	optional := slices.Contains(opts, "omitempty") || slices.Contains(opts, "omitzero") || f.Type.Kind() == reflect.Pointer
	if !optional {
		s.Required = append(s.Required, name)
	}
	return nil
}

// applyTags adds what a field's tags say: jsonschema or description, enum,
// default, minimum, maximum, minLength, maxLength, minItems, maxItems, header.
func applyTags(p *schema, tag reflect.StructTag) error {
	p.Description = tag.Get("jsonschema")
	if d := tag.Get("description"); d != "" {
		p.Description = d
	}
	p.Header = tag.Get("header")
	if v, ok := tag.Lookup("default"); ok {
		p.Default = literal(p, v)
		if !json.Valid(p.Default) {
			return fmt.Errorf("tag default:%q is no %s", v, p.Type)
		}
	}
	if v, ok := tag.Lookup("enum"); ok {
		if err := applyEnum(p, v); err != nil {
			return err
		}
	}
	return applyBounds(p, tag)
}

// applyEnum sets the values that a field, or the elements of a list, may have.
func applyEnum(p *schema, list string) error {
	target := p
	if p.Items != nil {
		target = p.Items
	}
	for v := range strings.SplitSeq(list, ",") {
		raw := literal(target, strings.TrimSpace(v))
		if !json.Valid(raw) {
			return fmt.Errorf("tag enum: %q is no %s", v, target.Type)
		}
		target.Enum = append(target.Enum, raw)
	}
	return nil
}

// literal reads a tag's value as a string where the field is one, else as JSON.
func literal(p *schema, v string) json.RawMessage {
	if slices.Contains(p.Type, "string") {
		return mustEncode(v)
	}
	return json.RawMessage(v)
}

func applyBounds(p *schema, tag reflect.StructTag) error {
	for name, to := range map[string]*json.Number{"minimum": &p.Minimum, "maximum": &p.Maximum} {
		if v, ok := tag.Lookup(name); ok {
			if _, err := strconv.ParseFloat(v, 64); err != nil {
				return fmt.Errorf("tag %s:%q is no number", name, v)
			}
			*to = json.Number(v)
		}
	}
	for name, to := range map[string]**int{
		"minLength": &p.MinLength, "maxLength": &p.MaxLength, "minItems": &p.MinItems, "maxItems": &p.MaxItems,
	} {
		if v, ok := tag.Lookup(name); ok {
			n, err := strconv.Atoi(v)
			if err != nil || n < 0 {
				return fmt.Errorf("tag %s:%q is no count", name, v)
			}
			*to = &n
		}
	}
	return nil
}
