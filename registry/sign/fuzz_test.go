package sign_test

import (
	"errors"
	"testing"

	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/oci/ocitest"
	"github.com/mcpwasm/mcpwasm/registry/sign"
)

// FuzzBundle: whatever a bundle is, no verifier accepts it but for what was
// signed, and every refusal is one.
func FuzzBundle(f *testing.F) {
	ours := newVirtual(f)
	byIdentity := identityVerifier(f, sign.Identity{Subject: someone, Issuer: issuer}, ours.root(f, parts{log: true, timestamps: true}, nil))
	byKey := verifier(f, goldenKey(f, "ecdsa3"))
	for _, name := range []string{"sign3-ecdsa", "sign3-ed25519", "attest3"} {
		f.Add(golden(f, name+".bundle.json"))
	}
	f.Add(ours.signed(f, statement(f, sign.PredicateSignature), someone, issuer, soon(), keepAll))
	f.Fuzz(func(t *testing.T, content []byte) {
		e := sign.NewEnvelope(digest, content)
		e.Claims()
		for _, v := range []sign.Verifier{byKey, byIdentity} {
			st, err := v.Verify(e)
			if err != nil && !errors.Is(err, sign.ErrSignature) {
				t.Errorf("the error is %v", err)
			}
			if err == nil && (st.Signer == "" || st.PredicateType == "") {
				t.Errorf("it holds, and says %+v", st)
			}
		}
	})
}

// FuzzTag: whatever stands behind the tag of a signature or attestation.
func FuzzTag(f *testing.F) {
	key := verifier(f, goldenKey(f, "ecdsa2"))
	ours := newVirtual(f)
	byIdentity := identityVerifier(f, sign.Identity{Subject: someone, Issuer: issuer}, ours.root(f, parts{log: true}, nil))
	f.Add(golden(f, "sign2.manifest.json"), golden(f, "sign2.payload.json"), "", "", "")
	f.Add(golden(f, "attest2.manifest.json"), golden(f, "attest2.dsse.json"), "", "", "")
	layer, certificate, chain, log := ours.tagged(f)
	f.Add([]byte(`{}`), layer, certificate, chain, log)
	f.Fuzz(func(t *testing.T, manifest, content []byte, certificate, chain, log string) {
		repository := ocitest.New()
		d := oci.Describe(oci.MediaTypeManifest, manifest)
		repository.Blobs[d.Digest] = manifest
		repository.Blobs[oci.DigestOf(content)] = content
		repository.Named["sha256-"+digest[7:]+".sig"], repository.Named["sha256-"+digest[7:]+".att"] = d, d
		envelopes, err := sign.Collect(t.Context(), repository, digest)
		if err != nil {
			envelopes = nil
		}
		envelopes = append(envelopes, sign.NewTagEnvelope(digest, content, []byte("signature"), certificate, chain, log))
		for _, e := range envelopes {
			e.Claims()
			for _, v := range []sign.Verifier{key, byIdentity} {
				if _, err := v.Verify(e); err != nil && !errors.Is(err, sign.ErrSignature) {
					t.Errorf("the error is %v", err)
				}
			}
		}
	})
}

func FuzzParseRoot(f *testing.F) {
	v := newVirtual(f)
	f.Add(v.rootJSON(f, parts{true, true, true}, nil))
	f.Add([]byte(`{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}`))
	bundle := v.signed(f, statement(f, sign.PredicateSignature), someone, issuer, soon(), keepAll)
	f.Fuzz(func(t *testing.T, content []byte) {
		r, err := sign.ParseRoot(content)
		if err != nil {
			return
		}
		// A root that can be read can be used.
		by, err := sign.NewIdentityVerifier(sign.Identity{Subject: someone, Issuer: issuer}, r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := by.Verify(sign.NewEnvelope(digest, bundle)); err != nil && !errors.Is(err, sign.ErrSignature) {
			t.Errorf("the error is %v", err)
		}
	})
}

func FuzzSigningConfig(f *testing.F) {
	f.Add([]byte(signingConfig))
	f.Fuzz(func(t *testing.T, content []byte) {
		s, err := sign.ParseSigningConfig(content)
		if err == nil && (s.Fulcio == "" || len(s.Logs)+len(s.Timestamps) == 0) {
			t.Errorf("the services are %+v", s)
		}
	})
}

func FuzzKeys(f *testing.F) {
	for _, name := range []string{"ecdsa3.pub", "ed25519.pub", "ed25519.pem", "sec1.pem"} {
		f.Add(golden(f, name))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		if public, err := sign.ParsePublicKey(content); err == nil {
			if _, err := sign.NewKeyVerifier("key", public); err != nil {
				t.Error(err)
			}
		}
		// An encrypted one takes scrypt's time: those are left to the library.
		if private, err := sign.ParsePrivateKey(content, nil); err == nil {
			if _, err := sign.KeySigner(private); err != nil {
				t.Error(err)
			}
		}
	})
}
