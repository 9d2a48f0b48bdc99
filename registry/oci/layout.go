package oci

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"

	jsonv2 "github.com/go-json-experiment/json"
)

// Names within an image layout, and what is in them.
const (
	layoutFile    = "oci-layout"
	layoutIndex   = "index.json"
	layoutVersion = "1.0.0"
	// annotationTag has the tag of an entry of index.json.
	annotationTag = "org.opencontainers.image.ref.name"
)

// maxLayoutManifests bounds the entries of a layout's index.
const maxLayoutManifests = 10_000

// Layout is an OCI image layout folder (image-spec, image-layout.md): blobs by
// digest, and index.json that lists manifests and their tags. Nothing outside of
// the folder is read or written, whatever symbolic links are in it. Its methods
// may be called at the same time, but two processes must not write to one folder.
type Layout struct {
	dir  string
	root *os.Root

	mu sync.Mutex // of the index
	// subjects has what checked manifests are about, by their digest.
	subjects map[string]string
}

// OpenLayout opens an OCI image layout folder for reading and writing. The
// caller closes it.
func OpenLayout(dir string) (*Layout, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the layout: %w", err)
	}
	l := &Layout{dir: dir, root: root, subjects: map[string]string{}}
	if err := l.check(); err != nil {
		_ = root.Close() // it was only read
		return nil, err
	}
	return l, nil
}

// Close closes the folder.
func (l *Layout) Close() error { return l.root.Close() }

// check refuses a folder that is no layout.
func (l *Layout) check() error {
	content, err := l.readFile(layoutFile, 4<<10)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: it is no OCI layout: there is no file %s in it", l.dir, layoutFile)
	}
	if err != nil {
		return l.fail(layoutFile, err)
	}
	var marker struct {
		Version string `json:"imageLayoutVersion"`
	}
	if err := json.Unmarshal(content, &marker); err != nil {
		return l.fail(layoutFile, err)
	}
	if marker.Version != layoutVersion {
		return l.fail(layoutFile, fmt.Errorf("the layout's version is %q, and %s can be read", shorten(marker.Version), layoutVersion))
	}
	_, err = l.index()
	return err
}

// fail names the folder and the file.
func (l *Layout) fail(name string, err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	}
	return fmt.Errorf("layout %s: %s: %w", l.dir, name, err)
}

// open opens a regular file. It is checked before it is opened as well, because
// opening a pipe waits for its writer.
func (l *Layout) open(name string) (*os.File, int64, error) {
	info, err := l.root.Stat(name)
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, errors.New("it is no regular file")
	}
	f, err := l.root.Open(name)
	if err != nil {
		return nil, 0, err
	}
	if info, err = f.Stat(); err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no regular file")
	}
	if err != nil {
		_ = f.Close() // it was only read
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// readFile reads a file of at most limit bytes.
func (l *Layout) readFile(name string, limit int64) ([]byte, error) {
	f, _, err := l.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	content, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(content)) > limit {
		return nil, fmt.Errorf("it is larger than the %d bytes allowed", limit)
	}
	return content, nil
}

// index reads the entries of index.json.
func (l *Layout) index() ([]Descriptor, error) {
	content, err := l.readFile(layoutIndex, MaxManifestBytes)
	if err != nil {
		return nil, l.fail(layoutIndex, err)
	}
	entries, err := listField[Descriptor](content, "manifests", maxLayoutManifests)
	if err != nil {
		return nil, l.fail(layoutIndex, err)
	}
	for _, d := range entries {
		if err := d.Check(MaxManifestBytes); err != nil {
			return nil, l.fail(layoutIndex, err)
		}
	}
	return entries, nil
}

// blobPath is where content is; the digest has been checked.
func blobPath(digest string) string {
	return "blobs/sha256/" + strings.TrimPrefix(digest, "sha256:")
}

// Resolve implements [Source].
func (l *Layout) Resolve(ctx context.Context, name string) (Descriptor, error) {
	if err := checkName(name); err != nil {
		return Descriptor{}, err
	}
	l.mu.Lock()
	entries, err := l.index()
	l.mu.Unlock()
	if err != nil {
		return Descriptor{}, err
	}
	var found []Descriptor
	for _, d := range entries {
		if d.Digest == name || d.Annotations[annotationTag] == name {
			found = append(found, d)
		}
	}
	for _, d := range found {
		if d.Digest != found[0].Digest || d.Size != found[0].Size {
			return Descriptor{}, fmt.Errorf("layout %s: %s names two manifests: %s and %s", l.dir, name, found[0].Digest, d.Digest)
		}
	}
	if len(found) > 0 {
		return plainDescriptor(found[0]), nil
	}
	if IsDigest(name) {
		return l.unlisted(ctx, name)
	}
	return Descriptor{}, fmt.Errorf("layout %s: there is no tag %s: %w", l.dir, name, ErrNotFound)
}

// plainDescriptor is an entry without what belongs to the index alone.
func plainDescriptor(d Descriptor) Descriptor {
	return Descriptor{MediaType: d.MediaType, Digest: d.Digest, Size: d.Size, ArtifactType: d.ArtifactType}
}

