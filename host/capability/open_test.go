package capability

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/store"
)

// TestOpenEnv: the guest gets a handle where a secret was named.
func TestOpenEnv(t *testing.T) {
	t.Parallel()
	c := withSecret(t)
	given := []string{"A=1", "API_TOKEN=secret:TOKEN", "NOT=a secret:TOKEN"}
	c.Env = slices.Clone(given)
	s, _ := openSet(t, c)
	if !slices.Equal(c.Env, given) {
		t.Errorf("the configuration became %q", c.Env)
	}
	env := s.Env()
	if len(env) != 3 || env[0] != given[0] || env[2] != given[2] {
		t.Fatalf("environment %q", env)
	}
	if !regexp.MustCompile(`^API_TOKEN=[A-Za-z0-9_]{16,}$`).MatchString(env[1]) || strings.Contains(env[1], canary) {
		t.Errorf("%s, want a handle", env[1])
	}
	r := perform(t, s.Authority(callT), `{"method":"secret/handle","params":{"name":"TOKEN"}}`, "")
	if want := `{"handle":"` + strings.TrimPrefix(env[1], "API_TOKEN=") + `"}`; string(r.Result) != want {
		t.Errorf("the handle is %s, want %s", r.Result, want)
	}
}

// everything grants something of each kind.
func everything(t testing.TB) Config {
	t.Helper()
	c := withSecret(t)
	c.Store = newStore(t)
	c.Env = []string{"MODE=fast", "API_TOKEN=secret:TOKEN"}
	c.Grants.KV = &plugins.KVGrant{}
	c.Grants.Mounts = []plugins.MountGrant{{Source: t.TempDir(), Path: "/data", Access: plugins.ReadWrite}}
	return c
}

