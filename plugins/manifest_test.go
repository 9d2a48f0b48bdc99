package plugins

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const fullManifest = `{
  "contract": 1,
  "name": "io.github.someone/weather",
  "version": "1.2.3-rc.1+build.5",
  "title": "Weather",
  "description": "Forecasts, in words.",
  "license": "Apache-2.0 OR MIT",
  "source": "https://example.com/someone/weather",
  "authors": ["Someone"],
  "capabilities": {
    "http": [
      {"host": "api.example.com", "methods": ["GET", "POST"], "paths": ["/v1", "/v2/"], "reason": "forecasts"},
      {"host": "*.example.org", "scheme": "http", "ports": [8080]},
      {"host": "[::1]", "optional": true}
    ],
    "files": [{"path": "/data", "access": "rw", "quotaBytes": 1048576, "reason": "its cache"}],
    "kv": {"access": "rw", "quotaBytes": 4096},
    "secrets": [{"name": "API_KEY", "hosts": ["api.example.com:443"], "in": ["header", "query"]}],
    "env": [{"name": "UNITS", "optional": true}],
    "clock": {"reason": "today"},
    "random": {}
  },
  "definitions": {
    "serverInfo": {"name": "weather", "version": "1.2.3"},
    "capabilities": {"tools": {}},
    "instructions": "Ask for a place.",
    "tools": [
      {"name": "now", "inputSchema": {"type": "object", "x-unknown": 12345678901234567890.50}},
      {"name": "forecast", "inputSchema": {"type": "object"}, "x": [null]}
    ],
    "prompts": [{"name": "brief"}],
    "resources": [{"uri": "weather://stations", "name": "stations"}],
    "resourceTemplates": [{"uriTemplate": "weather://{id}", "name": "station"}],
    "caching": {"tools": {"ttlMs": 60000, "cacheScope": "public"}}
  }
}`