// unlisted describes a manifest that index.json does not name, such as one that
// another index does.
func (l *Layout) unlisted(ctx context.Context, digest string) (Descriptor, error) {
	d, err := l.Stat(digest)
	if err != nil {
		return Descriptor{}, err
	}
	content, err := ReadAll(ctx, l, d, MaxManifestBytes)
	if err != nil {
		return Descriptor{}, l.fail(digest, err)
	}
	about := sniff(content)
	if !IsManifest(about.MediaType) {
		return Descriptor{}, fmt.Errorf("layout %s: %s is no manifest: %w", l.dir, digest, ErrNotFound)
	}
	d.MediaType, d.ArtifactType = about.MediaType, about.ArtifactType
	return d, nil
}

// about is what manifests and indexes say of themselves.
type about struct {
	MediaType    string `json:"mediaType"`
	ArtifactType string `json:"artifactType"`
	Subject      *struct {
		Digest string `json:"digest"`
	} `json:"subject"`
	Config *struct{} `json:"config"`
}

// sniff reads what a manifest says of itself, and is empty for other content.
func sniff(content []byte) about {
	var a about
	if _, err := parse(content, maxLayoutManifests); err != nil || jsonv2.Unmarshal(content, &a) != nil {
		return about{}
	}
	if a.MediaType == "" && a.Config != nil { // it may be left out of a manifest
		a.MediaType = MediaTypeManifest
	}
	return a
}

// Stat returns the digest and the size of content that is there, of which the
// type is not known.
func (l *Layout) Stat(digest string) (Descriptor, error) {
	if !IsDigest(digest) {
		return Descriptor{}, fmt.Errorf("%q is no sha256 digest", shorten(digest))
	}
	f, size, err := l.open(blobPath(digest))
	if errors.Is(err, fs.ErrNotExist) {
		return Descriptor{}, fmt.Errorf("layout %s: %s: %w", l.dir, digest, ErrNotFound)
	}
	if err != nil {
		return Descriptor{}, l.fail(digest, err)
	}
	_ = f.Close() // it was not read
	return Descriptor{MediaType: "application/octet-stream", Digest: digest, Size: size}, nil
}

// Fetch implements [Source]. What it returns is an [io.ReadSeekCloser] like that
// of [Remotes.Repository].
func (l *Layout) Fetch(_ context.Context, d Descriptor) (io.ReadCloser, error) {
	if err := d.Check(maxBlobBytes); err != nil {
		return nil, err
	}
	f, size, err := l.open(blobPath(d.Digest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("layout %s: %s: %w", l.dir, d.Digest, ErrNotFound)
	}
	if err != nil {
		return nil, l.fail(d.Digest, err)
	}
	if size != d.Size {
		_ = f.Close() // it is not read
		return nil, l.fail(d.Digest, fmt.Errorf("%w: it has %d bytes, and %d were announced", ErrContent, size, d.Size))
	}
	return newFileReader(l, f, d), nil
}

// Referrers implements [Source]: it looks at every manifest that index.json
// lists, and at the list that takes the place of a registry's API.
func (l *Layout) Referrers(ctx context.Context, digest string) ([]Descriptor, error) {
	if !IsDigest(digest) {
		return nil, fmt.Errorf("referrers of %q: want a sha256 digest", shorten(digest))
	}
	l.mu.Lock()
	entries, err := l.index()
	l.mu.Unlock()
	if err != nil {
		return nil, err
	}
	byTag, err := referrersByTag(ctx, l, digest)
	if err != nil {
		return nil, fmt.Errorf("layout %s: list the referrers of %s: %w", l.dir, digest, err)
	}
	var found []Descriptor
	seen := map[string]bool{digest: true}
	for _, d := range append(entries, usableReferrers(byTag, func(listed, error) {})...) {
		if seen[d.Digest] || d.Check(MaxManifestBytes) != nil || !IsManifest(d.MediaType) {
			continue
		}
		seen[d.Digest] = true
		subject, err := l.subject(ctx, d)
		if errors.Is(err, ErrNotFound) { // a layout may list what is elsewhere
			continue
		}
		if err != nil {
			return nil, err
		}
		if subject == digest {
			found = append(found, plainDescriptor(d))
		}
		if len(found) > MaxReferrers {
			return nil, fmt.Errorf("layout %s: %s has more than the %d referrers allowed", l.dir, digest, MaxReferrers)
		}
	}
	return found, nil
}

// subject returns the digest that a manifest is about, "" for none.
func (l *Layout) subject(ctx context.Context, d Descriptor) (string, error) {
	l.mu.Lock()
	subject, ok := l.subjects[d.Digest]
	l.mu.Unlock()
	if ok {
		return subject, nil
	}
	content, err := ReadAll(ctx, l, d, MaxManifestBytes)
	if err != nil {
		return "", err
	}
	if a := sniff(content); a.Subject != nil {
		subject = a.Subject.Digest
	}
	l.mu.Lock()
	l.subjects[d.Digest] = subject
	l.mu.Unlock()
	return subject, nil
}

// Tags implements [Target].
func (l *Layout) Tags(context.Context) ([]string, error) {
	l.mu.Lock()
	entries, err := l.index()
	l.mu.Unlock()
	if err != nil {
		return nil, err
	}
	var tags []string
	for _, d := range entries {
		if t := d.Annotations[annotationTag]; IsTag(t) {
			tags = append(tags, t)
		}
	}
	slices.Sort(tags)
	return slices.Compact(tags), nil
}

var _ Target = (*Layout)(nil)
