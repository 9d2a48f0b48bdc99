package config

import (
	"path/filepath"
	"reflect"
	"slices"
	"testing"
)

func TestParsePolicyKeys(t *testing.T) {
	doc := `policy: rules/policy.yaml
servers:
  a:
    source: a.wasm
    grants:
      http: [api.example.com]
      mounts: [notes:/notes]
      kv: rw
      secrets: {T: env:T@api.example.com}
    labels:
      tools: {read: {reads: private}}
      prompts: {ask: {source: [untrusted, mail]}}
      resources: {"note://**": {reads: private, source: untrusted}}
      http: {GET https://api.example.com/v1: {sink: external}}
      mounts: {/notes: {reads: private}}
      secrets: {T: {reads: secret}}
      kv: {reads: private}
    tags:
      read: [reviewed, daily]
      write: reviewed
`
	f, err := Parse(filepath.Join("conf", "m.yaml"), []byte(doc), lookup)
	if err != nil {
		t.Fatal(err)
	}
	policy := filepath.Join("conf", "rules", "policy.yaml")
	if f.Policy != policy {
		t.Errorf("policy %s, want %s", f.Policy, policy)
	}
	if !slices.Contains(f.Guarded(), policy) {
		t.Errorf("servers may write to the policy: guarded are %v", f.Guarded())
	}
	want := Labels{
		Tools:     map[string][]string{"read": {"reads:private"}},
		Prompts:   map[string][]string{"ask": {"source:mail", "source:untrusted"}},
		Resources: map[string][]string{"note://**": {"reads:private", "source:untrusted"}},
		HTTP:      map[string][]string{"GET https://api.example.com/v1": {"sink:external"}},
		Mounts:    map[string][]string{"/notes": {"reads:private"}},
		Secrets:   map[string][]string{"T": {"reads:secret"}},
		KV:        []string{"reads:private"},
	}
	if got := f.Servers[0].Labels; !reflect.DeepEqual(got, want) {
		t.Errorf("labels\n%v\nwant\n%v", got, want)
	}
	tags := map[string][]string{"read": {"daily", "reviewed"}, "write": {"reviewed"}}
	if got := f.Servers[0].Tags; !reflect.DeepEqual(got, tags) {
		t.Errorf("tags %v, want %v", got, tags)
	}
	if err := bySchema(t, doc); err != nil {
		t.Errorf("schema: %v", err)
	}
}

func TestParseRefusesPolicyKeys(t *testing.T) {
	labels := func(text string) string {
		return "servers:\n  a:\n    source: a.wasm\n    grants: {mounts: [notes:/notes], http: [a.example], secrets: {TOKEN: env:T@a.example}}\n    labels:\n      " + text + "\n"
	}
	tags := func(text string) string { return "servers:\n  a:\n    source: a.wasm\n    tags: " + text + "\n" }
	tests := []struct {
		name, doc, want string
		schema          bool // whether the schema can see it, too
	}{
		{"no policy", "policy: ''\n", "m.yaml:1:1: policy: the file is missing: name one, or leave this out for the shipped policy", true},
		{"policy with nothing", "policy:\n", "m.yaml:1:8: policy: want text, have nothing", true},
		{"policy of a variable", "policy: ${TOKEN}\n", "m.yaml:1:1: policy: ${TOKEN}: variables are replaced in the values of env only; a plain ${ is written $${", false},
		{"policy as rules", "policy: {rules: []}\n", "m.yaml:1:9: policy: want text, have a mapping", true},

		{"kind of thing", labels("tool: {read: {reads: private}}"), `m.yaml:6:7: servers.a.labels: unknown key "tool": did you mean "tools"?`, true},
		{"label as text", labels("tools: {read: private}"), "m.yaml:6:21: servers.a.labels.tools.read: want a mapping (key: value), have a plain value", true},
		{"label without a value", labels("tools: {read: {reads: }}"), "m.yaml:6:29: servers.a.labels.tools.read.reads: want a list, have nothing", true},
		{"label with no value", labels("tools: {read: {reads: []}}"), "m.yaml:6:22: servers.a.labels.tools.read.reads: the value is missing: reads: private", true},
		{"key of a label", labels("tools: {read: {Reads: private}}"), `m.yaml:6:22: servers.a.labels.tools.read.Reads: "Reads": a label has lower-case letters, digits and dashes and starts with a letter: reads: private`, true},
		{"value of a label", labels("tools: {read: {reads: a:b}}"), `m.yaml:6:22: servers.a.labels.tools.read.reads: "a:b": a label's value has lower-case letters, digits and dashes and starts with a letter`, true},
		{"value in a list", labels("tools: {read: {reads: [private, Secret]}}"), `m.yaml:6:39: servers.a.labels.tools.read.reads[1]: "Secret": a label's value has lower-case letters, digits and dashes and starts with a letter`, true},
		{"http that is no grant", labels("http: {ftp://a.example: {sink: external}}"), `m.yaml:6:14: servers.a.labels.http.ftp://a.example: scheme "ftp": want https or http`, true},
		{"folder that is not mounted", labels("mounts: {/note: {reads: private}}"), `m.yaml:6:16: servers.a.labels.mounts./note: no folder "/note" is granted: did you mean "/notes"?`, false},
		{"secret that is not granted", labels("secrets: {TOKN: {reads: secret}}"), `m.yaml:6:17: servers.a.labels.secrets.TOKN: no secret "TOKN" is granted: did you mean "TOKEN"?`, false},
		{"data that is not granted", labels("kv: {reads: private}"), "m.yaml:6:7: servers.a.labels.kv: no key-value data is granted: add kv to the grants, or leave this out", false},

		{"tags as a list", tags("[read]"), "m.yaml:4:11: servers.a.tags: want a mapping (key: value), have a list", true},
		{"no tags", tags("{read: []}"), "m.yaml:4:12: servers.a.tags.read: want the name of a tool, and its tags: read: [reviewed]", true},
		{"a tag", tags("{read: [Reviewed]}"), `m.yaml:4:12: servers.a.tags.read: "Reviewed": a tag has lower-case letters, digits and dashes and starts with a letter`, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("m.yaml", []byte(tt.doc), lookup)
			if err == nil || err.Error() != tt.want {
				t.Errorf("error\n%v\nwant\n%s", err, tt.want)
			}
			if tt.schema && bySchema(t, tt.doc) == nil {
				t.Error("the schema accepts it")
			}
		})
	}
}
