package oci

import (
	"context"
	"fmt"
	"regexp"
	"strings"
)

// formDigestTag is the form of tags that are about the manifest of a digest.
var formDigestTag = regexp.MustCompile(`^sha256-[0-9a-f]{64}(\..*)?$`)

// Main returns the manifest that a layout is there for: the only one that is
// about no other and no signature. Where there are several, or none, the error
// lists their tags.
func (l *Layout) Main(ctx context.Context) (Descriptor, error) {
	l.mu.Lock()
	entries, err := l.index()
	l.mu.Unlock()
	if err != nil {
		return Descriptor{}, err
	}
	var found []Descriptor
	var names []string
	seen := map[string]bool{}
	for _, d := range entries {
		tag := d.Annotations[annotationTag]
		if !IsManifest(d.MediaType) || formDigestTag.MatchString(tag) {
			continue
		}
		subject, err := l.subject(ctx, d)
		if err != nil {
			return Descriptor{}, err
		}
		if subject != "" {
			continue
		}
		if !seen[d.Digest] {
			seen[d.Digest] = true
			found = append(found, d)
		}
		if tag == "" {
			tag = d.Digest
		}
		names = append(names, shorten(tag))
	}
	switch len(found) {
	case 1:
		return plainDescriptor(found[0]), nil
	case 0:
		return Descriptor{}, fmt.Errorf("layout %s: a manifest is %w in it", l.dir, ErrNotFound)
	}
	return Descriptor{}, fmt.Errorf("layout %s: there are several manifests in it: %s", l.dir, shorten(strings.Join(names, ", ")))
}
