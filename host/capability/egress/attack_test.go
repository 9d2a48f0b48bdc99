package egress

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/plugins"
)

// attack is one way out that a guest, a server or a resolver might try. Whatever
// becomes of it, the trap must not see a byte.
type attack struct {
	name    string
	request request
	// granted is beside nothing; default: http://api.example.com.
	granted []plugins.HTTPGrant
	asked   []plugins.HTTPRequest
	names   map[string][][]string
	// kind and text are of the error; kind "" is a success.
	kind, text, grant string
	// reaches says that the declared server gets a request, at least the first.
	reaches bool
}

const api = "http://api.example.com"

var apiGrant = []plugins.HTTPGrant{{Scheme: "http", Host: "api.example.com"}}

// named grants every name, and resolves one to the given addresses.
func named(name string, kind string, addrs ...string) attack {
	return attack{name: name, request: get("http://name.test/"), kind: kind, text: "not a public address",
		granted: []plugins.HTTPGrant{{Scheme: "http", Host: "*"}}, names: map[string][][]string{"name.test": {addrs}}}
}

// redirected is an attack by the server that was granted.
func redirected(name, location, kind, text string) attack {
	return attack{name: "redirect " + name, request: get(api+"/to?url="+url.QueryEscape(location)).with("redirects", 5),
		kind: kind, text: text, reaches: true}
}

// within is an attack on a grant that is narrowed to a path.
func within(name, path, kind string) attack {
	return attack{name: "path " + name, request: get(api + path), kind: kind, text: "may not send",
		granted: []plugins.HTTPGrant{{Scheme: "http", Host: "api.example.com", Path: "/v1"}}}
}

const denied, invalid = plugins.EffectDenied, plugins.EffectInvalid

