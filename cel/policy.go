package cel

import (
	"context"
	"regexp"
)

// Verdict is what a rule says, and what comes of a decision.
type Verdict string

// The verdicts. Deny is stronger than Ask, and Ask than Allow and Redact, which
// lets through what is left after a redaction.
const (
	Deny   Verdict = "deny"
	Ask    Verdict = "ask"
	Redact Verdict = "redact"
	Allow  Verdict = "allow"
)

// Decision is what became of an [Input].
type Decision struct {
	Verdict Verdict
	// Rule is the name of the rule that decided, the first of its strength in the
	// policy's order; "" where none matched.
	Rule string
	// Message is for the caller, Log for the operator. Message is never empty
	// where the verdict is Deny or Ask; neither has values of arguments in it
	// that the rule's author did not write there.
	Message, Log string
	// Err is why a rule could not be decided; the verdict is then Deny. It is
	// for the operator.
	Err error
	// Asks are all rules that want to ask, where the verdict is Ask. Every one
	// has to be answered.
	Asks []Question
	// Labels are Input.Labels and those that rules added, in ascending order.
	Labels []string
	// Redactions are what is taken out of the strings of a result where the
	// verdict is Redact or Allow, in order.
	Redactions []Redaction
}

// Question is a rule that wants to ask.
type Question struct {
	Rule string
	// Hash changes with everything that the rule says ("sha256:…"), so that what
	// was answered holds for what was asked.
	Hash    string
	Message string
}

// Redaction takes something out of a text.
type Redaction struct {
	Rule string
	// Patterns are what is replaced by "[redacted]"; none is the whole text.
	Patterns []*regexp.Regexp
}

// Apply returns the text without what is redacted.
func (r Redaction) Apply(text string) string {
	if len(r.Patterns) == 0 && text != "" {
		return redacted
	}
	for _, p := range r.Patterns {
		text = p.ReplaceAllLiteralString(text, redacted)
	}
	return text
}

const redacted = "[redacted]"

// decider is what the files beside this one must provide. It is deleted with the
// last of them.
type decider interface {
	// Decide decides. in must not change meanwhile.
	//
	// PhaseList knows the rules for lists and those for calls: a definition is shown
	// unless a call of it would be denied whatever its arguments, its session
	// and its request. PhaseCall knows the denials for lists as well: what is not shown
	// cannot be called.
	Decide(ctx context.Context, phase Phase, in *Input) Decision
	// Explain decides as Decide does, all rules, and says how.
	Explain(ctx context.Context, phase Phase, in *Input) Explanation
	// CheckTool compiles the rules that name a server and one of its tools against
	// the tool's input schema. A rule with a problem denies every call of the tool.
	CheckTool(server string, tool *Tool) Problems
	// Check looks for rules that cannot mean what they say. installed may be nil.
	Check(installed []Installed) Problems
	// ListsVary reports whether a list may differ from one principal to the next.
	ListsVary() bool
	// Hash is "sha256:…" of the policy's text.
	Hash() string
	// Rules are the policy's rules in order.
	Rules() []Rule
}

// Policy is a compiled policy, safe for concurrent use. It is never changed.
type Policy struct {
	decider
}
