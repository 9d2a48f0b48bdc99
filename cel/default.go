package cel

import (
	_ "embed"
	"slices"
	"sync"
)

//go:embed default.yaml
var defaultSource []byte

var defaultPolicy = sync.OnceValue(func() *Policy {
	p, err := Parse("default policy", defaultSource)
	if err != nil {
		panic(err) // it is part of the program, and tested
	}
	return p
})

// Default is the policy that is in force where there is none: what was granted
// works, what a tool itself calls destructive is asked for, and private data does not
// leave once untrusted content was seen.
func Default() *Policy { return defaultPolicy() }

// DefaultSource is the text of [Default].
func DefaultSource() []byte { return slices.Clone(defaultSource) }
