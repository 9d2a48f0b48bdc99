package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/cmd/internal/config"
	"github.com/mcpwasm/mcpwasm/host"
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
		Long: `Check compiles a policy and reports everything that is wrong with it. Rules are held
against what is installed, which is the servers of the configuration and the lock file:
arguments against the schemas of their tools, names against what there is, and the
labels and tags of the configuration against the policy and the tools. What a server
offers is read from its manifest; one without is run, without grants, and asked.

The exit code is 3 for what keeps the policy from being used, for rules that do not fit a
tool, which would deny all that they are about, and for labels and tags that would mean
nothing. Rules that cannot mean what they say are warnings.`,
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
	c := flags.host(s)
	servers, err := p.servers(ctx, c)
	if err != nil {
		return v, err
	}
	facts, unknown, err := factsOf(ctx, c, servers)
	if err != nil {
		return v, err
	}
	v.addPlaced(labelProblems(p.file, host.CheckLabels(policy, servers)))
	v.addPlaced(p.factProblems(facts))
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

// addPlaced adds problems of the configuration.
func (v *policyCheckJSON) addPlaced(problems []config.Problem) {
	for _, p := range problems {
		v.Problems = append(v.Problems, cel.Problem{File: p.File, Line: p.Line, Column: p.Column,
			Severity: cel.SeverityError, Message: p.Path + ": " + p.Message})
	}
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
