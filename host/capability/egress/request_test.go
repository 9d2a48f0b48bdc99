package egress

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/plugins"
)

// local returns a client and the URL of a server on loopback that was granted.
func local(t testing.TB, cfg Config, handler http.HandlerFunc) (*Client, string, *standIn) {
	t.Helper()
	server := newStandIn(t, handler, (*httptest.Server).Start)
	cfg.Granted = []plugins.HTTPGrant{grantFor(t, server)}
	return newClient(t, cfg), "http://" + server.addr(), server
}

// TestRequest looks at what a server gets.
func TestRequest(t *testing.T) {
	t.Parallel()
	c, url, server := local(t, Config{}, declaredHandler)
	tests := []struct {
		name    string
		request request
		want    func(echo) bool
	}{
		{"defaults", get(url), func(e echo) bool {
			return e.Method == "GET" && e.URI == "/" && e.Host == server.addr() && e.Headers.Get("User-Agent") == "mcpwasm" &&
				e.Headers.Get("Accept-Encoding") == "gzip" && len(e.Headers) == 2
		}},
		{"headers", get(url).with("headers", [][]string{{"x-a", "1"}, {"X-A", "2"}, {"user-agent", "mine"}}), func(e echo) bool {
			return slices.Equal(e.Headers["X-A"], []string{"1", "2"}) && e.Headers.Get("User-Agent") == "mine"
		}},
		{"normal form", get(url + "/a/./b/../%7ec/%2f?x=%20 y&z=ü#"[:len("/a/./b/../%7ec/%2f?x=%20 y&z=ü")]), func(e echo) bool {
			return e.URI == "/a/~c/%2F?x=%20%20y&z=%C3%BC"
		}},
		{"body in chunks", get(url).with("method", "PUT").sending("data"), func(e echo) bool {
			return e.Method == "PUT" && e.Body == "data" && e.Length == -1
		}},
		{"body with a length", get(url).with("method", "PUT").with("contentLength", 4).sending("data"), func(e echo) bool {
			return e.Body == "data" && e.Length == 4
		}},
		{"empty body", get(url).with("method", "POST").with("contentLength", 0).sending(""), func(e echo) bool { return e.Body == "" }},
		{"no body", get(url).with("method", "DELETE"), func(e echo) bool { return e.Method == "DELETE" && e.Length == 0 }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if e := echoed(t, must(t, c, tt.request)); !tt.want(e) {
				t.Errorf("the server got %+v", e)
			}
		})
	}
	if n := server.conns.Load(); n != 1 {
		t.Errorf("%d connections for requests one after the other", n)
	}
}

func TestInvalidRequests(t *testing.T) {
	t.Parallel()
	c, url, server := local(t, Config{Limits: Limits{RequestBytes: 100}}, declaredHandler)
	many := make([][]string, maxHeaders+1)
	for i := range many {
		many[i] = []string{fmt.Sprint("X-", i), "v"}
	}
	tests := []struct {
		name       string
		request    request
		kind, text string
	}{
		{"unknown parameter", get(url).with("proxy", "x"), invalid, "proxy"},
		{"parameter in another case", get(url).with("URL", url), invalid, "URL"},
		{"parameter of another type", get(url).with("redirects", "1"), invalid, "redirects"},
		{"no url", request{params: map[string]any{}}, invalid, "url"},
		{"method in lower case", get(url).with("method", "get"), invalid, "upper case"},
		{"too many redirects", get(url).with("redirects", 11), invalid, "0 to 10"},
		{"negative redirects", get(url).with("redirects", -1), invalid, "0 to 10"},
		{"negative time", get(url).with("timeoutMs", -1), invalid, "negative"},
		{"header without a value", get(url).with("headers", [][]string{{"X"}}), invalid, "pairs"},
		{"header with two values", get(url).with("headers", [][]string{{"X", "a", "b"}}), invalid, "pairs"},
		{"too many headers", get(url).with("headers", many), plugins.EffectLimit, "more than 128"},
		{"headers too large", get(url).with("headers", [][]string{{"X", strings.Repeat("x", maxHeaderBytes)}}), plugins.EffectLimit, "bytes"},
		{"URL too long", get(url + "/" + strings.Repeat("x", maxURL)), plugins.EffectLimit, "longer"},
		{"negative length", get(url).with("contentLength", -1).sending(""), invalid, "negative"},
		{"length without a body", get(url).with("contentLength", 1), invalid, "no body"},
		{"length beyond the limit", get(url).with("contentLength", 101).sending(""), plugins.EffectLimit, "longer than 100"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { fails(t, c, tt.request, tt.kind, tt.text) })
	}
	if n := server.conns.Load(); n != 0 {
		t.Errorf("%d connections", n)
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	c, url, _ := local(t, Config{}, func(w http.ResponseWriter, r *http.Request) {
		var n int
		if _, err := fmt.Sscanf(r.URL.Path, "/loop/%d", &n); err == nil {
			w.Header().Set("Location", fmt.Sprintf("%d?x=%%41#part", n+1))
			w.WriteHeader(http.StatusFound)
			return
		}
		declaredHandler(w, r)
	})
	to := func(status int, method string) request {
		r := get(fmt.Sprintf("%s/to?status=%d&url=/end", url, status)).with("method", method).with("redirects", 1)
		if method != http.MethodGet && method != http.MethodHead {
			r = r.with("headers", [][]string{{"Content-Type", "text/plain"}, {"X-Stays", "1"}}).sending("data")
		}
		return r
	}
	for _, status := range []int{301, 302, 303, 307, 308} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			e := echoed(t, must(t, c, to(status, "POST")))
			again := status >= 307
			if e.URI != "/end" || (e.Method == "POST") != again || (e.Body == "data") != again || e.Headers.Get("X-Stays") != "1" ||
				(e.Headers.Get("Content-Type") != "") != again {
				t.Errorf("the server got %+v", e)
			}
			if r := must(t, c, to(status, "HEAD")); r.Status != 200 || r.URL != url+"/end" {
				t.Errorf("HEAD led to %d %s", r.Status, r.URL)
			}
		})
	}
	t.Run("as many as allowed", func(t *testing.T) {
		r := must(t, c, get(url+"/loop/0").with("redirects", 3))
		if r.Status != 302 || r.URL != url+"/loop/3?x=%41" || r.header("Location") == "" {
			t.Errorf("%d %s", r.Status, r.URL)
		}
	})
	t.Run("body that has gone by", func(t *testing.T) {
		r := must(t, c, to(307, "POST").sending(strings.Repeat("x", maxKept+1)))
		if r.Status != 307 {
			t.Errorf("status %d", r.Status)
		}
	})
	t.Run("no redirect", func(t *testing.T) {
		if r := must(t, c, get(url+"/to?status=304&url=/end").with("redirects", 1)); r.Status != 304 {
			t.Errorf("status %d", r.Status)
		}
	})
}
