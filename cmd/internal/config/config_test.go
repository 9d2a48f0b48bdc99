package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"github.com/mcpwasm/mcpwasm/internal/yamlfile"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
)

const full = `# all there is
servers:
  hello:
    source: bin/hello.wasm
    args: [--verbose, 3]
    env:
      PORT: 8080
      COUNTRY: no
      TOKEN: "x-${TOKEN}-$${TOKEN}-$5"
      SECRET: secret:TOKEN
    lifetime: process
    limits:
      memory: 64MiB
      deadline: 1m30s
      startDeadline: 10s
      message: 1MiB
      answer: 2MiB
      notifications: 512KiB
      stderr: 4KiB
      concurrency: 2
      queue: 3
      sessions: 4
      cancelGrace: 100ms
      park: 2m
      httpTimeout: 5s
      httpRequest: 1MiB
      httpResponse: 3MiB
    grants:
      http: [api.example.com, "GET https://*.example.com:8443/v1", http://127.0.0.1:8080, "*"]
      mounts: [notes:/notes, "in/out:/data:rw:10MiB"]
      kv: 64KiB
      secrets:
        TOKEN: env:TOKEN@api.example.com
        KEY: "file:keys/k@api.example.com,127.0.0.1:8080 in=header"
      tools: {greet: rw, hello: ro}
      clock: 1ms
  alpha:
    source: /opt/alpha.wasm
`

func lookup(name string) (string, bool) {
	v, ok := map[string]string{"TOKEN": "secret", "EMPTY": ""}[name]
	return v, ok
}

func TestParse(t *testing.T) {
	f, err := Parse(filepath.Join("conf", "mcpwasm.yaml"), []byte(full), lookup)
	if err != nil {
		t.Fatal(err)
	}
	alpha := "/opt/alpha.wasm"
	if !filepath.IsAbs(alpha) { // Windows, where it has no drive
		alpha = filepath.Join("conf", alpha)
	}
	want := []Server{
		{Name: "alpha", Source: alpha},
		{
			Name:     "hello",
			Source:   filepath.Join("conf", "bin", "hello.wasm"),
			Args:     []string{"--verbose", "3"},
			Env:      []string{"COUNTRY=no", "PORT=8080", "SECRET=secret:TOKEN", "TOKEN=x-secret-${TOKEN}-$5"},
			Lifetime: runtime.LifetimeProcess,
			Limits: runtime.Limits{
				MemoryBytes: 64 << 20, Deadline: 90 * time.Second, StartDeadline: 10 * time.Second,
				MessageBytes: 1 << 20, AnswerBytes: 2 << 20, NotifyBytes: 512 << 10, StderrBytes: 4 << 10,
				Concurrency: 2, Queue: 3, Sessions: 4, CancelGrace: 100 * time.Millisecond, Park: 2 * time.Minute,
			},
			HTTP: HTTP{Timeout: 5 * time.Second, RequestBytes: 1 << 20, ResponseBytes: 3 << 20},
			Grants: plugins.Grants{
				HTTP: []plugins.HTTPGrant{
					{Host: "api.example.com"},
					{Methods: []string{"GET"}, Scheme: "https", Host: "*.example.com", Port: 8443, Path: "/v1"},
					{Scheme: "http", Host: "127.0.0.1", Port: 8080}, {Host: "*"},
				},
				Mounts: []plugins.MountGrant{
					{Source: filepath.Join("conf", "notes"), Path: "/notes", Access: plugins.ReadOnly},
					{Source: filepath.Join("conf", "in", "out"), Path: "/data", Access: plugins.ReadWrite, QuotaBytes: 10 << 20},
				},
				KV: &plugins.KVGrant{Access: plugins.ReadWrite, QuotaBytes: 64 << 10},
				Secrets: []plugins.SecretGrant{
					{Name: "KEY", Provider: "file", Ref: filepath.Join("conf", "keys", "k"), Hosts: []string{"api.example.com", "127.0.0.1:8080"}, In: []string{"header"}},
					{Name: "TOKEN", Provider: "env", Ref: "TOKEN", Hosts: []string{"api.example.com"}},
				},
				Tools: map[string]plugins.Access{"greet": plugins.ReadWrite, "hello": plugins.ReadOnly},
			},
			Clock: time.Millisecond,
		},
	}
	if !reflect.DeepEqual(f.Servers, want) {
		t.Errorf("servers\n%+v\nwant\n%+v", f.Servers, want)
	}
	if p := f.At("servers.hello.source", errors.New("no such file")); p.String() !=
		filepath.Join("conf", "mcpwasm.yaml")+":4:5: servers.hello.source: no such file" {
		t.Errorf("At: %v", p)
	}
	if err := bySchema(t, full); err != nil {
		t.Errorf("schema: %v", err)
	}
}

