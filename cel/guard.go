package cel

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	celgo "cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/functions"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"
)

// guards is a library that has every program ask for the price of a call before it
// makes it: cel-go charges afterwards, when a search in megabytes has been paid for.
// It is a library so that no program can be made without it.
type guards struct{}

var _ celgo.Library = guards{}

// CompileOptions implements celgo.Library.
func (guards) CompileOptions() []celgo.EnvOption { return nil }

// ProgramOptions implements celgo.Library.
func (guards) ProgramOptions() []celgo.ProgramOption {
	return []celgo.ProgramOption{celgo.CustomDecoratorV2(guard)}
}

// bindings are functions as they are called.
type bindings struct {
	env *celgo.Env
	// calls are by overload, and by function where that chooses the overload itself.
	calls map[string]*functions.Overload
}

// implementations returns what guarded calls call.
var implementations = sync.OnceValue(func() bindings {
	options := []celgo.EnvOption{celgo.OptionalTypes()}
	for _, e := range extensions() {
		options = append(options, e.option)
	}
	env, err := celgo.NewEnv(append(options, functionDeclarations()...)...)
	if err != nil {
		panic(err) // the declarations of this package do not agree
	}
	b := bindings{env, map[string]*functions.Overload{}}
	for name, declaration := range env.Functions() {
		if _, ok := charges[name]; !ok {
			continue
		}
		all, err := declaration.Bindings()
		if err != nil {
			panic(err)
		}
		for _, f := range all {
			b.calls[f.Operator] = f
		}
	}
	return b
})

// unguarded is the price in nanoseconds up to which a call need not ask.
const unguarded = 100 * nsPerUnit

// guard replaces a call that may be too dear by one that asks first.
func guard(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	call, ok := i.(interpreter.InterpretableCall)
	if !ok {
		return i, nil
	}
	args := call.Args()
	if call.Function() == operators.In {
		if list, ok := literalOf(args[1]).(traits.Lister); ok {
			return clipped(call, list), nil
		}
	}
	price, ok := charges[call.Function()]
	if !ok || price(known(args)) <= unguarded {
		return i, nil
	}
	invoke := implementation(call)
	if invoke == nil {
		return i, nil
	}
	guarded := interpreter.NewCall(call.ID(), call.Function(), call.OverloadID(), args, func(args ...ref.Val) ref.Val {
		if err := affordable(call.Function(), price, args); err != nil {
			return types.WrapErr(err)
		}
		return invoke(args...)
	})
	// What is no InterpretableCall is not replaced by cel-go's own optimizations.
	return struct{ interpreter.InterpretableV2 }{guarded}, nil
}

// known returns what is known of arguments when a call is planned.
func known(args []interpreter.InterpretableV2) []operand {
	all := make([]operand, len(args))
	for i, arg := range args {
		all[i] = operand{kind: types.DynKind}
		if v := literalOf(arg); v != nil {
			all[i] = operand{value: v, kind: kindOf(v)}
		}
	}
	return all
}

// literalOf returns the value of a constant, or nil.
func literalOf(i interpreter.InterpretableV2) ref.Val {
	if c, ok := i.(interpreter.InterpretableConst); ok {
		return c.Value()
	}
	return nil
}

// argumentChecks are made of the second argument before the price is asked, which is
// that of an argument that passes.
var argumentChecks = map[string]func(text string) error{
	overloads.Matches:  checkGuestRegexp,
	"regex.extract":    checkGuestRegexp,
	"regex.extractAll": checkGuestRegexp,
	"regex.replace":    checkGuestRegexp,
}

// affordable returns an error for a call that would cost more than [MaxCost].
func affordable(function string, price price, args []ref.Val) error {
	if check, ok := argumentChecks[function]; ok {
		if pattern, ok := args[1].(types.String); ok {
			if err := check(string(pattern)); err != nil {
				return err
			}
		}
	}
	if cost := units(ask(price, args)); cost > MaxCost {
		return tooLarge(function, args, cost)
	}
	return nil
}

func tooLarge(function string, args []ref.Val, cost uint64) error {
	sizes := make([]string, 0, len(args))
	for _, arg := range args {
		o := operand{value: arg}
		switch n := o.size(); {
		case o.length() > 0:
			sizes = append(sizes, fmt.Sprintf("%.0f bytes", o.length()))
		case n > 0:
			sizes = append(sizes, fmt.Sprintf("%.0f elements", n))
		}
	}
	if n, ok := operators.FindReverse(function); ok && n != "" {
		function = n
	}
	price := fmt.Sprintf("%d units", cost)
	if cost >= 1<<60 {
		price = "more units than are counted"
	}
	return fmt.Errorf("%s is given too much (%s): it would cost %s, and no call may cost more than %d",
		function, strings.Join(sizes, ", "), price, MaxCost)
}

