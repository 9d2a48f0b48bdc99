package sign

import (
	"crypto/x509"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"

	"github.com/mcpwasm/mcpwasm/internal/wire"
)

// Identity is who a certificate of Fulcio was made out to.
type Identity struct {
	// Subject is the subject alternative name, Issuer the OIDC issuer, each
	// exact. SubjectPattern and IssuerPattern are regular expressions of the
	// whole text (RE2) that are used where the exact one is "". Of each, one of the two must be there, and not both.
	Subject, SubjectPattern string
	Issuer, IssuerPattern   string
}

// String says who it is: the identity, a space and its issuer.
func (id Identity) String() string {
	return id.Subject + id.SubjectPattern + " " + id.Issuer + id.IssuerPattern
}

// maxRootBytes bounds a trusted root; the one of sigstore's public service has
// less than 10 KiB.
const maxRootBytes = 1 << 20

// Root is sigstore's trusted root: whose certificates, logs and timestamps are
// believed.
type Root struct {
	material *root.TrustedRoot
	options  []verify.VerifierOption
}

// ParseRoot reads a trusted root (trusted_root.json; sigstore's protobuf-specs,
// sigstore_trustroot.proto).
//
// What a root has, signatures must have: a certificate transparency log asks for a
// signed certificate timestamp, a transparency log for an entry in it, and one of log
// and timestamp authority for the time of signing, at which certificate and
// authority must have been valid. A root that can tell no time is refused, because
// certificates are valid for minutes.
func ParseRoot(data []byte) (*Root, error) {
	if len(data) > maxRootBytes {
		return nil, fmt.Errorf("trusted root: %d bytes, more than the %d allowed", len(data), maxRootBytes)
	}
	if err := wire.Check(data); err != nil {
		return nil, fmt.Errorf("trusted root: %w", err)
	}
	material, err := root.NewTrustedRootFromJSON(data)
	if err != nil {
		return nil, fmt.Errorf("trusted root: %w", err)
	}
	r := &Root{material: material}
	if len(material.FulcioCertificateAuthorities()) == 0 {
		return nil, errors.New("trusted root: it has no certificate authority, so that no identity can be verified")
	}
	if len(material.CTLogs()) > 0 {
		r.options = append(r.options, verify.WithSignedCertificateTimestamps(1))
	}
	switch {
	case len(material.RekorLogs()) > 0:
		r.options = append(r.options, verify.WithTransparencyLog(1), verify.WithObserverTimestamps(1))
	case len(material.TimestampingAuthorities()) > 0:
		r.options = append(r.options, verify.WithSignedTimestamps(1))
	default:
		return nil, errors.New("trusted root: it has no transparency log and no timestamp authority, so that nothing says when a signature was made")
	}
	return r, nil
}

// identityVerifier checks keyless signatures.
type identityVerifier struct {
	id       Identity
	policy   verify.CertificateIdentity
	root     *Root
	verifier *verify.Verifier
}

// NewIdentityVerifier checks keyless signatures. It never uses the network: all
// that is needed is in the root and in the envelope.
func NewIdentityVerifier(id Identity, root *Root) (Verifier, error) {
	if root == nil {
		return nil, fmt.Errorf("identity %s: it needs a trusted root", id)
	}
	subject, err := wholeText("identity", id.Subject, id.SubjectPattern)
	if err != nil {
		return nil, err
	}
	issuer, err := wholeText("issuer", id.Issuer, id.IssuerPattern)
	if err != nil {
		return nil, err
	}
	policy, err := verify.NewShortCertificateIdentity(id.Issuer, issuer, id.Subject, subject)
	if err != nil {
		return nil, fmt.Errorf("identity %s: %w", id, err)
	}
	v, err := verify.NewVerifier(root.material, root.options...)
	if err != nil {
		return nil, fmt.Errorf("identity %s: %w", id, err)
	}
	return &identityVerifier{id, policy, root, v}, nil
}

// wholeText returns a pattern that must match all of a text, "" where the exact
// text is given.
func wholeText(what, exact, pattern string) (string, error) {
	switch {
	case exact != "" && pattern != "":
		return "", fmt.Errorf("%s: give the exact one or a pattern, not both", what)
	case exact != "":
		return "", nil
	case pattern == "":
		return "", fmt.Errorf("%s: it is missing: a signature counts by identity and issuer together", what)
	}
	// On its own first: what closes a group that it did not open would escape
	// from the one around it.
	if _, err := regexp.Compile(pattern); err != nil {
		return "", fmt.Errorf("%s pattern: %w", what, err)
	}
	return `\A(?:` + pattern + `)\z`, nil
}

// String implements [Verifier].
func (v *identityVerifier) String() string { return v.id.String() }

