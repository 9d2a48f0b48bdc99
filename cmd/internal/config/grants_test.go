package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/plugins"
)

// server is a file with one server: line 4 is "grants:", 5 the first of lines.
func server(lines ...string) string {
	return "servers:\n  a:\n    source: a.wasm\n    grants:\n      " + strings.Join(lines, "\n      ") + "\n"
}

func TestParseRefusesGrants(t *testing.T) {
	tests := []struct {
		name, doc, want string // want: all problems
		schema          bool   // whether the schema can see it, too
	}{
		{"grants as a list", "servers:\n  a:\n    source: x\n    grants: [http]\n", "m.yaml:4:13: servers.a.grants: want a mapping (key: value), have a list", true},
		{"unknown grant", server("https: [a.example]"), `m.yaml:5:7: servers.a.grants: unknown key "https": did you mean "http"?`, true},
		{"http as text", server("http: a.example"), "m.yaml:5:13: servers.a.grants.http: want a list, have a plain value", true},
		{"http with nothing", server("http: [~]"), "m.yaml:5:14: servers.a.grants.http[0]: want text, have nothing", true},
		{"http empty", server(`http: [""]`), "m.yaml:5:14: servers.a.grants.http[0]: the host is missing", true},
		{"wildcard without quotes", server("http: [*.example.com]"), `m.yaml:5:14: not valid YAML: unknown anchor '.example.com' referenced; a value that begins with * stands in quotes: "*.example.com"`, false},
		{"star without quotes", server("http:", "  - *"), "m.yaml:6:12: not valid YAML: did not find expected alphabetic or numeric character; a value that begins with * stands in quotes: \"*.example.com\"", false},
		{"scheme", server("http: [ftp://a.example]"), `m.yaml:5:14: servers.a.grants.http[0]: scheme "ftp": want https or http`, true},
		{"short address", server("http:", "  - a.example", "  - http://127.1"), `m.yaml:7:11: servers.a.grants.http[1]: host "127.1": want an address of four decimal numbers such as 127.0.0.1, or a name whose last label is no number`, false},
		{"variable", server("http: [\"${TOKEN}\"]"), "m.yaml:5:14: servers.a.grants.http[0]: ${TOKEN}: variables are replaced in the values of env only; a plain ${ is written $${", true},
		{"http twice", server("http: [a.example, A.example]"), "m.yaml:5:25: servers.a.grants.http[1]: a.example is granted twice", false},

		{"mount without a folder", server("mounts: [./notes]"), `m.yaml:5:16: servers.a.grants.mounts[0]: "./notes": want HOSTDIR:GUESTDIR[:ro|rw][:QUOTA], such as ./notes:/data:rw:10MiB; the guest's folder begins with a slash`, true},
		{"mount as a mapping", server("mounts: [{./notes: /data}]"), "m.yaml:5:16: servers.a.grants.mounts[0]: want text, have a mapping", true},
		{"quota of a read-only mount", server(`mounts: ["./notes:/data:10MiB"]`), "m.yaml:5:16: servers.a.grants.mounts[0]: a quota bounds what is written, and the mount is read-only: add rw, or leave the quota out", true},
		{"two folders at one", server("mounts:", "  - xx:/data", "  - yy:/data"), "m.yaml:7:11: servers.a.grants.mounts[1]: at /data is xx already, by xx:/data:ro", false},
		{"read and written", server("mounts:", "  - xx:/data", "  - xx:/out:rw"), "m.yaml:7:11: servers.a.grants.mounts[1]: xx is mounted for writing here and read-only by xx:/data:ro: decide for one", false},
		{"scratch", server("mounts: [xx:/tmp:rw]"), "m.yaml:5:16: servers.a.grants.mounts[0]: /tmp is where the guest has its scratch folder: mount at another place", false},

		{"kv with nothing", server("kv:"), "m.yaml:5:10: servers.a.grants.kv: want text, have nothing", true},
		{"kv as a word", server("kv: yes"), `m.yaml:5:7: servers.a.grants.kv: "yes": want ro, rw, a quota such as 10MiB, or both: ro:10MiB`, true},
		{"kv without unit", server("kv: 10"), `m.yaml:5:7: servers.a.grants.kv: quota "10": want a size such as 64KiB or 256MiB`, true},

		{"secret as a list", server("secrets: [T]"), "m.yaml:5:16: servers.a.grants.secrets: want a mapping (key: value), have a list", true},
		{"the value of a secret", server("secrets: {T: hunter2}"), "m.yaml:5:17: servers.a.grants.secrets.T: want PROVIDER:REF@HOST, with store, env, file or command as provider; the value itself is never written here", true},
		{"name of a secret", server("http: [a.example]", "secrets: {T.T: env:X@a.example}"), `m.yaml:6:17: servers.a.grants.secrets.T.T: name "T.T": a secret's name has 1 to 64 letters, digits, _ and -`, true},
		{"secret for a wildcard", server(`http: ["*"]`, `secrets: {T: "env:X@*.example"}`), `m.yaml:6:17: servers.a.grants.secrets.T: host "*.example": a secret is not for hosts that a wildcard stands for`, true},
		{"secret for nobody", server("http: [b.example]", "secrets: {T: env:X@a.example}"),
			"m.yaml:6:17: servers.a.grants.secrets.T: no http grant covers a.example over https: it could never be sent; grant requests to a.example, too", false},
		{"secret twice", server("http: [a.example]", "secrets:", "  T: env:X@a.example", "  T: env:Y@a.example"), `m.yaml:8:9: servers.a.grants.secrets: key "T" stands on line 7 already`, false},

		{"access of a tool", server("tools: {greet: write}"), `m.yaml:5:15: servers.a.grants.tools.greet: "write": want ro or rw`, true},
		{"tool that may write nothing", server("tools: {greet: rw}"), "m.yaml:5:15: servers.a.grants.tools.greet: rw widens no grant, and neither a mount nor kv is granted for writing", false},
		{"clock without unit", server("clock: 1"), `m.yaml:5:14: servers.a.grants.clock: "1": want a duration such as 250ms or 30s`, true},
		{"secret that is not granted", "servers:\n  a:\n    source: x\n    env: {T: secret:T}\n", `m.yaml:4:11: servers.a.env.T: names the secret "T", which is not granted: no secret is`, false},
		{"limit of a response", "servers:\n  a:\n    source: x\n    limits: {httpResponse: 1}\n", `m.yaml:4:28: servers.a.limits.httpResponse: "1": want a size such as 64KiB or 256MiB`, true},
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

// TestParseReportsAllGrants makes sure that everything is reported at once, and
// nothing that only follows from something else.
func TestParseReportsAllGrants(t *testing.T) {
	tests := []struct {
		name, doc string
		want      []string
	}{
		{"all", server("http: [a b]", "mounts: [/x, yy:/y, zz:/y]", "kv: 1", "secrets: {T: x}", "tools: {greet: x}", "clock: x"), []string{
			"m.yaml:5:14:", "m.yaml:6:16:", "m.yaml:7:7:", "m.yaml:8:17:", "m.yaml:9:15:", "m.yaml:10:14:",
		}},
		{"contradictions of several kinds", server("http: [a.example, a.example]", "mounts: [yy:/y, zz:/y]", "secrets: {T: env:T@b.example}", "tools: {greet: rw}"), []string{
			"m.yaml:5:25:", "m.yaml:6:23:", "m.yaml:7:17:", "m.yaml:8:15:",
		}},
		{"of several servers", "servers:\n  a: {source: x, grants: {kv: x}}\n  b: {source: x, env: {T: secret:T}}\n", []string{"m.yaml:2:27: servers.a.grants.kv", "m.yaml:3:24: servers.b.env.T"}},
		{"the http grant is bad", server("http: [a_b]", "secrets: {T: env:T@a.example}"), []string{"m.yaml:5:14:"}},
		{"the secret is bad", server("secrets: {T: env:T}") + "    env: {T: secret:T}\n", []string{"m.yaml:5:17:"}},
		{"the secrets' key is bad", server("secret: {T: env:T@a.example}") + "    env: {T: secret:T}\n", []string{"m.yaml:5:7:"}},
		{"the grants' key is bad", "servers:\n  a:\n    source: x\n    grant: {}\n    env: {T: secret:T}\n", []string{"m.yaml:4:5:"}},
		{"the mount is bad", server("mounts: [xx:/y:rx]", "tools: {greet: rw}"), []string{"m.yaml:5:16:"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("m.yaml", []byte(tt.doc), lookup)
			var problems Errors
			if !errors.As(err, &problems) || len(problems) != len(tt.want) {
				t.Fatalf("problems\n%v\nwant %q", err, tt.want)
			}
			for i, p := range problems {
				if !strings.HasPrefix(p.String(), tt.want[i]) {
					t.Errorf("problem %q, want one that begins with %q", p, tt.want[i])
				}
			}
		})
	}
}

func TestPrecision(t *testing.T) {
	for text, want := range map[string]bool{"1ns": true, "1m": true, "60s": true, "61s": false, "0s": false, "-1s": false, "x": false} {
		var p Precision
		if err := p.Set(text); (err == nil) != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestKVGrants(t *testing.T) {
	for text, want := range map[string]string{"clock: 1m": "", `kv: ""`: "rw", "kv: ro:1KiB": "ro:1KiB"} {
		f, err := Parse("m.yaml", []byte(server(text)), lookup)
		if err != nil {
			t.Fatal(err)
		}
		have := ""
		if kv := f.Servers[0].Grants.KV; kv != nil {
			have = kv.String()
		}
		if have != want {
			t.Errorf("%s: have %q, want %q", text, have, want)
		}
		if err := bySchema(t, server(text)); err != nil {
			t.Errorf("%s: schema: %v", text, err)
		}
	}
}

// TestGrantProblem shows how what only the host can know gets its line.
func TestGrantProblem(t *testing.T) {
	f, err := Parse("m.yaml", []byte(server("mounts:", "  - xx:/data")), lookup)
	if err != nil {
		t.Fatal(err)
	}
	found := &plugins.GrantProblem{Path: "grants.mounts[0]", Err: errors.New("there is no such folder")}
	if p := f.At("servers.a."+found.Path, found.Err); p.String() != "m.yaml:6:11: servers.a.grants.mounts[0]: there is no such folder" {
		t.Errorf("have %q", p)
	}
}
