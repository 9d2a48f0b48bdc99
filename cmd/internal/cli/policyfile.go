package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/cmd/internal/config"
	"github.com/mcpwasm/mcpwasm/host"
)

// maxPolicyBytes bounds a policy's file and its cases: both are written by people.
const maxPolicyBytes = 1 << 20

// policyFlags name the policy that a host decides by.
type policyFlags struct{ path string }

func (f *policyFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.path, "policy", "", "policy `FILE` that decides calls and effects (default: the configuration's, else the shipped one)")
	// Its only error is a flag that does not exist.
	_ = cmd.RegisterFlagCompletionFunc("policy", cobra.FixedCompletions([]cobra.Completion{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt))
}

// in returns the file of the policy that is in force, "" for the shipped one. file
// is nil where no configuration is read.
func (f *policyFlags) in(file *config.File) string {
	if f.path == "" && file != nil {
		return file.Policy
	}
	return f.path
}

// decideBy puts the policy of a file into a host's configuration, and keeps the file
// from being written by the servers that it is about.
func decideBy(c *host.Config, path string) (err error) {
	if path != "" {
		c.Guarded = append(c.Guarded, path)
	}
	c.Policy, err = readPolicy(path)
	return err
}

// readPolicy reads and compiles the policy of a file; "" is the shipped one.
func readPolicy(path string) (*cel.Policy, error) {
	if path == "" {
		return cel.Default(), nil
	}
	data, err := config.ReadFile(path, maxPolicyBytes)
	if err != nil {
		hint := ""
		if errors.Is(err, os.ErrNotExist) {
			hint = "mcpwasm policy default > " + path + " writes one to start from"
		}
		return nil, &failure{ExitInput, fmt.Errorf("cannot read the policy %q: %w", path, err), hint}
	}
	return cel.Parse(path, data)
}

// policyName names a policy's file for people.
func policyName(path string) string {
	if path == "" {
		return "the shipped policy"
	}
	return path
}

// casesBeside returns the file of cases beside a policy: policy_test.yaml for
// policy.yaml.
func casesBeside(path string) string {
	ending := filepath.Ext(path)
	return strings.TrimSuffix(path, ending) + "_test" + ending
}

// readCases reads a table of cases.
func readCases(path string) ([]cel.Case, error) {
	data, err := config.ReadFile(path, maxPolicyBytes)
	if err != nil {
		return nil, fmt.Errorf("cannot read the cases %q: %w", path, err)
	}
	return cel.ParseCases(path, data)
}
