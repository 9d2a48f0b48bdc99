package sign_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/sigstore/sigstore-go/pkg/testing/data"

	"github.com/mcpwasm/mcpwasm/registry/sign"
)

// TestPublicGoodInstance verifies what a real workflow signed with sigstore's public
// services, from the test data of sigstore-go: its certificate is in a certificate log, its
// entry in a transparency log. The statement is about a digest of another algorithm,
// so that it is refused for that, and for that only.
func TestPublicGoodInstance(t *testing.T) {
	text, err := json.Marshal(data.TrustedRoot(t, "public-good.json"))
	check(t, err)
	r, err := sign.ParseRoot(text)
	check(t, err)
	content, err := data.Bundle(t, "sigstore.js@2.0.0-provenance.sigstore.json").MarshalJSON()
	check(t, err)
	right := sign.Identity{
		Subject: "https://github.com/sigstore/sigstore-js/.github/workflows/release.yml@refs/heads/main",
		Issuer:  "https://token.actions.githubusercontent.com",
	}
	if _, err := identityVerifier(t, right, r).Verify(sign.NewEnvelope(digest, content)); !errors.Is(err, sign.ErrOtherDigest) {
		t.Errorf("the error is %v", err)
	}
	wrong := right
	wrong.Subject = "https://github.com/sigstore/sigstore-js/.github/workflows/release.yml@refs/heads/other"
	if _, err := identityVerifier(t, wrong, r).Verify(sign.NewEnvelope(digest, content)); !errors.Is(err, sign.ErrOtherSigner) {
		t.Errorf("another branch: %v", err)
	}
}
