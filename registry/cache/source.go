package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"sync"

	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// Source returns a repository, "host/path", by way of the cache: content comes
// from the cache where it is there and still has its digest, else from upstream,
// and is kept. A tag is resolved upstream always; referrers are asked for
// upstream, and taken from the cache where upstream is nil, as are tags of the
// form in which signatures are found ("sha256-<hex>.sig"). Without upstream nothing is
// fetched, and what is not in the cache is [oci.ErrNotFound]. Of lists only those are
// kept that [Keep] was called for.
//
// Content that cannot be kept, since the disk is full or the folder may not be
// written to, is used all the same, and that is logged.
//
// What it returns has a method Bytes, by which [oci.ReadAll] gets content that
// was hashed once.
func (c *Cache) Source(repository string, upstream oci.Source) oci.Source {
	return &source{c: c, repository: repository, upstream: upstream}
}

type source struct {
	c          *Cache
	repository string
	upstream   oci.Source // nil for none

	mu       sync.Mutex
	answered []list // by upstream, since the source was made
}

var (
	_ oci.NamesSource = (*source)(nil)
	_ oci.ByteSource  = (*source)(nil)
)

// Keep has the lists kept that upstream answered for digests: their referrers, and
// the manifests behind their tags. It is called once a package is accepted, so that
// no answer that does not vouch for it takes the place of one that did. Sources of other
// kinds keep nothing.
func Keep(src oci.Source, digests ...string) {
	s, ok := src.(*source)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.answered {
		if slices.Contains(digests, l.subject()) {
			s.c.keepList(l.Repository, l.Name, l.Manifests)
		}
	}
}

// answer remembers what upstream answered last.
func (s *source) answer(name string, manifests []oci.Descriptor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answered = slices.DeleteFunc(s.answered, func(l list) bool { return l.Name == name })
	s.answered = append(s.answered, list{s.repository, name, slices.Clone(manifests)})
}

// attempts bounds how often content is read again that other processes or
// somebody else keep changing.
const attempts = 3

// Resolve implements [oci.Source].
func (s *source) Resolve(ctx context.Context, name string) (oci.Descriptor, error) {
	if oci.IsDigest(name) {
		return s.resolveDigest(ctx, name)
	}
	if isDerived(name) {
		all, err := s.ResolveAll(ctx, name)
		if err != nil {
			return oci.Descriptor{}, err
		}
		return all[0], nil
	}
	if s.upstream == nil {
		return oci.Descriptor{}, s.unresolved(name)
	}
	return s.upstream.Resolve(ctx, name)
}

// unresolved says that a tag does not lead anywhere offline.
func (s *source) unresolved(name string) error {
	return fmt.Errorf("%s:%s: %w in the cache, and tags are resolved at the registry only", s.repository, name, oci.ErrNotFound)
}

// ResolveAll implements [oci.NamesSource], for tags that are made of a digest.
func (s *source) ResolveAll(ctx context.Context, name string) ([]oci.Descriptor, error) {
	if s.upstream == nil {
		if isDerived(name) {
			if list := s.c.list(s.repository, name); len(list) > 0 {
				return list, nil
			}
		}
		return nil, s.unresolved(name)
	}
	all, err := oci.ResolveAll(ctx, s.upstream, name)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("%s:%s: %w", s.repository, name, oci.ErrNotFound)
	}
	if err == nil && isDerived(name) {
		s.answer(name, all)
	}
	return all, err
}

var formDerived = regexp.MustCompile(`^sha256-([0-9a-f]{64})(\.[a-z]{1,16})?$`)

// isDerived reports whether a tag is made of a digest: behind these are signatures
// and attestations.
func isDerived(tag string) bool { return formDerived.MatchString(tag) }

// resolveDigest describes a manifest by its content, where that is here.
func (s *source) resolveDigest(ctx context.Context, digest string) (oci.Descriptor, error) {
	content, err := s.c.read(ctx, digest, -1, oci.MaxManifestBytes)
	if err == nil {
		var mediaType string
		if mediaType, err = oci.ManifestType(content); err == nil {
			return oci.Describe(mediaType, content), nil
		}
		err = fmt.Errorf("%s: %w: %w", digest, oci.ErrNotFound, err)
	}
	if s.upstream == nil || ctx.Err() != nil {
		return oci.Descriptor{}, err
	}
	d, err := s.upstream.Resolve(ctx, digest)
	if err == nil && d.Digest != digest {
		err = fmt.Errorf("%w: asked for %s, the registry answered with %s", oci.ErrContent, digest, d.Digest)
	}
	return d, err
}

