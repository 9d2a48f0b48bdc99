// Package explain shows how a policy came to a decision: a [Report] is what programs
// read, and [Report.Text] what people do.
package explain

import (
	"github.com/mcpwasm/mcpwasm/cel"
)

// Report is a decision with how it came about: the JSON of policy explain.
type Report struct {
	// Policy is the policy's file, "" for the shipped one.
	Policy   string    `json:"policy"`
	On       cel.Phase `json:"on"`
	Decision Decision  `json:"decision"`
	Rules    []Rule    `json:"rules"` // all of the phase, in the policy's order
}

// Decision is a [cel.Decision].
type Decision struct {
	Verdict    cel.Verdict `json:"verdict"`
	Rule       string      `json:"rule,omitempty"`    // left out where none matched
	Message    string      `json:"message,omitempty"` // for the caller
	Log        string      `json:"log,omitempty"`     // for the operator
	Error      string      `json:"error,omitempty"`   // why a rule could not be decided
	Asks       []string    `json:"asks,omitempty"`    // rules that want to ask
	Labels     []string    `json:"labels"`
	Redactions []Redaction `json:"redactions,omitempty"`
}

// Redaction is what a rule takes out of a result's text.
type Redaction struct {
	Rule     string   `json:"rule"`
	Patterns []string `json:"patterns"` // none is the whole text
}

// Rule is what became of a rule.
type Rule struct {
	cel.Rule
	Skipped string `json:"skipped,omitempty"` // why it was not looked at
	Matched bool   `json:"matched"`
	Error   string `json:"error,omitempty"` // why it could not be decided
	Cost    uint64 `json:"cost"`
	Steps   []Step `json:"steps"`
}

// Step is a part of an expression and what it came to.
type Step struct {
	Expression string `json:"expression"`
	Depth      int    `json:"depth"` // 0 for the whole expression
	Line       int    `json:"line"`
	Column     int    `json:"column"`
	Value      string `json:"value,omitempty"` // in CEL's notation
	Skipped    bool   `json:"skipped,omitempty"`
	Untrusted  bool   `json:"untrusted,omitempty"`
}

// New returns the report of an explanation. policy is the policy's file, "" for the
// shipped one.
func New(policy string, on cel.Phase, e cel.Explanation) Report {
	r := Report{Policy: policy, On: on, Decision: newDecision(e.Decision), Rules: []Rule{}}
	for _, t := range e.Rules {
		rule := Rule{Rule: t.Rule, Skipped: t.Skipped, Matched: t.Matched, Error: text(t.Err), Cost: t.Cost, Steps: []Step{}}
		for _, s := range t.Steps {
			rule.Steps = append(rule.Steps, Step(s))
		}
		r.Rules = append(r.Rules, rule)
	}
	return r
}

func newDecision(d cel.Decision) Decision {
	out := Decision{
		Verdict: d.Verdict, Rule: d.Rule, Message: d.Message, Log: d.Log, Error: text(d.Err),
		Labels: append([]string{}, d.Labels...),
	}
	for _, q := range d.Asks {
		out.Asks = append(out.Asks, q.Rule)
	}
	for _, r := range d.Redactions {
		redaction := Redaction{Rule: r.Rule, Patterns: []string{}}
		for _, p := range r.Patterns {
			redaction.Patterns = append(redaction.Patterns, p.String())
		}
		out.Redactions = append(out.Redactions, redaction)
	}
	return out
}

// text is an error's message, "" for none.
func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
