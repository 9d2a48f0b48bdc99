package cel

import (
	"math"
	"sync"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// operand is an argument of a call whose price is asked: a value, or what is known of
// it before there is one.
type operand struct {
	// value is nil where it is not known.
	value ref.Val
	// hint says how large it is at most where there is no value.
	hint *cost.SizeEstimate
	// kind is that of the type, types.DynKind where that is not known.
	kind types.Kind
}

// weight is how much there is of a value.
type weight struct {
	// parts are the elements and entries, those inside them included, and bytes
	// what texts there are.
	parts, bytes float64
}

func (w weight) add(o weight) weight { return weight{w.parts + o.parts, w.bytes + o.bytes} }

// endless is the weight of what cannot be said, or is too much to be counted.
var endless = weight{math.Inf(1), math.Inf(1)}

// maxParts is how many parts of a value are counted. What has more is too much for
// any call that goes through all of it.
const maxParts = 10_000

// operandPool keeps operands, because prices are asked in loops. No priced function takes more
// than four arguments.
var operandPool = sync.Pool{New: func() any { return new([4]operand) }}

// ask returns the price of a call whose arguments are there.
func ask(price price, args []ref.Val) float64 {
	kept := operandPool.Get().(*[4]operand)
	all := kept[:0]
	for _, arg := range args {
		all = append(all, operand{value: arg, kind: kindOf(arg)})
	}
	ns := price(all)
	*kept = [4]operand{} // or it would hold on to values
	operandPool.Put(kept)
	return ns
}

func kindOf(v ref.Val) types.Kind {
	if t, ok := v.Type().(*types.Type); ok {
		return t.Kind()
	}
	return types.DynKind
}

// nodes returns operands of which only the expression is known.
func nodes(e cost.Estimator, args []cost.AstNode) []operand {
	all := make([]operand, len(args))
	for i, arg := range args {
		size := cost.EstimateSize(e, arg)
		all[i] = operand{hint: &size, kind: arg.Type().Kind()}
		if x := arg.Expr(); x != nil && x.Kind() == ast.LiteralKind {
			all[i].value = x.AsLiteral()
		}
	}
	return all
}

// text returns the text, if it is known to be one.
func (o operand) text() (string, bool) {
	s, ok := o.value.(types.String)
	return string(s), ok
}

// length returns how many bytes a text has; scalars have none.
func (o operand) length() float64 {
	switch v := o.value.(type) {
	case types.String:
		return float64(len(v))
	case types.Bytes:
		return float64(len(v))
	case nil:
	default:
		return 0
	}
	switch o.kind {
	case types.StringKind, types.BytesKind, types.DynKind, types.AnyKind, types.TypeParamKind:
		return o.hinted(utf8Max)
	}
	return 0
}

// utf8Max is how many bytes a character has at most.
const utf8Max = 4

// hinted returns the hint's size times n, or endless.
func (o operand) hinted(n float64) float64 {
	if o.hint == nil || o.hint.Max >= 1<<60 {
		return math.Inf(1)
	}
	return float64(o.hint.Max) * n
}

// size returns how many elements or entries a list or map has itself; others have none.
func (o operand) size() float64 {
	switch v := o.value.(type) {
	case traits.MutableLister:
		return 0 // it is added to in place
	case traits.Lister:
		return float64(v.Size().(types.Int))
	case traits.Mapper:
		return float64(v.Size().(types.Int))
	case nil:
	default:
		return 0
	}
	if o.scalar() {
		return 0
	}
	return o.hinted(1)
}

// scalar reports whether the type says that it is neither a list nor a map.
func (o operand) scalar() bool {
	switch o.kind {
	case types.ListKind, types.MapKind, types.DynKind, types.AnyKind, types.TypeParamKind, types.OpaqueKind, types.StructKind:
		return false
	}
	return true
}

// weight returns how much there is of it.
func (o operand) weight() weight {
	switch {
	case o.value != nil:
		left := float64(maxParts)
		return weigh(o.value, &left)
	case o.scalar():
		return weight{1, o.length()}
	case o.kind == types.ListKind && o.hint != nil && o.hint.Elem != nil && o.hint.Elem.Elem == nil && o.hint.Elem.Max < 1<<60:
		n := o.hinted(1)
		return weight{n, n * float64(o.hint.Elem.Max) * utf8Max}
	}
	return endless
}

// weigh counts the parts of a value until left, which bounds values that hold the same
// list in many places.
func weigh(v ref.Val, left *float64) weight {
	switch v := v.(type) {
	case types.String:
		return weight{1, float64(len(v))}
	case types.Bytes:
		return weight{1, float64(len(v))}
	case *types.Optional:
		if v.HasValue() {
			return weigh(v.GetValue(), left)
		}
	case traits.MutableLister:
		return weight{1, 0}
	case traits.Lister:
		return weighAll(v, v.Size(), func(e ref.Val) weight { return weigh(e, left) }, left)
	case traits.Mapper:
		return weighAll(v, v.Size(), func(k ref.Val) weight { return weigh(k, left).add(weigh(v.Get(k), left)) }, left)
	}
	return weight{1, 0}
}

func weighAll(all interface {
	ref.Val
	traits.Iterable
}, size ref.Val, part func(ref.Val) weight, left *float64) weight {
	if *left -= float64(size.(types.Int)); *left < 0 {
		return endless
	}
	total := weight{1, 0}
	if list, ok := all.Value().([]string); ok {
		for _, s := range list {
			total = total.add(weight{1, float64(len(s))})
		}
		return total
	}
	for it := all.Iterator(); it.HasNext() == types.True; {
		if total = total.add(part(it.Next())); math.IsInf(total.parts, 1) {
			return endless
		}
	}
	return total
}
