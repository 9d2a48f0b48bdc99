package egress

import (
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/plugins"
)

func TestLabels(t *testing.T) {
	t.Parallel()
	g := newGrants(Config{Labels: map[string][]string{
		"*.example.com":                   {"source:untrusted", "a:b"},
		"POST,PUT api.example.com":        {"sink:external"},
		"api.example.com/private":         {"reads:private"},
		"api.example.com:8443":            {"a:other"},
		"http://10.0.0.1":                 {"a:address"},
		"*":                               {"a:b"},
		"not a grant at all, but ignored": {"a:bad"},
	}})
	tests := []struct {
		method, url, want string
		ambiguous         bool
	}{
		{"GET", "https://api.example.com/", "a:b source:untrusted", false},
		{"GET", "https://API.example.com./", "a:b source:untrusted", false},
		{"POST", "https://api.example.com/", "a:b sink:external source:untrusted", false},
		{"GET", "https://api.example.com/private", "a:b reads:private source:untrusted", false},
		{"PUT", "https://api.example.com/%70rivate/x", "a:b reads:private sink:external source:untrusted", false},
		{"GET", "https://api.example.com/privateer", "a:b source:untrusted", false},
		{"GET", "https://api.example.com/a/../private/x", "a:b reads:private source:untrusted", false},
		{"GET", "https://api.example.com:8443/private", "a:other", false},
		{"GET", "https://example.com/", "a:b", false},
		{"GET", "https://localhost/", "", false},
		{"GET", "http://10.0.0.1/", "a:address", false},
		{"GET", "http://api.example.com/", "", false},
		{"GET", "https://api.example.com/a/..%2fprivate", "", true},
		{"GET", "https://api.example.com/a/..;/private", "", true},
		{"GET", "https://example.com/a/..%2fprivate", "a:b", false}, // no label goes by the path there
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.url, func(t *testing.T) {
			t.Parallel()
			l, err := parseLocation(tt.url)
			if err != nil {
				t.Fatal(err)
			}
			got, err := g.labels(tt.method, &l)
			if strings.Join(got, " ") != tt.want || (err != nil) != tt.ambiguous {
				t.Errorf("labels %q, %v; want %q", got, err, tt.want)
			}
			if err != nil && !strings.Contains(err.Error(), `has the labels of "api.example.com/private"`) {
				t.Error(err)
			}
		})
	}
}

func TestOverlap(t *testing.T) {
	t.Parallel()
	tests := []struct {
		a, b string
		want bool
	}{
		{"example.com", "example.com", true},
		{"example.com", "example.org", false},
		{"*.example.com", "api.example.com", true},
		{"*.example.com", "a.b.example.com", false},
		{"*.example.com", "api.*.com", true},
		{"*.example.com", "*", true},
		{"*", "localhost", false},
		{"*", "10.0.0.1", false},
		{"localhost", "localhost", true},
		{"10.0.0.1", "10.0.0.1", true},
		{"10.0.0.1", "[::ffff:10.0.0.1]", true},
		{"10.0.0.1", "10.0.0.2", false},
		{"http://example.com", "example.com", false},
		{"http://example.com", "http://example.com", true},
		{"http://localhost:8080", "localhost:8080", true},
		{"example.com:443", "example.com", true},
		{"example.com:8443", "example.com", false},
		{"example.com:8443", "example.com:8443", true},
		{"GET example.com", "POST example.com", false},
		{"GET example.com", "GET,POST example.com", true},
		{"GET example.com", "example.com", true},
		{"example.com/a", "example.com/a/b", true},
		{"example.com/a/b", "example.com/a", true},
		{"example.com/a", "example.com/ab", false},
		{"example.com/a", "example.com", true},
	}
	for _, tt := range tests {
		t.Run(tt.a+" and "+tt.b, func(t *testing.T) {
			t.Parallel()
			a, b := parseGrant(t, tt.a), parseGrant(t, tt.b)
			if Overlap(a, b) != tt.want || Overlap(b, a) != tt.want {
				t.Errorf("%v and %v, want %v", Overlap(a, b), Overlap(b, a), tt.want)
			}
		})
	}
	if Overlap(plugins.HTTPGrant{Host: "a b"}, plugins.HTTPGrant{Host: "*"}) || Overlap(plugins.HTTPGrant{Host: "*"}, plugins.HTTPGrant{Host: "a b"}) {
		t.Error("what is no grant overlaps")
	}
}

func parseGrant(t *testing.T, text string) plugins.HTTPGrant {
	t.Helper()
	g, err := plugins.ParseHTTPGrant(text)
	if err != nil {
		t.Fatal(err)
	}
	return g
}
