package oci

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
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
// port, or is "localhost". Other spellings of an address or a port than the usual
// one are refused, so that one registry has one name. Tag and digest may stand together, and then the digest
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
	if err := CheckSpelling(r.Registry); err != nil {
		return Reference{}, fmt.Errorf("reference %q: %w", s, err)
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

// formNumber is what looks like a number in an address of IPv4, in whatever base.
var formNumber = regexp.MustCompile(`^([0-9]+|0[xX][0-9a-fA-F]*)$`)

// CheckSpelling refuses a registry whose address or port is written in another way
// than usual: a rule for the usual one would not be found. It says nothing about
// what is no registry at all.
func CheckSpelling(registry string) error {
	host := registry
	if i := strings.LastIndex(registry, ":"); i > strings.LastIndex(registry, "]") {
		var port string
		host, port = registry[:i], registry[i+1:]
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return fmt.Errorf("port %q: want 1 to 65535", port)
		}
		if want := strconv.FormatUint(n, 10); port != want {
			return fmt.Errorf("port %q: write %s", port, want)
		}
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		ip, err := netip.ParseAddr(strings.TrimSuffix(inner, "]"))
		if err != nil || !ip.Is6() || ip.Zone() != "" {
			return fmt.Errorf("%q is no address", host)
		}
		if ip.Is4In6() {
			return fmt.Errorf("address %q: write %s", host, ip.Unmap())
		}
		if want := "[" + ip.String() + "]"; host != want {
			return fmt.Errorf("address %q: write %s", host, want)
		}
		return nil
	}
	// Resolvers take 127.1, 0x7f.1 and 0177.0.0.1 for addresses.
	last := host[strings.LastIndex(host, ".")+1:]
	if _, err := netip.ParseAddr(host); err != nil && formNumber.MatchString(last) {
		return fmt.Errorf("host %q: write an address as four numbers from 0 to 255", host)
	}
	return nil
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
