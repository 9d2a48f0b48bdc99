package catalog

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestReadForms(t *testing.T) {
	tests := []struct {
		name, doc string
		format    Format
		want      string
	}{
		{"ours", fullCatalog, FormatCatalog, ""},
		{"ours, by a person", "catalog: 1\nname: acme\nentries:\n  - ghcr.io/acme/weather:1.2.0\n  - reference: ghcr.io/acme/notes\n    version: 1.10\n    tags: [notes, 8080]\n", FormatCatalog, ""},
		{"docker", "registry:\n  time:\n    image: mcp/time\n", FormatDocker, ""},
		{"docker, as JSON", `{"name":"docker-mcp","registry":{"time":{"image":"mcp/time"}}}`, FormatDocker, ""},
		{"docker, snapshots", `{"title":"T","servers":[{"type":"image","image":"mcp/time","snapshot":{"server":{"name":"time","image":"mcp/time"}}}]}`, FormatDocker, ""},
		{"registry", `{"servers":[],"metadata":{"count":0}}`, FormatRegistry, ""},
		{"one server of a registry", `{"server":{"name":"a.b/c","packages":[]},"_meta":{}}`, FormatRegistry, ""},
		{"server.json", `{"$schema":"` + ServerSchema + `","name":"a.b/c","description":"d","version":"1.0.0","remotes":[{"type":"sse","url":"https://a.b/sse"}]}`, FormatServer, ""},
		{"server.json of nothing", `{"$schema":"` + ServerSchema + `","name":"a.b/c","description":"d","version":"1.0.0"}`, "", "it says nowhere what it is"},
		{"something else", `{"name":"left-pad","version":"1.0.0"}`, "", "not a form that is known"},
		{"a list", `[1]`, "", "not a form that is known"},
		{"text", "hello", "", "not a form that is known"},
		{"ours with an unknown key", "catalog: 1\nname: a\nentries: []\nowner: me\n", "", `line 4: top level: unknown key "owner"`},
		{"ours with nothing behind a key", "catalog: 1\nname: a\ntitle:\nentries: []\n", "", "title: want a value: leave the key out, have nothing"},
		{"ours with a bad reference", "catalog: 1\nname: a\nentries: [weather]\n", "", "entries[0]: reference: "},
		{"ours with a list as name", "catalog: 1\nname: [a]\nentries: []\n", "", "line 2: name: want text, have a list"},
		{"an alias", "registry: &a\n  x: {image: y}\nz: *a\n", "", "anchors and aliases are not supported"},
		{"merge key", "registry:\n  <<: {image: y}\n", "", "want a plain key"},
		{"key twice", "registry: {}\nregistry: {}\n", "", "stands twice"},
		{"tag", "registry: !!binary aGk=\n", "", `the tag "!!binary" is not supported`},
		{"bad YAML", "registry: [\n", "", "not valid YAML"},
		{"second document", "registry: {}\n---\nx: 1\n", "", "a second document"},
		{"large YAML", "registry: {}\n" + strings.Repeat("#"+strings.Repeat("x", 1023)+"\n", 4096), "", "of YAML, more than the 4194304 allowed"},
		{"deep YAML", "registry: " + strings.Repeat("[", 70) + strings.Repeat("]", 70), "", "nested deeper than 64 levels"},
		{"endless depth", "registry: " + strings.Repeat("[", 20000), "", "not valid YAML"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := Read([]byte(tt.doc))
			if !matches(err, tt.want) {
				t.Fatalf("error %v, want %q", err, tt.want)
			}
			if err == nil && r.Format != tt.format {
				t.Errorf("format %q, want %q", r.Format, tt.format)
			}
		})
	}
}

func TestReadSource(t *testing.T) {
	r, err := Read([]byte("catalog: 1\nname: acme\nentries:\n  - ghcr.io/acme/weather:1.2.0\n  - reference: ghcr.io/acme/notes\n    version: 1.10\n    tags: [notes, 8080, no]\n"))
	if err != nil {
		t.Fatal(err)
	}
	first, second := r.Catalog.Entries[0], r.Catalog.Entries[1]
	if first.Reference != "ghcr.io/acme/weather:1.2.0" || second.Version != "1.10" || !slices.Equal(second.Tags, []string{"notes", "8080", "no"}) {
		t.Errorf("read %+v and %+v", first, second)
	}
}

