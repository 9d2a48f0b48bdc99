package capability

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/host/capability/internal/effecttest"
	"github.com/mcpwasm/mcpwasm/host/capability/secrets"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/store"
	"github.com/mcpwasm/mcpwasm/runtime"
)

// canary is a value that must show up nowhere.
const canary = "canary-4f1c9e77b2"

// logbook keeps what is logged, a line for each record.
type logbook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logbook) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logbook) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func (l *logbook) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(strings.TrimSuffix(l.buf.String(), "\n"), "\n")
}

// has reports whether there is one line with all the parts.
func (l *logbook) has(parts ...string) bool {
	return slices.ContainsFunc(l.lines(), func(line string) bool {
		return !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(line, p) })
	})
}

// openSet opens a set that is closed with the test, and returns its log.
func openSet(t testing.TB, c Config) (*Set, *logbook) {
	t.Helper()
	log := &logbook{}
	c.Server, c.Log = "srv", log.logger()
	s, err := Open(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, log
}

func newStore(t testing.TB) store.Store {
	t.Helper()
	s, err := store.Open(filepath.Join(t.TempDir(), "state", "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// perform has a set perform a request for a call of the tool "t", with a body.
func perform(t testing.TB, a *runtime.Authority, request, body string) plugins.EffectReply {
	t.Helper()
	var out bytes.Buffer
	if err := a.Effects.Perform(t.Context(), []byte(request), strings.NewReader(body), &out); err != nil {
		t.Fatalf("%s: %v", request, err)
	}
	head, _, whole := bytes.Cut(out.Bytes(), []byte("\n"))
	var r plugins.EffectReply
	if err := json.Unmarshal(head, &r); err != nil || !whole || (r.Result == nil) == (r.Error == nil) {
		t.Fatalf("%s: reply %q: %v", request, out.String(), err)
	}
	return r
}

var callT = effect.Call{Server: "srv", Method: plugins.MethodCallTool, Tool: "t", Decide: effecttest.Allow}

func TestRequests(t *testing.T) {
	t.Parallel()
	s, _ := openSet(t, Config{Grants: plugins.Grants{KV: &plugins.KVGrant{}}, Store: newStore(t)})
	tests := []struct {
		name, request string
		kind, message string // of the error; "" for none
	}{
		{"plain", `{"method":"kv/get","params":{"key":"none"}}`, plugins.EffectNotFound, "none"},
		{"params are optional", `{"method":"kv/list"}`, "", ""},
		{"a body that is not sent", `{"method":"kv/list","body":false}`, "", ""},
		{"a body that is", `{"method":"kv/set","params":{"key":"a"},"body":true}`, "", ""},
		{"a body for what has none", `{"method":"kv/get","params":{"key":"a"},"body":true}`, plugins.EffectInvalid, "body"},
		{"nothing", ``, plugins.EffectInvalid, "request: "},
		{"no JSON", `kv/get`, plugins.EffectInvalid, "request: "},
		{"no object", `["kv/get"]`, plugins.EffectInvalid, "request: "},
		{"two of them", `{"method":"kv/list"}{"method":"kv/list"}`, plugins.EffectInvalid, "request: "},
		{"no method", `{"params":{}}`, plugins.EffectInvalid, "missing method"},
		{"an empty method", `{"method":""}`, plugins.EffectInvalid, "missing method"},
		{"a method that is no text", `{"method":1}`, plugins.EffectInvalid, "method"},
		{"params that are no object", `{"method":"kv/list","params":[]}`, plugins.EffectInvalid, "params"},
		{"params that are null", `{"method":"kv/list","params":null}`, plugins.EffectInvalid, "params"},
		{"a body that is no flag", `{"method":"kv/list","body":"true"}`, plugins.EffectInvalid, "body: want true or false"},
		{"an unknown member", `{"method":"kv/list","parms":{}}`, plugins.EffectInvalid, `unknown member "parms"`},
		{"an unknown member with controls", `{"method":"kv/list","a\u001b[2J":{}}`, plugins.EffectInvalid, "unknown member \"a\ufffd[2J\""},
		{"a member twice", `{"method":"kv/list","method":"kv/get"}`, plugins.EffectInvalid, "request: "},
		{"a member twice but for case", `{"method":"kv/list","Method":"kv/get"}`, plugins.EffectInvalid, "request: "},
		{"a member twice inside", `{"method":"kv/get","params":{"key":"a","key":"b"}}`, plugins.EffectInvalid, "request: "},
		{"deep", `{"method":"kv/list","params":` + strings.Repeat(`{"a":`, 5000) + `1` + strings.Repeat(`}`, 5000) + `}`, plugins.EffectInvalid, "request: "},
		{"no UTF-8", "{\"method\":\"kv/\xff\"}", plugins.EffectInvalid, "request: "},
		{"an unknown method", `{"method":"kv/lst"}`, plugins.EffectInvalid, `this host has no "kv/lst": did you mean "kv/list"?`},
		{"a method that is like no other", `{"method":"files/open"}`, plugins.EffectInvalid, `this host has no "files/open"`},
		{"a long method", `{"method":"` + strings.Repeat("x", 1000) + `"}`, plugins.EffectInvalid, strings.Repeat("x", 80) + "…"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := perform(t, s.Authority(callT), tt.request, "value")
			switch {
			case tt.kind == "" && r.Error != nil:
				t.Errorf("error %+v", r.Error)
			case tt.kind != "" && (r.Error == nil || r.Error.Kind != tt.kind || !strings.Contains(r.Error.Message, tt.message)):
				t.Errorf("got %+v (%s), want %s with %q", r.Error, r.Result, tt.kind, tt.message)
			case r.Error != nil && len(r.Error.Message) > 300:
				t.Errorf("a message of %d bytes", len(r.Error.Message))
			}
		})
	}
}

// TestUnannouncedBody: what a guest sends without having said so is not read.
func TestUnannouncedBody(t *testing.T) {
	t.Parallel()
	s, _ := openSet(t, Config{Grants: plugins.Grants{KV: &plugins.KVGrant{}}, Store: newStore(t)})
	a := s.Authority(callT)
	perform(t, a, `{"method":"kv/set","params":{"key":"a"}}`, "value")
	var got struct{ Size int }
	if r := perform(t, a, `{"method":"kv/get","params":{"key":"a"}}`, ""); json.Unmarshal(r.Result, &got) != nil || got.Size != 0 {
		t.Errorf("result %s, want an empty value", r.Result)
	}
}

func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		`{"method":"kv/get","params":{"key":"a"},"body":true}`, `{"method":"x","method":"y"}`, `{"body":false}`, `[]`, `{"method":"\ud800"}`,
		`{"Method":"a"}`, `{"method":"a","params":{"a":{"b":[1,2,{}]}}} `,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, request []byte) {
		body := strings.NewReader("body")
		r, err := parse(request, body)
		if err != nil {
			e, ok := errors.AsType[*plugins.EffectError](err)
			if !ok || e.Kind != plugins.EffectInvalid || e.Message == "" {
				t.Fatalf("error %#v", err)
			}
			return
		}
		// Whoever reads it otherwise reads the same.
		d := json.NewDecoder(bytes.NewReader(request))
		d.DisallowUnknownFields()
		var other plugins.EffectRequest
		if err := d.Decode(&other); err != nil {
			t.Fatalf("%q is taken, and encoding/json says %v", request, err)
		}
		if r.Method != other.Method || r.Method == "" || r.HasBody != other.Body {
			t.Errorf("%q: read as %+v and %+v", request, r, other)
		}
		if sent, _ := io.ReadAll(r.Body); (string(sent) == "body") != r.HasBody {
			t.Errorf("body %q, announced: %v", sent, r.HasBody)
		}
	})
}

