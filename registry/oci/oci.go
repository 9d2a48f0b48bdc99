// Package oci reads and writes what OCI registries hold: content addressed by its
// digest, manifests that name it, tags that name manifests, and referrers, which
// are manifests about another one.
//
// It follows the image and distribution specifications 1.1
// (github.com/opencontainers/image-spec, …/distribution-spec). A [Source] is the
// reading side of one repository, wherever that is: in a registry ([Remotes]), in
// a folder ([OpenLayout]), in the cache (registry/cache). What a source returns
// has been checked against its descriptor, whoever sent it.
package oci

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
)

// Media types of manifests.
const (
	MediaTypeManifest = "application/vnd.oci.image.manifest.v1+json"
	MediaTypeIndex    = "application/vnd.oci.image.index.v1+json"
	// MediaTypeEmpty is the type of the config or layer that is not there: "{}".
	MediaTypeEmpty = "application/vnd.oci.empty.v1+json"
	// MediaTypeDockerManifest is what Docker writes in place of the first.
	MediaTypeDockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	MediaTypeDockerIndex    = "application/vnd.docker.distribution.manifest.list.v2+json"
)

// MaxManifestBytes is the largest manifest or index that is read, as registries
// have it.
const MaxManifestBytes = 4 << 20

// MaxReferrers bounds the referrers of one manifest that are looked at; a source
// that has more returns an error.
const MaxReferrers = 1000

// ErrNotFound is wrapped by the errors of a [Source] that does not have something.
var ErrNotFound = errors.New("not found")

// ErrContent is wrapped by the errors about content that is not what its
// descriptor says: another digest, or more or fewer bytes.
var ErrContent = errors.New("content does not match")

