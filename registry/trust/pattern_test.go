package trust

import (
	"errors"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/registry/oci"
)

func TestParsePattern(t *testing.T) {
	tests := []struct{ text, want, err string }{
		{"*", "*", ""},
		{"ghcr.io/acme/weather", "ghcr.io/acme/weather", ""},
		{"ghcr.io/acme/*", "ghcr.io/acme/*", ""},
		{"ghcr.io/*", "ghcr.io/*", ""},
		{"localhost:5000/*", "localhost:5000/*", ""},
		{"localhost/x", "localhost/x", ""},
		{"GHCR.io/acme/x", "ghcr.io/acme/x", ""},
		{"ghcr.io:443/acme/x", "ghcr.io/acme/x", ""},
		{"ghcr.io:443/*", "ghcr.io/*", ""},
		{"ghcr.io:80/*", "ghcr.io:80/*", ""},
		{"[::1]:443/*", "[::1]/*", ""},
		{"Index.Docker.io:443/acme/x", "docker.io/acme/x", ""},
		{"registry-1.docker.io/*", "docker.io/*", ""},
		{"registry-2.docker.io/*", "registry-2.docker.io/*", ""},
		{"ghcr.io:0443/*", "", `pattern "ghcr.io:0443/*": port "0443": write 443`},
		{"[0::1]/*", "", `address "[0::1]": write [::1]`},

		{"", "", `pattern "": want HOST/REPOSITORY, HOST/PREFIX/* or "*"`},
		{"/*", "", `pattern "/*": want HOST/REPOSITORY, HOST/PREFIX/* or "*"`},
		{"ghcr.io", "", `pattern "ghcr.io": want HOST/REPOSITORY, HOST/PREFIX/* or "*"`},
		{"ghcr.io/", "", `pattern "ghcr.io/": want HOST/REPOSITORY, HOST/PREFIX/* or "*"`},
		{"acme/weather", "", `pattern "acme/weather": want HOST/REPOSITORY, HOST/PREFIX/* or "*"`},
		{"acme/*", "", `pattern "acme/*": want HOST/REPOSITORY, HOST/PREFIX/* or "*"`},
		{"oci://ghcr.io/acme/x", "", `pattern "oci://ghcr.io/acme/x": leave the scheme out: want HOST/REPOSITORY, HOST/PREFIX/* or "*"`},
		{"ghcr.io/acme/x:1.0", "", `pattern "ghcr.io/acme/x:1.0": it has no tag and no digest: want HOST/REPOSITORY, HOST/PREFIX/* or "*"`},
		{"ghcr.io/acme/x@sha256:" + strings.Repeat("0", 64), "", `it has no tag and no digest`},
		{"ghcr.io/acme:1/*", "", `pattern "ghcr.io/acme:1/*": want`},
		{"ghcr.io/ac*", "", `pattern "ghcr.io/ac*": a * stands at the end only, for whole segments`},
		{"ghcr.io/*/weather", "", `a * stands at the end only`},
		{"*/weather", "", `a * stands at the end only`},
		{"*.io/*", "", `a * stands at the end only`},
		{"**", "", `a * stands at the end only`},
		{"ghcr.io/*/*", "", `a * stands at the end only`},
		{"ghcr.io/Acme/x", "", `pattern "ghcr.io/Acme/x": want`},
		{"ghcr.io/acme//x", "", `pattern "ghcr.io/acme//x": want`},
		{"ghcr.io/acme/../x", "", `pattern "ghcr.io/acme/../x": want`},
		{"ghcr.io/acme/%78", "", `pattern "ghcr.io/acme/%78": want`},
		{"ghcr.io/acmé/x", "", `want`},
		{"ghcr。io/acme/x", "", `want`},
		{" ghcr.io/acme/x", "", `want`},
		{"ghcr.io/acme/x\n", "", `want`},
		{"ghcr.io./acme/x", "", `want`},
		{"user@ghcr.io/acme/x", "", `want`},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			p, err := ParsePattern(tt.text)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("%v, %v, want an error with %q", p, err, tt.err)
				}
				return
			}
			if err != nil || p.String() != tt.want {
				t.Fatalf("%v, %v, want %s", p, err, tt.want)
			}
			if again, err := ParsePattern(p.String()); err != nil || again.String() != p.String() {
				t.Errorf("%s is read as %v, %v", p, again, err)
			}
		})
	}
}