// TestNothingGranted: each capability is there, denies, and says what it would
// take, to the guest and to the operator.
func TestNothingGranted(t *testing.T) {
	t.Parallel()
	tests := []struct{ request, grant string }{
		{`{"method":"http/request","params":{"url":"https://example.com/"}}`, "--allow-http example.com"},
		{`{"method":"http/request","params":{"url":"http://127.0.0.1:1/"}}`, "--allow-http 127.0.0.1:1"},
		{`{"method":"kv/get","params":{"key":"a"}}`, "--kv"},
		{`{"method":"kv/set","params":{"key":"a"},"body":true}`, "--kv"},
		{`{"method":"kv/delete","params":{"key":"a"}}`, "--kv"},
		{`{"method":"kv/list"}`, "--kv"},
		{`{"method":"secret/handle","params":{"name":"TOKEN"}}`, "--secret TOKEN=…@HOST"},
	}
	for _, tt := range tests {
		t.Run(tt.request, func(t *testing.T) {
			t.Parallel()
			s, log := openSet(t, Config{Store: newStore(t)})
			r := perform(t, s.Authority(callT), tt.request, "value")
			if r.Error == nil || r.Error.Kind != plugins.EffectDenied || r.Error.Grant != tt.grant {
				t.Fatalf("reply %+v %s, want a denial that names %q", r.Error, r.Result, tt.grant)
			}
			if !log.has("level=WARN", "msg=denied", "tool=t", fmt.Sprintf("%q", tt.grant)) && !log.has("level=WARN", "msg=denied", "tool=t", "grant="+tt.grant) {
				t.Errorf("log:\n%s", strings.Join(log.lines(), "\n"))
			}
			if s.Holds() || len(s.Mounts()) > 0 {
				t.Error("a set without grants holds something")
			}
		})
	}
}

