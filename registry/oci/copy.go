package oci

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"
)

// CopyOptions are of [Copy]. The zero value copies what a manifest names.
type CopyOptions struct {
	// Referrers copies the manifests that are about what is copied as well, those
	// about them and so on, and signatures that stand under tags made of a digest
	// ("sha256-<hex>.sig" and ".att", as cosign 2 writes them).
	Referrers bool
	// Parallel is how many transfers run at the same time. Default 4.
	Parallel int
}

// Bounds of what one [Copy] follows.
const (
	maxCopyDepth     = 4 // of indexes in indexes, and of referrers of referrers
	maxCopyManifests = 2 * MaxReferrers
	maxCopyBlobs     = 10_000
	maxCopyBytes     = 64 << 20 // of all manifests, which are kept until they are pushed
)

// Copy copies a manifest, or an index, with all that it names, and checks it on
// the way. What the target has is not read. Manifests come after what they name,
// and referrers after what they are about, so that what is there is complete.
// Transfers are reported to the context's progress function (see [WithProgress]).
func Copy(ctx context.Context, from Source, to Target, d Descriptor, o CopyOptions) error {
	if o.Parallel <= 0 {
		o.Parallel = 4
	}
	c := &copier{from: from, to: to, seen: map[string]bool{}}
	if err := c.collect(ctx, d, 0); err != nil {
		return err
	}
	if o.Referrers {
		if err := c.collectReferrers(ctx); err != nil {
			return err
		}
	}
	if err := c.copyBlobs(ctx, o.Parallel); err != nil {
		return err
	}
	for _, m := range c.manifests {
		if err := to.Push(ctx, m.d, bytes.NewReader(m.content)); err != nil {
			return err
		}
		if m.tag != "" {
			if err := to.Tag(ctx, m.d, m.tag); err != nil {
				return err
			}
		}
	}
	return nil
}

// copier knows what is to be copied.
type copier struct {
	from      Source
	to        Target
	seen      map[string]bool
	blobs     []Descriptor
	bytes     int64
	manifests []copied // in the order in which they are pushed
}

type copied struct {
	d       Descriptor
	content []byte
	tag     string // "" for none
}

// collect reads a manifest and what it names, that first.
func (c *copier) collect(ctx context.Context, d Descriptor, depth int) error {
	if c.seen[d.Digest] {
		return nil
	}
	c.seen[d.Digest] = true
	if depth > maxCopyDepth {
		return fmt.Errorf("%s: indexes are nested more than %d deep", d.Digest, maxCopyDepth)
	}
	if len(c.manifests) >= maxCopyManifests {
		return fmt.Errorf("%s: more than the %d manifests allowed", d.Digest, maxCopyManifests)
	}
	if c.bytes += d.Size; c.bytes > maxCopyBytes {
		return fmt.Errorf("%s: the manifests are larger than the %d bytes allowed", d.Digest, maxCopyBytes)
	}
	content, err := ReadAll(ctx, c.from, d, MaxManifestBytes)
	if err != nil {
		return err
	}
	manifests, blobs, err := named(d, content)
	if err != nil {
		return err
	}
	for _, m := range manifests {
		if err := c.collect(ctx, m, depth+1); err != nil {
			return err
		}
	}
	for _, b := range blobs {
		if c.seen[b.Digest] {
			continue
		}
		c.seen[b.Digest] = true
		c.blobs = append(c.blobs, b)
	}
	if len(c.blobs) > maxCopyBlobs {
		return fmt.Errorf("%s: more than the %d blobs allowed", d.Digest, maxCopyBlobs)
	}
	c.manifests = append(c.manifests, copied{d: d, content: content})
	return nil
}

// named lists what a manifest names: image-spec, manifest.md and image-index.md.
func named(d Descriptor, content []byte) (manifests, blobs []Descriptor, err error) {
	if d.MediaType == MediaTypeIndex || d.MediaType == MediaTypeDockerIndex {
		manifests, err = listField[Descriptor](content, "manifests", maxCopyManifests)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", d.Digest, err)
		}
		return manifests, nil, nil
	}
	var m struct {
		Config *Descriptor  `json:"config"`
		Layers []Descriptor `json:"layers"`
	}
	// What is copied with a package need not be one.
	if _, err := decode(content, "layers", maxCopyBlobs, &m); err != nil {
		return nil, nil, fmt.Errorf("%s: the manifest cannot be read: %w", d.Digest, err)
	}
	blobs = m.Layers
	if m.Config != nil {
		blobs = append(blobs, *m.Config)
	}
	for _, b := range blobs {
		if err := b.Check(maxBlobBytes); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", d.Digest, err)
		}
	}
	return nil, blobs, nil
}

// collectReferrers reads what is about the manifests that have been read.
func (c *copier) collectReferrers(ctx context.Context) error {
	done := 0
	for range maxCopyDepth {
		end := len(c.manifests)
		for ; done < end; done++ {
			digest := c.manifests[done].d.Digest
			referrers, err := c.from.Referrers(ctx, digest)
			if err != nil {
				return err
			}
			for _, r := range referrers {
				if !IsManifest(r.MediaType) {
					continue
				}
				if err := c.collect(ctx, r, 0); err != nil {
					return err
				}
			}
			if err := c.collectTagged(ctx, digest); err != nil {
				return err
			}
		}
		if len(c.manifests) == end {
			return nil
		}
	}
	return fmt.Errorf("%s: there are referrers of referrers more than %d deep", c.manifests[0].d.Digest, maxCopyDepth)
}

// collectTagged reads the manifests that stand under tags made of a digest.
func (c *copier) collectTagged(ctx context.Context, digest string) error {
	for _, suffix := range []string{".sig", ".att"} {
		tag := ReferrersTag(digest) + suffix
		d, err := c.from.Resolve(ctx, tag)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if err := c.collect(ctx, d, 0); err != nil {
			return err
		}
		for i := range c.manifests {
			if c.manifests[i].d.Digest == d.Digest {
				c.manifests[i].tag = tag
			}
		}
	}
	return nil
}

// copyBlobs copies several at a time.
func (c *copier) copyBlobs(ctx context.Context, parallel int) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, d := range c.blobs {
		g.Go(func() error {
			content := &lazy{open: func() (io.ReadCloser, error) { return c.from.Fetch(ctx, d) }}
			defer content.close()
			return c.to.Push(ctx, d, content)
		})
	}
	return g.Wait()
}

// lazy opens content when it is read first, which it is not if the target has it.
type lazy struct {
	open func() (io.ReadCloser, error)
	r    io.ReadCloser
}

func (l *lazy) Read(p []byte) (int, error) {
	if l.r == nil {
		var err error
		if l.r, err = l.open(); err != nil {
			return 0, err
		}
	}
	return l.r.Read(p)
}

func (l *lazy) close() {
	if l.r != nil {
		_ = l.r.Close() // it was only read
	}
}
