package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"time"

	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// abandoned is the age at which a fetch that nobody works on, or a list whose
// package is gone, is removed in passing.
const abandoned = 24 * time.Hour

// maxReachable bounds what is followed from pinned digests.
const maxReachable = 100_000

// grew notes that content was added, and drops the least recently used when
// there is too much. Nothing depends on that it works.
func (c *Cache) grew(ctx context.Context, n int64) {
	c.mu.Lock()
	c.grown += n
	due := !c.known || c.grown > c.max/16
	if due {
		c.grown, c.known = 0, true
	}
	c.mu.Unlock()
	if !due {
		return
	}
	if _, err := c.Prune(ctx, PruneOptions{KeepPartial: abandoned}); err != nil && ctx.Err() == nil {
		c.log.Warn("the package cache cannot be held at its size", "folder", c.Dir(), "reason", err)
	}
}

// PruneOptions say what [Cache.Prune] drops.
type PruneOptions struct {
	// MaxBytes is the size that is left at most. Default: the cache's. -1 drops
	// all that is not pinned or in use.
	MaxBytes int64
	// Unused drops what was not used for so long, whatever the size; 0 for no
	// such limit. Uses are noted to the minute.
	Unused time.Duration
	// KeepPartial is the age up to which what was fetched in part, and is being
	// fetched by nobody, is kept. Default 0: it is removed.
	KeepPartial time.Duration
	// Pinned are digests that are kept beside those of the cache's options.
	Pinned []string
}

// Pruned is what was dropped, and what is left.
type Pruned struct {
	Removed []string // digests of content
	Partial int      // fetches that nobody goes on with
	Freed   int64    // bytes of both
	Left    int64    // bytes of content
}

// Prune drops the least recently used content down to a size. What is pinned
// stays, and so does what a reader has open or a process is fetching.
func (c *Cache) Prune(ctx context.Context, o PruneOptions) (Pruned, error) {
	var result Pruned
	keep, err := c.pinned(ctx, o.Pinned)
	if err != nil {
		return result, err
	}
	blobs, err := c.blobs()
	if err != nil {
		return result, err
	}
	for _, b := range blobs {
		result.Left += b.size
	}
	most := o.MaxBytes
	switch {
	case most == 0:
		most = c.max
	case most < 0:
		most = 0
	}
	slices.SortFunc(blobs, func(a, b blob) int { return a.used.Compare(b.used) })
	now := time.Now()
	for _, b := range blobs {
		if err := ctx.Err(); err != nil {
			return result, err
		}
		stale := o.Unused > 0 && now.Sub(b.used) > o.Unused
		if keep[b.digest] || result.Left <= most && !stale {
			continue
		}
		if c.drop(b) {
			result.Removed = append(result.Removed, b.digest)
			result.Freed += b.size
			result.Left -= b.size
		}
	}
	partial, freed, err := c.prunePartial(now.Add(-o.KeepPartial))
	result.Partial, result.Freed = partial, result.Freed+freed
	return result, errors.Join(err, c.pruneLists(now))
}

// drop removes content unless somebody is reading it, or has used it since it
// was listed.
func (c *Cache) drop(b blob) bool {
	name := blobPath(b.digest)
	f, info, err := c.openRegular(name, os.O_RDONLY)
	switch {
	case errors.Is(err, errIrregular):
		return c.root.RemoveAll(name) == nil
	case err != nil:
		return errors.Is(err, fs.ErrNotExist) // another process was faster
	}
	locked, err := tryLock(f, true)
	ok := (locked || err != nil) && info.ModTime().Equal(b.used) && c.is(name, f)
	if !renameLocked { // nor can it be removed while it is open
		_ = f.Close() // it was only read
		return ok && c.root.Remove(name) == nil
	}
	ok = ok && c.root.Remove(name) == nil
	_ = f.Close() // it was only read
	return ok
}

