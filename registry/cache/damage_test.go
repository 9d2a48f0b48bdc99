package cache

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// damages are what may have become of a file. Those that need a system of the
// Unix family are added in damage_unix_test.go.
var damages = map[string]func(t *testing.T, file string){
	"flipped at the start": func(t *testing.T, f string) { flip(t, f, 0) },
	"flipped at the end":   func(t *testing.T, f string) { flip(t, f, int(size(t, f))-1) },
	"cut off":              func(t *testing.T, f string) { must(t, os.Truncate(f, size(t, f)-1)) },
	"emptied":              func(t *testing.T, f string) { must(t, os.Truncate(f, 0)) },
	"longer":               func(t *testing.T, f string) { must(t, os.Truncate(f, size(t, f)+1)) },
	"a folder": func(t *testing.T, f string) {
		must(t, os.Remove(f))
		must(t, os.MkdirAll(filepath.Join(f, "deep"), 0o700))
	},
	"a link": func(t *testing.T, f string) {
		must(t, os.Rename(f, filepath.Join(filepath.Dir(filepath.Dir(f)), "elsewhere")))
		must(t, os.Symlink(filepath.Join("..", "elsewhere"), f))
	},
	"a link to itself": func(t *testing.T, f string) {
		must(t, os.Remove(f))
		must(t, os.Symlink(filepath.Base(f), f))
	},
	"a link to elsewhere": func(t *testing.T, f string) {
		must(t, os.Remove(f))
		must(t, os.Symlink(os.DevNull, f))
	},
}

func size(t *testing.T, file string) int64 {
	t.Helper()
	info, err := os.Stat(file)
	must(t, err)
	return info.Size()
}

// TestDamagedContent is noticed by every way of reading: refused and removed, fetched again where there is an upstream.
func TestDamagedContent(t *testing.T) {
	content := random(8, 2*piece+5)
	d := describe(content)
	reads := map[string]func(src oci.Source) error{
		"bytes": func(src oci.Source) error { _, err := oci.ReadAll(t.Context(), src, d, d.Size); return err },
		"fetch": func(src oci.Source) error { _, err := src.Fetch(t.Context(), d); return err },
	}
	for name, damage := range damages {
		for how, read := range reads {
			t.Run(name+", "+how, func(t *testing.T) {
				c, j := newCache(t, Options{})
				u := newUpstream(content)
				want(t, c.Source(repository, u), content)
				file := filepath.Join(c.Dir(), blobPath(d.Digest))
				damage(t, file)
				if err := read(c.Source(repository, nil)); !errors.Is(err, oci.ErrContent) {
					t.Errorf("offline: %v", err)
				}
				if !j.has("WARN", d.Digest) {
					t.Error("nothing was logged")
				}
				if _, err := os.Lstat(file); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("it is still there: %v", err)
				}
				if err := read(c.Source(repository, nil)); !errors.Is(err, oci.ErrNotFound) {
					t.Errorf("offline, once it was removed: %v", err)
				}
				want(t, c.Source(repository, u), content)
				damage(t, file)
				must(t, read(c.Source(repository, u)))
				want(t, c.Source(repository, nil), content)
				if u.count() != 3 {
					t.Errorf("fetched %d times, want 3", u.count())
				}
				sound(t, c)
			})
		}
	}
}

// TestDamagedPartial has the file that content is fetched into replaced.
func TestDamagedPartial(t *testing.T) {
	content := random(9, 3*piece)
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			c, _ := newCache(t, Options{})
			u := newUpstream(content)
			u.wrap = breakAfter(piece + 1)
			if _, err := oci.ReadAll(t.Context(), c.Source(repository, u), describe(content), 1<<30); !errors.Is(err, errBroken) {
				t.Fatal(err)
			}
			damage(t, filepath.Join(c.Dir(), ingestPath(oci.DigestOf(content))))
			u.wrap = nil
			want(t, c.Source(repository, u), content)
			sound(t, c)
		})
	}
}

// TestDamagedList has the list of a package's signatures changed: it is not used,
// and got again.
func TestDamagedList(t *testing.T) {
	subject := oci.DigestOf([]byte("subject"))
	list := []oci.Descriptor{describe([]byte("signature"))}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			c, j := newCache(t, Options{})
			u := newUpstream()
			u.Referring[subject] = list
			wantList(t, c.Source(repository, u), subject, list)
			wantList(t, c.Source(repository, nil), subject, list)
			damage(t, filepath.Join(c.Dir(), listPath(repository, subject)))
			wantList(t, c.Source(repository, nil), subject, nil)
			if !j.has("WARN", subject) {
				t.Error("nothing was logged")
			}
			wantList(t, c.Source(repository, u), subject, list)
			wantList(t, c.Source(repository, nil), subject, list)
		})
	}
}

func wantList(t *testing.T, src oci.Source, subject string, want []oci.Descriptor) {
	t.Helper()
	got, err := src.Referrers(t.Context(), subject)
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("Referrers = %v, %v; want %v", got, err, want)
	}
	Keep(src, subject)
}

// TestVerifyDamage finds what is damaged by itself, and removes it if it is told to.
func TestVerifyDamage(t *testing.T) {
	content := random(10, 5000)
	subject := oci.DigestOf([]byte("subject"))
	for name, damage := range damages {
		for _, of := range []string{blobsDir, listsDir} {
			t.Run(name+" in "+of, func(t *testing.T) {
				c, _ := newCache(t, Options{})
				u := newUpstream(content)
				u.Referring[subject] = []oci.Descriptor{describe(content)}
				want(t, c.Source(repository, u), content)
				wantList(t, c.Source(repository, u), subject, u.Referring[subject])
				file := blobPath(oci.DigestOf(content))
				if of == listsDir {
					file = listPath(repository, subject)
				}
				damage(t, filepath.Join(c.Dir(), file))
				for _, remove := range []bool{false, true} {
					v, err := c.Verify(t.Context(), remove)
					if err != nil || len(v.Damaged) != 1 || v.Damaged[0].File != file || v.Damaged[0].Removed != remove || v.Files != 2 {
						t.Errorf("Verify = %+v, %v", v, err)
					}
				}
				if v := sound(t, c); v.Files != 1 {
					t.Errorf("%d files are left", v.Files)
				}
			})
		}
	}
	t.Run("strangers", func(t *testing.T) {
		c, _ := newCache(t, Options{})
		for _, name := range []string{blobsDir + "/x", listsDir + "/x", ingestDir + "/x/y"} {
			must(t, os.MkdirAll(filepath.Join(c.Dir(), name), 0o700))
		}
		if v, err := c.Verify(t.Context(), true); err != nil || len(v.Damaged) != 3 {
			t.Errorf("Verify = %+v, %v", v, err)
		}
		sound(t, c)
	})
}

// TestVerifyingReader hashes what it reads, also where nobody did before it.
func TestVerifyingReader(t *testing.T) {
	content, other := []byte("content"), []byte("CONTENT")
	for name, b := range map[string][]byte{"as it was": content, "other": other, "more": append(content[:len(content):len(content)], 'x'), "fewer": content[:3]} {
		got, err := io.ReadAll(verifying(t.Context(), io.NopCloser(bytes.NewReader(b)), describe(content)))
		if right := name == "as it was"; right && (err != nil || !bytes.Equal(got, content)) || !right && !errors.Is(err, oci.ErrContent) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
