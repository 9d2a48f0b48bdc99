package egress

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/plugins"
)

func TestGrants(t *testing.T) {
	t.Parallel()
	grant := func(host string) plugins.HTTPGrant { return plugins.HTTPGrant{Host: host} }
	tests := []struct {
		name        string
		grant       plugins.HTTPGrant
		method, url string
		covers      bool
	}{
		{"name", grant("api.example.com"), "GET", "https://api.example.com/x", true},
		{"upper case", grant("api.example.com"), "GET", "HTTPS://API.Example.COM/", true},
		{"dot at the end", grant("api.example.com"), "GET", "https://api.example.com./", true},
		{"default port", grant("api.example.com"), "GET", "https://api.example.com:443/", true},
		{"not http", grant("api.example.com"), "GET", "http://api.example.com:443/", false},
		{"internationalised", grant("xn--bcher-kva.example"), "GET", "https://Bücher.example/", true},
		{"two hyphens", grant("r3---a_b.example.com"), "GET", "https://r3---a_b.example.com/", true},
		{"wildcard", grant("*.example.com"), "GET", "https://a.example.com/", true},
		{"wildcard in the middle", grant("a.*.com"), "GET", "https://a.b.com/", true},
		{"wildcard is one label", grant("*.example.com"), "GET", "https://a.b.example.com/", false},
		{"wildcard is a label", grant("*.example.com"), "GET", "https://example.com/", false},
		{"any name", grant("*"), "DELETE", "https://a.b.c/", true},
		{"any name at its port", grant("*"), "GET", "https://a.b.c:8443/", false},
		{"IPv4", grant("10.0.0.1"), "GET", "https://10.0.0.1/", true},
		{"IPv4 is not http", grant("10.0.0.1"), "GET", "http://10.0.0.1/", false},
		{"IPv4 by another form", grant("10.0.0.1"), "GET", "https://[::ffff:a00:1]/", true},
		{"IPv6", grant("2001:db8::1"), "GET", "https://[2001:DB8:0::1]/", true},
		{"loopback is http too", grant("127.0.0.1"), "GET", "http://127.0.0.1/", true},
		{"loopback and https", grant("::1"), "GET", "https://[::1]/", true},
		{"localhost is http too", grant("localhost"), "GET", "http://localhost/", true},
		{"localhost by address", grant("localhost"), "GET", "http://127.0.0.1/", false},
		{"only https", plugins.HTTPGrant{Host: "localhost", Scheme: "https"}, "GET", "http://localhost/", false},
		{"port", plugins.HTTPGrant{Host: "a.test", Port: 8443}, "GET", "https://a.test:8443/", true},
		{"not the default port", plugins.HTTPGrant{Host: "a.test", Port: 8443}, "GET", "https://a.test/", false},
		{"method", plugins.HTTPGrant{Host: "a.test", Methods: []string{"GET"}}, "GET", "https://a.test/", true},
		{"other method", plugins.HTTPGrant{Host: "a.test", Methods: []string{"GET"}}, "HEAD", "https://a.test/", false},
		{"path", plugins.HTTPGrant{Host: "a.test", Path: "/v1/"}, "GET", "https://a.test/v1", true},
		{"root", plugins.HTTPGrant{Host: "a.test", Path: "/"}, "GET", "https://a.test/..%2f", true},
		{"escaped path", plugins.HTTPGrant{Host: "a.test", Path: "/a%20b"}, "GET", "https://a.test/a b/c", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := Check(tt.grant); err != nil {
				t.Fatal(err)
			}
			l, err := parseLocation(tt.url)
			if err != nil {
				t.Fatal(err)
			}
			p := newGrants(Config{Granted: []plugins.HTTPGrant{tt.grant}})
			if err := p.decide(tt.method, &l); (err == nil) != tt.covers {
				t.Errorf("decide: %v", err)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, g := range []plugins.HTTPGrant{
		{}, {Host: "a..b"}, {Host: "a b"}, {Host: "a*.test"}, {Host: "127.1"}, {Host: "10.0.0.*"}, {Host: "10.0.*.*"}, {Host: "fe80::1%eth0"}, {Host: "a.test/x"},
		{Host: "a.test", Scheme: "ftp"}, {Host: "a.test", Port: 65536}, {Host: "a.test", Port: -1}, {Host: "a.test", Methods: []string{"get"}},
		{Host: "a.test", Path: "v1"}, {Host: "a.test", Path: "/v1/../x"}, {Host: "a.test", Path: "/%2e%2e"},
	} {
		if Check(g) == nil {
			t.Errorf("%+v passes", g)
		}
		if p := newGrants(Config{Granted: []plugins.HTTPGrant{g}}); len(p.granted) != 0 {
			t.Errorf("%+v covers something", g)
		}
	}
}

func TestAsked(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		asked  plugins.HTTPRequest
		url    string
		method string
		covers bool
	}{
		{"any host", plugins.HTTPRequest{Host: "*"}, "https://a.test/", "GET", true},
		{"any host, by address", plugins.HTTPRequest{Host: "*"}, "https://10.0.0.1/", "GET", true},
		{"default methods", plugins.HTTPRequest{Host: "*"}, "https://a.test/", "POST", false},
		{"default scheme", plugins.HTTPRequest{Host: "a.test"}, "http://a.test/", "GET", false},
		{"ports", plugins.HTTPRequest{Host: "A.test", Ports: []int{443, 8443}}, "https://a.test:8443/", "HEAD", true},
		{"paths", plugins.HTTPRequest{Host: "a.test", Paths: []string{"/a", "/b"}}, "https://a.test/b/c", "GET", true},
		{"other path", plugins.HTTPRequest{Host: "a.test", Paths: []string{"/a", "/b"}}, "https://a.test/c", "GET", false},
		{"every path", plugins.HTTPRequest{Host: "a.test", Paths: []string{"/", "/b"}}, "https://a.test/c", "GET", true},
		{"IPv6", plugins.HTTPRequest{Host: "[2001:DB8::1]"}, "https://[2001:db8::1]/", "GET", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, err := parseLocation(tt.url)
			if err != nil {
				t.Fatal(err)
			}
			p := newGrants(Config{
				Granted: []plugins.HTTPGrant{{Host: "*"}, {Host: "*", Port: 8443}, {Host: "10.0.0.1"}, {Host: "2001:db8::1"}},
				Asked:   []plugins.HTTPRequest{tt.asked},
			})
			if err := p.decide(tt.method, &l); (err == nil) != tt.covers {
				t.Errorf("decide: %v", err)
			}
		})
	}
}

// TestMissing: a denial names the grant as an operator would write it, and could
// give it.
func TestMissing(t *testing.T) {
	t.Parallel()
	p := newGrants(Config{Server: "weather", Granted: []plugins.HTTPGrant{{Host: "api.example.com", Path: "/v2"}, {Host: "10.0.0.0", Path: "/v2"}}})
	for raw, want := range map[string]string{
		"https://api.example.com/v1?q=1":     "--allow-http api.example.com/v1",
		"https://api.example.com/v2/..%2fx":  "--allow-http api.example.com",
		"https://www.example.com/v1":         "--allow-http www.example.com",
		"https://www.example.com:8443/":      "--allow-http www.example.com:8443",
		"http://www.example.com/":            "--allow-http http://www.example.com",
		"http://[::1]:8080/":                 "--allow-http [::1]:8080",
		"https://[2001:db8::1]/":             "--allow-http [2001:db8::1]",
		"https://api.example.com:8443/v2/in": "--allow-http api.example.com:8443",
		"https://api.example.com//v10/":      "--allow-http api.example.com/v10/",
		"https://api.example.com/v3/a%20b/c": "--allow-http api.example.com/v3/",
		"https://api.example.com/v3/x*":      "--allow-http api.example.com/v3/",
		"https://api.example.com/%20":        "--allow-http api.example.com",
		"https://api.example.com//":          "--allow-http api.example.com",
		"https://10.0.0.0/8":                 "--allow-http 10.0.0.0",
	} {
		l, err := parseLocation(raw)
		if err != nil {
			t.Fatal(err)
		}
		err = p.decide("GET", &l)
		e, ok := errors.AsType[*plugins.EffectError](err)
		if !ok {
			t.Fatalf("%s: %v, want a denial", raw, err)
		}
		if e.Grant != want || !strings.HasPrefix(e.Message, "weather may not send GET ") || strings.Contains(e.Message, "q=1") {
			t.Errorf("%s: %v; grant %q, want %q", raw, err, e.Grant, want)
		}
		if _, err := plugins.ParseHTTPGrant(strings.TrimPrefix(e.Grant, allowHTTP)); err != nil {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

// FuzzDecide: whatever is allowed is sent to a granted host, and to a path below
// the granted one, as the server reads it.
func FuzzDecide(f *testing.F) {
	for _, list := range [][]attack{urlAttacks(), pathAttacks(), addressAttacks()} {
		for _, a := range list {
			f.Add(a.request.params["url"].(string))
		}
	}
	f.Add("https://a.wild.test/v1/x?y=z#")
	f.Add("https://[2001:db8::1]:8443/a b")
	p := newGrants(Config{Granted: []plugins.HTTPGrant{
		{Host: "api.example.com", Scheme: "http", Path: "/v1"}, {Host: "*.wild.test"}, {Host: "2001:db8::1", Port: 8443}, {Host: "127.0.0.1"},
	}})
	f.Fuzz(func(t *testing.T, raw string) {
		l, err := parseLocation(raw)
		if err != nil {
			return
		}
		again, err := parseLocation(l.String())
		if err != nil || again != l {
			t.Fatalf("%q is %+v, and then %+v, %v", raw, l, again, err)
		}
		if p.decide("GET", &l) != nil {
			return
		}
		asServed(t, raw, &l)
	})
}

// asServed reads what is sent as a server does, and more leniently.
func asServed(t *testing.T, raw string, l *location) {
	t.Helper()
	var wire strings.Builder
	req := &http.Request{Method: "GET", URL: l.url(l.query), Header: http.Header{}}
	if err := req.Write(&wire); err != nil {
		t.Fatalf("%q: %v", raw, err)
	}
	got, err := http.ReadRequest(bufio.NewReader(strings.NewReader(wire.String())))
	if err != nil {
		t.Fatalf("%q is sent as %q: %v", raw, wire.String(), err)
	}
	host := got.Host
	if addr, err := netip.ParseAddrPort(host); err == nil {
		host = addr.Addr().String()
	} else {
		host, _, _ = strings.Cut(host, ":")
	}
	switch {
	case host == "127.0.0.1", host == "2001:db8::1", strings.Count(host, ".") == 2 && strings.HasSuffix(host, ".wild.test"):
	case host == "api.example.com":
		path := got.RequestURI
		if i := strings.IndexByte(path, '?'); i >= 0 {
			path = path[:i]
		}
		for range 6 {
			path = decode(path)
		}
		if clean := removeDots(strings.ReplaceAll(path, `\`, "/")); clean != "/v1" && !strings.HasPrefix(clean, "/v1/") {
			t.Fatalf("%q is sent for %q, which may be %q", raw, got.RequestURI, clean)
		}
	default:
		t.Fatalf("%q is sent to %q", raw, got.Host)
	}
}

// FuzzHeaders: what passes is one header line, and none of the host's.
func FuzzHeaders(f *testing.F) {
	for _, a := range headerAttacks() {
		h := a.request.params["headers"].([][]string)[0]
		f.Add(h[0], h[1])
	}
	f.Add("X-Plain", "ü")
	f.Fuzz(func(t *testing.T, name, value string) {
		holds := func(text string) bool { return strings.Contains(text, handle) }
		headers, err := parseHeaders([][]string{{name, value}}, holds)
		if err != nil {
			return
		}
		var wire strings.Builder
		h := http.Header{headers[0].name: {headers[0].value}}
		if err := h.Write(&wire); err != nil || strings.Count(wire.String(), "\n") != 1 {
			t.Fatalf("%q: %q is sent as %q, %v", name, value, wire.String(), err)
		}
		name = strings.NewReplacer("_", "-", ".", "-").Replace(name)
		for _, own := range slices.Concat(hopByHop, hostHeaders) {
			if strings.EqualFold(name, own) {
				t.Fatalf("%q passes", name)
			}
		}
		for _, own := range credentials {
			if strings.EqualFold(name, own) && !holdsSecret(value, holds) {
				t.Fatalf("%q: %q passes without a secret", name, value)
			}
		}
	})
}

func TestTarget(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]effect.Target{
		"https://a.test":       {Scheme: "https", Host: "a.test", Port: 443},
		"http://localhost:81/": {Scheme: "http", Host: "localhost", Port: 81, Loopback: true},
		"http://127.1.2.3/":    {Scheme: "http", Host: "127.1.2.3", Port: 80, Loopback: true},
		"https://[::1]:8443/":  {Scheme: "https", Host: "::1", Port: 8443, Loopback: true},
		"http://10.0.0.1":      {Scheme: "http", Host: "10.0.0.1", Port: 80},
	} {
		l, err := parseLocation(raw)
		if err != nil || l.target() != want {
			t.Errorf("%s: %+v, %v; want %+v", raw, l.target(), err, want)
		}
	}
}

func TestEscapeQuery(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"a=b&c[]=d%20": "a=b&c[]=d%20", "a b": "a%20b", "<\"ü": "%3C%22%C3%BC"} {
		if got := escapeQuery(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
		if _, err := url.ParseQuery(escapeQuery(in)); err != nil {
			t.Error(err)
		}
	}
}

func ExampleCheck() {
	fmt.Println(Check(plugins.HTTPGrant{Host: "api.example.com", Path: "/v1"}))
	fmt.Println(Check(plugins.HTTPGrant{Host: "10.0.0.*"}))
	// Output:
	// <nil>
	// host "10.0.0.*": want a name, an address, or "*" in place of labels
}
