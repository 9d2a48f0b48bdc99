package oci_test

import (
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/registry/oci"
)

var digits = strings.Repeat("0123456789abcdef", 4)

func TestParseReference(t *testing.T) {
	digest := "sha256:" + digits
	tests := []struct {
		name, text string
		want       oci.Reference
	}{
		{"tag", "ghcr.io/acme/weather:1.2.0", oci.Reference{Registry: "ghcr.io", Repository: "acme/weather", Tag: "1.2.0"}},
		{"neither tag nor digest", "ghcr.io/acme/weather", oci.Reference{Registry: "ghcr.io", Repository: "acme/weather", Tag: "latest"}},
		{"digest", "ghcr.io/acme/weather@" + digest, oci.Reference{Registry: "ghcr.io", Repository: "acme/weather", Digest: digest}},
		{"both", "ghcr.io/acme/weather:1@" + digest, oci.Reference{Registry: "ghcr.io", Repository: "acme/weather", Tag: "1", Digest: digest}},
		{"scheme", "oci://ghcr.io/acme/weather:1", oci.Reference{Registry: "ghcr.io", Repository: "acme/weather", Tag: "1"}},
		{"port", "localhost:5000/weather:1", oci.Reference{Registry: "localhost:5000", Repository: "weather", Tag: "1"}},
		{"localhost", "localhost/weather:1", oci.Reference{Registry: "localhost", Repository: "weather", Tag: "1"}},
		{"IPv6", "[::1]:5000/weather:1", oci.Reference{Registry: "[::1]:5000", Repository: "weather", Tag: "1"}},
		{"IPv4", "127.0.0.1:5000/weather:1", oci.Reference{Registry: "127.0.0.1:5000", Repository: "weather", Tag: "1"}},
		{"IPv6 without a port", "[2001:db8::1]/weather:1", oci.Reference{Registry: "[2001:db8::1]", Repository: "weather", Tag: "1"}},
		{"number in a name", "1.example/weather:1", oci.Reference{Registry: "1.example", Repository: "weather", Tag: "1"}},
		{"depth", "a.b/c/d/e/f:1", oci.Reference{Registry: "a.b", Repository: "c/d/e/f", Tag: "1"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := oci.ParseReference(test.text)
			if err != nil || got != test.want {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestParseReferenceErrors(t *testing.T) {
	tests := []struct{ name, text string }{
		{"empty", ""},
		{"no registry", "acme/weather:1"},
		{"a word", "weather"},
		{"a path", "./weather"},
		{"a path with a dot", "../acme/weather"},
		{"another scheme", "https://ghcr.io/acme/weather"},
		{"two schemes", "oci://oci://ghcr.io/a"},
		{"upper case", "ghcr.io/Acme/weather"},
		{"no repository", "ghcr.io/"},
		{"short digest", "ghcr.io/acme/weather@sha256:abc"},
		{"another hash", "ghcr.io/acme/weather@sha512:" + digits + digits},
		{"upper-case digest", "ghcr.io/acme/weather@sha256:" + strings.ToUpper(digits)},
		{"empty tag", "ghcr.io/acme/weather:"},
		{"climbing", "ghcr.io/../weather:1"},
		{"credentials", "user:pass@ghcr.io/acme/weather:1"},
		{"query", "ghcr.io/acme/weather?x=1"},
		{"line end", "ghcr.io/acme/weather:1\n"},
		{"port with a zero", "ghcr.io:0443/acme/weather:1"},
		{"port 0", "ghcr.io:0/acme/weather:1"},
		{"port beyond all", "ghcr.io:65979/acme/weather:1"},
		{"long IPv6", "[0:0:0:0:0:0:0:1]/weather:1"},
		{"IPv6 with zeros", "[::0001]:5000/weather:1"},
		{"IPv6 in upper case", "[2001:DB8::1]/weather:1"},
		{"IPv4 in IPv6", "[::ffff:127.0.0.1]/weather:1"},
		{"IPv4 in IPv6 in hexadecimal", "[::ffff:7f00:1]/weather:1"},
		{"no IPv6", "[1:2]/weather:1"},
		{"short IPv4", "127.1:5000/weather:1"},
		{"one number", "2130706433:5000/weather:1"},
		{"hexadecimal IPv4", "0x7f.0.0.1/weather:1"},
		{"hexadecimal at the end", "127.0.0.0x1/weather:1"},
		{"octal IPv4", "0177.0.0.1/weather:1"},
		{"long", "ghcr.io/" + strings.Repeat("a", 2000)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := oci.ParseReference(test.text)
			if err == nil {
				t.Fatalf("got %+v", got)
			}
			if strings.Contains(err.Error(), "\n") || len(err.Error()) > 400 {
				t.Errorf("not one short line: %v", err)
			}
		})
	}
}

func FuzzParseReference(f *testing.F) {
	for _, s := range []string{"ghcr.io/acme/weather:1.2.0", "oci://localhost:5000/a/b@sha256:" + digits, "[::1]:5000/weather", "127.1/a", "a.b:0443/b", "a.b/c:d@sha256:" + digits, "x", "../a.b/c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := oci.ParseReference(s)
		if err != nil {
			return
		}
		if r.Registry == "" || r.Repository == "" || r.Tag == "" && r.Digest == "" {
			t.Errorf("%q has an empty part: %+v", s, r)
		}
		for _, part := range strings.Split(r.Name(), "/") {
			if part == "" || part == "." || part == ".." {
				t.Errorf("%q has the part %q", s, part)
			}
		}
		if r.Tag != "" && !oci.IsTag(r.Tag) {
			t.Errorf("%q has a tag that is none: %q", s, r.Tag)
		}
		if again, err := oci.ParseReference(r.String()); err != nil || again != r {
			t.Errorf("%q reads as %+v, and what that is written as, %q, as %+v (%v)", s, r, r, again, err)
		}
	})
}
