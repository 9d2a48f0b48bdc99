package host_test

import (
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
