package cel

import (
	"context"
)

// Everything in this file stands in for what is being written; the file goes away.

// Parse reads and compiles a policy. file names it in messages. The error is a
// [Problems].
func Parse(file string, data []byte) (*Policy, error) { panic("todo") }

// Default is the policy that is in force where there is none: what was granted
// works, what a tool itself calls destructive is asked for, and private data does not
// leave once untrusted content was seen.
func Default() *Policy { panic("todo") }

// DefaultSource is the text of [Default].
func DefaultSource() []byte { panic("todo") }

// ParseCases reads a table of cases. file names it in messages. The error is a
// [Problems].
func ParseCases(file string, data []byte) ([]Case, error) { panic("todo") }

// ParseInput reads what a decision of a phase is about from JSON, strictly: the
// members of [Input] that the phase knows.
func ParseInput(phase Phase, data []byte) (*Input, error) { panic("todo") }

// Test decides the cases.
func (p *Policy) Test(ctx context.Context, cases []Case) []CaseResult { panic("todo") }

// Reference describes the variables of each phase and the functions in Markdown.
func Reference() string { panic("todo") }
