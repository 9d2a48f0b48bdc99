package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/cel"
)

// policyTestJSON is the output of policy test.
type policyTestJSON struct {
	File   string     `json:"file"` // "" for the shipped policy
	Passed int        `json:"passed"`
	Failed int        `json:"failed"`
	Cases  []caseJSON `json:"cases"` // in the order of the files
}

// caseJSON is what became of a case.
type caseJSON struct {
	File     string      `json:"file"`
	Line     int         `json:"line"`
	Name     string      `json:"name"`
	On       cel.Phase   `json:"on"`
	Verdict  cel.Verdict `json:"verdict"`
	Rule     string      `json:"rule,omitempty"` // that decided; left out where none matched
	Passed   bool        `json:"passed"`
	Failures []string    `json:"failures"` // what differs
}

func newPolicyTest(s Streams) *cobra.Command {
	var flags packageFlags
	cmd := &cobra.Command{
		Use:   "test [FILE [CASES...]]",
		Short: "Decide the cases beside a policy, and compare",
		Long: `Test decides a table of cases by a policy and prints those whose decision is not the
expected one. The cases of policy.yaml are in policy_test.yaml beside it, unless files
are named. The exit code is 1 where a case fails. Nothing is run.`,
		Example: `  mcpwasm policy test policy.yaml
  mcpwasm policy test policy.yaml cases/*.yaml`,
		Args: func(*cobra.Command, []string) error { return nil },
	}
	cmd.Flags().StringVarP(&flags.config, "config", "c", "", configHelp)
	out := newOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		path := ""
		if len(args) > 0 {
			path = args[0]
		} else if file, err := optionalConfig(s, flags.config); err != nil {
			return err
		} else if path = file.Policy; path == "" {
			return usage("mcpwasm policy test FILE names one", "policy test: the configuration %s has no policy to test", file.Path)
		}
		cases := []string{casesBeside(path)}
		if len(args) > 1 {
			cases = args[1:]
		}
		v, err := testPolicy(cmd.Context(), path, cases)
		if err != nil {
			return err
		}
		return v.print(s, out.json())
	}
	return cmd
}

// testPolicy decides the cases of some files.
func testPolicy(ctx context.Context, path string, files []string) (*policyTestJSON, error) {
	policy, err := readPolicy(path)
	if err != nil {
		return nil, err
	}
	v := &policyTestJSON{File: path, Cases: []caseJSON{}}
	for _, file := range files {
		cases, err := readCases(file)
		if errors.Is(err, os.ErrNotExist) {
			return nil, &failure{ExitInput, fmt.Errorf("%s has no cases: there is no file %s", path, file), minimalCases}
		}
		if err != nil {
			return nil, inputFailure(err)
		}
		for _, r := range policy.Test(ctx, cases) {
			v.add(file, r)
		}
	}
	return v, ctx.Err()
}

// minimalCases is a file of cases, as short as it can be.
const minimalCases = "a minimal one is: cases: [{name: nobody deletes, on: call, given: {server: {name: notes}, tool: {name: delete}}, want: deny}]"

// inputFailure is about a file that cannot be read; problems in it have their own exit
// code already.
func inputFailure(err error) error {
	if problems, other := problemsOf(err); other == nil {
		return problems
	}
	return &failure{ExitInput, err, ""}
}

func (v *policyTestJSON) add(file string, r cel.CaseResult) {
	c := caseJSON{
		File: file, Line: r.Case.Line, Name: r.Case.Name, On: r.Case.On, Verdict: r.Decision.Verdict, Rule: r.Decision.Rule,
		Passed: len(r.Failures) == 0, Failures: append([]string{}, r.Failures...),
	}
	if c.Passed {
		v.Passed++
	} else {
		v.Failed++
	}
	v.Cases = append(v.Cases, c)
}

func (v *policyTestJSON) print(s Streams, asJSON bool) error {
	var err error
	if asJSON {
		err = writeJSON(s.Out, v)
	} else {
		err = writeText(s, v.text())
	}
	if err == nil && v.Failed > 0 {
		return &failure{ExitFailure, fmt.Errorf("%d of %s failed", v.Failed, countOf(len(v.Cases), "case", "cases")), ""}
	}
	return err
}

// text has a line for each case that failed, and says how many did not.
func (v *policyTestJSON) text() string {
	var b strings.Builder
	for _, c := range v.Cases {
		if !c.Passed {
			fmt.Fprintf(&b, "%s:%d: %s: %s\n", c.File, c.Line, c.Name, strings.Join(c.Failures, "; "))
		}
	}
	fmt.Fprintf(&b, "%s: %s passed, %d failed\n", v.File, countOf(v.Passed, "case", "cases"), v.Failed)
	return b.String()
}
