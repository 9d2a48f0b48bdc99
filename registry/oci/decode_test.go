package oci

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

func TestDecode(t *testing.T) {
	digest := DigestOf(nil)
	entry := fmt.Sprintf(`{"mediaType":"a/b","digest":%q,"size":0,"annotations":{"k":"v"},"platform":{"os":"wasip1","architecture":"wasm"},"data":""}`, digest)
	m, err := DecodeManifest([]byte(`{"schemaVersion":2,"config":` + entry + `,"layers":[` + entry + `],"subject":` + entry + `,"annotations":{"a":"b"},"else":{}}`))
	if err != nil || m.SchemaVersion != 2 || m.Config.Digest != digest || len(m.Layers) != 1 || m.Layers[0].Annotations["k"] != "v" || m.Subject.MediaType != "a/b" || m.Annotations["a"] != "b" {
		t.Errorf("got %+v, %v", m, err)
	}
	x, err := DecodeIndex([]byte(`{"manifests":[` + entry + `,` + entry + `]}`))
	if err != nil || len(x.Manifests) != 2 || x.Manifests[1].Platform.OS != "wasip1" {
		t.Errorf("got %+v, %v", x, err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	list := func(name string, n int) string {
		return `{"` + name + `":[` + strings.TrimSuffix(strings.Repeat(`{},`, n), ",") + `]}`
	}
	annotations := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `"%d":"",`, i)
		}
		return `"annotations":{` + strings.TrimSuffix(b.String(), ",") + `}`
	}
	manifest := func(b []byte) error { _, err := DecodeManifest(b); return err }
	index := func(b []byte) error { _, err := DecodeIndex(b); return err }
	tests := []struct {
		name, content string
		decode        func([]byte) error
		want          string // "" for no error
	}{
		{"as many layers as may be", list("layers", MaxLayers), manifest, ""},
		{"layers", list("layers", MaxLayers+1), manifest, "129 layers, more than the 128 allowed"},
		{"as many entries as may be", list("manifests", MaxEntries), index, ""},
		{"entries", list("manifests", MaxEntries+1), index, "1001 manifests, more than the 1000 allowed"},
		{"values of any name", list("surprise", 1<<16), manifest, "too many JSON values"},
		{"names of any kind", `{"x":{` + strings.Repeat(`"x":0,`, 1<<16), index, "duplicate"},
		{"as many annotations as may be", `{` + annotations(256) + `}`, manifest, ""},
		{"annotations", `{` + annotations(257) + `}`, manifest, "257 annotations, more than the 256 allowed"},
		{"annotations of a layer", `{"layers":[{` + annotations(257) + `}]}`, manifest, "257 annotations"},
		{"annotations of the config", `{"config":{` + annotations(257) + `}}`, manifest, "257 annotations"},
		{"another case", `{"LAYERS":[]}`, manifest, `member "LAYERS": write it "layers"`},
		{"another case of an index", `{"MANIFESTS":[]}`, index, `write it "manifests"`},
		{"a long s", `{"manifeſts":[]}`, index, `write it "manifests"`},
		{"another case, escaped", `{"\u004dANIFESTS":[]}`, index, `write it "manifests"`},
		{"another case in a layer", `{"layers":[{"Digest":"x"}]}`, manifest, `write it "digest"`},
		{"another case in the subject", `{"subject":{"Digest":"x"}}`, manifest, `write it "digest"`},
		{"twice", `{"layers":[],"layers":[]}`, manifest, "duplicate"},
		{"twice in a layer", `{"layers":[{"size":1,"size":1}]}`, manifest, "duplicate"},
		{"an index as well", `{"layers":[],"manifests":[]}`, manifest, "members of an index"},
		{"an old manifest as well", `{"layers":[],"fsLayers":[]}`, manifest, "an older form"},
		{"a manifest as well", `{"layers":[],"manifests":[]}`, index, "members of a manifest"},
		{"no list", `{"layers":{}}`, manifest, "layers: want an array"},
		{"no object", `[]`, manifest, "want an object"},
		{"no descriptor", `{"layers":[7]}`, manifest, "layers"},
		{"no annotations", `{"annotations":7}`, index, "annotations"},
		{"nothing", ``, index, "unexpected end"},
		{"more than one", `{}{}`, index, "more than one"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			switch err := tt.decode([]byte(tt.content)); {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (!errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n")):
				t.Errorf("error %v, want one line with %q", err, tt.want)
			}
		})
	}
}

// allocated is how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestDecodeIsSmall: what little text could be made into is not made.
func TestDecodeIsSmall(t *testing.T) {
	for _, name := range []string{"layers", "manifests", "x"} {
		content := []byte(`{"` + name + `":[{}` + strings.Repeat(",{}", MaxManifestBytes/3-20) + `]}`)
		got := allocated(func() {
			_, _ = DecodeManifest(content) // that it is refused is tested above
			_, _ = DecodeIndex(content)
			_, _ = ManifestType(content)
			_, _ = listField[Descriptor](content, name, MaxReferrers)
			_, _, _ = named(Descriptor{}, content)
			_ = sniff(content)
		})
		if got > 32<<20 {
			t.Errorf("%s: %d bytes of %d were allocated", name, got, len(content))
		}
	}
}

func FuzzParseManifest(f *testing.F) {
	f.Add([]byte(`{"schemaVersion":2,"config":{"mediaType":"a/b","digest":"sha256:00","size":1},"layers":[{"annotations":{"a":"b"}}],"subject":{}}`))
	f.Add([]byte(`{"manifests":[{"platform":{"os":"wasip1"}}],"artifactType":"x"}`))
	f.Add([]byte(`{"manifeſts":[{}],"LAYERS":null}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		m, err := DecodeManifest(content)
		if err != nil && !errors.Is(err, ErrRefused) || len(m.Layers) > MaxLayers {
			t.Errorf("%d layers, %v", len(m.Layers), err)
		}
		x, err := DecodeIndex(content)
		if err != nil && !errors.Is(err, ErrRefused) || len(x.Manifests) > MaxEntries {
			t.Errorf("%d entries, %v", len(x.Manifests), err)
		}
		if len(m.Layers) > 0 && len(x.Manifests) > 0 {
			t.Error("it is both")
		}
	})
}