// implementation returns what a call calls.
func implementation(call interpreter.InterpretableCall) functions.FunctionOp {
	switch call.Function() {
	case operators.Equals:
		return func(args ...ref.Val) ref.Val { return types.Equal(args[0], args[1]) }
	case operators.NotEquals:
		return func(args ...ref.Val) ref.Val { return types.Bool(types.Equal(args[0], args[1]) != types.True) }
	case operators.Add:
		return add
	case overloads.Matches:
		return matcher(literalOf(call.Args()[1]))
	}
	f, ok := implementations().calls[call.OverloadID()]
	if !ok {
		f, ok = implementations().calls[call.Function()]
	}
	if !ok {
		return nil
	}
	return invoker(call.Function(), f)
}

// invoker calls an overload as cel-go's interpreter does.
func invoker(function string, f *functions.Overload) functions.FunctionOp {
	return func(args ...ref.Val) ref.Val {
		switch {
		case f.OperandTrait != 0 && !args[0].Type().HasTrait(f.OperandTrait):
			return types.NewErr("no such overload: %s", function)
		case len(args) == 1 && f.Unary != nil:
			return f.Unary(args[0])
		case len(args) == 2 && f.Binary != nil:
			return f.Binary(args[0], args[1])
		case f.Function != nil:
			return f.Function(args...)
		}
		return types.NewErr("no such overload: %s", function)
	}
}

// add adds. Lists are copied, where cel-go would chain them: an element of a long
// chain takes long to be found.
func add(args ...ref.Val) ref.Val {
	left, ok := args[0].(traits.Lister)
	right, ok2 := args[1].(traits.Lister)
	if _, inPlace := args[0].(traits.MutableLister); ok && ok2 && !inPlace {
		return types.NewRefValList(types.DefaultTypeAdapter, append(elements(left), elements(right)...))
	}
	adder, ok := args[0].(traits.Adder)
	if !ok {
		return types.MaybeNoSuchOverloadErr(args[0])
	}
	return adder.Add(args[1])
}

func elements(list traits.Lister) []ref.Val {
	all := make([]ref.Val, 0, int(list.Size().(types.Int)))
	for it := list.Iterator(); it.HasNext() == types.True; {
		all = append(all, it.Next())
	}
	return all
}

// matcher matches regular expressions: one that is a literal is compiled at once.
func matcher(pattern ref.Val) functions.FunctionOp {
	compile := regexp.Compile
	if text, ok := pattern.(types.String); ok {
		re, err := regexp.Compile(string(text))
		compile = func(string) (*regexp.Regexp, error) { return re, err }
	}
	return func(args ...ref.Val) ref.Val {
		text, ok := args[0].(types.String)
		pattern, ok2 := args[1].(types.String)
		if !ok || !ok2 {
			return types.NewErr("no such overload: %s", overloads.Matches)
		}
		re, err := compile(string(pattern))
		if err != nil {
			return types.WrapErr(err)
		}
		return types.Bool(re.MatchString(string(text)))
	}
}

// clipped tests whether something is in a list that is known. Of a text no more is
// looked at than shows that it is longer than all in the list: cel-go makes a set of
// such a list, and hashing megabytes has no price.
func clipped(call interpreter.InterpretableCall, list traits.Lister) interpreter.InterpretableV2 {
	longest := 0
	for it := list.Iterator(); it.HasNext() == types.True; {
		if s, ok := it.Next().(types.String); ok {
			longest = max(longest, len(s))
		}
	}
	args := call.Args()
	f := implementations().calls[operators.In]
	return interpreter.NewCall(call.ID(), call.Function(), call.OverloadID(),
		[]interpreter.InterpretableV2{&beginning{args[0], longest + 1}, args[1]}, invoker(call.Function(), f))
}

// beginning is an expression of whose text only the beginning is taken.
type beginning struct {
	interpreter.InterpretableV2
	length int
}

// Exec implements interpreter.InterpretableV2.
func (c *beginning) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	v := c.InterpretableV2.Exec(frame)
	if s, ok := v.(types.String); ok && len(s) > c.length {
		return s[:c.length]
	}
	return v
}
