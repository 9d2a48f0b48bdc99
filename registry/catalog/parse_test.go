package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

var someDigest = "sha256:" + strings.Repeat("ab", 32)

var fullCatalog = `{
  "catalog": 1, "name": "acme", "title": "Acme", "description": "What we run.", "version": "1.2.0-rc.1", "created": "2026-02-03T04:05:06Z",
  "entries": [
    {"name": "io.github.acme/weather", "reference": "ghcr.io/acme/weather:1.2.0", "digest": "` + someDigest + `", "version": "1.2.0",
     "title": "Weather", "description": "Forecasts.", "tags": ["weather", "maps & more"], "license": "Apache-2.0", "homepage": "https://example.com/weather",
     "capabilities": ["http api.example.com", "kv rw (optional)", "clock"],
     "trust": [{"key": "` + someDigest + `"}, {"identity": "https://github.com/acme/weather/.github/workflows/r.yml@refs/heads/main", "issuer": "https://token.actions.githubusercontent.com"}]},
    {"name": "time", "container": {"image": "mcp/time@` + someDigest + `", "command": ["--zone", "line one\nline two"], "env": [{"name": "TZ", "value": "UTC"}],
     "secrets": [{"name": "time.key", "env": "KEY", "required": true}], "volumes": ["{{time.path}}:/data:ro"], "user": "1000", "disableNetwork": true,
     "allowHosts": ["time.example.com:443"], "longLived": true, "config": [{"name": "time", "type": "object", "big": 12345678901234567890}], "tools": [{"name": "now"}],
     "oauth": {"providers": []}, "transport": {"transport": "sse", "url": "http://localhost:{port}/sse"}}},
    {"name": "far", "remotes": [{"transport": "streamable-http", "url": "https://{tenant}.example.com/mcp", "headers": [{"name": "Authorization", "value": "Bearer {token}", "secret": true}]}],
     "others": [{"type": "npm", "identifier": "@acme/far", "version": "2"}]}
  ]
}`

func compileSchema(t *testing.T, schema []byte) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func bySchema(t *testing.T, s *jsonschema.Schema, doc []byte) error {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
	if err != nil {
		t.Fatalf("%v in %s", err, doc)
	}
	return s.Validate(v)
}

// entryWith is a catalog with one entry that has some members more.
func entryWith(members string) string {
	return `{"catalog":1,"name":"a","entries":[{"name":"x","reference":"ghcr.io/a/x:1"` + members + `}]}`
}

