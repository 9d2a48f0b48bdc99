package host

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mcpwasm/mcpwasm/cel"
)

// LabelProblem is a label of a server that the policy does not know: no rule would
// ever be about it.
type LabelProblem struct {
	Server string // the server's name
	// Path is where the label stands in the server's entry, such as
	// "labels.tools.fetch.source".
	Path string
	Err  error // with the nearest label
}

// Error implements error.
func (p *LabelProblem) Error() string {
	return fmt.Sprintf("server %q: %s: %v", p.Server, p.Path, p.Err)
}

// Unwrap returns what is wrong.
func (p *LabelProblem) Unwrap() error { return p.Err }

// LabelProblems are several. They are reported together.
type LabelProblems []*LabelProblem

// Error returns one line for each problem.
func (p LabelProblems) Error() string {
	texts := make([]string, len(p))
	for i, problem := range p {
		texts[i] = problem.Error()
	}
	return strings.Join(texts, "\n")
}

// CheckLabels refuses labels of servers that a policy does not know; nil is
// [cel.Default]. The error is a [LabelProblems], in the order of the servers. A host
// does the same: a misspelt label would switch off what the policy is there for.
func CheckLabels(p *cel.Policy, list []Server) error {
	p = orDefault(p)
	var problems LabelProblems
	for _, s := range list {
		for _, part := range s.Labels.parts() {
			for _, label := range part.labels {
				if err := p.CheckLabel(label); err != nil {
					key, _, _ := strings.Cut(label, ":")
					problems = append(problems, &LabelProblem{Server: s.Name, Path: part.path + "." + key, Err: err})
				}
			}
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return problems
}

// labelled are the labels of one part of a server.
type labelled struct {
	path   string
	labels []string
}

// parts are all labels, in the order of their fields and then of the names.
func (l Labels) parts() []labelled {
	var all []labelled
	for _, kind := range []struct {
		path   string
		labels map[string][]string
	}{
		{"labels.tools.", l.Tools}, {"labels.prompts.", l.Prompts}, {"labels.resources.", l.Resources},
		{"labels.http.", l.Grants.HTTP}, {"labels.mounts.", l.Grants.Mounts}, {"labels.secrets.", l.Grants.Secrets},
	} {
		for _, name := range slices.Sorted(maps.Keys(kind.labels)) {
			all = append(all, labelled{kind.path + name, kind.labels[name]})
		}
	}
	return append(all, labelled{"labels.kv", l.Grants.KV})
}
