package oci

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// CreateLayout opens a folder for writing, and makes it if it is not there. A
// folder with something else in it is refused. The caller closes it.
func CreateLayout(dir string) (*Layout, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("create the layout: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("create the layout: %w", err)
	}
	l := &Layout{dir: dir, root: root, subjects: map[string]string{}}
	if err := l.create(); err != nil {
		_ = root.Close() // nothing is left to write
		return nil, err
	}
	return l, nil
}

func (l *Layout) create() error {
	entries, err := fs.ReadDir(l.root.FS(), ".")
	if err != nil {
		return l.fail(".", err)
	}
	if slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == layoutFile }) {
		return l.check()
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), temporary) {
			return fmt.Errorf("%s: the folder has something else in it: name one that is new, empty or an OCI layout", l.dir)
		}
	}
	if err := l.root.MkdirAll("blobs/sha256", 0o755); err != nil {
		return l.fail("blobs", err)
	}
	if err := l.writeIndex(nil); err != nil {
		return err
	}
	// It comes last: a folder with it is complete.
	return l.replace(layoutFile, []byte(`{"imageLayoutVersion":"`+layoutVersion+`"}`))
}

// temporary starts the names of files that are not complete.
const temporary = ".mcpwasm-"

// replace writes a file as a whole.
func (l *Layout) replace(name string, content []byte) error {
	f, temp, err := l.temporaryFile()
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return l.finish(f, temp, name, err)
}

// temporaryFile makes a temporary file.
func (l *Layout) temporaryFile() (*os.File, string, error) {
	name := temporary + rand.Text()
	f, err := l.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, "", l.fail(name, err)
	}
	return f, name, nil
}

// finish gives a temporary file its name, or removes it after an error.
func (l *Layout) finish(f *os.File, temp, name string, err error) error {
	err = errors.Join(err, f.Close())
	if err == nil {
		err = l.root.Rename(temp, name)
	}
	if err != nil {
		_ = l.root.Remove(temp) // the first error counts
		return l.fail(name, err)
	}
	return nil
}

// Push implements [Target]. A manifest is listed in index.json.
func (l *Layout) Push(ctx context.Context, d Descriptor, content io.Reader) error {
	if err := d.Check(maxBlobBytes); err != nil {
		return err
	}
	if !l.has(ctx, d) {
		if err := l.write(ctx, d, content); err != nil {
			return err
		}
	}
	if !IsManifest(d.MediaType) {
		return nil
	}
	manifest, err := ReadAll(ctx, l, d, MaxManifestBytes)
	if err != nil {
		return err
	}
	return l.list(ctx, d, manifest)
}

// has reports whether content is there and undamaged.
func (l *Layout) has(ctx context.Context, d Descriptor) bool {
	r, err := l.Fetch(ctx, d)
	if err != nil {
		return false
	}
	defer r.Close() //nolint:errcheck // it was only read
	_, err = io.Copy(io.Discard, r)
	return err == nil
}

// write stores content that is what its descriptor says.
func (l *Layout) write(ctx context.Context, d Descriptor, content io.Reader) error {
	f, temp, err := l.temporaryFile()
	if err != nil {
		return err
	}
	checked := newChecked(content, d)
	_, err = io.Copy(f, &cancelable{ctx, checked})
	return l.finish(f, temp, blobPath(d.Digest), err)
}

// cancelable ends reading with its context.
type cancelable struct {
	ctx context.Context
	r   io.Reader
}

func (c *cancelable) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// list puts a manifest into index.json, and takes out what it names itself. What
// is written there comes from the manifest alone, so that the same manifests
// make the same file.
func (l *Layout) list(ctx context.Context, d Descriptor, manifest []byte) error {
	self := sniff(manifest)
	entry := Descriptor{MediaType: d.MediaType, Digest: d.Digest, Size: d.Size, ArtifactType: self.ArtifactType}
	var named []Descriptor
	if d.MediaType == MediaTypeIndex || d.MediaType == MediaTypeDockerIndex {
		var err error
		if named, err = listField[Descriptor](manifest, "manifests", maxLayoutManifests); err != nil {
			return l.fail(d.Digest, err)
		}
	}
	parts := map[string]bool{}
	for _, n := range named {
		if n.Check(MaxManifestBytes) != nil {
			continue
		}
		// A referrer stays in the index, where it is looked for.
		if subject, err := l.subject(ctx, n); err == nil && subject == "" {
			parts[n.Digest] = true
		}
	}
	return l.update(func(entries []Descriptor) []Descriptor {
		if !slices.ContainsFunc(entries, func(e Descriptor) bool { return e.Digest == d.Digest }) {
			entries = append(entries, entry)
		}
		return slices.DeleteFunc(entries, func(e Descriptor) bool {
			return e.Annotations[annotationTag] == "" && parts[e.Digest]
		})
	})
}

// update changes index.json.
func (l *Layout) update(change func([]Descriptor) []Descriptor) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	entries, err := l.index()
	if err != nil {
		return err
	}
	entries = change(entries)
	if len(entries) > maxLayoutManifests {
		return fmt.Errorf("layout %s: more than the %d manifests allowed", l.dir, maxLayoutManifests)
	}
	return l.writeIndex(entries)
}

// writeIndex writes index.json, sorted by tag and digest.
func (l *Layout) writeIndex(entries []Descriptor) error {
	slices.SortStableFunc(entries, func(a, b Descriptor) int {
		if c := strings.Compare(a.Annotations[annotationTag], b.Annotations[annotationTag]); c != 0 {
			return c
		}
		return strings.Compare(a.Digest, b.Digest)
	})
	if entries == nil {
		entries = []Descriptor{}
	}
	content, err := json.Marshal(Index{SchemaVersion: 2, MediaType: MediaTypeIndex, Manifests: entries})
	if err != nil {
		return l.fail(layoutIndex, err)
	}
	if len(content) > MaxManifestBytes {
		return l.fail(layoutIndex, fmt.Errorf("it would be larger than the %d bytes allowed", MaxManifestBytes))
	}
	return l.replace(layoutIndex, content)
}

// Tag implements [Target].
func (l *Layout) Tag(ctx context.Context, d Descriptor, tag string) error {
	if !IsTag(tag) {
		return fmt.Errorf("%q is no tag: want letters, digits, \"_\", \".\" and \"-\", at most 128", shorten(tag))
	}
	manifest, err := ReadAll(ctx, l, d, MaxManifestBytes)
	if err != nil {
		return fmt.Errorf("tag %s: %w", tag, err)
	}
	return l.update(func(entries []Descriptor) []Descriptor {
		entries = slices.DeleteFunc(entries, func(e Descriptor) bool {
			bare := e.Annotations[annotationTag] == ""
			return e.Annotations[annotationTag] == tag && e.Digest == d.Digest || bare && e.Digest == d.Digest
		})
		for i, e := range entries { // the manifest that had the tag stays
			if e.Annotations[annotationTag] == tag {
				entries[i].Annotations = nil
			}
		}
		return append(entries, Descriptor{MediaType: d.MediaType, Digest: d.Digest, Size: d.Size,
			ArtifactType: sniff(manifest).ArtifactType, Annotations: map[string]string{annotationTag: tag}})
	})
}
