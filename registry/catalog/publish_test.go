package catalog

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/pack"
)

func TestNewServerJSON(t *testing.T) {
	schema, err := os.ReadFile("testdata/server.subset.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	compiled := compileSchema(t, schema)
	tests := []struct {
		name, ref   string
		change      func(m *plugins.Manifest)
		description string
		want        string // in the server.json
		note        string
	}{
		{"all of it", "ghcr.io/acme/weather:1.2.0", nil, "", `{"$schema":"` + ServerSchema + `","name":"io.github.acme/weather","title":"Weather","description":"Says what comes.","version":"1.2.0",
			"repository":{"url":"https://github.com/acme/weather","source":"github"},
			"packages":[{"registryType":"oci","identifier":"ghcr.io/acme/weather:1.2.0@` + someDigest + `","runtimeHint":"mcpwasm","transport":{"type":"stdio"},
			"runtimeArguments":[{"type":"positional","value":"run"}],
			"environmentVariables":[{"name":"UNITS"},{"name":"token","description":"logs in","isRequired":true,"isSecret":true}]}]}`, ""},
		{"latest is no version", "ghcr.io/acme/weather", nil, "", `"identifier":"ghcr.io/acme/weather@` + someDigest, ""},
		{"no tag", "localhost:5000/acme/weather@" + someDigest, nil, "", `"identifier":"localhost:5000/acme/weather@` + someDigest, ""},
		{"asks for nothing", "ghcr.io/acme/weather:1", func(m *plugins.Manifest) { m.Capabilities = nil }, "", `"packages":[{`, ""},
		{"long description", "ghcr.io/acme/weather:1", func(m *plugins.Manifest) { m.Description = strings.Repeat("é", 101) }, "",
			`"description":"` + strings.Repeat("é", 99) + `…"`, "was shortened to 100 characters"},
		{"own description", "ghcr.io/acme/weather:1", func(m *plugins.Manifest) { m.Description = "" }, "In short.", `"description":"In short."`, ""},
		{"gitlab", "ghcr.io/acme/weather:1", func(m *plugins.Manifest) { m.Source = "https://gitlab.com/acme/weather.git" }, "", `"source":"gitlab","url":"https://gitlab.com/acme/weather"`, ""},
		{"elsewhere", "ghcr.io/acme/weather:1", func(m *plugins.Manifest) { m.Source = "https://git.example.com/w" }, "", `"websiteUrl":"https://git.example.com/w"`, "it became the website"},
		{"no source", "ghcr.io/acme/weather:1", func(m *plugins.Manifest) { m.Source = "" }, "", `"name"`, "has no repository"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := parsePlugin(t, weatherManifest)
			if tt.change != nil {
				tt.change(m)
			}
			ref := parseRef(t, tt.ref)
			ref.Digest = someDigest
			s, notes, err := NewServerJSON(m, ref, tt.description)
			if err != nil {
				t.Fatal(err)
			}
			doc, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			if err := bySchema(t, compiled, doc); err != nil {
				t.Errorf("%v: %s", err, doc)
			}
			if strings.HasPrefix(tt.want, "{") && !sameJSON(t, string(doc), tt.want) || !strings.HasPrefix(tt.want, "{") && !strings.Contains(sorted(t, doc), tt.want) {
				t.Errorf("have %s\nwant %s", doc, tt.want)
			}
			if got := strings.Join(notes, "\n"); !strings.Contains(got, tt.note) || (tt.note == "") != (got == "") {
				t.Errorf("notes %q, want %q", notes, tt.note)
			}
			// What we write, we read as a package of ours.
			r, err := Read(doc)
			if err != nil || len(r.Catalog.Entries) != 1 || r.Catalog.Entries[0].Kind() != "package" || r.Catalog.Entries[0].Digest != someDigest {
				t.Errorf("%v: read back as %+v", err, r)
			}
		})
	}
}

