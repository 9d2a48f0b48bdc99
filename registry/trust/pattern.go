package trust

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// Pattern stands for repositories: one, all below a prefix, or all.
type Pattern struct {
	// segments are those of the registry and the path; none is everything.
	segments []string
	// below is set where everything below the segments is meant, and not they.
	below bool
}

// ParsePattern reads a pattern in the forms of [Rule.Repositories]. The
// registry's name becomes lower case, and loses port 443, which is the one that
// registries have without a port. Docker Hub's names all become docker.io.
func ParsePattern(text string) (Pattern, error) {
	if text == "*" {
		return Pattern{below: true}, nil
	}
	const want = `want HOST/REPOSITORY, HOST/PREFIX/* or "*"`
	if strings.Contains(text, "://") {
		return Pattern{}, fmt.Errorf("pattern %q: leave the scheme out: %s", text, want)
	}
	name, below := strings.CutSuffix(text, "/*")
	if strings.Contains(name, "*") {
		return Pattern{}, fmt.Errorf("pattern %q: a * stands at the end only, for whole segments: %s", text, want)
	}
	whole := name
	if below {
		whole += "/x" // so that a registry alone is a prefix, too
	}
	ref, err := oci.ParseReference(whole)
	if err != nil {
		host, _, _ := strings.Cut(name, "/")
		if err := oci.CheckSpelling(host); err != nil {
			return Pattern{}, fmt.Errorf("pattern %q: %w", text, err)
		}
		return Pattern{}, fmt.Errorf("pattern %q: %s", text, want)
	}
	if ref.Name() != whole {
		return Pattern{}, fmt.Errorf("pattern %q: it has no tag and no digest: %s", text, want)
	}
	p := Pattern{segments: segments(ref), below: below}
	if below {
		p.segments = p.segments[:len(p.segments)-1]
	}
	return p, nil
}

// String returns the form that [ParsePattern] reads.
func (p Pattern) String() string {
	if !p.below {
		return strings.Join(p.segments, "/")
	}
	return strings.Join(append(p.segments[:len(p.segments):len(p.segments)], "*"), "/")
}

// Includes reports whether the pattern stands for every repository that another
// one stands for.
func (p Pattern) Includes(other Pattern) bool {
	switch {
	case !other.below:
		return p.covers(other.segments)
	case !p.below || len(p.segments) > len(other.segments):
		return false
	}
	return slices.Equal(p.segments, other.segments[:len(p.segments)])
}

// covers reports whether the pattern stands for a repository in the form that
// segments returns.
func (p Pattern) covers(repository []string) bool {
	if p.below && len(repository) <= len(p.segments) || !p.below && len(repository) != len(p.segments) {
		return false
	}
	return slices.Equal(p.segments, repository[:len(p.segments)])
}

// narrower reports whether the pattern counts before another that covers the same
// repository.
func (p Pattern) narrower(than Pattern) bool {
	if p.below != than.below {
		return !p.below
	}
	return len(p.segments) > len(than.segments)
}

// dockerHub are the names of one registry, beside docker.io.
var dockerHub = []string{"index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"}

// segments returns a repository in the form in which it is compared.
func segments(ref oci.Reference) []string {
	host := strings.TrimSuffix(strings.ToLower(ref.Registry), ":443")
	if slices.Contains(dockerHub, host) {
		host = "docker.io"
	}
	return append([]string{host}, strings.Split(ref.Repository, "/")...)
}

// repositoryOf is segments for a reference of which nobody says that it was
// parsed.
func repositoryOf(ref oci.Reference) ([]string, error) {
	parsed, err := oci.ParseReference(ref.Name())
	if err != nil {
		return nil, err
	}
	if parsed.Registry != ref.Registry || parsed.Repository != ref.Repository {
		return nil, errors.New("it is no repository")
	}
	return segments(ref), nil
}