// TestOpenNarrows: a guest holds what was granted and asked for, and the operator
// learns of what was granted in vain.
func TestOpenNarrows(t *testing.T) {
	t.Parallel()
	env := []plugins.EnvRequest{{Name: "MODE"}, {Name: "API_TOKEN"}}
	token := []plugins.SecretRequest{{Name: "TOKEN", Hosts: []string{"127.0.0.1:8443"}}}
	all := plugins.Requests{
		HTTP: []plugins.HTTPRequest{{Host: "127.0.0.1", Ports: []int{8443}}}, Files: []plugins.FilesRequest{{Path: "/data", Access: "rw"}},
		KV: &plugins.KVRequest{}, Secrets: token, Env: env,
	}
	tests := []struct {
		name   string
		change func(*plugins.Requests)
		vain   string // part of the warning; "" for none
		check  func(t *testing.T, s *Set)
	}{
		{"all", func(*plugins.Requests) {}, "", func(t *testing.T, s *Set) {
			if len(s.Mounts()) != 2 || len(s.Env()) != 2 || !s.Holds() {
				t.Errorf("mounts %v, environment %q", s.Mounts(), s.Env())
			}
			for _, request := range []string{`{"method":"kv/set","params":{"key":"a"},"body":true}`, `{"method":"secret/handle","params":{"name":"TOKEN"}}`} {
				if r := perform(t, s.Authority(callT), request, "v"); r.Error != nil {
					t.Errorf("%s: %+v", request, r.Error)
				}
			}
		}},
		{"no requests", func(r *plugins.Requests) { r.HTTP = nil }, "http: the package asks for no requests", denies(`{"method":"http/request","params":{"url":"https://127.0.0.1:8443/"}}`)},
		{"other requests", func(r *plugins.Requests) { r.HTTP[0].Ports = []int{1} }, "", denies(`{"method":"http/request","params":{"url":"https://127.0.0.1:8443/"}}`)},
		{"no files", func(r *plugins.Requests) { r.Files = nil }, "mount /data: the package does not ask for it", func(t *testing.T, s *Set) {
			if len(s.Mounts()) > 0 {
				t.Errorf("mounts %v", s.Mounts())
			}
		}},
		{"files for reading", func(r *plugins.Requests) { r.Files[0].Access = "" }, "mount /data: the package asks for reading only", func(t *testing.T, s *Set) {
			if err := s.Mounts()[0].FS.Mkdir("x"); err == nil {
				t.Error("the folder can be written to")
			}
			if _, err := s.Mounts()[0].FS.Stat(".", true); err != nil {
				t.Error(err)
			}
		}},
		{"no kv", func(r *plugins.Requests) { r.KV = nil }, "kv: the package does not ask for it", denies(`{"method":"kv/list"}`)},
		{"kv for reading", func(r *plugins.Requests) { r.KV.Access = "ro" }, "kv: the package asks for reading only", func(t *testing.T, s *Set) {
			denies(`{"method":"kv/set","params":{"key":"a"},"body":true}`)(t, s)
			if r := perform(t, s.Authority(callT), `{"method":"kv/list"}`, ""); r.Error != nil {
				t.Errorf("kv/list: %+v", r.Error)
			}
		}},
		{"no secrets", func(r *plugins.Requests) { r.Secrets, r.Env = nil, env[:1] }, "secret TOKEN: the package does not ask for it", denies(`{"method":"secret/handle","params":{"name":"TOKEN"}}`)},
		{"no environment", func(r *plugins.Requests) { r.Env = nil }, "env: the package does not ask for MODE", func(t *testing.T, s *Set) {
			if len(s.Env()) > 0 {
				t.Errorf("environment %q", s.Env())
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			asked := all
			asked.HTTP, asked.Files = slices.Clone(all.HTTP), slices.Clone(all.Files)
			asked.KV = &plugins.KVRequest{}
			tt.change(&asked)
			c := everything(t)
			c.Manifest = &plugins.Manifest{Capabilities: &asked}
			s, log := openSet(t, c)
			tt.check(t, s)
			if tt.vain != "" && !log.has("granted in vain", tt.vain) || tt.vain == "" && log.has("granted in vain") {
				t.Errorf("want %q in the log:\n%s", tt.vain, strings.Join(log.lines(), "\n"))
			}
		})
	}
}

// TestOpenAsksForNothing: a package without capabilities holds nothing, whatever
// was granted.
func TestOpenAsksForNothing(t *testing.T) {
	t.Parallel()
	c := everything(t)
	c.Manifest = &plugins.Manifest{}
	s, log := openSet(t, c)
	if s.Holds() || len(s.Mounts()) > 0 || len(s.Env()) > 0 {
		t.Errorf("it holds %v, %q", s.Mounts(), s.Env())
	}
	if n := len(log.lines()); n != 6 { // http, mount, kv, secret, two variables
		t.Errorf("%d warnings:\n%s", n, strings.Join(log.lines(), "\n"))
	}
}

// denies checks that a request is denied.
func denies(request string) func(*testing.T, *Set) {
	return func(t *testing.T, s *Set) {
		if r := perform(t, s.Authority(callT), request, "v"); r.Error == nil || r.Error.Kind != plugins.EffectDenied {
			t.Errorf("%s: %+v %s, want a denial", request, r.Error, r.Result)
		}
	}
}

// TestOpenDanglingGrants: whatever a grant refers to that is not there is named,
// all of it at once.
func TestOpenDanglingGrants(t *testing.T) {
	t.Parallel()
	gone := filepath.Join(t.TempDir(), "gone")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c := withSecret(t)
	hosts := []string{"127.0.0.1:8443"}
	c.Grants = plugins.Grants{
		HTTP:   c.Grants.HTTP,
		Mounts: []plugins.MountGrant{{Source: t.TempDir(), Path: "/a"}, {Source: gone, Path: "/b"}, {Source: file, Path: "/c"}},
		KV:     &plugins.KVGrant{},
		Secrets: []plugins.SecretGrant{
			{Name: "GOOD", Provider: "env", Ref: "TOKEN", Hosts: hosts},
			{Name: "UNSET", Provider: "env", Ref: "UNSET_VARIABLE", Hosts: hosts},
			{Name: "FILE", Provider: "file", Ref: gone, Hosts: hosts},
			{Name: "COMMAND", Provider: "command", Ref: "no-such-command-here x", Hosts: hosts},
			{Name: "STORE", Provider: "store", Ref: "x", Hosts: hosts},
		},
	}
	log := &logbook{}
	c.Log = log.logger()
	_, err := Open(t.Context(), c)
	problems, ok := errors.AsType[plugins.GrantProblems](err)
	if !ok {
		t.Fatalf("error %v", err)
	}
	want := []struct{ path, text string }{
		{"grants.mounts[1]", "create it first"}, {"grants.mounts[2]", "not a folder"},
		{"grants.secrets.UNSET", `"UNSET_VARIABLE" is not set`}, {"grants.secrets.FILE", "there is no file"},
		{"grants.secrets.COMMAND", "no-such-command-here"}, {"grants.secrets.STORE", `no provider "store"`},
		{"grants.kv", "keeps no state"},
	}
	if len(problems) != len(want) {
		t.Fatalf("problems:\n%v", err)
	}
	for i, w := range want {
		if p := problems[i]; p.Path != w.path || !strings.Contains(p.Err.Error(), w.text) {
			t.Errorf("problem %v, want %s with %q", p, w.path, w.text)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*Config)
		path   string
		text   string
	}{
		{"a grant that is malformed", func(c *Config) { c.Grants.HTTP = append(c.Grants.HTTP, plugins.HTTPGrant{Host: "EXAMPLE.com"}) }, "grants.http[1]", "one form"},
		{"a variable of an unknown secret", func(c *Config) { c.Env = []string{"KEY=secret:OTHER"} }, "env.KEY", "not granted"},
		{"a store that fails", func(c *Config) {
			c.Grants.KV, c.Store = &plugins.KVGrant{}, &broken{err: store.ErrDamaged}
		}, "grants.kv", "damaged"},
		{"a variable of a secret that the package does not ask for", func(c *Config) {
			c.Env = []string{"KEY=secret:TOKEN"}
			c.Manifest = &plugins.Manifest{Capabilities: &plugins.Requests{Env: []plugins.EnvRequest{{Name: "KEY"}}}}
		}, "env.KEY", "the package does not ask for"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := withSecret(t)
			c.Log = (&logbook{}).logger()
			tt.change(&c)
			_, err := Open(t.Context(), c)
			problems, ok := errors.AsType[plugins.GrantProblems](err)
			if !ok || len(problems) != 1 || problems[0].Path != tt.path || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error %v, want one of %s with %q", err, tt.path, tt.text)
			}
		})
	}
}

