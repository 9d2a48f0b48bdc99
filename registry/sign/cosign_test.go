package sign_test

import (
	"bytes"
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/oci/ocitest"
	"github.com/mcpwasm/mcpwasm/registry/sign"
)

// golden returns a file that cosign wrote: testdata/cosign/README.md.
func golden(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "cosign", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// put adds content to a repository.
func put(t testing.TB, to oci.Target, mediaType string, content []byte) oci.Descriptor {
	t.Helper()
	d := oci.Describe(mediaType, content)
	if err := to.Push(context.Background(), d, bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	return d
}

// goldenRepository holds what cosign wrote of one of the forms, and the package
// that it is about.
func goldenRepository(t testing.TB, name, layer, tagEnding string) (*ocitest.Memory, oci.Descriptor) {
	t.Helper()
	repository := ocitest.New()
	subject := put(t, repository, oci.MediaTypeManifest, golden(t, "subject.manifest.json"))
	put(t, repository, "", golden(t, name+layer))
	m := put(t, repository, oci.MediaTypeManifest, golden(t, name+".manifest.json"))
	if tagEnding != "" {
		if err := repository.Tag(context.Background(), m, strings.Replace(subject.Digest, ":", "-", 1)+tagEnding); err != nil {
			t.Fatal(err)
		}
	}
	return repository, subject
}

func goldenKey(t testing.TB, name string) crypto.PublicKey {
	t.Helper()
	key, err := sign.ParsePublicKey(golden(t, name+".pub"))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func verifier(t testing.TB, key crypto.PublicKey) sign.Verifier {
	t.Helper()
	v, err := sign.NewKeyVerifier("test.pub", key)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVerifyWhatCosignWrote(t *testing.T) {
	tests := []struct {
		name, layer, tag, key string
		predicate, form       string
	}{
		{"sign3-ecdsa", ".bundle.json", "", "ecdsa3", sign.PredicateSignature, "bundle"},
		{"sign3-ed25519", ".bundle.json", "", "ed25519", sign.PredicateSignature, "bundle"},
		{"attest3", ".bundle.json", "", "ecdsa3", sign.PredicateSLSA, "bundle"},
		{"sign2", ".payload.json", ".sig", "ecdsa2", sign.PredicateSignature, "tag"},
		{"sign2", ".payload.json", ".sig", "ed25519", sign.PredicateSignature, "tag"},
		{"attest2", ".dsse.json", ".att", "ecdsa2", sign.PredicateSLSA, "attachment"},
	}
	for _, tt := range tests {
		t.Run(tt.name+" by "+tt.key, func(t *testing.T) {
			repository, subject := goldenRepository(t, tt.name, tt.layer, tt.tag)
			envelopes, err := sign.Collect(t.Context(), repository, subject.Digest)
			if err != nil {
				t.Fatal(err)
			}
			key := goldenKey(t, tt.key)
			id, err := sign.KeyID(key)
			if err != nil {
				t.Fatal(err)
			}
			var held []sign.Statement
			for _, e := range envelopes {
				if e.Form() != tt.form {
					t.Errorf("the form is %s, want %s", e.Form(), tt.form)
				}
				s, err := sign.VerifyStatement(verifier(t, key), e, tt.predicate)
				if err == nil {
					held = append(held, s)
				} else if !errors.Is(err, sign.ErrOtherSigner) {
					t.Errorf("Verify: %v", err)
				}
				if _, err := verifier(t, goldenKey(t, "other")).Verify(e); !errors.Is(err, sign.ErrOtherSigner) {
					t.Errorf("by another key: %v", err)
				}
			}
			if len(held) != 1 || held[0].Signer != id || held[0].PredicateType != tt.predicate {
				t.Fatalf("%d envelopes hold: %+v", len(held), held)
			}
			if isAttestation := json.Valid(held[0].Predicate); isAttestation == held[0].IsSignature() {
				t.Errorf("the predicate is %s", held[0].Predicate)
			}
		})
	}
}
