package sign_test

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
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

// stray spells the same bytes in another way: base64 of 64 bytes has four bits in
// its last letter that are not used.
func stray(sig string) string {
	last := len(sig) - len("==") - 1
	return sig[:last] + string(sig[last]+1) + sig[last+1:]
}

// TestKeyVerifierRefusesTags: what the right key signed behind a tag, and is no
// signature of an image.
func TestKeyVerifierRefusesTags(t *testing.T) {
	key, err := sign.GenerateKey(sign.ECDSA)
	check(t, err)
	v := verifier(t, key.Public())
	good := string(simple(digest))
	tests := []struct {
		name, from, to string
		want           error // nil: it holds
	}{
		{"right", "", "", nil},
		{"another type", "cosign container image signature", "atomic container signature", sign.ErrVersion},
		{"no type", `,"type":"cosign container image signature"`, "", sign.ErrVersion},
		{"another digest", digest[:20], "sha256:0000000000000", sign.ErrOtherDigest},
		{"an unknown member", `"type"`, `"extra":1,"type"`, sign.ErrDamaged},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			content := []byte(strings.Replace(good, tt.from, tt.to, 1))
			sum := sha256.Sum256(content)
			signature, err := key.Sign(rand.Reader, sum[:], crypto.SHA256)
			check(t, err)
			_, err = v.Verify(sign.NewTagEnvelope(digest, content, signature, "", "", ""))
			if !errors.Is(err, tt.want) {
				t.Errorf("the error is %v, want %v", err, tt.want)
			}
		})
	}
}

// TestBundlesAreBounded: what a bundle repeats is counted before it is decoded.
func TestBundlesAreBounded(t *testing.T) {
	ours := newVirtual(t)
	v := identityVerifier(t, sign.Identity{Subject: someone, Issuer: issuer}, ours.root(t, parts{log: true}, nil))
	bundle := func(material string) []byte {
		return []byte(`{"mediaType":"` + sign.MediaTypeBundle + `","verificationMaterial":{` + material + `},"dsseEnvelope":{"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[{"sig":"AAAA"}]}}`)
	}
	of := func(n int, element string) string { return strings.TrimSuffix(strings.Repeat(element+",", n), ",") }
	const certificate = `"certificate":{"rawBytes":"AAAA"},`
	tests := []struct{ name, material, says string }{
		{"log entries", certificate + `"tlogEntries":[` + of(33, "{}") + `]`, "33 tlogEntries, more than the 32 allowed"},
		{"timestamps", certificate + `"timestampVerificationData":{"rfc3161Timestamps":[` + of(33, "{}") + `]}`, "33 rfc3161Timestamps, more than the 32 allowed"},
		{"certificates", `"x509CertificateChain":{"certificates":[` + of(11, "{}") + `]}`, "11 certificates, more than the 10 allowed"},
		{"hashes", certificate + `"tlogEntries":[{},{"inclusionProof":{"hashes":[` + of(65, `""`) + `]}}]`, "65 hashes, more than the 64 allowed"},
		{"another spelling", certificate + `"tlogEntries":[{"inclusion_proof":{"hashes":[` + of(65, `""`) + `]}}]`, `unknown member "inclusion_proof"`},
		{"another spelling of timestamps", certificate + `"timestampVerificationData":{"rfc3161_timestamps":[{}]}`, `unknown member "rfc3161_timestamps"`},
		{"no list", certificate + `"tlogEntries":{}`, "tlogEntries: want an array"},
		{"no entry", certificate + `"tlogEntries":[7]`, "tlogEntries: want an object"},
		{"null is none", certificate + `"tlogEntries":null,"timestampVerificationData":null`, ""},
		{"entries without end", certificate + `"tlogEntries":[` + of(1<<19, "{}") + `]`, "too many JSON values"},
		{"hashes without end", certificate + `"tlogEntries":[{"inclusionProof":{"hashes":[` + of(1<<19, `""`) + `]}}]`, "too many JSON values"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := sign.NewEnvelope(digest, bundle(tt.material))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := v.Verify(e)
			runtime.ReadMemStats(&after)
			if !errors.Is(err, sign.ErrSignature) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("the error is %v, want %q in it", err, tt.says)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 8<<20 {
				t.Errorf("%d bytes were allocated", n)
			}
		})
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
		{"base64 with stray bits", sig, stray(sig), sign.ErrDamaged},
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
