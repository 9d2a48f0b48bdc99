package trust_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpwasm/mcpwasm/registry/sign"
	"github.com/mcpwasm/mcpwasm/registry/sign/signtest"
	"github.com/mcpwasm/mcpwasm/registry/trust"
)

const (
	workflow = "https://github.com/acme/weather/.github/workflows/release.yml@refs/tags/v1.0.0"
	second   = "https://github.com/acme/weather/.github/workflows/review.yml@refs/heads/main"
	stranger = "https://github.com/evil/weather/.github/workflows/release.yml@refs/tags/v1.0.0"
	actions  = "https://token.actions.githubusercontent.com"
	pattern  = `https://github\.com/acme/.*`
)

// identities are signers of a rule that count by a trusted root.
func identities(t testing.TB, root *sign.Root, ids ...sign.Identity) trust.Rule {
	t.Helper()
	r := trust.Rule{Repositories: []string{"ghcr.io/acme/*"}}
	for _, id := range ids {
		v, err := sign.NewIdentityVerifier(id, root)
		if err != nil {
			t.Fatal(err)
		}
		r.Signers = append(r.Signers, v)
	}
	return r
}

// TestIdentities signs without keys, by a sigstore of the test's own.
func TestIdentities(t *testing.T) {
	ours, other := signtest.New(t), signtest.New(t)
	root := ours.Root(t, signtest.Parts{Log: true, Timestamps: true}, nil)
	exact := sign.Identity{Subject: workflow, Issuer: actions}
	anyone := sign.Identity{SubjectPattern: pattern, Issuer: actions}
	soon, late := time.Now().Add(time.Minute), time.Now().Add(30*time.Minute)
	type signed struct {
		by           signtest.Virtual
		identity     string
		issuer       string
		at           time.Time
		notSignature bool
	}
	right := signed{ours, workflow, actions, soon, false}
	tests := []struct {
		name      string
		ids       []sign.Identity
		threshold int
		signed    []signed
		signers   []string // nil: refused
		want      string   // what the refusal has behind "found: "
	}{
		{"exact", []sign.Identity{exact}, 1, []signed{right}, []string{workflow + " " + actions}, ""},
		{"pattern", []sign.Identity{anyone}, 1, []signed{right}, []string{workflow + " " + actions}, ""},
		{"two identities of one pattern", []sign.Identity{anyone}, 2, []signed{right, {ours, second, actions, soon, false}}, []string{workflow + " " + actions, second + " " + actions}, ""},
		{"one identity by two patterns", []sign.Identity{anyone, exact}, 2, []signed{right}, nil, "a signature by " + workflow + " " + actions + ": ask the publisher"},
		{"one identity that signed twice", []sign.Identity{anyone}, 2, []signed{right, right}, nil, "a signature by " + workflow + " " + actions + ": ask the publisher"},
		{"expired", []sign.Identity{exact}, 1, []signed{{ours, workflow, actions, late, false}}, nil, "one whose time cannot be trusted (failed to verify log inclusion: integrated time outside certificate validity): ask the publisher to sign this digest"},
		{"another issuer", []sign.Identity{exact}, 1, []signed{{ours, workflow, "https://issuer.evil.example", soon, false}}, nil, "one by somebody else, or changed since ("},
		{"another identity", []sign.Identity{exact}, 1, []signed{{ours, second, actions, soon, false}}, nil, "one by somebody else, or changed since ("},
		{"a stranger", []sign.Identity{anyone}, 1, []signed{{ours, stranger, actions, soon, false}}, nil, "one by somebody else, or changed since ("},
		{"another authority", []sign.Identity{exact}, 1, []signed{{other, workflow, actions, soon, false}}, nil, "one by somebody else, or changed since (the certificate of " + workflow + " " + actions + " is from no authority of the trusted root"},
		{"an attestation", []sign.Identity{exact}, 1, []signed{{ours, workflow, actions, soon, true}}, nil, "an attestation by a signer, which is no signature: ask the publisher"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			for _, s := range tt.signed {
				kind := sign.PredicateSignature
				if s.notSignature {
					kind = sign.PredicateSLSA
				}
				statement, err := sign.NewStatement(w.weather.Digest, kind, nil)
				if err != nil {
					t.Fatal(err)
				}
				w.bundle(w.weather, s.by.Signed(t, statement, s.identity, s.issuer, s.at, signtest.KeepAll))
			}
			rule := identities(t, root, tt.ids...)
			rule.Threshold = tt.threshold
			v, err := w.check(rule)
			if tt.signers != nil {
				if err != nil || !slices.Equal(v.Signers, tt.signers) {
					t.Errorf("%+v, %v, want the signers %q", v, err, tt.signers)
				}
				return
			}
			if !errors.Is(err, trust.ErrUntrusted) || !strings.Contains(err.Error(), "; found: "+tt.want) {
				t.Errorf("%v\nwant a refusal with %q", err, tt.want)
			}
		})
	}
}
