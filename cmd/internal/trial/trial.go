// Package trial is a registry for trying out: in memory, or in a folder with an
// OCI image layout for each repository.
package trial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"cuelabs.dev/go/oci/ociregistry"
	"cuelabs.dev/go/oci/ociregistry/ocimem"
	"cuelabs.dev/go/oci/ociregistry/ociserver"

	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// maxUploadBytes bounds one upload, which is kept in memory until it is complete.
const maxUploadBytes = 512 << 20

// New returns a registry that keeps what it holds in a folder, which is made if it
// is not there, or in memory for "". It knows no users: whoever reaches it may
// read, write and delete.
func New(dir string) (http.Handler, error) {
	backend := ociregistry.Interface(ocimem.New())
	if dir != "" {
		if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // what is published is no secret
			return nil, fmt.Errorf("open the registry's folder: %w", err)
		}
		s := &store{dir: dir, open: map[string]*oci.Layout{}, uploads: map[string]*upload{}}
		backend = s.registry()
	}
	return http.MaxBytesHandler(ociserver.New(backend, nil), maxUploadBytes), nil
}

// store keeps repositories in a folder: "acme/weather" in "acme+weather", since no
// name has a "+".
type store struct {
	dir string

	mu      sync.Mutex
	open    map[string]*oci.Layout
	uploads map[string]*upload
}

// formRepository is the form of names: distribution-spec, "Pulling manifests".
var formRepository = regexp.MustCompile(`^[a-z0-9]+([._-][a-z0-9]+|__[a-z0-9]+|-+[a-z0-9]+)*(/[a-z0-9]+([._-][a-z0-9]+|__[a-z0-9]+|-+[a-z0-9]+)*)*$`)

// repository opens a repository, and makes it for writing.
func (s *store) repository(name string, write bool) (*oci.Layout, error) {
	if !formRepository.MatchString(name) || len(name) > 200 {
		return nil, ociregistry.ErrNameInvalid
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if l, ok := s.open[name]; ok {
		return l, nil
	}
	dir := filepath.Join(s.dir, strings.ReplaceAll(name, "/", "+"))
	open := oci.OpenLayout
	if write {
		open = oci.CreateLayout
	}
	l, err := open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ociregistry.ErrNameUnknown
	}
	if err != nil {
		return nil, err
	}
	s.open[name] = l
	return l, nil
}

// blob is content with its descriptor.
type blob struct {
	io.Reader
	io.Closer
	d ociregistry.Descriptor
}

func (b *blob) Descriptor() ociregistry.Descriptor { return b.d }

func descriptor(d oci.Descriptor) ociregistry.Descriptor {
	return ociregistry.Descriptor{MediaType: d.MediaType, Digest: ociregistry.Digest(d.Digest), Size: d.Size, ArtifactType: d.ArtifactType}
}

// known gives errors about what is not there their code.
func known(err, missing error) error {
	if errors.Is(err, oci.ErrNotFound) {
		return missing
	}
	return err
}

// manifest opens the manifest of a tag or digest.
func (s *store) manifest(ctx context.Context, repo, name string) (ociregistry.BlobReader, error) {
	l, err := s.repository(repo, false)
	if err != nil {
		return nil, err
	}
	d, err := l.Resolve(ctx, name)
	if err != nil {
		return nil, known(err, ociregistry.ErrManifestUnknown)
	}
	r, err := l.Fetch(ctx, d)
	if err != nil {
		return nil, known(err, ociregistry.ErrManifestUnknown)
	}
	return &blob{r, r, descriptor(d)}, nil
}

// resolve describes the manifest of a tag or digest.
func (s *store) resolve(ctx context.Context, repo, name string) (ociregistry.Descriptor, error) {
	r, err := s.manifest(ctx, repo, name)
	if err != nil {
		return ociregistry.Descriptor{}, err
	}
	return r.Descriptor(), r.Close()
}

// blob opens content from an offset to another, or to the end for -1.
func (s *store) blob(ctx context.Context, repo string, digest ociregistry.Digest, from, to int64) (ociregistry.BlobReader, error) {
	l, err := s.repository(repo, false)
	if err != nil {
		return nil, err
	}
	d, err := l.Stat(string(digest))
	if err != nil {
		return nil, known(err, ociregistry.ErrBlobUnknown)
	}
	r, err := l.Fetch(ctx, d)
	if err != nil {
		return nil, known(err, ociregistry.ErrBlobUnknown)
	}
	if to < 0 || to > d.Size {
		to = d.Size
	}
	if from == 0 && to == d.Size {
		return &blob{r, r, descriptor(d)}, nil
	}
	seeker, ok := r.(io.Seeker)
	if !ok || from > to {
		return nil, errors.Join(ociregistry.ErrRangeInvalid, r.Close())
	}
	if _, err := seeker.Seek(from, io.SeekStart); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return &blob{io.LimitReader(r, to-from), r, descriptor(d)}, nil
}

