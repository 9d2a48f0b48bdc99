package pack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/oci/ocitest"
)

const (
	typeImageConfig = "application/vnd.oci.image.config.v1+json"
	typeTar         = "application/vnd.oci.image.layer.v1.tar"
	typeTarGzip     = "application/vnd.oci.image.layer.v1.tar+gzip"
)

// part is a piece of a package that a test makes by hand.
type part struct {
	mediaType string
	content   string
}

// artifact writes a manifest of hand-made pieces and returns its descriptor.
func artifact(t testing.TB, to *ocitest.Memory, artifactType string, config part, layers ...part) oci.Descriptor {
	t.Helper()
	m := oci.Manifest{SchemaVersion: 2, MediaType: oci.MediaTypeManifest, ArtifactType: artifactType, Config: put(t, to, config), Layers: []oci.Descriptor{}}
	for _, l := range layers {
		m.Layers = append(m.Layers, put(t, to, l))
	}
	return putJSON(t, to, oci.MediaTypeManifest, m)
}

func put(t testing.TB, to *ocitest.Memory, p part) oci.Descriptor {
	t.Helper()
	d := oci.Describe(p.mediaType, []byte(p.content))
	if err := to.Push(context.Background(), d, strings.NewReader(p.content)); err != nil {
		t.Fatal(err)
	}
	return d
}

func putJSON(t testing.TB, to *ocitest.Memory, mediaType string, v any) oci.Descriptor {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return put(t, to, part{mediaType, string(data)})
}

var emptyConfig = part{oci.MediaTypeEmpty, "{}"}

// readAll reads a package and its module.
func readAll(t testing.TB, src oci.Source, d oci.Descriptor) (*Listing, []byte, error) {
	t.Helper()
	l, err := Read(context.Background(), src, d, 1<<20)
	if err != nil {
		return nil, nil, err
	}
	wasm, err := l.Module(context.Background(), src, 1<<20)
	return l, wasm, err
}

func TestReadOwn(t *testing.T) {
	m := example(t)
	p := build(t, reactorModule, m, Options{})
	l, wasm, err := readAll(t, pushed(t, p), p.Descriptor)
	if err != nil {
		t.Fatal(err)
	}
	if l.Layout != LayoutPackage || l.Descriptor.Digest != p.Descriptor.Digest || l.Wasm.Digest != oci.DigestOf(reactorModule) {
		t.Errorf("layout %q, manifest %s, module %s", l.Layout, l.Descriptor.Digest, l.Wasm.Digest)
	}
	if !bytes.Equal(wasm, reactorModule) {
		t.Error("the module is another one")
	}
	if l.Plugin == nil || l.Plugin.Name != m.Name || len(l.Plugin.Definitions.Tools.Items) != 2 || l.Plugin.Capabilities.HTTP[0].Host != "api.example.com" {
		t.Errorf("manifest %+v", l.Plugin)
	}
	var got []string
	for _, d := range l.Content() {
		got = append(got, d.Digest)
	}
	var want []string
	for _, c := range p.Content {
		want = append(want, c.Digest)
	}
	if !slices.Equal(got, want) {
		t.Errorf("content %v, want %v", got, want)
	}
}

