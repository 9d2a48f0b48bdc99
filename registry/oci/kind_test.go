package oci

import (
	"strings"
	"testing"
)

func TestManifestType(t *testing.T) {
	tests := []struct{ name, content, want, err string }{
		{"manifest", `{"schemaVersion":2,"config":{},"layers":[]}`, MediaTypeManifest, ""},
		{"manifest with its type", `{"mediaType":"` + MediaTypeManifest + `","config":{},"layers":[]}`, MediaTypeManifest, ""},
		{"docker's manifest", `{"mediaType":"` + MediaTypeDockerManifest + `","config":{},"layers":[]}`, MediaTypeDockerManifest, ""},
		{"index", `{"manifests":[]}`, MediaTypeIndex, ""},
		{"docker's index", `{"mediaType":"` + MediaTypeDockerIndex + `","manifests":[]}`, MediaTypeDockerIndex, ""},
		{"both", `{"layers":[],"manifests":[]}`, "", "at once"},
		{"both, one null", `{"layers":[],"manifests":null}`, "", "at once"},
		{"both, in another case", `{"layers":[],"Manifests":[]}`, "", `member "Manifests": write it "manifests"`},
		{"in another case", `{"MANIFESTS":[]}`, "", `member "MANIFESTS": write it "manifests"`},
		{"with a long s", `{"manifeſts":[]}`, "", `write it "manifests"`},
		{"members twice", `{"layers":[],"layers":[]}`, "", "duplicate"},
		{"neither", `{"schemaVersion":2}`, "", "neither"},
		{"another type", `{"mediaType":"text/html","layers":[]}`, "", "does not go"},
		{"an index's type", `{"mediaType":"` + MediaTypeIndex + `","layers":[]}`, "", "does not go"},
		{"a manifest's type", `{"mediaType":"` + MediaTypeManifest + `","manifests":[]}`, "", "does not go"},
		{"a list", `[]`, "", "no manifest"},
		{"nothing", ``, "", "no manifest"},
		{"two values", `{"manifests":[]}{}`, "", "no manifest"},
		{"module", "\x00asm\x01\x00\x00\x00", "", "no manifest"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ManifestType([]byte(tt.content))
			switch {
			case tt.err == "" && (err != nil || got != tt.want):
				t.Errorf("ManifestType = %q, %v; want %q", got, err, tt.want)
			case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
				t.Errorf("error %v, want one with %q", err, tt.err)
			}
		})
	}
}

func FuzzManifestType(f *testing.F) {
	f.Add([]byte(`{"mediaType":"` + MediaTypeIndex + `","manifests":[]}`))
	f.Add([]byte(`{"config":{},"layers":[]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		got, err := ManifestType(content)
		if (got == "") != (err != nil) {
			t.Errorf("ManifestType = %q, %v", got, err)
		}
	})
}
