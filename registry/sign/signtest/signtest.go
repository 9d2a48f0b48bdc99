// Package signtest has a sigstore of one's own, for tests: it signs without a
// network, as identities that are made up.
package signtest

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"testing"
	"time"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protodsse "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/testing/ca"
	"github.com/sigstore/sigstore-go/pkg/tlog"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/mcpwasm/mcpwasm/registry/sign"
)

// Virtual is a certificate authority, a transparency log and a timestamp authority
// of the test's own. Its certificates count for an hour.
type Virtual struct{ *ca.VirtualSigstore }

// New makes one.
func New(t testing.TB) Virtual {
	t.Helper()
	v, err := ca.NewVirtualSigstore()
	if err != nil {
		t.Fatal(err)
	}
	return Virtual{v}
}

// Parts are what a trusted root may have.
type Parts struct{ Log, Timestamps, CertificateLog bool }

// RootJSON returns the trusted root of some of its parts. change, where it is not
// nil, may change the authority in it.
func (v Virtual) RootJSON(t testing.TB, p Parts, change func(*root.FulcioCertificateAuthority)) []byte {
	t.Helper()
	var timestamps []root.TimestampingAuthority
	var logs, certificateLogs map[string]*root.TransparencyLog
	if p.Timestamps {
		timestamps = v.TimestampingAuthorities()
	}
	if p.Log {
		logs = WithID(t, v.RekorLogs())
	}
	if p.CertificateLog {
		certificateLogs = WithID(t, v.CTLogs())
	}
	authority := *v.FulcioCertificateAuthorities()[0].(*root.FulcioCertificateAuthority)
	if change != nil {
		change(&authority)
	}
	r, err := root.NewTrustedRoot(root.TrustedRootMediaType01, []root.CertificateAuthority{&authority}, certificateLogs, timestamps, logs)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// WithID gives logs the identifiers that roots have: virtual's are hexadecimal.
func WithID(t testing.TB, logs map[string]*root.TransparencyLog) map[string]*root.TransparencyLog {
	t.Helper()
	for id, l := range logs {
		var err error
		if l.ID, err = hex.DecodeString(id); err != nil {
			t.Fatal(err)
		}
	}
	return logs
}

// Root is RootJSON, parsed.
func (v Virtual) Root(t testing.TB, p Parts, change func(*root.FulcioCertificateAuthority)) *sign.Root {
	t.Helper()
	r, err := sign.ParseRoot(v.RootJSON(t, p, change))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Keep says what a bundle keeps of what proves its time.
type Keep struct{ Log, Timestamp bool }

// KeepAll keeps both.
var KeepAll = Keep{true, true}

// Signed returns the bundle of a statement that somebody signed at a time.
func (v Virtual) Signed(t testing.TB, statement []byte, identity, issuer string, at time.Time, k Keep) []byte {
	t.Helper()
	entity, err := v.AttestAtTime(identity, issuer, statement, at, true)
	if err != nil {
		t.Fatal(err)
	}
	return v.Bundle(t, entity, k)
}

// Signer signs as somebody, now.
func (v Virtual) Signer(t testing.TB, id sign.Identity) sign.Signer {
	return signer(func(statement []byte) []byte {
		return v.Signed(t, statement, id.Subject, id.Issuer, time.Now(), KeepAll)
	})
}

type signer func(statement []byte) []byte

// Sign implements [sign.Signer].
func (s signer) Sign(_ context.Context, statement []byte) ([]byte, error) { return s(statement), nil }

// Bundle writes a test entity as the bundle that a signer would have made.
func (v Virtual) Bundle(t testing.TB, entity *ca.TestEntity, k Keep) []byte {
	t.Helper()
	verification, err := entity.VerificationContent()
	if err != nil {
		t.Fatal(err)
	}
	content, err := entity.SignatureContent()
	if err != nil {
		t.Fatal(err)
	}
	envelope := content.EnvelopeContent().RawEnvelope()
	payload, err := base64.StdEncoding.DecodeString(envelope.Payload)
	if err != nil {
		t.Fatal(err)
	}
	material := &protobundle.VerificationMaterial{Content: &protobundle.VerificationMaterial_Certificate{
		Certificate: &protocommon.X509Certificate{RawBytes: verification.Certificate().Raw},
	}}
	if k.Log {
		entries, err := entity.TlogEntries()
		if err != nil {
			t.Fatal(err)
		}
		material.TlogEntries = []*protorekor.TransparencyLogEntry{v.logEntry(t, entries[0].TransparencyLogEntry())}
	}
	if k.Timestamp {
		timestamps, err := entity.Timestamps()
		if err != nil {
			t.Fatal(err)
		}
		material.TimestampVerificationData = &protobundle.TimestampVerificationData{
			Rfc3161Timestamps: []*protocommon.RFC3161SignedTimestamp{{SignedTimestamp: timestamps[0]}},
		}
	}
	b, err := protojson.Marshal(&protobundle.Bundle{
		MediaType:            sign.MediaTypeBundle,
		VerificationMaterial: material,
		Content: &protobundle.Bundle_DsseEnvelope{DsseEnvelope: &protodsse.Envelope{
			Payload: payload, PayloadType: envelope.PayloadType, Signatures: []*protodsse.Signature{{Sig: content.Signature()}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// logEntry completes an entry: virtual keeps what promises it to itself.
func (v Virtual) logEntry(t testing.TB, entry *protorekor.TransparencyLogEntry) *protorekor.TransparencyLogEntry {
	t.Helper()
	var body struct{ Kind, APIVersion string }
	if err := json.Unmarshal(entry.CanonicalizedBody, &body); err != nil {
		t.Fatal(err)
	}
	entry.KindVersion = &protorekor.KindVersion{Kind: body.Kind, Version: body.APIVersion}
	promise, err := v.RekorSignPayload(tlog.RekorPayload{
		Body:           base64.StdEncoding.EncodeToString(entry.CanonicalizedBody),
		IntegratedTime: entry.IntegratedTime, LogIndex: entry.LogIndex, LogID: hex.EncodeToString(entry.LogId.KeyId),
	})
	if err != nil {
		t.Fatal(err)
	}
	entry.InclusionPromise = &protorekor.InclusionPromise{SignedEntryTimestamp: promise}
	return entry
}
