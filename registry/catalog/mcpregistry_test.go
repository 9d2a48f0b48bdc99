package catalog

import (
	"fmt"
	"strings"
	"testing"
)

const registryPage = `{"servers":[
 {"server":{"$schema":"https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json","name":"io.github.house/clock","title":"Clock","description":"Tells the time","version":"1.0.0",
   "repository":{"url":"https://github.com/house/clock","source":"github","id":"1"},
   "packages":[{"registryType":"oci","identifier":"ghcr.io/house/clock:1.0.0","transport":{"type":"stdio"},
     "runtimeArguments":[{"type":"named","name":"-v","value":"{path}:/data","variables":{"path":{"format":"filepath","isRequired":true}}}],
     "packageArguments":[{"type":"positional","valueHint":"zone"}],
     "environmentVariables":[{"name":"TOKEN","description":"The token","isRequired":true,"isSecret":true,"placeholder":"abc"},{"name":"ZONE","default":"UTC","choices":["UTC","CET"],"format":"string"}]},
    {"registryType":"npm","registryBaseUrl":"https://registry.npmjs.org","identifier":"@house/clock","version":"1.0.0","transport":{"type":"stdio"}}]},
  "_meta":{"io.modelcontextprotocol.registry/official":{"status":"active","isLatest":false,"publishedAt":"2026-01-01T00:00:00Z"}}},
 {"server":{"name":"io.github.house/clock","description":"Tells the time","version":"1.1.0","remotes":[{"type":"streamable-http","url":"https://{tenant}.example.com/mcp",
    "variables":{"tenant":{"isRequired":true}},"headers":[{"name":"X-Key","isSecret":true,"isRequired":true}]}]},
  "_meta":{"io.modelcontextprotocol.registry/official":{"status":"active","isLatest":true}}},
 {"server":{"name":"io.github.house/ours","description":"Runs here","version":"2.0.0","packages":[{"registryType":"oci","identifier":"ghcr.io/house/ours:2.0.0@sha256:abababababababababababababababababababababababababababababababab","runtimeHint":"mcpwasm","transport":{"type":"stdio"}}]},"_meta":{}},
 {"server":{"name":"io.github.house/gone","description":"x","version":"1.0.0","remotes":[{"type":"sse","url":"https://a"}]},"_meta":{"io.modelcontextprotocol.registry/official":{"status":"deleted"}}},
 {"server":{"name":"io.github.house/old","description":"x","version":"1.0.0","remotes":[{"type":"sse","url":"https://a"}]},"_meta":{"io.modelcontextprotocol.registry/official":{"status":"deprecated"}}},
 {"server":{"name":"io.github.house/port","description":"x","version":"1","packages":[{"registryType":"oci","registryBaseUrl":"https://docker.io","identifier":"house/port","version":"1.2","transport":{"type":"streamable-http","url":"http://localhost:{port}/mcp"}}]}},
 {"server":{"name":"io.github.house/pinned","description":"x","version":"1","packages":[{"registryType":"oci","identifier":"house/pinned","version":"sha256:abcd","transport":{"type":"stdio"}}]}},
 {"server":{"name":"two words","description":"x","version":"1","remotes":[{"type":"sse","url":"https://a"}]}},
 {"server":{"name":"io.github.house/list","description":["x"]}},
 {"name":"io.github.house/direct","description":"the older form","version":"1.0.0","packages":[{"registryType":"pypi","identifier":"direct","version":"1.0.0","transport":{"type":"stdio"}}]},
 {"name":"io.github.house/oldest","description":"of before 2025-09","version_detail":{"version":"1.0.0"},"packages":[{"registry_name":"npm","name":"oldest","version":"1.0.0"}]}
],"metadata":{"count":10,"nextCursor":"abc"}}`

