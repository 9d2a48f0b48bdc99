package cel

import (
	"fmt"
	"reflect"
	"sync"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
)

// activation is an input as cel-go sees it, for one decision. Every value is made when
// it is first read and kept, so that a hundred rules on the same name cost one
// conversion.
type activation struct {
	view
	values  []any
	objects []object
	args    arguments
	labels  []string
	// unreadable is the first value that was read and cannot be represented. An
	// expression that touched one is never trusted: "in" and "==" of lists and maps
	// would otherwise take such an element for one that differs.
	unreadable error
}

var _ interpreter.Activation = (*activation)(nil)

var (
	noServer = &Server{}
	noTool   = &Tool{}
)

var activations = sync.Pool{New: func() any {
	a := &activation{values: make([]any, len(declarations)), objects: make([]object, len(declarations))}
	for i := range a.objects {
		a.objects[i] = object{a: a, typ: objectTypes[i]}
	}
	return a
}}

// activate returns an activation for a decision; it goes back with release.
func activate(in *Input) *activation {
	a := activations.Get().(*activation)
	a.view = view{Input: in, server: in.Server, tool: in.Tool}
	if a.server == nil {
		a.server = noServer
	}
	if a.tool == nil {
		a.tool = noTool
	}
	a.args = arguments{a: a, json: in.Args}
	a.labels = in.Labels
	return a
}

// release gives the activation back. Nothing that was made from it may be used afterwards.
func (a *activation) release() {
	clear(a.values)
	a.view, a.args, a.labels, a.unreadable = view{}, arguments{}, nil, nil
	activations.Put(a)
}

// addLabels adds labels to those that rules see.
func (a *activation) addLabels(labels []string) {
	a.labels = append(a.labels[:len(a.labels):len(a.labels)], labels...)
	a.values[declared["labels"]] = nil
}

// ResolveName returns the value of a variable.
func (a *activation) ResolveName(name string) (any, bool) {
	for _, i := range variables {
		if declarations[i].path != name {
			continue
		}
		v, err := a.value(i)
		if err != nil {
			return types.WrapErr(err), true
		}
		return v, true
	}
	return nil, false
}

// Parent returns nil: there are no other variables.
func (a *activation) Parent() interpreter.Activation { return nil }

func (a *activation) value(i int) (any, error) {
	if v := a.values[i]; v != nil {
		return v, nil
	}
	d := &declarations[i]
	if d.path == "args" {
		return a.args.value() // which of the two types depends on the rule
	}
	if !d.fallback && d.has != nil && !d.has(&a.view) {
		return nil, fmt.Errorf("%s is not there; ask has(%s) first", d.path, d.path)
	}
	if d.readable != nil {
		if err := d.readable(&a.view); err != nil {
			a.untouchable(err)
			return nil, err
		}
	}
	a.values[i] = a.make(i, d)
	return a.values[i], nil
}

func (a *activation) make(i int, d *declaration) any {
	switch {
	case d.path == "labels":
		return texts(a.labels)
	case d.path == "principal.claims":
		return a.claims()
	case d.typ == nil:
		return &a.objects[i]
	}
	return d.get(&a.view)
}

// objectType is the type of a variable that has fields.
type objectType struct {
	typ    *types.Type
	fields map[string]*types.FieldType
}

// object is a value with fields: a declared one, or a tool's arguments by their schema.
type object struct {
	a   *activation
	typ *objectType
	// members are those of an object in JSON; nil for a declared one.
	members map[string]any
	// made are the members that were read, converted once.
	made map[string]ref.Val
}

var _ ref.Val = (*object)(nil)

// ConvertToNative fails: no object leaves an expression.
func (o *object) ConvertToNative(t reflect.Type) (any, error) {
	return nil, fmt.Errorf("%s cannot be converted to %s", o.typ.typ, t)
}

// ConvertToType knows the type of an object only.
func (o *object) ConvertToType(t ref.Type) ref.Val {
	if t == types.TypeType {
		return o.typ.typ
	}
	return types.NewErr("%s cannot be converted to %s", o.typ.typ, t.TypeName())
}

// Equal fails: an object is compared by its fields, else a field that is added one day
// would change what a rule says.
func (o *object) Equal(ref.Val) ref.Val {
	err := fmt.Errorf("%s cannot be compared as a whole; compare its fields", o.typ.typ)
	o.a.untouchable(err)
	return types.WrapErr(err)
}

// Type is the object's.
func (o *object) Type() ref.Type { return o.typ.typ }

// Value is the object itself, which the getters of its fields take.
func (o *object) Value() any { return o }

// Get returns a field; it is used where the expression does not know the type.
func (o *object) Get(key ref.Val) ref.Val {
	f, err := o.field(key)
	if err != nil {
		return err
	}
	v, failed := f.GetFrom(o)
	if failed != nil {
		return types.WrapErr(failed)
	}
	return adapter.NativeToValue(v)
}

// IsSet reports whether a field is there.
func (o *object) IsSet(key ref.Val) ref.Val {
	f, err := o.field(key)
	if err != nil {
		return err
	}
	return types.Bool(f.IsSet(o))
}

func (o *object) field(key ref.Val) (*types.FieldType, ref.Val) {
	name, _ := key.(types.String)
	f, ok := o.typ.fields[string(name)]
	if !ok {
		return nil, types.NewErr("%s has no field %q", o.typ.typ, clip(fmt.Sprint(key.Value())))
	}
	return f, nil
}

// untouchable notes that a value was read that cannot be.
func (a *activation) untouchable(err error) {
	if a.unreadable == nil {
		a.unreadable = err
	}
}
