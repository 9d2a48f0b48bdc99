package egress

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/host/capability/internal/effecttest"
	"github.com/mcpwasm/mcpwasm/plugins"
)

const otherAddr = "2606:2800::1"

// wide is a client that is granted more than a test sends, and the server that all of
// it leads to.
func wide(t testing.TB, labels map[string][]string) (*Client, *standIn) {
	t.Helper()
	declared := newStandIn(t, http.HandlerFunc(declaredHandler), (*httptest.Server).Start)
	c := newClient(t, Config{Labels: labels, Granted: []plugins.HTTPGrant{
		{Scheme: "http", Host: "*"}, {Scheme: "http", Host: "*", Port: 8080},
		{Scheme: "http", Host: publicAddr}, {Scheme: "http", Host: otherAddr},
	}})
	(&internet{declared: declared.addr(), trap: declared.addr()}).join(c)
	return c, declared
}

// TestPermitIsWhatIsSent: the policy is asked about what the other side gets, however
// the guest wrote it.
func TestPermitIsWhatIsSent(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, url, want string }{
		{"plain", "http://api.example.com/a", "http://api.example.com:80/a"},
		{"no path", "http://api.example.com", "http://api.example.com:80/"},
		{"default port", "http://api.example.com:80/a", "http://api.example.com:80/a"},
		{"other port", "http://api.example.com:8080/a", "http://api.example.com:8080/a"},
		{"upper case", "HTTP://API.Example.COM/A", "http://api.example.com:80/A"},
		{"dot behind the host", "http://api.example.com./a", "http://api.example.com:80/a"},
		{"unicode", "http://BÜCHER.example/ü", "http://xn--bcher-kva.example:80/%C3%BC"},
		{"unicode in ASCII", "http://XN--bcher-kva.example/", "http://xn--bcher-kva.example:80/"},
		{"letters of another form", "http://ａｐｉ.example.com/", "http://api.example.com:80/"},
		{"dots of another form", "http://api。example．com/", "http://api.example.com:80/"},
		{"IPv4", "http://93.184.216.34/", "http://93.184.216.34:80/"},
		{"IPv4 in wide digits", "http://９３.184.216.34./", "http://93.184.216.34:80/"},
		{"IPv4 within IPv6", "http://[::ffff:5db8:d822]/", "http://93.184.216.34:80/"},
		{"IPv6", "http://[2606:2800:0:0::0001]/", "http://[2606:2800::1]:80/"},
		{"escaped letters", "http://h.test/%41%2d%7e", "http://h.test:80/A-~"},
		{"escaped slash", "http://h.test/a%2fb", "http://h.test:80/a%2Fb"},
		{"escaped percent", "http://h.test/%252e%252e", "http://h.test:80/%252e%252e"},
		{"space", "http://h.test/a b", "http://h.test:80/a%20b"},
		{"dot segments", "http://h.test/a/../b/./c", "http://h.test:80/b/c"},
		{"escaped dot segments", "http://h.test/a/%2E%2e/b/%2e", "http://h.test:80/b/"},
		{"above the root", "http://h.test/../../b", "http://h.test:80/b"},
		{"empty segments", "http://h.test//a//b", "http://h.test:80//a//b"},
		{"parameters", "http://h.test/a;b=c/d,e", "http://h.test:80/a;b=c/d,e"},
		{"query", "http://h.test/a?b=/../c%2f", "http://h.test:80/a?b=/../c%2f"},
		{"query with what is escaped", "http://h.test/?q=ü \"", "http://h.test:80/?q=%C3%BC%20%22"},
		{"empty query", "http://h.test/a?", "http://h.test:80/a"},
		{"query only", "http://h.test?a=/b", "http://h.test:80/?a=/b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, _ := wide(t, nil)
			var p effecttest.Policy
			r, denial := performFor(t, c, p.Call(), get(tt.url).with("method", "PUT"))
			if denial != nil {
				t.Fatal(denial)
			}
			asked := slices.Compact(p.Asked())
			if !slices.Equal(asked, []string{"http PUT " + tt.want}) {
				t.Errorf("asked %q, want %q", asked, tt.want)
			}
			got := echoed(t, r)
			if !strings.Contains(got.Host[strings.LastIndexByte(got.Host, ']')+1:], ":") {
				got.Host += ":80"
			}
			if sent := "http://" + got.Host + got.URI; sent != tt.want || got.Method != http.MethodPut {
				t.Errorf("%s %s was sent", got.Method, sent)
			}
		})
	}
}