func TestReadFolder(t *testing.T) {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	const header = "catalog: 1\nname: acme\nentries: [ghcr.io/acme/first]\n"
	tests := []struct {
		name string
		dir  fstest.MapFS
		want string
	}{
		{"with entries", fstest.MapFS{"catalog.yaml": file(header), "entries/b.yaml": file("reference: ghcr.io/acme/b"), "entries/a.json": file(`{"reference":"ghcr.io/acme/a"}`)}, ""},
		{"without catalog.yaml", fstest.MapFS{"entries/b.yaml": file("reference: ghcr.io/acme/b")}, "the folder has no catalog.yaml"},
		{"strange file", fstest.MapFS{"catalog.yaml": file(header), "entries/README.md": file("hi")}, "entries/README.md: want files that end in"},
		{"folder within", fstest.MapFS{"catalog.yaml": file(header), "entries/x.yaml/y": file("hi")}, "entries/x.yaml: it is not a regular file"},
		{"bad entry", fstest.MapFS{"catalog.yaml": file(header), "entries/b.yaml": file("refrence: x")}, `entries/b.yaml: line 1: top level: unknown key "refrence": did you mean "reference"?`},
		{"bad member", fstest.MapFS{"catalog.yaml": file(header), "entries/b.yaml": file("reference: nowhere")}, "entries[1]: reference:"},
		{"another form", fstest.MapFS{"catalog.yaml": file("registry: {}"), "entries/b.yaml": file("reference: a.b/c")}, "a catalog of another form"},
		{"too much", fstest.MapFS{"catalog.yaml": file(header), "entries/b.yaml": file("#" + strings.Repeat("x", MaxBytes))}, "more than the 8388608 bytes allowed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := ReadFolder(tt.dir)
			if !matches(err, tt.want) {
				t.Fatalf("error %v, want %q", err, tt.want)
			}
			if err != nil {
				return
			}
			var refs []string
			for _, e := range r.Catalog.Entries {
				refs = append(refs, e.Reference)
			}
			if want := []string{"ghcr.io/acme/first", "ghcr.io/acme/a", "ghcr.io/acme/b"}; !slices.Equal(refs, want) {
				t.Errorf("entries %q, want %q", refs, want)
			}
		})
	}
}

func TestCompareVersions(t *testing.T) {
	// In ascending order, from semver.org section 11 and beyond.
	order := []string{"", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.2.0", "1.10.0", "2.0.0-0", "2.0.0", "10.0.0"}
	for i, a := range order {
		for j, b := range order {
			if got := compareVersions(a, b); got != cmpInt(i, j) {
				t.Errorf("compare %q with %q: %d", a, b, got)
			}
		}
	}
	if compareVersions("1.0.0+a", "1.0.0+b") != 0 || compareVersions("latest", "v1") != 0 || compareVersions("latest", "0.0.1") != -1 {
		t.Error("build metadata and what is no version")
	}
}

func cmpInt(a, b int) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// entriesOf reads a foreign document and returns its entries in JSON, by name.
func entriesOf(t *testing.T, doc string) (map[string]string, *Reading) {
	t.Helper()
	r, err := Read([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, e := range r.Catalog.Entries {
		b, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		got[e.Name] = string(b)
	}
	// Whatever was read can be kept, and read again.
	r.Catalog.Name = "foreign"
	data, err := r.Catalog.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(data); err != nil {
		t.Fatal(err)
	}
	return got, r
}

// sameEntries compares by the values of the JSON.
func sameEntries(t *testing.T, got, want map[string]string) {
	t.Helper()
	for name, doc := range want {
		if !sameJSON(t, got[name], doc) {
			t.Errorf("%s:\nhave %s\nwant %s", name, got[name], doc)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s should have been left out", name)
		}
	}
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	if a == "" || b == "" {
		return a == b
	}
	var va, vb any
	if err := json.Unmarshal([]byte(a), &va); err != nil {
		t.Fatalf("%v: %s", err, a)
	}
	if err := json.Unmarshal([]byte(b), &vb); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	na, _ := json.Marshal(va)
	nb, _ := json.Marshal(vb)
	return string(na) == string(nb)
}

func wantNotes(t *testing.T, notes []string, want ...string) {
	t.Helper()
	if len(notes) != len(want) {
		t.Errorf("notes %q, want %d", notes, len(want))
		return
	}
	for i, w := range want {
		if !strings.Contains(notes[i], w) {
			t.Errorf("note %q, want %q", notes[i], w)
		}
	}
}
