package host_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host"
	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// TestCheckLabels: labels that no rule can be about are named wherever they stand, with
// what was most likely meant.
func TestCheckLabels(t *testing.T) {
	t.Parallel()
	bad := func(name string) map[string][]string {
		return map[string][]string{name: {"reads:hr", "reads:privat", "reads:private"}}
	}
	p, err := cel.Parse("p.yaml", []byte("labels: [reads:hr]\nrules: [{name: a, on: call, then: allow}]"))
	if err != nil {
		t.Fatal(err)
	}
	list := []host.Server{{Name: "one", Labels: host.Labels{Tools: bad("t"), Prompts: bad("p"), Resources: bad("r"),
		Grants: effect.Labels{HTTP: bad("h"), Mounts: bad("/m"), Secrets: bad("s"), KV: bad("")[""]}}}, {Name: "two"}}
	problems, ok := errors.AsType[host.LabelProblems](host.CheckLabels(p, list))
	if !ok {
		t.Fatal("nothing was found")
	}
	var paths []string
	for _, problem := range problems {
		paths = append(paths, problem.Path)
	}
	want := "labels.tools.t.reads labels.prompts.p.reads labels.resources.r.reads labels.http.h.reads labels.mounts./m.reads labels.secrets.s.reads labels.kv.reads"
	if got := strings.Join(paths, " "); got != want {
		t.Errorf("have %s\nwant %s", got, want)
	}
	const text = `server "one": labels.tools.t.reads: unknown label "reads:privat": did you mean "reads:private"?`
	if got := problems[0].Error(); got != text {
		t.Errorf("have %s\nwant %s", got, text)
	}
	if err := host.CheckLabels(nil, list[1:]); err != nil {
		t.Error(err)
	}
}

// TestHostRefusesLabels: a host does not start, reload or change its policy where that
// would leave labels that the policy does not know, and goes on as before.
func TestHostRefusesLabels(t *testing.T) {
	t.Parallel()
	labelled := func(label string) []host.Server {
		return []host.Server{{Name: "hello", Source: guest(t, "hello"), Labels: host.Labels{Tools: map[string][]string{"greet": {label}}}}}
	}
	refused := func(what string, err error) {
		t.Helper()
		if _, ok := errors.AsType[host.LabelProblems](err); !ok {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := host.New(t.Context(), host.Config{Servers: labelled("source:untrustd")})
	refused("New", err)

	hr, err := cel.Parse("hr.yaml", []byte("labels: [reads:hr]\nrules:\n"+everything+"  - {name: hr, on: call, when: '\"reads:hr\" in labels', then: deny, message: Not HR.}\n"))
	if err != nil {
		t.Fatal(err)
	}
	h := open(t, host.Config{Policy: hr, Servers: labelled("reads:hr")})
	denied := func() { t.Helper(); mustFail(t, h, "greet", nil, "Denied by the policy (rule hr): Not HR.") }
	denied()
	refused("SetPolicy", h.SetPolicy(nil))
	denied()
	refused("Reload", h.Reload(t.Context(), labelled("source:untrustd")))
	denied()
	refused("Replace", h.Replace(t.Context(), labelled("reads:hr"), nil))
	denied()
	if err := h.Replace(t.Context(), labelled("reads:private"), nil); err != nil {
		t.Fatal(err)
	}
	mustSay(t, h, "greet", toolArgs{"name": "Ada"}, "Hello, Ada!")
	refused("Reload with the policy that is gone", h.Reload(t.Context(), labelled("reads:hr")))
}

// TestLabelsOfNothing: a server whose tool or prompt is labelled or tagged and is not
// there cannot be used.
func TestLabelsOfNothing(t *testing.T) {
	t.Parallel()
	h := open(t, host.Config{Servers: []host.Server{{Name: "hello", Source: guest(t, "hello"),
		Labels: host.Labels{Tools: map[string][]string{"gret": {"reads:private"}}, Prompts: map[string][]string{"x": {"reads:private"}}},
		Grants: plugins.Grants{Tools: map[string]plugins.Access{"great": plugins.ReadOnly}},
		Tags:   map[string][]string{"greets": {"odd"}}}}})
	_, err := h.Definitions(t.Context(), "hello")
	problems, _ := errors.AsType[plugins.GrantProblems](err)
	var have []string
	for _, p := range problems {
		have = append(have, p.Path)
	}
	if got := strings.Join(have, " "); got != "grants.tools.great labels.tools.gret labels.prompts.x tags.greets" {
		t.Errorf("have %s: %v", got, err)
	}
	if _, err := h.CallTool(t.Context(), "greet", toolArgs{"name": "Ada"}); err == nil {
		t.Error("it can be called")
	}
}

// TestEffectLabels: the labels of an effect are those that the capabilities give it.
func TestEffectLabels(t *testing.T) {
	t.Parallel()
	s := host.Server{Name: "hello", Source: guest(t, "hello"),
		Grants: plugins.Grants{Mounts: []plugins.MountGrant{{Path: "/a", Source: "x"}, {Path: "/a/b", Source: "y"}}},
		Labels: host.Labels{Grants: effect.Labels{
			HTTP:   map[string][]string{"POST a.test/v1": {"sink:external"}, "[::1]:80": {"flow:allowed"}},
			Mounts: map[string][]string{"/a": {"reads:private"}, "/a/b": {"source:untrusted"}},
			KV:     []string{"reads:private"}, Secrets: map[string][]string{"S": {"sink:external"}}}}}
	facts, err := host.FactsOf(t.Context(), host.Config{CacheDir: cacheDir(t)}, s)
	if err != nil {
		t.Fatal(err)
	}
	web := func(method, scheme, host string, port int, path string) *cel.Effect {
		return &cel.Effect{Kind: cel.EffectHTTP, HTTP: &cel.HTTP{Method: method, Scheme: scheme, Host: host, Port: port, Path: path}}
	}
	file := func(path string) *cel.Effect { return &cel.Effect{Kind: cel.EffectFile, File: &cel.File{Path: path}} }
	for _, tc := range []struct {
		name   string
		effect *cel.Effect
		want   string
	}{
		{"request", web("POST", "https", "a.test", 443, "/v1/x"), "sink:external"},
		{"another path", web("POST", "https", "a.test", 443, "/v10"), ""},
		{"another method", web("GET", "https", "a.test", 443, "/v1"), ""},
		{"an address", web("GET", "http", "::1", 80, "/"), "flow:allowed"},
		{"folder", file("/a/c"), "reads:private"},
		{"folder in it", file("/a/b/c"), "source:untrusted"},
		{"no folder", file("/ab"), ""},
		{"data", &cel.Effect{Kind: cel.EffectKV, KV: &cel.KV{}}, "reads:private"},
		{"secret", &cel.Effect{Kind: cel.EffectSecret, Secret: &cel.Secret{Name: "S"}}, "sink:external"},
		{"another secret", &cel.Effect{Kind: cel.EffectSecret, Secret: &cel.Secret{Name: "T"}}, ""},
	} {
		if got, err := facts.EffectLabels(tc.effect); err != nil || strings.Join(got, " ") != tc.want {
			t.Errorf("%s: have %v, %v, want %s", tc.name, got, err, tc.want)
		}
	}
	if _, err := facts.EffectLabels(web("POST", "https", "a.test", 443, "/x/..%2fv1")); err == nil {
		t.Error("nobody knows what the path means, and it has labels")
	}
}
