package wasm

import "fmt"

// Bounds of a module, over which compiling and keeping it would cost too much:
// those of web browsers (WebAssembly JavaScript Interface, "Implementation-
// defined Limits"), or lower where compilers stay far below. A Go program of
// 40 MB has 60,000 functions of fewer than 100 locals, 3 MB at the most in one.
const (
	maxTypes       = 100_000
	maxParams      = 1000
	maxFunctions   = 1_000_000
	maxGlobals     = 100_000
	maxSegments    = 100_000
	maxLocals      = 50_000
	maxLocalsInAll = 32 << 20
	maxBody        = 7_654_321
)

// prepare checks the module's bounds and rewrites it, so that its guests can be
// stopped: see [boundTables] and [interruptible]. The module's header must be
// good ([plugins.Inspect]) and its imports known ([Check]).
func prepare(module []byte) ([]byte, error) {
	list, err := parseSections(module)
	if err == nil {
		err = boundTables(list)
	}
	if err == nil {
		list, err = interruptible(list)
	}
	if err != nil {
		return nil, fmt.Errorf("the module is not valid: %w", err)
	}
	return assembleSections(module, list), nil
}
