package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/host"
)

// TestPoliciesArePrintable has escapes in everything that the policy commands are
// given: no text that they print has one.
func TestPoliciesArePrintable(t *testing.T) {
	const red = "\x1b[31m"
	path := filepath.Join(t.TempDir(), "p"+red+".yaml")
	source := `rules: [{name: all, on: call, when: 'args.x == "\x1b[31m"', then: allow, message: "\e[31m"}]`
	if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"explain", path, "--server", "no" + red + "tes", "--tool", red, "--args", `{"x":"\u001b[31m"}`},
		{"explain", path, "--server", "notes", "--on", red},
		{"check", path},
		{"test", path},
		{"forget", red, "--state-dir", t.TempDir()},
		{red},
	} {
		var out strings.Builder
		Run(t.Context(), append([]string{"policy"}, args...), Streams{strings.NewReader(""), &out, &out})
		if strings.Contains(out.String(), red) || !strings.Contains(out.String(), "[31m") {
			t.Errorf("policy %q: %q", args, out.String())
		}
	}
	var out strings.Builder
	if err := writeApprovals(Streams{Out: &out}, []host.Approval{{ID: "a", Server: "no" + red + "tes"}}); err != nil || strings.Contains(out.String(), red) {
		t.Errorf("approvals: %q, %v", out.String(), err)
	}
}
