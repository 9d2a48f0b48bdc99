package cel

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	celgo "cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// schema is what a tool's input schema says of its arguments, as far as CEL has types for
// it.
type schema struct {
	root *shape
	// objects are the types of the objects in it, by name.
	objects map[string]*objectType
}

// shape is the type of one value. The zero shape is dynamic.
type shape struct {
	kind shapeKind
	elem *shape // of a list and of a map
	// typ and fields are those of an object.
	typ    *objectType
	fields map[string]*shape
	// required are the fields that are always there.
	required []string
}

type shapeKind int

const (
	shapeDyn shapeKind = iota
	shapeString
	shapeInt
	shapeDouble
	shapeBool
	shapeList
	shapeMap
	shapeObject
)

// Bounds of a schema, which a stranger wrote. A schema with more bytes is an error of the rule;
// what is deeper or comes after so many shapes is dynamic.
const (
	maxSchemaBytes = 256 << 10
	maxShapes      = 1000
	maxShapeDepth  = 32
)

// parseSchema reads a JSON Schema (2020-12, as far as a decision can know it: what
// says more than one type is dynamic).
func parseSchema(data json.RawMessage) (*schema, error) {
	if len(data) > maxSchemaBytes {
		return nil, fmt.Errorf("input schema: %d bytes, and at most %d are read", len(data), maxSchemaBytes)
	}
	var root any
	if err := json.Unmarshal(data, &root); err != nil {
		return nil, fmt.Errorf("input schema: %w", err)
	}
	r := &schemaReader{root: root, shapes: map[string]*shape{}, objects: map[string]*objectType{}}
	s := &schema{root: r.shape("", root), objects: r.objects}
	if s.root.kind == shapeDyn {
		s.root = &shape{kind: shapeMap, elem: &shape{}} // arguments are an object in any case
	}
	return s, nil
}

// schemaReader reads one schema. shapes are by JSON pointer, which ends the recursion of
// a schema that refers to itself.
type schemaReader struct {
	root    any
	shapes  map[string]*shape
	objects map[string]*objectType
	depth   int
}

func (r *schemaReader) shape(pointer string, v any) *shape {
	if s, ok := r.shapes[pointer]; ok {
		return s
	}
	s := &shape{}
	if len(r.shapes) >= maxShapes || r.depth == maxShapeDepth {
		return s
	}
	r.depth++
	defer func() { r.depth-- }()
	r.shapes[pointer] = s
	if m, ok := v.(map[string]any); ok {
		r.fill(s, pointer, m)
	}
	return s
}

// compound are the keywords with which one value can have more than one shape.
var compound = []string{"allOf", "anyOf", "oneOf", "not", "if", "then", "else", "$dynamicRef", "dependentSchemas", "patternProperties", "prefixItems"}

func (r *schemaReader) fill(s *shape, pointer string, m map[string]any) {
	for _, k := range compound {
		if _, ok := m[k]; ok {
			return
		}
	}
	if target, ok := m["$ref"].(string); ok {
		if _, both := m["type"]; !both {
			r.refer(s, target)
		}
		return
	}
	switch m["type"] {
	case "string":
		s.kind = shapeString
	case "integer":
		s.kind = shapeInt
	case "number":
		s.kind = shapeDouble
	case "boolean":
		s.kind = shapeBool
	case "array":
		// A list of itself stays dynamic inside: it has no kind until its elements do.
		s.elem = r.shape(pointer+"/items", m["items"])
		s.kind = shapeList
	case "object":
		r.object(s, pointer, m)
	}
}

// refer makes a shape that of a place in the same schema; a reference that leaves it, or
// comes back to itself, is dynamic.
func (r *schemaReader) refer(s *shape, target string) {
	pointer, ok := strings.CutPrefix(target, "#")
	if !ok || pointer != "" && pointer[0] != '/' {
		return
	}
	if v, ok := resolve(r.root, pointer); ok {
		*s = *r.shape(pointer, v)
	}
}

// resolve follows a JSON pointer (RFC 6901).
func resolve(v any, pointer string) (any, bool) {
	for pointer != "" {
		var token string
		token, pointer, _ = strings.Cut(pointer[1:], "/")
		if pointer != "" {
			pointer = "/" + pointer
		}
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		m, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, ok = m[token]; !ok {
			return nil, false
		}
	}
	return v, true
}

func (r *schemaReader) object(s *shape, pointer string, m map[string]any) {
	properties, ok := m["properties"].(map[string]any)
	if !ok {
		s.elem = r.shape(pointer+"/additionalProperties", m["additionalProperties"])
		s.kind = shapeMap
		return
	}
	name := "object args" + strings.NewReplacer("/properties/", ".", "/items", "[]").Replace(pointer)
	if _, taken := r.objects[name]; taken { // by a property with "." in its name
		name += " at " + pointer
	}
	s.kind, s.fields = shapeObject, make(map[string]*shape, len(properties))
	s.typ = &objectType{types.NewObjectType(name), make(map[string]*types.FieldType, len(properties))}
	r.objects[name] = s.typ
	for _, p := range slices.Sorted(maps.Keys(properties)) {
		escaped := strings.NewReplacer("~", "~0", "/", "~1").Replace(p)
		s.fields[p] = r.shape(pointer+"/properties/"+escaped, properties[p])
	}
	if names, ok := m["required"].([]any); ok {
		for _, n := range names {
			if name, ok := n.(string); ok {
				s.required = append(s.required, name)
			}
		}
	}
	for p, f := range s.fields {
		s.typ.fields[p] = &types.FieldType{
			Type:    f.celType(),
			IsSet:   func(v any) bool { return memberSet(v, p) },
			GetFrom: func(v any) (any, error) { return member(v, p, f) },
		}
	}
}

