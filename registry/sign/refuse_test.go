package sign_test

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/registry/sign"
)

// signedBy returns the bundle of a statement.
func signedBy(t testing.TB, key crypto.Signer, statement string) string {
	t.Helper()
	s, err := sign.KeySigner(key)
	check(t, err)
	b, err := s.Sign(t.Context(), []byte(statement))
	check(t, err)
	return string(b)
}

// TestKeyVerifierRefusesStatements: what the right key signed, and does not count.
func TestKeyVerifierRefusesStatements(t *testing.T) {
	key, err := sign.GenerateKey(sign.ECDSA)
	check(t, err)
	v := verifier(t, key.Public())
	hex := strings.TrimPrefix(digest, "sha256:")
	subject := `{"digest":{"sha256":"` + hex + `"}}`
	other := `{"digest":{"sha256":"` + strings.Repeat("0", 64) + `"}}`
	of := func(kind, predicate, subjects string) string {
		return fmt.Sprintf(`{"_type":"https://in-toto.io/Statement/%s","subject":[%s],"predicateType":%q,"predicate":{}}`, kind, subjects, predicate)
	}
	tests := []struct {
		name, statement string
		want            error // nil: it holds
	}{
		{"right", of("v1", sign.PredicateSignature, subject), nil},
		{"another digest", of("v1", sign.PredicateSignature, other), sign.ErrOtherDigest},
		{"no digest of that kind", of("v1", sign.PredicateSignature, `{"digest":{"sha512":"`+hex+`"}}`), sign.ErrOtherDigest},
		{"upper case", of("v1", sign.PredicateSignature, strings.ToUpper(subject[:10])+subject[10:]), sign.ErrSignature},
		{"a signature of two", of("v1", sign.PredicateSignature, subject+","+other), sign.ErrDamaged},
		{"no subject", of("v1", sign.PredicateSignature, ""), sign.ErrDamaged},
		{"the older statement", of("v0.1", sign.PredicateSignature, subject), sign.ErrVersion},
		{"a newer statement", of("v2", sign.PredicateSignature, subject), sign.ErrVersion},
		{"an attestation", of("v1", sign.PredicateSLSA, subject), sign.ErrNotSignature},
		{"no type", of("v1", "", subject), sign.ErrDamaged},
		{"a name twice", strings.Replace(of("v1", sign.PredicateSignature, subject), `{`, `{"predicateType":"x",`, 1), sign.ErrDamaged},
		{"a name in two cases", strings.Replace(of("v1", sign.PredicateSignature, subject), `{`, `{"Subject":[],`, 1), sign.ErrDamaged},
		{"a name in another case", strings.Replace(of("v1", sign.PredicateSignature, subject), `"subject"`, `"Subject"`, 1), sign.ErrDamaged},
		{"text behind", of("v1", sign.PredicateSignature, subject) + "{}", sign.ErrDamaged},
		{"no object", `[]`, sign.ErrDamaged},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := sign.VerifySignature(v, sign.NewEnvelope(digest, []byte(signedBy(t, key, tt.statement))))
			if !errors.Is(err, tt.want) || tt.want != nil && !errors.Is(err, sign.ErrSignature) {
				t.Errorf("the error is %v, want %v", err, tt.want)
			}
		})
	}
	// An attestation may be about several things that one build made.
	several := of("v0.1", sign.PredicateSLSA, other+","+subject)
	if _, err := sign.VerifyStatement(v, sign.NewEnvelope(digest, []byte(signedBy(t, key, several))), sign.PredicateSLSA); err != nil {
		t.Errorf("an attestation of two: %v", err)
	}
	twice := of("v1", sign.PredicateSLSA, subject+","+subject)
	if _, err := v.Verify(sign.NewEnvelope(digest, []byte(signedBy(t, key, twice)))); !errors.Is(err, sign.ErrDamaged) {
		t.Errorf("a digest twice: %v", err)
	}
}