func TestMatch(t *testing.T) {
	policy := func(patterns ...string) *Policy {
		p := &Policy{}
		for _, text := range patterns {
			p.Rules = append(p.Rules, Rule{Repositories: []string{text}})
		}
		return p
	}
	tests := []struct {
		name     string
		patterns []string
		ref      string
		want     string // "" for none
	}{
		{"no rules", nil, "ghcr.io/acme/x", ""},
		{"exact", []string{"ghcr.io/acme/x"}, "ghcr.io/acme/x:1@sha256:" + strings.Repeat("a", 64), "ghcr.io/acme/x"},
		{"below an exact one", []string{"ghcr.io/acme/x"}, "ghcr.io/acme/x/y", ""},
		{"prefix", []string{"ghcr.io/acme/*"}, "ghcr.io/acme/x", "ghcr.io/acme/*"},
		{"deep below a prefix", []string{"ghcr.io/acme/*"}, "ghcr.io/acme/x/y/z", "ghcr.io/acme/*"},
		{"the prefix itself", []string{"ghcr.io/acme/*"}, "ghcr.io/acme", ""},
		{"not a whole segment", []string{"ghcr.io/acme/*"}, "ghcr.io/acme-evil/x", ""},
		{"another host that begins the same", []string{"ghcr.io/acme/*"}, "ghcr.io.evil.com/acme/x", ""},
		{"another host that ends the same", []string{"ghcr.io/acme/*"}, "evil-ghcr.io/acme/x", ""},
		{"the pattern as a path", []string{"ghcr.io/acme/*"}, "evil.com/ghcr.io/acme/x", ""},
		{"a registry", []string{"ghcr.io/*"}, "ghcr.io/x", "ghcr.io/*"},
		{"another port", []string{"ghcr.io/*"}, "ghcr.io:8443/x", ""},
		{"the default port", []string{"ghcr.io/*"}, "ghcr.io:443/x", "ghcr.io/*"},
		{"the default port in the pattern", []string{"ghcr.io:443/*"}, "ghcr.io/x", "ghcr.io/*"},
		{"port 80 is not the default", []string{"ghcr.io/*"}, "ghcr.io:80/x", ""},
		{"a port that ends the same", []string{"ghcr.io/*"}, "ghcr.io:8443/x", ""},
		{"upper case in the host", []string{"ghcr.io/acme/*"}, "GHCR.IO/acme/x", "ghcr.io/acme/*"},
		{"another name of Docker Hub", []string{"*", "docker.io/acme/*"}, "registry-1.docker.io/acme/x", "docker.io/acme/*"},
		{"another name in the pattern", []string{"*", "index.docker.io/acme/*"}, "docker.io/acme/x", "docker.io/acme/*"},
		{"everything", []string{"*"}, "ghcr.io/acme/x", "*"},

		{"the narrowest, last", []string{"*", "ghcr.io/*", "ghcr.io/acme/*", "ghcr.io/acme/x"}, "ghcr.io/acme/x", "ghcr.io/acme/x"},
		{"the narrowest, first", []string{"ghcr.io/acme/x", "ghcr.io/acme/*", "ghcr.io/*", "*"}, "ghcr.io/acme/x", "ghcr.io/acme/x"},
		{"the next", []string{"*", "ghcr.io/acme/*", "ghcr.io/*", "ghcr.io/acme/x"}, "ghcr.io/acme/y", "ghcr.io/acme/*"},
		{"the widest", []string{"*", "ghcr.io/acme/*"}, "quay.io/acme/y", "*"},
		{"exact before a longer prefix", []string{"ghcr.io/a/b/*", "ghcr.io/a/b/c"}, "ghcr.io/a/b/c", "ghcr.io/a/b/c"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ref, err := oci.ParseReference(tt.ref)
			if err != nil {
				t.Fatal(err)
			}
			rule, pattern, err := policy(tt.patterns...).Match(ref)
			if tt.want == "" {
				if !errors.Is(err, ErrUntrusted) {
					t.Fatalf("%s, %v", pattern, err)
				}
				return
			}
			if err != nil || pattern != tt.want {
				t.Fatalf("%q, %v, want %q", pattern, err, tt.want)
			}
			if p, _ := ParsePattern(rule.Repositories[0]); p.String() != pattern {
				t.Errorf("the rule for %s comes with the pattern %s", rule.Repositories, pattern)
			}
		})
	}
}

