package secrets_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/host/capability/internal/effecttest"
	"github.com/mcpwasm/mcpwasm/host/capability/secrets"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

const canary = `canary-8f2e61/+"é`

// variables is an environment.
func variables(values map[string]string) secrets.Provider {
	return secrets.Env(func(name string) (string, bool) { v, ok := values[name]; return v, ok })
}

// changing is a provider whose values the test decides.
type changing struct {
	value func() (string, error)
}

func (changing) Check(context.Context, string) error { return nil }

func (c changing) Value(context.Context, string) (string, error) { return c.value() }

func config(grants ...plugins.SecretGrant) secrets.Config {
	return secrets.Config{
		Server:  "weather",
		Granted: grants,
		Providers: map[string]secrets.Provider{
			"env": variables(map[string]string{"TOKEN": canary, "OTHER": "another-value", "SHORT": "tiny1", "LINES": "canary\n8f2e61"}),
		},
	}
}

func open(t testing.TB, c secrets.Config) *secrets.Set {
	t.Helper()
	s, err := secrets.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func handle(t testing.TB, s *secrets.Set, name string) string {
	t.Helper()
	h, err := s.Handle(name)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func grant(name, ref string, hosts ...string) plugins.SecretGrant {
	return plugins.SecretGrant{Name: name, Provider: "env", Ref: ref, Hosts: hosts}
}

func https(host string) effect.Target { return effect.Target{Scheme: "https", Host: host, Port: 443} }

// use is a place of a request to a target, of a call that may do everything.
func use(to effect.Target, place string, escape func(string) string) effect.Use {
	h := &cel.HTTP{Method: "GET", Scheme: to.Scheme, Host: to.Host, Port: to.Port, Path: "/"}
	return effect.Use{
		Call: effect.Call{Decide: effecttest.Allow}, Target: to, As: []*cel.HTTP{h}, Place: place, Escape: escape,
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	in := func(g plugins.SecretGrant, places ...string) plugins.SecretGrant { g.In = places; return g }
	provider := func(g plugins.SecretGrant, p string) plugins.SecretGrant { g.Provider = p; return g }
	tests := []struct {
		name   string
		grants []plugins.SecretGrant
		want   []string
	}{
		{"a name", []plugins.SecretGrant{grant("a b", "TOKEN", "h")}, []string{`grants.secrets.a b: `, "letters, digits"}},
		{"no host", []plugins.SecretGrant{grant("t", "TOKEN")}, []string{`grants.secrets.t: `, "which hosts"}},
		{"a wildcard", []plugins.SecretGrant{grant("t", "TOKEN", "*.example.com")}, []string{"*.example.com", "wildcards"}},
		{"a URL", []plugins.SecretGrant{grant("t", "TOKEN", "https://example.com")}, []string{`want "host" or "host:port"`}},
		{"a port", []plugins.SecretGrant{grant("t", "TOKEN", "example.com:0")}, []string{"1 to 65535"}},
		{"a larger port", []plugins.SecretGrant{grant("t", "TOKEN", "example.com:65536")}, []string{"1 to 65535"}},
		{"a zone", []plugins.SecretGrant{grant("t", "TOKEN", "[fe80::1%eth0]")}, []string{`want "host" or "host:port"`}},
		{"a place", []plugins.SecretGrant{in(grant("t", "TOKEN", "h"), "path")}, []string{`"path"`, "header, query or body"}},
		{"a provider", []plugins.SecretGrant{provider(grant("t", "TOKEN", "h"), "enw")}, []string{`no provider "enw"`, `did you mean "env"?`}},
		{"a variable", []plugins.SecretGrant{grant("t", "NONE", "h")}, []string{`grants.secrets.t: env: the variable "NONE" is not set`}},
		{"a short value", []plugins.SecretGrant{grant("t", "SHORT", "h")}, []string{`"SHORT"`, "5 bytes", "at least 8"}},
		{"a value of two lines", []plugins.SecretGrant{grant("t", "LINES", "h")}, []string{`"LINES"`, "one line"}},
		{"two values", []plugins.SecretGrant{grant("t", "TOKEN", "h"), grant("t", "OTHER", "i")}, []string{"granted twice"}},
		{"all of them", []plugins.SecretGrant{grant("a", "NONE", "h"), grant("b", "NEITHER", "h")}, []string{`"NONE"`, `"NEITHER"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := secrets.Open(t.Context(), config(tt.grants...))
			if err == nil {
				t.Fatal("it is opened")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error is %q, want %q in it", err, want)
				}
			}
			for _, value := range []string{"canary", "tiny1", "8f2e61"} {
				if strings.Contains(err.Error(), value) {
					t.Errorf("the error has a value in it: %q", err)
				}
			}
		})
	}
}

func TestHandle(t *testing.T) {
	t.Parallel()
	c := config(grant("TOKEN", "TOKEN", "h"), grant("OTHER", "OTHER", "h"))
	s := open(t, c)
	h := handle(t, s, "TOKEN")
	if !regexp.MustCompile(`^mcpwasm_secret_[0-9a-f]{40}$`).MatchString(h) {
		t.Errorf("the handle is %q", h)
	}
	if url.QueryEscape(h) != h {
		t.Errorf("a URL escapes the handle %q", h)
	}
	if h2 := handle(t, open(t, c), "TOKEN"); h2 != h {
		t.Errorf("the handle was %q and is %q", h, h2)
	}
	c.Server = "mail"
	for name, other := range map[string]string{"another secret": handle(t, s, "OTHER"), "another server": handle(t, open(t, c), "TOKEN")} {
		if other == h {
			t.Errorf("%s has the same handle", name)
		}
	}
}

func TestPerform(t *testing.T) {
	t.Parallel()
	c := config(grant("TOKEN", "TOKEN", "h"), grant("unasked", "OTHER", "h"))
	c.HasManifest = true
	c.Asked = []plugins.SecretRequest{{Name: "TOKEN", Hosts: []string{"h"}}, {Name: "missing", Hosts: []string{"h"}}}
	s := open(t, c)
	tests := []struct {
		name, method, params string
		body                 bool
		want                 plugins.EffectError
	}{
		{"granted", "secret/handle", `{"name":"TOKEN"}`, false, plugins.EffectError{}},
		{"not granted", "secret/handle", `{"name":"missing"}`, false,
			plugins.EffectError{Kind: "denied", Message: `the secret "missing" is not granted`, Grant: "--secret missing=…@HOST"}},
		{"not asked for", "secret/handle", `{"name":"unasked"}`, false,
			plugins.EffectError{Kind: "denied", Message: `the package does not ask for the secret "unasked"`}},
		{"no name", "secret/handle", `{}`, false,
			plugins.EffectError{Kind: "invalid", Message: `name: want at most 64 letters, digits, "_" and "-"`}},
		{"unknown member", "secret/handle", `{"name":"TOKEN","value":true}`, false,
			plugins.EffectError{Kind: "invalid", Message: `params: unknown field "value"`}},
		{"a body", "secret/handle", `{"name":"TOKEN"}`, true, plugins.EffectError{Kind: "invalid", Message: "secret/handle takes no body"}},
		{"another method", "secret/value", `{"name":"TOKEN"}`, false, plugins.EffectError{Kind: "invalid", Message: `there is no method "secret/value"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			params, err := wire.ParseObject([]byte(tt.params))
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			err = s.Perform(t.Context(), effect.Call{Decide: effecttest.Allow}, effect.Request{Method: tt.method, Params: params, HasBody: tt.body}, effect.NewReply(&out))
			if tt.want.Kind != "" {
				e, ok := errors.AsType[*plugins.EffectError](err)
				if !ok || *e != tt.want {
					t.Fatalf("the error is %#v, want %#v", err, tt.want)
				}
				return
			}
			var reply struct {
				Result struct {
					Handle string `json:"handle"`
				} `json:"result"`
			}
			if err := errors.Join(err, json.Unmarshal(out.Bytes(), &reply)); err != nil {
				t.Fatal(err)
			}
			if want := handle(t, s, "TOKEN"); reply.Result.Handle != want {
				t.Errorf("the handle is %q, want %q", reply.Result.Handle, want)
			}
		})
	}
}

// TestExpandWhere says to which hosts and places a secret is sent.
func TestExpandWhere(t *testing.T) {
	t.Parallel()
	header := grant("header", "OTHER", "api.example.com")
	header.In = []string{"header"}
	c := config(grant("t", "TOKEN", "api.example.com", "b.example.com:8443", "127.0.0.1:8080", "localhost", "[::1]:9090"), header)
	plain := open(t, c)
	c.HasManifest = true
	c.Asked = []plugins.SecretRequest{{Name: "t", Hosts: []string{"API.example.com", "c.example.com"}, In: []string{"query", "header"}}, {Name: "header", Hosts: []string{"api.example.com"}}}
	narrowed := open(t, c)
	loopback := func(host string, port int) effect.Target {
		return effect.Target{Scheme: "http", Host: host, Port: port, Loopback: true}
	}
	tests := []struct {
		name   string
		set    *secrets.Set
		secret string
		to     effect.Target
		place  string
		want   string // "" where it is sent
		grant  string
	}{
		{"granted", plain, "t", https("api.example.com"), "body", "", ""},
		{"granted with a port", plain, "t", effect.Target{Scheme: "https", Host: "b.example.com", Port: 8443}, "query", "", ""},
		{"this machine in the clear", plain, "t", loopback("127.0.0.1", 8080), "header", "", ""},
		{"its default port", plain, "t", loopback("localhost", 80), "header", "", ""},
		{"IPv6", plain, "t", loopback("::1", 9090), "header", "", ""},
		{"another host", plain, "t", https("evil.example.com"), "header", `the secret "t" is not granted for evil.example.com`, "--secret t=…@evil.example.com"},
		{"a host below", plain, "t", https("x.api.example.com"), "header", "not granted for x.api.example.com", "--secret t=…@x.api.example.com"},
		{"another port", plain, "t", effect.Target{Scheme: "https", Host: "api.example.com", Port: 8443}, "header", "not granted for api.example.com:8443", "--secret t=…@api.example.com:8443"},
		{"the default port where another is granted", plain, "t", https("b.example.com"), "header", "not granted for b.example.com", "--secret t=…@b.example.com"},
		{"another port of IPv6", plain, "t", loopback("::1", 1), "header", "not granted for [::1]:1", "--secret t=…@[::1]:1"},
		{"in the clear", plain, "t", effect.Target{Scheme: "http", Host: "api.example.com", Port: 443}, "header", "https only", ""},
		{"another scheme", plain, "t", effect.Target{Scheme: "ftp", Host: "localhost", Port: 80, Loopback: true}, "header", "https only", ""},
		{"its place", plain, "header", https("api.example.com"), "header", "", ""},
		{"another place", plain, "header", https("api.example.com"), "body", "not granted for the body of a request to api.example.com, only for: header", "--secret header=…@api.example.com in=header,body"},
		{"no place", plain, "t", https("api.example.com"), "path", "not granted for the path", "--secret t=…@api.example.com in=header,query,body"},
		{"granted and asked for", narrowed, "t", https("api.example.com"), "query", "", ""},
		{"asked for in headers by default", narrowed, "header", https("api.example.com"), "header", "", ""},
		{"granted and not asked for", narrowed, "t", effect.Target{Scheme: "https", Host: "b.example.com", Port: 8443}, "query", "the package does not ask", ""},
		{"asked for and not granted", narrowed, "t", https("c.example.com"), "query", "not granted for c.example.com", "--secret t=…@c.example.com"},
		{"a place that is not asked for", narrowed, "t", https("api.example.com"), "body", "does not ask to send the secret \"t\" in the body", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := handle(t, tt.set, tt.secret)
			out, used, err := tt.set.Expand(t.Context(), use(tt.to, tt.place, nil), "Bearer "+h)
			if tt.want == "" {
				if err != nil || !used || !tt.set.May(tt.to) || strings.Contains(out, h) {
					t.Fatalf("expanded to %q, %v, %v", out, used, err)
				}
				return
			}
			e, ok := errors.AsType[*plugins.EffectError](err)
			if !ok || out != "" || e.Kind != plugins.EffectDenied || !strings.Contains(e.Message, tt.want) || e.Grant != tt.grant {
				t.Errorf("expanded to %q, %#v; want %q, %q", out, err, tt.want, tt.grant)
			}
		})
	}
	for name, to := range map[string]effect.Target{
		"a host without a grant": https("evil.example.com"),
		"in the clear":           {Scheme: "http", Host: "api.example.com", Port: 443},
	} {
		if plain.May(to) {
			t.Errorf("a secret may be sent: %s", name)
		}
	}
}

func TestExpand(t *testing.T) {
	t.Parallel()
	s := open(t, config(grant("T", "TOKEN", "h"), grant("O", "OTHER", "h")))
	h, o := handle(t, s, "T"), handle(t, s, "O")
	b64 := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	tests := []struct {
		name, place, text string
		escape            func(string) string
		want              string
	}{
		{"nothing", "header", "text", nil, "text"},
		{"alone", "header", h, nil, canary},
		{"between", "header", "Bearer " + h + "x", nil, "Bearer " + canary + "x"},
		{"two", "query", o + "," + h + h, nil, "another-value," + canary + canary},
		{"escaped", "query", "a=" + h + "&b=%20", url.QueryEscape, "a=" + url.QueryEscape(canary) + "&b=%20"},
		{"a handle of nobody", "header", "mcpwasm_secret_" + strings.Repeat("0", 40) + h, nil, "mcpwasm_secret_" + strings.Repeat("0", 40) + canary},
		{"half a handle", "header", h[:30] + h + h[:54], nil, h[:30] + canary + h[:54]},
		{"basic", "header", "Basic " + b64("user:"+h), url.QueryEscape, "Basic " + b64("user:"+canary)},
		{"basic without padding", "header", "basic  " + strings.TrimRight(b64("me:"+h), "="), nil, "Basic " + b64("me:"+canary)},
		{"basic user", "header", "Basic " + b64(h+":"), nil, "Basic " + b64(canary+":")},
		{"basic with a plain handle", "header", "Basic " + h, nil, "Basic " + canary},
		{"basic without a handle", "header", "Basic " + b64("user:password"), nil, "Basic " + b64("user:password")},
		{"basic that is none", "header", "Basic !!!", nil, "Basic !!!"},
		{"basic in a body", "body", "Basic " + b64("user:"+h), nil, "Basic " + b64("user:"+h)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, used, err := s.Expand(t.Context(), use(https("h"), tt.place, tt.escape), tt.text)
			if err != nil || got != tt.want || used != (got != tt.text) {
				t.Errorf("%q is %q, %v, %v; want %q", tt.text, got, used, err, tt.want)
			}
			if tt.place == "header" && s.Holds(tt.text) != used {
				t.Errorf("%q holds a handle: %v", tt.text, !used)
			}
		})
	}
	t.Run("a second handle that is denied", func(t *testing.T) {
		narrow := grant("O", "OTHER", "elsewhere")
		s := open(t, config(grant("T", "TOKEN", "h"), narrow))
		out, _, err := s.Expand(t.Context(), use(https("h"), "header", nil), handle(t, s, "T")+handle(t, s, "O"))
		if err == nil || out != "" {
			t.Errorf("expanded to %q, %v", out, err)
		}
	})
}

func TestExpandReader(t *testing.T) {
	t.Parallel()
	s := open(t, config(grant("T", "TOKEN", "h"), grant("O", "OTHER", "elsewhere")))
	h, o := handle(t, s, "T"), handle(t, s, "O")
	quoted := func(v string) string { b, _ := json.Marshal(v); return string(b[1 : len(b)-1]) }
	tests := []struct {
		name, text, want string
		denied           bool
	}{
		{"empty", "", "", false},
		{"one", `{"token":"` + h + `"}`, `{"token":"` + quoted(canary) + `"}`, false},
		{"half of one at the end", "x" + h[:20], "x" + h[:20], false},
		{"beginnings", "mcp" + h[:15] + h, "mcp" + h[:15] + quoted(canary), false},
		{"denied", "before " + o + " after", "before ", true},
		{"many", strings.Repeat("-"+h, 2000), strings.Repeat("-"+quoted(canary), 2000), false},
	}
	readers := map[string]func(io.Reader) io.Reader{
		"at once": func(r io.Reader) io.Reader { return r }, "in halves": iotest.HalfReader,
		"byte by byte": iotest.OneByteReader, "with the end": iotest.DataErrReader,
	}
	for _, tt := range tests {
		for how, wrap := range readers {
			t.Run(tt.name+"/"+how, func(t *testing.T) {
				got, err := io.ReadAll(s.ExpandReader(t.Context(), use(https("h"), "body", quoted), wrap(strings.NewReader(tt.text))))
				if string(got) != tt.want {
					t.Errorf("%q is %q, want %q", tt.text, got, tt.want)
				}
				e, ok := errors.AsType[*plugins.EffectError](err)
				if ok != tt.denied || !ok && err != nil || ok && e.Kind != plugins.EffectDenied {
					t.Errorf("the error is %v", err)
				}
			})
		}
	}
	t.Run("an error of the source", func(t *testing.T) {
		broken := errors.New("broken")
		got, err := io.ReadAll(s.ExpandReader(t.Context(), use(https("h"), "body", nil), io.MultiReader(strings.NewReader("a"+h), iotest.ErrReader(broken))))
		if string(got) != "a"+canary || !errors.Is(err, broken) {
			t.Errorf("read %q, %v", got, err)
		}
	})
}

// TestExpandReaderAtOnce: what cannot be the beginning of a handle is not held
// back.
func TestExpandReaderAtOnce(t *testing.T) {
	t.Parallel()
	s := open(t, config(grant("T", "TOKEN", "h")))
	src, w := io.Pipe()
	r := s.ExpandReader(t.Context(), use(https("h"), "body", nil), src)
	go func() { _, _ = w.Write([]byte("data: 1\n\nmcp")) }()
	b := make([]byte, 100)
	if n, err := r.Read(b); err != nil || string(b[:n]) != "data: 1\n\n" {
		t.Errorf("read %q, %v", b[:n], err)
	}
}

// TestRotation has a value that changes: it is read again after [secrets.KeepValue],
// and the old one stays known.
func TestRotation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reads := 0
		c := config(plugins.SecretGrant{Name: "T", Provider: "env", Hosts: []string{"h"}})
		c.Providers["env"] = changing{func() (string, error) { reads++; return fmt.Sprintf("value-number-%d", reads), nil }}
		s := open(t, c)
		if got := s.Scrub("value-number-1"); got != "value-number-1" {
			t.Errorf("before it is used the value is %q", got)
		}
		for i, want := range []string{"value-number-1", "value-number-1", "value-number-2", "value-number-3"} {
			got, _, err := s.Expand(t.Context(), use(https("h"), "header", nil), handle(t, s, "T"))
			if err != nil || got != want {
				t.Fatalf("the value is %q, %v; want %q", got, err, want)
			}
			if i > 0 {
				time.Sleep(secrets.KeepValue)
			}
		}
		if got, want := s.Scrub("value-number-1 value-number-2 value-number-3"), "[secret:T] [secret:T] [secret:T]"; got != want {
			t.Errorf("the old values are %q", got)
		}
		for range 40 {
			time.Sleep(secrets.KeepValue)
			if _, _, err := s.Expand(t.Context(), use(https("h"), "header", nil), handle(t, s, "T")); err != nil {
				t.Fatal(err)
			}
		}
		// Only so many are kept.
		if got, want := s.Scrub("value-number-3: value-number-40"), "value-number-3: [secret:T]"; got != want {
			t.Errorf("the values are %q, want %q", got, want)
		}
	})
}

