package sign

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// What cosign 2 writes behind tags (github.com/sigstore/cosign,
// specs/SIGNATURE_SPEC.md and ATTESTATION_SPEC.md).
const (
	mediaTypeSimple = "application/vnd.dev.cosign.simplesigning.v1+json"
	mediaTypeDSSE   = "application/vnd.dsse.envelope.v1+json"
	typeSimple      = "cosign container image signature"

	annotationSignature   = "dev.cosignproject.cosign/signature"
	annotationCertificate = "dev.sigstore.cosign/certificate"
	annotationChain       = "dev.sigstore.cosign/chain"
	annotationLog         = "dev.sigstore.cosign/bundle"
	annotationTimestamp   = "dev.sigstore.cosign/rfc3161timestamp"
)

// Endings of the tags.
const (
	tagSignatures   = ".sig"
	tagAttestations = ".att"
)

// maxTagged bounds the signatures behind one tag.
const maxTagged = 100

// tagOf is the tag of a digest's signatures or attestations.
func tagOf(digest, ending string) string {
	return strings.Replace(digest, ":", "-", 1) + ending
}

// tagMaterial is what a keyless signature in the tag form has beside itself.
type tagMaterial struct {
	certificate, chain string // PEM
	log                string // what the transparency log answered, JSON
	timestamp          string // a timestamp authority's answer, JSON
}

// simpleSigning is what is signed in the tag form: the simple signing of container
// images (github.com/containers/image, docs/containers-signature.5.md).
type simpleSigning struct {
	Critical struct {
		Identity struct {
			Reference string `json:"docker-reference"`
		} `json:"identity"`
		Image struct {
			Digest string `json:"docker-manifest-digest"`
		} `json:"image"`
		Type string `json:"type"`
	} `json:"critical"`
	Optional json.RawMessage `json:"optional"`
}

// newSimple returns the bytes to be signed for a digest; name is the repository.
func newSimple(name, digest string) ([]byte, error) {
	var s simpleSigning
	s.Critical.Identity.Reference = name
	s.Critical.Image.Digest = digest
	s.Critical.Type = typeSimple
	return json.Marshal(s)
}

// checkSimple checks that signed bytes are a signature of a digest. The repository
// in it is not compared: packages are mirrored, and trust asks for a signer of the
// repository that was asked for.
func checkSimple(content []byte, digest string) error {
	o, err := checked(content)
	if err != nil {
		return err
	}
	critical, ok, err := o.GetObject("critical")
	if err != nil || !ok {
		return fmt.Errorf("%w: a signature without its critical part", ErrDamaged)
	}
	if err := onlyMembers(critical, "identity", "image", "type"); err != nil {
		return err
	}
	kind, _, err := critical.GetString("type")
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if kind != typeSimple {
		return fmt.Errorf("%w: a signature of type %q, want %q", ErrVersion, kind, typeSimple)
	}
	image, _, err := critical.GetObject("image")
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if err := onlyMembers(image, "docker-manifest-digest"); err != nil {
		return err
	}
	signed, _, err := image.GetString("docker-manifest-digest")
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if signed != digest {
		return fmt.Errorf("%w: %q, not %s", ErrOtherDigest, signed, digest)
	}
	return nil
}

// tagged returns the layers of a tag's manifest that are of a media type.
func tagged(content []byte, mediaType string) ([]oci.Descriptor, error) {
	m, err := parseManifest(content)
	if err != nil {
		return nil, err
	}
	layers := slices.DeleteFunc(m.Layers, func(l oci.Descriptor) bool { return l.MediaType != mediaType })
	if len(layers) > maxTagged {
		return nil, fmt.Errorf("%d signatures, more than the %d allowed", len(layers), maxTagged)
	}
	return layers, nil
}

// fromLayer returns the envelope of a layer behind a tag.
func fromLayer(manifest oci.Descriptor, subject string, layer oci.Descriptor, content []byte) Envelope {
	e := Envelope{Manifest: manifest, Subject: subject, content: content}
	if layer.MediaType == mediaTypeDSSE {
		e.form = formDSSE
	} else {
		e.form = formTag
		// One that is damaged verifies by no key, and is said to be so.
		e.signature, _ = decodeBase64(layer.Annotations[annotationSignature])
	}
	e.keyless = tagMaterial{
		certificate: layer.Annotations[annotationCertificate],
		chain:       layer.Annotations[annotationChain],
		log:         layer.Annotations[annotationLog],
		timestamp:   layer.Annotations[annotationTimestamp],
	}
	return e
}

// parseManifest reads a manifest strictly enough to be rewritten.
func parseManifest(content []byte) (oci.Manifest, error) {
	m, err := oci.DecodeManifest(content)
	if err != nil {
		return m, fmt.Errorf("manifest: %w", err)
	}
	return m, nil
}
