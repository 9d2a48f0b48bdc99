package registry

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/sign"
	"github.com/mcpwasm/mcpwasm/registry/sign/signtest"
)

// TestCachedNeedsNoNetwork starts a package that is in the cache, signatures
// and all, with and without being told to stay offline.
func TestCachedNeedsNoNetwork(t *testing.T) {
	w := newWorld(t, stdioModule)
	w.sign(w.pkg.Descriptor, w.key)
	open(t, w.cached(false), w.ref)
	ref := w.at(w.pkg.Descriptor.Digest)
	for _, offline := range []bool{false, true} {
		w.upstream.calls = 0
		open(t, w.cached(offline), ref)
		if w.upstream.calls != 0 {
			t.Errorf("offline %t: the registry was asked %d times", offline, w.upstream.calls)
		}
	}
	if _, err := w.cached(true).Verify(t.Context(), w.ref); !errors.Is(err, oci.ErrNotFound) {
		t.Errorf("a tag offline: %v", err)
	}
	// It is verified again: another policy refuses what was accepted before.
	w.key = newKey(t)
	if _, err := w.cached(true).Verify(t.Context(), ref); err == nil {
		t.Error("a signature that does not count any more was accepted from the cache")
	}
}

// TestCachedSignatureIsLate asks the registry where the signatures in the cache do
// not do.
func TestCachedSignatureIsLate(t *testing.T) {
	w := newWorld(t, stdioModule)
	w.sign(w.pkg.Descriptor, newKey(t))
	ref := w.at(w.pkg.Descriptor.Digest)
	if _, err := w.cached(false).Verify(t.Context(), ref); err == nil {
		t.Fatal("another's signature was accepted")
	}
	w.sign(w.pkg.Descriptor, w.key)
	if _, err := w.cached(true).Verify(t.Context(), ref); err == nil {
		t.Error("offline: a signature that is not in the cache was found")
	}
	open(t, w.cached(false), ref)
	open(t, w.cached(true), ref)
}

// TestHiddenSignature: a registry that hides signatures for once, or lists others
// that do not hold, takes nothing away that is in the cache.
func TestHiddenSignature(t *testing.T) {
	w := newWorld(t, stdioModule)
	w.sign(w.pkg.Descriptor, w.key)
	ref := w.at(w.pkg.Descriptor.Digest)
	open(t, w.cached(false), w.ref)
	good := w.upstream.Referring
	junk := oci.Describe("x", bytes.Repeat([]byte("x"), 10))
	for name, bad := range map[string][]oci.Descriptor{"none": nil, "another": {junk}, "too many": slices.Repeat([]oci.Descriptor{junk}, oci.MaxReferrers+1)} {
		w.upstream.Referring = map[string][]oci.Descriptor{ref.Digest: bad}
		if _, err := w.cached(false).Verify(t.Context(), w.ref); err == nil {
			t.Errorf("%s: it was accepted", name)
		}
		open(t, w.cached(true), ref)
	}
	// Of two signers one is hidden: both are still there.
	w.upstream.Referring = good
	second := newKey(t)
	w.sign(w.pkg.Descriptor, second)
	open(t, w.cached(false), w.ref)
	w.upstream.Referring = map[string][]oci.Descriptor{ref.Digest: good[ref.Digest][:1]}
	open(t, w.cached(false), w.ref)
	w.key = second
	open(t, w.cached(true), ref)
}

func open(t testing.TB, c *Client, ref oci.Reference) Artifact {
	t.Helper()
	p, err := c.Verify(context.Background(), ref)
	must(t, err)
	a, err := c.Open(context.Background(), p)
	must(t, err)
	return a
}

