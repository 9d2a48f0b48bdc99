package cli_test

import (
	"bytes"
	"context"
	"crypto"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"cuelabs.dev/go/oci/ociregistry/ocimem"
	"cuelabs.dev/go/oci/ociregistry/ociserver"

	"github.com/mcpwasm/mcpwasm/cmd/internal/cli"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/pack"
	"github.com/mcpwasm/mcpwasm/registry/sign"
)

// tinyModule is a module that would end at once; it is only looked at.
const tinyModule = "\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x05\x03\x01\x00\x01" +
	"\x07\x13\x02\x06memory\x02\x00\x06_start\x00\x00\x0a\x04\x01\x02\x00\x0b"

const tinyManifest = `{"contract":1,"name":"io.github.someone/weather","version":"1.2.0","license":"Apache-2.0","description":"Says\u202e what comes.",
	"capabilities":{"http":[{"host":"api.example.com"}]},"definitions":{"tools":[{"name":"forecast","inputSchema":{}}],"prompts":[{"name":"ask"}]}}`

// inspectable is a registry with packages below acme/, and what is needed for
// signing them.
type inspectable struct {
	host   string
	key    crypto.Signer
	config string      // the configuration's file
	closed atomic.Bool // its signatures are for nobody
}

func newInspectable(t *testing.T) *inspectable {
	t.Helper()
	r := &inspectable{}
	registry := ociserver.New(ocimem.New(), nil)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if r.closed.Load() && (strings.Contains(req.URL.Path, "/referrers/") || strings.Contains(req.URL.Path, "/manifests/sha256-")) {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		registry.ServeHTTP(w, req)
	}))
	t.Cleanup(server.Close)
	key, err := sign.GenerateKey(sign.ECDSA)
	if err != nil {
		t.Fatal(err)
	}
	public, err := sign.MarshalPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	r.host, r.key, r.config = strings.TrimPrefix(server.URL, "http://"), key, filepath.Join(dir, "mcpwasm.yaml")
	text := "registries:\n  " + r.host + ": {plainHTTP: true}\ntrust:\n  rules:\n    - repositories: [" + r.host + "/acme/*]\n" +
		"      signers: [{key: acme.pub}]\n      capabilities: any\n"
	for path, content := range map[string][]byte{r.config: []byte(text), filepath.Join(dir, "acme.pub"): public} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("DOCKER_CONFIG", dir)
	return r
}