func TestDenialsAreLoggedSparingly(t *testing.T) {
	t.Parallel()
	s, log := openSet(t, Config{})
	for range 2 {
		a := s.Authority(callT)
		for range 100 {
			perform(t, a, `{"method":"kv/list"}`, "")
		}
	}
	if n := len(log.lines()); n != 2*maxDenials {
		t.Errorf("%d lines for two calls, want %d for each", n, maxDenials)
	}
	if !log.has("further denials of this message are not logged", "tool=t") {
		t.Errorf("nothing says that more was denied: %s", log.lines()[maxDenials-1])
	}
}

// broken is a store that fails once it is told to.
type broken struct {
	store.Store
	err error
}

func (b *broken) Get(ctx context.Context, keys ...string) ([]store.Entry, error) {
	if b.err != nil {
		return nil, b.err
	}
	return b.Store.Get(ctx, keys...)
}

// withSecret is a configuration with the secret TOKEN, whose value is the canary.
func withSecret(t testing.TB) Config {
	t.Helper()
	return Config{
		Grants: plugins.Grants{
			HTTP:    []plugins.HTTPGrant{{Host: "127.0.0.1", Port: 8443}},
			Secrets: []plugins.SecretGrant{{Name: "TOKEN", Provider: "env", Ref: "TOKEN", Hosts: []string{"127.0.0.1:8443"}}},
		},
		Secrets: map[string]secrets.Provider{
			"env":     secrets.Env(func(name string) (string, bool) { return canary, name == "TOKEN" }),
			"file":    secrets.File(slog.New(slog.DiscardHandler)),
			"command": secrets.Command(),
		},
	}
}

// spend has the value of TOKEN read, so that the scrubber knows it.
func spend(t testing.TB, s *Set) {
	t.Helper()
	handle, err := s.secrets.Handle("TOKEN")
	if err != nil {
		t.Fatal(err)
	}
	to := effect.Target{Scheme: "https", Host: "127.0.0.1", Port: 8443, Loopback: true}
	if out, _, err := s.secrets.Expand(t.Context(), effect.Use{Call: callT, Target: to, As: []*cel.HTTP{{}}, Place: "header"}, handle); err != nil || out != canary {
		t.Fatalf("%q, %v", out, err)
	}
}

// TestHostFailure: what ails the host is the operator's to know, without secrets.
func TestHostFailure(t *testing.T) {
	t.Parallel()
	c := withSecret(t)
	data := &broken{Store: newStore(t)}
	c.Store, c.Grants.KV = data, &plugins.KVGrant{}
	s, log := openSet(t, c)
	spend(t, s)
	data.err = errors.New("read /var/lib/state of " + canary + ": disk on fire")
	r := perform(t, s.Authority(callT), `{"method":"kv/get","params":{"key":"a"}}`, "")
	if r.Error == nil || r.Error.Kind != plugins.EffectFailed || r.Error.Message != "the host could not do it; its log says why" {
		t.Errorf("the guest is told %+v", r.Error)
	}
	if !log.has("an effect failed", "effect=kv/get", "tool=t", "[secret:TOKEN]: disk on fire") {
		t.Errorf("log:\n%s", strings.Join(log.lines(), "\n"))
	}
	if log.has(canary) {
		t.Error("the log has the secret")
	}
}

// TestPrincipals: what one caller keeps another one does not see.
func TestPrincipals(t *testing.T) {
	t.Parallel()
	s, _ := openSet(t, Config{Grants: plugins.Grants{KV: &plugins.KVGrant{}}, Store: newStore(t)})
	ada, bob := callT, callT
	ada.Principal, bob.Principal = "ada", "bob"
	perform(t, s.Authority(ada), `{"method":"kv/set","params":{"key":"a"},"body":true}`, "hers")
	if r := perform(t, s.Authority(bob), `{"method":"kv/get","params":{"key":"a"}}`, ""); r.Error == nil || r.Error.Kind != plugins.EffectNotFound {
		t.Errorf("bob reads %s, %+v", r.Result, r.Error)
	}
	if r := perform(t, s.Authority(ada), `{"method":"kv/get","params":{"key":"a"}}`, ""); r.Error != nil {
		t.Errorf("ada is told %+v", r.Error)
	}
}