// sorted is a JSON document with its members in order.
func sorted(t *testing.T, doc []byte) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(doc, &v); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestNewServerJSONRefuses(t *testing.T) {
	tests := []struct {
		name   string
		change func(m *plugins.Manifest)
		text   string
		want   string
	}{
		{"name without a namespace", func(m *plugins.Manifest) { m.Name = "weather" }, "", `name: "weather": want a reverse domain name`},
		{"underscore in the namespace", func(m *plugins.Manifest) { m.Name = "io.a_b/weather" }, "", `name: "io.a_b/weather"`},
		{"no description", func(m *plugins.Manifest) { m.Description = "" }, "", "description: missing"},
		{"own description too long", nil, strings.Repeat("x", 101), "description: 101 characters, more than the 100 allowed"},
		{"version", func(m *plugins.Manifest) { m.Version = "1.x" }, "", `version: "1.x"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := parsePlugin(t, weatherManifest)
			if tt.change != nil {
				tt.change(m)
			}
			ref := oci.Reference{Registry: "ghcr.io", Repository: "a/b", Digest: someDigest}
			if _, _, err := NewServerJSON(m, ref, tt.text); !matches(err, tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
	if _, _, err := NewServerJSON(nil, oci.Reference{}, ""); !matches(err, "the package has no manifest") {
		t.Errorf("error %v", err)
	}
	if _, _, err := NewServerJSON(parsePlugin(t, weatherManifest), oci.Reference{Registry: "ghcr.io", Repository: "a/b", Tag: "1"}, ""); !matches(err, "want a digest") {
		t.Errorf("error %v", err)
	}
}

// TestServerSubset makes sure that the schema which the others are held against
// can refuse.
func TestServerSubset(t *testing.T) {
	schema, err := os.ReadFile("testdata/server.subset.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	compiled := compileSchema(t, schema)
	for _, doc := range []string{
		`{"name":"a.b/c","version":"1"}`,
		`{"name":"weather","description":"d","version":"1"}`,
		`{"name":"a.b/c","description":"` + strings.Repeat("x", 101) + `","version":"1"}`,
		`{"name":"a.b/c","description":"d","version":"1","packages":[{"registryType":"oci","transport":{"type":"stdio"}}]}`,
		`{"name":"a.b/c","description":"d","version":"1","packages":[{"registryType":"oci","identifier":"a","transport":{"type":"pipe"}}]}`,
		`{"name":"a.b/c","description":"d","version":"1","packages":[{"registryType":"oci","identifier":"a","transport":{"type":"stdio"},"runtimeArguments":[{"type":"positional"}]}]}`,
		`{"name":"a.b/c","description":"d","version":"1","repository":{"url":"https://a"}}`,
	} {
		if bySchema(t, compiled, []byte(doc)) == nil {
			t.Errorf("accepted %s", doc)
		}
	}
}

func TestCheckServerName(t *testing.T) {
	s := newShop(t)
	ref := parseRef(t, "ghcr.io/acme/weather:1.2.0")
	d := s.packaged(t, ref, parsePlugin(t, weatherManifest))
	bare := parseRef(t, "ghcr.io/acme/bare:1")
	b := s.packaged(t, bare, nil)
	tests := []struct {
		name   string
		ref    oci.Reference
		d      oci.Descriptor
		change func(l *pack.Listing)
		server string
		want   string
	}{
		{"has it", ref, d, nil, "io.github.acme/weather", ""},
		{"another name", ref, d, nil, "io.github.acme/other", `is "io.github.acme/weather": want "io.github.acme/other"`},
		{"no label", bare, b, nil, "a.b/c", "the package's config has no label io.modelcontextprotocol.server.name"},
		{"another annotation", ref, d, func(l *pack.Listing) { l.Manifest.Annotations[pack.AnnotationServerName] = "x" }, "io.github.acme/weather", `the annotation io.modelcontextprotocol.server.name is "x"`},
		{"large config", ref, d, func(l *pack.Listing) { l.Manifest.Config.Size = 2 << 20 }, "a.b/c", "read the package's config"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, err := pack.Read(context.Background(), s.repository(tt.ref), tt.d, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			if tt.change != nil {
				tt.change(l)
			}
			if err := CheckServerName(context.Background(), s.repository(tt.ref), l, tt.server); !matches(err, tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestDemands(t *testing.T) {
	tests := []struct {
		registry string
		listed   bool
	}{{"ghcr.io", true}, {"docker.io", true}, {"eu-docker.pkg.dev", true}, {"pkg.dev", false}, {"evilpkg.dev", false}, {"localhost:5000", false}}
	for _, tt := range tests {
		t.Run(tt.registry, func(t *testing.T) {
			lines := strings.Join(Demands(&ServerJSON{Name: "io.github.acme/x"}, oci.Reference{Registry: tt.registry, Repository: "a"}), "\n")
			if !strings.Contains(lines, "proves to own io.github.acme") || strings.Contains(lines, "not from "+tt.registry) == tt.listed {
				t.Errorf("demands %s", lines)
			}
		})
	}
}
