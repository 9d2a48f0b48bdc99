package cache

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// errUnkept is wrapped where content cannot be kept: the disk is full, or the
// folder may not be written to. It is used without being kept then.
var errUnkept = errors.New("it cannot be kept in the cache")

// errRival is returned where another process is fetching the same.
var errRival = errors.New("another process is fetching it")

// partial is content that is being fetched, in a file that is this process's alone.
type partial struct {
	c      *Cache
	name   string
	file   *os.File
	digest string
	// unkept is why the file is not written to any more, nil as long as it is.
	unkept error
}

// claim returns the file to fetch content into, with what an earlier fetch has
// left there, or nil where another process has brought the content meanwhile. As
// long as another one gets on with it, it is waited for; for one that does not, for a
// time, and then the content is fetched beside it.
func (c *Cache) claim(ctx context.Context, digest string) (*partial, error) {
	size, since := int64(-1), time.Now()
	for w := (wait{next: time.Millisecond}); ; {
		if info, err := c.root.Lstat(blobPath(digest)); err == nil && info.Mode().IsRegular() {
			return nil, nil
		}
		p, got, err := c.try(digest)
		if !errors.Is(err, errRival) {
			return p, err
		}
		switch {
		case got != size:
			size, since = got, time.Now()
		case time.Since(since) > c.patience:
			return c.beside(digest)
		}
		if err := w.sleep(ctx); err != nil {
			return nil, err
		}
	}
}

// try claims a digest's file in ingest. Where another process has it, it
// returns errRival and how far that one is.
func (c *Cache) try(digest string) (*partial, int64, error) {
	name := ingestPath(digest)
	f, info, err := c.openRegular(name, os.O_RDWR)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f, err = c.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			return nil, -1, errRival // it has just been made
		}
	case errors.Is(err, errIrregular):
		if err := c.root.RemoveAll(name); err != nil {
			return nil, 0, fmt.Errorf("%w: %w", errUnkept, err)
		}
		return nil, -1, errRival
	}
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", errUnkept, err)
	}
	locked, err := tryLock(f, true)
	switch {
	case err != nil: // there are no locks here
		_ = f.Close() // nothing was written
		p, err := c.beside(digest)
		return p, 0, err
	case !locked:
		_ = f.Close() // nothing was written
		if info == nil {
			return nil, -1, errRival
		}
		return nil, info.Size(), errRival
	case !c.is(name, f): // it was finished, or given up, between opening and locking
		_ = f.Close() // nothing was written
		return nil, -1, errRival
	}
	return &partial{c: c, name: name, file: f, digest: digest}, 0, nil
}

// beside makes a file that nobody else uses.
func (c *Cache) beside(digest string) (*partial, error) {
	name := ingestPath(digest) + "." + rand.Text()
	f, err := c.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnkept, err)
	}
	_, _ = tryLock(f, true) // so that it is not taken for one that was left behind
	return &partial{c: c, name: name, file: f, digest: digest}, nil
}

// fill fetches what is missing. into, unless it is nil, gets the content too.
// Content that was taken up and turns out wrong is fetched from the start, once.
func (p *partial) fill(ctx context.Context, d oci.Descriptor, upstream oci.Source, into []byte) error {
	h := sha256.New()
	have, err := p.takeUp(ctx, d, h, into)
	if err != nil {
		return err
	}
	if have > 0 {
		err = p.rest(ctx, d, upstream, h, have, into)
		if err == nil || !errors.Is(err, oci.ErrContent) {
			return err
		}
	}
	h.Reset()
	if err := p.reset(); err != nil {
		return err
	}
	return p.rest(ctx, d, upstream, h, 0, into)
}

// takeUp hashes what an earlier fetch has left, and returns how much that is.
func (p *partial) takeUp(ctx context.Context, d oci.Descriptor, h hash.Hash, into []byte) (int64, error) {
	info, err := p.file.Stat()
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errUnkept, err)
	}
	have := info.Size()
	if have > d.Size {
		return 0, nil
	}
	buf := make([]byte, min(piece, have))
	for at := int64(0); at < have; {
		if into != nil {
			buf = into[at:min(at+piece, have)]
		}
		n, err := hashInto(ctx, h, p.file, buf[:min(int64(len(buf)), have-at)])
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		if err != nil || n == 0 { // it cannot be read: begin again
			return 0, nil
		}
		at += int64(n)
	}
	return have, nil
}

// reset empties the file.
func (p *partial) reset() error {
	_, err := p.file.Seek(0, io.SeekStart)
	if err = errors.Join(err, p.file.Truncate(0)); err != nil {
		return fmt.Errorf("%w: %w", errUnkept, err)
	}
	return nil
}