func TestParseRefuses(t *testing.T) {
	server := func(lines string) string { return "servers:\n  a:\n    source: a.wasm\n" + lines }
	tests := []struct {
		name, doc, want string
		schema          bool // whether the schema can see it, too
	}{
		{"empty", "", "m.yaml: the file is empty", true},
		{"comment only", "# nothing\n", "m.yaml: the file is empty", true},
		{"a list", "- a\n", "m.yaml:1:1: want a mapping (key: value), have a list", true},
		{"no servers", "servers: {}\n", "m.yaml:1:1: servers: there are no servers", true},
		{"servers empty", "servers:\n", "m.yaml:1:9: servers: want a mapping (key: value), have nothing", true},
		{"unknown key", "sevrers: {}\n", `m.yaml:1:1: unknown key "sevrers": did you mean "servers"?`, true},
		{"unknown server key", server("    lifteime: call\n"), `m.yaml:4:5: servers.a: unknown key "lifteime": did you mean "lifetime"?`, true},
		{"unknown limit", server("    limits: {memroy: 1MiB}\n"), `m.yaml:4:14: servers.a.limits: unknown key "memroy": did you mean "memory"?`, true},
		{"no source", "servers:\n  a: {}\n", "m.yaml:2:3: servers.a: source is missing", true},
		{"server is text", "servers:\n  a: a.wasm\n", "m.yaml:2:6: servers.a: want a mapping", true},
		{"bad name", "servers:\n  A_b: {source: x}\n", "m.yaml:2:3: servers.A_b: a server's name has", true},
		{"long name", "servers:\n  " + strings.Repeat("a", 33) + ": {source: x}\n", "a server's name has", true},
		{"key twice", server("    source: b\n"), `m.yaml:4:5: servers.a: key "source" stands on line 3 already`, false},
		{"bad lifetime", server("    lifetime: forever\n"), `m.yaml:4:15: servers.a.lifetime: unknown lifetime "forever"`, true},
		{"empty lifetime", server("    lifetime: \"\"\n"), "lifetime is empty", true},
		{"bad size", server("    limits: {memory: 64MB}\n"), `"64MB": want a size such as`, true},
		{"size without unit", server("    limits: {memory: 64}\n"), `"64": want a size such as`, true},
		{"no size", server("    limits: {memory: 0MiB}\n"), "want a size such as", true},
		{"huge size", server("    limits: {memory: 3GiB}\n"), "want less than 2GiB", false},
		{"bad duration", server("    limits: {deadline: 30}\n"), `"30": want a duration such as`, true},
		{"negative duration", server("    limits: {deadline: -1s}\n"), "want a duration such as", true},
		{"bad count", server("    limits: {queue: 0}\n"), "want a whole number", true},
		{"args as text", server("    args: x\n"), "servers.a.args: want a list, have a plain value", true},
		{"args with null", server("    args: [~]\n"), "servers.a.args[0]: want text, have nothing", true},
		{"env as list", server("    env: [A=1]\n"), "servers.a.env: want a mapping", true},
		{"env null", server("    env: {A: }\n"), "servers.a.env.A: want text, have nothing", true},
		{"env name", server("    env: {1A: x}\n"), "servers.a.env.1A: the name of a variable", true},
		{"variable missing", server("    env: {A: \"${NOPE}\"}\n"), "m.yaml:4:11: servers.a.env.A: the environment variable NOPE is not set", false},
		{"variable open", server("    env: {A: \"${NOPE\"}\n"), "${ without its }", false},
		{"variable unnamed", server("    env: {A: \"${}\"}\n"), "want the name of a variable", false},
		{"variable in source", "servers: {a: {source: \"${TOKEN}\"}}\n", "variables are replaced in the values of env only", false},
		{"variable in args", server("    args: [\"${TOKEN}\"]\n"), "variables are replaced in the values of env only", false},
		{"anchor", server("    env: &e {A: x}\n"), "anchors and aliases are not supported", false},
		{"merge", "servers: {a: &a {source: x}, b: {<<: *a}}\n", "anchors and aliases are not supported", false},
		{"two documents", "servers: {a: {source: x}}\n---\nservers: {}\n", "a second document", false},
		{"syntax", "servers:\n  a: [\n", "not valid YAML", false},
		{"tab", "servers:\n\ta: {}\n", "not valid YAML", false},
		{"control in a key", server("    env: {\"A\\nB\": x}\n"), `m.yaml:4:11: servers.a.env: key "A\nB" has control characters`, true},
		{"NUL", server("    args: [\"\\0\"]\n"), "NUL", false},
		{"too large", "#" + strings.Repeat("x", maxBytes), "larger than", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("m.yaml", []byte(tt.doc), lookup)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error\n%v\nwant one with\n%s", err, tt.want)
			}
			if tt.schema && bySchema(t, tt.doc) == nil {
				t.Error("the schema accepts it")
			}
		})
	}
}

