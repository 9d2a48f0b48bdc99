package pack

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/mcpwasm/mcpwasm/internal/wasmtest"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/oci/ocitest"
)

// module is as small as one can be that exports a memory and a function.
func module(export string) []byte {
	return []byte(wasmtest.Header +
		"\x01\x04\x01\x60\x00\x00" + // one type, () → ()
		"\x03\x02\x01\x00" + "\x05\x03\x01\x00\x01" + // one function, one memory
		"\x07" + wasmtest.Name(wasmtest.Vector(wasmtest.Name("memory")+"\x02\x00", wasmtest.Name(export)+"\x00\x00")) +
		"\x0a\x04\x01\x02\x00\x0b")
}

var (
	stdioModule   = module("_start")
	reactorModule = module("mcpwasm_v1_handle")
)

// example is a manifest with every kind of member.
func example(t testing.TB) *plugins.Manifest {
	t.Helper()
	m, err := plugins.ParseManifest([]byte(`{"contract":1,"name":"io.github.someone/weather","version":"1.2.0","title":"Weather","description":"Says <what> comes.",
		"license":"Apache-2.0","source":"https://example.com/weather","authors":["A. Author","B. Author"],
		"capabilities":{"http":[{"host":"api.example.com","reason":"asks"}]},
		"definitions":{"serverInfo":{"version":"1.2.0","name":"weather"},"capabilities":{"tools":{}},
			"tools":[{"name":"b","inputSchema":{"type":"object","maximum":12345678901234567890}},{"inputSchema":{},"name":"a","description":"\u00e9"}],
			"caching":{"tools":{"ttlMs":5}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func build(t testing.TB, wasm []byte, m *plugins.Manifest, o Options) *Package {
	t.Helper()
	p, err := Build(wasm, m, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// pushed returns a repository with a package.
func pushed(t testing.TB, p *Package) *ocitest.Memory {
	t.Helper()
	to := ocitest.New()
	if err := p.Push(context.Background(), to, "1"); err != nil {
		t.Fatal(err)
	}
	return to
}

// The parts of a package, to the byte. Whoever changes one of these changes the
// digest of every package that is built again.
const (
	goldenDigest = "sha256:9f43d3c6a38fd4d8722e90b036709705e0a22a5ccc668c9e6dca160b9aaeae9e"
	goldenConfig = `{"created":"1970-01-01T00:00:00Z","author":"A. Author, B. Author","architecture":"wasm","os":"wasip1",` +
		`"layerDigests":["WASM","PLUGIN"],"config":{"Labels":{"io.modelcontextprotocol.server.name":"io.github.someone/weather"}}}`
	goldenPlugin = `{"authors":["A. Author","B. Author"],"capabilities":{"http":[{"host":"api.example.com","reason":"asks"}]},"contract":1,` +
		`"definitions":{"caching":{"tools":{"ttlMs":5}},"capabilities":{"tools":{}},"serverInfo":{"name":"weather","version":"1.2.0"},` +
		`"tools":[{"description":"é","inputSchema":{},"name":"a"},{"inputSchema":{"maximum":12345678901234567890,"type":"object"},"name":"b"}]},` +
		`"description":"Says <what> comes.","license":"Apache-2.0","name":"io.github.someone/weather","source":"https://example.com/weather","title":"Weather","version":"1.2.0"}`
)

func TestBuildGolden(t *testing.T) {
	p := build(t, reactorModule, example(t), Options{})
	if len(p.Content) != 4 {
		t.Fatalf("%d pieces, want 4", len(p.Content))
	}
	config, wasm, plugin, manifest := p.Content[0], p.Content[1], p.Content[2], p.Content[3]
	if want := strings.NewReplacer("WASM", wasm.Digest, "PLUGIN", plugin.Digest).Replace(goldenConfig); string(config.Bytes) != want {
		t.Errorf("config:\n%s\nwant\n%s", config.Bytes, want)
	}
	if string(plugin.Bytes) != goldenPlugin {
		t.Errorf("manifest:\n%s\nwant\n%s", plugin.Bytes, goldenPlugin)
	}
	if string(wasm.Bytes) != string(reactorModule) {
		t.Error("the module was changed")
	}
	if p.Descriptor.Digest != goldenDigest || manifest.Digest != goldenDigest {
		t.Errorf("digest %s, want %s, of\n%s", p.Descriptor.Digest, goldenDigest, manifest.Bytes)
	}
	for _, c := range p.Content {
		if oci.DigestOf(c.Bytes) != c.Digest || int64(len(c.Bytes)) != c.Size {
			t.Errorf("%s is not what its descriptor says", c.MediaType)
		}
	}
}

// TestBuildSame builds from the same definitions in another order of their members.
func TestBuildSame(t *testing.T) {
	m := example(t)
	first := build(t, reactorModule, m, Options{Annotations: map[string]string{"x": "1", "y": "2", "z": "3"}})
	other := *m
	other.Definitions.Tools.Items = []plugins.Definition{
		{Key: "b", Raw: json.RawMessage(`{ "inputSchema": {"maximum":12345678901234567890,"type":"object"}, "name": "b"}`)},
		{Key: "a", Raw: json.RawMessage(`{"name":"a","inputSchema":{},"description":"é"}`)},
	}
	other.Definitions.Tools.Sort()
	for range 20 {
		again := build(t, reactorModule, &other, Options{Annotations: map[string]string{"z": "3", "y": "2", "x": "1"}})
		if again.Descriptor.Digest != first.Descriptor.Digest {
			t.Fatalf("digests %s and %s", first.Descriptor.Digest, again.Descriptor.Digest)
		}
	}
}

func TestBuildDates(t *testing.T) {
	at := time.Date(2026, 7, 28, 12, 30, 0, 999, time.FixedZone("", 7200))
	p := build(t, reactorModule, example(t), Options{Created: at})
	const want = "2026-07-28T10:30:00Z"
	if got := p.Manifest.Annotations["org.opencontainers.image.created"]; got != want {
		t.Errorf("created %q, want %q", got, want)
	}
	if !strings.HasPrefix(string(p.Content[0].Bytes), `{"created":"`+want) {
		t.Errorf("config %s", p.Content[0].Bytes)
	}
}

func TestBuildAnnotations(t *testing.T) {
	m := example(t)
	m.Name, m.Title, m.License = "weather", "", ""
	p := build(t, stdioModule, m, Options{Annotations: map[string]string{"com.example.built": "here"}})
	want := map[string]string{
		"org.opencontainers.image.title": "weather", "org.opencontainers.image.version": "1.2.0",
		"org.opencontainers.image.description": "Says <what> comes.", "org.opencontainers.image.source": "https://example.com/weather",
		"org.opencontainers.image.created": "1970-01-01T00:00:00Z", "com.example.built": "here",
	}
	got := p.Manifest.Annotations
	if len(got) != len(want) {
		t.Errorf("annotations %v, want %v", got, want)
	}
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%s: %q, want %q", k, got[k], v)
		}
	}
	if strings.Contains(string(p.Content[0].Bytes), "Labels") {
		t.Errorf("a name that the MCP Registry does not take became a label: %s", p.Content[0].Bytes)
	}
}