// TestValueErrors has providers that fail: the guest learns that, the log why, and
// nobody a value.
func TestValueErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, value string
		err         error
		log         string
	}{
		{"an error", "", errors.New("the vault is sealed"), "the vault is sealed"},
		{"an empty value", "", nil, "empty"},
		{"a short value", "canary", nil, "6 bytes"},
		{"a long value", strings.Repeat("canary", 1<<14), nil, "longer than 65536"},
		{"a line end", "canary-8f2e61\ncanary", nil, "one line"},
		{"a zero byte", "canary-8f2e61\x00", nil, "control character"},
		{"not UTF-8", "canary-8f2e61\xff", nil, "not UTF-8"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			c := config(plugins.SecretGrant{Name: "T", Provider: "env", Hosts: []string{"h"}})
			c.Providers["env"] = changing{func() (string, error) { return tt.value, tt.err }}
			c.Log = slog.New(slog.NewJSONHandler(&log, nil))
			s := open(t, c)
			out, _, err := s.Expand(t.Context(), use(https("h"), "header", nil), handle(t, s, "T"))
			e, ok := errors.AsType[*plugins.EffectError](err)
			if !ok || e.Kind != plugins.EffectFailed || out != "" || e.Message != `the secret "T" cannot be read; the host's log says why` {
				t.Errorf("expanded to %q, %v", out, err)
			}
			if strings.Contains(log.String(), `"server"`) {
				t.Errorf("the log says %s, to a logger that names the server", log.String())
			}
			if err := s.Learn(t.Context()); !errors.As(err, &e) || e.Kind != plugins.EffectFailed {
				t.Errorf("learning ends with %v", err)
			}
			if !strings.Contains(log.String(), tt.log) || strings.Contains(log.String(), "canary") {
				t.Errorf("the log says %s", log.String())
			}
		})
	}
}

