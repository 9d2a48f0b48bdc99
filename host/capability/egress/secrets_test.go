package egress

import (
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/host/capability/internal/effecttest"
	"github.com/mcpwasm/mcpwasm/plugins"
)

const (
	handle = "secret_TOKEN_x1"
	value  = `canary "&` + "7"
	masked = "[secret:TOKEN]"
)

// fakeSecrets has one secret, for some hosts. The real ones are tested in their
// own package.
type fakeSecrets struct {
	hosts []string
	value string
	place string // the only place where it may stand, "" for all
	known atomic.Bool
	fails error // of Learn
	ended error // of the last body that was scrubbed
}

func tokenFor(hosts ...string) *fakeSecrets { return &fakeSecrets{hosts: hosts, value: value} }

func (f *fakeSecrets) May(t effect.Target) bool { return slices.Contains(f.hosts, t.Host) }

func (f *fakeSecrets) Learn(context.Context) error {
	f.known.Store(f.fails == nil)
	return f.fails
}

func (f *fakeSecrets) Holds(text string) bool { return strings.Contains(text, handle) }

func (f *fakeSecrets) Expand(_ context.Context, u effect.Use, text string) (string, bool, error) {
	if !f.Holds(text) {
		return text, false, nil
	}
	if !f.May(u.Target) {
		return "", false, effect.Denied("--secret TOKEN=…@"+u.Target.Host, "the secret TOKEN is not for %s", u.Target.Host)
	}
	if f.place != "" && f.place != u.Place {
		return "", false, effect.Errorf(plugins.EffectDenied, "the secret TOKEN is not for a %s", u.Place)
	}
	v := f.value
	if u.Escape != nil {
		v = u.Escape(v)
	}
	return strings.ReplaceAll(text, handle, v), true, nil
}

// fakeReader does with all of a stream what f does with a text.
type fakeReader struct {
	r    io.Reader
	f    func(string) (string, error)
	end  *error // where the error of r goes, if anywhere
	done io.Reader
}

func (r *fakeReader) Read(p []byte) (int, error) {
	if r.done == nil {
		all, err := io.ReadAll(r.r)
		if r.end != nil {
			*r.end = err
		}
		if err != nil {
			return 0, err
		}
		text, err := r.f(string(all))
		if err != nil {
			return 0, err
		}
		r.done = strings.NewReader(text)
	}
	return r.done.Read(p)
}

func (f *fakeSecrets) ExpandReader(ctx context.Context, u effect.Use, r io.Reader) io.Reader {
	return &fakeReader{r: r, f: func(text string) (string, error) {
		out, _, err := f.Expand(ctx, u, text)
		return out, err
	}}
}

// Scrub knows the value as it is, and within JSON and queries.
func (f *fakeSecrets) Scrub(text string) string {
	if !f.known.Load() {
		return text
	}
	quoted, _ := json.Marshal(f.value)
	twice, _ := json.Marshal(string(quoted[1 : len(quoted)-1]))
	for _, form := range []string{string(twice[1 : len(twice)-1]), string(quoted[1 : len(quoted)-1]), f.value, escapedValue} {
		text = strings.ReplaceAll(text, form, masked)
	}
	return text
}

func (f *fakeSecrets) Shows(text string) bool {
	return f.known.Load() && strings.Contains(strings.ToLower(text), strings.ToLower(f.value))
}

func (f *fakeSecrets) ScrubReader(r io.Reader) io.Reader {
	return &fakeReader{r: r, f: func(text string) (string, error) { return f.Scrub(text), nil }, end: &f.ended}
}

const escapedValue = "canary+%22%267"

// seen keeps the last request of a server, as it came.
type seen struct {
	method, uri, body string
	header            http.Header
	length            int64
}

