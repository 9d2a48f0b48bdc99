package cli_test

import (
	"bytes"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cuelabs.dev/go/oci/ociregistry/ocimem"
	"cuelabs.dev/go/oci/ociregistry/ociserver"

	"github.com/mcpwasm/mcpwasm/cmd/internal/cli"
	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// approved is a folder with a configuration and a lock file, in which the package
// $REGISTRY/acme/hello:1.0.0 is approved.
type approved struct {
	t        *testing.T
	dir      string
	registry string
	remotes  *oci.Remotes
}

func newApproved(t *testing.T) *approved {
	t.Helper()
	server := httptest.NewServer(ociserver.New(ocimem.New(), nil))
	t.Cleanup(server.Close)
	a := &approved{t: t, dir: t.TempDir(), registry: strings.TrimPrefix(server.URL, "http://")}
	t.Setenv("MCPWASM_CONFIG", filepath.Join(a.dir, "mcpwasm.yaml"))
	t.Setenv("DOCKER_CONFIG", a.dir)
	var err error
	if a.remotes, err = oci.NewRemotes(oci.Config{DockerConfig: "-", Registries: map[string]oci.Registry{a.registry: {PlainHTTP: true}}}); err != nil {
		t.Fatal(err)
	}
	if err := writeKeys(a.dir, "acme", "other"); err != nil {
		t.Fatal(err)
	}
	a.configure("")
	a.publish("1.0.0")
	a.mcpwasm(cli.ExitOK, "add", a.registry+"/acme/hello:1.0.0", "--yes")
	return a
}

func (a *approved) configure(more string) {
	a.t.Helper()
	if err := writeConfig(filepath.Join(a.dir, "mcpwasm.yaml"), a.registry, more); err != nil {
		a.t.Fatal(err)
	}
}

// publish pushes a signed version of acme/hello.
func (a *approved) publish(version string) {
	a.t.Helper()
	wasm, err := os.ReadFile(sample(a.t, "hello"))
	if err != nil {
		a.t.Fatal(err)
	}
	to := a.remotes.Repository(oci.Reference{Registry: a.registry, Repository: "acme/hello"})
	const manifest = `{"definitions":{"tools":[{"name":"greet","inputSchema":{"type":"object"}}]}}`
	pushed, err := pushPackage(a.t.Context(), to, wasm, []byte(manifest), version)
	if err != nil {
		a.t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(a.dir, "acme.key"))
	if err == nil {
		err = attach(a.t.Context(), to, pushed, key)
	}
	if err == nil {
		err = to.Tag(a.t.Context(), pushed, version)
	}
	if err != nil {
		a.t.Fatal(err)
	}
}

// mcpwasm runs a command line with the cache of the samples and returns what it
// wrote.
func (a *approved) mcpwasm(want int, args ...string) string {
	a.t.Helper()
	var out bytes.Buffer
	args = append(args, "--cache-dir", cacheDir(a.t))
	if got := cli.Run(a.t.Context(), args, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &out}); got != want {
		a.t.Fatalf("%q: exit code %d, want %d: %s", args, got, want, out.String())
	}
	return out.String()
}

// TestServeLocked serves what is in the lock file, and takes it over when it changes.
func TestServeLocked(t *testing.T) {
	a := newApproved(t)
	a.configure("servers:\n  absent: {source: $REGISTRY/acme/hello:1.0.0}\n")
	c := start(t, "serve", "--cache-dir", cacheDir(t))
	c.next(c.stderr, "/acme/hello:1.0.0 was not approved: mcpwasm add ")
	if answer := c.ask(1, "tools/list", ""); !strings.Contains(answer, `"hello__greet"`) || strings.Contains(answer, "absent__") {
		t.Errorf("tools/list: %s", answer)
	}
	a.mcpwasm(cli.ExitOK, "add", a.registry+"/acme/hello:1.0.0", "--yes", "--name", "absent")
	c.next(c.stderr, "was taken over")
	if answer := c.ask(2, "tools/list", ""); !strings.Contains(answer, `"absent__greet"`) {
		t.Errorf("tools/list: %s", answer)
	}
	// A lock file that cannot be read changes nothing.
	if err := os.WriteFile(filepath.Join(a.dir, "mcpwasm.lock"), []byte("<<<<<<< HEAD\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.next(c.stderr, "a merge left its marks")
	c.next(c.stderr, "was not taken over")
	if answer := c.ask(3, "tools/list", ""); !strings.Contains(answer, `"absent__greet"`) {
		t.Errorf("tools/list: %s", answer)
	}
	c.stop()
	c.exit(cli.ExitOK)
}