// Referrers implements [oci.Source].
func (s *source) Referrers(ctx context.Context, digest string) ([]oci.Descriptor, error) {
	if !oci.IsDigest(digest) {
		return nil, fmt.Errorf("referrers of %.100q: want a digest", digest)
	}
	if s.upstream == nil {
		return s.c.list(s.repository, digest), ctx.Err()
	}
	list, err := s.upstream.Referrers(ctx, digest)
	if err != nil {
		return nil, err
	}
	if len(list) > oci.MaxReferrers {
		return nil, fmt.Errorf("%s@%s: %d referrers, more than the %d allowed", s.repository, digest, len(list), oci.MaxReferrers)
	}
	s.answer(digest, list)
	return slices.Clone(list), nil
}

// Bytes implements [oci.ByteSource].
func (s *source) Bytes(ctx context.Context, d oci.Descriptor, limit int64) ([]byte, error) {
	if err := errors.Join(ctx.Err(), d.Check(limit)); err != nil {
		return nil, err
	}
	content, err := s.c.read(ctx, d.Digest, d.Size, limit)
	if err == nil || !s.mayFetch(ctx, err) {
		return content, err
	}
	content = make([]byte, d.Size)
	return content, s.get(ctx, d, content)
}

// Fetch implements [oci.Source].
func (s *source) Fetch(ctx context.Context, d oci.Descriptor) (io.ReadCloser, error) {
	if err := errors.Join(ctx.Err(), d.Check(math.MaxInt64)); err != nil {
		return nil, err
	}
	r, err := s.c.open(ctx, d, true)
	if err == nil || !s.mayFetch(ctx, err) {
		return r, err
	}
	err = s.get(ctx, d, nil)
	if err == nil {
		if r, err = s.c.open(ctx, d, false); err == nil {
			return r, nil
		}
		err = fmt.Errorf("%w: %w", errUnkept, err) // it was dropped at once
	}
	if !errors.Is(err, errUnkept) {
		return nil, err
	}
	if r, err = s.upstream.Fetch(ctx, d); err != nil {
		return nil, err
	}
	return verifying(ctx, r, d), nil
}

// mayFetch reports whether content that could not be had from the cache is to be
// had upstream: not if it is there, and the descriptor is wrong.
func (s *source) mayFetch(ctx context.Context, err error) bool {
	return s.upstream != nil && ctx.Err() == nil && (!errors.Is(err, oci.ErrContent) || errors.Is(err, errDamaged))
}

// get fetches content into the cache, and into into unless that is nil.
func (s *source) get(ctx context.Context, d oci.Descriptor, into []byte) error {
	if d.Size > s.c.max && !s.c.isPinned(ctx, d.Digest) {
		return s.unkept(ctx, d, into, fmt.Errorf("%w: it is larger than that, %d bytes", errUnkept, d.Size))
	}
	for range attempts {
		p, err := s.c.claim(ctx, d.Digest)
		switch {
		case errors.Is(err, errUnkept):
			return s.unkept(ctx, d, into, err)
		case err != nil:
			return err
		case p != nil:
			return s.fetch(ctx, p, d, into)
		case into == nil: // another process has brought it
			return nil
		}
		content, err := s.c.read(ctx, d.Digest, d.Size, d.Size)
		if err == nil {
			copy(into, content)
			return nil
		}
		if ctx.Err() != nil || errors.Is(err, oci.ErrContent) && !errors.Is(err, errDamaged) {
			return err
		}
	}
	return s.unkept(ctx, d, into, fmt.Errorf("%w: somebody keeps changing it", errUnkept))
}

// fetch fills a file that was claimed, and ends the claim.
func (s *source) fetch(ctx context.Context, p *partial, d oci.Descriptor, into []byte) error {
	err := p.fill(ctx, d, s.upstream, into)
	switch {
	case err == nil:
		if err = p.commit(); err == nil {
			s.c.grew(ctx, d.Size)
			return nil
		}
		s.c.warn(d, err)
		if into != nil { // it is complete there
			return nil
		}
		return err
	case errors.Is(err, errUnkept):
		err = errors.Join(err, p.discard())
		return s.unkept(ctx, d, into, err)
	case errors.Is(err, oci.ErrContent):
		return errors.Join(err, p.discard())
	}
	return errors.Join(err, p.keep()) // to be taken up another time
}

// unkept fetches content past the cache. Without into the caller does.
func (s *source) unkept(ctx context.Context, d oci.Descriptor, into []byte, reason error) error {
	s.c.warn(d, reason)
	if into == nil {
		return reason
	}
	r, err := s.upstream.Fetch(ctx, d)
	if err != nil {
		return err
	}
	v := verifying(ctx, r, d)
	defer v.Close() //nolint:errcheck // it was only read
	if _, err := io.ReadFull(v, into); err != nil {
		return err
	}
	if _, err := v.Read(make([]byte, 1)); err != io.EOF {
		return err
	}
	return nil
}

func (c *Cache) warn(d oci.Descriptor, err error) {
	c.log.Warn("content is used, but not kept in the cache", "digest", d.Digest, "bytes", d.Size, "reason", err)
}