// tokenAPI is a client with a secret for a server that remembers and echoes.
func tokenAPI(t *testing.T, f *fakeSecrets, next http.HandlerFunc) (*Client, *seen) {
	t.Helper()
	last := &seen{}
	c, _ := secure(t, Config{
		Secrets: f, Granted: []plugins.HTTPGrant{{Host: "*"}, {Host: "*", Port: 8443}, {Host: "*", Scheme: "http"}},
	}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		*last = seen{r.Method, r.RequestURI, string(body), r.Header, r.ContentLength}
		if next != nil {
			next(w, r)
			return
		}
		w.Header().Set("X-Echo", r.Header.Get("Authorization"))
		w.Header().Set("X-Query", r.URL.RawQuery)
		_, _ = io.WriteString(w, r.Header.Get("Authorization")+string(body))
	}), (*httptest.Server).StartTLS)
	return c, last
}

func authorized(url, value string) request {
	return get(url).with("headers", [][]string{{"Authorization", value}})
}

const tokenURL = "https://example.com/"

func TestSecretPlaces(t *testing.T) {
	t.Parallel()
	pair := base64.StdEncoding.EncodeToString([]byte("user:" + handle))
	large := strings.Repeat("x", maxKept) + handle
	typed := func(kind, body string) request {
		return get(tokenURL).with("method", "POST").with("headers", [][]string{{"content-type", kind}}).sending(body)
	}
	tests := []struct {
		name    string
		request request
		want    func(*seen) bool
	}{
		{"bearer", authorized(tokenURL, "Bearer "+handle), func(s *seen) bool { return s.header.Get("Authorization") == "Bearer "+value }},
		{"basic", authorized(tokenURL, "basic "+pair), func(s *seen) bool {
			return s.header.Get("Authorization") == "Basic "+base64.StdEncoding.EncodeToString([]byte("user:"+value))
		}},
		{"cookie", get(tokenURL).with("headers", [][]string{{"Cookie", "a=" + handle}}), func(s *seen) bool {
			return s.header.Get("Cookie") == "a="+value
		}},
		{"query", get(tokenURL + "?a=b&key=" + handle), func(s *seen) bool { return s.uri == "/?a=b&key="+escapedValue }},
		{"text", typed("text/plain", handle), func(s *seen) bool { return s.body == value && s.length == int64(len(value)) }},
		{"JSON", typed("application/json; charset=utf-8", `{"a":"`+handle+`"}`), func(s *seen) bool {
			return s.body == `{"a":"canary \"\u00267"}`
		}},
		{"JSON by suffix", typed("application/vnd.api+json", `"`+handle+`"`), func(s *seen) bool { return s.body == `"canary \"\u00267"` }},
		{"form", typed("application/x-www-form-urlencoded", "key="+handle), func(s *seen) bool { return s.body == "key="+escapedValue }},
		{"large", typed("text/plain", large), func(s *seen) bool {
			return s.body == strings.Repeat("x", maxKept)+value && s.length == -1
		}},
		{"length", typed("text/plain", handle).with("contentLength", len(handle)), func(s *seen) bool { return s.length == int64(len(value)) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, last := tokenAPI(t, tokenFor("example.com"), nil)
			r := must(t, c, tt.request)
			if !tt.want(last) {
				t.Errorf("the server got %.300v", *last)
			}
			if all := r.body + r.header("X-Echo") + r.header("X-Query") + r.URL; strings.Contains(all, "canary") {
				t.Errorf("the value came back in %.300q", all)
			}
			if r.ContentLength != -1 || r.header(contentLength) != "" {
				t.Errorf("the length is said to be %d", r.ContentLength)
			}
		})
	}
}

