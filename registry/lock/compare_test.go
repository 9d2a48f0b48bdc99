package lock_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/lock"
)

func TestCompare(t *testing.T) {
	plain := plugins.PlainRequest{}
	for _, tt := range []struct {
		name   string
		change func(*lock.Entry)
		want   []string // kind and text
	}{
		{"nothing", func(*lock.Entry) {}, nil},
		{"what is not the package's", func(e *lock.Entry) { e.Grants = lock.Grants{}; e.Approved = e.Approved.AddDate(1, 0, 0) }, nil},
		{"another host", func(e *lock.Entry) {
			e.Capabilities.HTTP = append(e.Capabilities.HTTP, plugins.HTTPRequest{Host: "evil.example", PlainRequest: plain})
		}, []string{"widened capabilities: added http: GET,HEAD https://evil.example"}},
		{"another method", func(e *lock.Entry) { e.Capabilities.HTTP[0].Methods = []string{"GET", "POST"} },
			[]string{"widened capabilities: added http: GET,POST https://api.example.com", "narrowed capabilities: removed, was http: GET,HEAD https://api.example.com"}},
		{"fewer paths", func(e *lock.Entry) { e.Capabilities.HTTP[0].Paths = []string{"/v1"} },
			[]string{"narrowed capabilities: removed, was http: GET,HEAD https://api.example.com"}},
		{"plain http", func(e *lock.Entry) { e.Capabilities.HTTP[0].Scheme = "http" },
			[]string{"widened capabilities: added http: GET,HEAD http://api.example.com", "narrowed capabilities: removed, was http: GET,HEAD https://api.example.com"}},
		{"another port", func(e *lock.Entry) { e.Capabilities.HTTP[0].Ports = []int{443, 8443} },
			[]string{"widened capabilities: added http: GET,HEAD https://api.example.com:443, https://api.example.com:8443"}},
		{"files", func(e *lock.Entry) { e.Capabilities.Files = []plugins.FilesRequest{{Path: "/data", Access: "rw"}} },
			[]string{"widened capabilities: added files: /data rw"}},
		{"less of kv", func(e *lock.Entry) { e.Capabilities.KV.Access = "ro" },
			[]string{"narrowed capabilities: removed, was kv: rw (optional)"}},
		{"a secret", func(e *lock.Entry) {
			e.Capabilities.Secrets = []plugins.SecretRequest{{Name: "T", Hosts: []string{"api.example.com"}}}
		}, []string{"widened capabilities: added secret: T sent to api.example.com in header"}},
		{"env, clock and random", func(e *lock.Entry) {
			e.Capabilities.Env = []plugins.EnvRequest{{Name: "HOME"}}
			e.Capabilities.Clock, e.Capabilities.Random = &plain, &plain
		}, []string{"widened capabilities: added env: HOME", "widened capabilities: added clock", "widened capabilities: added random"}},
		{"nothing any more", func(e *lock.Entry) { e.Capabilities = nil },
			[]string{"narrowed capabilities: removed, was http: GET,HEAD https://api.example.com", "narrowed capabilities: removed, was kv: rw (optional)"}},
		{"a reason", func(e *lock.Entry) { e.Capabilities.HTTP[0].Reason = "none of your business" }, []string{"asked capabilities: approved sha256:"}},
		{"a tool more", func(e *lock.Entry) { e.Definitions.Tools["x"] = digestA }, []string{"definition definitions.tools.x: added " + digestA}},
		{"a tool less", func(e *lock.Entry) { delete(e.Definitions.Tools, "forecast") }, []string{"definition definitions.tools.forecast: removed, was sha256:"}},
		{"a tool otherwise", func(e *lock.Entry) { e.Definitions.Tools["forecast"] = digestA }, []string{"definition definitions.tools.forecast: approved sha256:"}},
		{"about", func(e *lock.Entry) { e.Definitions.About = digestA }, []string{"definition definitions.about: approved"}},
		{"all definitions", func(e *lock.Entry) { e.Definitions.Digest = digestA }, []string{"definition definitions.digest: approved"}},
		{"unsigned", func(e *lock.Entry) { e.Signers, e.Unsigned = nil, true },
			[]string{"signer unsigned: approved false, found true", "signer signers: removed, was https://github.com/", "signer signers: removed, was key:"}},
		{"another signer", func(e *lock.Entry) { e.Signers = append(e.Signers, "somebody") }, []string{"signer signers: added somebody"}},
		{"newer", func(e *lock.Entry) { e.Package.Version = "1.10.0" }, []string{"version package.version: approved 1.2.0, found 1.10.0"}},
		{"older", func(e *lock.Entry) { e.Package.Version = "1.2.0-rc.1" }, []string{"rollback package.version: approved 1.2.0, found 1.2.0-rc.1"}},
		{"another build", func(e *lock.Entry) { e.Package.Version = "1.2.0+5" }, []string{"version package.version: approved 1.2.0, found 1.2.0+5"}},
		{"republished", func(e *lock.Entry) { e.Digest = digestB },
			[]string{"republished package.version: approved 1.2.0, found 1.2.0", "digest digest: approved " + digestA}},
		{"another package", func(e *lock.Entry) { e.Package = &lock.Package{Name: "other", Version: "0.1.0"} },
			[]string{"name package.name: approved io.github.acme/weather, found other", "version package.version: approved 1.2.0, found 0.1.0"}},
		{"another package that asks for more", func(e *lock.Entry) {
			e.Package.Name, e.Capabilities.Env = "other", append(e.Capabilities.Env, plugins.EnvRequest{Name: "MORE"})
		}, []string{"name package.name: approved io.github.acme/weather, found other", "widened"}},
		{"no manifest", func(e *lock.Entry) { e.Package = nil; e.Capabilities = nil },
			[]string{"name package.name: removed", "narrowed", "narrowed", "version package.version: removed"}},
		{"module", func(e *lock.Entry) { e.Module = lock.Module{Digest: digestA, Size: 5} },
			[]string{"size module.size: approved 3000000, found 5", "module module.digest: approved"}},
		{"elsewhere", func(e *lock.Entry) { e.Reference = "ghcr.io/evil/weather:1.2.0" }, []string{"reference reference: approved"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			approved, found := weather(t, nil), weather(t, nil)
			tt.change(&found)
			changes := lock.Compare(approved, found)
			var got []string
			for _, c := range changes {
				got = append(got, string(c.Kind)+" "+c.String())
			}
			if len(got) != len(tt.want) {
				t.Fatalf("changes\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
			for i := range got {
				if !strings.HasPrefix(got[i], tt.want[i]) {
					t.Errorf("%s, want %s", got[i], tt.want[i])
				}
			}
			err := approved.Check(found)
			if tt.name == "another signer" { // one more is no harm
				if err != nil {
					t.Error(err)
				}
			} else if errors.Is(err, lock.ErrChanged) != (len(changes) > 0) {
				t.Errorf("check: %v", err)
			}
		})
	}
}

func TestGrants(t *testing.T) {
	dir := t.TempDir()
	g := plugins.Grants{
		HTTP:   []plugins.HTTPGrant{{Host: "b.example"}, {Host: "a.example"}},
		Mounts: []plugins.MountGrant{{Source: dir + "/notes", Path: "/n", Access: "ro"}, {Source: "/elsewhere", Path: "/e", Access: "rw"}, {Source: dir + "/x", Path: "/x", Access: "ro"}},
		KV:     &plugins.KVGrant{Access: "ro"},
		Secrets: []plugins.SecretGrant{
			{Name: "T", Provider: "file", Ref: dir + "/token", Hosts: []string{"a.example"}},
			{Name: "U", Provider: "command", Ref: "pass show x", Hosts: []string{"b.example"}, In: []string{"query"}},
		},
		Tools: map[string]plugins.Access{"save": "rw"},
	}
	l, err := lock.NewGrants(g, []string{"B=2", "A"}, 1000, dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(l.Mounts, " "); got != "./x:/x:ro /elsewhere:/e:rw notes:/n:ro" {
		t.Error(got)
	}
	if l.Secrets["T"] != "file:token@a.example" || l.Clock != "1µs" || strings.Join(l.MissingEnv(), "") != "A" {
		t.Errorf("%+v", l)
	}
	back, clock, err := l.Parse("/moved")
	if err != nil || clock != 1000 {
		t.Fatal(err, clock)
	}
	if back.HTTP[0].Host != "a.example" || back.Mounts[0].Source != "/moved/x" || back.Secrets[0].Ref != "/moved/token" {
		t.Errorf("%+v", back)
	}
	if _, err := lock.NewGrants(plugins.Grants{Mounts: []plugins.MountGrant{{Source: "/\xff", Path: "/n", Access: "ro"}}}, nil, 0, dir); err == nil {
		t.Error("a folder that JSON cannot name")
	}
}
