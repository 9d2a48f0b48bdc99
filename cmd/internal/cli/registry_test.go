package cli_test

import (
	"regexp"
	"testing"

	"github.com/mcpwasm/mcpwasm/cmd/internal/cli"
)

// TestRegistryServe has the registry of this machine say the name that references
// and rules have.
func TestRegistryServe(t *testing.T) {
	named := regexp.MustCompile(`: the registry is (localhost:[0-9]+); in mcpwasm.yaml: registries: {"(.*)": {plainHTTP: true}}; or --plain-http (.*)$`)
	for _, addr := range []string{"127.0.0.1:0", "localhost:0", ":0"} {
		c := start(t, "registry", "serve", "--addr", addr)
		line := c.next(c.stderr, "the registry is")
		if m := named.FindStringSubmatch(line); m == nil || m[1] != m[2] || m[1] != m[3] {
			t.Errorf("--addr %s: %s", addr, line)
		}
		c.stop()
		c.exit(cli.ExitOK)
	}
}
