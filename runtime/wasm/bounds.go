package wasm

import "fmt"

// Bounds of a module, over which compiling and keeping it would cost too much:
// those of web browsers (WebAssembly JavaScript Interface, "Implementation-
// defined Limits"), or lower where compilers stay far below. The largest
// sample, a Go program of 15 MB, has 8,310 functions of 20 locals at the most and
// 79 kB of code in the largest.
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
