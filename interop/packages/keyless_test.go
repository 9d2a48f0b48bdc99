package packages

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"testing"
	"time"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protodsse "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/testing/ca"
	"github.com/sigstore/sigstore-go/pkg/tlog"
)

const (
	someIdentity = "ada@example.com"
	someIssuer   = "https://issuer.example.com"
)

// sigstore is a certificate authority, a log and a clock of sigstore's kind that
// exist for one test.
type sigstore struct {
	t *testing.T
	*ca.VirtualSigstore
}

func newSigstore(t *testing.T) *sigstore {
	t.Helper()
	virtual, err := ca.NewVirtualSigstore()
	if err != nil {
		t.Fatal(err)
	}
	return &sigstore{t, virtual}
}

// root returns the trusted root file. With an end, certificates of the authority
// are believed until then only. It has no log of certificates: these would have to
// be in one.
func (s *sigstore) root(end time.Time) []byte {
	s.t.Helper()
	authorities := s.FulcioCertificateAuthorities()
	if !end.IsZero() {
		expired := *authorities[0].(*root.FulcioCertificateAuthority)
		expired.ValidityPeriodEnd = end
		authorities = []root.CertificateAuthority{&expired}
	}
	trusted, err := root.NewTrustedRoot(root.TrustedRootMediaType01, authorities, nil, s.TimestampingAuthorities(), logs(s.t, s.RekorLogs()))
	if err != nil {
		s.t.Fatal(err)
	}
	text, err := json.Marshal(trusted)
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}

// logs returns logs with the form of identifiers that files have: bytes, not their
// hexadecimal digits.
func logs(t *testing.T, in map[string]*root.TransparencyLog) map[string]*root.TransparencyLog {
	t.Helper()
	for id, log := range in {
		raw, err := hex.DecodeString(id)
		if err != nil {
			t.Fatal(err)
		}
		log.ID = raw
	}
	return in
}

// bundle signs a statement as an identity, and returns the bundle's JSON.
func (s *sigstore) bundle(identity, issuer string, statement []byte) []byte {
	s.t.Helper()
	entity, err := s.AttestAtTime(identity, issuer, statement, time.Now(), true)
	if err != nil {
		s.t.Fatal(err)
	}
	content, err := entity.VerificationContent()
	if err != nil {
		s.t.Fatal(err)
	}
	signed, err := entity.SignatureContent()
	if err != nil {
		s.t.Fatal(err)
	}
	entries, err := entity.TlogEntries()
	if err != nil {
		s.t.Fatal(err)
	}
	stamps, err := entity.Timestamps()
	if err != nil {
		s.t.Fatal(err)
	}
	envelope := signed.EnvelopeContent().RawEnvelope()
	payload, err := envelope.DecodeB64Payload()
	if err != nil {
		s.t.Fatal(err)
	}
	material := &protobundle.VerificationMaterial{
		Content:     &protobundle.VerificationMaterial_Certificate{Certificate: &protocommon.X509Certificate{RawBytes: content.Certificate().Raw}},
		TlogEntries: []*protorekor.TransparencyLogEntry{s.logged(entries[0].TransparencyLogEntry())},
		TimestampVerificationData: &protobundle.TimestampVerificationData{
			Rfc3161Timestamps: []*protocommon.RFC3161SignedTimestamp{{SignedTimestamp: stamps[0]}},
		},
	}
	b, err := bundle.NewBundle(&protobundle.Bundle{
		MediaType:            mediaTypeBundle,
		VerificationMaterial: material,
		Content: &protobundle.Bundle_DsseEnvelope{DsseEnvelope: &protodsse.Envelope{
			Payload: payload, PayloadType: envelope.PayloadType, Signatures: []*protodsse.Signature{{Sig: signed.Signature()}},
		}},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	text, err := b.MarshalJSON()
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}

// logged completes an entry of the log with what files have: its kind, and the
// log's promise that it includes the entry.
func (s *sigstore) logged(e *protorekor.TransparencyLogEntry) *protorekor.TransparencyLogEntry {
	s.t.Helper()
	e.KindVersion = &protorekor.KindVersion{Kind: "dsse", Version: "0.0.1"}
	promise, err := s.RekorSignPayload(tlog.RekorPayload{
		Body: base64.StdEncoding.EncodeToString(e.CanonicalizedBody), IntegratedTime: e.IntegratedTime,
		LogIndex: e.LogIndex, LogID: hex.EncodeToString(e.LogId.KeyId),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	e.InclusionPromise = &protorekor.InclusionPromise{SignedEntryTimestamp: promise}
	return e
}

// noEnd is the end of a root that believes in its authority for as long as that
// exists.
var noEnd time.Time