// TestLearn: all values are known before one was sent, and read once for all callers.
func TestLearn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var reads atomic.Int32
		c := config(grant("other", "OTHER", "i"), plugins.SecretGrant{Name: "T", Provider: "slow", Hosts: []string{"h"}})
		c.Providers["slow"] = changing{func() (string, error) {
			time.Sleep(time.Second)
			return fmt.Sprintf("value-number-%d", reads.Add(1)), nil
		}}
		s := open(t, c)
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				if err := s.Learn(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if got, want := s.Scrub("value-number-1 another-value"), "[secret:T] [secret:other]"; got != want || reads.Load() != 1 {
			t.Errorf("after %d reads the values are %q, want %q", reads.Load(), got, want)
		}
		time.Sleep(secrets.KeepValue)
		if err := s.Learn(t.Context()); err != nil {
			t.Error(err)
		}
		if got, want := s.Scrub("value-number-1 value-number-2"), "[secret:T] [secret:T]"; got != want {
			t.Errorf("later the values are %q, want %q", got, want)
		}
	})
}

// TestWaiting has two that want a value which takes long to read: the one that
// gives up does not wait.
func TestWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		c := config(plugins.SecretGrant{Name: "T", Provider: "env", Hosts: []string{"h"}})
		c.Providers["env"] = changing{func() (string, error) { <-release; return canary, nil }}
		s := open(t, c)
		first := make(chan error)
		go func() {
			_, _, err := s.Expand(t.Context(), use(https("h"), "header", nil), handle(t, s, "T"))
			first <- err
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _, err := s.Expand(ctx, use(https("h"), "header", nil), handle(t, s, "T"))
		if e, ok := errors.AsType[*plugins.EffectError](err); !ok || e.Kind != plugins.EffectTimeout {
			t.Errorf("the error is %v", err)
		}
		if e, ok := errors.AsType[*plugins.EffectError](s.Learn(ctx)); !ok || e.Kind != plugins.EffectTimeout {
			t.Errorf("learning ends with %v", e)
		}
		close(release)
		if err := <-first; err != nil {
			t.Error(err)
		}
	})
}

