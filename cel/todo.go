package cel

import (
	"context"
)

// Everything in this file stands in for what is being written; the file goes away.

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

// Check looks for rules that cannot mean what they say. installed may be nil.
func (p *Policy) Check(installed []Installed) Problems { panic("todo") }
