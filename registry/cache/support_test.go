package cache

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/oci/ocitest"
)

const repository = "registry.example/acme/weather"

// random returns bytes that follow from a seed.
func random(seed uint64, n int) []byte {
	b := make([]byte, n)
	key := [32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)}
	_, _ = rand.NewChaCha8(key).Read(b) // it has no error
	return b
}

// upstream is a repository that counts what it is asked for. Its readers can be
// read from the middle.
type upstream struct {
	*ocitest.Memory
	mu      sync.Mutex
	fetched []string // digests
	resumed int
	// wrap, unless it is nil, stands between the content and its reader.
	wrap func(io.ReadSeekCloser) io.ReadCloser
}

func newUpstream(contents ...[]byte) *upstream {
	u := &upstream{Memory: ocitest.New()}
	for _, b := range contents {
		u.Blobs[oci.DigestOf(b)] = b
	}
	return u
}

func (u *upstream) Fetch(ctx context.Context, d oci.Descriptor) (io.ReadCloser, error) {
	r, err := u.Memory.Fetch(ctx, d)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.fetched = append(u.fetched, d.Digest)
	s := &seeking{bytes.NewReader(b), u}
	if u.wrap != nil {
		return u.wrap(s), nil
	}
	return s, nil
}

func (u *upstream) count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.fetched)
}

type seeking struct {
	*bytes.Reader
	u *upstream
}

func (s *seeking) Seek(at int64, whence int) (int64, error) {
	s.u.mu.Lock()
	defer s.u.mu.Unlock()
	s.u.resumed++
	return s.Reader.Seek(at, whence)
}

func (s *seeking) Close() error { return nil }

// journal collects what is logged.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(b)
}

func (j *journal) has(level, text string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	for line := range strings.Lines(j.b.String()) {
		if strings.Contains(line, "level="+level) && strings.Contains(line, text) {
			return true
		}
	}
	return false
}

func open(t testing.TB, dir string, o Options) (*Cache, *journal) {
	t.Helper()
	j := &journal{}
	o.Log = slog.New(slog.NewTextHandler(j, nil))
	c, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // a folder for temporary files
	return c, j
}

func newCache(t testing.TB, o Options) (*Cache, *journal) {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "packages"), o)
}

func describe(b []byte) oci.Descriptor { return oci.Describe("application/octet-stream", b) }

// want reads content by both ways and compares it.
func want(t *testing.T, src oci.Source, content []byte) {
	t.Helper()
	d := describe(content)
	if b, err := oci.ReadAll(t.Context(), src, d, d.Size); err != nil || !bytes.Equal(b, content) {
		t.Errorf("ReadAll: %d bytes, %v", len(b), err)
	}
	wantFetch(t, src, content)
}

func wantFetch(t *testing.T, src oci.Source, content []byte) {
	t.Helper()
	r, err := src.Fetch(t.Context(), describe(content))
	if err != nil {
		t.Errorf("Fetch: %v", err)
		return
	}
	defer r.Close()
	if b, err := io.ReadAll(r); err != nil || !bytes.Equal(b, content) {
		t.Errorf("Fetch: %d bytes, %v", len(b), err)
	}
}

// sound fails where a cache has anything that is damaged.
func sound(t *testing.T, c *Cache) Verified {
	t.Helper()
	v, err := c.Verify(t.Context(), false)
	if err != nil || len(v.Damaged) > 0 {
		t.Fatalf("Verify: %+v, %v", v.Damaged, err)
	}
	return v
}

// files lists what is in a folder of the cache.
func files(t *testing.T, c *Cache, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(c.Dir(), dir))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
