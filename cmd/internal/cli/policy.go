package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/cel"
)

func newPolicy(s Streams) *cobra.Command {
	return family("policy", "Check, test and explain policies", `Policy is about the rules that decide what is listed, called, done and answered:
docs/policy.md has the language. A FILE is a policy; where none is named it is the one
in force: policy in the configuration, or else the shipped one.`,
		newPolicyCheck(s), newPolicyTest(s), newPolicyExplain(s), newPolicyDefault(s), newPolicyApprovals(s), newPolicyForget(s))
}

// policyDefaultJSON is the output of policy default.
type policyDefaultJSON struct {
	Source string     `json:"source"`
	Hash   string     `json:"hash"`
	Rules  []cel.Rule `json:"rules"`
}

func newPolicyDefault(s Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "default",
		Short: "Print the shipped policy, to start from",
		Long: `Default prints the policy that is in force where none is named: what was granted
works, what a tool itself calls destructive is asked for, and private data does not leave
once untrusted content was seen.`,
		Example: `  mcpwasm policy default > policy.yaml`,
		Args:    takes(0, 0, "no argument"),
	}
	out := newOutput(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		if out.json() {
			p := cel.Default()
			return writeJSON(s.Out, policyDefaultJSON{string(cel.DefaultSource()), p.Hash(), p.Rules()})
		}
		if _, err := s.Out.Write(cel.DefaultSource()); err != nil {
			return fmt.Errorf("write output: %w", err)
		}
		return nil
	}
	return cmd
}

// writeText prints text in which others may have had a word.
func writeText(s Streams, text string) error {
	if _, err := io.WriteString(s.Out, printable(text)); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}