// TestTamperedCache changes one byte at several places of every file of a cache.
// Online that is noticed, and what was changed is fetched again; offline the package is
// refused, or the file was not needed. Nothing that was changed is ever used.
func TestTamperedCache(t *testing.T) {
	w := newWorld(t, stdioModule)
	w.sign(w.pkg.Descriptor, w.key)
	ref := w.at(w.pkg.Descriptor.Digest)
	open(t, w.cached(false), w.ref)
	var names []string
	must(t, filepath.WalkDir(w.cacheDir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			names = append(names, path)
		}
		return err
	}))
	// Module, config, manifest, our manifest; bundle and its manifest; the list of
	// referrers.
	if len(names) < 7 {
		t.Fatalf("%d files: %v", len(names), names)
	}
	refused := 0
	for _, name := range names {
		good, err := os.ReadFile(name)
		must(t, err)
		for _, at := range []int{0, len(good) / 3, len(good) / 2, len(good) - 1} {
			bad := append([]byte(nil), good...)
			bad[at] ^= 1
			must(t, os.WriteFile(name, bad, 0o600))
			if a, err := tryOpen(w.cached(true), ref); err != nil {
				refused++
				if !errors.Is(err, ErrSource) || strings.Contains(err.Error(), "\n") {
					t.Errorf("%s: %v", name, err)
				}
			} else if a.Digest != oci.DigestOf(stdioModule) || oci.DigestOf(a.Wasm) != a.Digest {
				t.Errorf("%s: another module was opened", name)
			}
			must(t, os.WriteFile(name, bad, 0o600))
			if a := open(t, w.cached(false), ref); oci.DigestOf(a.Wasm) != oci.DigestOf(stdioModule) {
				t.Errorf("%s: another module was opened", name)
			}
			if filepath.Base(filepath.Dir(name)) == "sha256" {
				open(t, w.cached(true), ref) // it was mended
				if now, err := os.ReadFile(name); err != nil || string(now) != string(good) {
					t.Errorf("%s was not fetched again: %v", name, err)
				}
			}
			must(t, os.WriteFile(name, good, 0o600))
		}
	}
	if refused < 6*4 { // some changes of the list leave it one that can be read
		t.Errorf("%d of %d changes were noticed offline", refused, 4*len(names))
	}
	if !strings.Contains(w.log.String(), "level=WARN") {
		t.Error("nothing was logged")
	}
}

func tryOpen(c *Client, ref oci.Reference) (Artifact, error) {
	p, err := c.Verify(context.Background(), ref)
	if err != nil {
		return Artifact{}, err
	}
	return c.Open(context.Background(), p)
}

// BenchmarkVerifyCached measures what a start does about a package of 3 MiB that is
// in the cache: Verify all but the module, which VerifyAndOpen reads and hashes too. The
// policy, the cache and the client are made anew each time, and for an identity the
// trusted root is read.
func BenchmarkVerifyCached(b *testing.B) {
	virtual := signtest.New(b)
	rootJSON := virtual.RootJSON(b, signtest.Parts{Log: true, Timestamps: true}, nil)
	id := sign.Identity{Subject: "release@acme.example", Issuer: "https://issuer.example"}
	for _, signer := range []struct {
		name string
		sign sign.Signer
		// verifier is nil for the world's own key.
		verifier func() sign.Verifier
	}{
		{"key", nil, nil},
		{"keyless", virtual.Signer(b, id), func() sign.Verifier {
			root, err := sign.ParseRoot(rootJSON)
			must(b, err)
			v, err := sign.NewIdentityVerifier(id, root)
			must(b, err)
			return v
		}},
	} {
		w := newWorld(b, padded(3<<20))
		w.verifier = signer.verifier
		if signer.sign == nil {
			w.sign(w.pkg.Descriptor, w.key)
		} else {
			_, err := sign.Attach(b.Context(), w.upstream, w.pkg.Descriptor, sign.PredicateSignature, nil, signer.sign)
			must(b, err)
		}
		open(b, w.cached(false), w.ref)
		ref := w.at(w.pkg.Descriptor.Digest)
		b.Run("by="+signer.name+"/Verify", func(b *testing.B) {
			for b.Loop() {
				if _, err := w.cached(true).Verify(b.Context(), ref); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("by="+signer.name+"/VerifyAndOpen", func(b *testing.B) {
			for b.Loop() {
				open(b, w.cached(true), ref)
			}
		})
	}
}

// TestKeep has a module fetched into the cache, from which it is opened.
func TestKeep(t *testing.T) {
	w := newWorld(t, stdioModule)
	w.sign(w.pkg.Descriptor, w.key)
	p, err := w.cached(false).Verify(t.Context(), w.ref)
	must(t, err)
	digest, err := w.cached(false).Keep(t.Context(), p)
	if err != nil || digest != oci.DigestOf(stdioModule) {
		t.Errorf("kept %s, %v", digest, err)
	}
	open(t, w.cached(true), w.at(w.pkg.Descriptor.Digest))
	t.Run("changed at the registry", func(t *testing.T) {
		w := newWorld(t, stdioModule)
		w.sign(w.pkg.Descriptor, w.key)
		p, err := w.cached(false).Verify(t.Context(), w.ref)
		must(t, err)
		changed := slices.Clone(stdioModule)
		changed[len(changed)-1] ^= 1
		w.upstream.Blobs[p.Wasm.Digest] = changed
		if _, err := w.cached(false).Keep(t.Context(), p); !errors.Is(err, oci.ErrContent) {
			t.Errorf("kept: %v", err)
		}
		if p, err = w.cached(true).Verify(t.Context(), w.at(w.pkg.Descriptor.Digest)); err == nil {
			_, err = w.cached(true).Open(t.Context(), p)
		}
		if err == nil {
			t.Error("it is in the cache")
		}
	})
}
