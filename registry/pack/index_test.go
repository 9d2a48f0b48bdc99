package pack

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/oci/ocitest"
)

func TestReadIndex(t *testing.T) {
	to := ocitest.New()
	wasm := func(export string) oci.Descriptor {
		return artifact(t, to, "", emptyConfig, part{MediaTypeWasm, string(module(export))})
	}
	on := func(d oci.Descriptor, os, architecture string) oci.Descriptor {
		d.Platform = &oci.Platform{OS: os, Architecture: architecture}
		return d
	}
	plain, other := wasm("_start"), wasm("mcpwasm_v1_handle")
	attestation := on(other, "unknown", "unknown")
	attestation.Annotations = map[string]string{"vnd.docker.reference.type": "attestation-manifest"}
	nested := putJSON(t, to, oci.MediaTypeIndex, oci.Index{SchemaVersion: 2, Manifests: []oci.Descriptor{plain}})
	tests := []struct {
		name    string
		entries []oci.Descriptor
		want    string // an error, or "" for the plain one
	}{
		{"the only one", []oci.Descriptor{on(plain, "linux", "amd64")}, ""},
		{"the only one without a platform", []oci.Descriptor{plain}, ""},
		{"the one for Wasm", []oci.Descriptor{on(other, "linux", "amd64"), on(plain, "wasip1", "wasm")}, ""},
		{"wasip1 before other systems", []oci.Descriptor{on(other, "wasip2", "wasm"), on(plain, "wasip1", "wasm")}, ""},
		{"another system for Wasm", []oci.Descriptor{on(other, "linux", "amd64"), on(plain, "wasi", "wasm")}, ""},
		{"beside an attestation", []oci.Descriptor{on(plain, "linux", "amd64"), attestation}, ""},
		{"several", []oci.Descriptor{on(plain, "linux", "amd64"), on(other, "linux", "arm64")}, `"linux/amd64" "application/vnd.oci.image.manifest.v1+json"`},
		{"several for Wasm", []oci.Descriptor{on(plain, "wasip1", "wasm"), on(other, "wasip1", "wasm")}, "2 entries"},
		{"none", nil, "it is empty"},
		{"nested", []oci.Descriptor{nested}, "want an image manifest"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, err := Read(t.Context(), to, putJSON(t, to, oci.MediaTypeIndex, oci.Index{SchemaVersion: 2, MediaType: oci.MediaTypeIndex, Manifests: tt.entries}), 1<<20)
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("error %v, want one with %q", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if l.Descriptor.Digest != plain.Digest {
				t.Errorf("chose %s, want %s", l.Descriptor.Digest, plain.Digest)
			}
		})
	}
}

func TestReadIndexRefuses(t *testing.T) {
	many, err := json.Marshal(oci.Index{SchemaVersion: 2, Manifests: make([]oci.Descriptor, 1001)})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, content, want string }{
		{"no version", `{"manifests":[]}`, "schemaVersion 0"},
		{"another type", `{"schemaVersion":2,"mediaType":"` + oci.MediaTypeManifest + `","manifests":[]}`, "says that it is"},
		{"manifest as well", `{"schemaVersion":2,"manifests":[],"layers":[]}`, "members of a manifest"},
		{"entries without end", string(many), "1001 manifests"},
		{"no list", `{"schemaVersion":2,"manifests":{}}`, "OCI index"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			to := ocitest.New()
			d := oci.Describe(oci.MediaTypeIndex, []byte(tt.content))
			to.Blobs[d.Digest] = []byte(tt.content)
			if _, err := Read(t.Context(), to, d, 1<<20); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}
