package plugins

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
)

// ceiling reads HTTP grants into a ceiling.
func ceiling(t testing.TB, http ...string) *Ceiling {
	t.Helper()
	c := &Ceiling{}
	for _, text := range http {
		g, err := ParseHTTPGrant(text)
		if err != nil {
			t.Fatal(err)
		}
		c.HTTP = append(c.HTTP, g)
	}
	return c
}

func TestCeilingHTTP(t *testing.T) {
	host := func(h string) HTTPRequest { return HTTPRequest{Host: h} }
	tests := []struct {
		name  string
		http  []string
		asked HTTPRequest
		want  []string
	}{
		{"nothing", nil, host("a.example"), []string{"http: GET,HEAD https://a.example"}},
		{"the host", []string{"a.example"}, host("a.example"), nil},
		{"another host", []string{"b.example"}, host("a.example"), []string{"http: GET,HEAD https://a.example"}},
		{"upper case", []string{"A.example"}, host("a.EXAMPLE"), nil},
		{"a part of a name", []string{"a.example"}, host("a.example.evil"), []string{"http: GET,HEAD https://a.example.evil"}},
		{"a name that ends with it", []string{"a.example"}, host("evila.example"), []string{"http: GET,HEAD https://evila.example"}},
		{"a subdomain", []string{"example.com"}, host("a.example.com"), []string{"http: GET,HEAD https://a.example.com"}},

		{"wildcard within itself", []string{"*.example.com"}, host("*.example.com"), nil},
		{"name within wildcard", []string{"*.example.com"}, host("a.example.com"), nil},
		{"wildcard is one label", []string{"*.example.com"}, host("a.b.example.com"), []string{"http: GET,HEAD https://a.b.example.com"}},
		{"wildcard beyond a name", []string{"a.example.com"}, host("*.example.com"), []string{"http: GET,HEAD https://*.example.com"}},
		{"two wildcards beyond one", []string{"*.b.example.com"}, host("*.*.example.com"), []string{"http: GET,HEAD https://*.*.example.com"}},
		{"inner wildcard", []string{"*.*.example.com"}, host("a.*.example.com"), nil},
		{"every host beyond a wildcard", []string{"*.com"}, host("*"), []string{"http: GET,HEAD https://*"}},
		{"every host", []string{"*"}, host("*"), nil},
		{"wildcard within every name", []string{"*"}, host("*.example.com"), nil},
		{"address beyond every name", []string{"*"}, host("10.0.0.1"), []string{"http: GET,HEAD https://10.0.0.1"}},
		{"localhost beyond every name", []string{"*"}, host("localhost"), []string{"http: GET,HEAD https://localhost"}},
		{"address in another form", []string{"[2001:db8::1]"}, host("[2001:DB8:0::1]"), nil},
		{"address of the old kind in the new", []string{"127.0.0.1"}, host("[::ffff:127.0.0.1]"), nil},
		{"no host", []string{"*"}, host("127.1"), []string{`http: host "127.1": want an address of four decimal numbers such as 127.0.0.1, or a name whose last label is no number`}},
		{"the host is missing", []string{"*"}, host(""), []string{"http: the host is missing"}},

		{"http beyond https", []string{"a.example"}, HTTPRequest{Host: "a.example", Scheme: "http"}, []string{"http: GET,HEAD http://a.example"}},
		{"https beyond http", []string{"http://a.example"}, host("a.example"), []string{"http: GET,HEAD https://a.example"}},
		{"both schemes of this machine", []string{"localhost"}, HTTPRequest{Host: "localhost", Scheme: "http"}, nil},
		{"another scheme", []string{"a.example"}, HTTPRequest{Host: "a.example", Scheme: "ftp"}, []string{"http: GET,HEAD ftp://a.example"}},

		{"own port is the default", []string{"a.example:443"}, host("a.example"), nil},
		{"the default is the own port", []string{"a.example"}, HTTPRequest{Host: "a.example", Ports: []int{443}}, nil},
		{"own port of http", []string{"http://a.example:80"}, HTTPRequest{Host: "a.example", Scheme: "http"}, nil},
		{"another port", []string{"a.example"}, HTTPRequest{Host: "a.example", Ports: []int{443, 8443}}, []string{"http: GET,HEAD https://a.example:8443"}},
		{"ports of two grants", []string{"a.example", "a.example:8443"}, HTTPRequest{Host: "a.example", Ports: []int{443, 8443}}, nil},
		{"no port", []string{"a.example"}, HTTPRequest{Host: "a.example", Ports: []int{0}}, []string{"http: GET,HEAD https://a.example"}},

		{"methods by default", []string{"GET a.example"}, host("a.example"), []string{"http: HEAD https://a.example"}},
		{"methods by default within", []string{"GET,HEAD a.example"}, host("a.example"), nil},
		{"another method", []string{"GET,HEAD a.example"}, HTTPRequest{Host: "a.example", Methods: []string{"GET", "POST"}}, []string{"http: POST https://a.example"}},
		{"methods of two grants", []string{"GET a.example", "POST a.example"}, HTTPRequest{Host: "a.example", Methods: []string{"GET", "POST"}}, nil},
		{"every method", []string{"a.example"}, HTTPRequest{Host: "a.example", Methods: []string{"DELETE"}}, nil},
		{"methods in lower case", []string{"GET a.example"}, HTTPRequest{Host: "a.example", Methods: []string{"get"}}, []string{"http: get https://a.example"}},

		{"every path beyond one", []string{"a.example/v1"}, host("a.example"), []string{"http: GET,HEAD https://a.example"}},
		{"the path", []string{"a.example/v1"}, HTTPRequest{Host: "a.example", Paths: []string{"/v1/"}}, nil},
		{"below the path", []string{"a.example/v1"}, HTTPRequest{Host: "a.example", Paths: []string{"/v1/x"}}, nil},
		{"above the path", []string{"a.example/v1/x"}, HTTPRequest{Host: "a.example", Paths: []string{"/v1"}}, []string{"http: GET,HEAD https://a.example/v1"}},
		{"whole segments", []string{"a.example/v1"}, HTTPRequest{Host: "a.example", Paths: []string{"/v10", "/v1"}}, []string{"http: GET,HEAD https://a.example/v10"}},
		{"dots behind escapes", []string{"a.example/v1"}, HTTPRequest{Host: "a.example", Paths: []string{"/v1/%2e%2e/admin"}}, []string{"http: GET,HEAD https://a.example/v1/%2e%2e/admin"}},
		{"dots before a semicolon", []string{"a.example/v1"}, HTTPRequest{Host: "a.example", Paths: []string{"/v1/..;/admin"}}, []string{"http: GET,HEAD https://a.example/v1/..;/admin"}},
		{"dots", []string{"a.example/v1"}, HTTPRequest{Host: "a.example", Paths: []string{"/v1/../admin"}}, []string{"http: GET,HEAD https://a.example/v1/../admin"}},
		{"backslash", []string{"a.example/v1"}, HTTPRequest{Host: "a.example", Paths: []string{`/v1/..\admin`}}, []string{`http: GET,HEAD https://a.example/v1/..\admin`}},
		{"empty segments", []string{"a.example/v1"}, HTTPRequest{Host: "a.example", Paths: []string{"/v1//x"}}, []string{"http: GET,HEAD https://a.example/v1//x"}},
		{"whatever path", []string{"a.example"}, HTTPRequest{Host: "a.example", Paths: []string{"/v1/%2e%2e/admin"}}, nil},
		{"the root", []string{"a.example/v1"}, HTTPRequest{Host: "a.example", Paths: []string{"/"}}, []string{"http: GET,HEAD https://a.example"}},
		{"the empty path", []string{"a.example/v1"}, HTTPRequest{Host: "a.example", Paths: []string{""}}, []string{"http: GET,HEAD https://a.example"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := ceiling(t, tt.http...).Exceeded(&Requests{HTTP: []HTTPRequest{tt.asked}})
			if !slices.Equal(got, tt.want) {
				t.Errorf("exceeded %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCeiling(t *testing.T) {
	all := &Requests{
		HTTP: []HTTPRequest{{Host: "a.example"}}, Files: []FilesRequest{{Path: "/a", Access: "rw"}}, KV: &KVRequest{},
		Secrets: []SecretRequest{{Name: "T", Hosts: []string{"a.example"}}}, Env: []EnvRequest{{Name: "E"}},
		Clock: &PlainRequest{}, Random: &PlainRequest{},
	}
	everything := []string{"http: GET,HEAD https://a.example", `files: reading and writing of "/a"`, "kv: reading and writing", `secrets: "T"`, `env: "E"`}
	secret := func(name string, hosts ...string) *Requests {
		return &Requests{Secrets: []SecretRequest{{Name: name, Hosts: hosts}}}
	}
	a := HTTPGrant{Host: "a.example"}
	tests := []struct {
		name    string
		ceiling *Ceiling
		asked   *Requests
		want    []string
	}{
		{"nothing asked of nothing", nil, nil, nil},
		{"nothing asked", &Ceiling{}, &Requests{}, nil},
		{"no ceiling", nil, all, everything},
		{"an empty one", &Ceiling{}, all, everything},
		{"any", &Ceiling{Any: true}, all, nil},
		{"all of it", &Ceiling{HTTP: []HTTPGrant{a}, Files: ReadWrite, KV: ReadWrite, Secrets: []string{"T"}, Env: []string{"E"}}, all, nil},
		{"every name", &Ceiling{HTTP: []HTTPGrant{a}, Files: ReadWrite, KV: ReadWrite, Secrets: []string{"*"}, Env: []string{"*"}}, all, nil},
		{"time and randomness", nil, &Requests{Clock: &PlainRequest{}, Random: &PlainRequest{}}, nil},

		{"files to read", &Ceiling{Files: ReadOnly}, &Requests{Files: []FilesRequest{{Path: "/a"}}}, nil},
		{"files to write", &Ceiling{Files: ReadOnly}, &Requests{Files: []FilesRequest{{Path: "/a", Access: "rw"}}}, []string{`files: reading and writing of "/a"`}},
		{"files with what is no access", &Ceiling{Files: ReadWrite}, &Requests{Files: []FilesRequest{{Path: "/a", Access: "rx"}}}, []string{`files: access "rx" of "/a"`}},
		{"files below what is no access", &Ceiling{Files: "all"}, &Requests{Files: []FilesRequest{{Path: "/a"}}}, []string{`files: reading of "/a"`}},
		{"keys are written by default", &Ceiling{KV: ReadOnly}, &Requests{KV: &KVRequest{}}, []string{"kv: reading and writing"}},
		{"keys to read", &Ceiling{KV: ReadOnly}, &Requests{KV: &KVRequest{Access: "ro"}}, nil},

		{"another secret", &Ceiling{HTTP: []HTTPGrant{a}, Secrets: []string{"U"}}, secret("T", "a.example"), []string{`secrets: "T"`}},
		{"case of a secret", &Ceiling{HTTP: []HTTPGrant{a}, Secrets: []string{"t"}}, secret("T", "a.example"), []string{`secrets: "T"`}},
		{"secret to another host", &Ceiling{HTTP: []HTTPGrant{a}, Secrets: []string{"T"}}, secret("T", "a.example", "b.example"), []string{`secrets: "T" sent to "b.example"`}},
		{"secret to another port", &Ceiling{HTTP: []HTTPGrant{a}, Secrets: []string{"T"}}, secret("T", "a.example:8443"), []string{`secrets: "T" sent to "a.example:8443"`}},
		{"secret to its port", &Ceiling{HTTP: []HTTPGrant{a}, Secrets: []string{"T"}}, secret("T", "a.example:443"), nil},
		{"secret in plain text", &Ceiling{HTTP: []HTTPGrant{{Host: "a.example", Scheme: "http"}}, Secrets: []string{"T"}}, secret("T", "a.example"), []string{`secrets: "T" sent to "a.example"`}},
		{"secret to a wildcard", &Ceiling{HTTP: []HTTPGrant{{Host: "*"}}, Secrets: []string{"*"}}, secret("T", "*.example"), []string{`secrets: "T" sent to "*.example"`}},
		{"secret to nobody", &Ceiling{HTTP: []HTTPGrant{a}, Secrets: []string{"*"}}, secret("T"), []string{`secrets: "T" for hosts that are not named`}},
		{"case of a variable", &Ceiling{Env: []string{"e"}}, &Requests{Env: []EnvRequest{{Name: "E"}}}, []string{`env: "E"`}},

		{"a grant that is none", &Ceiling{HTTP: []HTTPGrant{{Host: "a.example", Path: "v1"}, {Host: "a example"}, {}}}, &Requests{HTTP: []HTTPRequest{{Host: "a.example"}}}, everything[:1]},
		{"a grant that was not parsed", &Ceiling{HTTP: []HTTPGrant{{Host: "A.Example", Path: "/v1/"}}}, &Requests{HTTP: []HTTPRequest{{Host: "a.example", Paths: []string{"/v1"}}}}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.ceiling.Exceeded(tt.asked); !slices.Equal(got, tt.want) {
				t.Errorf("exceeded %q, want %q", got, tt.want)
			}
		})
	}
}

// TestCeilingBounds makes sure that what a package asks for costs neither much
// time nor many lines.
func TestCeilingBounds(t *testing.T) {
	q := HTTPRequest{Host: "a.example"}
	for i := range 100 {
		q.Ports = append(q.Ports, 1000+i)
		q.Paths = append(q.Paths, fmt.Sprintf("/%d", i))
	}
	got := ceiling(t, "a.example").Exceeded(&Requests{HTTP: []HTTPRequest{q}})
	if want := []string{"http: a.example with 100 ports, 2 methods and 100 paths, more than 1000 requests"}; !slices.Equal(got, want) {
		t.Errorf("exceeded %q, want %q", got, want)
	}
	q.Paths = nil
	got = ceiling(t, "a.example").Exceeded(&Requests{HTTP: []HTTPRequest{q}})
	if len(got) != 20 || got[0] != "http: GET,HEAD https://a.example:1000" || got[19] != "81 more" {
		t.Errorf("%d lines: %q", len(got), got)
	}
}

// TestCeilingKnowsAll fails when a package can ask for what no ceiling bounds: add
// it to Ceiling and Exceeded.
func TestCeilingKnowsAll(t *testing.T) {
	known := map[reflect.Type][]string{
		reflect.TypeFor[Requests]():      {"HTTP", "Files", "KV", "Secrets", "Env", "Clock", "Random"},
		reflect.TypeFor[HTTPRequest]():   {"Host", "Scheme", "Ports", "Methods", "Paths", "PlainRequest"},
		reflect.TypeFor[FilesRequest]():  {"Path", "Access", "QuotaBytes", "PlainRequest"},
		reflect.TypeFor[KVRequest]():     {"Access", "QuotaBytes", "PlainRequest"},
		reflect.TypeFor[SecretRequest](): {"Name", "Hosts", "In", "PlainRequest"},
		reflect.TypeFor[EnvRequest]():    {"Name", "PlainRequest"},
	}
	for typ, want := range known {
		var have []string
		for i := range typ.NumField() {
			have = append(have, typ.Field(i).Name)
		}
		if !slices.Equal(have, want) {
			t.Errorf("%s has %q, known are %q", typ, have, want)
		}
	}
}
