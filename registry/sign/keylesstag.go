package sign

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strconv"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protodsse "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/verify"

	"github.com/mcpwasm/mcpwasm/internal/wire"
)

// cosign 2 keeps what a bundle has in annotations. Here they are put together to
// the bundle that it would have written, so that there is one way to verify.

// bundleOfTags is the version of bundles whose log entries are proved by a promise,
// as those of cosign 2 are.
const bundleOfTags = "application/vnd.dev.sigstore.bundle+json;version=0.1"

// maxChain bounds the certificates that a signature brings.
const maxChain = 10

func (v *identityVerifier) verifyTag(e Envelope) (Statement, error) {
	if e.signature == nil {
		return Statement{}, fmt.Errorf("%w: its signature is not base64", ErrDamaged)
	}
	sum := sha256.Sum256(e.content)
	entity, err := v.tagEntity(e.keyless, &protobundle.Bundle{Content: &protobundle.Bundle_MessageSignature{
		MessageSignature: &protocommon.MessageSignature{
			MessageDigest: &protocommon.HashOutput{Algorithm: protocommon.HashAlgorithm_SHA2_256, Digest: sum[:]},
			Signature:     e.signature,
		},
	}})
	if err != nil {
		return Statement{}, err
	}
	st, err := v.verifyEntity(entity, verify.WithArtifact(bytes.NewReader(e.content)))
	if err != nil {
		return Statement{}, err
	}
	if err := checkSimple(e.content, e.Subject); err != nil {
		return Statement{}, err
	}
	st.PredicateType = PredicateSignature
	return st, nil
}

func (v *identityVerifier) verifyAttachment(e Envelope) (Statement, error) {
	o, err := checked(e.content)
	if err != nil {
		return Statement{}, err
	}
	d, err := parseDSSE(o)
	if err != nil {
		return Statement{}, err
	}
	entity, err := v.tagEntity(e.keyless, &protobundle.Bundle{Content: &protobundle.Bundle_DsseEnvelope{
		DsseEnvelope: &protodsse.Envelope{
			Payload: d.payload, PayloadType: d.payloadType, Signatures: []*protodsse.Signature{{Sig: d.signature}},
		},
	}})
	if err != nil {
		return Statement{}, err
	}
	return v.verifyStatement(entity, d.payload, e.Subject)
}

// tagEntity completes a bundle with what stands beside a signature.
func (v *identityVerifier) tagEntity(m tagMaterial, b *protobundle.Bundle) (*bundle.Bundle, error) {
	if m.certificate == "" {
		return nil, fmt.Errorf("%w: by a key, not by %s", ErrOtherSigner, v)
	}
	certificates, err := pemCertificates(m.certificate, m.chain)
	if err != nil {
		return nil, err
	}
	b.MediaType = bundleOfTags
	b.VerificationMaterial = &protobundle.VerificationMaterial{Content: &protobundle.VerificationMaterial_X509CertificateChain{
		X509CertificateChain: &protocommon.X509CertificateChain{Certificates: certificates},
	}}
	if m.log != "" {
		entry, err := logEntry(m.log)
		if err != nil {
			return nil, err
		}
		b.VerificationMaterial.TlogEntries = []*protorekor.TransparencyLogEntry{entry}
	}
	if m.timestamp != "" {
		o, err := checked([]byte(m.timestamp))
		if err != nil {
			return nil, err
		}
		answer, err := base64Member(o, "SignedRFC3161Timestamp")
		if err != nil {
			return nil, err
		}
		b.VerificationMaterial.TimestampVerificationData = &protobundle.TimestampVerificationData{
			Rfc3161Timestamps: []*protocommon.RFC3161SignedTimestamp{{SignedTimestamp: answer}},
		}
	}
	entity, err := bundle.NewBundle(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return entity, nil
}

// pemCertificates reads the certificate and those between it and the root. The
// root counts nowhere but in the trusted root, so that the last one may stay away.
func pemCertificates(leaf, chain string) ([]*protocommon.X509Certificate, error) {
	var certificates []*protocommon.X509Certificate
	for text := []byte(leaf + "\n" + chain); ; {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" || len(certificates) == maxChain {
			return nil, fmt.Errorf("%w: its certificates: want at most %d PEM certificates", ErrDamaged, maxChain)
		}
		certificates = append(certificates, &protocommon.X509Certificate{RawBytes: block.Bytes})
	}
	if len(certificates) == 0 {
		return nil, fmt.Errorf("%w: its certificate is not PEM", ErrDamaged)
	}
	return certificates, nil
}

// logEntry reads what the transparency log promised:
// {"SignedEntryTimestamp":…,"Payload":{"body":…,"integratedTime":…,"logIndex":…,"logID":…}}.
func logEntry(text string) (*protorekor.TransparencyLogEntry, error) {
	o, err := checked([]byte(text))
	if err != nil {
		return nil, err
	}
	promise, err := base64Member(o, "SignedEntryTimestamp")
	if err != nil {
		return nil, err
	}
	payload, _, err := o.GetObject("Payload")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	body, err := base64Member(payload, "body")
	if err != nil {
		return nil, err
	}
	id, _, err := payload.GetString("logID")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	logID, err := hex.DecodeString(id)
	if err != nil {
		return nil, fmt.Errorf("%w: logID: not hexadecimal", ErrDamaged)
	}
	kind, err := entryKind(body)
	if err != nil {
		return nil, err
	}
	entry := &protorekor.TransparencyLogEntry{
		LogId:             &protocommon.LogId{KeyId: logID},
		KindVersion:       kind,
		InclusionPromise:  &protorekor.InclusionPromise{SignedEntryTimestamp: promise},
		CanonicalizedBody: body,
	}
	if entry.LogIndex, err = integer(payload, "logIndex"); err != nil {
		return nil, err
	}
	entry.IntegratedTime, err = integer(payload, "integratedTime")
	return entry, err
}

// entryKind reads what a log's entry says it is.
func entryKind(body []byte) (*protorekor.KindVersion, error) {
	o, err := checked(body)
	if err != nil {
		return nil, err
	}
	kind, _, err := o.GetString("kind")
	if err != nil {
		return nil, fmt.Errorf("%w: log entry: %w", ErrDamaged, err)
	}
	version, _, err := o.GetString("apiVersion")
	if err != nil {
		return nil, fmt.Errorf("%w: log entry: %w", ErrDamaged, err)
	}
	return &protorekor.KindVersion{Kind: kind, Version: version}, nil
}

func integer(o wire.Object, name string) (int64, error) {
	raw, _ := o.Get(name)
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: %s: want a number", ErrDamaged, name)
	}
	return n, nil
}
