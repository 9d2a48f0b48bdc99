package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/cel"
)

// policyCheckJSON is the output of policy check.
type policyCheckJSON struct {
	File  string `json:"file"`  // "" for the shipped policy
	Valid bool   `json:"valid"` // it can be used
	// Rules is how many there are, 0 where the file cannot be read as a policy.
	Rules int `json:"rules"`
	// Servers are those whose tools the rules were held against.
	Servers  []string     `json:"servers"`
	Unknown  []string     `json:"unknown"` // servers whose tools are not known, and why
	Problems cel.Problems `json:"problems"`
}

func newPolicyCheck(s Streams) *cobra.Command {
	var flags installedFlags
	var strict bool
	cmd := &cobra.Command{
		Use:   "check [FILE]",
		Short: "Check a policy's rules, and hold them against the installed tools",
		Long: `Check compiles a policy and reports everything that is wrong with it: what keeps it
from being used with exit code 3, and rules that cannot mean what they say as warnings.
Rules are held against the servers of the configuration and the lock file: arguments
against the schemas of their tools, and names against what there is. What a server
offers is read from its manifest; one without is run, without grants, and asked.`,
		Example: `  mcpwasm policy check policy.yaml
  mcpwasm policy check --strict`,
		Args:              takes(0, 1, "at most one file"),
		ValidArgsFunction: files("yaml", "yml"),
	}
	flags.register(cmd)
	cmd.Flags().BoolVar(&strict, "strict", false, "fail where there are warnings, with exit code 1")
	out := newOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		p, err := flags.open(s)
		if err != nil {
			return err
		}
		v, err := checkPolicy(cmd.Context(), s, p, &flags, p.policyFile(args))
		if err != nil {
			return err
		}
		return v.print(s, out.json(), strict)
	}
	return cmd
}

// checkPolicy checks the policy of a file. The error is about reading it; problems
// with its content are in the result.
func checkPolicy(ctx context.Context, s Streams, p *packages, flags *installedFlags, path string) (policyCheckJSON, error) {
	v := policyCheckJSON{File: path, Servers: []string{}, Unknown: []string{}, Problems: cel.Problems{}}
	policy, err := readPolicy(path)
	if err != nil {
		problems, err := problemsOf(err)
		v.Problems = append(v.Problems, problems...)
		return v, err
	}
	facts, unknown, err := p.facts(ctx, flags.host(s))
	if err != nil {
		return v, err
	}
	for _, f := range facts {
		v.Servers = append(v.Servers, f.Server.Name)
	}
	v.Unknown = append(v.Unknown, unknown...)
	there := installed(facts)
	if len(unknown) > 0 || len(facts) == 0 {
		there = nil // what no known tool matches may be about another
	}
	v.Rules = len(policy.Rules())
	v.Problems = append(append(v.Problems, policy.Check(there)...), checkTools(policy, facts)...)
	sortProblems(v.Problems)
	errs, _ := bySeverity(v.Problems)
	v.Valid = len(errs) == 0
	return v, nil
}

func (v *policyCheckJSON) print(s Streams, asJSON, strict bool) error {
	errs, warnings := bySeverity(v.Problems)
	for _, w := range warnings {
		say(s, "warning: %s", w)
	}
	for _, u := range v.Unknown {
		say(s, "warning: the tools of a server are not known: %s", u)
	}
	if asJSON {
		if err := writeJSON(s.Out, v); err != nil {
			return err
		}
	} else if v.Valid {
		text := fmt.Sprintf("%s: valid, %s\n", policyName(v.File), countOf(v.Rules, "rule", "rules"))
		if err := writeText(s, text); err != nil {
			return err
		}
	}
	switch {
	case !v.Valid:
		return errs
	case strict && len(warnings)+len(v.Unknown) > 0:
		return &failure{ExitFailure, fmt.Errorf("%s: %s", policyName(v.File), countOf(len(warnings)+len(v.Unknown), "warning", "warnings")), ""}
	}
	return nil
}
