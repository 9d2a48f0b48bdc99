package cli

import (
	"context"
	"errors"
	"os"
	"strings"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/cmd/internal/config"
	"github.com/mcpwasm/mcpwasm/host"
)

// validPolicy is a policy that can be used.
type validPolicy struct {
	File  string `json:"file"`
	Rules int    `json:"rules"`
	Cases int    `json:"cases"` // that were decided as expected
}

// checkPolicy reads a policy, holds it against the tools of servers that say in a
// manifest what they offer, and decides its cases. One that is decided otherwise than
// expected is a warning, since the policy can be used.
func (v *validateJSON) checkPolicy(ctx context.Context, c host.Config, path string) {
	policy, err := readPolicy(path)
	if err != nil {
		v.addPolicyProblems(path, err)
		return
	}
	v.Policy = &validPolicy{File: path, Rules: len(policy.Rules())}
	facts, whole := manifested(ctx, c)
	var there []cel.Installed
	if whole && len(v.Locked) == 0 {
		there = installed(facts)
	}
	v.addPolicyProblems(path, policy.Check(there))
	v.addPolicyProblems(path, checkTools(policy, facts))
	file := casesBeside(path)
	cases, err := readCases(file)
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	v.addPolicyProblems(file, err)
	for _, r := range policy.Test(ctx, cases) {
		if len(r.Failures) == 0 {
			v.Policy.Cases++
			continue
		}
		v.Warnings = append(v.Warnings, config.Problem{File: file, Line: r.Case.Line, Path: r.Case.Name, Message: strings.Join(r.Failures, "; ")})
	}
}

// manifested are the servers of a configuration that say in a manifest what they offer;
// whole reports whether all do.
func manifested(ctx context.Context, c host.Config) (facts []host.Facts, whole bool) {
	whole = len(c.Servers) > 0
	for _, s := range c.Servers {
		if s.Definitions == nil {
			whole = false // and nothing is run to find out
			continue
		}
		f, err := host.FactsOf(ctx, c, s)
		if err != nil {
			whole = false // why is found where its source is looked at
			continue
		}
		facts = append(facts, f)
	}
	return facts, whole
}

// addPolicyProblems adds what is wrong with a policy or its cases.
func (v *validateJSON) addPolicyProblems(path string, err error) {
	if err == nil {
		return
	}
	problems, other := problemsOf(err)
	if other != nil {
		v.Problems = append(v.Problems, config.Problem{File: path, Message: other.Error() + wayOut(other)})
	}
	for _, p := range problems {
		problem := config.Problem{File: p.File, Line: p.Line, Column: p.Column, Path: p.Rule, Message: p.Message}
		if p.Severity == cel.SeverityError {
			v.Problems = append(v.Problems, problem)
		} else {
			v.Warnings = append(v.Warnings, problem)
		}
	}
}
