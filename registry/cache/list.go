package cache

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// Bounds of a list that is read or kept.
const (
	maxListBytes  = 4 << 20
	maxListTokens = 100 * oci.MaxReferrers
	maxTypeBytes  = 255 // of a media type
)

// list names manifests that belong to another one. They are candidates: what they
// are says their content, and whether they count say the signatures in it.
type list struct {
	// Repository is where the list was got, "host/path": a repository with the
	// same package has signatures of its own.
	Repository string `json:"repository"`
	// Name is the digest that these are the referrers of, or the tag that names
	// or named them, the last one first.
	Name      string           `json:"name"`
	Manifests []oci.Descriptor `json:"manifests"`
}

// listPath is where a list is: by a hash, since names of repositories do not fit
// into every file system.
func listPath(repository, name string) string {
	sum := sha256.Sum256([]byte(repository + "\x00" + name))
	return path.Join(listsDir, hex.EncodeToString(sum[:])+".json")
}

// list returns a list that was kept, nothing where there is none or it is damaged.
func (c *Cache) list(repository, name string) []oci.Descriptor {
	file := listPath(repository, name)
	l, err := c.readList(file)
	if err != nil {
		if !errors.Is(err, os.ErrNotExist) {
			c.log.Warn("a list of signatures in the cache was changed, and is not used", "repository", repository, "of", name, "file", file, "reason", err)
		}
		return nil
	}
	if info, err := c.root.Lstat(file); err == nil {
		c.touch(file, info)
	}
	return l.Manifests
}

// readList reads a list and checks it.
func (c *Cache) readList(file string) (list, error) {
	if !strings.HasSuffix(file, ".json") {
		return list{}, errors.New("it is no list")
	}
	content, err := c.readSmall(file)
	if err != nil {
		return list{}, err
	}
	l, err := parseList(content)
	if err == nil && listPath(l.Repository, l.Name) != file {
		err = errors.New("it is another one's")
	}
	return l, err
}

// readSmall reads a file as far as a byte more than a list may have.
func (c *Cache) readSmall(file string) ([]byte, error) {
	f, _, err := c.openRegular(file, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	return io.ReadAll(io.LimitReader(f, maxListBytes+1))
}

// parseList reads a list strictly.
func parseList(content []byte) (list, error) {
	if len(content) > maxListBytes {
		return list{}, errors.New("it is too large")
	}
	if err := wire.CheckAtMost(content, maxListTokens); err != nil {
		return list{}, err
	}
	var l list
	d := json.NewDecoder(bytes.NewReader(content))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return list{}, err
	}
	if d.More() {
		return list{}, errors.New("there is something behind it")
	}
	return l, l.check()
}

func (l *list) check() error {
	switch {
	case !oci.IsDigest(l.Name) && !isDerived(l.Name):
		return errors.New("it is of neither a digest nor a signature's tag")
	case len(l.Manifests) > oci.MaxReferrers:
		return errors.New("it is too long")
	case isDerived(l.Name) && len(l.Manifests) == 0:
		return errors.New("a tag names a manifest")
	}
	for _, d := range l.Manifests {
		if err := d.Check(oci.MaxManifestBytes); err != nil {
			return err
		}
	}
	return nil
}

// subject is the digest that a list belongs to.
func (l *list) subject() string {
	if m := formDerived.FindStringSubmatch(l.Name); m != nil {
		return "sha256:" + m[1]
	}
	return l.Name
}

// maxGone bounds what is kept of a list that the registry does not have any more.
const maxGone = 16

// keepList keeps a list before what was kept. That the registry does not list
// something is no reason to forget it: hiding it for once would end offline use. What
// cannot be kept is asked for again.
func (c *Cache) keepList(repository, name string, manifests []oci.Descriptor) {
	if len(manifests) == 0 && isDerived(name) {
		return
	}
	file := listPath(repository, name)
	kept, known := slices.Clone(manifests), map[string]bool{}
	for _, d := range manifests {
		known[d.Digest] = true
	}
	if old, err := c.readList(file); err == nil {
		for _, d := range old.Manifests {
			if !known[d.Digest] && len(kept) < min(len(manifests)+maxGone, oci.MaxReferrers) {
				kept, known[d.Digest] = append(kept, d), true
			}
		}
	}
	content, err := encodeList(list{repository, name, kept})
	if err == nil {
		if old, readErr := c.readSmall(file); readErr == nil && bytes.Equal(old, content) {
			return
		}
		err = c.writeFile(file, content)
	}
	if err != nil {
		c.log.Warn("a list of signatures cannot be kept in the cache", "repository", repository, "of", name, "reason", err)
	}
}

// encodeList writes a list with what is needed of its descriptors: nothing that
// somebody else could make large.
func encodeList(l list) ([]byte, error) {
	kept := make([]oci.Descriptor, 0, len(l.Manifests))
	for _, d := range l.Manifests {
		kept = append(kept, oci.Descriptor{MediaType: shorten(d.MediaType), Digest: d.Digest, Size: d.Size, ArtifactType: shorten(d.ArtifactType)})
	}
	l.Manifests = kept
	if err := l.check(); err != nil {
		return nil, err
	}
	content, err := json.Marshal(l)
	if err == nil && len(content) > maxListBytes {
		err = errors.New("it is too large")
	}
	return content, err
}

func shorten(s string) string { return strings.ToValidUTF8(s[:min(len(s), maxTypeBytes)], "") }