// TestCanary uses a secret and looks for it in all that is seen outside.
func TestCanary(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	c := config(grant("T", "TOKEN", "h"))
	c.Log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s := open(t, c)
	h := handle(t, s, "T")
	sent, _, err := s.Expand(t.Context(), use(https("h"), "header", nil), h)
	if err != nil || sent != canary {
		t.Fatalf("sent %q, %v", sent, err)
	}
	_, _, denial := s.Expand(t.Context(), use(https("evil"), "header", nil), h)
	echo := fmt.Sprintf("%s %s %x %s", sent, url.QueryEscape(sent), sent, base64.URLEncoding.EncodeToString([]byte("u:"+sent)))
	read, err := io.ReadAll(s.ScrubReader(strings.NewReader(echo)))
	if err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{
		"handle": h, "log": log.String(), "denial": denial.Error(), "scrubbed": s.Scrub(echo), "scrubbed stream": string(read),
	} {
		if strings.Contains(text, "canary") || strings.Contains(text, fmt.Sprintf("%x", "canary")) {
			t.Errorf("%s has the value: %s", what, text)
		}
	}
	if n := strings.Count(s.Scrub(echo), "[secret:T]"); n != 4 {
		t.Errorf("%d of 4 are replaced: %s", n, s.Scrub(echo))
	}
}

