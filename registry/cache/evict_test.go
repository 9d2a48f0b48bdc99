package cache

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// age makes content look as if it was last used so long ago.
func age(t *testing.T, c *Cache, content []byte, d time.Duration) {
	t.Helper()
	then := time.Now().Add(-d)
	must(t, os.Chtimes(filepath.Join(c.Dir(), blobPath(oci.DigestOf(content))), then, then))
}

func has(c *Cache, content []byte) bool {
	_, err := os.Lstat(filepath.Join(c.Dir(), blobPath(oci.DigestOf(content))))
	return err == nil
}

// filled returns a cache with four pieces of 1000 bytes, the first of which were
// used the longest ago.
func filled(t *testing.T, o Options) (*Cache, *upstream, [][]byte) {
	t.Helper()
	var contents [][]byte
	for i := range 5 {
		contents = append(contents, random(uint64(20+i), 1000))
	}
	u := newUpstream(contents...)
	c, _ := newCache(t, o)
	for i, content := range contents[:4] {
		want(t, c.Source(repository, u), content)
		age(t, c, content, time.Duration(10-i)*time.Hour)
	}
	return c, u, contents
}

func TestPrune(t *testing.T) {
	tests := []struct {
		name string
		o    PruneOptions
		left string // which of the four
	}{
		{"the cache's size", PruneOptions{}, "0123"},
		{"a size", PruneOptions{MaxBytes: 2500}, "23"},
		{"a size to the byte", PruneOptions{MaxBytes: 2000}, "23"},
		{"nothing", PruneOptions{MaxBytes: -1}, ""},
		{"unused", PruneOptions{Unused: 9*time.Hour - time.Minute}, "23"},
		{"pinned", PruneOptions{MaxBytes: -1, Pinned: []string{oci.DigestOf(random(21, 1000))}}, "1"},
		{"pinned counts", PruneOptions{MaxBytes: 2000, Pinned: []string{oci.DigestOf(random(20, 1000))}}, "03"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, _, contents := filled(t, Options{})
			p, err := c.Prune(t.Context(), tt.o)
			must(t, err)
			left := ""
			for i, content := range contents[:4] {
				if has(c, content) {
					left += fmt.Sprint(i)
				}
			}
			if left != tt.left || len(p.Removed) != 4-len(left) || p.Freed != int64(1000*len(p.Removed)) || p.Left != int64(1000*len(left)) {
				t.Errorf("left %q, want %q; %+v", left, tt.left, p)
			}
		})
	}
}

// TestEvict drops the least recently used when something is added.
func TestEvict(t *testing.T) {
	c, u, contents := filled(t, Options{MaxBytes: 4000})
	want(t, c.Source(repository, nil), contents[0]) // it is the newest now
	want(t, c.Source(repository, u), contents[4])
	for i, content := range contents {
		if has(c, content) != (i != 1) {
			t.Errorf("content %d: there %t", i, has(c, content))
		}
	}
	t.Run("larger than the cache", func(t *testing.T) {
		large := random(30, 4001)
		u.Blobs[oci.DigestOf(large)] = large
		want(t, c.Source(repository, u), large)
		if has(c, large) || !has(c, contents[4]) {
			t.Error("it was kept, or content was dropped for it")
		}
	})
	t.Run("larger and pinned", func(t *testing.T) {
		large := random(31, 4001)
		u.Blobs[oci.DigestOf(large)] = large
		pinned, _ := open(t, c.Dir(), Options{MaxBytes: 4000, Pinned: func() ([]string, error) { return []string{oci.DigestOf(large)}, nil }})
		want(t, pinned.Source(repository, u), large)
		want(t, pinned.Source(repository, nil), large)
	})
}

// TestInUse drops neither what is being read nor what is being fetched.
func TestInUse(t *testing.T) {
	c, u, contents := filled(t, Options{})
	r, err := c.Source(repository, nil).Fetch(t.Context(), describe(contents[0]))
	must(t, err)
	age(t, c, contents[0], time.Hour)
	claimed, _, err := c.try(oci.DigestOf(contents[4]))
	must(t, err)
	other, _ := open(t, c.Dir(), Options{})
	p, err := other.Prune(t.Context(), PruneOptions{MaxBytes: -1})
	must(t, err)
	if len(p.Removed) != 3 || p.Partial != 0 || !has(c, contents[0]) {
		t.Errorf("pruned %+v", p)
	}
	b, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(b, contents[0]) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	must(t, r.Close())
	must(t, claimed.fill(t.Context(), describe(contents[4]), u, nil))
	must(t, claimed.commit())
	if p, err = other.Prune(t.Context(), PruneOptions{MaxBytes: -1}); err != nil || len(p.Removed) != 2 {
		t.Errorf("pruned %+v, %v", p, err)
	}
}