// push publishes the tiny module, and returns where.
func (r *inspectable) push(t *testing.T, repository string) (oci.Target, oci.Descriptor) {
	t.Helper()
	m, err := plugins.ParseManifest([]byte(tinyManifest))
	if err != nil {
		t.Fatal(err)
	}
	p, err := pack.Build([]byte(tinyModule), m, pack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	to := r.repository(t, repository)
	if err := p.Push(t.Context(), to, "1.2.0"); err != nil {
		t.Fatal(err)
	}
	return to, p.Descriptor
}

func (r *inspectable) repository(t *testing.T, repository string) oci.Target {
	t.Helper()
	remotes, err := oci.NewRemotes(oci.Config{DockerConfig: "-", Registries: map[string]oci.Registry{r.host: {PlainHTTP: true}}})
	if err != nil {
		t.Fatal(err)
	}
	return remotes.Repository(oci.Reference{Registry: r.host, Repository: repository, Tag: "1.2.0"})
}

// attach signs something about a package.
func (r *inspectable) attach(t *testing.T, to oci.Target, d oci.Descriptor, predicateType, predicate string) {
	t.Helper()
	s, err := sign.KeySigner(r.key)
	if err != nil {
		t.Fatal(err)
	}
	var raw json.RawMessage
	if predicate != "" {
		raw = json.RawMessage(predicate)
	}
	if _, err := sign.Attach(context.Background(), to, d, predicateType, raw, s); err != nil {
		t.Fatal(err)
	}
}

// inspect runs the command, and returns its output as text and as JSON.
func (r *inspectable) inspect(t *testing.T, source string) (string, map[string]any) {
	t.Helper()
	run := func(more ...string) []byte {
		var out, errs bytes.Buffer
		args := append([]string{"inspect", source, "--config", r.config, "--no-cache"}, more...)
		if code := cli.Run(t.Context(), args, cli.Streams{Out: &out, Err: &errs}); code != cli.ExitOK {
			t.Fatalf("exit code %d: %s", code, errs.String())
		}
		return out.Bytes()
	}
	var j map[string]any
	if err := json.Unmarshal(run("--output", "json"), &j); err != nil {
		t.Fatal(err)
	}
	return string(run()), j
}

// has checks that a text has lines with all of the words of each.
func has(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, want := range lines {
		found := false
		for line := range strings.SplitSeq(text, "\n") {
			found = found || strings.Contains(strings.Join(strings.Fields(line), " "), want)
		}
		if !found {
			t.Errorf("no line with %q in\n%s", want, text)
		}
	}
}

func TestInspectTrusted(t *testing.T) {
	r := newInspectable(t)
	to, d := r.push(t, "acme/weather")
	r.attach(t, to, d, sign.PredicateSignature, "")
	r.attach(t, to, d, sign.PredicateSPDX, `{"spdxVersion":"SPDX-2.3","packages":[{"name":"a"},{"name":"b"}]}`)
	r.attach(t, to, d, sign.PredicateCycloneDX, `{"components":[{}]}`)
	r.attach(t, to, d, sign.PredicateSLSA, `{"buildDefinition":{"resolvedDependencies":[{"uri":"git+https://example.com/weather"}]},"runDetails":{"builder":{"id":"https://example.com/builder"}}}`)
	r.attach(t, to, d, "https://slsa.dev/provenance/v0.2", `{"builder":{"id":"https://example.com/older"},"invocation":{"configSource":{"uri":"git+https://example.com/older"}}}`)
	text, j := r.inspect(t, r.host+"/acme/weather:1.2.0")
	has(t, text,
		"reference "+r.host+"/acme/weather:1.2.0@"+d.Digest, "package io.github.someone/weather 1.2.0", "licence Apache-2.0",
		"digest "+d.Digest, "layout mcpwasm", "trust trusted by the rule "+r.host+"/acme/*: key:sha256:", "signature, by key:sha256:",
		"SBOM (SPDX) of 2 components, by key:", "SBOM (CycloneDX) of 1 component, by key:",
		"SLSA provenance, built by https://example.com/builder, from git+https://example.com/weather, by key:",
		"SLSA provenance, built by https://example.com/older, from git+https://example.com/older, by key:",
		"asks for", "api.example.com", "tools forecast", "prompts ask", "shape stdio", "module "+oci.DigestOf([]byte(tinyModule)))
	if strings.Contains(text, "\u202e") {
		t.Error("a control character of a stranger is on the terminal")
	}
	p := j["package"].(map[string]any)
	if trust := p["trust"].(map[string]any); trust["trusted"] != true || len(trust["signers"].([]any)) != 1 {
		t.Errorf("trust %v", trust)
	}
	if list := p["envelopes"].([]any); len(list) != 5 {
		t.Errorf("envelopes %v", list)
	}
	if j["name"] != "weather" || j["digest"] != oci.DigestOf([]byte(tinyModule)) || p["digest"] != d.Digest || p["capabilities"] == nil {
		t.Errorf("inspection %v", j)
	}
}

// TestInspectUntrusted: what nobody vouches for is shown, and that it is so. What
// an attestation of somebody says is not.
func TestInspectUntrusted(t *testing.T) {
	r := newInspectable(t)
	r.push(t, "acme/unsigned")
	text, _ := r.inspect(t, r.host+"/acme/unsigned:1.2.0")
	has(t, text, "trust not trusted:", "signed by nobody", "package io.github.someone/weather 1.2.0")

	to, d := r.push(t, "other/weather")
	r.attach(t, to, d, sign.PredicateSignature, "")
	r.attach(t, to, d, sign.PredicateSPDX, `{"packages":[]}`)
	text, j := r.inspect(t, r.host+"/other/weather@"+d.Digest)
	has(t, text, "trust not trusted:", "no rule covers it", "signature, not verified; it says that it is by key:sha256:", "SBOM (SPDX), not verified;")
	p := j["package"].(map[string]any)
	if trust := p["trust"].(map[string]any); trust["trusted"] != false || trust["reason"] == "" {
		t.Errorf("trust %v", trust)
	}
	for _, e := range p["envelopes"].([]any) {
		if e := e.(map[string]any); e["verified"] != false || e["components"] != nil {
			t.Errorf("an envelope is believed: %v", e)
		}
	}
}

// TestInspectRefused: who may not see the signatures is not told that there are
// none.
func TestInspectRefused(t *testing.T) {
	r := newInspectable(t)
	to, d := r.push(t, "acme/weather")
	r.attach(t, to, d, sign.PredicateSignature, "")
	r.closed.Store(true)
	text, j := r.inspect(t, r.host+"/acme/weather@"+d.Digest)
	has(t, text, "trust not trusted:", "signed not known: signatures could not be looked up: find signatures:", "package io.github.someone/weather 1.2.0")
	if p := j["package"].(map[string]any); len(p["envelopes"].([]any)) != 0 || !strings.Contains(p["unknown"].(string), "403") {
		t.Errorf("package %v", p)
	}
}

// TestInspectForeign shows a module that came without a manifest.
func TestInspectForeign(t *testing.T) {
	r := newInspectable(t)
	to := r.repository(t, "acme/bare")
	manifest := oci.Manifest{SchemaVersion: 2, MediaType: oci.MediaTypeManifest, ArtifactType: "application/vnd.example"}
	push := func(mediaType, content string) oci.Descriptor {
		d := oci.Describe(mediaType, []byte(content))
		if err := to.Push(t.Context(), d, strings.NewReader(content)); err != nil {
			t.Fatal(err)
		}
		return d
	}
	manifest.Config, manifest.Layers = push(oci.MediaTypeEmpty, "{}"), []oci.Descriptor{push(pack.MediaTypeWasm, tinyModule)}
	data, err := json.Marshal(manifest)
	if err != nil {
		t.Fatal(err)
	}
	if err := to.Tag(t.Context(), push(oci.MediaTypeManifest, string(data)), "1"); err != nil {
		t.Fatal(err)
	}
	text, j := r.inspect(t, r.host+"/acme/bare:1")
	has(t, text, "name bare", "layout wasm", "manifest none")
	if p := j["package"].(map[string]any); p["definitions"] != nil || p["layout"] != "wasm" {
		t.Errorf("package %v", p)
	}
}

// TestInspectFolder: nobody has to vouch for a folder, and its signatures are shown.
func TestInspectFolder(t *testing.T) {
	r := newInspectable(t)
	m, err := plugins.ParseManifest([]byte(tinyManifest))
	if err != nil {
		t.Fatal(err)
	}
	p, err := pack.Build([]byte(tinyModule), m, pack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "w.oci")
	layout, err := oci.CreateLayout(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Push(t.Context(), layout, "1"); err != nil {
		t.Fatal(err)
	}
	r.attach(t, layout, p.Descriptor, sign.PredicateSignature, "")
	if err := layout.Close(); err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{dir, dir + ":1", dir + "@" + p.Descriptor.Digest} {
		text, j := r.inspect(t, source)
		has(t, text, "source "+source, "name weather", "digest "+p.Descriptor.Digest, "signature, not verified;", "tools forecast")
		if q := j["package"].(map[string]any); q["trust"] != nil || q["reference"] != nil {
			t.Errorf("package %v", q)
		}
	}
}

func TestInspectRefuses(t *testing.T) {
	r := newInspectable(t)
	_, d := r.push(t, "acme/weather")
	for _, tt := range []struct {
		name, source, want string
		code               int
	}{
		{"no such tag", r.host + "/acme/weather:2", "not found", cli.ExitInput},
		{"no such digest", r.host + "/acme/weather@sha256:" + strings.Repeat("0", 64), "not found", cli.ExitInput},
		{"no such repository", r.host + "/acme/nothing@" + d.Digest, "not found", cli.ExitInput},
		{"no such name", "weather", "no server \"weather\" was approved", cli.ExitInput},
		{"no layout", t.TempDir(), "no OCI layout", cli.ExitInput},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var errs bytes.Buffer
			code := cli.Run(t.Context(), []string{"inspect", tt.source, "--config", r.config, "--no-cache"}, cli.Streams{Out: &bytes.Buffer{}, Err: &errs})
			if code != tt.code || !strings.Contains(errs.String(), tt.want) || strings.Count(errs.String(), "mcpwasm: error:") != 1 {
				t.Errorf("exit code %d, %s", code, errs.String())
			}
		})
	}
}