func TestSecretDenials(t *testing.T) {
	t.Parallel()
	other := "https://www.example.com/"
	tests := []struct {
		name    string
		request request
		kind    string
		text    string
	}{
		{"other host", authorized(other, handle), denied, "not for www.example.com"},
		{"other host's query", get(other + "?k=" + handle), denied, "not for"},
		{"other host's kept body", get(other).with("method", "POST").with("redirects", 1).sending(handle), denied, "not for"},
		{"path", get(tokenURL + handle), denied, "not in host or path"},
		{"escaped in the path", get(tokenURL + strings.Replace(handle, "s", "%73", 1)), denied, "not in host or path"},
		{"header name", get(tokenURL).with("headers", [][]string{{handle, "x"}}), denied, "may not stand in a name"},
		{"no handle", authorized(tokenURL, "Bearer x"), denied, "put the handle"},
		{"no handle in base64", authorized(tokenURL, "Basic eDp5"), denied, "put the handle"},
		{"range", get(tokenURL).with("headers", [][]string{{"range", "bytes=0-1"}}), denied, "Range"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, last := tokenAPI(t, tokenFor("example.com"), nil)
			fails(t, c, tt.request, tt.kind, tt.text)
			if last.method != "" {
				t.Error("the server got a request")
			}
		})
	}
}

// TestSecretPlaceDenied: a denial ends a request that is under way.
func TestSecretPlaceDenied(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*httptest.Server){"HTTP/1.1": (*httptest.Server).StartTLS, "HTTP/2.0": startHTTP2} {
		t.Run(name, func(t *testing.T) {
			f := tokenFor("example.com")
			f.place = "header"
			c, _ := secure(t, Config{Secrets: f}, http.HandlerFunc(declaredHandler), start)
			post := get(tokenURL).with("method", "POST")
			fails(t, c, post.sending(handle), denied, "not for a body")
			fails(t, c, post.sending(strings.Repeat("x", maxKept)+handle), denied, "not for a body")
			fails(t, c, get(tokenURL+"?"+handle), denied, "not for a query")
			must(t, c, authorized(tokenURL, handle))
		})
	}
}

func TestSecretWithLineEnd(t *testing.T) {
	t.Parallel()
	f := tokenFor("example.com")
	f.value = "canary\n"
	c, last := tokenAPI(t, f, nil)
	e := fails(t, c, authorized(tokenURL, handle), plugins.EffectFailed, "control characters")
	if last.method != "" || strings.Contains(e.Message, "canary") {
		t.Errorf("%s; the server got %v", e.Message, last)
	}
}

// TestSecretRedirects: where a redirect leads to another origin, nothing of a
// secret goes along.
func TestSecretRedirects(t *testing.T) {
	t.Parallel()
	to := func(status int, where string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/end" {
				return
			}
			w.Header().Set("Location", where)
			w.WriteHeader(status)
		}
	}
	bearer := authorized(tokenURL, "Bearer "+handle).with("redirects", 3)
	tests := []struct {
		name  string
		to    http.HandlerFunc
		req   request
		kind  string
		text  string
		sends bool // whether the last request has the secret
	}{
		{"same origin", to(302, "/end"), bearer, "", "", true},
		{"other host", to(302, "https://www.example.com/end"), bearer, "", "", false},
		{"other port", to(302, "https://example.com:8443/end"), bearer, "", "", false},
		{"not encrypted", to(302, "http://example.com/end"), bearer, denied, "not encrypted", true},
		{"carried in the URL", to(302, "https://www.example.com/end?"+escapedValue), bearer, denied, "has a secret", true},
		{"body, same origin", to(307, "/end"), get(tokenURL).with("method", "POST").with("redirects", 3).sending(handle), "", "", true},
		{"body, other host", to(307, "https://www.example.com/end"),
			get(tokenURL).with("method", "POST").with("redirects", 3).sending(handle), denied, "not for www.example.com", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, last := tokenAPI(t, tokenFor("example.com"), tt.to)
			if tt.kind != "" {
				e := fails(t, c, tt.req, tt.kind, tt.text)
				if strings.Contains(e.Message, "canary") {
					t.Errorf("the value is in %q", e.Message)
				}
				if last.uri != "/" {
					t.Errorf("%s was asked for", last.uri)
				}
				return
			}
			must(t, c, tt.req)
			if sends := strings.Contains(last.header.Get("Authorization")+last.body, "canary"); last.uri != "/end" || sends != tt.sends {
				t.Errorf("%s got %v %q", last.uri, last.header, last.body)
			}
		})
	}
}

