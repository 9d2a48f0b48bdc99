package oci

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// manifestTypes are the media types that the endpoint for manifests serves.
var manifestTypes = []string{MediaTypeManifest, MediaTypeIndex, MediaTypeDockerManifest, MediaTypeDockerIndex}

// IsManifest reports whether a media type is that of a manifest or an index.
func IsManifest(mediaType string) bool { return slices.Contains(manifestTypes, mediaType) }

// formTag is the form of tags: distribution-spec, "Pulling manifests".
var formTag = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)

// IsTag reports whether s has the form of a tag: a letter, digit or "_", then at
// most 127 of these, "." and "-".
func IsTag(s string) bool { return formTag.MatchString(s) }

// checkName refuses what is neither a tag nor a digest.
func checkName(name string) error {
	if !IsDigest(name) && !IsTag(name) {
		return fmt.Errorf("%q is neither a tag nor a sha256 digest", shorten(name))
	}
	return nil
}

// Resolve implements [Source].
func (r *repository) Resolve(ctx context.Context, name string) (Descriptor, error) {
	if r.err != nil {
		return Descriptor{}, r.err
	}
	if err := checkName(name); err != nil {
		return Descriptor{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, r.remotes.limits.metadata)
	defer cancel()
	d, err := r.resolve(ctx, name)
	if err != nil {
		return Descriptor{}, r.about(name, err)
	}
	return d, nil
}

// about puts what was asked for before an error.
func (r *repository) about(name string, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	sep := ":"
	if IsDigest(name) {
		sep = "@"
	}
	return fmt.Errorf("%s%s%s: %w", r.name, sep, name, err)
}

var acceptManifests = http.Header{"Accept": {strings.Join(manifestTypes, ", ")}}

// resolve asks for the headers, and for the manifest itself where they do not
// say what it is.
func (r *repository) resolve(ctx context.Context, name string) (Descriptor, error) {
	resp, err := r.get(ctx, http.MethodHead, r.url("manifests/"+name), acceptManifests)
	if err != nil {
		return Descriptor{}, err
	}
	_ = resp.Body.Close() // it has none
	switch status := resp.StatusCode; {
	case status == http.StatusOK:
		if d, ok := headDescriptor(resp, name); ok {
			return d, nil
		}
	case status == http.StatusTooManyRequests, status > http.StatusNotImplemented: // it was asked often enough
		return Descriptor{}, describe(r.registry(), &statusError{status: status})
	}
	if resp, err = r.get(ctx, http.MethodGet, r.url("manifests/"+name), acceptManifests); err != nil {
		return Descriptor{}, err
	}
	if resp.StatusCode != http.StatusOK {
		return Descriptor{}, r.refused(resp)
	}
	defer func() { _ = resp.Body.Close() }() // the rest is not read
	mediaType, err := manifestType(resp)
	if err != nil {
		return Descriptor{}, fmt.Errorf("registry %s: %w", r.registry(), err)
	}
	content, err := io.ReadAll(io.LimitReader(resp.Body, MaxManifestBytes+1))
	if err != nil {
		return Descriptor{}, describe(r.registry(), err)
	}
	if len(content) > MaxManifestBytes {
		return Descriptor{}, refuse("registry %s: the manifest is larger than the %d bytes allowed", r.registry(), MaxManifestBytes)
	}
	d := Describe(mediaType, content)
	if IsDigest(name) && d.Digest != name {
		return Descriptor{}, fmt.Errorf("registry %s: %w: it sent a manifest of the digest %s", r.registry(), ErrContent, d.Digest)
	}
	return d, nil
}

// headDescriptor reads a descriptor off headers, if they are complete.
func headDescriptor(resp *http.Response, name string) (Descriptor, bool) {
	mediaType, err := manifestType(resp)
	d := Descriptor{MediaType: mediaType, Digest: resp.Header.Get("Docker-Content-Digest"), Size: resp.ContentLength}
	if IsDigest(name) {
		if d.Digest != "" && d.Digest != name {
			return Descriptor{}, false
		}
		d.Digest = name
	}
	return d, err == nil && d.Size > 0 && d.Check(MaxManifestBytes) == nil
}

// manifestType returns the media type of an answer, which must be a manifest's.
func manifestType(resp *http.Response) (string, error) {
	mediaType, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case err != nil:
		return "", errors.New("it does not say of which type the manifest is")
	case mediaType == "text/html":
		return "", errors.New("it answers with a web page: is it a registry?")
	case !IsManifest(mediaType):
		return "", fmt.Errorf("it answers with %q, which is no manifest", shorten(mediaType))
	}
	return mediaType, nil
}

