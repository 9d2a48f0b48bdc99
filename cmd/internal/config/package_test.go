package config

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/plugins"
)

func TestLoadPackage(t *testing.T) {
	path := filepath.Join(t.TempDir(), PackageName)
	text := `
name: io.github.someone/weather
version: 1.10.0
authors: [A. Author]
capabilities:
  http:
    - {host: api.example.com, ports: [8443], methods: [GET], optional: true, reason: asks}
  files:
    - {path: /data, quotaBytes: 1048576}
  kv: {}
  secrets:
    - {name: TOKEN, hosts: [api.example.com]}
  clock: {reason: tells}
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := LoadPackage(path)
	if err != nil {
		t.Fatal(err)
	}
	m := plugins.Manifest{Name: "its own", Title: "its own"}
	p.Fill(&m)
	got, err := json.Marshal(m.Capabilities)
	const want = `{"http":[{"host":"api.example.com","ports":[8443],"methods":["GET"],"reason":"asks","optional":true}],` +
		`"files":[{"path":"/data","quotaBytes":1048576}],"kv":{},"secrets":[{"name":"TOKEN","hosts":["api.example.com"]}],"clock":{"reason":"tells"}}`
	if err != nil || string(got) != want {
		t.Errorf("capabilities %s, %v\nwant %s", got, err, want)
	}
	if m.Name != "io.github.someone/weather" || m.Version != "1.10.0" || m.Title != "its own" || len(m.Authors) != 1 {
		t.Errorf("manifest %+v", m)
	}
	if _, err := LoadPackage(path + ".not"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
}

func TestPackageRefuses(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"empty", "", "the file is empty"},
		{"unknown key", "nmae: x", `1:1: unknown key "nmae": did you mean "name"`},
		{"what the module says", "contract: 1", "unknown key"},
		{"twice", "name: a\nname: b", "stands on line 1 already"},
		{"form of a version", "name: a\nversion: v1", `2:1: version: "v1": want a semantic version`},
		{"unknown capability", "capabilities: {network: {}}", `unknown key "network"`},
		{"form of a host", "capabilities:\n  http:\n    - host: a b", `3:7: capabilities.http[0].host: "a b"`},
		{"number", "capabilities: {kv: {quotaBytes: 1MiB}}", `"1MiB": want a whole number`},
		{"fraction", "capabilities: {kv: {quotaBytes: 1.5}}", "want a whole number"},
		{"truth", "capabilities: {kv: {optional: yes}}", `"yes": want true or false`},
		{"nothing", "capabilities: {kv: }", "have nothing"},
		{"alias", "name: &a x\ntitle: *a", "anchors and aliases"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := parsePackage("package.yaml", []byte(tt.text))
			if _, ok := errors.AsType[Errors](err); !ok || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%+v, error %v, want one with %q", p, err, tt.want)
			}
		})
	}
}

func FuzzPackage(f *testing.F) {
	f.Add("name: a\nversion: 1.0.0\nauthors: [x]\ncapabilities: {http: [{host: a, ports: [1]}], kv: {optional: true}, clock: {}}")
	f.Add("capabilities:\n  env:\n  - {name: LANG, reason: x}\n  files: [{path: /a, quotaBytes: 5}]")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePackage("package.yaml", []byte(text))
		if err == nil && p.check() != nil {
			t.Errorf("what was read does not hold: %v", p.check())
		}
	})
}
