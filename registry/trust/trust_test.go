package trust_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/sign"
	"github.com/mcpwasm/mcpwasm/registry/trust"
)

// custom is a type of attestation that has no name of its own.
const custom = "https://example.com/review/v1"

func TestAccepts(t *testing.T) {
	tests := []struct {
		name         string
		prepare      func(w *world) trust.Rule
		signers      []string // of the verdict, by keys
		attestations []string // their types
	}{
		{"one signer", func(w *world) trust.Rule {
			w.sign(w.weather, "a")
			return w.rule("a")
		}, []string{"a"}, nil},
		{"the tag form", func(w *world) trust.Rule {
			if _, err := sign.AttachTagForm(context.Background(), w, w.ref.Name(), w.weather, w.keys["a"]); err != nil {
				w.t.Fatal(err)
			}
			return w.rule("a")
		}, []string{"a"}, nil},
		{"one of two", func(w *world) trust.Rule {
			w.sign(w.weather, "b")
			return w.rule("a", "b")
		}, []string{"b"}, nil},
		{"more than are wanted", func(w *world) trust.Rule {
			w.sign(w.weather, "a", "b")
			return w.rule("b", "a")
		}, []string{"a", "b"}, nil},
		{"two of three", func(w *world) trust.Rule {
			w.sign(w.weather, "a", "c")
			r := w.rule("a", "b", "c")
			r.Threshold = 2
			return r
		}, []string{"a", "c"}, nil},
		{"beside broken and foreign ones", func(w *world) trust.Rule {
			w.sign(w.weather, "c")
			w.bundle(w.weather, []byte("{"))
			w.bundle(w.weather, []byte(`{"mediaType":"application/vnd.dev.sigstore.bundle.v9+json"}`))
			w.sign(w.other, "a")
			w.bundle(w.weather, w.bundles(w.other)[0])
			w.sign(w.weather, "a")
			return w.rule("a")
		}, []string{"a"}, nil},
		{"attestation by the signer", func(w *world) trust.Rule {
			w.sign(w.weather, "a")
			w.attest(w.weather, "a", sign.PredicateSLSA)
			r := w.rule("a")
			r.Attestations = []trust.Attestation{{PredicateType: sign.PredicateSLSA}}
			return r
		}, []string{"a"}, []string{sign.PredicateSLSA}},
		{"attestation by a signer of its own", func(w *world) trust.Rule {
			w.sign(w.weather, "a")
			w.attest(w.weather, "b", custom)
			w.attest(w.weather, "b", sign.PredicateSPDX) // which nobody asks b for
			w.attest(w.weather, "a", sign.PredicateCycloneDX)
			r := w.rule("a")
			r.Attestations = []trust.Attestation{{custom, w.verifiers("b")}}
			return r
		}, []string{"a"}, []string{sign.PredicateCycloneDX, custom}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			v, err := w.check(tt.prepare(w))
			if err != nil {
				t.Fatal(err)
			}
			var signers, attestations []string
			for _, s := range tt.signers {
				signers = append(signers, w.text("{"+s+"}"))
			}
			slices.Sort(signers)
			for _, s := range v.Attestations {
				attestations = append(attestations, s.PredicateType)
			}
			if v.Rule != "ghcr.io/acme/*" || !slices.Equal(v.Signers, signers) || !slices.Equal(attestations, tt.attestations) || v.Unsigned {
				t.Errorf("verdict %+v, want the signers %q and attestations %q", v, signers, tt.attestations)
			}
		})
	}
}

