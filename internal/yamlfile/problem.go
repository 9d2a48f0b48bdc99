package yamlfile

import (
	"fmt"
	"strings"
)

// Problem is one thing that is wrong with a file.
type Problem struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`   // from 1; 0 where it is not known
	Column int    `json:"column,omitempty"` // from 1, in characters
	// Path is the key, "servers.hello.source", "" for the whole file.
	Path    string `json:"path,omitempty"`
	Message string `json:"message"`
}

// String returns "file:line:column: path: message", without what is not known.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, max(p.Column, 1))
	}
	b.WriteString(": ")
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Message)
	return b.String()
}

// Errors are all problems of a file, in the order of its lines.
type Errors []Problem

// Error returns one line for each problem.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, p := range e {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Position is a place in a file, both from 1; the zero value is none.
type Position struct{ Line, Column int }
