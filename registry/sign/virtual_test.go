package sign_test

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
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/testing/ca"
	"github.com/sigstore/sigstore-go/pkg/tlog"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/mcpwasm/mcpwasm/registry/sign"
)

// Who signs in the tests.
const (
	someone = "someone@example.com"
	issuer  = "https://issuer.example.com"
)

var digest = "sha256:9715f2cc8ca07edb0f2b28e94c4149b8149df964834cb20946bac6e8eb60255f"

// virtual is a certificate authority, a transparency log and a timestamp authority
// of the test's own. Its certificates count for an hour.
type virtual struct{ *ca.VirtualSigstore }

func newVirtual(t testing.TB) virtual {
	t.Helper()
	v, err := ca.NewVirtualSigstore()
	if err != nil {
		t.Fatal(err)
	}
	return virtual{v}
}

// parts are what a trusted root may have.
type parts struct{ log, timestamps, certificateLog bool }

// rootJSON returns the trusted root of some of its parts.
func (v virtual) rootJSON(t testing.TB, p parts, change func(*root.FulcioCertificateAuthority)) []byte {
	t.Helper()
	var timestamps []root.TimestampingAuthority
	var logs, certificateLogs map[string]*root.TransparencyLog
	if p.timestamps {
		timestamps = v.TimestampingAuthorities()
	}
	if p.log {
		logs = withID(t, v.RekorLogs())
	}
	if p.certificateLog {
		certificateLogs = withID(t, v.CTLogs())
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

// withID gives logs the identifiers that roots have: virtual's are hexadecimal.
func withID(t testing.TB, logs map[string]*root.TransparencyLog) map[string]*root.TransparencyLog {
	t.Helper()
	for id, l := range logs {
		var err error
		if l.ID, err = hex.DecodeString(id); err != nil {
			t.Fatal(err)
		}
	}
	return logs
}

func (v virtual) root(t testing.TB, p parts, change func(*root.FulcioCertificateAuthority)) *sign.Root {
	t.Helper()
	r, err := sign.ParseRoot(v.rootJSON(t, p, change))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// keep says what a bundle keeps of what proves its time.
type keep struct{ log, timestamp bool }

var keepAll = keep{true, true}

// signed returns the bundle of a statement that somebody signed at a time.
func (v virtual) signed(t testing.TB, statement []byte, identity, issuer string, at time.Time, k keep) []byte {
	t.Helper()
	entity, err := v.AttestAtTime(identity, issuer, statement, at, true)
	if err != nil {
		t.Fatal(err)
	}
	return v.bundle(t, entity, k)
}

// bundle writes a test entity as the bundle that a signer would have made.
func (v virtual) bundle(t testing.TB, entity *ca.TestEntity, k keep) []byte {
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
	if k.log {
		entries, err := entity.TlogEntries()
		if err != nil {
			t.Fatal(err)
		}
		material.TlogEntries = []*protorekor.TransparencyLogEntry{v.logEntry(t, entries[0].TransparencyLogEntry())}
	}
	if k.timestamp {
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
func (v virtual) logEntry(t testing.TB, entry *protorekor.TransparencyLogEntry) *protorekor.TransparencyLogEntry {
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

// statement returns a statement about the digest of the tests.
func statement(t testing.TB, predicateType string) []byte {
	t.Helper()
	b, err := sign.NewStatement(digest, predicateType, nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func identityVerifier(t testing.TB, id sign.Identity, r *sign.Root) sign.Verifier {
	t.Helper()
	v, err := sign.NewIdentityVerifier(id, r)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
