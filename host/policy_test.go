package host_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/mcpwasm/mcpwasm/cel"
)

// policy compiles a policy of rules in YAML.
func policy(t testing.TB, rules string) *cel.Policy {
	t.Helper()
	p, err := cel.Parse("policy.yaml", []byte("rules:\n"+rules))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// everything allows all that was granted.
const everything = "  - {name: everything, on: [list, call, effect, result], then: allow}\n"

// policyFile compiles a policy of testdata/policies.
func policyFile(t testing.TB, name string) *cel.Policy {
	t.Helper()
	path := filepath.Join("testdata", "policies", name+".yaml")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p, err := cel.Parse(path, data)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