func TestParseReportsAll(t *testing.T) {
	_, err := Parse("m.yaml", []byte("servers:\n  a:\n    sorce: x\n  b:\n    source: x\n    limits: {memory: 1, queue: x}\n"), lookup)
	want := `m.yaml:3:5: servers.a: unknown key "sorce": did you mean "source"?
m.yaml:6:22: servers.b.limits.memory: "1": want a size such as 64KiB or 256MiB
m.yaml:6:32: servers.b.limits.queue: "x": want a whole number from 1 to 100000`
	if err == nil || err.Error() != want {
		t.Errorf("error\n%v\nwant\n%s", err, want)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, DefaultName)
	if _, err := Load(path, lookup); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	if _, err := Load(dir, lookup); err == nil {
		t.Error("a folder was read")
	}
	if err := os.WriteFile(path, []byte("servers: {a: {source: a.wasm}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Load(path, lookup)
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Servers[0].Source; got != filepath.Join(dir, "a.wasm") {
		t.Errorf("source %q is not relative to the file", got)
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]Size{"1B": 1, "64KiB": 64 << 10, "1024MiB": 1 << 30} {
		var s Size
		if err := s.Set(text); err != nil || s != want {
			t.Errorf("Set(%q) = %d, %v", text, s, err)
		}
		var again Size
		if err := again.Set(s.String()); err != nil || again != s {
			t.Errorf("Set(%q) = %d, %v", s.String(), again, err)
		}
	}
}

func bySchema(t *testing.T, doc string) error {
	t.Helper()
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("mcpwasm.json", schema); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("mcpwasm.json")
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := yaml.Load([]byte(doc), &v); err != nil && doc != "" {
		return err
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if v, err = jsonschema.UnmarshalJSON(bytes.NewReader(b)); err != nil {
		t.Fatal(err)
	}
	return s.Validate(v)
}

// TestSchemaKeys holds the schema's properties against the types.
func TestSchemaKeys(t *testing.T) {
	var root map[string]any
	if err := json.Unmarshal(Schema(), &root); err != nil {
		t.Fatal(err)
	}
	compareKeys(t, "top level", reflect.TypeFor[document](), root)
}

func compareKeys(t *testing.T, path string, typ reflect.Type, schema map[string]any) {
	t.Helper()
	switch typ.Kind() {
	case reflect.Map:
		values, _ := schema["additionalProperties"].(map[string]any)
		compareKeys(t, path+".*", typ.Elem(), values)
	case reflect.Slice:
		items, _ := schema["items"].(map[string]any)
		compareKeys(t, path+"[]", typ.Elem(), items)
	case reflect.Struct:
		properties, _ := schema["properties"].(map[string]any)
		fields := yamlfile.Fields(typ)
		have, want := slices.Sorted(maps.Keys(fields)), slices.Sorted(maps.Keys(properties))
		if !slices.Equal(have, want) {
			t.Errorf("%s: types have %q, schema has %q", path, have, want)
		}
		if schema["additionalProperties"] != false {
			t.Errorf("%s: the schema takes unknown keys", path)
		}
		for name, index := range fields {
			sub, _ := properties[name].(map[string]any)
			compareKeys(t, path+"."+name, typ.FieldByIndex(index).Type, sub)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(full))
	f.Add([]byte("servers: {a: &a {source: x}, b: *a}"))
	f.Add([]byte("a: [[[[{"))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := Parse("m.yaml", b, lookup)
		var problems Errors
		if err != nil && !errors.As(err, &problems) {
			t.Fatalf("error of type %T", err)
		}
		for _, p := range problems {
			if strings.ContainsAny(p.String(), "\r\n") {
				t.Errorf("problem of several lines: %q", p.String())
			}
		}
		if err == nil && len(file.positions) < 2 {
			t.Error("neither content nor an error")
		}
	})
}