// prunePartial removes fetches that were left behind before a time.
func (c *Cache) prunePartial(before time.Time) (n int, freed int64, err error) {
	entries, err := c.entries(ingestDir)
	for _, e := range entries {
		name := path.Join(ingestDir, e.Name())
		f, info, err := c.openRegular(name, os.O_RDWR)
		if errors.Is(err, errIrregular) && c.root.RemoveAll(name) == nil {
			n++
		}
		if err != nil {
			continue
		}
		if locked, err := tryLock(f, true); (locked || err != nil) && !info.ModTime().After(before) && c.is(name, f) {
			if !renameLocked {
				_ = f.Close() // nothing was written
			}
			if c.root.Remove(name) == nil {
				n, freed = n+1, freed+info.Size()
			}
		}
		_ = f.Close() // nothing was written
	}
	return n, freed, err
}

// pruneLists removes lists that cannot be read, and those whose package is gone
// for long.
func (c *Cache) pruneLists(now time.Time) error {
	entries, err := c.entries(listsDir)
	for _, e := range entries {
		name := path.Join(listsDir, e.Name())
		info, err := c.root.Lstat(name)
		if err != nil || now.Sub(info.ModTime()) < abandoned {
			continue
		}
		l, err := c.readList(name)
		if err == nil {
			if _, err := c.root.Lstat(blobPath(l.subject())); err == nil {
				continue
			}
		}
		_ = c.root.RemoveAll(name) // the next one tries again
	}
	return err
}

// blob is content as it is listed.
type blob struct {
	digest string
	size   int64
	used   time.Time
}

// blobs lists the content, without looking into it.
func (c *Cache) blobs() ([]blob, error) {
	entries, err := c.entries(blobsDir)
	if err != nil {
		return nil, err
	}
	blobs := make([]blob, 0, len(entries))
	for _, e := range entries {
		info, err := e.Info()
		if digest := "sha256:" + e.Name(); err == nil && oci.IsDigest(digest) {
			blobs = append(blobs, blob{digest, info.Size(), info.ModTime()})
		}
	}
	return blobs, nil
}

// entries lists a folder of the cache.
func (c *Cache) entries(dir string) ([]fs.DirEntry, error) {
	f, err := c.root.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	return f.ReadDir(-1)
}

// pinned returns what must stay: the pinned manifests, all that they name, and
// what is about them.
func (c *Cache) pinned(ctx context.Context, more []string) (map[string]bool, error) {
	pins := slices.Clone(more)
	if c.pins != nil {
		own, err := c.pins()
		if err != nil {
			return nil, fmt.Errorf("what is pinned is not known: %w", err)
		}
		pins = append(pins, own...)
	}
	keep := map[string]bool{}
	if len(pins) == 0 {
		return keep, nil
	}
	about, err := c.about()
	if err != nil {
		return nil, err
	}
	for len(pins) > 0 && len(keep) < maxReachable {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		digest := pins[0]
		pins = pins[1:]
		if keep[digest] || !oci.IsDigest(digest) {
			continue
		}
		keep[digest] = true
		content, manifests := c.names(ctx, digest)
		for _, d := range content {
			keep[d] = true
		}
		pins = append(append(pins, manifests...), about[digest]...)
	}
	return keep, nil
}

// isPinned reports whether a digest is among what must stay. Where that is not
// known it is not.
func (c *Cache) isPinned(ctx context.Context, digest string) bool {
	keep, err := c.pinned(ctx, nil)
	return err == nil && keep[digest]
}

// names returns the digests of content and of manifests that a manifest names,
// as far as it is here.
func (c *Cache) names(ctx context.Context, digest string) (content, manifests []string) {
	b, err := c.read(ctx, digest, -1, oci.MaxManifestBytes)
	if err != nil {
		return nil, nil
	}
	if m, err := oci.DecodeManifest(b); err == nil {
		for _, d := range append(m.Layers, m.Config) {
			content = append(content, d.Digest)
		}
		return content, nil
	}
	index, _ := oci.DecodeIndex(b) // what is neither names nothing
	for _, d := range index.Manifests {
		manifests = append(manifests, d.Digest)
	}
	return nil, manifests
}

// about returns, by the digest, the manifests that lists have for it.
func (c *Cache) about() (map[string][]string, error) {
	entries, err := c.entries(listsDir)
	if err != nil {
		return nil, err
	}
	about := map[string][]string{}
	for _, e := range entries {
		l, err := c.readList(path.Join(listsDir, e.Name()))
		if err != nil {
			continue
		}
		for _, d := range l.Manifests {
			about[l.subject()] = append(about[l.subject()], d.Digest)
		}
	}
	return about, nil
}
