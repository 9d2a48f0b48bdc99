package sign_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/mcpwasm/mcpwasm/registry/sign"
)

// samePromise reports whether two bundles say the same: the same signature over the
// same statement by the same certificate, in the same log at the same time. What sigstore's formats leave
// unsigned around that may differ: the hint at a key, the name of a log's kind and
// of a checkpoint's signer, and the wrapping of a timestamp, whose time the
// verifier returns.
func samePromise(a, b []byte) bool {
	var x, y protobundle.Bundle
	if protojson.Unmarshal(a, &x) != nil || protojson.Unmarshal(b, &y) != nil {
		return false
	}
	for _, m := range []*protobundle.Bundle{&x, &y} {
		material := m.GetVerificationMaterial()
		if key := material.GetPublicKey(); key != nil {
			key.Hint = ""
		}
		for _, entry := range material.GetTlogEntries() {
			entry.KindVersion = nil
			entry.InclusionProof.Checkpoint = nil
		}
		material.TimestampVerificationData = nil
	}
	return proto.Equal(&x, &y)
}

// flips calls f with content of which one byte is changed, for every byte: its
// lowest bit, its case, its highest bit in turn.
func flips(content []byte, f func(at int, changed []byte)) {
	for i := range content {
		changed := bytes.Clone(content)
		changed[i] ^= []byte{0x01, 0x20, 0x80}[i%3]
		f(i, changed)
	}
}

func TestNoChangedBundleHolds(t *testing.T) {
	ecdsaKey, err := sign.GenerateKey(sign.ECDSA)
	check(t, err)
	edKey, err := sign.GenerateKey(sign.Ed25519)
	check(t, err)
	ours := newVirtual(t)
	text := statement(t, sign.PredicateSignature)
	byIdentity := sign.Identity{Subject: someone, Issuer: issuer}
	tests := []struct {
		name   string
		v      sign.Verifier
		bundle []byte
	}{
		{"ECDSA", verifier(t, ecdsaKey.Public()), []byte(signedBy(t, ecdsaKey, string(text)))},
		{"Ed25519", verifier(t, edKey.Public()), []byte(signedBy(t, edKey, string(text)))},
		{"log", identityVerifier(t, byIdentity, ours.root(t, parts{log: true}, nil)), ours.signed(t, text, someone, issuer, soon(), keep{log: true})},
		{"timestamp", identityVerifier(t, byIdentity, ours.root(t, parts{timestamps: true}, nil)), ours.signed(t, text, someone, issuer, soon(), keep{timestamp: true})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want, err := tt.v.Verify(sign.NewEnvelope(digest, tt.bundle))
			check(t, err)
			flips(tt.bundle, func(at int, changed []byte) {
				if st, err := tt.v.Verify(sign.NewEnvelope(digest, changed)); err == nil && (!samePromise(tt.bundle, changed) || !reflect.DeepEqual(st, want)) {
					t.Errorf("it holds with byte %d changed: …%s…: %+v", at, changed[max(0, at-40):min(len(changed), at+10)], st)
				}
			})
			for n := 0; n < len(tt.bundle); n += 13 {
				if _, err := tt.v.Verify(sign.NewEnvelope(digest, tt.bundle[:n])); err == nil && !json.Valid(tt.bundle[:n]) {
					t.Errorf("it holds with %d bytes of it", n)
				}
			}
		})
	}
}

func TestNoChangedTagFormHolds(t *testing.T) {
	repository, subject := goldenRepository(t, "sign2", ".payload.json", ".sig")
	envelopes, err := sign.Collect(t.Context(), repository, subject.Digest)
	check(t, err)
	payload := golden(t, "sign2.payload.json")
	v := verifier(t, goldenKey(t, "ecdsa2"))
	if _, err := v.Verify(envelopes[0]); err != nil {
		t.Fatal(err)
	}
	flips(payload, func(at int, changed []byte) {
		if _, err := v.Verify(sign.WithContent(envelopes[0], changed)); err == nil {
			t.Errorf("it holds with byte %d changed", at)
		}
	})
}
