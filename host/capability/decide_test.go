package capability

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/host/capability/internal/effecttest"
	"github.com/mcpwasm/mcpwasm/host/capability/secrets"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
)

// upstream is a server on this machine that keeps all that it gets.
type upstream struct {
	*httptest.Server
	mu  sync.Mutex
	got strings.Builder
}

func newUpstream(t testing.TB) *upstream {
	t.Helper()
	u := &upstream{}
	u.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // what came before it was cut counts
		basic, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(r.Header.Get("Authorization"), "Basic "))
		u.mu.Lock()
		defer u.mu.Unlock()
		fmt.Fprintf(&u.got, "%s %s %s %s %s\n", r.Method, r.RequestURI, r.Header, basic, body)
	}))
	t.Cleanup(u.Close)
	return u
}

// end waits for the requests that are under way and returns all that came.
func (u *upstream) end() string {
	u.Close()
	return u.got.String()
}

// openUpstream opens a set with the secrets TOKEN, whose value is the canary, and
// OTHER for a server, and returns what stands for them.
func openUpstream(t testing.TB, u *upstream) (s *Set, token, other string) {
	t.Helper()
	host := strings.TrimPrefix(u.URL, "http://")
	grant, err := plugins.ParseHTTPGrant(host)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{"TOKEN": canary, "OTHER": "another-" + canary}
	c := Config{
		Grants: plugins.Grants{HTTP: []plugins.HTTPGrant{grant}},
		Labels: effect.Labels{HTTP: map[string][]string{host: {"sink:external"}}, Secrets: map[string][]string{"TOKEN": {"reads:token"}}},
		Secrets: map[string]secrets.Provider{
			"env": secrets.Env(func(name string) (string, bool) { v, ok := values[name]; return v, ok }),
		},
	}
	for name := range values {
		c.Grants.Secrets = append(c.Grants.Secrets, plugins.SecretGrant{Name: name, Provider: "env", Ref: name, Hosts: []string{host}})
	}
	s, _ = openSet(t, c)
	if token, err = s.secrets.Handle("TOKEN"); err != nil {
		t.Fatal(err)
	}
	if other, err = s.secrets.Handle("OTHER"); err != nil {
		t.Fatal(err)
	}
	return s, token, other
}

// TestDecideSecrets: each use of a secret is decided before its value is there, and one
// that is denied keeps it from leaving, wherever in the request it stands.
func TestDecideSecrets(t *testing.T) {
	t.Parallel()
	const large = 2 << 20 // more than is kept
	tests := []struct {
		name string
		// request returns parameters and a body for two handles.
		request func(url, token, other string) (params, body string)
		method  string
		query   string   // with handles in braces
		want    []string // the secrets
		// streamed says that a part of it may leave before the rest is there.
		streamed bool
	}{
		{"header", func(url, token, _ string) (string, string) {
			return fmt.Sprintf(`{"url":%q,"headers":[["Authorization","Bearer %s"]]}`, url, token), ""
		}, "GET", "", []string{"TOKEN"}, false},
		{"Basic credential", func(url, token, other string) (string, string) {
			pair := base64.StdEncoding.EncodeToString([]byte(token + ":" + other))
			return fmt.Sprintf(`{"url":%q,"headers":[["Authorization","Basic %s"]]}`, url, pair), ""
		}, "GET", "", []string{"TOKEN", "OTHER"}, false},
		{"two headers", func(url, token, other string) (string, string) {
			return fmt.Sprintf(`{"url":%q,"headers":[["X-A","%s"],["X-B","%s"]]}`, url, other, token), ""
		}, "GET", "", []string{"OTHER", "TOKEN"}, false},
		{"query", func(url, token, _ string) (string, string) {
			return fmt.Sprintf(`{"url":"%s?a=%s&b=%[2]s"}`, url, token), ""
		}, "GET", "?a={TOKEN}&b={TOKEN}", []string{"TOKEN"}, false},
		{"body", func(url, token, _ string) (string, string) {
			return fmt.Sprintf(`{"method":"POST","url":%q}`, url), token + token
		}, "POST", "", []string{"TOKEN"}, false},
		{"streamed body", func(url, token, other string) (string, string) {
			return fmt.Sprintf(`{"method":"POST","url":%q}`, url), strings.Repeat("x", large) + token + "y" + other + token
		}, "POST", "", []string{"TOKEN", "OTHER"}, true},
		{"no secret", func(url, _, _ string) (string, string) {
			return fmt.Sprintf(`{"method":"POST","url":%q}`, url), "mcpwasm_secret_" + strings.Repeat("0", 40)
		}, "POST", "", nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			send := func(denied int) (r plugins.EffectReply, asked []string, got string) {
				u := newUpstream(t)
				s, token, other := openUpstream(t, u)
				params, body := tt.request(u.URL+"/v1/../x", token, other)
				request := fmt.Sprintf(`{"method":"http/request","params":%s,"body":%v}`, params, body != "")
				n := -1
				p := effecttest.Policy{Deny: func(string) bool { n++; return n == denied }}
				r = perform(t, s.Authority(p.Call()), request, body)
				for _, line := range p.Asked() {
					asked = append(asked, strings.NewReplacer(u.URL, "URL", token, "{TOKEN}").Replace(line))
				}
				return r, asked, u.end()
			}
			want := decisions(tt.method, tt.query, tt.want)
			for i, line := range want {
				r, asked, got := send(i)
				if r.Error == nil || r.Error.Kind != plugins.EffectDenied || r.Error.Message != effecttest.Denial {
					t.Errorf("%s is denied, and the guest gets %+v %s", line, r.Error, r.Result)
				}
				if !slices.Equal(asked, want[:i+1]) {
					t.Errorf("asked %q, want %q", asked, want[:i+1])
				}
				if i < 2 && strings.Contains(got, canary) || !tt.streamed && got != "" {
					t.Errorf("%s is denied, and the server gets …%.200q", line, got)
				}
			}
			r, asked, got := send(-1)
			if r.Error != nil || !slices.Equal(asked, want) {
				t.Errorf("asked %q, want %q; %+v", asked, want, r.Error)
			}
			if strings.Contains(got, canary) != (tt.want != nil) {
				t.Errorf("the server got %.200q", got)
			}
		})
	}
}