// TestSecretDoesNotComeBack covers what is not the answer to a request with a
// secret, or no answer at all.
func TestSecretDoesNotComeBack(t *testing.T) {
	t.Parallel()
	t.Run("later response", func(t *testing.T) {
		c, _ := tokenAPI(t, tokenFor("example.com"), func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, value) })
		must(t, c, authorized(tokenURL, handle))
		if r := must(t, c, get("https://www.example.com/")); r.body != masked || r.ContentLength != -1 {
			t.Errorf("%q, length %d", r.body, r.ContentLength)
		}
	})
	for name, url := range map[string]string{"host that may have it": tokenURL, "other host": "https://www.example.com/"} {
		t.Run("sent before a restart, "+name, func(t *testing.T) {
			c, _ := tokenAPI(t, tokenFor("example.com"), func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-Stored", value)
				_, _ = io.WriteString(w, value)
			})
			if r := must(t, c, get(url)); r.body != masked || r.header("X-Stored") != masked || r.ContentLength != -1 {
				t.Errorf("%q, %v, length %d", r.body, r.Headers, r.ContentLength)
			}
		})
	}
	for version, start := range map[string]func(*httptest.Server){"HTTP/1.1": (*httptest.Server).StartTLS, "HTTP/2.0": startHTTP2} {
		t.Run("header name, "+version, func(t *testing.T) {
			f := tokenFor("example.com")
			f.value = "caNary-tOken-7"
			c, _ := secure(t, Config{Secrets: f}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["caNary-tOken-7"] = []string{"a"}
				w.Header()["X-caNary-tOken-7-y"] = []string{"b"}
				w.Header().Set("X-Other", "c")
			}), start)
			r := must(t, c, get(tokenURL))
			if all := strings.ToLower(fmt.Sprint(r.Headers)); strings.Contains(all, "canary") || r.header("X-Other") != "c" {
				t.Errorf("%s has %s", r.Protocol, all)
			}
		})
	}
	t.Run("value that cannot be read", func(t *testing.T) {
		f := tokenFor("example.com")
		f.fails = effect.Errorf(plugins.EffectFailed, "the secret TOKEN cannot be read")
		c, last := tokenAPI(t, f, nil)
		fails(t, c, get("https://www.example.com/"), plugins.EffectFailed, "cannot be read")
		if last.method != "" {
			t.Error("the server got a request")
		}
	})
	t.Run("content coding", func(t *testing.T) {
		c, _ := tokenAPI(t, tokenFor("example.com"), func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "br "+value)
		})
		e := fails(t, c, authorized(tokenURL, handle), plugins.EffectUnreachable, "content coding")
		if strings.Contains(e.Message, "canary") {
			t.Errorf("the value is in %q", e.Message)
		}
	})
	t.Run("malformed answer", func(t *testing.T) {
		c, _ := tokenAPI(t, tokenFor("example.com"), func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, _ = io.WriteString(conn, value+" "+value+"\r\n\r\n")
				conn.Close()
			}
		})
		e := fails(t, c, authorized(tokenURL, handle), plugins.EffectUnreachable, "malformed HTTP")
		if strings.Contains(e.Message, "canary") {
			t.Errorf("the value is in %q", e.Message)
		}
	})
	for name, to := range map[string]string{
		"in a host":             "https://caNary-tOken-7.example.com/",
		"in a host without TLS": "http://caNary-tOken-7.example.com/",
		"in a bad port":         "https://x:caNary-tOken-7/",
		"in a long host":        "https://" + strings.Repeat("x.", 46) + "caNary-tOken-7!/",
	} {
		t.Run("redirect, "+name, func(t *testing.T) {
			f := tokenFor("example.com")
			f.value = "caNary-tOken-7"
			c, _ := tokenAPI(t, f, func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Location"] = []string{to}
				w.WriteHeader(302)
			})
			_, e := perform(t, c, authorized(tokenURL, handle).with("redirects", 1))
			if e == nil || strings.Contains(strings.ToLower(e.Message+e.Grant), "canary") {
				t.Errorf("%v", e)
			}
		})
	}
	t.Run("redirect that the policy is asked about", func(t *testing.T) {
		c, _ := tokenAPI(t, tokenFor("example.com"), func(w http.ResponseWriter, r *http.Request) {
			if r.URL.RawQuery == "" {
				w.Header().Set("Location", "/a?b="+escapedValue+"&c="+url.QueryEscape(value))
				w.WriteHeader(302)
			}
		})
		var p effecttest.Policy
		if _, e := performFor(t, c, p.Call().Begin(), authorized(tokenURL, handle).with("redirects", 1)); e != nil {
			t.Fatal(e)
		}
		asked := strings.Join(p.Asked(), "\n")
		if !strings.Contains(asked, "/a?b=") || strings.Contains(asked, "canary") {
			t.Errorf("it is asked %s", asked)
		}
	})
	t.Run("redirect that is denied", func(t *testing.T) {
		c, _ := tokenAPI(t, tokenFor("example.com"), func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/a/"+escapedValue+":1/")
			w.WriteHeader(302)
		})
		c.grants = newGrants(Config{Granted: []plugins.HTTPGrant{{Host: "example.com", Path: "/b"}}})
		e := fails(t, c, authorized(tokenURL+"b", handle).with("redirects", 1), denied, "redirects")
		if strings.Contains(e.Message+e.Grant, "canary") {
			t.Errorf("the value is in %q, %q", e.Message, e.Grant)
		}
	})
}