const smallManifest = `{"contract":1,"name":"hello","version":"0.1.0","definitions":{}}`

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(ManifestSchema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("manifest.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// bySchema reports what the schema says about a document; what is not JSON it
// does not accept.
func bySchema(s *jsonschema.Schema, doc string) error {
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(doc))
	if err != nil {
		return err
	}
	return s.Validate(v)
}

// change replaces the member at a path of the full manifest; nil removes it.
func change(t *testing.T, value any, path ...any) string {
	t.Helper()
	var doc any
	if err := json.Unmarshal([]byte(fullManifest), &doc); err != nil {
		t.Fatal(err)
	}
	at := doc
	for _, p := range path[:len(path)-1] {
		switch p := p.(type) {
		case string:
			at = at.(map[string]any)[p]
		case int:
			at = at.([]any)[p]
		}
	}
	switch last := path[len(path)-1].(type) {
	case string:
		at.(map[string]any)[last] = value
		if value == nil {
			delete(at.(map[string]any), last)
		}
	case int:
		at.([]any)[last] = value
	}
	b, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestManifestAccepts(t *testing.T) {
	schema := compileSchema(t)
	tests := []struct{ name, doc string }{
		{"full", fullManifest},
		{"small", smallManifest},
		{"nothing offered", `{"contract":1,"name":"hello","version":"0.1.0"}`},
		{"any host", change(t, "*", "capabilities", "http", 0, "host")},
		{"root folder", change(t, "/", "capabilities", "files", 0, "path")},
		{"nothing asked", change(t, nil, "capabilities")},
		{"dotted name", change(t, "hello.v2", "name")},
		{"hidden folder", change(t, "/..data/.x", "capabilities", "files", 0, "path")},
		{"licence with exception", change(t, "GPL-2.0-only WITH Classpath-exception-2.0", "license")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := ParseManifest([]byte(tt.doc)); err != nil {
				t.Errorf("type: %v", err)
			}
			if err := bySchema(schema, tt.doc); err != nil {
				t.Errorf("schema: %v", err)
			}
		})
	}
}

func TestManifestRefuses(t *testing.T) {
	schema := compileSchema(t)
	long := strings.Repeat("x", 2001)
	tests := []struct{ name, doc, want string }{
		{"no name", change(t, nil, "name"), "name: missing"},
		{"bad name", change(t, "a/b/c", "name"), "name:"},
		{"long name", change(t, long, "name"), "name: longer"},
		{"bad version", change(t, "v1.2.3", "version"), "semantic version"},
		{"no contract", change(t, nil, "contract"), "contract: want 1"},
		{"newer contract", change(t, 2, "contract"), "needs version 2"},
		{"contract as text", change(t, "1", "contract"), "contract: want an integer"},
		{"control in title", change(t, "a\x1b[2Jb", "title"), "control characters"},
		{"long description", change(t, long, "description"), "longer"},
		{"bad licence", change(t, "see file", "license"), "SPDX"},
		{"plain http source", change(t, "http://example.com", "source"), "https"},
		{"source with user", change(t, "https://u@example.com/", "source"), "https"},
		{"empty author", change(t, "", "authors", 0), "authors[0]"},
		{"misspelt key", change(t, "MIT", "licence"), `unknown key "licence": did you mean "license"?`},
		{"key in other case", change(t, "X", "Title"), `did you mean "title"?`},
		{"unknown capability", change(t, 1, "capabilities", "htpt"), `did you mean "http"?`},
		{"unknown in request", change(t, 1, "capabilities", "http", 0, "path"), `did you mean "paths"?`},
		{"bad host", change(t, "https://x", "capabilities", "http", 0, "host"), "host"},
		{"no host", change(t, nil, "capabilities", "http", 0, "host"), "host: missing"},
		{"partial wildcard", change(t, "a*.example.com", "capabilities", "http", 0, "host"), "host"},
		{"bad scheme", change(t, "ftp", "capabilities", "http", 0, "scheme"), "https or http"},
		{"port 0", change(t, 0, "capabilities", "http", 1, "ports", 0), "1 to 65535"},
		{"lower method", change(t, "get", "capabilities", "http", 0, "methods", 0), "upper case"},
		{"relative path", change(t, "v1", "capabilities", "http", 0, "paths", 0), "absolute"},
		{"dots in path", change(t, "/v1/../x", "capabilities", "http", 0, "paths", 0), `without "."`},
		{"dots in folder", change(t, "/a/..", "capabilities", "files", 0, "path"), `without "."`},
		{"folder with slash", change(t, "/a/", "capabilities", "files", 0, "path"), "absolute"},
		{"bad access", change(t, "w", "capabilities", "files", 0, "access"), "ro or rw"},
		{"negative quota", change(t, -1, "capabilities", "kv", "quotaBytes"), "negative"},
		{"fractional quota", change(t, 1.5, "capabilities", "kv", "quotaBytes"), "want an integer"},
		{"secret without hosts", change(t, []any{}, "capabilities", "secrets", 0, "hosts"), "hosts: missing"},
		{"secret to any host", change(t, "*", "capabilities", "secrets", 0, "hosts", 0), "wildcards"},
		{"secret elsewhere", change(t, "cookie", "capabilities", "secrets", 0, "in", 0), "header or query"},
		{"bad variable", change(t, "1X", "capabilities", "env", 0, "name"), "env[0].name"},
		{"clock as flag", change(t, true, "capabilities", "clock"), "clock: want an object"},
		{"null", `{"contract":1,"name":"hello","version":"0.1.0","title":null,"definitions":{}}`, "null"},
		{"tool without name", change(t, nil, "definitions", "tools", 0, "name"), "tools[0]: name"},
		{"tool without schema", change(t, nil, "definitions", "tools", 0, "inputSchema"), "inputSchema"},
		{"tool as text", change(t, "now", "definitions", "tools", 0), "want an object"},
		{"prompt without name", change(t, "", "definitions", "prompts", 0, "name"), "prompts[0]: name"},
		{"resource without uri", change(t, nil, "definitions", "resources", 0, "uri"), "resources[0]: uri"},
		{"template without uri", change(t, nil, "definitions", "resourceTemplates", 0, "uriTemplate"), "uriTemplate"},
		{"unknown list", change(t, []any{}, "definitions", "tool"), `did you mean "tools"?`},
		{"bad scope", change(t, "all", "definitions", "caching", "tools", "cacheScope"), "public or private"},
		{"negative ttl", change(t, -1, "definitions", "caching", "tools", "ttlMs"), "negative"},
		{"server info as text", change(t, "x", "definitions", "serverInfo"), "want an object"},
		{"an array", `[]`, "manifest: want a JSON object"},
		{"text", `"x"`, "manifest: want a JSON object"},
		{"nothing", ``, "manifest: want a JSON object"},
		{"cut off", smallManifest[:20], "unexpected end"},
		{"two values", smallManifest + "{}", "more than one"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseManifest([]byte(tt.doc))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("type: error %v, want one with %q", err, tt.want)
			}
			if bySchema(schema, tt.doc) == nil {
				t.Error("the schema accepts it")
			}
		})
	}
}

