package trust

import (
	"errors"
	"testing"

	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/sign"
)

// credulous accepts everything, for whatever digest.
type credulous struct{ signer string }

func (c credulous) Verify(sign.Envelope) (sign.Statement, error) {
	return sign.Statement{Signer: c.signer, PredicateType: sign.PredicateSignature}, nil
}

func (credulous) String() string { return "everybody" }

// TestFinderChecks does not leave it to verifiers for which digest an envelope is,
// and that somebody signed it.
func TestFinderChecks(t *testing.T) {
	digest, other := oci.DigestOf([]byte("package")), oci.DigestOf([]byte("other"))
	for _, tt := range []struct {
		name, subject, signer string
		want                  error // nil: it counts
	}{
		{"it counts", digest, "somebody", nil},
		{"another digest", other, "somebody", sign.ErrOtherDigest},
		{"nobody", digest, "", sign.ErrSignature},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := finder{pattern: "*", digest: digest, envelopes: []sign.Envelope{sign.NewEnvelope(tt.subject, []byte("{}"))}}
			found, err := f.verify(t.Context(), []sign.Verifier{credulous{tt.signer}})
			if err != nil || (len(found.valid) == 1) != (tt.want == nil) || tt.want != nil && found.other[tt.want] != 1 {
				t.Errorf("%+v, %v", found, err)
			}
		})
	}
}

func TestCheckName(t *testing.T) {
	ref := oci.Reference{Registry: "ghcr.io", Repository: "acme/weather"}
	list := func(names ...string) []string { return names }
	for _, tt := range []struct {
		name  string
		names []string
		found string
		want  bool
	}{
		{"none are wanted", nil, "io.github.acme/shell", true},
		{"none are wanted, and there is none", nil, "", true},
		{"exact", list("io.github.acme/weather"), "io.github.acme/weather", true},
		{"one of several", list("weather", "io.github.acme/weather"), "io.github.acme/weather", true},
		{"another", list("io.github.acme/weather"), "io.github.acme/shell", false},
		{"longer", list("io.github.acme/weather"), "io.github.acme/weather-evil", false},
		{"other case", list("io.github.acme/weather"), "io.github.acme/Weather", false},
		{"below", list("io.github.acme/*"), "io.github.acme/shell", true},
		{"not a whole segment", list("io.github.acme/*"), "io.github.acme-evil/shell", false},
		{"the prefix itself", list("io.github.acme/*"), "io.github.acme", false},
		{"any", list("*"), "io.github.acme/shell", true},
		{"any, and there is none", list("*"), "", false},
		{"one is wanted, and there is none", list("weather"), "", false},
		{"a pattern that is none", list("weather", "w*"), "weather", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := Policy{Rules: []Rule{{Repositories: []string{"ghcr.io/acme/*"}, Names: tt.names}}}
			err := p.CheckName(ref, tt.found)
			if (err == nil) != tt.want || err != nil && !errors.Is(err, ErrUntrusted) {
				t.Errorf("%v", err)
			}
		})
	}
	ref.Repository = "other/weather"
	if err := (&Policy{}).CheckName(ref, "weather"); !errors.Is(err, ErrNoRule) {
		t.Errorf("without a rule: %v", err)
	}
}
