// Package sign makes and checks signatures and attestations over the digests of
// packages, in the forms of sigstore's cosign: bundles that are referrers of the
// package, and the older form behind a tag.
//
// Everything is an [Envelope] that [Collect] finds and a [Verifier] checks:
// [NewKeyVerifier] by a public key, with the standard library, and
// [NewIdentityVerifier] by who a certificate was made out to, with sigstore-go.
// [Attach] and [AttachTagForm] make them. Checking never uses the network. What
// an envelope says about itself (its manifest's annotations, the hint at its key)
// is never believed: only what is signed counts.
package sign

import (
	"encoding/json"
	"errors"
	"fmt"
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

// Kinds of failures, each of which wraps [ErrSignature].
var (
	// ErrOtherDigest: what was signed is about another digest.
	ErrOtherDigest = fmt.Errorf("%w: it is for another digest", ErrSignature)
	// ErrOtherSigner: somebody else signed it, or its bytes were changed.
	ErrOtherSigner = fmt.Errorf("%w: not by this signer, or changed since", ErrSignature)
	// ErrNotSignature: an attestation where a signature is wanted, or the other
	// way round, or an attestation of another type.
	ErrNotSignature = fmt.Errorf("%w: it says something else", ErrSignature)
	// ErrDamaged: it cannot be read.
	ErrDamaged = fmt.Errorf("%w: it is damaged", ErrSignature)
	// ErrVersion: it is of a version or an algorithm that is not known here.
	ErrVersion = fmt.Errorf("%w: its version is unknown", ErrSignature)
	// ErrTime: nothing that is trusted says when it was made, or that was when
	// the certificate or the trusted root did not count.
	ErrTime = fmt.Errorf("%w: its time cannot be trusted", ErrSignature)
)

// The forms of an [Envelope].
const (
	formBundle = "bundle"     // a sigstore bundle
	formTag    = "tag"        // cosign's simple signing, behind the tag .sig
	formDSSE   = "attachment" // a DSSE envelope, behind the tag .att
)

// Envelope is a signature or attestation as it was found, not yet verified.
type Envelope struct {
	// Manifest is what carries it in the repository; zero where nothing does.
	Manifest oci.Descriptor
	// Subject is the digest that it was found for.
	Subject string
	// form and content are for Verify.
	form    string
	content []byte
	// signature is set in the tag form.
	signature []byte
	// keyless is what the tag form has beside the signature.
	keyless tagMaterial
}

// NewEnvelope returns the envelope of a sigstore bundle that was found for a
// digest elsewhere than in a repository, such as in a file.
func NewEnvelope(subject string, bundle []byte) Envelope {
	return Envelope{Subject: subject, form: formBundle, content: bundle}
}

// Form says where the envelope comes from: "bundle", "tag" (cosign's older form of
// signatures) or "attachment" (that of attestations).
func (e Envelope) Form() string { return e.form }

// Statement is what a verified envelope says about its subject.
type Statement struct {
	PredicateType string          // [PredicateSignature], or an attestation's
	Predicate     json.RawMessage // of an attestation
	// Signer is who signed: "key:sha256:…" (of the SPKI DER), or the identity, a space and its issuer.
	Signer string
	// Time is when it was signed, zero where nothing says that can be trusted.
	Time time.Time
}

// IsSignature reports whether it vouches for the subject as a whole. An
// attestation never does.
func (s Statement) IsSignature() bool { return s.PredicateType == PredicateSignature }

// Verifier checks envelopes for one signer.
type Verifier interface {
	// Verify returns what an envelope says, if this signer signed it over
	// exactly the subject. The error wraps [ErrSignature]. A statement may be an
	// attestation: [VerifySignature] wants a signature.
	Verify(e Envelope) (Statement, error)
	// String names the signer as an operator knows it: the key's file, or the
	// identity and issuer.
	String() string
}

// VerifySignature verifies an envelope that must be a signature.
func VerifySignature(v Verifier, e Envelope) (Statement, error) {
	return VerifyStatement(v, e, PredicateSignature)
}

// VerifyStatement verifies an envelope whose statement must be of a predicate
// type. The error of another one wraps [ErrNotSignature].
func VerifyStatement(v Verifier, e Envelope, predicateType string) (Statement, error) {
	s, err := v.Verify(e)
	switch {
	case err != nil:
		return Statement{}, err
	case s.PredicateType == predicateType:
		return s, nil
	case predicateType == PredicateSignature:
		return Statement{}, fmt.Errorf("%w: an attestation of type %q in place of a signature", ErrNotSignature, s.PredicateType)
	case s.IsSignature():
		return Statement{}, fmt.Errorf("%w: a signature in place of an attestation of type %q", ErrNotSignature, predicateType)
	}
	return Statement{}, fmt.Errorf("%w: an attestation of type %q, not %q", ErrNotSignature, s.PredicateType, predicateType)
}
