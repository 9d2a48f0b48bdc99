package sign_test

import (
	"testing"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"

	"github.com/mcpwasm/mcpwasm/registry/sign"
	"github.com/mcpwasm/mcpwasm/registry/sign/signtest"
)

// Who signs in the tests.
const (
	someone = "someone@example.com"
	issuer  = "https://issuer.example.com"
)

var digest = "sha256:9715f2cc8ca07edb0f2b28e94c4149b8149df964834cb20946bac6e8eb60255f"

// virtual is a sigstore of the test's own.
type virtual struct{ signtest.Virtual }

func newVirtual(t testing.TB) virtual { return virtual{signtest.New(t)} }

// parts are what a trusted root may have.
type parts struct{ log, timestamps, certificateLog bool }

// rootJSON returns the trusted root of some of its parts.
func (v virtual) rootJSON(t testing.TB, p parts, change func(*root.FulcioCertificateAuthority)) []byte {
	t.Helper()
	return v.RootJSON(t, signtest.Parts{Log: p.log, Timestamps: p.timestamps, CertificateLog: p.certificateLog}, change)
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
	return v.Signed(t, statement, identity, issuer, at, signtest.Keep{Log: k.log, Timestamp: k.timestamp})
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
