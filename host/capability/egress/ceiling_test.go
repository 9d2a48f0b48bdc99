package egress

import (
	"slices"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/plugins"
)

// ceilingRules are the rules of a ceiling's grants, as requests are decided by
// them. "*" lets "*" be asked for, which covers addresses as well: those are
// reached by grants that name them only.
func ceilingRules(grants []plugins.HTTPGrant, asked plugins.HTTPRequest) []rule {
	var rules []rule
	for _, g := range grants {
		r, err := fromGrant(g)
		if err != nil {
			continue
		}
		r.all = r.names && asked.Host == "*"
		rules = append(rules, r)
	}
	return rules
}

// checkCeiling fails if a request is covered by what a package asks for, within
// the ceiling, and by no grant of the ceiling. It returns how many requests were
// covered.
func checkCeiling(t *testing.T, c *plugins.Ceiling, asked plugins.HTTPRequest, methods []string, requests []location) (covered int) {
	t.Helper()
	if len(c.Exceeded(&plugins.Requests{HTTP: []plugins.HTTPRequest{asked}})) > 0 {
		return 0
	}
	wanted, err := fromRequest(asked)
	if err != nil {
		return 0
	}
	rules := ceilingRules(c.HTTP, asked)
	for i := range requests {
		l := &requests[i]
		for _, method := range methods {
			if !wanted.covers(method, l) {
				continue
			}
			covered++
			if !slices.ContainsFunc(rules, func(r rule) bool { return r.covers(method, l) }) {
				t.Errorf("%+v is within %v, and lets %s %s be sent", asked, c.HTTP, method, l)
			}
		}
	}
	return covered
}

// TestCeilingHolds goes through all requests for all that may be asked for, of a
// few kinds each.
func TestCeilingHolds(t *testing.T) {
	t.Parallel()
	ceilings := [][]string{
		{"*"}, {"*.example.com"}, {"a.example.com"}, {"*.*.com"}, {"localhost"}, {"127.0.0.1"}, {"[2001:db8::1]"},
		{"http://a.example.com"}, {"a.example.com:8443"}, {"http://*:8443"}, {"GET a.example.com"}, {"HEAD,POST *"},
		{"a.example.com/v1"}, {"*.example.com/v1/x", "GET a.example.com"}, {"localhost:8443/v1", "http://localhost"},
	}
	hosts := []string{"*", "*.example.com", "*.*.com", "a.example.com", "b.example.com", "A.Example.com", "a.example.com.evil.test", "localhost", "127.0.0.1", "[2001:DB8::1]"}
	paths := [][]string{nil, {"/"}, {"/v1"}, {"/v1/"}, {"/v1/x"}, {"/v10"}, {"/v1/%2e%2e/y"}, {"/v1/..;/y"}, {"/%761"}, {"/v1", "/v1/x"}}
	ports := [][]int{nil, {443}, {80}, {8443}, {443, 8443}}
	var requests []location
	for _, host := range []string{"a.example.com", "b.example.com", "x.y.com", "example.com", "a.example.com.evil.test", "localhost", "127.0.0.1", "[2001:db8::1]", "10.0.0.1"} {
		for _, port := range []string{"", ":80", ":8443"} {
			for _, path := range []string{"", "/v1", "/v1/x/y", "/v10", "/v1/..;/y/z", "/y"} {
				for _, scheme := range []string{"https://", "http://"} {
					l, err := parseLocation(scheme + host + port + path)
					if err != nil {
						t.Fatal(err)
					}
					requests = append(requests, l)
				}
			}
		}
	}
	covered := 0
	for _, texts := range ceilings {
		c := &plugins.Ceiling{}
		for _, text := range texts {
			g, err := plugins.ParseHTTPGrant(text)
			if err != nil {
				t.Fatal(err)
			}
			c.HTTP = append(c.HTTP, g)
		}
		for _, host := range hosts {
			for _, scheme := range []string{"", "http"} {
				for _, port := range ports {
					for _, path := range paths {
						for _, methods := range [][]string{nil, {"GET"}, {"GET", "POST"}} {
							asked := plugins.HTTPRequest{Host: host, Scheme: scheme, Ports: port, Paths: path, Methods: methods}
							covered += checkCeiling(t, c, asked, []string{"GET", "HEAD", "POST"}, requests)
						}
					}
				}
			}
		}
	}
	if covered < 10_000 {
		t.Errorf("only %d requests were covered", covered)
	}
}

// FuzzCeiling: what is within a ceiling lets no request be sent that the ceiling's
// grants would refuse.
func FuzzCeiling(f *testing.F) {
	f.Add("*.example.com/v1", "*.example.com", "", 0, "", "/v1/x", "GET", "https://a.example.com/v1/x/y")
	f.Add("GET,HEAD a.example:8443", "a.example", "https", 8443, "", "", "HEAD", "https://a.example:8443/")
	f.Add("*", "*", "", 0, "POST", "", "POST", "https://127.0.0.1/")
	f.Add("a.example/v1", "a.example", "", 0, "", "/v1/%2e%2e", "GET", "https://a.example/admin")
	f.Add("a.example/v1", "a.example", "", 0, "", "/v1/..;/x", "GET", "https://a.example/v1/..;/x")
	f.Add("localhost", "localhost", "http", 0, "", "", "GET", "http://localhost/")
	f.Add("http://[::1]", "[::1]", "http", 80, "PUT", "/a", "PUT", "http://[::1]:80/a?b")
	f.Fuzz(func(t *testing.T, grant, host, scheme string, port int, methods, path, method, raw string) {
		g, err := plugins.ParseHTTPGrant(grant)
		if err != nil {
			return
		}
		l, err := parseLocation(raw)
		if err != nil {
			return
		}
		asked := plugins.HTTPRequest{Host: host, Scheme: scheme}
		if port != 0 {
			asked.Ports = []int{port}
		}
		if methods != "" {
			asked.Methods = strings.Split(methods, ",")
		}
		if path != "" {
			asked.Paths = []string{path}
		}
		checkCeiling(t, &plugins.Ceiling{HTTP: []plugins.HTTPGrant{g}}, asked, []string{method}, []location{l})
	})
}