func urlAttacks() []attack {
	return []attack{
		{name: "undeclared host", request: get("http://evil.test/"), kind: denied, grant: "--allow-http http://evil.test"},
		{name: "name below", request: get("http://x.api.example.com/"), kind: denied},
		{name: "name above", request: get("http://example.com/"), kind: denied},
		{name: "name that ends alike", request: get("http://evilapi.example.com/"), kind: denied},
		{name: "name that begins alike", request: get("http://api.example.com.evil.test/"), kind: denied},
		{name: "other port", request: get(api + ":8080/"), kind: denied, grant: "--allow-http http://api.example.com:8080"},
		{name: "other scheme", request: get("https://api.example.com/"), kind: denied, grant: "--allow-http api.example.com"},
		{name: "ftp", request: get("ftp://api.example.com/"), kind: invalid, text: "https or http"},
		{name: "file", request: get("file:///etc/passwd"), kind: invalid},
		{name: "no scheme", request: get("//evil.test/"), kind: invalid},
		{name: "opaque", request: get("http:evil.test"), kind: invalid},
		{name: "no host", request: get("http:///evil.test"), kind: invalid},
		{name: "user", request: get("http://api.example.com@evil.test/"), kind: invalid, text: "user"},
		{name: "user and password", request: get("http://a:b@api.example.com/"), kind: invalid, text: "user"},
		{name: "user behind a backslash", request: get(`http://evil.test\@api.example.com/`), kind: invalid},
		{name: "backslash for a slash", request: get(`http:\\evil.test\`), kind: invalid},
		{name: "fragment for a path", request: get("http://evil.test#@api.example.com/"), kind: invalid},
		{name: "fragment", request: get(api + "/#a"), kind: invalid, text: "fragment"},
		{name: "escaped host", request: get("http://%65vil.test/"), kind: invalid, text: "percent"},
		{name: "line end in the host", request: get("http://api.example.com\r\nX: y/"), kind: invalid},
		{name: "NUL in the host", request: get("http://api.example.com\x00.evil.test/"), kind: invalid},
		{name: "port that overflows", request: get("http://api.example.com:65616/"), kind: invalid, text: "port"},
		{name: "port with a zero", request: get("http://api.example.com:080/"), kind: invalid, text: "port"},
		{name: "host without an end", request: get("http://" + strings.Repeat("ü", maxHost)), kind: invalid, text: "too long"},
		{name: "empty port", request: get("http://api.example.com:/"), kind: invalid, text: "port"},
		{name: "loopback", request: get("http://127.0.0.1/"), kind: denied, grant: "--allow-http 127.0.0.1"},
		{name: "loopback with a dot", request: get("http://127.0.0.1./"), kind: denied},
		{name: "loopback in wide digits", request: get("http://１２７.０.０.１/"), kind: denied},
		{name: "loopback in wide dots", request: get("http://127。0。0。1/"), kind: denied},
		{name: "decimal address", request: get("http://2130706433/"), kind: invalid, text: "four decimal numbers"},
		{name: "hexadecimal address", request: get("http://0x7f000001/"), kind: invalid},
		{name: "hexadecimal part", request: get("http://0x7f.1/"), kind: invalid},
		{name: "octal address", request: get("http://0177.0.0.1/"), kind: invalid},
		{name: "short address", request: get("http://127.1/"), kind: invalid},
		{name: "IPv6 loopback", request: get("http://[::1]/"), kind: denied, grant: "--allow-http [::1]"},
		{name: "IPv4-mapped", request: get("http://[::ffff:127.0.0.1]/"), kind: denied, grant: "--allow-http 127.0.0.1"},
		{name: "IPv4-mapped in hexadecimal", request: get("http://[::ffff:7f00:1]/"), kind: denied},
		{name: "zone", request: get("http://[fe80::1%25eth0]/"), kind: invalid, text: "percent"},
		{name: "brackets around a name", request: get("http://[evil.test]/"), kind: invalid},
		{name: "brackets around IPv4", request: get("http://[127.0.0.1]/"), kind: invalid},
		{name: "metadata", request: get("http://169.254.169.254/latest/meta-data"), kind: denied},
		{name: "unspecified", request: get("http://0.0.0.0/"), kind: denied},
		{name: "localhost", request: get("http://localhost/"), kind: denied, grant: "--allow-http localhost"},
		{name: "LOCALHOST.", request: get("http://LOCALHOST./"), kind: denied, grant: "--allow-http localhost"},
		{name: "CONNECT", request: get(api+"/").with("method", "CONNECT"), kind: invalid},
		{name: "TRACE", request: get(api+"/").with("method", "TRACE"), kind: invalid},
		{name: "line end in the method", request: get(api+"/").with("method", "GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n"), kind: invalid},
	}
}

func pathAttacks() []attack {
	list := []attack{
		within("sibling", "/v10", denied), within("case", "/V1/x", denied), within("root", "/", denied),
		within("dots", "/v1/../admin", denied), within("escaped dots", "/v1/%2e%2e/admin", denied),
		within("escaped slash", "/v1/..%2fadmin", denied), within("all escaped", "/v1%2f%2e%2e%2fadmin", denied),
		within("escaped twice", "/v1/%252e%252e/admin", denied), within("escaped three times", "/v1/%25252e%25252e%25252fadmin", denied),
		within("escaped backslash", "/v1/..%5cadmin", denied), within("parameter", "/v1/..;x=y/admin", denied),
		within("slashes", "//v1/../admin", denied), within("slashes first", "//v1/x", denied),
		within("NUL", "/v1/%00/x", denied), within("overlong dots", "/v1/%c0%ae%c0%ae/admin", denied),
		within("space", "/v1/..%20/admin", denied),
	}
	fine := []attack{within("below", "/v1/x", ""), within("itself", "/v1", ""), within("escaped name", "/v1/group%2Fproject", ""),
		within("dots that stay", "/v1/a/../b", ""), within("percent", "/v1/100%25", "")}
	for i := range fine {
		fine[i].reaches = true
	}
	return append(list, fine...)
}

func addressAttacks() []attack {
	var list []attack
	for _, addr := range []string{
		"127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.100.100.200", "0.0.0.0",
		"192.0.0.192", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.5", "192.88.99.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
		"168.63.129.16", "::", "::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "::10.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::a00:1", "2002:a00:1::1",
		"2001:0:a00:1::1", "2001:db8::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "100::1",
	} {
		list = append(list, named("name for "+addr, denied, addr))
	}
	address := func(name string, g plugins.HTTPGrant) attack {
		a := named("address granted "+name, denied, "10.0.0.1")
		a.granted, a.grant = append(a.granted, g), "--allow-http 10.0.0.1:80"
		return a
	}
	mixed := named("private and public", "", "10.0.0.1", publicAddr)
	mixed.reaches = true
	anyName := []plugins.HTTPGrant{{Scheme: "http", Host: "*"}}
	return append(list, mixed,
		address("with another port", plugins.HTTPGrant{Scheme: "http", Host: "10.0.0.1", Port: 8080}),
		address("with another scheme", plugins.HTTPGrant{Host: "10.0.0.1"}),
		address("for a path", plugins.HTTPGrant{Scheme: "http", Host: "10.0.0.1", Path: "/v1"}),
		address("for a method", plugins.HTTPGrant{Scheme: "http", Host: "10.0.0.1", Methods: []string{"GET"}}),
		address("that is another", plugins.HTTPGrant{Scheme: "http", Host: "10.0.0.2"}),
		attack{name: "any name is no address", request: get("http://8.8.8.8/"), granted: anyName, kind: denied},
		attack{name: "any name is not localhost", request: get("http://localhost/"), granted: anyName, kind: denied},
		attack{name: "wildcard for one label", request: get("http://a.b.example.com/"), kind: denied,
			granted: []plugins.HTTPGrant{{Scheme: "http", Host: "*.example.com"}}},
		attack{name: "address below a wildcard", request: get("http://10.0.0.1/"), kind: denied,
			granted: []plugins.HTTPGrant{{Scheme: "http", Host: "*.*.*.*"}}},
		attack{name: "not asked for", request: get(api + "/"), asked: []plugins.HTTPRequest{}, kind: denied, text: "the package does not ask"},
		attack{name: "asked with another method", request: get(api+"/").with("method", "DELETE"), kind: denied, text: "the package does not ask",
			asked: []plugins.HTTPRequest{{Host: "*", Scheme: "http"}}},
		attack{name: "asked but not granted", request: get("http://evil.test/"), kind: denied, grant: "--allow-http http://evil.test",
			asked: []plugins.HTTPRequest{{Host: "*", Scheme: "http"}}},
	)
}

func redirectAttacks() []attack {
	second := redirected("twice", api+"/to?url=http%3A%2F%2Fevil.test%2F", denied, "redirects")
	resolves := redirected("to a private name", "http://inside.test/", denied, "not a public address")
	resolves.granted = []plugins.HTTPGrant{{Scheme: "http", Host: "*"}}
	resolves.names = map[string][][]string{"inside.test": {{"192.168.0.1"}}}
	method := redirected("that turns POST into GET", api+"/x", denied, "may not send GET")
	method.request = get(api+"/to?url=/x").with("method", "POST").with("redirects", 1).sending("data")
	method.granted = []plugins.HTTPGrant{{Scheme: "http", Host: "api.example.com", Methods: []string{"POST"}}}
	post := redirected("with the body", "", denied, "evil.test")
	post.request = get(api+"/to?status=307&url=http://evil.test/").with("method", "POST").with("redirects", 1).sending("data")
	outside := redirected("out of the path", "/admin", denied, "/admin")
	outside.granted = []plugins.HTTPGrant{{Scheme: "http", Host: "api.example.com", Path: "/to"}}
	asked := redirected("to what is not asked for", "http://www.example.com/", denied, "does not ask")
	asked.granted = []plugins.HTTPGrant{{Scheme: "http", Host: "*"}}
	asked.asked = []plugins.HTTPRequest{{Host: "api.example.com", Scheme: "http"}}
	stays := redirected("that is not followed", "http://evil.test/", "", "")
	stays.request = stays.request.with("redirects", 0)
	return []attack{
		redirected("to an undeclared host", "http://evil.test/", denied, "evil.test"),
		redirected("without a scheme", "//evil.test/", denied, "evil.test"),
		redirected("to loopback", "http://127.0.0.1/", denied, "127.0.0.1"),
		redirected("to localhost", "http://localhost:8080/", denied, "localhost"),
		redirected("to metadata", "http://169.254.169.254/", denied, "169.254.169.254"),
		redirected("to a mapped address", "http://[::ffff:169.254.169.254]/", denied, "169.254.169.254"),
		redirected("to a decimal address", "http://2852039166/", denied, "four decimal numbers"),
		redirected("to another port", api+":22/", denied, ":22"),
		redirected("to another scheme", "https://api.example.com/", denied, "https"),
		redirected("to a file", "file:///etc/passwd", denied, "https or http"),
		redirected("to a script", "javascript:alert(1)", denied, "https or http"),
		redirected("with a user", "http://api.example.com@evil.test/", denied, "user"),
		redirected("with a backslash", `/\evil.test/`, denied, "backslash"),
		redirected("to no URL", "http://[::1/", denied, "redirects"),
		second, resolves, method, post, outside, asked, stays,
	}
}

func headerAttacks() []attack {
	header := func(name, value, kind, text string) attack {
		return attack{name: "header " + name, request: get(api+"/").with("headers", [][]string{{name, value}}), kind: kind, text: text}
	}
	override := header("X-HTTP-Method-Override", "DELETE", denied, "may not send DELETE")
	override.granted = []plugins.HTTPGrant{{Scheme: "http", Host: "api.example.com", Methods: []string{"GET", "POST"}}}
	variable := header("x_http_method_OVERRIDE", "DELETE", denied, "may not send DELETE")
	variable.granted = override.granted
	return []attack{
		header("Host", "evil.test", invalid, "is the host's"), header("hOST", "evil.test", invalid, "is the host's"),
		header("Content-Length", "3", invalid, "is the host's"), header("Transfer-Encoding", "chunked", invalid, "is the host's"),
		header("Connection", "X-Secret", invalid, "is the host's"), header("TE", "trailers", invalid, "is the host's"),
		header("Upgrade", "h2c", invalid, "is the host's"), header("Proxy-Connection", "x", invalid, "is the host's"),
		header("Accept-Encoding", "br", invalid, "is the host's"), header("X-Original-URL", "/admin", invalid, "is the host's"),
		header("Authorization", "Bearer x", denied, "handle of a secret into it; who runs the server gives it the token as a secret: --secret"), header("Proxy-Authorization", "Basic eA==", denied, "handle"),
		header("Cookie", "a=b", denied, "handle"), header("X", "a\r\nHost: evil.test", invalid, "control"),
		header("X\r\nY", "a", invalid, "is no name"), header("X:", "a", invalid, "is no name"), header("", "a", invalid, "is no name"),
		header(":authority", "evil.test", invalid, "is no name"), header("X-NUL", "a\x00b", invalid, "control"), override, variable,
		header("X_Original_URL", "/admin", invalid, "is the host's"), header("X.Rewrite-Url", "/admin", invalid, "is the host's"),
		header("Content_Length", "3", invalid, "is the host's"), header("Proxy_Authorization", "Basic eA==", denied, "handle"),
		header("Forwarded", "for=127.0.0.1", invalid, "is the host's"), header("X-Forwarded-For", "127.0.0.1", invalid, "is the host's"),
		header("x_forwarded_host", "evil.test", invalid, "is the host's"), header("X-Original-Method", "DELETE", invalid, "is the host's"),
		header("X-Rewrite-Path", "/admin", invalid, "is the host's"), header("Expect", "100-continue", invalid, "is the host's"),
	}
}

func rebindingAttacks() []attack {
	twice := func(name, kind string, answers ...[]string) attack {
		a := named("rebinding "+name, kind)
		a.request = get("http://name.test/once")
		a.names = map[string][][]string{"name.test": answers}
		a.reaches = true
		return a
	}
	public := []string{publicAddr}
	return []attack{
		twice("to loopback", denied, public, []string{"127.0.0.1"}),
		twice("to IPv6 loopback", denied, public, []string{"::1"}),
		twice("to metadata", denied, public, []string{"169.254.169.254"}),
		twice("to several", denied, public, []string{"10.0.0.1", "fd00::1", "127.0.0.1"}),
		twice("and back", "", public, []string{"127.0.0.1", publicAddr}),
	}
}

func TestAttacks(t *testing.T) {
	t.Parallel()
	for _, list := range [][]attack{
		urlAttacks(), pathAttacks(), addressAttacks(), redirectAttacks(), headerAttacks(), rebindingAttacks(),
	} {
		for _, a := range list {
			t.Run(a.name, func(t *testing.T) {
				t.Parallel()
				a.run(t)
			})
		}
	}
}

func (a attack) run(t *testing.T) {
	declared := newStandIn(t, http.HandlerFunc(declaredHandler), (*httptest.Server).Start)
	trap := newStandIn(t, http.HandlerFunc(declaredHandler), (*httptest.Server).Start)
	if a.granted == nil {
		a.granted = apiGrant
	}
	c := newClient(t, Config{Granted: a.granted, Asked: a.asked})
	(&internet{names: a.names, declared: declared.addr(), trap: trap.addr()}).join(c)
	if len(a.names["name.test"]) > 1 {
		must(t, c, a.request) // the first answer is a good one
	}
	if a.kind == "" {
		must(t, c, a.request)
	} else if e := fails(t, c, a.request, a.kind, a.text); a.grant != "" && e.Grant != a.grant {
		t.Errorf("the missing grant is %q, want %q", e.Grant, a.grant)
	}
	if conns, bytes := trap.conns.Load(), trap.bytes.Load(); conns != 0 || bytes != 0 {
		t.Errorf("the trap got %d connections and %d bytes", conns, bytes)
	}
	if reached := declared.conns.Load() > 0; reached != a.reaches {
		t.Errorf("the declared server was reached: %t, want %t", reached, a.reaches)
	}
}

// TestTrapCatches makes sure that the trap would see what gets out.
func TestTrapCatches(t *testing.T) {
	t.Parallel()
	trap := newStandIn(t, http.HandlerFunc(declaredHandler), (*httptest.Server).Start)
	c := newClient(t, Config{Granted: []plugins.HTTPGrant{{Scheme: "http", Host: "*"}, {Scheme: "http", Host: "10.0.0.1"}}})
	(&internet{names: map[string][][]string{"name.test": {{"10.0.0.1"}}}, trap: trap.addr()}).join(c)
	must(t, c, get("http://name.test/"))
	if trap.conns.Load() != 1 || trap.bytes.Load() == 0 {
		t.Errorf("the trap got %d connections and %d bytes", trap.conns.Load(), trap.bytes.Load())
	}
}

// TestProxyVariables: a proxy of the host's environment would get everything.
func TestProxyVariables(t *testing.T) {
	declared := newStandIn(t, http.HandlerFunc(declaredHandler), (*httptest.Server).Start)
	trap := newStandIn(t, http.HandlerFunc(declaredHandler), (*httptest.Server).Start)
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"} {
		t.Setenv(name, "http://"+trap.addr())
	}
	c := newClient(t, Config{Granted: apiGrant})
	(&internet{declared: declared.addr(), trap: trap.addr()}).join(c)
	must(t, c, get(api+"/"))
	if c.transport.Proxy != nil || trap.conns.Load() != 0 {
		t.Error("a proxy was asked")
	}
}
