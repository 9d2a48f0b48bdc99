package host_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/host"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry"
	"github.com/mcpwasm/mcpwasm/registry/lock"
)

// TestFactsOf has the same facts for a server whose definitions are known and for one
// that has to be asked.
func TestFactsOf(t *testing.T) {
	t.Parallel()
	m, err := describe(t, "hello")
	if err != nil {
		t.Fatal(err)
	}
	hashes, err := lock.HashDefinitions(m.Definitions)
	if err != nil {
		t.Fatal(err)
	}
	c := host.Config{CacheDir: cacheDir(t)}
	s := host.Server{
		Name: "greeter", Source: guest(t, "hello"), Signers: []string{"key:sha256:0"}, Registry: "ghcr.io", Repository: "ghcr.io/acme/hello",
		Grants: plugins.Grants{KV: &plugins.KVGrant{}},
		Labels: host.Labels{Tools: map[string][]string{"greet": {"reads:private"}}},
		Tags:   map[string][]string{"greet": {"reviewed"}},
	}
	asked, err := host.FactsOf(t.Context(), c, s)
	if err != nil {
		t.Fatal(err)
	}
	s.Definitions = &m.Definitions
	known, err := host.FactsOf(t.Context(), host.Config{}, s) // without what running it takes
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(asked, known) {
		t.Errorf("asked\n%+v\nknown\n%+v", asked, known)
	}
	server, tool := known.Server, known.Tools[0]
	if server.Name != "greeter" || !strings.HasPrefix(server.Digest, "sha256:") || server.Repository != "ghcr.io/acme/hello" ||
		len(server.Signers) != 1 || server.Backend != "wasm" || server.Grants.KV != "rw" {
		t.Errorf("server %+v", server)
	}
	if tool.Name != "greet" || tool.Hash != hashes.Tools["greet"] || len(tool.InputSchema) == 0 || !reflect.DeepEqual(tool.Tags, []string{"reviewed"}) {
		t.Errorf("tool %+v", tool)
	}
	if got := known.Labels["greet"]; !reflect.DeepEqual(got, []string{"reads:private"}) {
		t.Errorf("labels %v", got)
	}
}

func TestFactsOfNothing(t *testing.T) {
	t.Parallel()
	refused := errors.New("it was not approved")
	if _, err := host.FactsOf(t.Context(), host.Config{}, host.Server{Name: "x", Err: refused}); !errors.Is(err, refused) {
		t.Errorf("refused: %v", err)
	}
	if _, err := host.FactsOf(t.Context(), host.Config{}, host.Server{Name: "x", Source: "nothing.wasm"}); !errors.Is(err, registry.ErrSource) {
		t.Errorf("nothing: %v", err)
	}
}
