package cli_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cuelabs.dev/go/oci/ociregistry/ocimem"
	"cuelabs.dev/go/oci/ociregistry/ociserver"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mcpwasm/mcpwasm/internal/wasmtest"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/pack"
)

const catalogManifest = `{"contract":1,"name":%q,"version":%q,"title":"Weather","description":"Says what comes.","license":"Apache-2.0",
	"source":"https://github.com/acme/weather","capabilities":{"http":[{"host":"api.example.com"}],"secrets":[{"name":"token","hosts":["api.example.com"],"reason":"logs in"}]},
	"definitions":{}}`

// catalogModule is as small as a stdio server can be; nothing runs it.
var catalogModule = []byte(wasmtest.Header +
	"\x01\x04\x01\x60\x00\x00" + "\x03\x02\x01\x00" + "\x05\x03\x01\x00\x01" +
	"\x07" + wasmtest.Name(wasmtest.Vector(wasmtest.Name("memory")+"\x02\x00", wasmtest.Name("_start")+"\x00\x00")) +
	"\x0a\x04\x01\x02\x00\x0b")

// TestCatalogScripts runs the scripts about catalogs against a registry on
// loopback, which has two packages.
func TestCatalogScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/catalog",
		Setup: func(e *testscript.Env) error {
			server := httptest.NewServer(ociserver.New(ocimem.New(), nil))
			e.Defer(server.Close)
			host := strings.TrimPrefix(server.URL, "http://")
			e.Setenv("REGISTRY", host)
			for _, dir := range []string{"home", "cache"} {
				if err := os.Mkdir(filepath.Join(e.WorkDir, dir), 0o700); err != nil {
					return err
				}
			}
			for name, dir := range map[string]string{"HOME": "home", "XDG_CONFIG_HOME": "home", "AppData": "home", "XDG_CACHE_HOME": "cache", "LocalAppData": "cache", "XDG_STATE_HOME": "home", "DOCKER_CONFIG": "home"} {
				e.Setenv(name, filepath.Join(e.WorkDir, dir))
			}
			for name, version := range map[string]string{"io.github.acme/weather": "1.2.0", "plain": "0.1.0"} {
				digest, err := pushUnsigned(host, name, version)
				if err != nil {
					return err
				}
				e.Setenv("DIGEST_"+strings.ToUpper(filepath.Base(name)), digest)
			}
			pages := httptest.NewServer(http.HandlerFunc(registryPages))
			e.Defer(pages.Close)
			e.Setenv("PAGES", pages.URL)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "expand": expandFile, "take": takeOutput},
	})
}

// pushUnsigned publishes a package as acme/NAME:VERSION, unsigned.
func pushUnsigned(host, name, version string) (string, error) {
	m, err := plugins.ParseManifest(fmt.Appendf(nil, catalogManifest, name, version))
	if err != nil {
		return "", err
	}
	p, err := pack.Build(catalogModule, m, pack.Options{})
	if err != nil {
		return "", err
	}
	remotes, err := oci.NewRemotes(oci.Config{Registries: map[string]oci.Registry{host: {PlainHTTP: true}}, DockerConfig: "-"})
	if err != nil {
		return "", err
	}
	ref := oci.Reference{Registry: host, Repository: "acme/" + filepath.Base(name)}
	return p.Descriptor.Digest, p.Push(context.Background(), remotes.Repository(ref), version)
}

// expandFile replaces variables in a file: expand FILE.
func expandFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: expand FILE")
	}
	path := ts.MkAbs(args[0])
	text := os.Expand(ts.ReadFile(args[0]), ts.Getenv)
	ts.Check(os.WriteFile(path, []byte(text), 0o600))
}

// takeOutput keeps what the last command printed in a variable: take NAME.
func takeOutput(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: take NAME")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}

// registryPages answers like an MCP Registry with two pages, like one whose pages
// never end, and with redirects.
func registryPages(w http.ResponseWriter, r *http.Request) {
	server := func(name string) string {
		return fmt.Sprintf(`{"server":{"name":"io.github.house/%s","description":"Tells the %[1]s","version":"1.0.0","remotes":[{"type":"sse","url":"https://house.example.com/%[1]s"}]},"_meta":{}}`, name)
	}
	answer := func(servers, next string) {
		_, _ = io.WriteString(w, `{"servers":[`+servers+`],"metadata":{"nextCursor":"`+next+`"}}`)
	}
	cursor := r.URL.Query().Get("cursor")
	switch {
	case r.URL.Path == "/v0/servers" && cursor == "":
		answer(server("clock"), "two &?")
	case r.URL.Path == "/v0/servers" && cursor == "two &?":
		answer(server("radio"), "")
	case r.URL.Path == "/endless":
		answer(server("x"+cursor), cursor+"x")
	case r.URL.Path == "/loop":
		answer(server("x"), "same")
	case r.URL.Path == "/away":
		http.Redirect(w, r, "http://registry.example.com/", http.StatusFound)
	case r.URL.Path == "/large":
		_, _ = io.WriteString(w, strings.Repeat(" ", 9<<20))
	default:
		http.NotFound(w, r)
	}
}