// Verify implements [Verifier].
func (v *identityVerifier) Verify(e Envelope) (Statement, error) {
	switch e.form {
	case formTag:
		return v.verifyTag(e)
	case formDSSE:
		return v.verifyAttachment(e)
	case formBundle:
		return v.verifyBundle(e)
	}
	return Statement{}, fmt.Errorf("%w: an envelope of no known form", ErrDamaged)
}

func (v *identityVerifier) verifyBundle(e Envelope) (Statement, error) {
	// Read strictly first, so that the library cannot take it for something
	// else: it has no name twice, and each value one spelling.
	b, err := parseBundle(e.content)
	if err != nil {
		return Statement{}, err
	}
	if !b.certificate {
		return Statement{}, fmt.Errorf("%w: by a key, not by %s", ErrOtherSigner, v)
	}
	var entity bundle.Bundle
	if err := entity.UnmarshalJSON(e.content); err != nil {
		return Statement{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return v.verifyStatement(&entity, b.payload, e.Subject)
}

// verifyStatement verifies an entity that signs a statement.
func (v *identityVerifier) verifyStatement(entity *bundle.Bundle, payload []byte, digest string) (Statement, error) {
	// The subject is compared by parseStatement, which is stricter.
	st, err := v.verifyEntity(entity, verify.WithoutArtifactUnsafe())
	if err != nil {
		return Statement{}, err
	}
	st.PredicateType, st.Predicate, err = parseStatement(payload, digest)
	if err != nil {
		return Statement{}, err
	}
	return st, nil
}

// verifyEntity verifies who signed an entity, and when.
func (v *identityVerifier) verifyEntity(entity *bundle.Bundle, what verify.ArtifactPolicyOption) (Statement, error) {
	result, err := v.verifier.Verify(entity, verify.NewPolicy(what, verify.WithCertificateIdentity(v.policy)))
	if err != nil {
		return Statement{}, v.explain(entity, err)
	}
	if result.Signature == nil || result.Signature.Certificate == nil || len(result.VerifiedTimestamps) == 0 {
		return Statement{}, fmt.Errorf("%w: nothing says who signed it, or when", ErrOtherSigner)
	}
	signer := result.Signature.Certificate
	return Statement{
		Signer: signer.SubjectAlternativeName + " " + signer.Issuer,
		Time:   result.VerifiedTimestamps[0].Timestamp.UTC(),
	}, nil
}

// explain says which of the checks failed. None of it makes anything accepted.
func (v *identityVerifier) explain(entity *bundle.Bundle, cause error) error {
	if _, ok := errors.AsType[*verify.ErrNoMatchingCertificateIdentity](cause); ok {
		return fmt.Errorf("%w: %s: %w", ErrOtherSigner, v, cause)
	}
	content, err := entity.VerificationContent()
	if err != nil || content.Certificate() == nil {
		return fmt.Errorf("%w: %w", ErrDamaged, cause)
	}
	leaf := content.Certificate()
	if who, err := certificate.SummarizeCertificate(leaf); err != nil {
		return fmt.Errorf("%w: its certificate: %w", ErrDamaged, err)
	} else if !v.issued(leaf) {
		return fmt.Errorf("%w: the certificate of %s %s is from no authority of the trusted root: %w",
			ErrOtherSigner, who.SubjectAlternativeName, who.Issuer, cause)
	}
	logged, err := v.verifier.VerifyTransparencyLogInclusion(entity)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrTime, cause)
	}
	times, err := v.verifier.VerifyObserverTimestamps(entity, logged)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrTime, cause)
	}
	for _, t := range times {
		if _, err := verify.VerifyLeafCertificate(t.Timestamp, leaf, v.root.material); err != nil {
			return fmt.Errorf("%w: signed at %s, when its certificate (%s to %s) or the trusted root's was not valid: %w", ErrTime,
				stamp(t.Timestamp), stamp(leaf.NotBefore), stamp(leaf.NotAfter), cause)
		}
	}
	return fmt.Errorf("%w: %w", ErrOtherSigner, cause)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// issued reports whether an authority of the root issued a certificate, whatever
// the time was.
func (v *identityVerifier) issued(leaf *x509.Certificate) bool {
	critical := leaf.UnhandledCriticalExtensions
	defer func() { leaf.UnhandledCriticalExtensions = critical }()
	leaf.UnhandledCriticalExtensions = nil
	for _, ca := range v.root.material.FulcioCertificateAuthorities() {
		f, ok := ca.(*root.FulcioCertificateAuthority)
		if !ok {
			continue
		}
		timeless := root.FulcioCertificateAuthority{Root: f.Root, Intermediates: f.Intermediates}
		if _, err := timeless.Verify(leaf, leaf.NotBefore); err == nil {
			return true
		}
	}
	return false
}
