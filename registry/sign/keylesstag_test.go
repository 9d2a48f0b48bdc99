package sign_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"
	"testing"

	"github.com/sigstore/sigstore-go/pkg/testing/ca"
	"github.com/sigstore/sigstore-go/pkg/tlog"

	"github.com/mcpwasm/mcpwasm/registry/sign"
)

// simple is what cosign 2 signs.
func simple(digest string) []byte {
	return []byte(`{"critical":{"identity":{"docker-reference":"example.com/acme/weather"},"image":{"docker-manifest-digest":"` +
		digest + `"},"type":"cosign container image signature"},"optional":null}`)
}

// entity signs what cosign 2 signs, keyless.
func (v virtual) entity(t testing.TB, content []byte) (entity *ca.TestEntity, signature []byte, certificate, log string) {
	t.Helper()
	entity, err := v.SignAtTime(someone, issuer, content, soon())
	check(t, err)
	what, err := entity.SignatureContent()
	check(t, err)
	who, err := entity.VerificationContent()
	check(t, err)
	entries, err := entity.TlogEntries()
	check(t, err)
	e := entries[0].TransparencyLogEntry()
	payload := tlog.RekorPayload{
		Body: base64.StdEncoding.EncodeToString(e.CanonicalizedBody), IntegratedTime: e.IntegratedTime,
		LogIndex: e.LogIndex, LogID: hex.EncodeToString(e.LogId.KeyId),
	}
	promise, err := v.RekorSignPayload(payload)
	check(t, err)
	answer, err := json.Marshal(map[string]any{"SignedEntryTimestamp": promise, "Payload": payload})
	check(t, err)
	return entity, what.Signature(), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: who.Certificate().Raw})), string(answer)
}

// tagged returns the parts of a keyless signature in the tag form.
func (v virtual) tagged(t testing.TB) (content []byte, certificate, chain, log string) {
	t.Helper()
	content = simple(digest)
	_, _, certificate, log = v.entity(t, content)
	return content, certificate, "", log
}

func TestKeylessTagForm(t *testing.T) {
	ours := newVirtual(t)
	v := identityVerifier(t, sign.Identity{Subject: someone, Issuer: issuer}, ours.root(t, parts{log: true}, nil))
	_, signature, certificate, log := ours.entity(t, simple(digest))
	other := strings.Repeat("0", 64)
	_, otherSignature, otherCertificate, otherLog := ours.entity(t, simple("sha256:"+other))
	tests := []struct {
		name     string
		envelope sign.Envelope
		want     error // nil: it holds
	}{
		{"right", sign.NewTagEnvelope(digest, simple(digest), signature, certificate, "", log), nil},
		{"other digest", sign.NewTagEnvelope(digest, simple("sha256:"+other), otherSignature, otherCertificate, "", otherLog), sign.ErrOtherDigest},
		{"other content", sign.NewTagEnvelope(digest, simple(digest), otherSignature, otherCertificate, "", otherLog), sign.ErrSignature},
		{"no certificate", sign.NewTagEnvelope(digest, simple(digest), signature, "", "", log), sign.ErrOtherSigner},
		{"certificate of another", sign.NewTagEnvelope(digest, simple(digest), signature, otherCertificate, "", log), sign.ErrSignature},
		{"no log", sign.NewTagEnvelope(digest, simple(digest), signature, certificate, "", ""), sign.ErrTime},
		{"log of another", sign.NewTagEnvelope(digest, simple(digest), signature, certificate, "", otherLog), sign.ErrSignature},
		{"no base64", sign.Signed(sign.NewTagEnvelope(digest, simple(digest), nil, certificate, "", log), nil), sign.ErrDamaged},
		{"no JSON", sign.NewTagEnvelope(digest, simple(digest), signature, certificate, "", "{"), sign.ErrDamaged},
		{"no PEM", sign.NewTagEnvelope(digest, simple(digest), signature, "x", "", log), sign.ErrDamaged},
		{"many certificates", sign.NewTagEnvelope(digest, simple(digest), signature, certificate, strings.Repeat(certificate, 20), log), sign.ErrDamaged},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			st, err := sign.VerifySignature(v, tt.envelope)
			if !errors.Is(err, tt.want) || tt.want != nil && !errors.Is(err, sign.ErrSignature) {
				t.Fatalf("the error is %v, want %v", err, tt.want)
			}
			if who, _ := tt.envelope.Claims(); err == nil && (st.Signer != someone+" "+issuer || who != st.Signer || st.Time.IsZero()) {
				t.Errorf("the statement is %+v, it claims to be by %q", st, who)
			}
		})
	}
}
