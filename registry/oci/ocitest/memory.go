// Package ocitest has a repository in memory, for tests.
package ocitest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"

	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// Memory is an [oci.Target] in memory. Its content may be changed, to see what
// readers make of that.
type Memory struct {
	mu        sync.Mutex
	Blobs     map[string][]byte           // by digest
	Named     map[string]oci.Descriptor   // by tag
	Manifests map[string]oci.Descriptor   // what was pushed as a manifest, by digest
	Referring map[string][]oci.Descriptor // by the subject's digest
}

// New returns an empty repository.
func New() *Memory {
	return &Memory{Blobs: map[string][]byte{}, Named: map[string]oci.Descriptor{},
		Manifests: map[string]oci.Descriptor{}, Referring: map[string][]oci.Descriptor{}}
}

// Resolve implements [oci.Source].
func (m *Memory) Resolve(_ context.Context, name string) (oci.Descriptor, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, table := range []map[string]oci.Descriptor{m.Named, m.Manifests} {
		if d, ok := table[name]; ok {
			return d, nil
		}
	}
	return oci.Descriptor{}, fmt.Errorf("%s: %w", name, oci.ErrNotFound)
}

// Fetch implements [oci.Source], but that it checks nothing.
func (m *Memory) Fetch(_ context.Context, d oci.Descriptor) (io.ReadCloser, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	content, ok := m.Blobs[d.Digest]
	if !ok {
		return nil, fmt.Errorf("%s: %w", d.Digest, oci.ErrNotFound)
	}
	return io.NopCloser(bytes.NewReader(content)), nil
}

// Referrers implements [oci.Source].
func (m *Memory) Referrers(_ context.Context, digest string) ([]oci.Descriptor, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.Referring[digest]), nil
}

// Push implements [oci.Target].
func (m *Memory) Push(_ context.Context, d oci.Descriptor, r io.Reader) error {
	content, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if got := oci.DigestOf(content); got != d.Digest || int64(len(content)) != d.Size {
		return fmt.Errorf("push %s: %w: %s of %d bytes", d.Digest, oci.ErrContent, got, len(content))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Blobs[d.Digest] = content
	if d.MediaType != oci.MediaTypeManifest && d.MediaType != oci.MediaTypeIndex {
		return nil
	}
	m.Manifests[d.Digest] = d
	var manifest oci.Manifest
	if err := json.Unmarshal(content, &manifest); err != nil {
		return err
	}
	if manifest.Subject != nil {
		d.ArtifactType, d.Annotations = manifest.ArtifactType, manifest.Annotations
		m.Referring[manifest.Subject.Digest] = append(m.Referring[manifest.Subject.Digest], d)
	}
	return nil
}

// Tag implements [oci.Target].
func (m *Memory) Tag(_ context.Context, d oci.Descriptor, tag string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.Manifests[d.Digest]; !ok {
		return fmt.Errorf("tag %s: %s: %w", tag, d.Digest, oci.ErrNotFound)
	}
	m.Named[tag] = d
	return nil
}

// Tags implements [oci.Target].
func (m *Memory) Tags(context.Context) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.Named)), nil
}

var _ oci.Target = (*Memory)(nil)