// TestEscaped: what escaping made of a value is scrubbed like one, in every form,
// and also if it was sent before this process started.
func TestEscaped(t *testing.T) {
	t.Parallel()
	quoted := func(v string) string { b, _ := json.Marshal(v); return string(b[1 : len(b)-1]) }
	own := func(v string) string { return strings.ReplaceAll(v, "/", "(slash)") }
	learn := func(t *testing.T, s *secrets.Set, _ func(string) string) error { return s.Learn(t.Context()) }
	expand := func(t *testing.T, s *secrets.Set, escape func(string) string) error {
		_, _, err := s.Expand(t.Context(), use(https("h"), "body", escape), handle(t, s, "T"))
		return err
	}
	stream := func(t *testing.T, s *secrets.Set, escape func(string) string) error {
		_, err := io.Copy(io.Discard, s.ExpandReader(t.Context(), use(https("h"), "body", escape), strings.NewReader(handle(t, s, "T"))))
		return err
	}
	tests := []struct {
		name   string
		know   func(*testing.T, *secrets.Set, func(string) string) error
		escape func(string) string
	}{
		{"JSON, before", learn, quoted}, {"form, before", learn, url.QueryEscape},
		{"JSON", expand, quoted}, {"form", expand, url.QueryEscape}, {"another", expand, own}, {"another in a stream", stream, own},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t, config(grant("T", "TOKEN", "h")))
			if err := tt.know(t, s, tt.escape); err != nil {
				t.Fatal(err)
			}
			sent := tt.escape(canary)
			reversed := []rune(sent)
			slices.Reverse(reversed)
			for form, text := range map[string]string{
				"plain": sent, "base64": base64.RawStdEncoding.EncodeToString([]byte(sent)), "hex": fmt.Sprintf("%x", sent), "reversed": string(reversed),
			} {
				if got := s.Scrub("<" + text + ">"); got != "<[secret:T]>" {
					t.Errorf("%s: %q is %q", form, text, got)
				}
			}
		})
	}
	t.Run("to nearly nothing", func(t *testing.T) {
		s := open(t, config(grant("T", "TOKEN", "h")))
		out, _, err := s.Expand(t.Context(), use(https("h"), "body", func(v string) string { return v[:7] }), handle(t, s, "T"))
		if e, ok := errors.AsType[*plugins.EffectError](err); !ok || e.Kind != plugins.EffectFailed || out != "" {
			t.Errorf("expanded to %q, %v", out, err)
		}
	})
}

