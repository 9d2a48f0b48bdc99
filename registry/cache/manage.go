package cache

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// Entry is content in the cache.
type Entry struct {
	Digest string
	Bytes  int64
	// Used is when it was last used, to the minute.
	Used time.Time
	// MediaType is that of a manifest or index, "" for other content.
	MediaType string
	// Repositories are those, "host/path", where signatures of a manifest were
	// looked for, in ascending order.
	Repositories []string
	// Pinned says that it is never dropped.
	Pinned bool
}

// List returns the content, the most recently used first. Manifests are hashed, other
// content is not: see [Cache.Verify].
func (c *Cache) List(ctx context.Context) ([]Entry, error) {
	blobs, err := c.blobs()
	if err != nil {
		return nil, err
	}
	keep, err := c.pinned(ctx, nil)
	if err != nil {
		return nil, err
	}
	repositories, err := c.repositories()
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, 0, len(blobs))
	for _, b := range blobs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		entries = append(entries, Entry{
			Digest: b.digest, Bytes: b.size, Used: b.used, MediaType: c.mediaType(b),
			Repositories: repositories[b.digest], Pinned: keep[b.digest],
		})
	}
	slices.SortFunc(entries, func(a, b Entry) int {
		if n := b.Used.Compare(a.Used); n != 0 {
			return n
		}
		return strings.Compare(a.Digest, b.Digest)
	})
	return entries, nil
}

// mediaType returns the media type of content that is a manifest.
func (c *Cache) mediaType(b blob) string {
	if b.size > oci.MaxManifestBytes {
		return ""
	}
	content, err := c.readSmall(blobPath(b.digest))
	if err != nil || oci.DigestOf(content) != b.digest {
		return ""
	}
	mediaType, err := oci.ManifestType(content)
	if err != nil {
		return ""
	}
	return mediaType
}

// repositories returns where manifests come from, as far as lists tell.
func (c *Cache) repositories() (map[string][]string, error) {
	entries, err := c.entries(listsDir)
	if err != nil {
		return nil, err
	}
	found := map[string][]string{}
	for _, e := range entries {
		l, err := c.readList(path.Join(listsDir, e.Name()))
		if err != nil {
			continue
		}
		found[l.subject()] = append(found[l.subject()], l.Repository)
	}
	for digest := range found {
		slices.Sort(found[digest])
		found[digest] = slices.Compact(found[digest])
	}
	return found, nil
}

// Verified is what [Cache.Verify] looked at.
type Verified struct {
	Files   int
	Bytes   int64
	Damaged []Damage // by file
}

// Damage is a file that is not what it should be.
type Damage struct {
	File    string // within the folder
	Problem string
	Removed bool
}

// Verify hashes all content and reads all lists. What is damaged is reported, and
// removed if remove is set; it would be removed as soon as somebody wants it.
func (c *Cache) Verify(ctx context.Context, remove bool) (Verified, error) {
	var v Verified
	for _, part := range []struct {
		dir   string
		check func(ctx context.Context, name string) (int64, error)
	}{
		{blobsDir, c.checkBlob}, {listsDir, c.checkList}, {ingestDir, c.checkPartial},
	} {
		entries, err := c.entries(part.dir)
		if err != nil {
			return v, err
		}
		slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
		for _, e := range entries {
			name := path.Join(part.dir, e.Name())
			n, err := part.check(ctx, name)
			switch {
			case ctx.Err() != nil:
				return v, ctx.Err()
			case errors.Is(err, fs.ErrNotExist):
				continue // it was dropped meanwhile
			case err != nil:
				removed := remove && c.root.RemoveAll(name) == nil
				v.Damaged = append(v.Damaged, Damage{name, err.Error(), removed})
			}
			v.Files++
			v.Bytes += n
		}
	}
	return v, nil
}

func (c *Cache) checkBlob(ctx context.Context, name string) (int64, error) {
	digest := "sha256:" + path.Base(name)
	if !oci.IsDigest(digest) {
		return 0, errors.New("its name is no digest")
	}
	f, info, err := c.openRegular(name, os.O_RDONLY)
	if err != nil {
		return 0, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	got, err := digestOf(ctx, f)
	if err == nil && got != digest {
		err = errors.New("its content has the digest " + got)
	}
	return info.Size(), err
}

func (c *Cache) checkList(_ context.Context, name string) (int64, error) {
	_, err := c.readList(name)
	if err != nil {
		return 0, err
	}
	info, err := c.root.Lstat(name)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// checkPartial looks at the kind of a file only: its content is hashed when it is
// taken up.
func (c *Cache) checkPartial(_ context.Context, name string) (int64, error) {
	info, err := c.root.Lstat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = errIrregular
	}
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
