package cache

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/registry/oci"
)

func TestSourceKeepsContent(t *testing.T) {
	small, large := []byte("small"), random(1, 3*piece+17)
	for name, content := range map[string][]byte{"empty": {}, "small": small, "large": large} {
		t.Run(name, func(t *testing.T) {
			c, _ := newCache(t, Options{})
			u := newUpstream(content)
			for range 3 {
				want(t, c.Source(repository, u), content)
			}
			if u.count() != 1 {
				t.Errorf("fetched %d times", u.count())
			}
			want(t, c.Source(repository, nil), content)
			want(t, c.Source("other.example/a", nil), content)
			if left := files(t, c, ingestDir); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
			info, err := os.Stat(filepath.Join(c.Dir(), blobPath(oci.DigestOf(content))))
			if err != nil || info.Mode().Perm()&0o077 != 0 {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}
			sound(t, c)
		})
	}
}

func TestSourceFetchFirst(t *testing.T) {
	content := random(2, 2*piece)
	c, _ := newCache(t, Options{})
	u := newUpstream(content)
	wantFetch(t, c.Source(repository, u), content)
	want(t, c.Source(repository, nil), content)
	if u.count() != 1 {
		t.Errorf("fetched %d times", u.count())
	}
}

func TestSourceRefuses(t *testing.T) {
	content := random(3, 1000)
	good := describe(content)
	larger, smaller, absent, odd := good, good, describe([]byte("absent")), good
	larger.Size++
	smaller.Size--
	odd.Digest = "sha256:../../etc/passwd"
	tests := []struct {
		name   string
		d      oci.Descriptor
		cached bool
		want   error
	}{
		{"too large a size", larger, false, oci.ErrContent},
		{"too small a size", smaller, false, oci.ErrContent},
		{"too large a size, cached", larger, true, oci.ErrContent},
		{"too small a size, cached", smaller, true, oci.ErrContent},
		{"negative size", oci.Descriptor{Digest: good.Digest, Size: -1}, false, oci.ErrContent},
		{"absent", absent, false, oci.ErrNotFound},
		{"no digest", odd, false, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := newCache(t, Options{})
			u := newUpstream(content)
			if tt.cached {
				want(t, c.Source(repository, u), content)
			}
			for _, src := range []oci.Source{c.Source(repository, u), c.Source(repository, nil)} {
				_, err := oci.ReadAll(t.Context(), src, tt.d, 1<<20)
				if err == nil || tt.cached && !errors.Is(err, tt.want) {
					t.Errorf("ReadAll: %v, want %v", err, tt.want)
				}
				r, err := src.Fetch(t.Context(), tt.d)
				if err == nil {
					_, err = io.ReadAll(r)
					_ = r.Close()
				}
				if err == nil || tt.cached && !errors.Is(err, tt.want) {
					t.Errorf("Fetch: %v, want %v", err, tt.want)
				}
			}
			if _, err := oci.ReadAll(t.Context(), c.Source(repository, u), tt.d, 1<<20); tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
			if tt.cached { // a descriptor that is wrong removes nothing
				want(t, c.Source(repository, nil), content)
			}
			if left := files(t, c, ingestDir); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
			sound(t, c)
		})
	}
}

// TestSourceChecksUpstream has a registry that lies.
func TestSourceChecksUpstream(t *testing.T) {
	content := random(4, 1000)
	digest := oci.DigestOf(content)
	other := bytes.Clone(content)
	other[500] ^= 1
	for name, lie := range map[string][]byte{
		"changed": other, "cut off": content[:999], "longer": append(bytes.Clone(content), 0), "empty": {},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := newCache(t, Options{})
			u := newUpstream(content)
			u.Blobs[digest] = lie
			src := c.Source(repository, u)
			if _, err := oci.ReadAll(t.Context(), src, describe(content), 1000); !errors.Is(err, oci.ErrContent) {
				t.Errorf("ReadAll: %v", err)
			}
			if _, err := src.Fetch(t.Context(), describe(content)); !errors.Is(err, oci.ErrContent) {
				t.Errorf("Fetch: %v", err)
			}
			if v := sound(t, c); v.Files != 0 {
				t.Errorf("%d files were kept", v.Files)
			}
			u.Blobs[digest] = content
			want(t, src, content)
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	taken := t.TempDir()
	if err := os.WriteFile(filepath.Join(taken, listsDir), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, dir string
		o         Options
		want      string
	}{
		{"a file", file, Options{}, "not a directory"},
		{"a file within", taken, Options{}, "lists"},
		{"negative size", t.TempDir(), Options{MaxBytes: -1}, "size"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Open(tt.dir, tt.o)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Open = %v, %v; want an error with %q", c, err, tt.want)
			}
		})
	}
}

func TestSourceCancelled(t *testing.T) {
	content := random(5, 10*piece)
	c, _ := newCache(t, Options{})
	u := newUpstream(content)
	ctx, cancel := context.WithCancel(t.Context())
	read := 0
	u.wrap = func(r io.ReadSeekCloser) io.ReadCloser {
		return hooked{r, func() {
			if read++; read == 3 {
				cancel()
			}
		}}
	}
	if _, err := oci.ReadAll(ctx, c.Source(repository, u), describe(content), 1<<30); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the context's", err)
	}
	if _, err := oci.ReadAll(ctx, c.Source(repository, u), describe(content), 1<<30); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the context's", err)
	}
	u.wrap = nil
	want(t, c.Source(repository, u), content)
	if u.resumed != 1 {
		t.Errorf("taken up %d times, want once", u.resumed)
	}
}

// hooked calls a function before every Read.
type hooked struct {
	io.ReadSeekCloser
	before func()
}

func (h hooked) Read(b []byte) (int, error) {
	h.before()
	return h.ReadSeekCloser.Read(b)
}
