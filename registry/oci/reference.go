package oci

import (
	"errors"
	"fmt"
	"strings"

	"github.com/distribution/reference"
)

// Reference names a package in a registry: host[:port]/repository[:tag][@digest],
// with or without "oci://" before it.
type Reference struct {
	Registry   string // host or host:port, never empty
	Repository string // the path behind it
	Tag        string // "" for none
	Digest     string // "sha256:…", "" for none
}

// maxReferenceBytes is more than a registry, a repository, a tag and a digest can
// have together.
const maxReferenceBytes = 1024

// ParseReference reads a reference. The host must be given: it has a dot or a
// port, or is "localhost". Tag and digest may stand together, and then the digest
// decides; with neither the tag is "latest".
func ParseReference(s string) (Reference, error) {
	if len(s) > maxReferenceBytes {
		return Reference{}, fmt.Errorf("reference %.40q…: it is longer than %d bytes", s, maxReferenceBytes)
	}
	text := strings.TrimPrefix(s, "oci://")
	if strings.Contains(text, "://") {
		return Reference{}, fmt.Errorf("reference %q: want oci:// or no scheme", s)
	}
	parsed, err := reference.Parse(text)
	if err != nil {
		return Reference{}, fmt.Errorf("reference %q: %w: want HOST/REPOSITORY[:TAG][@DIGEST]", s, err)
	}
	named, ok := parsed.(reference.Named)
	if !ok {
		return Reference{}, fmt.Errorf("reference %q: want HOST/REPOSITORY[:TAG][@DIGEST]", s)
	}
	r := Reference{Registry: reference.Domain(named), Repository: reference.Path(named)}
	if !strings.ContainsAny(r.Registry, ".:") && r.Registry != "localhost" {
		return Reference{}, fmt.Errorf("reference %q: the registry is missing: want HOST/REPOSITORY, the host with a dot or a port", s)
	}
	if t, ok := parsed.(reference.Tagged); ok {
		r.Tag = t.Tag()
	}
	if d, ok := parsed.(reference.Digested); ok {
		r.Digest = d.Digest().String()
		if !IsDigest(r.Digest) {
			return Reference{}, fmt.Errorf("reference %q: %w", s, errors.New("want a digest of sha256: and 64 lower-case hexadecimal digits"))
		}
	}
	if r.Tag == "" && r.Digest == "" {
		r.Tag = "latest"
	}
	return r, nil
}

// Name returns the registry and the repository: "ghcr.io/someone/weather".
func (r Reference) Name() string { return r.Registry + "/" + r.Repository }

// Identifier is what the repository is asked for: the digest, or else the tag.
func (r Reference) Identifier() string {
	if r.Digest != "" {
		return r.Digest
	}
	return r.Tag
}

// String returns the form that [ParseReference] reads.
func (r Reference) String() string {
	s := r.Name()
	if r.Tag != "" {
		s += ":" + r.Tag
	}
	if r.Digest != "" {
		s += "@" + r.Digest
	}
	return s
}
