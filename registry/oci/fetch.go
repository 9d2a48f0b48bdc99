package oci

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Fetch implements [Source].
func (r *repository) Fetch(ctx context.Context, d Descriptor) (io.ReadCloser, error) {
	if r.err != nil {
		return nil, r.err
	}
	if err := d.Check(maxBlobBytes); err != nil {
		return nil, err
	}
	if IsManifest(d.MediaType) {
		content, err := r.manifest(ctx, d)
		if err != nil {
			return nil, err
		}
		return io.NopCloser(bytes.NewReader(content)), nil
	}
	f, err := r.fetched(ctx, d, 0)
	if err != nil {
		return nil, err // and no interface around a nil
	}
	return f, nil
}

// FetchRaw implements [RawSource].
func (r *repository) FetchRaw(ctx context.Context, d Descriptor, offset int64) (io.ReadCloser, error) {
	if offset == 0 {
		rc, err := r.Fetch(ctx, d)
		if f, ok := rc.(*fetched); ok {
			f.hash = nil
		}
		return rc, err
	}
	if r.err != nil {
		return nil, r.err
	}
	if err := d.Check(maxBlobBytes); err != nil {
		return nil, err
	}
	f, err := r.fetched(ctx, d, offset) // which does not hash what begins in the middle
	if err != nil {
		return nil, err
	}
	return f, nil
}

// manifest reads a manifest as a whole.
func (r *repository) manifest(ctx context.Context, d Descriptor) ([]byte, error) {
	if err := d.Check(MaxManifestBytes); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, r.remotes.limits.metadata)
	defer cancel()
	f, err := r.fetched(ctx, d, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	return io.ReadAll(f)
}

// smallBytes is the size of content that is no transfer: it comes within the time
// for metadata. Signatures, configs and our manifest are, but for large SBOMs.
const smallBytes = 1 << 20

// fetched is content on its way from a registry.
type fetched struct {
	checked
	waited time.Duration
	ctx    context.Context
	repo   *repository
	body   io.ReadCloser
	failed func(error) // told of an error of the server, unless nil
}

func (r *repository) fetched(ctx context.Context, d Descriptor, offset int64) (*fetched, error) {
	f := &fetched{checked: checked{d: d}, ctx: ctx, repo: r}
	body, err := f.open(offset)
	if err != nil {
		return nil, r.about(d.Digest, err)
	}
	f.start(body, offset)
	return f, nil
}

// open asks for the content from an offset on.
func (f *fetched) open(offset int64) (io.ReadCloser, error) {
	header := http.Header{}
	if IsManifest(f.d.MediaType) {
		header.Set("Accept", f.d.MediaType)
	}
	want := http.StatusOK
	if offset > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-%d", offset, f.d.Size-1))
		want = http.StatusPartialContent
	}
	resp, err := f.repo.get(f.ctx, http.MethodGet, f.repo.url(endpoint(f.d)), header)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != want {
		if offset > 0 && resp.StatusCode < 300 {
			_ = resp.Body.Close() // it is not what was asked for
			return nil, fmt.Errorf("registry %s: it cannot continue a transfer", f.repo.registry())
		}
		return nil, f.repo.refused(resp)
	}
	if err := f.checkHeaders(resp, offset); err != nil {
		_ = resp.Body.Close() // it is not read
		return nil, fmt.Errorf("registry %s: %w", f.repo.registry(), err)
	}
	return resp.Body, nil
}

// checkHeaders refuses an answer that says of itself that it is something else.
func (f *fetched) checkHeaders(resp *http.Response, offset int64) error {
	if n := resp.ContentLength; n >= 0 && n != f.d.Size-offset {
		if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
			return fmt.Errorf("%w: it answers with a web page: is it a registry?", ErrContent)
		}
		return fmt.Errorf("%w: %d bytes are sent, and %d were announced", ErrContent, n, f.d.Size-offset)
	}
	if got := resp.Header.Get("Docker-Content-Digest"); strings.HasPrefix(got, "sha256:") && got != f.d.Digest {
		return fmt.Errorf("%w: it is sent with the digest %s", ErrContent, shorten(got))
	}
	if got := resp.Header.Get("Content-Range"); offset > 0 && !strings.HasPrefix(got, fmt.Sprintf("bytes %d-", offset)) {
		return fmt.Errorf("%w: another part was asked for than %q", ErrContent, shorten(got))
	}
	return nil
}

// start makes a body the one that is read.
func (f *fetched) start(body io.ReadCloser, offset int64) {
	f.body = body
	f.restart(body, offset)
	f.report()
}

func (f *fetched) report() { Report(f.ctx, Transfer{f.d.Digest, f.d.MediaType, f.offset, f.d.Size}) }

// Read implements io.Reader.
func (f *fetched) Read(p []byte) (int, error) {
	start := time.Now()
	n, err := f.checked.Read(p)
	f.waited += time.Since(start)
	if err == nil && f.d.Size <= smallBytes && f.waited > f.repo.remotes.limits.metadata {
		f.checked.err = errSlow
		err = errSlow
	}
	if n > 0 {
		f.report()
	}
	if err == nil || err == io.EOF || errors.Is(err, context.Canceled) {
		return n, err
	}
	if errors.Is(err, ErrContent) {
		err = fmt.Errorf("%s: %w", f.repo.name, err)
	} else {
		err = f.repo.about(f.d.Digest, fmt.Errorf("after %d of %d bytes: %w", f.offset, f.d.Size, describe(f.repo.registry(), err)))
	}
	if f.failed != nil {
		f.failed(err)
	}
	return n, err
}

// Close implements io.Closer.
func (f *fetched) Close() error {
	f.err = errors.New("read of content that was closed")
	return f.body.Close()
}

// Seek implements io.Seeker by asking for the rest again. Where the registry does
// not answer requests for ranges, which not all say beforehand, it is an error that
// leaves the content as it waf.
func (f *fetched) Seek(offset int64, whence int) (int64, error) {
	offset, err := seekTo(offset, whence, f.offset, f.d)
	if err != nil {
		return 0, err
	}
	if offset == f.offset && f.err == nil {
		return offset, nil
	}
	body := io.ReadCloser(http.NoBody)
	if offset < f.d.Size {
		if body, err = f.open(offset); err != nil {
			return 0, f.repo.about(f.d.Digest, err)
		}
	}
	_ = f.body.Close() // another takes its place
	f.start(body, offset)
	return offset, nil
}

var (
	_ io.ReadSeekCloser = (*fetched)(nil)
	_ RawSource         = (*repository)(nil)
)