// refused makes an error of an answer that is no success, and tells a repository
// that is not there from a tag that is not.
func (r *repository) refused(resp *http.Response) error {
	status := readStatus(resp)
	if status.status == http.StatusNotFound && status.code == "NAME_UNKNOWN" {
		return &registryError{r.registry(), "there is no such repository: " + ErrNotFound.Error(), ErrNotFound}
	}
	if status.status == http.StatusNotFound && (status.code == "MANIFEST_UNKNOWN" || status.code == "BLOB_UNKNOWN") {
		return &registryError{r.registry(), "the repository does not have it: " + ErrNotFound.Error(), ErrNotFound}
	}
	return describe(r.registry(), status)
}

// endpoint is where content is.
func endpoint(d Descriptor) string {
	if IsManifest(d.MediaType) {
		return "manifests/" + d.Digest
	}
	return "blobs/" + d.Digest
}

// has reports whether content is there.
func (r *repository) has(ctx context.Context, d Descriptor) (bool, error) {
	resp, err := r.get(ctx, http.MethodHead, r.url(endpoint(d)), http.Header{"Accept": {"*/*", d.MediaType}})
	if err != nil {
		return false, err
	}
	_ = resp.Body.Close() // it has none
	switch resp.StatusCode {
	case http.StatusOK:
		return true, nil
	case http.StatusNotFound:
		return false, nil
	}
	return false, describe(r.registry(), &statusError{status: resp.StatusCode})
}

// Push implements [Target].
func (r *repository) Push(ctx context.Context, d Descriptor, content io.Reader) error {
	if r.err != nil {
		return r.err
	}
	if err := d.Check(maxBlobBytes); err != nil {
		return err
	}
	if err := r.push(ctx, d, content); err != nil {
		if errors.Is(err, context.Canceled) {
			return err
		}
		return fmt.Errorf("%s: push the %s %s: %w", r.name, partOf(d.MediaType), d.Digest, err)
	}
	Report(ctx, Transfer{d.Digest, d.MediaType, d.Size, d.Size})
	return nil
}

// maxBlobBytes is more than any registry takes.
const maxBlobBytes = 1 << 40

// partOf says which part of a package has a media type.
func partOf(mediaType string) string {
	switch {
	case IsIndex(mediaType):
		return "index"
	case IsManifest(mediaType):
		return "manifest"
	case mediaType == MediaTypeEmpty, mediaType == "application/vnd.docker.container.image.v1+json", strings.Contains(mediaType, ".config."):
		return "config"
	}
	return "layer"
}

func (r *repository) push(ctx context.Context, d Descriptor, content io.Reader) error {
	if !IsManifest(d.MediaType) {
		there, err := r.has(ctx, d)
		if err != nil || there {
			return err
		}
		body := &countedReader{ctx: ctx, r: io.LimitReader(content, d.Size+1), t: Transfer{d.Digest, d.MediaType, 0, d.Size}}
		return describe(r.registry(), r.oras.Blobs().Push(ctx, orasDescriptor(d), body))
	}
	// Manifests are small, and sent again even if they are there: the list of
	// referrers may have been left incomplete.
	if err := d.Check(MaxManifestBytes); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, r.remotes.limits.metadata)
	defer cancel()
	return describe(r.registry(), r.oras.Manifests().Push(ctx, orasDescriptor(d), content))
}

// orasDescriptor is a descriptor as the library has it.
func orasDescriptor(d Descriptor) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: d.MediaType, Digest: digest.Digest(d.Digest), Size: d.Size}
}

// countedReader reports what is read from it.
type countedReader struct {
	ctx context.Context
	r   io.Reader
	t   Transfer
}

func (c *countedReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.t.Done = min(c.t.Done+int64(n), c.t.Total)
	Report(c.ctx, c.t)
	return n, err
}

// Tag implements [Target].
func (r *repository) Tag(ctx context.Context, d Descriptor, tag string) error {
	if r.err != nil {
		return r.err
	}
	if !IsTag(tag) {
		return fmt.Errorf("%q is no tag: want letters, digits, \"_\", \".\" and \"-\", at most 128", shorten(tag))
	}
	if err := d.Check(MaxManifestBytes); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, r.remotes.limits.metadata)
	defer cancel()
	if err := r.oras.Tag(ctx, orasDescriptor(d), tag); err != nil {
		return r.about(tag, fmt.Errorf("tag: %w", describe(r.registry(), err)))
	}
	return nil
}

var _ Target = (*repository)(nil)