// Descriptor names content: image-spec, descriptor.md.
type Descriptor struct {
	MediaType    string            `json:"mediaType"`
	Digest       string            `json:"digest"` // "sha256:" and 64 hexadecimal digits
	Size         int64             `json:"size"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Platform     *Platform         `json:"platform,omitempty"`
	// Data is the content itself, where it is short; it is never taken for it.
	Data []byte `json:"data,omitempty"`
}

// Platform is what an entry of an index runs on.
type Platform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
	Variant      string `json:"variant,omitempty"`
}

// Manifest is an image manifest: image-spec, manifest.md.
type Manifest struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType,omitempty"`
	ArtifactType  string            `json:"artifactType,omitempty"`
	Config        Descriptor        `json:"config"`
	Layers        []Descriptor      `json:"layers"`
	Subject       *Descriptor       `json:"subject,omitempty"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

// Index is a list of manifests: image-spec, image-index.md.
type Index struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType,omitempty"`
	ArtifactType  string            `json:"artifactType,omitempty"`
	Manifests     []Descriptor      `json:"manifests"`
	Subject       *Descriptor       `json:"subject,omitempty"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

// Source is the reading side of a repository. Its methods may be called at the
// same time.
type Source interface {
	// Resolve returns what a tag or a digest names. Of a manifest that is not
	// there the error wraps [ErrNotFound].
	Resolve(ctx context.Context, tagOrDigest string) (Descriptor, error)
	// Fetch opens content. Read returns an error that wraps [ErrContent] in
	// place of io.EOF where the content was not that of the descriptor, and no
	// more bytes than the descriptor says. The caller closes the reader.
	Fetch(ctx context.Context, d Descriptor) (io.ReadCloser, error)
	// Referrers lists the manifests that have the digest as their subject, of
	// whatever type, at most [MaxReferrers]; none is no error. Descriptors are
	// as the source has them, and may leave out or misname the artifact type.
	Referrers(ctx context.Context, digest string) ([]Descriptor, error)
}

// Target is a repository that can be written to.
type Target interface {
	Source
	// Push adds content; manifests come after what they name. Content that is
	// there already is not read. A manifest with a subject becomes its referrer.
	Push(ctx context.Context, d Descriptor, content io.Reader) error
	// Tag gives a manifest that is there a name.
	Tag(ctx context.Context, d Descriptor, tag string) error
	// Tags lists the tags, at most 10,000.
	Tags(ctx context.Context) ([]string, error)
}

// Describe returns the descriptor of content.
func Describe(mediaType string, content []byte) Descriptor {
	return Descriptor{MediaType: mediaType, Digest: DigestOf(content), Size: int64(len(content))}
}

// DigestOf returns the digest of content: "sha256:" and 64 hexadecimal digits.
func DigestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}

var formDigest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// IsDigest reports whether s is a digest that is accepted: sha256 only.
func IsDigest(s string) bool { return formDigest.MatchString(s) }

// RawSource is a [Source] whose content can be had without being hashed, for
// callers that hash it in any case: registry/cache does as it writes.
type RawSource interface {
	Source
	// FetchRaw is Fetch from an offset on, which is less than the size unless it
	// is 0. The digest is not checked; the size is.
	FetchRaw(ctx context.Context, d Descriptor, offset int64) (io.ReadCloser, error)
}

// ByteSource is a [Source] that hands out content as a whole, already hashed:
// what it returns has the digest and the size of the descriptor, by a hash over exactly the
// bytes that are returned. [ReadAll] does not hash them again.
type ByteSource interface {
	Source
	// Bytes returns content of at most limit bytes. The caller may change it.
	Bytes(ctx context.Context, d Descriptor, limit int64) ([]byte, error)
}

// NamesSource is a [Source] where one tag may stand for several manifests: the
// registry and its mirrors may each have another one.
type NamesSource interface {
	Source
	// ResolveAll returns all that a tag names; where that is nothing the error
	// wraps [ErrNotFound].
	ResolveAll(ctx context.Context, tag string) ([]Descriptor, error)
}

// ResolveAll returns what a tag names: of a [NamesSource] all of it. It is for tags
// behind which signatures are, and which say nothing about what runs.
func ResolveAll(ctx context.Context, src Source, tag string) ([]Descriptor, error) {
	if n, ok := src.(NamesSource); ok {
		return n.ResolveAll(ctx, tag)
	}
	d, err := src.Resolve(ctx, tag)
	if err != nil {
		return nil, err
	}
	return []Descriptor{d}, nil
}

// ReadAll reads content of at most limit bytes and checks it against its
// descriptor, whatever the source did; of a [ByteSource] the source does that.
func ReadAll(ctx context.Context, src Source, d Descriptor, limit int64) ([]byte, error) {
	if err := d.Check(limit); err != nil {
		return nil, err
	}
	if b, ok := src.(ByteSource); ok {
		return b.Bytes(ctx, d, limit)
	}
	r, err := src.Fetch(ctx, d)
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // it was only read
	content := make([]byte, d.Size)
	// An error that wraps io.ErrUnexpectedEOF is about the connection.
	if _, err := io.ReadFull(r, content); err == io.ErrUnexpectedEOF || err == io.EOF && d.Size > 0 {
		return nil, fmt.Errorf("%s: %w: fewer bytes than the %d announced", d.Digest, ErrContent, d.Size)
	} else if err != nil && err != io.EOF {
		return nil, err
	}
	switch n, err := r.Read(make([]byte, 1)); {
	case n > 0:
		return nil, fmt.Errorf("%s: %w: more bytes than the %d announced", d.Digest, ErrContent, d.Size)
	case err != nil && !errors.Is(err, io.EOF):
		return nil, err
	}
	if got := DigestOf(content); got != d.Digest {
		return nil, fmt.Errorf("%s: %w: the content's digest is %s", d.Digest, ErrContent, got)
	}
	return content, nil
}

// Check refuses a descriptor whose digest or size cannot be used.
func (d Descriptor) Check(limit int64) error {
	switch {
	case !IsDigest(d.Digest):
		return refuse("digest %q: want sha256: and 64 lower-case hexadecimal digits", d.Digest)
	case d.Size < 0:
		return fmt.Errorf("%s: %w: a size of %d bytes", d.Digest, ErrContent, d.Size)
	case d.Size > limit:
		return refuse("%s: %d bytes, more than the %d allowed", d.Digest, d.Size, limit)
	}
	return nil
}