func TestBuildRefuses(t *testing.T) {
	change := func(f func(*plugins.Manifest)) *plugins.Manifest {
		m := example(t)
		f(m)
		return m
	}
	many := change(func(m *plugins.Manifest) {
		for i := range 10_001 {
			uri := "x:" + time.Unix(int64(i), 0).UTC().Format(time.RFC3339)
			m.Definitions.Resources.Items = append(m.Definitions.Resources.Items, plugins.Definition{Key: uri, Raw: json.RawMessage(`{"uri":"` + uri + `"}`)})
		}
	})
	tests := []struct {
		name string
		wasm []byte
		m    *plugins.Manifest
		o    Options
		want string
	}{
		{"no module", []byte("#!/bin/sh"), example(t), Options{}, "not a module"},
		{"no version", stdioModule, change(func(m *plugins.Manifest) { m.Version = "" }), Options{}, "version: missing"},
		{"another contract", module("mcpwasm_v2_handle"), example(t), Options{}, "version 2"},
		{"members twice", stdioModule, change(func(m *plugins.Manifest) {
			m.Definitions.Tools.Items[0].Raw = json.RawMessage(`{"name":"a","inputSchema":{},"Name":"b"}`)
		}), Options{}, "duplicate"},
		{"too many definitions", stdioModule, many, Options{}, "more than the 10000"},
		{"annotation of ours", stdioModule, example(t), Options{Annotations: map[string]string{"org.opencontainers.image.version": "9"}}, "cannot be given"},
		{"annotation without a name", stdioModule, example(t), Options{Annotations: map[string]string{"": "9"}}, "cannot be given"},
		{"annotations without end", stdioModule, example(t), Options{Annotations: map[string]string{"x": strings.Repeat("x", oci.MaxManifestBytes)}}, "shorten"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Build(tt.wasm, tt.m, tt.o); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestPush(t *testing.T) {
	p := build(t, reactorModule, example(t), Options{})
	to := pushed(t, p)
	if d, err := to.Resolve(t.Context(), "1"); err != nil || d.Digest != p.Descriptor.Digest {
		t.Errorf("the tag names %s, %v", d.Digest, err)
	}
	if len(to.Blobs) != 4 || len(to.Manifests) != 1 {
		t.Errorf("%d pieces and %d manifests, want 4 and 1", len(to.Blobs), len(to.Manifests))
	}
}