func TestRegistryPage(t *testing.T) {
	got, r := entriesOf(t, registryPage)
	sameEntries(t, got, map[string]string{
		"io.github.house/clock": `{"name":"io.github.house/clock","version":"1.1.0","description":"Tells the time","remotes":[{"transport":"streamable-http",
			"url":"https://{tenant}.example.com/mcp","headers":[{"name":"X-Key","required":true,"secret":true}],"variables":{"tenant":{"isRequired":true}}}]}`,
		"io.github.house/ours": `{"name":"io.github.house/ours","version":"2.0.0","description":"Runs here",
			"reference":"ghcr.io/house/ours:2.0.0@sha256:abababababababababababababababababababababababababababababababab",
			"digest":"sha256:abababababababababababababababababababababababababababababababab"}`,
		"io.github.house/old": `{"name":"io.github.house/old","version":"1.0.0","description":"x","tags":["deprecated"],"remotes":[{"transport":"sse","url":"https://a"}]}`,
		"io.github.house/port": `{"name":"io.github.house/port","version":"1","description":"x","container":{"image":"docker.io/house/port:1.2",
			"transport":{"transport":"streamable-http","url":"http://localhost:{port}/mcp"}}}`,
		"io.github.house/pinned": `{"name":"io.github.house/pinned","version":"1","description":"x","container":{"image":"house/pinned@sha256:abcd"}}`,
		"io.github.house/direct": `{"name":"io.github.house/direct","version":"1.0.0","description":"the older form","others":[{"type":"pypi","identifier":"direct","version":"1.0.0"}]}`,
	})
	wantNotes(t, r.Notes, "gone is left out: the registry says that it is deleted", `two words is left out: name: "two words"`, "servers[8] is left out: line ",
		"servers[10] is left out: line 21: a package with registry_name is of the form of before 2025-09: get")
	if r.Next != "abc" {
		t.Errorf("next page %q", r.Next)
	}
}

// serverOnly is one server of the page by itself.
func serverOnly(t *testing.T, form string) string {
	t.Helper()
	_, rest, ok := strings.Cut(registryPage, `{"server":`)
	server, _, ok2 := strings.Cut(rest, ",\n  \"_meta\"")
	if !ok || !ok2 {
		t.Fatal("the page has another form")
	}
	return fmt.Sprintf(form, server)
}

func TestServerJSONForms(t *testing.T) {
	want := map[string]string{"io.github.house/clock": `{"name":"io.github.house/clock","title":"Clock","version":"1.0.0","description":"Tells the time",
		"homepage":"https://github.com/house/clock","container":{"image":"ghcr.io/house/clock:1.0.0",
		"env":[{"name":"ZONE","default":"UTC","choices":["UTC","CET"]}],"secrets":[{"name":"TOKEN","env":"TOKEN","example":"abc","description":"The token","required":true}],
		"runtimeArguments":[{"type":"named","name":"-v","value":"{path}:/data","variables":{"path":{"format":"filepath","isRequired":true}}}],
		"packageArguments":[{"type":"positional","valueHint":"zone"}]},"others":[{"type":"npm","identifier":"@house/clock","version":"1.0.0"}]}`}
	tests := []struct {
		name, form string
		format     Format
	}{
		{"server.json", "%s", FormatServer},
		{"an answer about one server", `{"server":%s,"_meta":{}}`, FormatRegistry},
		{"a list of servers", `{"servers":[%s],"metadata":{"next_cursor":"n"}}`, FormatRegistry},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, r := entriesOf(t, serverOnly(t, tt.form))
			sameEntries(t, got, want)
			if r.Format != tt.format {
				t.Errorf("format %q", r.Format)
			}
		})
	}
}

func TestMerge(t *testing.T) {
	page := func(version string, latest bool, next string) *Reading {
		doc := fmt.Sprintf(`{"servers":[{"server":{"name":"a.b/c","description":"d","version":%q,"remotes":[{"type":"sse","url":"https://a"}]},
			"_meta":{"io.modelcontextprotocol.registry/official":{"isLatest":%t}}}],"metadata":{"nextCursor":%q}}`, version, latest, next)
		r, err := Read([]byte(doc))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	tests := []struct {
		name          string
		first, second *Reading
		want          string
	}{
		{"newer", page("1.0.0", false, "x"), page("1.1.0", false, ""), "1.1.0"},
		{"older", page("1.1.0", false, "x"), page("1.0.0", false, ""), "1.1.0"},
		{"the latest, though it is older", page("2.0.0-rc.1", false, "x"), page("1.0.0", true, ""), "1.0.0"},
		{"the latest came first", page("1.0.0", true, "x"), page("2.0.0-rc.1", false, ""), "1.0.0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.first.Merge(tt.second); err != nil {
				t.Fatal(err)
			}
			if e := tt.first.Catalog.Entries; len(e) != 1 || e[0].Version != tt.want || tt.first.Next != "" {
				t.Errorf("entries %+v, next %q", e, tt.first.Next)
			}
		})
	}
	other, err := Read([]byte(`{"registry":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := page("1.0.0", true, "").Merge(other); !matches(err, `is of the form "docker"`) {
		t.Errorf("error %v", err)
	}
}