// TestShows: a value shows in any case of its letters, once it is known.
func TestShows(t *testing.T) {
	t.Parallel()
	s := open(t, config(grant("O", "OTHER", "h")))
	if s.Shows("another-value") {
		t.Error("before it is known the value shows")
	}
	if err := s.Learn(t.Context()); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{"Another-Value": true, "X-ANOTHER-VALUE-Y": true, "Another-Valu": false, "Content-Security-Policy": false} {
		if s.Shows(text) != want {
			t.Errorf("%q shows: %v", text, !want)
		}
	}
}

// FuzzExpand: reading in pieces gives what reading at once does, and text without
// handles stays as it is.
func FuzzExpand(f *testing.F) {
	s := open(f, config(grant("T", "TOKEN", "h"), grant("O", "OTHER", "h")))
	h, o := handle(f, s, "T"), handle(f, s, "O")
	f.Add("{}", "mcpwasm_secret_", uint8(7))
	f.Add("mcpwasm_", "mcpwasm_secret_0123", uint8(1))
	f.Fuzz(func(t *testing.T, a, b string, step uint8) {
		text := a + h + b + o + a + h[:len(h)-1] + b
		want := strings.NewReplacer(h, "<T-escaped>", o, "<O-escaped>").Replace(text)
		mark := func(v string) string {
			return map[string]string{canary: "<T-escaped>", "another-value": "<O-escaped>"}[v]
		}
		got, used, err := s.Expand(t.Context(), use(https("h"), "body", mark), text)
		if err != nil || !used || got != want {
			t.Fatalf("%q is %q (%v), want %q", text, got, err, want)
		}
		var pieces []io.Reader
		for rest := text; rest != ""; {
			n := min(len(rest), int(step)+1)
			pieces = append(pieces, strings.NewReader(rest[:n]))
			rest = rest[n:]
		}
		read, err := io.ReadAll(s.ExpandReader(t.Context(), use(https("h"), "body", mark), io.MultiReader(pieces...)))
		if err != nil || string(read) != want {
			t.Fatalf("in pieces of %d, %q is %q (%v), want %q", int(step)+1, text, read, err, want)
		}
	})
}