// TestReadOthers reads what other tools write.
func TestReadOthers(t *testing.T) {
	wasm := string(stdioModule)
	image := part{typeImageConfig, `{"architecture":"amd64","os":"linux"}`}
	tests := []struct {
		name         string
		artifactType string
		config       part
		layers       []part
		want         Layout
	}{
		{"Wasm config", "", part{MediaTypeConfig, `{"architecture":"wasm","os":"wasip1","layerDigests":[]}`}, []part{{MediaTypeWasm, wasm}}, LayoutWasm},
		{"empty config", "application/vnd.example", emptyConfig, []part{{MediaTypeWasm, wasm}}, LayoutWasm},
		{"with a read-me", "application/vnd.example", emptyConfig, []part{{"text/markdown", "# read me"}, {MediaTypeWasm, wasm}}, LayoutWasm},
		{"type before CNCF's", "", part{"application/vnd.wasm.config.v1+json", "{}"}, []part{{"application/vnd.wasm.content.layer.v1+wasm", wasm}}, LayoutWasm},
		{"type that oras takes unless told", "application/vnd.unknown.artifact.v1", emptyConfig, []part{{typeTar, wasm}}, LayoutWasm},
		{"octets", "", emptyConfig, []part{{"application/octet-stream", wasm}, {"text/plain", "x"}}, LayoutWasm},
		{"hyper-mcp", ArtifactTypeHyperMCP, emptyConfig, []part{{MediaTypeWasm, wasm}}, LayoutHyperMCP},
		{"hyper-mcp by its config", "", part{ArtifactTypeHyperMCP, "{}"}, []part{{typeTar, wasm}}, LayoutHyperMCP},
		{"image", "", image, []part{{typeTar, tarOf(file("plugin.wasm", wasm))}}, LayoutContainer},
		{"raw layer in an image", "", image, []part{{MediaTypeWasm, wasm}}, LayoutWasm},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			to := ocitest.New()
			l, got, err := readAll(t, to, artifact(t, to, tt.artifactType, tt.config, tt.layers...))
			if err != nil {
				t.Fatal(err)
			}
			if l.Layout != tt.want || l.Plugin != nil || string(got) != wasm {
				t.Errorf("layout %q, want %q; manifest %v, module of %d bytes", l.Layout, tt.want, l.Plugin, len(got))
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	wasm := part{MediaTypeWasm, string(stdioModule)}
	own := part{MediaTypeManifest, goldenPlugin}
	config := func(text string) part { return part{MediaTypeConfig, text} }
	layers := func(n int) []part { return slices.Repeat([]part{wasm}, n) }
	tests := []struct {
		name   string
		config part
		layers []part
		want   string
	}{
		{"no module", emptyConfig, []part{{"text/plain", "hello"}}, `no layer has a WebAssembly module; found config "application/vnd.oci.empty.v1+json" (2 bytes), layer "text/plain" (5 bytes)`},
		{"two modules", emptyConfig, []part{wasm, {MediaTypeWasm, string(reactorModule)}}, "2 layers have WebAssembly modules"},
		{"no layers", emptyConfig, nil, "no layers"},
		{"layers without end", emptyConfig, layers(129), "129 layers"},
		{"manifest without a module", emptyConfig, []part{own}, "want a layer of type application/wasm and then"},
		{"manifest before the module", emptyConfig, []part{own, wasm}, "want a layer of type application/wasm and then"},
		{"two manifests", emptyConfig, []part{wasm, own, own}, "want a layer of type application/wasm and then"},
		{"config of another platform", config(`{"architecture":"wasm","os":"wasip2"}`), []part{wasm, own}, `os "wasip2"`},
		{"config of another module", config(`{"architecture":"wasm","os":"wasip1","layerDigests":["sha256:00"]}`), []part{wasm, own}, "layerDigests"},
		{"config that is none", config(`[]`), []part{wasm, own}, "config"},
		{"config with members twice", config(`{"os":"wasip1","OS":"wasip1"}`), []part{wasm, own}, "duplicate"},
		{"own manifest that is none", emptyConfig, []part{wasm, {MediaTypeManifest, `{"contract":1,"surprise":2}`}}, "unknown key"},
		{"own manifest with members twice", emptyConfig, []part{wasm, {MediaTypeManifest, strings.Replace(goldenPlugin, `"inputSchema":{}`, `"inputSchema":{},"Name":"x"`, 1)}}, "duplicate"},
		{"own manifest of a later contract", emptyConfig, []part{wasm, {MediaTypeManifest, strings.Replace(goldenPlugin, `"contract":1`, `"contract":2`, 1)}}, "update mcpwasm"},
		{"squeezed by zstd", part{typeImageConfig, "{}"}, []part{{"application/vnd.oci.image.layer.v1.tar+zstd", "x"}}, "tar+zstd"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			to := ocitest.New()
			_, err := Read(t.Context(), to, artifact(t, to, "", tt.config, tt.layers...), 1<<20)
			if !errors.Is(err, ErrPackage) || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want one line with %q", err, tt.want)
			}
		})
	}
}

func TestReadRefusesManifests(t *testing.T) {
	const layer = `{"mediaType":"application/wasm","digest":"sha256:00","size":1}`
	tests := []struct{ name, mediaType, content, want string }{
		{"text", oci.MediaTypeManifest, "hello", "OCI manifest"},
		{"members twice", oci.MediaTypeManifest, `{"layers":[],"Layers":[]}`, "duplicate"},
		{"no version", oci.MediaTypeManifest, `{"layers":[` + layer + `]}`, "schemaVersion 0"},
		{"another type", oci.MediaTypeManifest, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","layers":[` + layer + `]}`, "says that it is of type"},
		{"index as well", oci.MediaTypeManifest, `{"schemaVersion":2,"layers":[` + layer + `],"manifests":[]}`, "members of an index"},
		{"layers that are none", oci.MediaTypeManifest, `{"schemaVersion":2,"layers":7}`, "OCI manifest"},
		{"no manifest", "application/json", `{}`, "want an image manifest or index"},
		{"bad digest", oci.MediaTypeManifest, `{"schemaVersion":2,"config":{"mediaType":"x","digest":"md5:1","size":1},"layers":[` + layer + `]}`, "digest"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			to := ocitest.New()
			d := oci.Describe(tt.mediaType, []byte(tt.content))
			to.Blobs[d.Digest] = []byte(tt.content)
			if _, err := Read(t.Context(), to, d, 1<<20); err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want one line with %q", err, tt.want)
			}
		})
	}
	if _, err := Read(t.Context(), ocitest.New(), oci.Descriptor{MediaType: oci.MediaTypeManifest, Digest: "sha256:\x1b", Size: 1}, 1<<20); !errors.Is(err, ErrPackage) {
		t.Errorf("a digest that is none: %v", err)
	}
}

