package oci

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
)

// checked reads content, no byte more than its descriptor says, and returns
// io.EOF only if it was the right one.
type checked struct {
	r      io.Reader
	d      Descriptor
	hash   hash.Hash // nil where the start was not seen
	offset int64
	err    error // what ended it
}

func newChecked(r io.Reader, d Descriptor) *checked {
	return &checked{r: r, d: d, hash: sha256.New()}
}

// Read implements io.Reader.
func (c *checked) Read(p []byte) (int, error) {
	if c.err != nil || len(p) == 0 {
		return 0, c.err
	}
	left := c.d.Size - c.offset
	if left == 0 {
		c.err = c.finish()
		return 0, c.err
	}
	n, err := c.r.Read(p[:min(int64(len(p)), left)])
	c.offset += int64(n)
	if c.hash != nil {
		c.hash.Write(p[:n])
	}
	switch {
	case err == nil || err == io.EOF && c.offset == c.d.Size:
		return n, nil // the end is checked by the next call
	case err == io.EOF:
		err = fmt.Errorf("%s: %w: %d bytes came, and %d were announced", c.d.Digest, ErrContent, c.offset, c.d.Size)
	}
	c.err = err
	return n, err
}

// finish checks what came, and that nothing comes behind it.
func (c *checked) finish() error {
	switch n, err := io.ReadFull(c.r, make([]byte, 1)); {
	case n > 0:
		return fmt.Errorf("%s: %w: more bytes come than the %d announced", c.d.Digest, ErrContent, c.d.Size)
	case err != io.EOF:
		return err
	}
	if c.hash != nil {
		if got := "sha256:" + hex.EncodeToString(c.hash.Sum(nil)); got != c.d.Digest {
			return fmt.Errorf("%s: %w: the content's digest is %s", c.d.Digest, ErrContent, got)
		}
	}
	return io.EOF
}

// fileReader is content of a layout.
type fileReader struct {
	checked
	layout *Layout
	file   *os.File
}

func newFileReader(l *Layout, f *os.File, d Descriptor) *fileReader {
	return &fileReader{checked: checked{r: f, d: d, hash: sha256.New()}, layout: l, file: f}
}

// Read implements io.Reader.
func (f *fileReader) Read(p []byte) (int, error) {
	n, err := f.checked.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("layout %s: %w", f.layout.dir, err)
	}
	return n, err
}

// Seek implements io.Seeker.
func (f *fileReader) Seek(offset int64, whence int) (int64, error) {
	offset, err := seekTo(offset, whence, f.offset, f.d)
	if err != nil {
		return 0, err
	}
	if offset == f.offset && f.err == nil {
		return offset, nil
	}
	if _, err := f.file.Seek(offset, io.SeekStart); err != nil {
		return 0, f.layout.fail(f.d.Digest, err)
	}
	f.restart(f.file, offset)
	return offset, nil
}

// Close implements io.Closer.
func (f *fileReader) Close() error { return f.file.Close() }

// restart reads on at an offset.
func (c *checked) restart(r io.Reader, offset int64) {
	c.r, c.offset, c.err, c.hash = r, offset, nil, nil
	if offset == 0 {
		c.hash = sha256.New()
	}
}

// seekTo is the offset from the start that io.Seeker is asked for.
func seekTo(offset int64, whence int, current int64, d Descriptor) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += current
	case io.SeekEnd:
		offset += d.Size
	}
	if offset < 0 || offset > d.Size {
		return 0, fmt.Errorf("%s: seek to %d of %d bytes", d.Digest, offset, d.Size)
	}
	return offset, nil
}

var _ io.ReadSeekCloser = (*fileReader)(nil)