// TestAuthority: a tool's hint takes away writing, and the operator's word
// counts more than the hint.
func TestAuthority(t *testing.T) {
	t.Parallel()
	s, log := openSet(t, Config{Store: newStore(t), Grants: plugins.Grants{
		KV:     &plugins.KVGrant{},
		Mounts: []plugins.MountGrant{{Source: t.TempDir(), Path: "/data", Access: plugins.ReadWrite}},
		Tools:  map[string]plugins.Access{"trusted": plugins.ReadWrite, "distrusted": plugins.ReadOnly},
	}})
	tests := []struct {
		name     string
		call     effect.Call
		readOnly bool
	}{
		{"no hint", effect.Call{Tool: "t", Decide: effecttest.Allow}, false},
		{"hint", effect.Call{Tool: "t", ReadOnly: true, Decide: effecttest.Allow}, true},
		{"hint, rw", effect.Call{Tool: "trusted", ReadOnly: true, Decide: effecttest.Allow}, false},
		{"no hint, ro", effect.Call{Tool: "distrusted", Decide: effecttest.Allow}, true},
		{"the start of a stdio guest", effect.Call{Decide: effecttest.Allow}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := s.Authority(tt.call)
			for path, denied := range map[string]bool{"/data": tt.readOnly, "/data/x": tt.readOnly, "/tmpx": tt.readOnly, "/tmp": false, "/tmp/x": false} {
				if err := a.Files(t.Context(), path, true); errors.Is(err, runtime.ErrReadOnly) != denied || err != nil && !denied {
					t.Errorf("write %s: %v, want a denial: %v", path, err, denied)
				}
				if err := a.Files(t.Context(), path, false); err != nil {
					t.Errorf("read %s: %v", path, err)
				}
			}
			r := perform(t, a, `{"method":"kv/set","params":{"key":"a"},"body":true}`, "v")
			if (r.Error != nil) != tt.readOnly || tt.readOnly && (r.Error.Kind != plugins.EffectDenied || r.Error.Grant != "--tool-access "+tt.call.Tool+"=rw") {
				t.Errorf("kv/set: %+v", r.Error)
			}
			if r := perform(t, a, `{"method":"kv/list"}`, ""); r.Error != nil {
				t.Errorf("kv/list: %+v", r.Error)
			}
		})
	}
	if !log.has("msg=denied", "effect=file", "tool=t", `--tool-access t=rw`) {
		t.Errorf("log:\n%s", strings.Join(log.lines(), "\n"))
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	s, _ := openSet(t, Config{Grants: plugins.Grants{
		Tools: map[string]plugins.Access{"read_fil": plugins.ReadOnly, "write_file": plugins.ReadOnly, "zebra": plugins.ReadOnly},
	}})
	defs := &plugins.Definitions{Tools: plugins.List{Items: []plugins.Definition{{Key: "read_file"}, {Key: "write_file"}}}}
	want := `grants.tools.read_fil: the server has no tool "read_fil": did you mean "read_file"?` + "\n" +
		`grants.tools.zebra: the server has no tool "zebra"`
	for range 20 { // maps have no order
		if err := s.Check(defs); err == nil || err.Error() != want {
			t.Fatalf("got %v, want %s", err, want)
		}
	}
	defs.Tools.Items = append(defs.Tools.Items, plugins.Definition{Key: "read_fil"}, plugins.Definition{Key: "zebra"})
	defs.Tools.Sort()
	if err := s.Check(defs); err != nil {
		t.Error(err)
	}
}

// TestScrub: what is scrubbed stays JSON.
func TestScrub(t *testing.T) {
	t.Parallel()
	s, _ := openSet(t, withSecret(t))
	spend(t, s)
	got := s.Scrub(json.RawMessage(`{"a":"x` + canary + `y","` + canary + `":1}`))
	if string(got) != `{"a":"x[secret:TOKEN]y","[secret:TOKEN]":1}` {
		t.Errorf("got %s", got)
	}
	if got := s.Scrub(nil); got != nil {
		t.Errorf("got %s of nothing", got)
	}
}
