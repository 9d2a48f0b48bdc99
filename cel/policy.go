package cel

import (
	"cmp"
	"regexp"
	"slices"
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

// Policy is a compiled policy, safe for concurrent use. It is never changed.
type Policy struct {
	source *source
	rules  []*rule
	// passes are what is decided in each phase, in the order of [Phases].
	passes [4]passes
	tools  *toolCache
}

// Parse reads and compiles a policy. file names it in messages. The error is a
// [Problems], with all that is wrong.
func Parse(file string, data []byte) (*Policy, error) {
	src, problems := parseSource(file, data)
	p, more, err := compile(src)
	if err != nil {
		return nil, Problems{{File: file, Severity: SeverityError, Message: shorten(err.Error())}}
	}
	if problems = append(problems, more...); len(problems) > 0 {
		slices.SortStableFunc(problems, func(a, b Problem) int {
			return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
		})
		return nil, problems
	}
	return p, nil
}

// Hash is "sha256:…" of the policy's text.
func (p *Policy) Hash() string { return p.source.hash }

// Rules are the policy's rules in order.
func (p *Policy) Rules() []Rule {
	rules := make([]Rule, len(p.rules))
	for i, r := range p.rules {
		rules[i] = r.source.Rule
	}
	return rules
}

// Labels are those that the policy knows, in ascending order: the well-known ones and
// those that it declares. Nothing that it says is about any other.
func (p *Policy) Labels() []string { return slices.Clone(p.source.labels) }

// CheckLabel refuses a label that is not among [Policy.Labels]; the error has the
// nearest one.
func (p *Policy) CheckLabel(label string) error { return checkLabel(label, p.source.labels) }

// ListsVary reports whether a list may differ from one principal to the next.
func (p *Policy) ListsVary() bool {
	return slices.ContainsFunc(p.rules, func(r *rule) bool { return r.variesList() })
}
