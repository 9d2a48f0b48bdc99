package cel

import (
	"fmt"
	"strings"
)

// Severity says whether a problem keeps a policy from being used.
type Severity string

// The severities. A warning is about a rule that works and cannot mean what it
// says.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
)

// Problem is one thing that is wrong with a policy or with cases.
type Problem struct {
	File     string   `json:"file"`
	Line     int      `json:"line,omitempty"`   // from 1; 0 where it is not known
	Column   int      `json:"column,omitempty"` // from 1, in characters
	Rule     string   `json:"rule,omitempty"`   // name of the rule or case
	Severity Severity `json:"severity"`
	Message  string   `json:"message"`
}

// String returns "file:line:column: rule: message", without what is not known.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, max(p.Column, 1))
	}
	b.WriteString(": ")
	if p.Rule != "" {
		b.WriteString(p.Rule + ": ")
	}
	b.WriteString(p.Message)
	return b.String()
}

// Problems are all that is wrong, in the order of the lines.
type Problems []Problem

// Error returns one line for each problem.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i := range p {
		lines[i] = p[i].String()
	}
	return strings.Join(lines, "\n")
}
