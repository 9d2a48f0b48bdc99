package pack

import (
	"archive/tar"
	"encoding/json"
	"slices"
	"testing"

	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/oci/ocitest"
)

// FuzzRead reads manifests, indexes, configs and own manifests that anybody may
// have written: an error, or a package that is whole.
func FuzzRead(f *testing.F) {
	p := build(f, reactorModule, example(f), Options{})
	manifest, config, plugin := p.Content[3].Bytes, p.Content[0].Bytes, p.Content[2].Bytes
	index, err := json.Marshal(oci.Index{SchemaVersion: 2, Manifests: []oci.Descriptor{p.Descriptor}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(manifest, config, plugin, false)
	f.Add(index, config, plugin, true)
	f.Add([]byte(`{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json"},"layers":[{"mediaType":"text/plain","digest":"x","size":-1}]}`), config, plugin, false)
	f.Fuzz(func(t *testing.T, top, config, plugin []byte, isIndex bool) {
		to := ocitest.New()
		for _, c := range p.Content {
			to.Blobs[c.Digest] = c.Bytes
		}
		mediaType := oci.MediaTypeManifest
		if isIndex {
			mediaType = oci.MediaTypeIndex
		}
		d := oci.Describe(mediaType, top)
		to.Blobs[d.Digest] = top
		l, err := Read(t.Context(), to, d, 1<<20)
		if err == nil && (l.Layout == "" || !slices.ContainsFunc(l.Manifest.Layers, func(d oci.Descriptor) bool { return d.Digest == l.Wasm.Digest })) {
			t.Errorf("a listing of nothing: %+v", l)
		}
		// Errors are what they are; that they come, and nothing else, is checked.
		_ = checkConfig(config, p.Manifest.Layers)
		if m, err := parsePlugin(plugin); err == nil {
			if _, err := encodePlugin(m); err != nil {
				t.Errorf("a manifest that was read cannot be written: %v", err)
			}
		}
	})
}

// FuzzImage reads layers that anybody may have packed. What is found is no larger
// than is allowed, and no more is unpacked.
func FuzzImage(f *testing.F) {
	wasm := string(stdioModule)
	for _, seed := range []string{
		tarOf(file("plugin.wasm", wasm)), zipped(tarOf(file("./plugin.wasm", wasm))),
		tarOf(file(".wh.plugin.wasm", ""), special("plugin.wasm", tar.TypeSymlink)),
		tarOf(entry{tar.Header{Name: "plugin.wasm", Typeflag: tar.TypeReg, Format: tar.FormatPAX, PAXRecords: map[string]string{"x.y": "z"}}, ""}),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, layer []byte) {
		const limit, most = 4 << 10, 1 << 20
		found, used, err := findPlugin(t.Context(), layer, limit, most)
		if used > most || err == nil && len(found.wasm) > limit {
			t.Errorf("unpacked %d bytes, found %d", used, len(found.wasm))
		}
	})
}