// push stores content.
func (s *store) push(ctx context.Context, repo string, d ociregistry.Descriptor, r io.Reader) (ociregistry.Descriptor, error) {
	l, err := s.repository(repo, true)
	if err != nil {
		return ociregistry.Descriptor{}, err
	}
	own := oci.Descriptor{MediaType: "application/octet-stream", Digest: string(d.Digest), Size: d.Size}
	if err := l.Push(ctx, own, r); err != nil {
		if errors.Is(err, oci.ErrContent) {
			err = ociregistry.NewError(err.Error(), ociregistry.ErrDigestInvalid.Code(), nil)
		}
		return ociregistry.Descriptor{}, err
	}
	d.MediaType = own.MediaType
	return d, nil
}

// pushManifest stores a manifest and tags it unless tag is "".
func (s *store) pushManifest(ctx context.Context, repo, tag string, content []byte, mediaType string) (ociregistry.Descriptor, error) {
	if !oci.IsManifest(mediaType) || len(content) > oci.MaxManifestBytes {
		return ociregistry.Descriptor{}, ociregistry.NewError(fmt.Sprintf("want a manifest or an index of at most %d bytes", oci.MaxManifestBytes), ociregistry.ErrManifestInvalid.Code(), nil)
	}
	l, err := s.repository(repo, true)
	if err != nil {
		return ociregistry.Descriptor{}, err
	}
	d := oci.Describe(mediaType, content)
	if err := l.Push(ctx, d, strings.NewReader(string(content))); err != nil {
		return ociregistry.Descriptor{}, err
	}
	if tag != "" {
		if err := l.Tag(ctx, d, tag); err != nil {
			return ociregistry.Descriptor{}, err
		}
	}
	return descriptor(d), nil
}

// tags lists tags behind one.
func (s *store) tags(ctx context.Context, repo, after string) iter.Seq2[string, error] {
	l, err := s.repository(repo, false)
	if err != nil {
		return ociregistry.ErrorSeq[string](err)
	}
	all, err := l.Tags(ctx)
	if err != nil {
		return ociregistry.ErrorSeq[string](err)
	}
	return ociregistry.SliceSeq(slices.DeleteFunc(all, func(t string) bool { return t <= after }))
}

// repositories lists names behind one.
func (s *store) repositories(after string) iter.Seq2[string, error] {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return ociregistry.ErrorSeq[string](err)
	}
	var names []string
	for _, e := range entries {
		name := strings.ReplaceAll(e.Name(), "+", "/")
		if e.IsDir() && formRepository.MatchString(name) && name > after {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return ociregistry.SliceSeq(names)
}

// referrers lists the manifests that are about one.
func (s *store) referrers(ctx context.Context, repo string, digest ociregistry.Digest, artifactType string) iter.Seq2[ociregistry.Descriptor, error] {
	l, err := s.repository(repo, false)
	if err != nil {
		return ociregistry.ErrorSeq[ociregistry.Descriptor](err)
	}
	found, err := l.Referrers(ctx, string(digest))
	if err != nil {
		return ociregistry.ErrorSeq[ociregistry.Descriptor](err)
	}
	var list []ociregistry.Descriptor
	for _, d := range found {
		if artifactType == "" || d.ArtifactType == artifactType {
			list = append(list, descriptor(d))
		}
	}
	return ociregistry.SliceSeq(list)
}

// registry is the store as the server wants it. What is left out is not
// supported, deleting above all.
func (s *store) registry() ociregistry.Interface {
	return &ociregistry.Funcs{
		GetBlob_: func(ctx context.Context, repo string, digest ociregistry.Digest) (ociregistry.BlobReader, error) {
			return s.blob(ctx, repo, digest, 0, -1)
		},
		GetBlobRange_: s.blob,
		GetManifest_: func(ctx context.Context, repo string, digest ociregistry.Digest) (ociregistry.BlobReader, error) {
			return s.manifest(ctx, repo, string(digest))
		},
		GetTag_: s.manifest,
		ResolveBlob_: func(_ context.Context, repo string, digest ociregistry.Digest) (ociregistry.Descriptor, error) {
			l, err := s.repository(repo, false)
			if err != nil {
				return ociregistry.Descriptor{}, err
			}
			d, err := l.Stat(string(digest))
			return descriptor(d), known(err, ociregistry.ErrBlobUnknown)
		},
		ResolveManifest_: func(ctx context.Context, repo string, digest ociregistry.Digest) (ociregistry.Descriptor, error) {
			return s.resolve(ctx, repo, string(digest))
		},
		ResolveTag_: s.resolve,
		PushBlob_:   s.push,
		PushBlobChunked_: func(ctx context.Context, repo string, _ int) (ociregistry.BlobWriter, error) {
			return s.upload(ctx, repo, "", 0)
		},
		PushBlobChunkedResume_: func(ctx context.Context, repo, id string, offset int64, _ int) (ociregistry.BlobWriter, error) {
			return s.upload(ctx, repo, id, offset)
		},
		PushManifest_: s.pushManifest,
		Tags_:         s.tags,
		Repositories_: func(_ context.Context, after string) iter.Seq2[string, error] { return s.repositories(after) },
		Referrers_:    s.referrers,
	}
}