// TestPinned keeps all that belongs to a package: what an index leads to, its
// content, signatures, and what is about these.
func TestPinned(t *testing.T) {
	u := newUpstream()
	push := func(mediaType string, v any) oci.Descriptor {
		b, ok := v.([]byte)
		if !ok {
			var err error
			b, err = json.Marshal(v)
			must(t, err)
		}
		d := oci.Describe(mediaType, b)
		must(t, u.Push(t.Context(), d, bytes.NewReader(b)))
		return d
	}
	blob := func(text string) oci.Descriptor { return push("text/plain", []byte(text)) }
	manifest := func(name string, subject *oci.Descriptor) oci.Descriptor {
		return push(oci.MediaTypeManifest, oci.Manifest{SchemaVersion: 2, Config: blob(name + " config"), Layers: []oci.Descriptor{blob(name + " layer")}, Subject: subject})
	}
	pkg := manifest("package", nil)
	index := push(oci.MediaTypeIndex, oci.Index{SchemaVersion: 2, Manifests: []oci.Descriptor{pkg}})
	signature := manifest("signature", &pkg)
	manifest("of the signature", &signature)
	u.Named["sha256-"+hexOf(index.Digest)+".sig"] = manifest("tag", nil)
	manifest("other", nil)

	var pins []string
	var broken error
	c, _ := newCache(t, Options{Pinned: func() ([]string, error) { return pins, broken }})
	src := c.Source(repository, u)
	for digest, b := range u.Blobs {
		if _, err := oci.ReadAll(t.Context(), src, oci.Descriptor{Digest: digest, Size: int64(len(b))}, 1<<20); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range []oci.Descriptor{index, pkg, signature} {
		_, err := src.Referrers(t.Context(), d.Digest)
		must(t, err)
	}
	_, err := src.Resolve(t.Context(), "sha256-"+hexOf(index.Digest)+".sig")
	must(t, err)
	Keep(src, index.Digest, pkg.Digest, signature.Digest)

	pins, broken = []string{index.Digest, "nonsense"}, errors.New("the lock file is damaged")
	if p, err := c.Prune(t.Context(), PruneOptions{MaxBytes: -1}); !errors.Is(err, broken) || len(p.Removed) > 0 {
		t.Errorf("without knowing the pins: %+v, %v", p, err)
	}
	broken = nil
	p, err := c.Prune(t.Context(), PruneOptions{MaxBytes: -1})
	must(t, err)
	if want := 3; len(p.Removed) != want { // "other" and its two
		t.Errorf("removed %d, want %d", len(p.Removed), want)
	}
	list, err := c.List(t.Context())
	must(t, err)
	if len(list) != len(u.Blobs)-3 {
		t.Errorf("%d entries", len(list))
	}
	for _, e := range list {
		if !e.Pinned {
			t.Errorf("%+v is not pinned", e)
		}
		if e.Digest == pkg.Digest && (e.MediaType != oci.MediaTypeManifest || !slices.Equal(e.Repositories, []string{repository})) {
			t.Errorf("the package's entry: %+v", e)
		}
	}
	pins = nil
	if p, err := c.Prune(t.Context(), PruneOptions{MaxBytes: -1}); err != nil || p.Left != 0 {
		t.Errorf("without pins: %+v, %v", p, err)
	}
}

// TestPruneLeftovers removes old fetches that nobody goes on with, and lists of
// packages that are gone.
func TestPruneLeftovers(t *testing.T) {
	content := random(31, 3*piece)
	c, _ := newCache(t, Options{})
	u := newUpstream(content)
	u.wrap = breakAfter(piece)
	if _, err := oci.ReadAll(t.Context(), c.Source(repository, u), describe(content), 1<<30); !errors.Is(err, errBroken) {
		t.Fatal(err)
	}
	wantList(t, c.Source(repository, u), oci.DigestOf(content), nil)
	p, err := c.Prune(t.Context(), PruneOptions{KeepPartial: time.Hour})
	if err != nil || p.Partial != 0 || len(files(t, c, listsDir)) != 1 {
		t.Errorf("young: %+v, %v", p, err)
	}
	then := time.Now().Add(-25 * time.Hour)
	must(t, os.Chtimes(filepath.Join(c.Dir(), listPath(repository, oci.DigestOf(content))), then, then))
	if p, err = c.Prune(t.Context(), PruneOptions{}); err != nil || p.Partial != 1 || p.Freed != piece {
		t.Errorf("pruned %+v, %v", p, err)
	}
	if left := append(files(t, c, listsDir), files(t, c, ingestDir)...); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestEvictUnderLoad has readers on several handles of one folder that has room
// for a third of what they read, while others prune.
func TestEvictUnderLoad(t *testing.T) {
	t.Parallel()
	const kinds, rounds, most = 24, 60, 8 * 20_000
	var contents [][]byte
	for i := range kinds {
		contents = append(contents, random(uint64(50+i), 20_000))
	}
	first, _ := newCache(t, Options{MaxBytes: most})
	var wg sync.WaitGroup
	for i := range 6 {
		c, j := open(t, first.Dir(), Options{MaxBytes: most})
		u := newUpstream(contents...)
		random := rand.New(rand.NewPCG(1, uint64(i)))
		wg.Go(func() {
			for range rounds {
				content := contents[random.IntN(kinds)]
				if err := get(c, u, content, random.IntN(2) == 0); err != nil {
					t.Error(err)
				}
			}
			if j.has("WARN", "changed") {
				t.Error("content was found damaged")
			}
		})
	}
	wg.Go(func() {
		for range rounds {
			if _, err := first.Prune(t.Context(), PruneOptions{MaxBytes: most / 2}); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	p, err := first.Prune(t.Context(), PruneOptions{})
	if err != nil || p.Left > most {
		t.Errorf("pruned %+v, %v", p, err)
	}
	if left := strings.Join(files(t, first, ingestDir), " "); left != "" {
		t.Errorf("left behind: %s", left)
	}
	sound(t, first)
}