// TestRefuses has what somebody might try, each with its own message.
func TestRefuses(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(w *world) trust.Rule
		want    string
	}{
		{"no rule covers it", func(w *world) trust.Rule {
			w.sign(w.weather, "a")
			r := w.rule("a")
			r.Repositories = []string{"ghcr.io/acme-weather/*", "ghcr.io/acme/weather/*", "quay.io/*"}
			return r
		}, "ghcr.io/acme/weather: not trusted: no rule covers it: add one to trust.rules: {repositories: [ghcr.io/acme/weather], signers: [{key: FILE}]}"},
		{"unsigned", func(w *world) trust.Rule {
			return w.rule("a")
		}, "{weather}: not trusted: the rule ghcr.io/acme/* wants a signature by a.pub; found: nothing: ask the publisher to sign this digest"},
		{"wrong key", func(w *world) trust.Rule {
			w.sign(w.weather, "b", "c")
			return w.rule("a")
		}, "{weather}: not trusted: the rule ghcr.io/acme/* wants a signature by a.pub; found: 2 by others, or changed since: ask the publisher to sign this digest"},
		{"wrong key in the tag form", func(w *world) trust.Rule {
			if _, err := sign.AttachTagForm(context.Background(), w, w.ref.Name(), w.weather, w.keys["b"]); err != nil {
				w.t.Fatal(err)
			}
			return w.rule("a")
		}, "{weather}: not trusted: the rule ghcr.io/acme/* wants a signature by a.pub; found: one by somebody else, or changed since: ask the publisher to sign this digest"},
		{"signature for another digest", func(w *world) trust.Rule {
			w.sign(w.other, "a")
			w.bundle(w.weather, w.bundles(w.other)[0])
			return w.rule("a")
		}, "{weather}: not trusted: the rule ghcr.io/acme/* wants a signature by a.pub; found: one for another digest ({other}, not {digest}): ask the publisher to sign this digest"},
		{"signature that was changed", func(w *world) trust.Rule {
			w.sign(w.other, "a")
			bundle := string(w.bundles(w.other)[0])
			w.bundle(w.weather, retarget(w.t, bundle, w.other.Digest, w.weather.Digest))
			return w.rule("a")
		}, "{weather}: not trusted: the rule ghcr.io/acme/* wants a signature by a.pub; found: one by somebody else, or changed since: ask the publisher to sign this digest"},
		{"attestation as a signature", func(w *world) trust.Rule {
			w.attest(w.weather, "a", sign.PredicateSLSA)
			return w.rule("a")
		}, "{weather}: not trusted: the rule ghcr.io/acme/* wants a signature by a.pub; found: an attestation by a signer, which is no signature: ask the publisher to sign this digest"},
		{"threshold", func(w *world) trust.Rule {
			w.sign(w.weather, "a")
			r := w.rule("a", "b")
			r.Threshold = 2
			return r
		}, "{weather}: not trusted: the rule ghcr.io/acme/* wants signatures by 2 different ones of a.pub, b.pub; found: a signature by {a}: ask the publisher to sign this digest"},
		{"one key under two names", func(w *world) trust.Rule {
			w.sign(w.weather, "a")
			again, err := sign.NewKeyVerifier("copy.pub", w.keys["a"].Public())
			if err != nil {
				w.t.Fatal(err)
			}
			r := w.rule("a")
			r.Signers, r.Threshold = append(r.Signers, again), 2
			return r
		}, "{weather}: not trusted: the rule ghcr.io/acme/* wants signatures by 2 different ones of a.pub, copy.pub; found: a signature by {a}: ask the publisher to sign this digest"},
		{"two signatures of one key", func(w *world) trust.Rule {
			w.sign(w.weather, "a")
			w.bundle(w.weather, resign(w, "a"))
			w.attest(w.weather, "b", custom)
			r := w.rule("a", "b")
			r.Threshold = 2
			return r
		}, "{weather}: not trusted: the rule ghcr.io/acme/* wants signatures by 2 different ones of a.pub, b.pub; found: a signature by {a}; an attestation by a signer, which is no signature: ask the publisher to sign this digest"},
		{"nobody is trusted", func(w *world) trust.Rule {
			w.sign(w.weather, "a")
			return w.rule()
		}, "{weather}: not trusted: the rule ghcr.io/acme/* names no signers, so that nobody can vouch for it: add some"},
		{"damaged and unknown", func(w *world) trust.Rule {
			w.bundle(w.weather, []byte("{"))
			w.bundle(w.weather, []byte(`{"mediaType":"application/vnd.dev.sigstore.bundle.v9+json"}`))
			w.sign(w.weather, "b")
			return w.rule("a")
		}, `{weather}: not trusted: the rule ghcr.io/acme/* wants a signature by a.pub; found: one that is damaged (unexpected end of JSON); one in a form that is not known here (a bundle of type "application/vnd.dev.sigstore.bundle.v9+json", want application/vnd.dev.sigstore.bundle.v0.3+json); one by somebody else, or changed since: ask the publisher to sign this digest`},

		{"missing attestation", func(w *world) trust.Rule {
			w.sign(w.weather, "a")
			w.attest(w.weather, "a", custom)
			r := w.rule("a")
			r.Attestations = []trust.Attestation{{PredicateType: sign.PredicateSLSA}}
			return r
		}, "{weather}: not trusted: the rule ghcr.io/acme/* wants an attestation of type https://slsa.dev/provenance/v1 by a.pub; found: a signature by {a}; one of type https://example.com/review/v1 by {a}: ask the publisher to attach it to this digest"},
		{"attestation by somebody else", func(w *world) trust.Rule {
			w.sign(w.weather, "a")
			w.attest(w.weather, "c", sign.PredicateSLSA)
			r := w.rule("a")
			r.Attestations = []trust.Attestation{{PredicateType: sign.PredicateSLSA}}
			return r
		}, "{weather}: not trusted: the rule ghcr.io/acme/* wants an attestation of type https://slsa.dev/provenance/v1 by a.pub; found: a signature by {a}; one by somebody else, or changed since: ask the publisher to attach it to this digest"},
		{"attestation by who may not", func(w *world) trust.Rule {
			w.sign(w.weather, "a")
			w.attest(w.weather, "a", sign.PredicateSLSA)
			r := w.rule("a")
			r.Attestations = []trust.Attestation{{sign.PredicateSLSA, w.verifiers("b")}}
			return r
		}, "{weather}: not trusted: the rule ghcr.io/acme/* wants an attestation of type https://slsa.dev/provenance/v1 by b.pub; found: 2 by others, or changed since: ask the publisher to attach it to this digest"},
		{"attestation for another digest", func(w *world) trust.Rule {
			w.sign(w.weather, "a")
			w.attest(w.other, "a", sign.PredicateSLSA)
			w.bundle(w.weather, w.bundles(w.other)[0])
			r := w.rule("a")
			r.Attestations = []trust.Attestation{{PredicateType: sign.PredicateSLSA}}
			return r
		}, "{weather}: not trusted: the rule ghcr.io/acme/* wants an attestation of type https://slsa.dev/provenance/v1 by a.pub; found: a signature by {a}; one for another digest ({other}, not {digest}): ask the publisher to attach it to this digest"},
		{"signature as an attestation", func(w *world) trust.Rule {
			w.sign(w.weather, "a")
			r := w.rule("a")
			r.Attestations = []trust.Attestation{{PredicateType: sign.PredicateSignature}}
			return r
		}, `{weather}: not trusted: the rule ghcr.io/acme/* wants an attestation of type "https://sigstore.dev/cosign/sign/v1", which is none`},
		{"too many to check", func(w *world) trust.Rule {
			w.sign(w.weather, "b")
			for range 205 {
				w.bundle(w.weather, resign(w, "b"))
			}
			return w.rule("a", "a", "a", "a", "a")
		}, "{weather}: not trusted: it has 206 signatures and attestations, which are too many for the signers of the rule ghcr.io/acme/* (1024 checks): those that are not needed have to be removed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			v, err := w.check(tt.prepare(w))
			if !errors.Is(err, trust.ErrUntrusted) {
				t.Fatalf("%+v, %v", v, err)
			}
			if want := w.text(tt.want); err.Error() != want {
				t.Errorf("error\n%v\nwant\n%s", err, want)
			}
			if v.Rule != "" || v.Signers != nil || v.Attestations != nil {
				t.Errorf("a refusal comes with %+v", v)
			}
		})
	}
}

