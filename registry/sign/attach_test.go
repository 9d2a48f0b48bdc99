package sign_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/oci/ocitest"
	"github.com/mcpwasm/mcpwasm/registry/sign"
)

// packaged returns a repository with the package of the tests in it.
func packaged(t testing.TB) (*ocitest.Memory, oci.Descriptor) {
	t.Helper()
	repository := ocitest.New()
	return repository, put(t, repository, oci.MediaTypeManifest, golden(t, "subject.manifest.json"))
}

func TestAttachSeveral(t *testing.T) {
	repository, subject := packaged(t)
	var added []oci.Descriptor
	for _, kind := range []sign.KeyType{sign.ECDSA, sign.Ed25519} {
		key, err := sign.GenerateKey(kind)
		check(t, err)
		s, err := sign.KeySigner(key)
		check(t, err)
		first, err := sign.Attach(t.Context(), repository, subject, sign.PredicateSignature, nil, s)
		check(t, err)
		again, err := sign.Attach(t.Context(), repository, subject, sign.PredicateSignature, nil, s)
		check(t, err)
		if first.Digest != again.Digest || first.Before || !again.Before {
			t.Errorf("%s: signed twice", kind)
		}
		for _, predicate := range []string{`{"a":1}`, "{ \"a\": 1 }\n", `{"a":2}`} {
			_, err := sign.Attach(t.Context(), repository, subject, sign.PredicateSLSA, json.RawMessage(predicate), s)
			check(t, err)
		}
		added = append(added, first.Descriptor)
	}
	envelopes, err := sign.Collect(t.Context(), repository, subject.Digest)
	check(t, err)
	if len(envelopes) != 6 { // of each key a signature and two different attestations
		t.Errorf("there are %d envelopes", len(envelopes))
	}
	var m oci.Manifest
	check(t, json.Unmarshal(repository.Blobs[added[0].Digest], &m))
	if m.ArtifactType != sign.MediaTypeBundle || m.Config.MediaType != oci.MediaTypeEmpty || m.Config.Digest != oci.DigestOf([]byte("{}")) ||
		len(m.Layers) != 1 || m.Layers[0].MediaType != sign.MediaTypeBundle || m.Subject == nil || m.Subject.Digest != subject.Digest ||
		m.Annotations["dev.sigstore.bundle.content"] != "dsse-envelope" || m.Annotations["dev.sigstore.bundle.predicateType"] != sign.PredicateSignature {
		t.Errorf("the manifest is %+v", m)
	}
}

func TestAttachTagFormSeveral(t *testing.T) {
	repository, subject := packaged(t)
	for _, kind := range []sign.KeyType{sign.ECDSA, sign.Ed25519, sign.ECDSA} {
		key, err := sign.GenerateKey(kind)
		check(t, err)
		for range 2 {
			_, err = sign.AttachTagForm(t.Context(), repository, "example.com/acme/weather", subject, key)
			check(t, err)
		}
		envelopes, err := sign.Collect(t.Context(), repository, subject.Digest)
		check(t, err)
		if _, err := sign.VerifySignature(verifier(t, key.Public()), envelopes[len(envelopes)-1]); err != nil {
			t.Error(err)
		}
		s, err := sign.KeySigner(key)
		check(t, err)
		if _, err := sign.Attach(t.Context(), repository, subject, sign.PredicateSignature, nil, s); !errors.Is(err, sign.ErrOtherForm) {
			t.Errorf("a bundle beside the tag form: %v", err)
		}
	}
	envelopes, err := sign.Collect(t.Context(), repository, subject.Digest)
	check(t, err)
	if len(envelopes) != 3 {
		t.Errorf("there are %d signatures behind the tag", len(envelopes))
	}
}

func TestAttachTagFormBesideBundles(t *testing.T) {
	repository, subject := packaged(t)
	key, err := sign.GenerateKey(sign.ECDSA)
	check(t, err)
	s, err := sign.KeySigner(key)
	check(t, err)
	_, err = sign.Attach(t.Context(), repository, subject, sign.PredicateSLSA, json.RawMessage("{}"), s)
	check(t, err)
	if _, err := sign.AttachTagForm(t.Context(), repository, "example.com/acme/weather", subject, key); !errors.Is(err, sign.ErrOtherForm) {
		t.Errorf("the error is %v", err)
	}
}

func TestAttachRefuses(t *testing.T) {
	repository, subject := packaged(t)
	key, err := sign.GenerateKey(sign.ECDSA)
	check(t, err)
	s, err := sign.KeySigner(key)
	check(t, err)
	tests := []struct {
		name, digest, kind string
		predicate          json.RawMessage
		says               string
	}{
		{"a signature with a predicate", subject.Digest, sign.PredicateSignature, json.RawMessage("{}"), "a signature has no predicate"},
		{"an attestation without one", subject.Digest, sign.PredicateSLSA, nil, "an attestation has one"},
		{"no JSON", subject.Digest, sign.PredicateSLSA, json.RawMessage("{"), "predicate"},
		{"no object", subject.Digest, sign.PredicateSLSA, json.RawMessage("[]"), "want an object"},
		{"a name twice", subject.Digest, sign.PredicateSLSA, json.RawMessage(`{"a":1,"a":2}`), "duplicate"},
		{"no digest", "latest", sign.PredicateSignature, nil, "want a digest"},
		{"too large", subject.Digest, sign.PredicateSPDX, json.RawMessage(`{"a":"` + strings.Repeat("a", sign.MaxEnvelopeBytes) + `"}`), "more than"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := subject
			d.Digest = tt.digest
			if _, err := sign.Attach(t.Context(), repository, d, tt.kind, tt.predicate, s); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("the error is %v, want %q in it", err, tt.says)
			}
		})
	}
	if n := len(repository.Referring); n != 0 {
		t.Errorf("%d manifests got referrers", n)
	}
}

