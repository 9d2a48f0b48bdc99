package catalog

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/internal/wasmtest"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/pack"
)

// stdioModule is as small as a stdio guest can be.
var stdioModule = []byte(wasmtest.Header +
	"\x01\x04\x01\x60\x00\x00" + "\x03\x02\x01\x00" + "\x05\x03\x01\x00\x01" +
	"\x07" + wasmtest.Name(wasmtest.Vector(wasmtest.Name("memory")+"\x02\x00", wasmtest.Name("_start")+"\x00\x00")) +
	"\x0a\x04\x01\x02\x00\x0b")

const weatherManifest = `{"contract":1,"name":"io.github.acme/weather","version":"1.2.0","title":"Weather","description":"Says what comes.",
	"license":"Apache-2.0","source":"https://github.com/acme/weather",
	"capabilities":{"http":[{"host":"api.example.com"},{"host":"*.lan","scheme":"http","optional":true}],"files":[{"path":"/data"}],"kv":{},
		"secrets":[{"name":"token","hosts":["api.example.com"],"reason":"logs in"}],"env":[{"name":"UNITS","optional":true}],"clock":{},"random":{}},
	"definitions":{}}`

func parsePlugin(t *testing.T, doc string) *plugins.Manifest {
	t.Helper()
	m, err := plugins.ParseManifest([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// packaged publishes a package in the shop, signed; m may be nil.
func (s *shop) packaged(t *testing.T, ref oci.Reference, m *plugins.Manifest) oci.Descriptor {
	t.Helper()
	if m == nil {
		return s.bare(t, ref)
	}
	p, err := pack.Build(stdioModule, m, pack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Push(context.Background(), s.repository(ref), ref.Tag); err != nil {
		t.Fatal(err)
	}
	s.sign(t, ref, p.Descriptor, s.key)
	return p.Descriptor
}

// bare publishes a module without a manifest, as oras does.
func (s *shop) bare(t *testing.T, ref oci.Reference) oci.Descriptor {
	t.Helper()
	empty := []byte("{}")
	m := oci.Manifest{SchemaVersion: 2, MediaType: oci.MediaTypeManifest, ArtifactType: pack.MediaTypeWasm,
		Config: oci.Describe(oci.MediaTypeEmpty, empty), Layers: []oci.Descriptor{oci.Describe(pack.MediaTypeWasm, stdioModule)}}
	content, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	p := pack.Package{Descriptor: oci.Describe(oci.MediaTypeManifest, content)}
	p.Content = []pack.Content{{Descriptor: m.Config, Bytes: empty}, {Descriptor: m.Layers[0], Bytes: stdioModule}, {Descriptor: p.Descriptor, Bytes: content}}
	if err := p.Push(context.Background(), s.repository(ref), ref.Tag); err != nil {
		t.Fatal(err)
	}
	s.sign(t, ref, p.Descriptor, s.key)
	return p.Descriptor
}

var wantShort = []string{"http api.example.com", "http http://*.lan (optional)", "files ro /data", "kv rw", "secret token", "env UNITS (optional)", "clock", "random"}

func TestComplete(t *testing.T) {
	s := newShop(t)
	ref := parseRef(t, "ghcr.io/acme/weather:1.2.0")
	d := s.packaged(t, ref, parsePlugin(t, weatherManifest))
	bare := parseRef(t, "ghcr.io/acme/bare:1")
	s.packaged(t, bare, nil)
	r, err := Read([]byte(`catalog: 1
name: acme
entries:
  - ghcr.io/acme/weather:1.2.0
  - {name: other/title, reference: "ghcr.io/acme/weather:1.2.0@` + d.Digest + `", title: Rain, tags: [rain], trust: [{key: "` + someDigest + `"}]}
  - {name: bare, reference: ghcr.io/acme/bare:1}
  - {name: clock, container: {image: mcp/time}}
`))
	if err != nil {
		t.Fatal(err)
	}
	c := r.Catalog
	if err := c.Complete(context.Background(), s.client(t)); err != nil {
		t.Fatal(err)
	}
	first, second, third := c.Entries[0], c.Entries[1], c.Entries[2]
	if first.Name != "io.github.acme/weather" || first.Version != "1.2.0" || first.Title != "Weather" || first.License != "Apache-2.0" ||
		first.Homepage != "https://github.com/acme/weather" || first.Digest != d.Digest || first.Reference != "ghcr.io/acme/weather:1.2.0" {
		t.Errorf("completed to %+v", first)
	}
	if !slices.Equal(first.Capabilities, wantShort) {
		t.Errorf("capabilities %q", first.Capabilities)
	}
	if len(first.Trust) != 1 || !strings.HasPrefix(first.Trust[0].Key, "sha256:") {
		t.Errorf("hints %+v, want the one who signed", first.Trust)
	}
	if second.Name != "other/title" || second.Title != "Rain" || second.Trust[0].Key != someDigest || second.Reference != "ghcr.io/acme/weather:1.2.0" || second.Digest != d.Digest {
		t.Errorf("completed to %+v", second)
	}
	if third.Name != "bare" || third.Digest == "" || third.Capabilities != nil {
		t.Errorf("completed to %+v", third)
	}
	if _, err := c.Encode(); err != nil {
		t.Error(err)
	}
}

func TestCompleteRefuses(t *testing.T) {
	tests := []struct{ name, entry, want string }{
		{"unknown", "ghcr.io/acme/none:1", "not found"},
		{"untrusted", "ghcr.io/evil/weather:1", "not trusted"},
		{"other version", "{reference: ghcr.io/acme/weather:1.2.0, version: 1.3.0}", "the entry says version 1.3.0, the package 1.2.0"},
		{"fewer capabilities", "{reference: ghcr.io/acme/weather:1.2.0, capabilities: [clock]}", "the entry's capabilities are not those of the package"},
		{"other digest", "{reference: ghcr.io/acme/weather:1.2.0, digest: '" + someDigest + "'}", "not found"},
		{"no name", "ghcr.io/acme/bare:1", "has no manifest: give the entry a name"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newShop(t)
			s.packaged(t, parseRef(t, "ghcr.io/acme/weather:1.2.0"), parsePlugin(t, weatherManifest))
			s.packaged(t, parseRef(t, "ghcr.io/evil/weather:1"), parsePlugin(t, weatherManifest))
			s.packaged(t, parseRef(t, "ghcr.io/acme/bare:1"), nil)
			r, err := Read([]byte("catalog: 1\nname: acme\nentries:\n  - " + tt.entry + "\n"))
			if err != nil {
				t.Fatal(err)
			}
			err = r.Catalog.Complete(context.Background(), s.client(t))
			if !matches(err, tt.want) || !matches(err, "entries[0]") {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestHint(t *testing.T) {
	tests := []struct{ text, want string }{
		{"key:" + someDigest, ""},
		{"me@example.com https://issuer.example.com", ""},
		{"key:abc", "want the fingerprint"},
		{"someone", "want key:sha256:…, or an identity"},
		{"a b c", "have no spaces"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			h, err := ParseHint(tt.text)
			if !matches(err, tt.want) || err == nil && h.String() != tt.text {
				t.Errorf("%v, %v", h, err)
			}
		})
	}
}
