package sign

import (
	"bytes"
	"context"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// Annotations of a bundle's manifest, as cosign 3 writes them. They help to
// choose, and prove nothing.
const (
	annotationContent   = "dev.sigstore.bundle.content"
	annotationPredicate = "dev.sigstore.bundle.predicateType"
	annotationCreated   = "org.opencontainers.image.created"
)

// ErrOtherForm is returned by [Attach] for a digest that has signatures in the tag
// form, and by [AttachTagForm] for one that has bundles. cosign 2 looks at nothing but bundles
// where there are any, and cosign 3 at nothing but bundles at all: with both, what
// the author meant to be verified may not be.
var ErrOtherForm = errors.New("signed in the other form already")

// Attached is what [Attach] or [AttachTagForm] added, or found: a key does not sign
// the same twice.
type Attached struct {
	oci.Descriptor      // of the manifest that carries the signature
	Before         bool // it was there already, and nothing was added
}

// Attach signs a statement about a manifest and adds it as a bundle: a signature
// where predicateType is [PredicateSignature] and predicate is nil, else an attestation.
// Several keys may sign.
func Attach(ctx context.Context, to oci.Target, subject oci.Descriptor, predicateType string, predicate json.RawMessage, s Signer) (Attached, error) {
	if (predicateType == PredicateSignature) != (predicate == nil) {
		return Attached{}, fmt.Errorf("sign %s: a signature has no predicate, and an attestation has one", subject.Digest)
	}
	statement, err := NewStatement(subject.Digest, predicateType, predicate)
	if err != nil {
		return Attached{}, fmt.Errorf("sign %s: %w", subject.Digest, err)
	}
	existing, err := Collect(ctx, to, subject.Digest)
	if err != nil {
		return Attached{}, err
	}
	for _, e := range existing {
		if e.form != formBundle {
			return Attached{}, fmt.Errorf("sign %s: %w: as the tags %s and %s: sign in that form, or remove the tags",
				subject.Digest, ErrOtherForm, tagOf(subject.Digest, tagSignatures), tagOf(subject.Digest, tagAttestations))
		}
	}
	if e, ok := signedBefore(existing, s, predicateType, predicate); ok {
		return Attached{e.Manifest, true}, nil
	}
	content, err := s.Sign(ctx, statement)
	if err != nil {
		return Attached{}, fmt.Errorf("sign %s: %w", subject.Digest, err)
	}
	if len(content) > MaxEnvelopeBytes {
		return Attached{}, fmt.Errorf("sign %s: a bundle of %d bytes, more than the %d that are read", subject.Digest, len(content), MaxEnvelopeBytes)
	}
	added, err := pushBundle(ctx, to, subject, predicateType, content)
	if err != nil {
		return Attached{}, fmt.Errorf("attach to %s: %w", subject.Digest, err)
	}
	return Attached{Descriptor: added}, nil
}

// signedBefore finds what a signer has said already. Only a signer that verifies
// its own signatures can tell: one with a key.
func signedBefore(existing []Envelope, s any, predicateType string, predicate json.RawMessage) (Envelope, bool) {
	v, ok := s.(Verifier)
	if !ok {
		return Envelope{}, false
	}
	for _, e := range existing {
		st, err := VerifyStatement(v, e, predicateType)
		if err == nil && (predicate == nil || sameJSON(st.Predicate, predicate)) {
			return e, true
		}
	}
	return Envelope{}, false
}

// sameJSON reports whether two texts are the same but for white space.
func sameJSON(a, b json.RawMessage) bool {
	var x, y bytes.Buffer
	return json.Compact(&x, a) == nil && json.Compact(&y, b) == nil && bytes.Equal(x.Bytes(), y.Bytes())
}

// pushBundle adds a bundle as a referrer.
func pushBundle(ctx context.Context, to oci.Target, subject oci.Descriptor, predicateType string, content []byte) (oci.Descriptor, error) {
	layer, err := push(ctx, to, MediaTypeBundle, content)
	if err != nil {
		return oci.Descriptor{}, err
	}
	empty, err := push(ctx, to, oci.MediaTypeEmpty, []byte("{}"))
	if err != nil {
		return oci.Descriptor{}, err
	}
	return pushManifest(ctx, to, oci.Manifest{
		ArtifactType: MediaTypeBundle,
		Config:       empty,
		Layers:       []oci.Descriptor{layer},
		Subject:      &oci.Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size},
		Annotations: map[string]string{
			annotationContent:   "dsse-envelope",
			annotationPredicate: predicateType,
			annotationCreated:   time.Now().UTC().Format(time.RFC3339),
		},
	})
}

