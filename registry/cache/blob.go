package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"math"
	"os"

	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// errDamaged is wrapped by the errors about a file that does not have the content
// of its name.
var errDamaged = errors.New("it was changed in the cache")

// piece is how much is read at a time, so that a reading ends when its context
// does.
const piece = 256 << 10

// read returns content from the cache: verified, hashed once. A damaged file is removed.
func (c *Cache) read(ctx context.Context, digest string, size, limit int64) ([]byte, error) {
	name := blobPath(digest)
	f, info, err := c.openRegular(name, os.O_RDONLY)
	if err != nil {
		return nil, c.absent(digest, err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	if size >= 0 && info.Size() != size {
		return nil, c.otherSize(ctx, f, digest, size, info.Size())
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%s: %d bytes, more than the %d allowed", digest, info.Size(), limit)
	}
	content, h := make([]byte, info.Size()), sha256.New()
	n, err := hashInto(ctx, h, f, content)
	if err != nil {
		return nil, err
	}
	if n < len(content) || sum(h) != digest {
		return nil, c.damaged(digest, f)
	}
	c.touch(name, info)
	return content, nil
}

// hashInto fills b, and hashes what it has read piece by piece while it is still
// in the processor's cache. It returns fewer bytes where the reader ends before.
func hashInto(ctx context.Context, h hash.Hash, r io.Reader, b []byte) (int, error) {
	n := 0
	for n < len(b) {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		m, err := io.ReadFull(r, b[n:min(len(b), n+piece)])
		h.Write(b[n : n+m])
		n += m
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

func sum(h hash.Hash) string { return "sha256:" + hex.EncodeToString(h.Sum(nil)) }

// open opens content in the cache for reading. What is read is hashed as it is
// read; with check it is before as well, so that damage is found while there is
// still another place to read from.
func (c *Cache) open(ctx context.Context, d oci.Descriptor, check bool) (io.ReadCloser, error) {
	name := blobPath(d.Digest)
	f, info, err := c.openRegular(name, os.O_RDONLY)
	if err != nil {
		return nil, c.absent(d.Digest, err)
	}
	// Whoever drops content leaves alone what is locked. The lock cannot be had
	// while that happens, and then the file stays readable through f.
	_, _ = tryLock(f, false)
	fail := func(err error) (io.ReadCloser, error) { return nil, errors.Join(err, f.Close()) }
	if info.Size() != d.Size {
		return fail(c.otherSize(ctx, f, d.Digest, d.Size, info.Size()))
	}
	if check {
		got, err := digestOf(ctx, f)
		if err != nil {
			return fail(err)
		}
		if got != d.Digest {
			return fail(c.damaged(d.Digest, f))
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return fail(err)
		}
	}
	c.touch(name, info)
	return verifying(ctx, f, d), nil
}

// digestOf hashes what is left of a reader.
func digestOf(ctx context.Context, r io.Reader) (string, error) {
	h, buf := sha256.New(), make([]byte, piece)
	for {
		n, err := hashInto(ctx, h, r, buf)
		if err != nil {
			return "", err
		}
		if n < len(buf) {
			return sum(h), nil
		}
	}
}

// absent is the error for content whose file cannot be opened.
func (c *Cache) absent(digest string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: %w in the cache", digest, oci.ErrNotFound)
	case errors.Is(err, errIrregular):
		return c.damaged(digest, nil)
	}
	return fmt.Errorf("%s: read the cache: %w", digest, err)
}

// damaged removes a file that does not have the content of its name, so that the
// content can be fetched again, and returns the error. f is the file, nil where
// it is not even one.
func (c *Cache) damaged(digest string, f *os.File) error {
	name, removed := blobPath(digest), true
	if f == nil || c.is(name, f) { // else somebody has replaced it already
		removed = c.root.RemoveAll(name) == nil
	}
	c.log.Warn("content in the cache was changed, and is not used", "digest", digest, "file", name, "removed", removed)
	return fmt.Errorf("%s: %w: %w", digest, oci.ErrContent, errDamaged)
}

// otherSize finds out who is wrong about the size of a file: the file, which is
// damaged then, or the descriptor, for which nothing is removed.
func (c *Cache) otherSize(ctx context.Context, f *os.File, digest string, want, size int64) error {
	got, err := digestOf(ctx, f)
	if err != nil {
		return err
	}
	if got != digest {
		return c.damaged(digest, f)
	}
	return fmt.Errorf("%s: %w: it has %d bytes, not the %d announced", digest, oci.ErrContent, size, want)
}

// verifying returns a reader of content that hashes what it reads, and closes f.
func verifying(ctx context.Context, f io.ReadCloser, d oci.Descriptor) io.ReadCloser {
	return &verifier{ctx: ctx, r: f, d: d, hash: sha256.New(), left: d.Size}
}

type verifier struct {
	ctx  context.Context
	r    io.ReadCloser
	d    oci.Descriptor
	hash hash.Hash
	left int64
	err  error // what every further Read returns
}

// Read implements io.Reader as [oci.Source] wants it.
func (v *verifier) Read(b []byte) (int, error) {
	if v.err == nil {
		v.err = v.ctx.Err()
	}
	if v.err != nil || len(b) == 0 {
		return 0, v.err
	}
	if v.left == 0 {
		v.err = v.end()
		return 0, v.err
	}
	n, err := v.r.Read(b[:min(int64(len(b)), v.left, math.MaxInt32)])
	v.hash.Write(b[:n])
	v.left -= int64(n)
	switch {
	case err == nil || err == io.EOF && v.left == 0:
		return n, nil
	case err == io.EOF:
		err = fmt.Errorf("%s: %w: %d bytes fewer than the %d announced", v.d.Digest, oci.ErrContent, v.left, v.d.Size)
	}
	v.err = err
	return n, v.err
}

// end is called once as many bytes were read as there should be.
func (v *verifier) end() error {
	if n, _ := v.r.Read(make([]byte, 1)); n > 0 {
		return fmt.Errorf("%s: %w: more bytes than the %d announced", v.d.Digest, oci.ErrContent, v.d.Size)
	}
	if got := sum(v.hash); got != v.d.Digest {
		return fmt.Errorf("%s: %w: the content's digest is %s", v.d.Digest, oci.ErrContent, got)
	}
	return io.EOF
}

func (v *verifier) Close() error { return v.r.Close() }