// TestPermitMethods: a request is decided for each method that it could be taken for.
func TestPermitMethods(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, method string
		headers      [][]string
		want         []string // methods; none where it is refused before
	}{
		{"its own", "POST", nil, []string{"POST"}},
		{"default", "", nil, []string{"GET"}},
		{"override", "POST", [][]string{{"X-HTTP-Method-Override", "DELETE"}}, []string{"POST", "DELETE"}},
		{"in lower case", "POST", [][]string{{"x-http-method", " delete "}}, []string{"POST", "DELETE"}},
		{"as a variable", "POST", [][]string{{"X_METHOD_OVERRIDE", "PUT"}}, []string{"POST", "PUT"}},
		{"the same", "POST", [][]string{{"X-HTTP-Method", "POST"}}, []string{"POST"}},
		{"several", "POST", [][]string{{"X-HTTP-Method", "PUT"}, {"X-Method-Override", "PATCH"}}, []string{"POST", "PUT", "PATCH"}},
		{"two in one", "POST", [][]string{{"X-HTTP-Method", "PUT, DELETE"}}, nil},
		{"none", "POST", [][]string{{"X-HTTP-Method", ""}}, nil},
		{"letters of another form", "POST", [][]string{{"X-HTTP-Method", "ＤＥＬＥＴＥ"}}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, server := wide(t, nil)
			var p effecttest.Policy
			r := get("http://h.test/")
			if tt.method != "" {
				r = r.with("method", tt.method)
			}
			if tt.headers != nil {
				r = r.with("headers", tt.headers)
			}
			_, denial := performFor(t, c, p.Call().Begin(), r)
			var want []string
			for _, m := range tt.want {
				want = append(want, "http "+m+" http://h.test:80/")
			}
			if got := p.Asked(); !slices.Equal(got, want) || (denial == nil) != (want != nil) {
				t.Errorf("asked %q, want %q; %v", got, want, denial)
			}
			if want == nil && server.conns.Load() != 0 {
				t.Error("it was sent")
			}
			// One that is denied is enough.
			for _, line := range want {
				p.Deny = func(l string) bool { return l == line }
				if _, denial := performFor(t, c, p.Call().Begin(), r); denial == nil || denial.Message != effecttest.Denial {
					t.Errorf("%s is denied, and the request gets %v", line, denial)
				}
			}
		})
	}
}

// TestPermitDenies: nothing is dialled, and no body is read.
func TestPermitDenies(t *testing.T) {
	t.Parallel()
	nobody := (&effecttest.Policy{}).Call()
	nobody.Decide = nil
	deny := &effecttest.Policy{Deny: func(string) bool { return true }}
	for name, call := range map[string]struct {
		call effect.Call
		want string
	}{
		"by rule": {deny.Call(), effecttest.Denial}, "by nobody": {nobody, "there is no policy"},
		"by rule, in a message": {deny.Call().Begin(), effecttest.Denial},
	} {
		for kind, r := range map[string]request{
			"get":    get("http://h.test/"),
			"post":   get("http://h.test/").with("method", "POST").sending("x"),
			"follow": get("http://h.test/to?url=/").with("redirects", 3),
		} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				t.Parallel()
				c, server := wide(t, nil)
				body := &unread{t: t}
				if r.body != nil {
					r.body = body
				}
				_, denial := performFor(t, c, call.call, r)
				if denial == nil || denial.Kind != denied || !strings.Contains(denial.Message, call.want) {
					t.Errorf("got %v", denial)
				}
				if server.conns.Load() != 0 {
					t.Error("something was dialled")
				}
			})
		}
	}
}

