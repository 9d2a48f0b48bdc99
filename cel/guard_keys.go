package cel

import (
	"fmt"

	celgo "cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
)

// longestKey is how long a key may be that is computed, in bytes. To look for one takes as long
// as hashing it, which an index, as it is no call, has no price for.
const longestKey = 4096

// guardKeys makes an index with a longer key an error.
func guardKeys(checked *celgo.Ast) celgo.ProgramOption {
	keys := map[int64]bool{}
	ast.PostOrderVisit(checked.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind {
			return
		}
		switch e.AsCall().FunctionName() {
		case operators.Index, operators.OptIndex, operators.OptSelect:
			if key := e.AsCall().Args()[1]; key.Kind() != ast.LiteralKind && mayBeText(checked.NativeRep().GetType(key.ID())) {
				keys[key.ID()] = true
			}
		}
	}))
	return celgo.CustomDecoratorV2(func(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
		if keys[i.ID()] {
			return &shortKey{i}, nil
		}
		return i, nil
	})
}

func mayBeText(t *types.Type) bool {
	switch t.Kind() {
	case types.StringKind, types.DynKind, types.AnyKind, types.TypeParamKind:
		return true
	}
	return false
}

// shortKey is the expression of a key.
type shortKey struct{ interpreter.InterpretableV2 }

// Exec implements interpreter.InterpretableV2.
func (k *shortKey) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	v := k.InterpretableV2.Exec(frame)
	if s, ok := v.(types.String); ok && len(s) > longestKey {
		return types.WrapErr(fmt.Errorf("a key of %d bytes is too long to be looked for: at most %d", len(s), longestKey))
	}
	return v
}