func TestParse(t *testing.T) {
	schema := compileSchema(t, Schema())
	long := strings.Repeat("x", 1001)
	tests := []struct {
		name, doc, want string // "" is valid
		beyond          bool   // more than the schema can say
	}{
		{"full", fullCatalog, "", false},
		{"smallest", `{"catalog":1,"name":"a","entries":[]}`, "", false},
		{"entry", entryWith(""), "", false},
		{"not an object", `[]`, "top level: want an object, have a list", false},
		{"unknown key", `{"catalog":1,"name":"a","entries":[],"tilte":"x"}`, `line 1: top level: unknown key "tilte": did you mean "title"?`, false},
		{"key in another case", `{"catalog":1,"Name":"a","entries":[]}`, `unknown key "Name": did you mean "name"?`, false},
		{"unknown key of an entry", entryWith(`,"licence":"MIT"`), `entries[0]: unknown key "licence": did you mean "license"?`, false},
		{"other version", `{"catalog":2,"name":"a","entries":[]}`, "version 2 of the form is not known", false},
		{"version as text", `{"catalog":"1","name":"a","entries":[]}`, "catalog: want a whole number, have text", false},
		{"name", `{"catalog":1,"name":"A","entries":[]}`, `name: "A": want a lower-case letter`, false},
		{"semver", `{"catalog":1,"name":"a","version":"v1","entries":[]}`, `version: "v1": want a semantic version`, false},
		{"created", `{"catalog":1,"name":"a","created":"yesterday","entries":[]}`, "created: parsing time", false},
		{"null", `{"catalog":1,"name":"a","title":null,"entries":[]}`, "title: want a value: leave the key out, have nothing", false},
		{"number for text", `{"catalog":1,"name":"a","title":1,"entries":[]}`, "title: want text, have a number", false},
		{"control character", `{"catalog":1,"name":"a","title":"a\u001b[31m","entries":[]}`, "title: has control characters", false},
		{"entry as text", `{"catalog":1,"name":"a","entries":["ghcr.io/a/x:1"]}`, `entries[0]: name: ""`, false},
		{"entry is nowhere", `{"catalog":1,"name":"a","entries":[{"name":"x"}]}`, "it says nowhere what it is", false},
		{"empty lists", `{"catalog":1,"name":"a","entries":[{"name":"x","remotes":[]}]}`, "it says nowhere what it is", false},
		{"name of an entry", `{"catalog":1,"name":"a","entries":[{"name":"a/b/c","reference":"ghcr.io/a/x"}]}`, `name: "a/b/c"`, false},
		{"long description", entryWith(`,"description":"` + long + `"`), "description: longer than 1000 characters", false},
		{"digest", entryWith(`,"digest":"sha256:AB"`), "digest: \"sha256:AB\": want sha256:", false},
		{"digest alone", `{"catalog":1,"name":"a","entries":[{"name":"x","remotes":[{"transport":"sse","url":"https://a"}],"digest":"` + someDigest + `"}]}`, "it stands without a reference", false},
		{"empty tag", entryWith(`,"tags":[""]`), "tags[0]: is empty", false},
		{"script as homepage", entryWith(`,"homepage":"javascript:alert(1)"`), "homepage: \"javascript:alert(1)\": want an http or https URL", false},
		{"capability", entryWith(`,"capabilities":["everything"]`), `capabilities[0]: "everything"`, false},
		{"hint with both", entryWith(`,"trust":[{"key":"` + someDigest + `","issuer":"https://x"}]`), "want a key, or an identity and its issuer", false},
		{"hint with nothing", entryWith(`,"trust":[{}]`), "want a key, or an identity and its issuer", false},
		{"hint without issuer", entryWith(`,"trust":[{"identity":"a@example.com"}]`), "an identity has an issuer", false},
		{"hint with a space", entryWith(`,"trust":[{"identity":"a b","issuer":"c"}]`), "have no spaces", false},
		{"key as PEM", entryWith(`,"trust":[{"key":"-----BEGIN"}]`), "want the fingerprint", false},
		{"container without image", entryWith(`,"container":{"user":"1"}`), "container: image: missing", false},
		{"poci needs none", entryWith(`,"container":{"type":"poci"}`), "", false},
		{"NUL in an argument", entryWith(`,"container":{"image":"a","command":["a\u0000"]}`), "command[0]: has a NUL", false},
		{"variable without name", entryWith(`,"container":{"image":"a","env":[{"value":"a"}]}`), "env[0].name: missing", false},
		{"config of another type", entryWith(`,"container":{"image":"a","config":{}}`), "config: want a list", false},
		{"transport", entryWith(`,"remotes":[{"transport":"http","url":"https://a"}]`), "want streamable-http or sse", false},
		{"other", entryWith(`,"others":[{"type":"NPM","identifier":"a"}]`), `others[0].type: "NPM"`, false},
		{"reference", `{"catalog":1,"name":"a","entries":[{"name":"x","reference":"weather"}]}`, "the registry is missing", true},
		{"two digests", `{"catalog":1,"name":"a","entries":[{"name":"x","reference":"ghcr.io/a/x@` + someDigest + `","digest":"sha256:` + strings.Repeat("0", 64) + `"}]}`, "the reference has another one", true},
		{"one name twice", `{"catalog":1,"name":"a","entries":[{"name":"x","reference":"ghcr.io/a/x:1"},{"name":"X","reference":"ghcr.io/a/y:1"}]}`, `the name "X" stands at entries[0] already`, true},
		{"password in the homepage", entryWith(`,"homepage":"https://u:p@example.com"`), "want an http or https URL", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse([]byte(tt.doc))
			if !matches(err, tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if e := bySchema(t, schema, []byte(tt.doc)); !tt.beyond && (e == nil) != (err == nil) {
				t.Errorf("the schema says %v, the parser %v", e, err)
			}
		})
	}
}

