package sign_test

import (
	"testing"

	"github.com/mcpwasm/mcpwasm/registry/oci/ocitest"
	"github.com/mcpwasm/mcpwasm/registry/sign"
)

// verifyAll is what is done at every start: find the signatures and verify them.
func verifyAll(b *testing.B, repository *ocitest.Memory, v sign.Verifier) {
	b.ReportAllocs()
	for b.Loop() {
		envelopes, err := sign.Collect(b.Context(), repository, digest)
		check(b, err)
		_, err = sign.VerifySignature(v, envelopes[0])
		check(b, err)
	}
}

func BenchmarkVerifyKey(b *testing.B) {
	for _, kind := range []sign.KeyType{sign.ECDSA, sign.Ed25519} {
		b.Run(string(kind), func(b *testing.B) {
			repository, subject := packaged(b)
			key, err := sign.GenerateKey(kind)
			check(b, err)
			s, err := sign.KeySigner(key)
			check(b, err)
			_, err = sign.Attach(b.Context(), repository, subject, sign.PredicateSignature, nil, s)
			check(b, err)
			verifyAll(b, repository, verifier(b, key.Public()))
		})
	}
}

func BenchmarkVerifyKeyless(b *testing.B) {
	ours := newVirtual(b)
	repository, subject := packaged(b)
	content := ours.signed(b, statement(b, sign.PredicateSignature), someone, issuer, soon(), keepAll)
	referrer(b, repository, subject, put(b, repository, sign.MediaTypeBundle, content))
	root := ours.rootJSON(b, parts{log: true, timestamps: true}, nil)
	b.Run("verify", func(b *testing.B) {
		r, err := sign.ParseRoot(root)
		check(b, err)
		verifyAll(b, repository, identityVerifier(b, sign.Identity{Subject: someone, Issuer: issuer}, r))
	})
	b.Run("root", func(b *testing.B) { // read once for each start
		b.ReportAllocs()
		for b.Loop() {
			r, err := sign.ParseRoot(root)
			check(b, err)
			identityVerifier(b, sign.Identity{Subject: someone, Issuer: issuer}, r)
		}
	})
}
