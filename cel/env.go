package cel

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	celgo "cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// registry has cel-go's own types.
var registry = func() *types.Registry {
	r, err := types.NewRegistry()
	if err != nil {
		panic(err) // cel-go's own tables do not fit together
	}
	return r
}()

// adapter turns Go values into CEL's.
var adapter types.Adapter = nativeAdapter{registry}

type nativeAdapter struct{ *types.Registry }

// NativeToValue knows the values that JSON comes to. What is in a list or a map has to come
// here as well, therefore both keep this adapter.
func (n nativeAdapter) NativeToValue(v any) ref.Val {
	switch v := v.(type) {
	case *argument:
		return v.value()
	case *typedArgument:
		return v.value()
	case *unreadable:
		v.a.untouchable(v.err)
		return types.WrapErr(v.err)
	case map[string]any:
		return types.NewStringInterfaceMap(n, v)
	case ref.Val:
		return v
	case []any:
		return types.NewList[any](n, v)
	}
	return n.Registry.NativeToValue(v)
}

// provider knows the objects of one environment beside cel-go's types.
type provider struct {
	*types.Registry
	objects map[string]*objectType
}

// FindStructType returns the type of a name.
func (p *provider) FindStructType(name string) (*types.Type, bool) {
	if o, ok := p.objects[name]; ok {
		return types.NewTypeTypeWithParam(o.typ), true
	}
	return p.Registry.FindStructType(name)
}

// FindStructFieldNames returns the fields of a type.
func (p *provider) FindStructFieldNames(name string) ([]string, bool) {
	if o, ok := p.objects[name]; ok {
		return slices.Sorted(maps.Keys(o.fields)), true
	}
	return p.Registry.FindStructFieldNames(name)
}

// FindStructFieldType returns a field of a type.
func (p *provider) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	if o, ok := p.objects[name]; ok {
		f, ok := o.fields[field]
		return f, ok
	}
	return p.Registry.FindStructFieldType(name, field)
}

// objectTypes are the types of the declared objects by their place in the
// declarations, with the fields of all phases. Their names cannot be written in an
// expression, so that nobody can make such an object there.
var objectTypes = func() []*objectType {
	ts := make([]*objectType, len(declarations))
	for i := range declarations {
		if d := &declarations[i]; d.typ == nil {
			ts[i] = &objectType{typ: types.NewObjectType("object " + d.path)}
		}
	}
	return ts
}()

// The fields refer to activations, and those to the types, which the compiler takes
// for a cycle.
func init() {
	for i, t := range objectTypes {
		if t != nil {
			t.fields = declaredFields(declarations[i].path, "")
		}
	}
}

// declaredFields are the fields of an object in a phase, in all with "".
func declaredFields(object string, phase Phase) map[string]*types.FieldType {
	fields := map[string]*types.FieldType{}
	for _, name := range fieldsOf(object, phase) {
		i := declared[object+"."+name]
		fields[name] = &types.FieldType{
			Type:    celType(i),
			IsSet:   func(v any) bool { return isSet(v, i) },
			GetFrom: func(v any) (any, error) { return getFrom(v, i) },
		}
	}
	return fields
}

func isSet(v any, i int) bool {
	o, ok := v.(*object)
	has := declarations[i].has
	return ok && (has == nil || has(&o.a.view))
}

func getFrom(v any, i int) (any, error) {
	o, ok := v.(*object)
	if !ok {
		return nil, fmt.Errorf("%s of a %T", declarations[i].path, v)
	}
	return o.a.value(i)
}

// celType is the type of a declaration.
func celType(i int) *types.Type {
	if t := objectTypes[i]; t != nil {
		return t.typ
	}
	return declarations[i].typ
}

// environment has the variables of one phase.
type environment struct {
	phase Phase
	// base lacks args, whose type is another for each tool.
	base     *celgo.Env
	general  *celgo.Env
	provider *provider
}

// environments are those of the [Phases], made when first used: it takes a few
// milliseconds.
var environments = func() [4]func() (*environment, error) {
	var es [4]func() (*environment, error)
	for i, phase := range Phases {
		es[i] = sync.OnceValues(func() (*environment, error) { return newEnvironment(phase) })
	}
	return es
}()

func newEnvironment(phase Phase) (*environment, error) {
	e := &environment{phase: phase, provider: &provider{registry.Copy(), map[string]*objectType{}}}
	options := []celgo.EnvOption{
		celgo.CustomTypeAdapter(adapter),
		celgo.CustomTypeProvider(e.provider),
		celgo.EnableMacroCallTracking(),
		celgo.EnableIdentifierEscapeSyntax(),
		celgo.OptionalTypes(),
		celgo.CrossTypeNumericComparisons(true),
		celgo.DefaultUTCTimeZone(true),
	}
	for i := range declarations {
		d := &declarations[i]
		if !d.in(phase) {
			continue
		}
		if d.typ == nil {
			e.provider.objects["object "+d.path] = &objectType{objectTypes[i].typ, declaredFields(d.path, phase)}
		}
		if of, name := d.split(); of == "" && name != "args" {
			options = append(options, celgo.Variable(name, celType(i)))
		}
	}
	var err error
	if e.base, err = celgo.NewEnv(append(options, library()...)...); err != nil {
		return nil, fmt.Errorf("environment of %s: %w", phase, err)
	}
	e.general = e.base
	if args := declared["args"]; declarations[args].in(phase) {
		e.general, err = e.base.Extend(celgo.Variable("args", celType(args)))
	}
	return e, err
}

// typed returns the environment in which args have the type of a schema.
func (e *environment) typed(args *schema) (*celgo.Env, error) {
	objects := maps.Clone(e.provider.objects)
	maps.Copy(objects, args.objects)
	return e.base.Extend(
		celgo.CustomTypeProvider(&provider{e.provider.Registry, objects}),
		celgo.Variable("args", args.root.celType()),
	)
}
