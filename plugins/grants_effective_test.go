package plugins

import (
	"slices"
	"testing"
)

func TestEffectiveHTTP(t *testing.T) {
	asked := &Requests{HTTP: []HTTPRequest{
		{Host: "api.example.com", Paths: []string{"/v1"}},
		{Host: "*.acme.test", Methods: []string{"GET", "POST"}, Ports: []int{443, 8443}},
		{Host: "localhost", Scheme: "http", Ports: []int{8080}},
	}}
	tests := []struct {
		grant string
		want  []string // nil: granted in vain
	}{
		{"https://api.example.com", []string{"GET,HEAD https://api.example.com/v1"}},
		{"GET api.example.com/v1/x", []string{"GET https://api.example.com/v1/x"}},
		{"*", []string{"GET,HEAD https://api.example.com/v1", "GET,POST https://*.acme.test"}},
		{"a.acme.test:8443", []string{"GET,POST https://a.acme.test:8443"}},
		{"localhost:8080", []string{"GET,HEAD http://localhost:8080"}},
		{"POST https://api.example.com", nil},
		{"https://api.example.com/v2", nil},
		{"https://api.example.com/v12", nil},
		{"http://api.example.com", nil},
		{"https://example.com", nil},
		{"a.acme.test:444", nil},
		{"a.b.acme.test", nil},
		{"localhost", nil},
	}
	for _, test := range tests {
		g, err := ParseHTTPGrant(test.grant)
		if err != nil {
			t.Fatal(err)
		}
		held, withheld := Grants{HTTP: []HTTPGrant{g}}.Effective(asked)
		var got []string
		for _, h := range held.HTTP {
			got = append(got, h.String())
		}
		if !slices.Equal(got, test.want) || (len(withheld) > 0) != (test.want == nil) {
			t.Errorf("%s: %q, withheld %q, want %q", test.grant, got, withheld, test.want)
		}
	}
	for _, pair := range [][3]string{{"*.b.c", "a.*.c", "a.b.c"}, {"*", "localhost", ""}, {"*", "127.0.0.1", ""}, {"a.b", "a.c", ""}, {"*", "*", "*"}} {
		if got, _ := meetHosts(pair[0], pair[1]); got != pair[2] {
			t.Errorf("%s and %s: %q, want %q", pair[0], pair[1], got, pair[2])
		}
	}
}

func TestEffectiveWithoutRequests(t *testing.T) {
	held, withheld := Grants{HTTP: []HTTPGrant{{Host: "example.com"}}}.Effective(nil)
	if len(held.HTTP) > 0 || len(withheld) != 1 {
		t.Errorf("%v, %q", held, withheld)
	}
}