func memberSet(v any, name string) bool {
	o, ok := v.(*object)
	if !ok {
		return false
	}
	_, ok = o.members[name]
	return ok
}

func member(v any, name string, s *shape) (any, error) {
	o, ok := v.(*object)
	if !ok {
		return nil, fmt.Errorf("%q of a %T", name, v)
	}
	m, ok := o.members[name]
	if !ok {
		return nil, fmt.Errorf("no such argument: %s", clip(strconv.Quote(name)))
	}
	if made, ok := o.made[name]; ok {
		return made, nil
	}
	converted := s.convert(o.a, m, strconv.Quote(name))
	made := adapter.NativeToValue(converted)
	if _, ok := converted.(*unreadable); ok {
		return made, nil // and it is noted each time that it is read
	}
	if o.made == nil {
		o.made = map[string]ref.Val{}
	}
	o.made[name] = made
	return made, nil
}

// celType is the shape's type in an expression.
func (s *shape) celType() *celgo.Type {
	switch s.kind {
	case shapeString:
		return celgo.StringType
	case shapeInt:
		return celgo.IntType
	case shapeDouble:
		return celgo.DoubleType
	case shapeBool:
		return celgo.BoolType
	case shapeList:
		return celgo.ListType(s.elem.celType())
	case shapeMap:
		return celgo.MapType(celgo.StringType, s.elem.celType())
	case shapeObject:
		return s.typ.typ
	}
	return celgo.DynType
}

// convertRoot returns the arguments as their schema says. Members are converted when they are
// read.
func (s *shape) convertRoot(a *activation, members map[string]any) any {
	switch s.kind {
	case shapeObject:
		return &object{a: a, typ: s.typ, members: members}
	case shapeMap:
		typed := make(map[string]any, len(members))
		for name, m := range members {
			typed[name] = &typedArgument{argument: m.(*argument), shape: s.elem}
		}
		return typed
	}
	return s.mismatch(a, "args")
}

// typedArgument is a member of arguments that are a map by their schema.
type typedArgument struct {
	*argument
	shape *shape
	typed ref.Val
}

func (m *typedArgument) value() ref.Val {
	if m.typed == nil {
		v := m.shape.convert(m.g.a, m.argument, strconv.Quote(m.name))
		if u, ok := v.(*unreadable); ok {
			return adapter.NativeToValue(u)
		}
		m.typed = adapter.NativeToValue(v)
	}
	return m.typed
}

// convert returns a parsed value as its shape says, what is no such value as
// unreadable.
func (s *shape) convert(a *activation, v any, name string) any {
	if m, ok := v.(*argument); ok {
		v = m.read()
	}
	if u, ok := v.(*unreadable); ok {
		return u
	}
	switch s.kind {
	case shapeDyn:
		return v
	case shapeString:
		if t, ok := v.(types.String); ok {
			return t
		}
	case shapeBool:
		if t, ok := v.(types.Bool); ok {
			return t
		}
	case shapeInt:
		if t, ok := v.(types.Int); ok {
			return t
		}
	case shapeDouble:
		return s.double(a, v, name)
	case shapeList:
		if t, ok := v.([]any); ok {
			return s.list(a, t, name)
		}
	case shapeMap:
		if t, ok := v.(map[string]any); ok {
			return s.mapping(a, t, name)
		}
	case shapeObject:
		if t, ok := v.(map[string]any); ok {
			return &object{a: a, typ: s.typ, members: t}
		}
	}
	return s.mismatch(a, name)
}

// double is a number as a double, for which it must be small enough: see maxExact.
func (s *shape) double(a *activation, v any, name string) any {
	switch n := v.(type) {
	case types.Double:
		return n
	case types.Int:
		if -maxExact < n && n < maxExact {
			return types.Double(n)
		}
		return &unreadable{a, fmt.Errorf("%s is too large to be exact where the tool's schema does not say integer: %d", clip(name), int64(n))}
	}
	return s.mismatch(a, name)
}

func (s *shape) mismatch(a *activation, name string) *unreadable {
	return &unreadable{a, fmt.Errorf("%s is not the %s that the tool's schema says", clip(name), s)}
}

func (s *shape) list(a *activation, v []any, name string) any {
	elements := make([]any, len(v))
	for i, e := range v {
		elements[i] = s.elem.convert(a, e, "an element of "+name)
	}
	return elements
}

func (s *shape) mapping(a *activation, v map[string]any, name string) any {
	members := make(map[string]any, len(v))
	for k, e := range v {
		members[k] = s.elem.convert(a, e, "a member of "+name)
	}
	return members
}

// String is the shape's name in messages.
func (s *shape) String() string {
	return [...]string{"value", "string", "integer", "number", "boolean", "array", "object", "object"}[s.kind]
}