// TestKeyVerifierRefusesBundles: the right signature in what is no bundle of it.
func TestKeyVerifierRefusesBundles(t *testing.T) {
	key, err := sign.GenerateKey(sign.Ed25519)
	check(t, err)
	v := verifier(t, key.Public())
	good := signedBy(t, key, string(statement(t, sign.PredicateSignature)))
	var parts struct {
		DSSE struct {
			Signatures []struct{ Sig string }
		} `json:"dsseEnvelope"`
	}
	check(t, json.Unmarshal([]byte(good), &parts))
	sig := parts.DSSE.Signatures[0].Sig
	raw, err := base64.StdEncoding.DecodeString(sig)
	check(t, err)
	tests := []struct {
		name, from, to string
		want           error // nil: it holds
	}{
		{"right", "", "", nil},
		{"white space", `{"`, ` {` + "\n\t" + `"`, nil},
		{"a hint that lies", `"hint":"`, `"hint":"lie`, nil},
		{"the same version, spelled as before", `.v0.3+json`, `+json;version=0.3`, nil},
		{"an unknown version", `.v0.3+json`, `.v0.4+json`, sign.ErrVersion},
		{"no version", `"mediaType"`, `"mediatype"`, sign.ErrVersion},
		{"another payload", `application/vnd.in-toto+json`, `application/json`, sign.ErrVersion},
		{"another signature", sig, base64.StdEncoding.EncodeToString(make([]byte, 64)), sign.ErrOtherSigner},
		{"no signature", sig, "", sign.ErrDamaged},
		{"URL base64", sig, base64.URLEncoding.EncodeToString(append([]byte{0xfb, 0xff}, raw...)), sign.ErrDamaged},
		{"base64 without padding", sig, strings.TrimRight(sig, "="), sign.ErrDamaged},
		{"base64 with a line end", sig, sig[:4] + `\n` + sig[4:], sign.ErrDamaged},
		{"several signatures", `[{"sig"`, `[{"sig":"AAAA"},{"sig"`, sign.ErrDamaged},
		{"no signatures", `"signatures":[{"sig":"` + sig + `"}]`, `"signatures":[]`, sign.ErrDamaged},
		{"signatures of null", `"signatures":[{"sig":"` + sig + `"}]`, `"signatures":null`, sign.ErrDamaged},
		{"a name twice", `{"mediaType"`, `{"mediaType":"x","mediaType"`, sign.ErrDamaged},
		{"an unknown member", `{"mediaType"`, `{"extra":1,"mediaType"`, sign.ErrDamaged},
		{"an unknown member of the envelope", `{"payload"`, `{"extra":1,"payload"`, sign.ErrDamaged},
		{"a message signature too", `{"mediaType"`, `{"messageSignature":{},"mediaType"`, sign.ErrVersion},
		{"two keys", `{"publicKey"`, `{"certificate":{},"publicKey"`, sign.ErrDamaged},
		{"no key", `"publicKey":{`, `"tlogEntries":{`, sign.ErrDamaged},
		{"a certificate", `"publicKey":{`, `"certificate":{`, sign.ErrOtherSigner},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			changed := good
			if tt.from != "" {
				if changed = strings.Replace(good, tt.from, tt.to, 1); changed == good {
					t.Fatalf("nothing was changed in %s", good)
				}
			}
			_, err := v.Verify(sign.NewEnvelope(digest, []byte(changed)))
			if !errors.Is(err, tt.want) || tt.want != nil && !errors.Is(err, sign.ErrSignature) {
				t.Errorf("the error is %v, want %v", err, tt.want)
			}
		})
	}
	for _, text := range []string{"", "{", "[]", "null", good + "x", good + good} {
		if _, err := v.Verify(sign.NewEnvelope(digest, []byte(text))); !errors.Is(err, sign.ErrDamaged) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
	if _, err := v.Verify(sign.Envelope{}); !errors.Is(err, sign.ErrDamaged) {
		t.Errorf("an empty envelope: %v", err)
	}
}