// unread is a body that nobody may read.
type unread struct{ t *testing.T }

func (u *unread) Read([]byte) (int, error) {
	u.t.Error("the body is read")
	return 0, io.EOF
}

// TestPermitRedirects: each hop is decided as it is sent, and one that is denied is
// not sent.
func TestPermitRedirects(t *testing.T) {
	t.Parallel()
	to := func(location string, status int) string {
		return fmt.Sprintf("http://a.test/to?status=%d&url=%s", status, url.QueryEscape(location))
	}
	tests := []struct {
		name   string
		status int
		to     string
		want   string // of the second hop
	}{
		{"elsewhere", 302, "http://B.test:8080/x/../y", "GET http://b.test:8080/y"},
		{"below", 303, "z", "GET http://a.test:80/z"},
		{"with its method", 307, "http://b.test/", "POST http://b.test:80/"},
		{"for good", 308, "//b.test/%61", "POST http://b.test:80/a"},
		{"with a query", 302, "//b.test/a?b=c d", "GET http://b.test:80/a?b=c%20d"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, server := wide(t, nil)
			var p effecttest.Policy
			from := to(tt.to, tt.status)
			first, second := "http POST "+strings.Replace(from, "a.test", "a.test:80", 1), "http "+tt.want
			r := get(from).with("method", "POST").with("redirects", 2)
			got, denial := performFor(t, c, p.Call().Begin(), r.sending("body"))
			if denial != nil || got.Status != http.StatusOK {
				t.Fatal(denial, got.Status)
			}
			if asked := p.Asked(); !slices.Equal(asked, []string{first, second}) {
				t.Errorf("asked %q", asked)
			}
			before := server.conns.Load()
			p.Deny = func(line string) bool { return line == second }
			_, denial = performFor(t, c, p.Call().Begin(), r.sending("body"))
			if denial == nil || denial.Kind != denied || denial.Message != effecttest.Denial {
				t.Errorf("the guest is told %v", denial)
			}
			if server.conns.Load() > before+1 {
				t.Error("the second hop is sent")
			}
		})
	}
}

// TestPermitChanges: what the guest has to send after it was allowed something else is
// decided again.
func TestPermitChanges(t *testing.T) {
	t.Parallel()
	read := &cel.Effect{Kind: cel.EffectKV, KV: &cel.KV{Key: "private", Access: cel.AccessRead}}
	for name, redirects := range map[string]int{"a body that is streamed": 0, "a body that is kept": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got strings.Builder
			server := newStandIn(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(&got, r.Body) }), (*httptest.Server).Start)
			c := newClient(t, Config{Granted: []plugins.HTTPGrant{grantFor(t, server)}})
			var p effecttest.Policy
			private := false
			p.Deny = func(line string) bool {
				private = private || strings.HasPrefix(line, "kv")
				return private && strings.HasPrefix(line, "http")
			}
			call := p.Call().Begin()
			body := &script{steps: []func() string{
				func() string { return "first " }, func() string { return "second " },
				func() string {
					if err := call.Permit(t.Context(), read, nil); err != nil {
						t.Error(err)
					}
					return "the private one"
				},
			}}
			r := get("http://"+server.addr()+"/").with("method", "POST").with("redirects", redirects)
			r.body = body
			_, denial := performFor(t, c, call, r)
			if denial == nil || denial.Message != effecttest.Denial {
				t.Errorf("the guest is told %v", denial)
			}
			server.server.Close() // and waits for the handler
			if strings.Contains(got.String(), "private") {
				t.Errorf("the server got %q", got.String())
			}
			if asked := p.Asked(); len(asked) != 3 {
				t.Errorf("asked %q, want the request, the key and the request again", asked)
			}
		})
	}
}

// script is a body that does something for each piece.
type script struct{ steps []func() string }

func (s *script) Read(p []byte) (int, error) {
	if len(s.steps) == 0 {
		return 0, io.EOF
	}
	step := s.steps[0]
	s.steps = s.steps[1:]
	return copy(p, step()), nil
}
