// Package sign makes and checks signatures and attestations over the digests of
// packages, in the forms of sigstore's cosign: bundles that are referrers of the
// package, and the older form behind a tag.
package sign

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"time"

	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// Predicate types of in-toto statements.
const (
	// PredicateSignature is the one of a signature; every other one is an attestation.
	PredicateSignature = "https://sigstore.dev/cosign/sign/v1"
	PredicateSLSA      = "https://slsa.dev/provenance/v1"
	PredicateSPDX      = "https://spdx.dev/Document"
	PredicateCycloneDX = "https://cyclonedx.org/bom"
)

// ErrSignature is wrapped by the errors of a signature that does not hold.
var ErrSignature = errors.New("signature does not hold")

// Envelope is a signature or attestation as it was found, not yet verified.
type Envelope struct {
	// Manifest is what carries it in the repository.
	Manifest oci.Descriptor
	// Subject is the digest that it was found for.
	Subject string
	// form and content are for Verify.
	form    string
	content []byte
	// signature is set in the tag form.
	signature []byte
}

// Statement is what a verified envelope says about its subject.
type Statement struct {
	PredicateType string          // [PredicateSignature], or an attestation's
	Predicate     json.RawMessage // of an attestation
	// Signer is who signed: "key:sha256:…" (of the SPKI DER), or the identity, a space and its issuer.
	Signer string
	// Time is when it was signed, zero where nothing says that can be trusted.
	Time time.Time
}

// Collect finds every signature and attestation of a digest: bundles among its
// referrers, and the tag form. What is neither is left out; too many or too large
// ones are an error.
func Collect(ctx context.Context, src oci.Source, digest string) ([]Envelope, error) {
	return nil, errors.New("to be written")
}

// Verifier checks envelopes for one signer.
type Verifier interface {
	// Verify returns what an envelope says, if this signer signed it over
	// exactly the subject. The error wraps [ErrSignature].
	Verify(e Envelope) (Statement, error)
	// String names the signer as an operator knows it: the key's file, or the
	// identity and issuer.
	String() string
}

// NewKeyVerifier checks signatures by a public key: ECDSA P-256 or Ed25519. name
// is what its String returns.
func NewKeyVerifier(name string, key crypto.PublicKey) (Verifier, error) {
	return nil, errors.New("to be written")
}

// Identity is who a certificate of Fulcio was made out to.
type Identity struct {
	// Subject is the subject alternative name, Issuer the OIDC issuer, each
	// exact. SubjectPattern and IssuerPattern are regular expressions of the
	// whole text (RE2) that are used where the exact one is "".
	Subject, SubjectPattern string
	Issuer, IssuerPattern   string
}

// Root is sigstore's trusted root: whose certificates, logs and timestamps are
// believed.
type Root struct{}

// ParseRoot reads a trusted root (trusted_root.json).
func ParseRoot(data []byte) (*Root, error) { return nil, errors.New("to be written") }

// NewIdentityVerifier checks keyless signatures.
func NewIdentityVerifier(id Identity, root *Root) (Verifier, error) {
	return nil, errors.New("to be written")
}

// ParsePublicKey reads a PEM public key (SPKI).
func ParsePublicKey(pem []byte) (crypto.PublicKey, error) { return nil, errors.New("to be written") }

// ParsePrivateKey reads a private key as cosign writes it, encrypted, or PKCS #8
// in plain. password is asked for only where the key is encrypted.
func ParsePrivateKey(pem []byte, password func() ([]byte, error)) (crypto.Signer, error) {
	return nil, errors.New("to be written")
}

// Signer makes signatures; [KeySigner] returns one.
type Signer interface {
	// Sign returns a sigstore bundle (JSON) over the DSSE envelope of a statement.
	Sign(ctx context.Context, statement []byte) ([]byte, error)
}

// KeySigner signs with a key of one's own.
func KeySigner(key crypto.Signer) (Signer, error) { return nil, errors.New("to be written") }

// Attach signs a statement about a manifest and adds it as a bundle: a signature
// where predicateType is [PredicateSignature] and predicate is nil, else an attestation.
// It returns the descriptor of what it added.
func Attach(ctx context.Context, to oci.Target, subject oci.Descriptor, predicateType string, predicate json.RawMessage, s Signer) (oci.Descriptor, error) {
	return oci.Descriptor{}, errors.New("to be written")
}
