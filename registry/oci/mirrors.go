package oci

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
)

// mirror is another registry that has the content of one.
type mirror struct {
	registry string
	prefix   string // "" or "path/"
	// failed is set when it cannot be reached or sends something else, and is
	// not asked again then.
	failed atomic.Bool
}

func parseMirror(text string) (*mirror, error) {
	host, prefix, _ := strings.Cut(text, "/")
	prefix = strings.TrimSuffix(prefix, "/")
	if prefix != "" {
		prefix += "/"
	}
	if _, err := ParseReference(host + "/" + prefix + "x"); err != nil || checkRegistry(host) != nil {
		return nil, fmt.Errorf("mirror %q: want host[:port][/prefix]", text)
	}
	return &mirror{registry: host, prefix: prefix}, nil
}

// mirrorOf is a mirror's copy of a repository.
type mirrorOf struct {
	*mirror
	repo *repository
}

// mirrored is a repository that is read from mirrors where they have it.
type mirrored struct {
	*repository // the registry itself
	mirrors     []mirrorOf
	down        *atomic.Bool // it did not answer when mirrors did
}

// read asks the mirrors in their order, then the registry itself.
func (m *mirrored) read(ctx context.Context, what string, ask func(*repository) error) error {
	for _, each := range m.mirrors {
		if each.failed.Load() {
			continue
		}
		err := ask(each.repo)
		if err == nil || ctx.Err() != nil {
			return err
		}
		if errors.Is(err, ErrNotFound) {
			m.log.Debug("the mirror does not have it", "mirror", each.registry, "repository", m.name, "wanted", what)
			continue
		}
		each.fail(m.repository, err)
	}
	return ask(m.repository)
}

// fail has a mirror not asked again.
func (e mirrorOf) fail(origin *repository, err error) {
	if !e.failed.Swap(true) {
		origin.log.Warn("going on without the mirror", "mirror", e.registry, "repository", origin.name, "error", err)
	}
}

// Resolve implements [Source].
func (m *mirrored) Resolve(ctx context.Context, name string) (d Descriptor, err error) {
	err = m.read(ctx, name, func(r *repository) (err error) {
		d, err = r.Resolve(ctx, name)
		return err
	})
	return d, err
}

// Fetch implements [Source]. Content that a mirror sends wrongly is an error, as
// part of it may have been read; the next attempt does without the mirror.
func (m *mirrored) Fetch(ctx context.Context, d Descriptor) (rc io.ReadCloser, err error) {
	err = m.read(ctx, d.Digest, func(r *repository) (err error) {
		rc, err = r.Fetch(ctx, d)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, each := range m.mirrors {
		if f, ok := rc.(*fetched); ok {
			f.watch(each, m.repository)
		}
	}
	return rc, nil
}

// FetchRaw implements [RawSource]. It is hashed all the same, since a mirror that
// sends wrong content is not asked again. One that only cannot begin at an offset is.
func (m *mirrored) FetchRaw(ctx context.Context, d Descriptor, offset int64) (io.ReadCloser, error) {
	rc, err := m.Fetch(ctx, d)
	if err != nil || offset == 0 {
		return rc, err
	}
	s, ok := rc.(io.Seeker)
	if !ok {
		err = fmt.Errorf("%s: it cannot be read from %d on", d.Digest, offset)
	} else {
		_, err = s.Seek(offset, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(err, rc.Close())
	}
	return rc, nil
}

// watch has a mirror not asked again when it sends something wrong.
func (f *fetched) watch(e mirrorOf, origin *repository) {
	if f.repo == e.repo {
		f.failed = func(err error) { e.fail(origin, err) }
	}
}

// Referrers implements [Source]: what the registry and its mirrors list together.
// A mirror may have copied some of it only.
func (m *mirrored) Referrers(ctx context.Context, digest string) ([]Descriptor, error) {
	all, _, err := m.join(ctx, "referrers of "+digest, func(r *repository) ([]Descriptor, error) { return r.Referrers(ctx, digest) })
	if len(all) > 0 {
		return all, ctx.Err()
	}
	return nil, err
}

// ResolveAll implements [NamesSource]: what the tag names at the registry and at its
// mirrors. Mirrors that do not have it are an answer where the registry is down.
func (m *mirrored) ResolveAll(ctx context.Context, tag string) ([]Descriptor, error) {
	all, answered, err := m.join(ctx, tag, func(r *repository) ([]Descriptor, error) {
		d, err := r.Resolve(ctx, tag)
		return []Descriptor{d}, err
	})
	switch {
	case len(all) > 0:
		return all, ctx.Err()
	case err == nil || answered:
		return nil, m.about(tag, ErrNotFound)
	}
	return nil, err
}

// join asks the registry and all mirrors, and returns what each of them has, the
// registry's first and at most [MaxReferrers]; whether a mirror answered; and why the registry did not. A
// registry that did not is not asked again as long as mirrors answer.
func (m *mirrored) join(ctx context.Context, what string, ask func(*repository) ([]Descriptor, error)) (all []Descriptor, answered bool, err error) {
	var copied []Descriptor
	for _, each := range m.mirrors {
		if each.failed.Load() {
			continue
		}
		list, err := ask(each.repo)
		switch {
		case ctx.Err() != nil:
			return nil, false, ctx.Err()
		case err == nil:
			copied, answered = append(copied, list...), true
		case errors.Is(err, ErrNotFound):
			answered = true
		default:
			each.fail(m.repository, err)
		}
	}
	err = errDown
	if !answered || !m.down.Load() {
		all, err = ask(m.repository)
	}
	if errors.Is(err, ErrNotFound) {
		all, err = nil, nil
	}
	if err != nil && ctx.Err() == nil {
		all = nil
		if answered && !m.down.Swap(true) {
			m.log.Warn("going on with mirrors only", "repository", m.name, "wanted", what, "error", err)
		}
	}
	for _, d := range copied {
		if len(all) == MaxReferrers {
			m.log.Warn("leaving out what mirrors list besides", "repository", m.name, "wanted", what, "allowed", MaxReferrers)
			break
		}
		if !slices.ContainsFunc(all, func(o Descriptor) bool { return o.Digest == d.Digest }) {
			all = append(all, d)
		}
	}
	return all, answered, err
}

// errDown stands for why the registry did not answer the last time, which was
// logged.
var errDown = errors.New("the registry did not answer, and its mirrors have nothing")

var (
	_ Target      = (*mirrored)(nil)
	_ NamesSource = (*mirrored)(nil)
)
