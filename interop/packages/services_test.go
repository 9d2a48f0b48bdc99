package packages

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/testing/ca"
)

// services are stand-ins for what signs keyless: a certificate authority that
// believes every token, as Fulcio's API has it, and a clock (RFC 3161).
type services struct {
	url  string
	root []byte // the trusted root file

	issuing   *x509.Certificate
	issuer    *ecdsa.PrivateKey
	stamping  *x509.Certificate
	stampsKey *ecdsa.PrivateKey
}

func newServices(t *testing.T) *services {
	t.Helper()
	s := &services{}
	top, topKey, err := ca.GenerateRootCa()
	if err != nil {
		t.Fatal(err)
	}
	if s.issuing, s.issuer, err = ca.GenerateFulcioIntermediate(top, topKey); err != nil {
		t.Fatal(err)
	}
	between, betweenKey, err := ca.GenerateTSAIntermediate(top, topKey)
	if err != nil {
		t.Fatal(err)
	}
	if s.stampsKey, err = newECDSA(); err != nil {
		t.Fatal(err)
	}
	if s.stamping, err = ca.GenerateTSALeafCert(time.Now().Add(-time.Minute), s.stampsKey, between, betweenKey); err != nil {
		t.Fatal(err)
	}
	from := time.Now().Add(-time.Hour)
	trusted, err := root.NewTrustedRoot(root.TrustedRootMediaType01,
		[]root.CertificateAuthority{&root.FulcioCertificateAuthority{Root: top, Intermediates: []*x509.Certificate{s.issuing}, ValidityPeriodStart: from}}, nil,
		[]root.TimestampingAuthority{&root.SigstoreTimestampingAuthority{Root: top, Intermediates: []*x509.Certificate{between}, Leaf: s.stamping, ValidityPeriodStart: from}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.root, err = json.Marshal(trusted); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("POST /api/v2/signingCert", answering(s.certify))
	mux.Handle("POST /timestamp", answering(s.stamp))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// answering makes a handler of what reads a request's body and returns the
// answer's.
func answering(f func([]byte) ([]byte, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			body, err = f(body)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		_, _ = w.Write(body) // the client may have left
	})
}

// certify issues a certificate to somebody who has the private key.
func (s *services) certify(body []byte) ([]byte, error) {
	var request struct {
		PublicKeyRequest struct {
			PublicKey         struct{ Content string }
			ProofOfPossession []byte
		}
	}
	if err := json.Unmarshal(body, &request); err != nil {
		return nil, err
	}
	block, _ := pem.Decode([]byte(request.PublicKeyRequest.PublicKey.Content))
	if block == nil {
		return nil, fmt.Errorf("no public key in %s", body)
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	owner, ok := key.(*ecdsa.PublicKey)
	hash := sha256.Sum256([]byte(someIdentity))
	if !ok || !ecdsa.VerifyASN1(owner, hash[:], request.PublicKeyRequest.ProofOfPossession) {
		return nil, fmt.Errorf("no proof that the key %T is the client's", key)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(1), EmailAddresses: []string{someIdentity},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(10 * time.Minute),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 1}, Value: []byte(someIssuer)}},
	}, s.issuing, key, s.issuer)
	if err != nil {
		return nil, err
	}
	chain := []string{string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}
	return json.Marshal(map[string]any{"signedCertificateEmbeddedSct": map[string]any{"chain": map[string]any{"certificates": chain}}})
}

// stamp says when it was asked.
func (s *services) stamp(body []byte) ([]byte, error) {
	request, err := timestamp.ParseRequest(body)
	if err != nil {
		return nil, err
	}
	now := timestamp.Timestamp{
		HashAlgorithm: request.HashAlgorithm, HashedMessage: request.HashedMessage, Nonce: request.Nonce,
		Time: time.Now(), Policy: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 2}, AddTSACertificate: request.Certificates,
	}
	return now.CreateResponseWithOpts(s.stamping, s.stampsKey, crypto.SHA256)
}

// token is what an issuer would have given to the identity.
func (s *services) token(t *testing.T) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: s.issuer}, nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	text, err := jwt.Signed(signer).Claims(jwt.Claims{
		Issuer: someIssuer, Subject: someIdentity, Audience: jwt.Audience{"sigstore"},
		IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(10 * time.Minute)),
	}).Claims(map[string]any{"email": someIdentity, "email_verified": true}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestSignedKeyless has cosign 3 and mcpwasm sign with the same services, and each
// verify what the other made.
func TestSignedKeyless(t *testing.T) {
	s := newServices(t)
	for _, r := range registries() {
		for _, by := range []struct {
			name string
			sign func(p *place, ref string)
		}{
			{"cosign 3", func(p *place, ref string) {
				p.cosign(r, []string{"cosign3", "sign", "--signing-config", "services.json", "--trusted-root", "root.json", "--identity-token", "token"}, ref)
			}},
			{"mcpwasm", func(p *place, ref string) {
				p.must("mcpwasm", "sign", "--keyless", "--signing-config", "services.json", "--root", "root.json", "--identity-token", "token", ref)
			}},
		} {
			t.Run(r.name+"/"+by.name, func(t *testing.T) {
				p := newPlace(t)
				p.write("root.json", s.root, 0o600)
				p.write("token", []byte(s.token(t)), 0o600)
				const since = ",api-version=1,operator=loopback,start-time=2026-01-01T00:00:00Z"
				p.must("cosign3", "signing-config", "create", "--out", "services.json", "--fulcio", "url="+s.url+since, "--tsa", "url="+s.url+"/timestamp"+since, "--tsa-config", "ANY")
				repository := slug(t.Name())
				ref := at(r, repository, p.publish(r, hello, repository, "1.0.0"))
				by.sign(p, ref)
				p.cosign(r, []string{"cosign3", "verify", "--trusted-root", "root.json", "--insecure-ignore-sct", "--insecure-ignore-tlog", "--use-signed-timestamps",
					"--certificate-identity", someIdentity, "--certificate-oidc-issuer", someIssuer}, ref)
				p.must("mcpwasm", "verify", "--identity", someIdentity, "--issuer", someIssuer, "--root", "root.json", ref)
				p.configure(byIdentity(someIdentity, someIssuer))
				p.greets(ref, "--cache-dir", r.cache())
			})
		}
	}
}
