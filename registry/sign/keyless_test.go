package sign_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"

	"github.com/mcpwasm/mcpwasm/registry/sign"
)

// soon is within the lifetime of the certificates that virtual issues.
func soon() time.Time { return time.Now().Add(time.Minute) }

func TestIdentityVerifier(t *testing.T) {
	ours, other := newVirtual(t), newVirtual(t)
	all := parts{log: true, timestamps: true}
	right := sign.Identity{Subject: someone, Issuer: issuer}
	signature := statement(t, sign.PredicateSignature)
	tests := []struct {
		name   string
		id     sign.Identity
		root   parts
		change func(*root.FulcioCertificateAuthority)
		bundle []byte
		want   error // nil: it holds
		says   string
	}{
		{"right", right, all, nil, ours.signed(t, signature, someone, issuer, soon(), keepAll), nil, ""},
		{"right by the log alone", right, parts{log: true}, nil, ours.signed(t, signature, someone, issuer, soon(), keep{log: true}), nil, ""},
		{"right by a timestamp alone", right, parts{timestamps: true}, nil, ours.signed(t, signature, someone, issuer, soon(), keep{timestamp: true}), nil, ""},
		{"patterns", sign.Identity{SubjectPattern: ".*@example[.]com", IssuerPattern: "https://issuer[.].*"}, all, nil,
			ours.signed(t, signature, someone, issuer, soon(), keepAll), nil, ""},
		{"pattern of a part", sign.Identity{SubjectPattern: "someone", Issuer: issuer}, all, nil,
			ours.signed(t, signature, someone, issuer, soon(), keepAll), sign.ErrOtherSigner, "someone@example.com"},
		{"pattern of an end", sign.Identity{SubjectPattern: "x|someone@example[.]com", Issuer: issuer}, all, nil,
			ours.signed(t, signature, "evil"+someone, issuer, soon(), keepAll), sign.ErrOtherSigner, "evilsomeone@example.com"},
		{"pattern of a start", sign.Identity{SubjectPattern: "someone@example[.]com|x", Issuer: issuer}, all, nil,
			ours.signed(t, signature, someone+".evil", issuer, soon(), keepAll), sign.ErrOtherSigner, "someone@example.com.evil"},
		{"pattern of one line", sign.Identity{SubjectPattern: "(?m)^someone@example.com$", Issuer: issuer}, all, nil,
			ours.signed(t, signature, someone+"\nevil", issuer, soon(), keepAll), sign.ErrSignature, ""},
		{"wrong identity", sign.Identity{Subject: "other@example.com", Issuer: issuer}, all, nil,
			ours.signed(t, signature, someone, issuer, soon(), keepAll), sign.ErrOtherSigner, "someone@example.com"},
		{"wrong issuer", sign.Identity{Subject: someone, Issuer: "https://other.example.com"}, all, nil,
			ours.signed(t, signature, someone, issuer, soon(), keepAll), sign.ErrOtherSigner, "issuer.example.com"},
		{"other authority", right, all, nil, other.signed(t, signature, someone, issuer, soon(), keepAll), sign.ErrOtherSigner, "no authority of the trusted root"},
		{"after the certificate expired", right, all, nil, ours.signed(t, signature, someone, issuer, time.Now().Add(30*time.Minute), keepAll), sign.ErrTime, "validity"},
		{"before the certificate", right, all, nil, ours.signed(t, signature, someone, issuer, time.Now().Add(-30*time.Minute), keepAll), sign.ErrTime, "validity"},
		{"expired root", right, all, func(a *root.FulcioCertificateAuthority) { a.ValidityPeriodEnd = time.Now().Add(-time.Hour) },
			ours.signed(t, signature, someone, issuer, soon(), keepAll), sign.ErrTime, "was not valid"},
		{"root of later", right, all, func(a *root.FulcioCertificateAuthority) { a.ValidityPeriodStart = time.Now().Add(30 * time.Minute) },
			ours.signed(t, signature, someone, issuer, soon(), keepAll), sign.ErrTime, "was not valid"},
		{"not in the log", right, all, nil, ours.signed(t, signature, someone, issuer, soon(), keep{timestamp: true}), sign.ErrTime, "log"},
		{"in another log", right, parts{timestamps: true}, nil, ours.signed(t, signature, someone, issuer, soon(), keep{log: true}), sign.ErrTime, "timestamp"},
		{"no time at all", right, all, nil, ours.signed(t, signature, someone, issuer, soon(), keep{}), sign.ErrTime, "log"},
		{"no certificate timestamp", right, parts{true, true, true}, nil, ours.signed(t, signature, someone, issuer, soon(), keepAll), sign.ErrSignature, "certificate timestamp"},
		{"by a key", right, all, nil, golden(t, "sign3-ecdsa.bundle.json"), sign.ErrOtherSigner, "by a key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := identityVerifier(t, tt.id, ours.root(t, tt.root, tt.change))
			s, err := sign.VerifySignature(v, sign.NewEnvelope(digest, tt.bundle))
			if tt.want != nil {
				if !errors.Is(err, tt.want) || !errors.Is(err, sign.ErrSignature) || !strings.Contains(err.Error(), tt.says) {
					t.Fatalf("the error is %v\nwant %v with %q", err, tt.want, tt.says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if s.Signer != someone+" "+issuer || s.Time.IsZero() || !s.IsSignature() {
				t.Errorf("the statement is %+v", s)
			}
		})
	}
}

func TestIdentityOfWhatIsNoSignature(t *testing.T) {
	ours := newVirtual(t)
	v := identityVerifier(t, sign.Identity{Subject: someone, Issuer: issuer}, ours.root(t, parts{log: true}, nil))
	attestation := ours.signed(t, statement(t, sign.PredicateSLSA), someone, issuer, soon(), keepAll)
	if _, err := sign.VerifySignature(v, sign.NewEnvelope(digest, attestation)); !errors.Is(err, sign.ErrNotSignature) {
		t.Errorf("an attestation in place of a signature: %v", err)
	}
	if _, err := sign.VerifyStatement(v, sign.NewEnvelope(digest, attestation), sign.PredicateSLSA); err != nil {
		t.Errorf("an attestation: %v", err)
	}
	signature := ours.signed(t, statement(t, sign.PredicateSignature), someone, issuer, soon(), keepAll)
	if _, err := v.Verify(sign.NewEnvelope(strings.Replace(digest, "97", "00", 1), signature)); !errors.Is(err, sign.ErrOtherDigest) {
		t.Errorf("another digest: %v", err)
	}
}

func TestNewIdentityVerifierRefuses(t *testing.T) {
	r := newVirtual(t).root(t, parts{log: true}, nil)
	tests := []struct {
		name string
		id   sign.Identity
		root *sign.Root
		says string
	}{
		{"no root", sign.Identity{Subject: someone, Issuer: issuer}, nil, "trusted root"},
		{"no identity", sign.Identity{Issuer: issuer}, r, "identity: it is missing"},
		{"no issuer", sign.Identity{Subject: someone}, r, "issuer: it is missing"},
		{"both forms", sign.Identity{Subject: someone, SubjectPattern: ".*", Issuer: issuer}, r, "not both"},
		{"no pattern", sign.Identity{SubjectPattern: "(", Issuer: issuer}, r, "identity pattern"},
		{"a pattern that escapes", sign.Identity{SubjectPattern: "x)|(?:.*", Issuer: issuer}, r, "identity pattern"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := sign.NewIdentityVerifier(tt.id, tt.root); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("the error is %v, want %q in it", err, tt.says)
			}
		})
	}
}

func TestParseRootRefuses(t *testing.T) {
	v := newVirtual(t)
	whole := string(v.rootJSON(t, parts{log: true, timestamps: true}, nil))
	tests := []struct{ name, text, says string }{
		{"nothing", "", "unexpected end"},
		{"cosign's empty one", `{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}`, "no certificate authority"},
		{"another type", strings.Replace(whole, "trustedroot", "signingconfig", 1), "media type"},
		{"an unknown member", strings.Replace(whole, `{`, `{"extra":1,`, 1), "unknown field"},
		{"a name twice", strings.Replace(whole, `{`, `{"mediaType":"x",`, 1), "duplicate"},
		{"text behind it", whole + "{}", "more than one"},
		{"no time", string(v.rootJSON(t, parts{}, nil)), "when a signature was made"},
		{"too long", whole + strings.Repeat(" ", 1<<20), "more than"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := sign.ParseRoot([]byte(tt.text)); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("the error is %v, want %q in it", err, tt.says)
			}
		})
	}
}
