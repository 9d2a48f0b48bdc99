package cel

import (
	"fmt"
	"slices"

	celgo "cel.dev/cel-go/cel"
	"cel.dev/cel-go/interpreter"
)

// unknownPaths are what a list does not know of a call.
var unknownPaths = []string{"args", "request", "session", "principal.client"}

// mayBeUnknown reports whether the condition may read what is not known in a list: what
// only a call has, and labels, which a rule may add to some calls only.
func (c *condition) mayBeUnknown() bool {
	return c.readsUnknown() || (c.phase == PhaseList || c.phase == PhaseCall) && c.reads("labels")
}

func (c *condition) readsUnknown() bool {
	return c.phase == PhaseCall && slices.ContainsFunc(c.paths, func(path string) bool {
		return slices.ContainsFunc(unknownPaths, func(u string) bool { return below(path, u) || below(u, path) })
	})
}

// unknown reports whether the condition reads what is not known in this list.
func (c *judge) unknown(condition *condition) bool {
	return condition.readsUnknown() || c.labelsUnknown && condition.reads("labels")
}

// partialActivation is the activation of a list.
func (c *judge) partialActivation() (interpreter.PartialActivation, error) {
	if c.partial != nil {
		return c.partial, nil
	}
	patterns := []*celgo.AttributePatternType{
		celgo.AttributePattern("args"),
		celgo.AttributePattern("request"),
		celgo.AttributePattern("session"),
		celgo.AttributePattern("principal").QualString("client"),
	}
	if c.labelsUnknown {
		patterns = append(patterns, celgo.AttributePattern("labels"))
	}
	partial, err := celgo.PartialVars(c.a, patterns...)
	if err != nil {
		return nil, fmt.Errorf("decide a list: %w", err)
	}
	c.partial = partial
	return partial, nil
}