// decisions are those on a request that uses secrets.
func decisions(method, query string, used []string) []string {
	target := method + " URL/x" + query
	lines := []string{"http " + target + " [sink:external]"}
	for _, name := range used {
		line := "secret " + name + " in " + target
		if name == "TOKEN" {
			line += " [reads:token]"
		}
		lines = append(lines, line)
	}
	return lines
}

// TestDecideSecretInStream: what stands before a handle that is denied may have left;
// the value and what stands behind it has not.
func TestDecideSecretInStream(t *testing.T) {
	t.Parallel()
	u := newUpstream(t)
	s, token, other := openUpstream(t, u)
	p := effecttest.Policy{Deny: func(line string) bool { return strings.Contains(line, "OTHER") }}
	request := fmt.Sprintf(`{"method":"http/request","params":{"method":"POST","url":"%s/"},"body":true}`, u.URL)
	r := perform(t, s.Authority(p.Call()), request, token+strings.Repeat("x", 2<<20)+other+"behind")
	if r.Error == nil || r.Error.Message != effecttest.Denial {
		t.Errorf("the guest gets %+v", r.Error)
	}
	if got := u.end(); strings.Contains(got, "another-") || strings.Contains(got, "behind") {
		t.Errorf("the server got …%q", got[max(0, len(got)-200):])
	}
}

// TestDecideHandle: handing out a handle is decided as well.
func TestDecideHandle(t *testing.T) {
	t.Parallel()
	s, token, _ := openUpstream(t, newUpstream(t))
	const request = `{"method":"secret/handle","params":{"name":"TOKEN"}}`
	const line = "secret TOKEN [reads:token]"
	var p effecttest.Policy
	if r := perform(t, s.Authority(p.Call()), request, ""); string(r.Result) != `{"handle":"`+token+`"}` {
		t.Errorf("result %s, %+v", r.Result, r.Error)
	}
	p.Deny = func(string) bool { return true }
	if r := perform(t, s.Authority(p.Call()), request, ""); r.Error == nil || r.Error.Message != effecttest.Denial {
		t.Errorf("result %s, %+v", r.Result, r.Error)
	}
	if got := p.Asked(); !slices.Equal(got, []string{line, line}) {
		t.Errorf("asked %q", got)
	}
	// What is not granted is not asked about.
	if r := perform(t, s.Authority(p.Call()), `{"method":"secret/handle","params":{"name":"NONE"}}`, ""); r.Error == nil || r.Error.Grant == "" || len(p.Asked()) > 0 {
		t.Errorf("result %s, %+v", r.Result, r.Error)
	}
}