// TestReadFlipped flips a byte of every piece of a package: whatever it was, the
// package is refused.
func TestReadFlipped(t *testing.T) {
	p := build(t, reactorModule, example(t), Options{})
	for _, c := range p.Content {
		t.Run(c.MediaType, func(t *testing.T) {
			to := pushed(t, p)
			bad := bytes.Clone(c.Bytes)
			bad[len(bad)/2] ^= 1
			to.Blobs[c.Digest] = bad
			if _, _, err := readAll(t, to, p.Descriptor); !errors.Is(err, oci.ErrContent) {
				t.Errorf("error %v, want one about the content", err)
			}
			for _, size := range []int{-1, +1} {
				to.Blobs[c.Digest] = append(bytes.Clone(c.Bytes), 0)[:len(c.Bytes)+size]
				if _, _, err := readAll(t, to, p.Descriptor); !errors.Is(err, oci.ErrContent) {
					t.Errorf("%+d bytes: error %v, want one about the content", size, err)
				}
			}
		})
	}
}

func TestModuleRefuses(t *testing.T) {
	to := ocitest.New()
	d := artifact(t, to, "", emptyConfig, part{MediaTypeWasm, string(module("mcpwasm_v2_handle"))}, part{MediaTypeManifest, goldenPlugin})
	if _, _, err := readAll(t, to, d); err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("another contract: %v", err)
	}
	d = artifact(t, to, "", emptyConfig, part{MediaTypeWasm, "not what it says"})
	if _, _, err := readAll(t, to, d); !errors.Is(err, plugins.ErrModule) {
		t.Errorf("no module: %v", err)
	}
	l, err := Read(t.Context(), to, artifact(t, to, "", emptyConfig, part{MediaTypeWasm, string(stdioModule)}), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Module(t.Context(), to, int64(len(stdioModule))-1); err == nil || !strings.Contains(err.Error(), "allowed") {
		t.Errorf("above the limit: %v", err)
	}
}

// TestReadUnknownTypes looks at layers of unknown types as a whole, hashed, and at
// none before it is known how large they are together.
func TestReadUnknownTypes(t *testing.T) {
	wasm, text := part{"application/octet-stream", string(stdioModule)}, part{"text/plain", "hello"}
	both := part{"application/octet-stream", string(reactorModule)}
	to := ocitest.New()
	fetched := &counting{Memory: to}
	d := artifact(t, to, "", emptyConfig, wasm, text)
	size := int64(len(wasm.content) + len(text.content))
	if _, err := Read(t.Context(), fetched, d, size-1); !errors.Is(err, ErrPackage) || !strings.Contains(err.Error(), "together") || fetched.n != 1 {
		t.Errorf("too large together: %v, after %d fetches", err, fetched.n)
	}
	if l, err := Read(t.Context(), to, d, size); err != nil || l.Wasm.Digest != oci.DigestOf(stdioModule) {
		t.Errorf("at the bound: %v", err)
	}
	two := artifact(t, to, "", emptyConfig, wasm, both)
	if _, err := Read(t.Context(), to, two, 1<<20); err == nil || !strings.Contains(err.Error(), "2 layers") {
		t.Errorf("two modules: %v", err)
	}
	// One of them begins otherwise for once: that does not make the other one run.
	to.Blobs[oci.DigestOf(reactorModule)] = make([]byte, len(reactorModule))
	if _, err := Read(t.Context(), to, two, 1<<20); !errors.Is(err, oci.ErrContent) {
		t.Errorf("a layer that is another one: %v", err)
	}
}

// counting counts fetches.
type counting struct {
	*ocitest.Memory
	n int
}

func (c *counting) Fetch(ctx context.Context, d oci.Descriptor) (io.ReadCloser, error) {
	c.n++
	return c.Memory.Fetch(ctx, d)
}
