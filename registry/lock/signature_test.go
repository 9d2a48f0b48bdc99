package lock_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/registry/lock"
	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/sign"
)

func newKey(t *testing.T, name string) (sign.Signer, sign.Verifier) {
	t.Helper()
	key, err := sign.GenerateKey(sign.ECDSA)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := sign.KeySigner(key)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := sign.NewKeyVerifier(name, key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return signer, verifier
}

func TestSign(t *testing.T) {
	ours, verifier := newKey(t, "ours.pub")
	theirs, _ := newKey(t, "theirs.pub")
	data := marshal(t, weather(t, nil))
	changed := bytes.Replace(data, []byte("3000000"), []byte("3000001"), 1)
	bundle := func(s sign.Signer, data []byte) []byte {
		b, err := lock.Sign(t.Context(), data, s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	statement, err := sign.NewStatement(oci.DigestOf(data), sign.PredicateSignature, nil)
	if err != nil {
		t.Fatal(err)
	}
	ofPackage, err := ours.Sign(t.Context(), statement)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name         string
		data, bundle []byte
		signers      []sign.Verifier
		want         string // "" for one that holds
	}{
		{"good", data, bundle(ours, data), []sign.Verifier{verifier}, ""},
		{"none", data, nil, []sign.Verifier{verifier}, "there is no signature"},
		{"no signers", data, bundle(ours, data), nil, "not signed as it has to be"},
		{"another's", data, bundle(theirs, data), []sign.Verifier{verifier}, "ours.pub: "},
		{"stale", changed, bundle(ours, data), []sign.Verifier{verifier}, "ours.pub: "},
		{"a package's", data, ofPackage, []sign.Verifier{verifier}, "in place of an attestation"},
		{"no bundle", data, []byte("{}"), []sign.Verifier{verifier}, "ours.pub: "},
		{"too large", data, make([]byte, lock.MaxSignatureBytes+1), []sign.Verifier{verifier}, "more than"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := lock.Verify(tt.data, tt.bundle, tt.signers)
			switch {
			case tt.want == "" && (err != nil || !strings.HasPrefix(s.Signer, "key:sha256:")):
				t.Error(s, err)
			case tt.want != "" && (!errors.Is(err, lock.ErrUnsigned) || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n")):
				t.Errorf("error %v, want one line with %q", err, tt.want)
			}
		})
	}
	if _, err := lock.Sign(t.Context(), changed, ours); !errors.Is(err, lock.ErrIntegrity) {
		t.Error("a file that is none was signed:", err)
	}
}

// TestSignFlipped flips every byte of a signature.
func TestSignFlipped(t *testing.T) {
	signer, verifier := newKey(t, "ours.pub")
	data := marshal(t, weather(t, nil))
	bundle, err := lock.Sign(t.Context(), data, signer)
	if err != nil {
		t.Fatal(err)
	}
	good, err := lock.Verify(data, bundle, []sign.Verifier{verifier})
	if err != nil {
		t.Fatal(err)
	}
	for i := range bundle {
		flipped := bytes.Clone(bundle)
		flipped[i] ^= 1
		// What is not signed in a bundle, such as a hint, may differ.
		if s, err := lock.Verify(data, flipped, []sign.Verifier{verifier}); err == nil && (s.Signer != good.Signer || s.PredicateType != good.PredicateType) {
			t.Errorf("byte %d: %+v", i, s)
		}
	}
}