// TestDecideFiles: a use of a path is decided with the guest's path and the labels of
// its mount, after the grants.
func TestDecideFiles(t *testing.T) {
	t.Parallel()
	dir := func() string { return t.TempDir() }
	s, log := openSet(t, Config{
		Grants: plugins.Grants{Mounts: []plugins.MountGrant{
			{Source: dir(), Path: "/data", Access: plugins.ReadWrite}, {Source: dir(), Path: "/database", Access: plugins.ReadWrite},
			{Source: dir(), Path: "/docs", Access: plugins.ReadOnly},
		}},
		Labels: effect.Labels{Mounts: map[string][]string{"/data": {"reads:private"}, "/database": {"source:untrusted"}}},
	})
	tests := []struct {
		name  string
		path  string
		write bool
		asked string // "" for nothing
		// granted says that the grants allow it.
		granted bool
	}{
		{"read", "/data/a", false, "file read /data/a [reads:private]", true},
		{"write", "/data/a", true, "file write /data/a [reads:private]", true},
		{"the mount itself", "/data", false, "file read /data [reads:private]", true},
		{"a mount whose name begins alike", "/database/a", true, "file write /database/a [source:untrusted]", true},
		{"no labels", "/docs/a b\n", false, "file read /docs/a b\n", true},
		{"written where it is for reading", "/docs/a", true, "", false},
		{"scratch", "/tmp/a", true, "", true},
		{"read from scratch", "/tmp", false, "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var p effecttest.Policy
			a := s.Authority(p.Call())
			for range 3 { // what is the same is asked once
				if err := a.Files(t.Context(), tt.path, tt.write); (err == nil) != tt.granted {
					t.Errorf("allowed, and it gets %v", err)
				}
			}
			var want []string
			if tt.asked != "" {
				want = []string{tt.asked}
			}
			if got := p.Asked(); !slices.Equal(got, want) {
				t.Errorf("asked %q, want %q", got, want)
			}
			p.Deny = func(string) bool { return true }
			err := s.Authority(p.Call()).Files(t.Context(), tt.path, tt.write)
			if tt.asked != "" && (!errors.Is(err, fs.ErrPermission) || errors.Is(err, runtime.ErrReadOnly)) {
				t.Errorf("denied, and it gets %v", err)
			}
			if tt.asked == "" && (err == nil) != tt.granted {
				t.Errorf("not asked, and it gets %v", err)
			}
		})
	}
	// Who decides says so; what the grants deny is said here.
	if log.has(effecttest.Denial) || !log.has("msg=denied", "effect=file", "tool=t", "it is mounted for reading only") {
		t.Errorf("log:\n%s", strings.Join(log.lines(), "\n"))
	}
}

// TestDecideFilesAgain: a file that is open is decided again when something else was
// allowed, and however many paths there are.
func TestDecideFilesAgain(t *testing.T) {
	t.Parallel()
	s, _ := openSet(t, Config{
		Grants: plugins.Grants{KV: &plugins.KVGrant{}, Mounts: []plugins.MountGrant{{Source: t.TempDir(), Path: "/out", Access: plugins.ReadWrite}}},
		Store:  newStore(t),
	})
	private := false
	p := effecttest.Policy{Deny: func(line string) bool {
		private = private || strings.HasPrefix(line, "kv")
		return private && strings.HasPrefix(line, "file write")
	}}
	a := s.Authority(p.Call())
	for range 2 {
		if err := a.Files(t.Context(), "/out/a", true); err != nil {
			t.Fatal(err)
		}
	}
	perform(t, a, `{"method":"kv/list"}`, "")
	if err := a.Files(t.Context(), "/out/a", true); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("after a read of what is private: %v", err)
	}
	if got := len(p.Asked()); got != 3 {
		t.Errorf("asked %d times", got)
	}
	for i := range 3 * maxFileUses {
		if err := a.Files(t.Context(), fmt.Sprintf("/out/%d", i), false); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(p.Asked()); got != 3*maxFileUses {
		t.Errorf("asked %d times for %d files", got, 3*maxFileUses)
	}
}