// rest fetches what comes behind the first have bytes, which are in h already,
// and checks the whole.
func (p *partial) rest(ctx context.Context, d oci.Descriptor, upstream oci.Source, h hash.Hash, have int64, into []byte) error {
	if have == d.Size && have > 0 {
		if sum(h) == d.Digest {
			return nil // whoever fetched it was killed just before the end
		}
		return fmt.Errorf("%s: %w: what was fetched before was changed", d.Digest, oci.ErrContent)
	}
	r, err := fetchFrom(ctx, upstream, d, have)
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // it was only read
	if err := p.copy(ctx, d, r, h, have, into); err != nil {
		return err
	}
	if n, _ := r.Read(make([]byte, 1)); n > 0 {
		return fmt.Errorf("%s: %w: more bytes than the %d announced", d.Digest, oci.ErrContent, d.Size)
	}
	if got := sum(h); got != d.Digest {
		return fmt.Errorf("%s: %w: the content's digest is %s", d.Digest, oci.ErrContent, got)
	}
	return nil
}

// fetchFrom opens content at an offset. Where that is what fails, and not the
// fetching, the error is [oci.ErrContent].
func fetchFrom(ctx context.Context, upstream oci.Source, d oci.Descriptor, offset int64) (io.ReadCloser, error) {
	if raw, ok := upstream.(oci.RawSource); ok {
		r, err := raw.FetchRaw(ctx, d, offset)
		if err == nil || offset == 0 || ctx.Err() != nil {
			return r, err
		}
	}
	r, err := upstream.Fetch(ctx, d)
	if err != nil || offset == 0 {
		return r, err
	}
	s, ok := r.(io.Seeker)
	if !ok {
		return nil, errors.Join(fmt.Errorf("%s: %w: it cannot be taken up", d.Digest, oci.ErrContent), r.Close())
	}
	if _, err := s.Seek(offset, io.SeekStart); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w: it cannot be taken up: %w", d.Digest, oci.ErrContent, err), r.Close())
	}
	return r, nil
}

// copy fetches and writes. Where nothing can be written any more, it goes on for
// into alone.
func (p *partial) copy(ctx context.Context, d oci.Descriptor, r io.Reader, h hash.Hash, at int64, into []byte) error {
	var buf []byte
	if into == nil {
		buf = make([]byte, min(piece, d.Size-at))
	}
	for at < d.Size {
		if err := ctx.Err(); err != nil {
			return err
		}
		if into != nil {
			buf = into[at:min(at+piece, d.Size)]
		}
		n, err := r.Read(buf[:min(int64(len(buf)), d.Size-at)])
		h.Write(buf[:n])
		at += int64(n)
		if p.unkept == nil {
			if _, err := p.file.Write(buf[:n]); err != nil {
				p.unkept = fmt.Errorf("%w: %w", errUnkept, err)
			}
		}
		switch {
		case p.unkept != nil && into == nil:
			return p.unkept
		case err == io.EOF && at < d.Size:
			return fmt.Errorf("%s: %w: %d bytes fewer than the %d announced", d.Digest, oci.ErrContent, d.Size-at, d.Size)
		case err != nil && err != io.EOF:
			return err
		}
	}
	return nil
}

// commit gives the content its name. It is not flushed: content that a crash of the
// system damaged is found when it is read, and fetched again.
func (p *partial) commit() error {
	if p.unkept != nil {
		return errors.Join(p.unkept, p.discard())
	}
	closed := false
	if !renameLocked {
		closed = true
		if err := p.file.Close(); err != nil {
			return fmt.Errorf("%w: %w", errUnkept, err)
		}
	}
	err := p.c.moveIn(p.name, blobPath(p.digest))
	if !closed {
		err = errors.Join(err, p.file.Close())
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errUnkept, err)
	}
	return nil
}

// moveIn renames a file. What stands in the way and is no file goes.
func (c *Cache) moveIn(from, to string) error {
	err := c.root.Rename(from, to)
	if err == nil {
		return nil
	}
	if info, statErr := c.root.Lstat(to); statErr == nil && info.IsDir() {
		if err := c.root.RemoveAll(to); err != nil {
			return err
		}
		return c.root.Rename(from, to)
	}
	return err
}

// discard gives a fetch up and removes the file.
func (p *partial) discard() error {
	return errors.Join(p.c.root.Remove(p.name), p.file.Close())
}

// keep leaves what was fetched for another time, if there is something. A file
// that nobody else knows goes.
func (p *partial) keep() error {
	info, err := p.file.Stat()
	if p.name != ingestPath(p.digest) || p.unkept != nil || err != nil || info.Size() == 0 {
		return p.discard()
	}
	return p.file.Close()
}

// writeFile replaces a small file as a whole.
func (c *Cache) writeFile(name string, content []byte) error {
	tmp := ingestDir + "/" + rand.Text()
	f, err := c.root.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, _ = tryLock(f, true) // so that it is not taken for one that was left behind
	_, err = io.Copy(f, bytes.NewReader(content))
	if err = errors.Join(err, f.Close()); err == nil {
		err = c.moveIn(tmp, name)
	}
	if err != nil {
		_ = c.root.Remove(tmp) // it is of no use to anybody
	}
	return err
}
