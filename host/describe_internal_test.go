package host

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/plugins"
)

func TestIntroduce(t *testing.T) {
	tests := []struct {
		name, info string
		want       [4]string // name, version, title, description
	}{
		{"all", `{"name":"io.github.a/b","version":"1.2.3","title":"T","description":"D"}`, [4]string{"io.github.a/b", "1.2.3", "T", "D"}},
		{"other forms", `{"name":"My Server","version":"v1","title":"a\u0007b","description":7}`, [4]string{}},
		{"too long", `{"name":"x","version":"1.0.0","title":"` + strings.Repeat("t", 101) + `"}`, [4]string{"x", "1.0.0"}},
		{"nothing", ``, [4]string{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := &plugins.Manifest{Definitions: plugins.Definitions{ServerInfo: json.RawMessage(tt.info)}}
			introduce(m)
			if got := [4]string{m.Name, m.Version, m.Title, m.Description}; got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestParseRequests(t *testing.T) {
	r, err := parseRequests(json.RawMessage(`{"env":[{"name":"LANG"}]}`))
	if err != nil || len(r.Env) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	for _, bad := range []string{`{"network":true}`, `7`, `{"env":[{"name":"a b"}]}`} {
		if _, err := parseRequests(json.RawMessage(bad)); err == nil || !strings.Contains(err.Error(), "mcpwasm/capabilities") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestSameManifest(t *testing.T) {
	manifest := func(text string) *plugins.Manifest {
		m := &plugins.Manifest{}
		if err := json.Unmarshal([]byte(text), m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	base := manifest(`{"definitions":{"tools":[{"name":"a","x":1,"y":2}],"prompts":[{"name":"p"}]}}`)
	tests := []struct{ name, other, want string }{
		{"the same", `{"definitions":{"tools":[{"name":"a","x":1,"y":2}],"prompts":[{"name":"p"}]}}`, ""},
		{"in another order", `{"definitions":{"prompts":[{"name":"p"}],"tools":[{"y":2,"x":1,"name":"a"}]}}`, ""},
		{"a tool", `{"definitions":{"tools":[{"name":"a","x":1,"y":3}],"prompts":[{"name":"p"}]}}`, "tools"},
		{"a prompt", `{"definitions":{"tools":[{"name":"a","x":1,"y":2}],"prompts":[]}}`, "prompts"},
		{"what it asks for", `{"capabilities":{"kv":{}},"definitions":{"tools":[{"name":"a","x":1,"y":2}],"prompts":[{"name":"p"}]}}`, "what it asks for"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := sameManifest(base, manifest(tt.other))
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), ": "+tt.want+";")) {
				t.Errorf("error %v, want one about %q", err, tt.want)
			}
		})
	}
}