// TestDecideNobody: without a policy nothing is done, in any capability.
func TestDecideNobody(t *testing.T) {
	t.Parallel()
	u := newUpstream(t)
	host := strings.TrimPrefix(u.URL, "http://")
	c := withSecret(t)
	c.Grants.Secrets[0].Hosts = []string{host}
	grant, err := plugins.ParseHTTPGrant(host)
	if err != nil {
		t.Fatal(err)
	}
	c.Grants.HTTP, c.Grants.KV, c.Store = []plugins.HTTPGrant{grant}, &plugins.KVGrant{}, newStore(t)
	c.Grants.Mounts = []plugins.MountGrant{{Source: t.TempDir(), Path: "/data", Access: plugins.ReadWrite}}
	s, log := openSet(t, c)
	call := callT
	call.Decide = nil
	a := s.Authority(call)
	for _, request := range []string{
		`{"method":"http/request","params":{"url":"` + u.URL + `"}}`, `{"method":"kv/get","params":{"key":"a"}}`,
		`{"method":"kv/set","params":{"key":"a"},"body":true}`, `{"method":"kv/list"}`, `{"method":"secret/handle","params":{"name":"TOKEN"}}`,
	} {
		r := perform(t, a, request, "x")
		if r.Error == nil || r.Error.Kind != plugins.EffectDenied || !strings.Contains(r.Error.Message, "there is no policy here") {
			t.Errorf("%s: %+v %s", request, r.Error, r.Result)
		}
	}
	for _, write := range []bool{false, true} {
		if err := a.Files(t.Context(), "/data/a", write); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("write %v: %v", write, err)
		}
	}
	if !log.has("msg=denied", "effect=http/request", "there is no policy here") || u.end() != "" {
		t.Errorf("the server got %q; log:\n%s", u.got.String(), strings.Join(log.lines(), "\n"))
	}
	if r := perform(t, s.Authority(callT), `{"method":"kv/list"}`, ""); string(r.Result) != `{"keys":[],"more":false}` {
		t.Errorf("there are keys: %s %v", r.Result, r.Error)
	}
}

// TestDecideInTime: the policy is asked with the context of the call, and outside of
// locks: one that asks for another effect of the same call is answered.
func TestDecideInTime(t *testing.T) {
	t.Parallel()
	type marked struct{}
	s, _ := openSet(t, Config{
		Grants: plugins.Grants{KV: &plugins.KVGrant{}, Mounts: []plugins.MountGrant{{Source: t.TempDir(), Path: "/data", Access: plugins.ReadWrite}}},
		Store:  newStore(t),
	})
	var a *runtime.Authority
	var nested int
	ctx := context.WithValue(t.Context(), marked{}, true)
	call := callT
	call.Decide = func(got context.Context, e *cel.Effect, _ []string) error {
		if got.Value(marked{}) != true {
			t.Errorf("%s is decided in another context", e.Kind)
		}
		if nested++; nested > 3 {
			return nil
		}
		return errors.Join(a.Files(got, "/data/a", true),
			a.Effects.Perform(got, []byte(`{"method":"kv/set","params":{"key":"a"},"body":true}`), strings.NewReader("x"), io.Discard))
	}
	a = s.Authority(call)
	if err := a.Files(ctx, "/data/a", true); err != nil {
		t.Error(err)
	}
	if nested < 4 {
		t.Errorf("asked %d times", nested)
	}
}

// TestDecideLogs: who decides tells the operator; nobody does twice.
func TestDecideLogs(t *testing.T) {
	t.Parallel()
	u := newUpstream(t)
	grant, err := plugins.ParseHTTPGrant(strings.TrimPrefix(u.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	s, log := openSet(t, Config{Grants: plugins.Grants{HTTP: []plugins.HTTPGrant{grant}, KV: &plugins.KVGrant{}}, Store: newStore(t)})
	p := effecttest.Policy{Deny: func(string) bool { return true }}
	a := s.Authority(p.Call())
	for _, request := range []string{`{"method":"http/request","params":{"url":"` + u.URL + `"}}`, `{"method":"kv/list"}`} {
		if r := perform(t, a, request, ""); r.Error == nil || r.Error.Message != effecttest.Denial {
			t.Errorf("%s: %+v %s", request, r.Error, r.Result)
		}
	}
	if log.has("denied") {
		t.Errorf("log:\n%s", strings.Join(log.lines(), "\n"))
	}
	perform(t, a, `{"method":"http/request","params":{"url":"https://example.com/"}}`, "")
	if !log.has("msg=denied", "effect=http/request", "--allow-http example.com") {
		t.Errorf("what is not granted is not logged:\n%s", strings.Join(log.lines(), "\n"))
	}
}