// TestKVAsked: a denial of data that the package does not ask for says so, and the
// quota stays the operator's.
func TestKVAsked(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		asked *plugins.Requests
		want  string
	}{
		{"nothing", nil, "does not ask for key-value data"},
		{"reading", &plugins.Requests{KV: &plugins.KVRequest{Access: "ro"}}, "asks for key-value data for reading only"},
		{"less room", &plugins.Requests{KV: &plugins.KVRequest{QuotaBytes: 1}}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, _ := openSet(t, Config{
				Grants: plugins.Grants{KV: &plugins.KVGrant{}}, Store: newStore(t), Manifest: &plugins.Manifest{Capabilities: tt.asked},
			})
			r := perform(t, s.Authority(callT), `{"method":"kv/set","params":{"key":"a"},"body":true}`, "value")
			switch {
			case tt.want == "" && r.Error != nil:
				t.Errorf("error %+v", r.Error)
			case tt.want != "" && (r.Error == nil || r.Error.Grant != "" || !strings.Contains(r.Error.Message, tt.want)):
				t.Errorf("got %+v, want a denial with %q and without a grant", r.Error, tt.want)
			}
		})
	}
}

// TestScratch: each instance has a scratch folder of its own, which is there where
// something is mounted, and goes with the instance.
func TestScratch(t *testing.T) {
	t.Parallel()
	s, _ := openSet(t, everything(t))
	m := s.Mounts()[1]
	if m.Path != plugins.ScratchPath || m.New == nil {
		t.Fatalf("mount %+v", m)
	}
	one, endOne := m.New()
	two, endTwo := m.New()
	defer func() {
		if err := errors.Join(endOne(), endTwo()); err != nil {
			t.Error(err)
		}
	}()
	if err := one.Mkdir("x"); err != nil {
		t.Fatal(err)
	}
	if _, err := two.Stat("x", true); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("one sees what is another's: %v", err)
	}
}
