package sign_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/go-openapi/runtime"
	"github.com/sigstore/rekor/pkg/generated/models"
	"github.com/sigstore/rekor/pkg/types"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/testing/ca"
	"github.com/sigstore/sigstore-go/pkg/tlog"

	"github.com/mcpwasm/mcpwasm/registry/sign"
	"github.com/mcpwasm/mcpwasm/registry/sign/signtest"
)

// Who signs with the stand-ins: a workflow.
const workflow = "https://github.com/acme/weather/.github/workflows/release.yml@refs/tags/v1"

// standIns are a certificate authority, a log and a timestamp authority over HTTP.
type standIns struct {
	virtual
	authority *root.FulcioCertificateAuthority
	stamps    *root.SigstoreTimestampingAuthority
	services  sign.Services
}

func newStandIns(t *testing.T) *standIns {
	t.Helper()
	rootCert, rootKey, err := ca.GenerateRootCa()
	check(t, err)
	issuing, issuingKey, err := ca.GenerateFulcioIntermediate(rootCert, rootKey)
	check(t, err)
	stamping, stampingKey, err := ca.GenerateTSAIntermediate(rootCert, rootKey)
	check(t, err)
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	leaf, err := ca.GenerateTSALeafCert(time.Now().Add(-5*time.Minute), leafKey, stamping, stampingKey)
	check(t, err)
	s := &standIns{
		virtual:   newVirtual(t),
		authority: &root.FulcioCertificateAuthority{Root: rootCert, Intermediates: []*x509.Certificate{issuing}},
		stamps:    &root.SigstoreTimestampingAuthority{Root: rootCert, Intermediates: []*x509.Certificate{stamping}, Leaf: leaf},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v2/signingCert", func(w http.ResponseWriter, r *http.Request) { serveFulcio(t, w, r, issuing, issuingKey) })
	mux.HandleFunc("POST /timestamp", func(w http.ResponseWriter, r *http.Request) { serveTimestamp(t, w, r, leaf, leafKey) })
	mux.HandleFunc("POST /api/v1/log/entries", func(w http.ResponseWriter, r *http.Request) { s.serveLog(t, w, r) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	s.services = sign.Services{Fulcio: server.URL, Logs: []sign.Log{{URL: server.URL}}, Timestamps: []string{server.URL + "/timestamp"}}
	return s
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// root returns what trusts the stand-ins.
func (s *standIns) root(t testing.TB) *sign.Root {
	t.Helper()
	made, err := root.NewTrustedRoot(root.TrustedRootMediaType01, []root.CertificateAuthority{s.authority}, nil,
		[]root.TimestampingAuthority{s.stamps}, signtest.WithID(t, s.RekorLogs()))
	check(t, err)
	text, err := json.Marshal(made)
	check(t, err)
	r, err := sign.ParseRoot(text)
	check(t, err)
	return r
}

// token is what an issuer would have signed; the stand-in believes it.
func token(context.Context) (string, error) {
	claims, err := json.Marshal(map[string]any{"iss": issuer, "sub": workflow, "aud": sign.TokenAudience})
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"none"}`)) + "." + part(claims) + "." + part([]byte("signature")), err
}

// serveFulcio issues a certificate for who proves to have the key.
func serveFulcio(t *testing.T, w http.ResponseWriter, r *http.Request, parent *x509.Certificate, key *ecdsa.PrivateKey) {
	want, _ := token(r.Context())
	if r.Header.Get("Authorization") != "Bearer "+want {
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	var request struct {
		PublicKeyRequest struct {
			PublicKey         struct{ Content string }
			ProofOfPossession []byte
		}
	}
	check(t, json.NewDecoder(r.Body).Decode(&request))
	block, _ := pem.Decode([]byte(request.PublicKeyRequest.PublicKey.Content))
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	check(t, err)
	sum := sha256.Sum256([]byte(workflow))
	if !ecdsa.VerifyASN1(public.(*ecdsa.PublicKey), sum[:], request.PublicKeyRequest.ProofOfPossession) {
		http.Error(w, "the key is not yours", http.StatusBadRequest)
		return
	}
	subject, err := url.Parse(workflow)
	check(t, err)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), URIs: []*url.URL{subject},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(10 * time.Minute),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 1}, Value: []byte(issuer)}},
	}, parent, public, key)
	check(t, err)
	check(t, json.NewEncoder(w).Encode(map[string]any{"signedCertificateEmbeddedSct": map[string]any{
		"chain": map[string]any{"certificates": []string{string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}},
	}}))
}

func serveTimestamp(t *testing.T, w http.ResponseWriter, r *http.Request, leaf *x509.Certificate, key crypto.Signer) {
	body, err := io.ReadAll(r.Body)
	check(t, err)
	request, err := timestamp.ParseRequest(body)
	check(t, err)
	stamp := timestamp.Timestamp{
		HashAlgorithm: request.HashAlgorithm, HashedMessage: request.HashedMessage, Time: time.Now(),
		Policy: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 2}, AddTSACertificate: request.Certificates,
	}
	answer, err := stamp.CreateResponseWithOpts(leaf, key, crypto.SHA256)
	check(t, err)
	w.WriteHeader(http.StatusCreated)
	_, err = w.Write(answer)
	check(t, err)
}

// serveLog answers as a log with one entry.
func (s *standIns) serveLog(t *testing.T, w http.ResponseWriter, r *http.Request) {
	proposed, err := models.UnmarshalProposedEntry(r.Body, runtime.JSONConsumer())
	check(t, err)
	entry, err := types.UnmarshalEntry(proposed)
	check(t, err)
	body, err := types.CanonicalizeEntry(r.Context(), entry)
	check(t, err)
	proof, err := s.GetInclusionProof(body)
	check(t, err)
	id, err := s.RekorLogID()
	check(t, err)
	now := time.Now().Unix()
	promise, err := s.RekorSignPayload(tlog.RekorPayload{Body: base64.StdEncoding.EncodeToString(body), IntegratedTime: now, LogID: id})
	check(t, err)
	uuid := hex.EncodeToString(make([]byte, 32))
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("ETag", uuid)
	w.WriteHeader(http.StatusCreated)
	check(t, json.NewEncoder(w).Encode(map[string]any{uuid: map[string]any{
		"body": base64.StdEncoding.EncodeToString(body), "integratedTime": now, "logID": id, "logIndex": 0,
		"verification": map[string]any{"inclusionProof": proof, "signedEntryTimestamp": promise},
	}}))
}

func TestKeylessSigner(t *testing.T) {
	s := newStandIns(t)
	all := s.services
	tests := []struct {
		name     string
		services sign.Services
		fails    bool
	}{
		{"log and timestamp", all, false},
		{"log alone", sign.Services{Fulcio: all.Fulcio, Logs: all.Logs}, false},
		{"timestamp alone, where the root wants a log", sign.Services{Fulcio: all.Fulcio, Timestamps: all.Timestamps}, true},
	}
	r := s.root(t)
	v := identityVerifier(t, sign.Identity{Subject: workflow, Issuer: issuer}, r)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			signer, err := sign.NewKeylessSigner(sign.KeylessConfig{Services: tt.services, Token: token, Root: r})
			check(t, err)
			made, err := signer.Sign(t.Context(), statement(t, sign.PredicateSignature))
			if tt.fails {
				if !errors.Is(err, sign.ErrSignature) {
					t.Fatalf("the error is %v", err)
				}
				return
			}
			check(t, err)
			if bytes.ContainsAny(made, "\n\t") {
				t.Errorf("white space in %s", made)
			}
			e := sign.NewEnvelope(digest, made)
			got, err := sign.VerifySignature(v, e)
			check(t, err)
			if got.Signer != workflow+" "+issuer || time.Since(got.Time) > time.Hour {
				t.Errorf("the statement is %+v", got)
			}
			if who, what := e.Claims(); who != got.Signer || what != sign.PredicateSignature {
				t.Errorf("it claims to be by %q and to be %q", who, what)
			}
		})
	}
}
