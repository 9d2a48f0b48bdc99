package packages

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"
)

// otherDigest is one that no content here has.
const otherDigest = "sha256:00000000000000000000000000000000000000000000000000000000000000aa"

// signatures are packages whose signature is not the one that the policy wants.
var signatures = []attack{
	{name: "signature/none", set: func(*arena) {}},
	{name: "signature/for another digest", set: func(a *arena) { a.signBy(a.key, a.pkg, otherDigest) }},
	{name: "signature/by another key", set: func(a *arena) { a.signBy(a.otherKey(), a.pkg, a.pkg.Digest) }},
	{name: "signature/of another key with the hint of the right one", set: func(a *arena) {
		forged := edited(a, a.signed(a.otherKey()), "hint", hintOf(a, a.key))
		a.vouch(a.pkg, predicateSignature, forged)
	}, same: "signature/by another key"},
	{name: "signature/over another payload", same: "signature/by another key", set: func(a *arena) {
		genuine := a.signatureOf(otherDigest)
		forged := statement(a.pkg.Digest, predicateSignature, map[string]any{})
		a.vouch(a.pkg, predicateSignature, edited(a, genuine, "payload", base64.StdEncoding.EncodeToString(forged)))
	}},
	{name: "signature/over another payload type", set: func(a *arena) {
		a.vouch(a.pkg, predicateSignature, edited(a, a.signed(a.key), "payloadType", "text/plain"))
	}},
	{name: "signature/an attestation in its place", set: func(a *arena) {
		a.vouch(a.pkg, predicateSLSA, keyBundle(a.t, a.key, statement(a.pkg.Digest, predicateSLSA, map[string]any{})))
	}},
	{name: "signature/an attestation that is announced as one", set: func(a *arena) {
		a.vouch(a.pkg, predicateSignature, keyBundle(a.t, a.key, statement(a.pkg.Digest, predicateSLSA, map[string]any{})))
	}, same: "signature/an attestation in its place"},
	{name: "signature/the same one twice, where two signers are wanted", set: func(a *arena) {
		a.sign(a.pkg)
		a.sign(a.pkg)
		a.write("other.pub", publicKey(a.t, a.otherKey()), 0o600)
		two := strings.Replace(byKey("k.pub"), "        - key: k.pub\n", "        - key: k.pub\n        - key: other.pub\n      threshold: 2\n", 1)
		a.configure(two, &a.m.registry)
	}},
	{name: "signature/no bundle at all", set: func(a *arena) { a.vouch(a.pkg, predicateSignature, []byte("not JSON")) }},
	{name: "signature/in a tag, for another digest", set: func(a *arena) { a.tagForm(a.key, otherDigest) }},
	{name: "signature/in a tag, by another key", set: func(a *arena) { a.tagForm(a.otherKey(), a.pkg.Digest) }, same: "signature/by another key"},
	{name: "signature/no rule for the repository", set: func(a *arena) {
		a.sign(a.pkg)
		a.configure(strings.Replace(byKey("k.pub"), `"*"`, "registry.example.com/*", 1), &a.m.registry)
	}},
	{name: "signature/without an attestation that is required", set: func(a *arena) {
		a.sign(a.pkg)
		a.requireProvenance()
	}},
	{name: "signature/with a required attestation by another key", set: func(a *arena) {
		a.sign(a.pkg)
		a.vouch(a.pkg, predicateSLSA, keyBundle(a.t, a.otherKey(), statement(a.pkg.Digest, predicateSLSA, map[string]any{})))
		a.requireProvenance()
	}},
	{name: "signature/with a required attestation for another digest", set: func(a *arena) {
		a.sign(a.pkg)
		a.vouch(a.pkg, predicateSLSA, keyBundle(a.t, a.key, statement(otherDigest, predicateSLSA, map[string]any{})))
		a.requireProvenance()
	}},
	// The other way round: what does not hold does no harm to what does.
	{name: "signature/a good one among bad ones", runs: true, set: func(a *arena) {
		a.signBy(a.otherKey(), a.pkg, a.pkg.Digest)
		a.vouch(a.pkg, predicateSignature, []byte("not JSON"))
		a.sign(a.pkg)
	}},
}

// identities are keyless signatures that are not the one that the policy wants.
var identities = []attack{
	{name: "identity/another one", set: keyless("eve@example.com", someIssuer, noEnd)},
	{name: "identity/one that begins like it", set: keyless(someIdentity+".example.org", someIssuer, noEnd)},
	{name: "identity/of another issuer", set: keyless(someIdentity, "https://issuer.example.org", noEnd)},
	{name: "identity/expired root", set: func(a *arena) { keyless(someIdentity, someIssuer, time.Now().Add(-time.Hour))(a) }},
	{name: "identity/root of another authority", set: func(a *arena) {
		keyless(someIdentity, someIssuer, noEnd)(a)
		a.write("root.json", newSigstore(a.t).root(noEnd), 0o600)
	}},
	{name: "identity/for another digest", set: func(a *arena) {
		a.keyless(someIdentity, someIssuer, statement(otherDigest, predicateSignature, map[string]any{}), noEnd)
	}},
	{name: "identity/an attestation in place of a signature", set: func(a *arena) {
		a.keyless(someIdentity, someIssuer, statement(a.pkg.Digest, predicateSLSA, map[string]any{}), noEnd)
	}},
	{name: "identity/a log entry of something else", set: func(a *arena) {
		s := newSigstore(a.t)
		text := statement(a.pkg.Digest, predicateSignature, map[string]any{})
		one, two := s.bundle(someIdentity, someIssuer, text), s.bundle(someIdentity, someIssuer, text)
		a.write("root.json", s.root(noEnd), 0o600)
		a.configure(byIdentity(someIdentity, someIssuer), &a.m.registry)
		a.vouch(a.pkg, predicateSignature, withLogOf(a, one, two))
	}},
	{name: "identity/neither logged nor stamped", set: func(a *arena) {
		s := newSigstore(a.t)
		a.write("root.json", s.root(noEnd), 0o600)
		a.configure(byIdentity(someIdentity, someIssuer), &a.m.registry)
		a.vouch(a.pkg, predicateSignature, withoutTime(a, s.bundle(someIdentity, someIssuer, statement(a.pkg.Digest, predicateSignature, map[string]any{}))))
	}},
	{name: "identity/the right one", runs: true, set: keyless(someIdentity, someIssuer, noEnd)},
}