// matches reports whether an error has the text, or is nil for "".
func matches(err error, want string) bool {
	if want == "" {
		return err == nil
	}
	return err != nil && strings.Contains(err.Error(), want)
}

func TestParseForm(t *testing.T) {
	entries := make([]string, MaxEntries+1)
	for i := range entries {
		entries[i] = fmt.Sprintf(`{"name":"e%d","reference":"a.b/c"}`, i)
	}
	tests := []struct{ name, doc, want string }{
		{"empty", " \n", "the file is empty"},
		{"cut off", "{\n\"catalog\":1,", "line 2: unexpected end of JSON"},
		{"two values", `{"catalog":1} {}`, "more than one JSON value"},
		{"key twice", `{"catalog":1,"name":"a","name":"b"}`, `the key "name" stands twice`},
		{"bad UTF-8", "{\"catalog\":1,\"name\":\"\xff\"}", "not valid UTF-8"},
		{"yaml", "catalog: 1\n", "invalid character"},
		{"deep", `{"catalog":1,"name":"a","entries":[{"name":"x","container":{"image":"a","config":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `}}]}`, "nested deeper than 64 levels"},
		{"many values", `{"catalog":1,"name":"a","entries":[` + strings.Repeat("1,", maxNodes) + `1]}`, "more than 1000000 values"},
		{"too large", strings.Repeat(" ", MaxBytes) + "{}", "more than the 8388608 allowed"},
		{"too many entries", `{"catalog":1,"name":"a","entries":[` + strings.Join(entries, ",") + `]}`, "entries: 10001, more than the 10000 allowed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Parse([]byte(tt.doc)); !matches(err, tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestEncode(t *testing.T) {
	c, err := Parse([]byte(fullCatalog))
	if err != nil {
		t.Fatal(err)
	}
	first, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(first)
	if err != nil {
		t.Fatal(err)
	}
	second, err := again.Encode()
	if err != nil || !bytes.Equal(first, second) {
		t.Errorf("%v: the form is not the same the second time:\n%s\n%s", err, first, second)
	}
	if again.Entries[0].Name != "far" || again.Entries[2].Name != "time" {
		t.Errorf("the entries are not in order: %s", first)
	}
	for _, kept := range []string{`"big":12345678901234567890`, `"line one\nline two"`, `maps & more`, `{{time.path}}:/data:ro`, `"created":"2026-02-03T04:05:06Z"`} {
		if !bytes.Contains(first, []byte(kept)) {
			t.Errorf("%s was lost in %s", kept, first)
		}
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, first); err != nil || !bytes.Equal(compact.Bytes(), first) {
		t.Errorf("%v: the form has white space", err)
	}
}

func TestEncodeRefuses(t *testing.T) {
	tests := []struct {
		name string
		c    Catalog
		want string
	}{
		{"nothing in it", Catalog{}, "version 0 of the form"},
		{"bad UTF-8", Catalog{Format: 1, Name: "a", Title: "\xff"}, "not valid UTF-8"},
		{"too large", Catalog{Format: 1, Name: "a", Entries: largeEntries()}, "more than the 8388608 allowed: split it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := tt.c.Encode(); !matches(err, tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func largeEntries() []Entry {
	var entries []Entry
	for i := range 9000 {
		entries = append(entries, Entry{Name: fmt.Sprint("e", i), Reference: "ghcr.io/a/x:1", Description: strings.Repeat("x", 1000)})
	}
	return entries
}
