package cache

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/mcpwasm/mcpwasm/registry/oci"
)

var errBroken = errors.New("the line broke")

// broken reads so many bytes and fails then.
type broken struct {
	io.Reader
	io.Closer
}

func breakAfter(n int64) func(io.ReadSeekCloser) io.ReadCloser {
	return func(r io.ReadSeekCloser) io.ReadCloser {
		return broken{io.MultiReader(io.LimitReader(r, n), failing{}), r}
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errBroken }

// TestResume takes up what a broken transfer has left, whatever became of it.
func TestResume(t *testing.T) {
	content := random(6, 5*piece+3)
	digest := oci.DigestOf(content)
	tests := []struct {
		name string
		// damage changes the file with the first half.
		damage  func(t *testing.T, file string)
		plain   bool // the reader cannot be read from the middle
		resumed int
		fetched int // after the transfer that broke
	}{
		{"as it was", func(*testing.T, string) {}, false, 1, 1},
		{"no seeking", func(*testing.T, string) {}, true, 0, 2},
		{"removed", func(t *testing.T, f string) { must(t, os.Remove(f)) }, false, 0, 1},
		{"emptied", func(t *testing.T, f string) { must(t, os.Truncate(f, 0)) }, false, 0, 1},
		{"cut off", func(t *testing.T, f string) { must(t, os.Truncate(f, piece+1)) }, false, 1, 1},
		{"with a hole", func(t *testing.T, f string) { must(t, os.Truncate(f, 3*piece)) }, false, 1, 2},
		{"too long", func(t *testing.T, f string) { must(t, os.Truncate(f, 6*piece)) }, false, 0, 1},
		{"changed", func(t *testing.T, f string) { flip(t, f, 5) }, false, 1, 2},
		{"complete", func(t *testing.T, f string) { must(t, os.WriteFile(f, content, 0o600)) }, false, 0, 0},
		{"complete and changed", func(t *testing.T, f string) {
			must(t, os.WriteFile(f, content, 0o600))
			flip(t, f, 5)
		}, false, 0, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, whole := range []bool{true, false} {
				c, _ := newCache(t, Options{})
				u := newUpstream(content)
				u.wrap = breakAfter(2*piece + 100)
				if _, err := oci.ReadAll(t.Context(), c.Source(repository, u), describe(content), 1<<30); !errors.Is(err, errBroken) {
					t.Fatal(err)
				}
				file := filepath.Join(c.Dir(), ingestPath(digest))
				if info, err := os.Stat(file); err != nil || info.Size() != 2*piece+100 {
					t.Fatal(info, err)
				}
				tt.damage(t, file)
				u.fetched, u.wrap = nil, nil
				if tt.plain {
					u.wrap = func(r io.ReadSeekCloser) io.ReadCloser { return io.NopCloser(io.MultiReader(r)) }
				}
				if whole {
					want(t, c.Source(repository, u), content)
				} else {
					wantFetch(t, c.Source(repository, u), content)
				}
				if u.resumed != tt.resumed || u.count() != tt.fetched {
					t.Errorf("taken up %d times, fetched %d times; want %d and %d", u.resumed, u.count(), tt.resumed, tt.fetched)
				}
				if left := files(t, c, ingestDir); len(left) != 0 {
					t.Errorf("left behind: %v", left)
				}
				sound(t, c)
			}
		})
	}
}

// TestStalled has somebody who claims content and does not get on.
func TestStalled(t *testing.T) {
	content := random(7, piece)
	c, _ := newCache(t, Options{})
	p, _, err := c.try(oci.DigestOf(content))
	must(t, err)
	c.patience = 1 // ns
	u := newUpstream(content)
	want(t, c.Source(repository, u), content)
	// The one that was waited for gets on after all.
	must(t, p.fill(t.Context(), describe(content), u, nil))
	must(t, p.commit())
	want(t, c.Source(repository, nil), content)
	if left := files(t, c, ingestDir); len(left) != 0 || u.count() != 2 {
		t.Errorf("left behind: %v; fetched %d times", left, u.count())
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// flip changes one bit of a file.
func flip(t testing.TB, file string, at int) {
	t.Helper()
	b, err := os.ReadFile(file)
	must(t, err)
	b = bytes.Clone(b)
	b[at] ^= 0x10
	must(t, os.WriteFile(file, b, 0o600))
}

// rawUpstream hands out content from an offset on, unless it refuses that.
type rawUpstream struct {
	*upstream
	refuse  bool
	offsets []int64
}

func (u *rawUpstream) FetchRaw(_ context.Context, d oci.Descriptor, offset int64) (io.ReadCloser, error) {
	u.offsets = append(u.offsets, offset)
	if u.refuse && offset > 0 {
		return nil, errBroken
	}
	return io.NopCloser(bytes.NewReader(u.Blobs[d.Digest][offset:])), nil
}

// TestResumeRaw asks for what is missing only, and otherwise where that is refused.
func TestResumeRaw(t *testing.T) {
	content := random(8, 2*piece)
	for _, refuse := range []bool{false, true} {
		c, _ := newCache(t, Options{})
		must(t, os.WriteFile(filepath.Join(c.Dir(), ingestPath(oci.DigestOf(content))), content[:piece], 0o600))
		u := &rawUpstream{upstream: newUpstream(content), refuse: refuse}
		want(t, c.Source(repository, u), content)
		if fetched := u.count(); !slices.Equal(u.offsets, []int64{piece}) || (fetched == 1) != refuse || (u.resumed == 1) != refuse {
			t.Errorf("refused %t: offsets %v, fetched %d times", refuse, u.offsets, fetched)
		}
		sound(t, c)
	}
}