// keyless signs the package as an identity, while the policy wants another.
func keyless(identity, issuer string, end time.Time) func(*arena) {
	return func(a *arena) {
		a.keyless(identity, issuer, statement(a.pkg.Digest, predicateSignature, map[string]any{}), end)
	}
}

func (a *arena) keyless(identity, issuer string, statement []byte, end time.Time) {
	a.t.Helper()
	s := newSigstore(a.t)
	a.write("root.json", s.root(end), 0o600)
	a.configure(byIdentity(someIdentity, someIssuer), &a.m.registry)
	a.vouch(a.pkg, predicateSignature, s.bundle(identity, issuer, statement))
}

func (a *arena) otherKey() *ecdsa.PrivateKey {
	a.t.Helper()
	key, err := newECDSA()
	if err != nil {
		a.t.Fatal(err)
	}
	return key
}

// signed returns the signature of the package by a key.
func (a *arena) signed(key *ecdsa.PrivateKey) []byte {
	return keyBundle(a.t, key, statement(a.pkg.Digest, predicateSignature, map[string]any{}))
}

// signatureOf returns the publisher's signature of a digest.
func (a *arena) signatureOf(digest string) []byte {
	return keyBundle(a.t, a.key, statement(digest, predicateSignature, map[string]any{}))
}

func (a *arena) requireProvenance() {
	a.configure(strings.Replace(byKey("k.pub"), "      capabilities", "      attestations: [{type: slsa}]\n      capabilities", 1), &a.m.registry)
}

func hintOf(a *arena, key *ecdsa.PrivateKey) string {
	text := keyBundle(a.t, key, nil)
	var b struct {
		VerificationMaterial struct{ PublicKey struct{ Hint string } }
	}
	if err := json.Unmarshal(text, &b); err != nil {
		a.t.Fatal(err)
	}
	return b.VerificationMaterial.PublicKey.Hint
}

// edited returns a bundle with another value of a member, wherever that is.
func edited(a *arena, bundle []byte, member, value string) []byte {
	a.t.Helper()
	before, rest, ok := bytes.Cut(bundle, []byte(`"`+member+`":"`))
	_, after, closed := bytes.Cut(rest, []byte(`"`))
	if !ok || !closed {
		a.t.Fatalf("no %s in %s", member, bundle)
	}
	return bytes.Join([][]byte{before, []byte(`"` + member + `":"` + value + `"`), after}, nil)
}

// material reads what of a bundle says when and by whom it was signed.
func material(a *arena, bundle []byte) (whole map[string]any, part map[string]any) {
	a.t.Helper()
	if err := json.Unmarshal(bundle, &whole); err != nil {
		a.t.Fatal(err)
	}
	part, ok := whole["verificationMaterial"].(map[string]any)
	if !ok {
		a.t.Fatalf("no verification material in %s", bundle)
	}
	return whole, part
}

func withLogOf(a *arena, bundle, other []byte) []byte {
	whole, part := material(a, bundle)
	_, foreign := material(a, other)
	part["tlogEntries"] = foreign["tlogEntries"]
	return encoded(a, whole)
}

func withoutTime(a *arena, bundle []byte) []byte {
	whole, part := material(a, bundle)
	delete(part, "tlogEntries")
	delete(part, "timestampVerificationData")
	return encoded(a, whole)
}

func encoded(a *arena, v any) []byte {
	a.t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		a.t.Fatal(err)
	}
	return b
}

// tagForm signs the package in cosign 2's form, over a payload that names a digest.
func (a *arena) tagForm(key *ecdsa.PrivateKey, digest string) {
	a.t.Helper()
	payload := encoded(a, map[string]any{"critical": map[string]any{
		"identity": map[string]any{"docker-reference": a.m.host + "/" + a.repository},
		"image":    map[string]any{"docker-manifest-digest": digest},
		"type":     "cosign container image signature",
	}, "optional": nil})
	hash := sha256.Sum256(payload)
	signature, err := key.Sign(rand.Reader, hash[:], crypto.SHA256)
	if err != nil {
		a.t.Fatal(err)
	}
	layer := a.blob("PAYLOAD", "application/vnd.dev.cosign.simplesigning.v1+json", payload)
	layer.Annotations = map[string]string{"dev.cosignproject.cosign/signature": base64.StdEncoding.EncodeToString(signature)}
	config := a.blob("SIGNATURE-CONFIG", "application/vnd.oci.image.config.v1+json", []byte(`{"architecture":"","os":"","rootfs":{"type":"layers","diff_ids":[]}}`))
	a.put("SIGNATURE", fallbackTag(a.pkg)+".sig", manifest{Config: &config, Layers: []descriptor{layer}})
}