// TestSecretCutOff: whatever ends a body early is an error to what looks through
// it, not the end, where it would give away what it holds back.
func TestSecretCutOff(t *testing.T) {
	t.Parallel()
	begun := func(w http.ResponseWriter, text string) {
		_, _ = io.WriteString(w, text)
		_ = http.NewResponseController(w).Flush()
	}
	tests := map[string]http.HandlerFunc{
		"/limit": func(w http.ResponseWriter, _ *http.Request) { begun(w, strings.Repeat("x", 1001)) },
		"/deadline": func(w http.ResponseWriter, r *http.Request) {
			begun(w, "x")
			<-r.Context().Done()
		},
		"/chunked": func(w http.ResponseWriter, _ *http.Request) {
			begun(w, "x")
			panic(http.ErrAbortHandler)
		},
		"/length": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(contentLength, "9")
			begun(w, "x")
			panic(http.ErrAbortHandler)
		},
		"/gzip": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(contentEncoding, "gzip")
			z := gzip.NewWriter(w)
			_, _ = z.Write([]byte("x"))
			_ = z.Flush()
		},
	}
	for version, start := range map[string]func(*httptest.Server){"HTTP/1.1": (*httptest.Server).StartTLS, "HTTP/2.0": startHTTP2} {
		for path, answer := range tests {
			t.Run(version+path, func(t *testing.T) {
				t.Parallel()
				f := tokenFor("example.com")
				c, _ := secure(t, Config{Secrets: f, Limits: Limits{ResponseBytes: 1000}}, answer, start)
				req := get(tokenURL)
				if path == "/deadline" {
					req = req.with("timeoutMs", 500)
				}
				r, e := perform(t, c, req)
				if e == nil || r.Protocol != version || f.ended == nil {
					t.Errorf("%s ended with %v, the body with %v", r.Protocol, e, f.ended)
				}
			})
		}
	}
}

// TestEndAfterTime: an end that comes after the time of a request is none.
func TestEndAfterTime(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	body := &bounded{ctx: ctx, r: io.MultiReader(strings.NewReader("begun")), left: 100, limit: 100}
	begun := make([]byte, 5)
	if _, err := io.ReadFull(body, begun); err != nil {
		t.Fatal(err)
	}
	cancel()
	if n, err := body.Read(begun); n != 0 || err != context.Canceled {
		t.Errorf("read %d bytes, %v", n, err)
	}
}
