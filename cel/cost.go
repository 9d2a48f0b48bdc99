package cel

import celgo "cel.dev/cel-go/cel"

// MaxCost is what an expression may cost, in units of cel-go's cost model.
const MaxCost = 10_000

// worstCase is what an expression costs at most, and whether that is below [MaxCost].
func worstCase(env *celgo.Env, ast *celgo.Ast) (uint64, bool) { return 0, false }

func costOptions() []celgo.ProgramOption { return []celgo.ProgramOption{celgo.CostLimit(MaxCost)} }