// referrer adds a manifest about the subject with some layers.
func referrer(t testing.TB, to oci.Target, subject oci.Descriptor, layers ...oci.Descriptor) oci.Descriptor {
	t.Helper()
	empty := put(t, to, oci.MediaTypeEmpty, []byte("{}"))
	content, err := json.Marshal(oci.Manifest{SchemaVersion: 2, MediaType: oci.MediaTypeManifest, Config: empty, Layers: layers, Subject: &subject})
	check(t, err)
	return put(t, to, oci.MediaTypeManifest, content)
}

func TestCollectLimits(t *testing.T) {
	layer := func(repository *ocitest.Memory, size int64, n int) []oci.Descriptor {
		d := put(t, repository, sign.MediaTypeBundle, []byte("{}"))
		if size > 0 {
			d.Size = size
		}
		layers := make([]oci.Descriptor, n)
		for i := range layers {
			layers[i] = d
		}
		return layers
	}
	tests := []struct {
		name   string
		change func(*ocitest.Memory, oci.Descriptor)
		want   error // nil: nothing is found
	}{
		{"nothing", func(*ocitest.Memory, oci.Descriptor) {}, nil},
		{"something else", func(r *ocitest.Memory, s oci.Descriptor) { referrer(t, r, s, put(t, r, "text/plain", []byte("x"))) }, nil},
		{"listed and deleted", func(r *ocitest.Memory, s oci.Descriptor) {
			delete(r.Blobs, referrer(t, r, s, layer(r, 0, 1)...).Digest)
		}, nil},
		{"too many", func(r *ocitest.Memory, s oci.Descriptor) {
			for i := range 3 {
				referrer(t, r, s, layer(r, 0, sign.MaxEnvelopes/3+1+i)...)
			}
		}, sign.ErrTooMuch},
		{"layers without end", func(r *ocitest.Memory, s oci.Descriptor) { referrer(t, r, s, layer(r, 0, oci.MaxLayers+1)...) }, nil},
		{"too large", func(r *ocitest.Memory, s oci.Descriptor) { referrer(t, r, s, layer(r, sign.MaxEnvelopeBytes+1, 1)...) }, sign.ErrTooMuch},
		{"a lying size", func(r *ocitest.Memory, s oci.Descriptor) { referrer(t, r, s, layer(r, 100, 1)...) }, oci.ErrContent},
		{"a changed byte", func(r *ocitest.Memory, s oci.Descriptor) {
			l := layer(r, 0, 1)
			referrer(t, r, s, l...)
			r.Blobs[l[0].Digest] = []byte("{ ")
		}, oci.ErrContent},
		{"a changed manifest", func(r *ocitest.Memory, s oci.Descriptor) {
			d := referrer(t, r, s, layer(r, 0, 1)...)
			r.Blobs[d.Digest] = bytes.Replace(r.Blobs[d.Digest], []byte("2"), []byte("3"), 1)
		}, oci.ErrContent},
		{"a lost blob", func(r *ocitest.Memory, s oci.Descriptor) {
			l := layer(r, 0, 1)
			referrer(t, r, s, l...)
			delete(r.Blobs, l[0].Digest)
		}, oci.ErrNotFound},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			repository, subject := packaged(t)
			tt.change(repository, subject)
			envelopes, err := sign.Collect(t.Context(), repository, subject.Digest)
			if !errors.Is(err, tt.want) || len(envelopes) != 0 {
				t.Errorf("%d envelopes, the error is %v, want %v", len(envelopes), err, tt.want)
			}
		})
	}
}

// flood has more referrers than there may be.
type flood struct{ *ocitest.Memory }

func (flood) Referrers(context.Context, string) ([]oci.Descriptor, error) {
	return make([]oci.Descriptor, oci.MaxReferrers+1), nil
}

// wide has many manifests that are large together.
type wide struct{ *ocitest.Memory }

func (w wide) Referrers(context.Context, string) ([]oci.Descriptor, error) {
	list := make([]oci.Descriptor, 17)
	for i := range list {
		list[i] = oci.Descriptor{MediaType: oci.MediaTypeManifest, Digest: digest, Size: oci.MaxManifestBytes}
	}
	return list, nil
}

func (wide) Fetch(context.Context, oci.Descriptor) (io.ReadCloser, error) {
	return nil, oci.ErrNotFound
}

func TestCollectBoundsTheWhole(t *testing.T) {
	for name, src := range map[string]oci.Source{"referrers": flood{ocitest.New()}, "bytes": wide{ocitest.New()}} {
		t.Run(name, func(t *testing.T) {
			if _, err := sign.Collect(t.Context(), src, digest); !errors.Is(err, sign.ErrTooMuch) {
				t.Errorf("the error is %v", err)
			}
		})
	}
	if _, err := sign.Collect(t.Context(), ocitest.New(), "latest"); err == nil {
		t.Error("a tag is no digest")
	}
}
