package trial

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"sync"

	"cuelabs.dev/go/oci/ociregistry"
)

// maxUploads bounds the uploads that are not complete.
const maxUploads = 64

// upload is content that comes in pieces.
type upload struct {
	ctx   context.Context
	store *store
	repo  string
	id    string

	mu      sync.Mutex
	content bytes.Buffer
}

// request is an upload as one request sees it. It is a [ociregistry.BlobWriter].
type request struct {
	*upload
	offset int64 // where the request's next bytes belong
}

// upload starts an upload for id "", or goes on with one at an offset, which is -1
// for its end. It is 0 as well where a request does not say it, such as the one that
// ends an upload and has no body: so 0 is checked when something comes.
func (s *store) upload(ctx context.Context, repo, id string, offset int64) (ociregistry.BlobWriter, error) {
	if _, err := s.repository(repo, true); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if id == "" {
		if len(s.uploads) >= maxUploads {
			return nil, ociregistry.ErrTooManyRequests
		}
		// Its requests end before it does.
		u := &upload{ctx: context.WithoutCancel(ctx), store: s, repo: repo, id: rand.Text()}
		s.uploads[u.id] = u
		return &request{upload: u}, nil
	}
	u, ok := s.uploads[id]
	if !ok || u.repo != repo {
		return nil, ociregistry.ErrBlobUploadUnknown
	}
	if offset > 0 && offset != u.Size() {
		return nil, ociregistry.ErrRangeInvalid
	}
	if offset < 0 {
		offset = u.Size()
	}
	return &request{u, offset}, nil
}

// Write implements [ociregistry.BlobWriter].
func (r *request) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.offset != int64(r.content.Len()) {
		return 0, ociregistry.ErrRangeInvalid
	}
	if r.content.Len()+len(p) > maxUploadBytes {
		return 0, fmt.Errorf("the upload is larger than the %d bytes allowed: %w", maxUploadBytes, ociregistry.ErrSizeInvalid)
	}
	n, err := r.content.Write(p)
	r.offset += int64(n)
	return n, err
}

// Close implements [ociregistry.BlobWriter]: the upload can go on later.
func (u *upload) Close() error { return nil }

// Size implements [ociregistry.BlobWriter].
func (u *upload) Size() int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	return int64(u.content.Len())
}

// ChunkSize implements [ociregistry.BlobWriter].
func (u *upload) ChunkSize() int { return 1 << 20 }

// ID implements [ociregistry.BlobWriter].
func (u *upload) ID() string { return u.id }

// Commit implements [ociregistry.BlobWriter].
func (u *upload) Commit(digest ociregistry.Digest) (ociregistry.Descriptor, error) {
	defer u.forget()
	u.mu.Lock()
	defer u.mu.Unlock()
	d := ociregistry.Descriptor{Digest: digest, Size: int64(u.content.Len())}
	return u.store.push(u.ctx, u.repo, d, &u.content)
}

// Cancel implements [ociregistry.BlobWriter].
func (u *upload) Cancel() error {
	u.forget()
	return nil
}

func (u *upload) forget() {
	u.store.mu.Lock()
	defer u.store.mu.Unlock()
	delete(u.store.uploads, u.id)
}