func TestIncludes(t *testing.T) {
	// Each is within those before it, and the lists are not within each other.
	chains := [][]string{
		{"*", "ghcr.io/*", "ghcr.io/acme/*", "ghcr.io/acme/a/*", "ghcr.io/acme/a/x"},
		{"quay.io/acme/*", "quay.io/acme/x"},
		{"ghcr.io/acme-evil/*"},
		{"ghcr.io/acme"},
	}
	for i, outer := range chains {
		for j, inner := range chains {
			for k, a := range outer {
				for l, b := range inner {
					p, err := ParsePattern(a)
					q, err2 := ParsePattern(b)
					if err != nil || err2 != nil {
						t.Fatal(err, err2)
					}
					want := i == j && k <= l || a == "*" || a == "ghcr.io/*" && strings.HasPrefix(b, "ghcr.io/")
					if p.Includes(q) != want {
						t.Errorf("%s includes %s: %v", a, b, !want)
					}
				}
			}
		}
	}
}

// TestMatchRefuses has what nobody should be able to hand in.
func TestMatchRefuses(t *testing.T) {
	all := Rule{Repositories: []string{"*"}}
	tests := []struct {
		name  string
		rules []Rule
		ref   oci.Reference
		want  string
	}{
		{"no reference", []Rule{all}, oci.Reference{}, "/: not trusted: "},
		{"a path that climbs", []Rule{all}, oci.Reference{Registry: "ghcr.io", Repository: "acme/../evil"}, "ghcr.io/acme/../evil: not trusted: "},
		{"a path with escapes", []Rule{all}, oci.Reference{Registry: "ghcr.io", Repository: "acme/%2e%2e/evil"}, "not trusted: "},
		{"a registry with a path", []Rule{all}, oci.Reference{Registry: "ghcr.io/acme", Repository: "x"}, "ghcr.io/acme/x: not trusted: it is no repository"},
		{"a repository with a tag", []Rule{all}, oci.Reference{Registry: "ghcr.io", Repository: "x:1"}, "ghcr.io/x:1: not trusted: it is no repository"},
		{"a pattern that is none", []Rule{all, {Repositories: []string{"ghcr.io"}}}, oci.Reference{Registry: "ghcr.io", Repository: "x"},
			`ghcr.io/x: not trusted: the policy does not hold: pattern "ghcr.io": want HOST/REPOSITORY, HOST/PREFIX/* or "*"`},
		{"a pattern twice", []Rule{{Repositories: []string{"ghcr.io/*"}}, {Repositories: []string{"quay.io/*", "GHCR.io:443/*"}}}, oci.Reference{Registry: "ghcr.io", Repository: "x"},
			`ghcr.io/x: not trusted: the policy does not hold: pattern "GHCR.io:443/*" stands twice`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := &Policy{Rules: tt.rules}
			_, _, err := p.Match(tt.ref)
			if !errors.Is(err, ErrUntrusted) || !strings.HasPrefix(err.Error(), tt.want) && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want an error with %q", err, tt.want)
			}
		})
	}
}

// FuzzPattern: a pattern is read as it is written, and covers what it says as text.
func FuzzPattern(f *testing.F) {
	f.Add("ghcr.io/acme/*", "ghcr.io/acme/weather:1")
	f.Add("ghcr.io/acme/*", "ghcr.io/acme-evil/x")
	f.Add("GHCR.io:443/a", "ghcr.io/a")
	f.Add("*", "localhost:5000/a/b")
	f.Add("[::1]:443/*", "[::1]/x")
	f.Fuzz(func(t *testing.T, text, reference string) {
		p, err := ParsePattern(text)
		if err != nil {
			return
		}
		again, err := ParsePattern(p.String())
		if err != nil || again.String() != p.String() {
			t.Fatalf("%q is %s, and then %s, %v", text, p, again, err)
		}
		ref, err := oci.ParseReference(reference)
		if err != nil {
			return
		}
		repository, err := repositoryOf(ref)
		if err != nil {
			t.Fatalf("%q: %v", reference, err)
		}
		name := strings.Join(repository, "/")
		prefix, below := strings.CutSuffix(p.String(), "*")
		want := name == p.String() || below && strings.HasPrefix(name, prefix)
		if p.covers(repository) != want {
			t.Errorf("%s covers %s: %v", p, name, !want)
		}
	})
}
