// Package cache keeps content by its digest in a folder that processes share.
//
// Nothing in the folder is believed. Content is hashed whenever it is read, and
// what does not have its digest any more is removed and fetched again. Which
// signatures there are for a package is kept as well, so that it can be verified
// without a network; these lists name candidates, which prove themselves by
// their signatures.
//
// The folder holds:
//
//	blobs/sha256/<hex>      content; complete before it gets this name
//	ingest/<hex>            content that is being fetched, locked by who does that
//	lists/<hex>.json        referrers of a digest, or what a signature's tag names
//
// A process may be killed at any point: what it was fetching stays in ingest and
// is taken up from there, after it was hashed again.
package cache

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/mcpwasm/mcpwasm/internal/privdir"
	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// DefaultMaxBytes is the size of a cache unless told otherwise.
const DefaultMaxBytes = 2 << 30

// The folders within a cache.
const (
	blobsDir  = "blobs/sha256"
	ingestDir = "ingest"
	listsDir  = "lists"
)

// Cache is such a folder. Its methods may be called at the same time, by
// several processes as well.
type Cache struct {
	root *os.Root
	max  int64
	pins func() ([]string, error)
	log  *slog.Logger
	// patience is how long to wait for another process whose fetch does not
	// get on.
	patience time.Duration

	mu    sync.Mutex
	grown int64 // bytes that were added since the size was last measured
	known bool  // it was measured
}

// Options of [Open]. The zero value is safe.
type Options struct {
	// MaxBytes is where the least recently used content is dropped. Default
	// [DefaultMaxBytes]. It is looked at when something was added, and every
	// process may go beyond it by a sixteenth until then. Content that is larger
	// is not kept, unless it is pinned.
	MaxBytes int64
	// Pinned returns the digests of manifests that are never dropped, with all
	// that belongs to them: what they list, their signatures and attestations.
	// While it returns an error nothing is dropped. Nil: none.
	Pinned func() ([]string, error)
	// Log takes what an operator should know, such as content that was changed.
	// Nil drops it.
	Log *slog.Logger
}

// Open opens a cache, and makes the folder with mode 0700 if it is not there.
// One that others may write to is closed to them, and another user's is refused.
func Open(dir string, o Options) (*Cache, error) {
	if o.MaxBytes < 0 {
		return nil, fmt.Errorf("open package cache: a size of %d bytes: want 0 for the default, or more", o.MaxBytes)
	}
	if err := privdir.Make(dir); err != nil {
		return nil, fmt.Errorf("open package cache: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open package cache: %w", err)
	}
	c := &Cache{
		root: root, max: cmp.Or(o.MaxBytes, DefaultMaxBytes), pins: o.Pinned, log: o.Log,
		patience: 10 * time.Second,
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	for _, sub := range []string{blobsDir, ingestDir, listsDir} {
		if err := c.makeDir(sub); err != nil {
			return nil, errors.Join(fmt.Errorf("open package cache %s: %s: %w: remove it, or name another folder", dir, sub, err), root.Close())
		}
	}
	return c, nil
}

func (c *Cache) makeDir(name string) error {
	if err := c.root.MkdirAll(name, 0o700); err != nil {
		return err
	}
	info, err := c.root.Lstat(name)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return errors.New("it is not a folder")
	}
	return nil
}

// Close gives up the folder. What was opened in it stays readable.
func (c *Cache) Close() error { return c.root.Close() }

// Has reports whether content is there, without looking into it.
func (c *Cache) Has(digest string) bool {
	info, err := c.root.Lstat(blobPath(digest))
	return oci.IsDigest(digest) && err == nil && info.Mode().IsRegular()
}

// Dir returns the folder.
func (c *Cache) Dir() string { return c.root.Name() }

// hexOf returns the hexadecimal digits of a digest.
func hexOf(digest string) string { return strings.TrimPrefix(digest, "sha256:") }

func blobPath(digest string) string   { return path.Join(blobsDir, hexOf(digest)) }
func ingestPath(digest string) string { return path.Join(ingestDir, hexOf(digest)) }

// openRegular opens a file that is one: neither a link, nor a pipe, whose opening
// would wait for somebody to write. One that is replaced meanwhile, as content is
// that was dropped and fetched again, is opened anew.
func (c *Cache) openRegular(name string, flag int) (f *os.File, info fs.FileInfo, err error) {
	const attempts = 100 // nobody but an enemy replaces it so often
	for range attempts {
		f, info, err = c.openOnce(name, flag)
		if !errors.Is(err, errReplaced) {
			return f, info, err
		}
	}
	return nil, nil, errIrregular
}

func (c *Cache) openOnce(name string, flag int) (*os.File, fs.FileInfo, error) {
	before, err := c.root.Lstat(name)
	if err != nil {
		return nil, nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, nil, errIrregular
	}
	f, err := c.root.OpenFile(name, flag|nonblock, 0o600)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !os.SameFile(before, info) {
		err = errReplaced
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, info, nil
}

var errReplaced = errors.New("it was replaced meanwhile")

var errIrregular = errors.New("it is not a regular file")

// is reports whether a name stands for an open file.
func (c *Cache) is(name string, f *os.File) bool {
	info, err := f.Stat()
	if err != nil {
		return false
	}
	now, err := c.root.Lstat(name)
	return err == nil && os.SameFile(info, now)
}

// touch notes that a file was used. Where that cannot be written it is dropped
// earlier, which does no harm.
func (c *Cache) touch(name string, info fs.FileInfo) {
	const grain = time.Minute
	if now := time.Now(); now.Sub(info.ModTime()).Abs() > grain {
		_ = c.root.Chtimes(name, now, now)
	}
}
