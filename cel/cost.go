package cel

import (
	"math"
	"strings"

	celgo "cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types/ref"
)

// MaxCost is what one expression may cost, and what one call in it may, in the units
// of cel-go's cost model: a name that is read costs 1, a list that is made 10, and a
// round of a comprehension at least 3. Calls whose time depends on their arguments are
// charged by this package, for cel-go asks as much for a search in a text as for a
// regular expression: see charges.
//
// A unit is at most 50 ns on the machines that we measure on. A call is refused
// before it is made where it alone would cost more, and an expression ends as soon as
// all of it has: together at most twice MaxCost, 3 ms.
const MaxCost = 30_000

// nsPerUnit is how long a unit may take.
const nsPerUnit = 50

// Bounds of compilation. A policy file has at most 1 MiB and a person wrote it; what
// is larger than this is generated, and an expression is planned and evaluated by
// recursion.
const (
	maxExpression = maxWhen // characters
	maxNodes      = 5_000   // parts, with what macros make of them
	maxDepth      = 100     // parts inside one another
	maxLoops      = 4       // comprehensions inside one another
)

// compileLimits bounds what is compiled.
func compileLimits() []celgo.EnvOption {
	return []celgo.EnvOption{
		celgo.ParserExpressionSizeLimit(maxExpression),
		celgo.ParserRecursionLimit(maxDepth),
		celgo.ParserErrorRecoveryLimit(10),
		celgo.ExpressionNodeLimit(maxNodes),
		celgo.ExpressionNestingDepthLimit(maxDepth),
		celgo.ASTValidators(shapeValidator{}, celgo.ValidateComprehensionNestingLimit(maxLoops)),
	}
}

// costOptions makes a program end where it costs more than [MaxCost]. The error is
// cel-go's interpreter.EvalCancelledError. Whether or not a program has them, a
// single call is never made that costs more.
func costOptions() []celgo.ProgramOption {
	return []celgo.ProgramOption{celgo.CostTracking(nameTracker{}), celgo.CostLimit(MaxCost)}
}

// costModel tells cel-go's estimator and its tracker the price of every overload that
// has one.
func costModel() celgo.EnvOption {
	var models []cost.OverloadModel
	for name, function := range implementations().env.Functions() {
		price, ok := charges[name]
		if !ok {
			continue
		}
		for _, overload := range function.OverloadDecls() {
			newModel := cost.Overload
			if overload.IsMemberFunction() {
				newModel = cost.MemberOverload
			}
			models = append(models, newModel(overload.ID(), cost.ManualCost(estimate(name, price),
				func(args []ref.Val, _ ref.Val) *uint64 { return charge(price, args) })))
		}
	}
	return celgo.CostModel(models...)
}

// estimate returns what tells the estimator a price.
func estimate(function string, price price) cost.FunctionEstimator {
	return func(e cost.Estimator, target *cost.AstNode, args []cost.AstNode) *cost.CallEstimate {
		if target != nil {
			args = append([]cost.AstNode{*target}, args...)
		}
		worst := units(price(nodes(e, args)))
		return cost.NewCallEstimate(cost.Estimate{Min: 1, Max: worst}, resultSize(e, function, args))
	}
}

// resultSize returns how large the result of a call is, where that matters for what
// is done with it; nil is unknown.
func resultSize(e cost.Estimator, function string, args []cost.AstNode) *cost.SizeEstimate {
	switch function {
	case "lowerAscii", "upperAscii", "trim", "substring":
		return &cost.SizeEstimate{Max: cost.EstimateSize(e, args[0]).Max}
	}
	return nil
}

// nameTracker charges calls by the name of the function: those whose overload is
// chosen by their arguments while the expression runs, and which cel-go would otherwise
// charge nothing for.
type nameTracker struct{}

var _ cost.ActualCostEstimator = nameTracker{}

// CallCost implements cost.ActualCostEstimator.
func (nameTracker) CallCost(function, _ string, args []ref.Val, _ ref.Val) *uint64 {
	price, ok := charges[function]
	if !ok {
		return nil
	}
	return charge(price, args)
}

func charge(price price, args []ref.Val) *uint64 {
	n := units(ask(price, args))
	return &n
}

// units returns how many units a time in nanoseconds is, at least one.
func units(ns float64) uint64 {
	// The conversion of a float that does not fit is not defined.
	return 1 + uint64(math.Min(ns/nsPerUnit, 1<<60))
}

// worstCase returns what an expression costs at most, whatever it is decided on, and
// whether that is within [MaxCost]: such a program needs no costOptions. It is
// math.MaxUint64 where nothing can be said, because texts or lists of any size are
// gone through.
func worstCase(env *celgo.Env, checked *celgo.Ast) (worst uint64, bounded bool) {
	estimate, err := env.EstimateCost(checked, sizeHints{})
	if err != nil || estimate.Max >= 1<<60 {
		return math.MaxUint64, false
	}
	return estimate.Max, estimate.Max <= MaxCost
}

// sizeHints tells cel-go's estimator how large variables are and what calls cost.
type sizeHints struct{}

var _ cost.Estimator = sizeHints{}

// boundedTexts are variables of bounded length, in bytes, and boundedLists variables of bounded
// size: the operator wrote them, or who makes them bounds them. A larger list is a call
// that costs more, which is refused before it is made.
var (
	boundedTexts = map[string]uint64{
		"server.name": 64, "server.digest": 80, "server.registry": 256, "server.repository": 512, "server.backend": 16,
		"server.grants.kv": 8, "tool.name": 256, "tool.hash": 80, "request.transport": 16,
		"effect.kind": 16, "effect.http.method": 32, "effect.http.scheme": 8, "effect.http.host": 256, "effect.http.path": 4096, "effect.http.query": 48 << 10,
		"effect.file.path": 4096, "effect.file.access": 8, "effect.kv.key": 1024, "effect.kv.access": 8, "effect.secret.name": 64,
		"result.kind": 16,
	}
	boundedLists = map[string]struct{ size, element uint64 }{
		"labels": {256, 128}, "session.labels": {256, 128}, "tool.tags": {256, 128}, "server.signers": {64, 256},
		"server.grants.http": {256, 256}, "server.grants.mounts": {256, 256}, "server.grants.secrets": {256, 64},
	}
)

// EstimateSize implements cost.Estimator.
func (sizeHints) EstimateSize(node cost.AstNode) *cost.SizeEstimate {
	path := node.Path()
	inList := len(path) > 1 && path[len(path)-1] == "@items"
	if inList {
		path = path[:len(path)-1]
	}
	name := strings.Join(path, ".")
	if size, ok := boundedTexts[name]; ok {
		return &cost.SizeEstimate{Max: size}
	}
	list, ok := boundedLists[name]
	if !ok {
		return nil
	}
	element := &cost.SizeEstimate{Max: list.element}
	if inList {
		return element
	}
	return &cost.SizeEstimate{Max: list.size, Elem: element}
}

// EstimateCallCost implements cost.Estimator. Prices are the cost model's.
func (sizeHints) EstimateCallCost(_, _ string, _ *cost.AstNode, _ []cost.AstNode) *cost.CallEstimate {
	return nil
}