// TestManifestRefusesMore has what JSON Schema cannot say.
func TestManifestRefusesMore(t *testing.T) {
	env := map[string]any{"name": "UNITS"}
	tests := []struct{ name, doc, want string }{
		{"member twice", strings.Replace(smallManifest, "{", `{"name":"a",`, 1), "the same key"},
		{"member twice but for case", `{"contract":1,"name":"a","version":"0.1.0","definitions":{"serverInfo":{"a":1,"A":2}}}`, "the same key"},
		{"long s", "{\"contract\":1,\"name\":\"a\",\"version\":\"0.1.0\",\"definitions\":{\"serverInfo\":{\"s\":1,\"\u017f\":2}}}", "the same key"},
		{"tool twice", change(t, map[string]any{"name": "now", "inputSchema": map[string]any{}}, "definitions", "tools", 1), `two definitions with the name "now"`},
		{"variable twice", change(t, []any{env, env}, "capabilities", "env"), "a second request"},
		{"bad UTF-8", strings.Replace(smallManifest, "hello", "he\xffllo", 1), "UTF-8"},
		{"too deep", `{"definitions":{"serverInfo":{"a":` + strings.Repeat("[", 10000), "deeper"},
		{"too large", strings.Repeat(" ", MaxManifestBytes+1), "allowed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseManifest([]byte(tt.doc))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestManifestErrorPosition(t *testing.T) {
	_, err := ParseManifest([]byte("{\n  \"contract\": 1,\n  \"nmae\": \"x\"\n}"))
	want := `manifest: line 3, column 8: top level: unknown key "nmae": did you mean "name"?`
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestManifestRoundTrip(t *testing.T) {
	m, err := ParseManifest([]byte(fullManifest))
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Definitions.Tools.Items[0].Key; got != "forecast" {
		t.Errorf("first tool is %q: the list is not sorted", got)
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(b, []byte("12345678901234567890.50")) {
		t.Error("a number lost digits")
	}
	again, err := ParseManifest(b)
	if err != nil {
		t.Fatal(err)
	}
	b2, err := json.Marshal(again)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, b2) {
		t.Errorf("read and written again:\n%s\nwant\n%s", b2, b)
	}
}

// TestManifestSchemaFields holds the schema's properties against the types, all
// the way down.
func TestManifestSchemaFields(t *testing.T) {
	var root map[string]any
	if err := json.Unmarshal(ManifestSchema(), &root); err != nil {
		t.Fatal(err)
	}
	compareFields(t, "manifest", reflect.TypeFor[Manifest](), root)
}

func compareFields(t *testing.T, path string, typ reflect.Type, schema map[string]any) {
	t.Helper()
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	if typ.Kind() == reflect.Slice && typ != reflect.TypeFor[json.RawMessage]() {
		items, _ := schema["items"].(map[string]any)
		compareFields(t, path+"[]", typ.Elem(), items)
		return
	}
	fields, open := membersOf(typ)
	if open || len(fields) == 0 {
		return
	}
	properties, _ := schema["properties"].(map[string]any)
	have := keys(fields)
	var want []string
	for name := range properties {
		want = append(want, name)
	}
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Errorf("%s: type has %q, schema has %q", path, have, want)
	}
	if schema["additionalProperties"] != false {
		t.Errorf("%s: the schema takes unknown keys", path)
	}
	for name, f := range fields {
		sub, _ := properties[name].(map[string]any)
		compareFields(t, path+"."+name, f, sub)
	}
}

func FuzzParseManifest(f *testing.F) {
	f.Add([]byte(fullManifest))
	f.Add([]byte(smallManifest))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseManifest(b)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\r") {
				t.Errorf("error of several lines: %q", err)
			}
			return
		}
		out, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseManifest(out); err != nil {
			t.Errorf("written, it is refused: %v\n%s", err, out)
		}
	})
}