func pushManifest(ctx context.Context, to oci.Target, m oci.Manifest) (oci.Descriptor, error) {
	m.SchemaVersion, m.MediaType = 2, oci.MediaTypeManifest
	content, err := json.Marshal(m)
	if err != nil {
		return oci.Descriptor{}, err
	}
	d, err := push(ctx, to, oci.MediaTypeManifest, content)
	d.ArtifactType, d.Annotations = m.ArtifactType, m.Annotations
	return d, err
}

func push(ctx context.Context, to oci.Target, mediaType string, content []byte) (oci.Descriptor, error) {
	d := oci.Describe(mediaType, content)
	return d, to.Push(ctx, d, bytes.NewReader(content))
}

// AttachTagForm signs a manifest in the form of cosign 2, behind the tag
// sha256-….sig, for who verifies with that. name is the repository as references
// have it, "registry/repository". It takes the place of [Attach]: see
// [ErrOtherForm]. Several keys may sign, one after the other: the tag is read and
// written again, and of two who do that at the same time one may be lost.
func AttachTagForm(ctx context.Context, to oci.Target, name string, subject oci.Descriptor, key crypto.Signer) (Attached, error) {
	s, err := KeySigner(key)
	if err != nil {
		return Attached{}, err
	}
	if !oci.IsDigest(subject.Digest) {
		return Attached{}, fmt.Errorf("sign %q: want a digest", subject.Digest)
	}
	existing, err := Collect(ctx, to, subject.Digest)
	if err != nil {
		return Attached{}, err
	}
	for _, e := range existing {
		if e.form == formBundle {
			return Attached{}, fmt.Errorf("sign %s: %w: as bundles: sign in that form", subject.Digest, ErrOtherForm)
		}
	}
	if e, ok := signedBefore(existing, s, PredicateSignature, nil); ok {
		return Attached{e.Manifest, true}, nil
	}
	added, err := appendTag(ctx, to, name, subject, key)
	if err != nil {
		return Attached{}, fmt.Errorf("attach to %s: %w", subject.Digest, err)
	}
	return Attached{Descriptor: added}, nil
}

// appendTag adds a signature to those behind a digest's tag.
func appendTag(ctx context.Context, to oci.Target, name string, subject oci.Descriptor, key crypto.Signer) (oci.Descriptor, error) {
	tag := tagOf(subject.Digest, tagSignatures)
	m, err := tagManifest(ctx, to, tag)
	if err != nil {
		return oci.Descriptor{}, fmt.Errorf("tag %s: %w", tag, err)
	}
	simple, err := newSimple(name, subject.Digest)
	if err != nil {
		return oci.Descriptor{}, err
	}
	signature, err := signBytes(key, simple)
	if err != nil {
		return oci.Descriptor{}, err
	}
	layer, err := push(ctx, to, mediaTypeSimple, simple)
	if err != nil {
		return oci.Descriptor{}, err
	}
	layer.Annotations = map[string]string{annotationSignature: base64.StdEncoding.EncodeToString(signature)}
	m.Layers = append(m.Layers, layer)
	if m.Config, err = push(ctx, to, "application/vnd.oci.image.config.v1+json", tagConfig(m.Layers)); err != nil {
		return oci.Descriptor{}, err
	}
	d, err := pushManifest(ctx, to, m)
	if err != nil {
		return oci.Descriptor{}, err
	}
	return d, to.Tag(ctx, d, tag)
}

// tagManifest returns the manifest behind a tag, or an empty one.
func tagManifest(ctx context.Context, src oci.Source, tag string) (oci.Manifest, error) {
	d, err := src.Resolve(ctx, tag)
	if errors.Is(err, oci.ErrNotFound) {
		return oci.Manifest{}, nil
	}
	if err != nil {
		return oci.Manifest{}, err
	}
	content, err := oci.ReadAll(ctx, src, d, oci.MaxManifestBytes)
	if err != nil {
		return oci.Manifest{}, err
	}
	return parseManifest(content)
}

// tagConfig is the configuration of an image that has the layers: cosign 2 keeps
// signatures in what readers of images take for one.
func tagConfig(layers []oci.Descriptor) []byte {
	ids := make([]string, len(layers))
	for i, l := range layers {
		ids[i] = `"` + l.Digest + `"`
	}
	return []byte(`{"architecture":"","os":"","rootfs":{"type":"layers","diff_ids":[` + strings.Join(ids, ",") + `]},"config":{}}`)
}