// retarget changes the digest in a bundle's statement, and leaves the signature as
// it is.
func retarget(t testing.TB, bundle, from, to string) []byte {
	t.Helper()
	_, rest, _ := strings.Cut(bundle, `"payload":"`)
	payload, _, _ := strings.Cut(rest, `"`)
	statement, err := base64.StdEncoding.DecodeString(payload)
	if err != nil {
		t.Fatal(err)
	}
	hex := func(digest string) string { return strings.TrimPrefix(digest, "sha256:") }
	changed := strings.ReplaceAll(string(statement), hex(from), hex(to))
	if changed == string(statement) {
		t.Fatalf("%s is not in %s", from, statement)
	}
	return []byte(strings.Replace(bundle, payload, base64.StdEncoding.EncodeToString([]byte(changed)), 1))
}

var resigned int

// resign returns another signature of a key over the package: its statement
// differs by what is of no account.
func resign(w *world, key string) []byte {
	w.t.Helper()
	statement, err := sign.NewStatement(w.weather.Digest, sign.PredicateSignature, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	resigned++
	signer, err := sign.KeySigner(w.keys[key])
	if err != nil {
		w.t.Fatal(err)
	}
	bundle, err := signer.Sign(context.Background(), append(statement, strings.Repeat(" ", resigned)...))
	if err != nil {
		w.t.Fatal(err)
	}
	return bundle
}

// TestOtherDigest: a reference with a digest is checked for no other one.
func TestOtherDigest(t *testing.T) {
	w := newWorld(t)
	w.sign(w.weather, "a")
	w.ref.Digest = w.other.Digest
	_, err := w.check(w.rule("a"))
	if want := w.text("ghcr.io/acme/weather@{digest}: not trusted: {other} was asked for"); err == nil || err.Error() != want || !errors.Is(err, trust.ErrUntrusted) {
		t.Errorf("%v, want %s", err, want)
	}
}

// down is a source that does not answer.
type down struct{ oci.Source }

var errDown = errors.New("connection refused")

func (down) Referrers(context.Context, string) ([]oci.Descriptor, error) { return nil, errDown }

// TestSourceIsDown: that nothing could be asked is no verdict about the package.
func TestSourceIsDown(t *testing.T) {
	w := newWorld(t)
	w.sign(w.weather, "a")
	p := trust.Policy{Rules: []trust.Rule{w.rule("a")}}
	v, err := p.CheckSignatures(context.Background(), w.ref, down{w}, w.weather.Digest)
	if !errors.Is(err, errDown) || errors.Is(err, trust.ErrUntrusted) || len(v.Signers) > 0 {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestCancelled(t *testing.T) {
	w := newWorld(t)
	w.sign(w.weather, "a")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	p := trust.Policy{Rules: []trust.Rule{w.rule("a")}}
	if v, err := p.CheckSignatures(ctx, w.ref, w, w.weather.Digest); !errors.Is(err, context.Canceled) || len(v.Signers) > 0 {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestCapabilities(t *testing.T) {
	rule := trust.Rule{Repositories: []string{"ghcr.io/acme/*"}}
	within := rule
	within.Ceiling = &plugins.Ceiling{HTTP: []plugins.HTTPGrant{{Host: "a.example"}}, KV: plugins.ReadOnly}
	asked := &plugins.Requests{HTTP: []plugins.HTTPRequest{{Host: "a.example"}}}
	more := &plugins.Requests{HTTP: []plugins.HTTPRequest{{Host: "a.example"}, {Host: "b.example"}}, KV: &plugins.KVRequest{}}
	tests := []struct {
		name       string
		repository string
		rule       trust.Rule
		asked      *plugins.Requests
		want       string
	}{
		{"asks for nothing", "acme/weather", rule, nil, ""},
		{"within", "acme/weather", within, asked, ""},
		{"without a ceiling", "acme/weather", rule, asked,
			"ghcr.io/acme/weather: not trusted: it asks for more than the rule ghcr.io/acme/* lets packages ask for: http: GET,HEAD https://a.example: add that to the rule's capabilities, if it may"},
		{"beyond", "acme/weather", within, more,
			"ghcr.io/acme/weather: not trusted: it asks for more than the rule ghcr.io/acme/* lets packages ask for: http: GET,HEAD https://b.example; kv: reading and writing: add that to the rule's capabilities, if it may"},
		{"no rule, although nothing is asked for", "evil/weather", within, nil,
			"ghcr.io/evil/weather: not trusted: no rule covers it: add one to trust.rules: {repositories: [ghcr.io/evil/weather], signers: [{key: FILE}]}"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := trust.Policy{Rules: []trust.Rule{tt.rule}}
			err := p.CheckCapabilities(oci.Reference{Registry: "ghcr.io", Repository: tt.repository}, tt.asked)
			if fmt.Sprint(err) != tt.want && (err != nil || tt.want != "") {
				t.Errorf("%v, want %s", err, tt.want)
			}
			if err != nil && !errors.Is(err, trust.ErrUntrusted) {
				t.Errorf("%v is no refusal", err)
			}
		})
	}
}
