package oci_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cuelabs.dev/go/oci/ociregistry/ociserver"

	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/oci/ocitest"
)

// layoutOf writes files into a folder; a name that ends with "->" is a link to its
// content.
func layoutOf(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, strings.TrimSuffix(name, "->"))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if strings.HasSuffix(name, "->") {
			err = os.Symlink(content, path)
		} else {
			err = os.WriteFile(path, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const marker = `{"imageLayoutVersion":"1.0.0"}`

func TestOpenLayoutErrors(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "index.json")
	if err := os.WriteFile(secret, []byte(`{"manifests":[]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"empty folder", nil, "it is no OCI layout"},
		{"no index", map[string]string{"oci-layout": marker}, "index.json: no such file"},
		{"another version", map[string]string{"oci-layout": `{"imageLayoutVersion":"9"}`, "index.json": "{}"}, `the layout's version is "9"`},
		{"marker is no JSON", map[string]string{"oci-layout": "x", "index.json": "{}"}, "oci-layout: invalid character"},
		{"large marker", map[string]string{"oci-layout": strings.Repeat(" ", 5000), "index.json": "{}"}, "oci-layout: it is larger than the 4096 bytes allowed"},
		{"index is no JSON", map[string]string{"oci-layout": marker, "index.json": "x"}, "index.json: its list is no JSON"},
		{"index is large", map[string]string{"oci-layout": marker, "index.json": strings.Repeat(" ", oci.MaxManifestBytes+1)}, "larger than the 4194304 bytes allowed"},
		{"index with many entries", map[string]string{"oci-layout": marker, "index.json": `{"manifests":[` + strings.Repeat("{},", 10_000) + `{}]}`}, "more than the 10000 entries allowed"},
		{"digest that is a path", map[string]string{"oci-layout": marker, "index.json": `{"manifests":[{"digest":"sha256:../../../etc/passwd","size":1}]}`}, "want sha256: and 64"},
		{"large manifest", map[string]string{"oci-layout": marker, "index.json": fmt.Sprintf(`{"manifests":[{"digest":%q,"size":5000000}]}`, oci.DigestOf(nil))}, "more than the 4194304 allowed"},
		{"index leads out", map[string]string{"oci-layout": marker, "index.json->": secret}, "index.json: path escapes"},
		{"index is a folder", map[string]string{"oci-layout": marker, "index.json/x": ""}, "it is no regular file"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l, err := oci.OpenLayout(layoutOf(t, test.files))
			oneLine(t, err, test.want)
			if l != nil {
				t.Error("a layout was returned")
			}
		})
	}
}

func TestLayoutBlobs(t *testing.T) {
	content := []byte("a secret of the machine")
	d := oci.Describe("application/wasm", content)
	blob := "blobs/sha256/" + strings.TrimPrefix(d.Digest, "sha256:")
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, content, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, file, content, want string
		about                     bool // whether the error is about the content
	}{
		{"one byte differs", blob, "a secret of the Machine", "the content's digest is", true},
		{"short", blob, "a", "it has 1 bytes, and 23 were announced", true},
		{"a link that leads out", blob + "->", outside, "path escapes", false},
		{"a folder in its place", blob + "/x", "", "it is no regular file", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l, err := oci.OpenLayout(layoutOf(t, map[string]string{"oci-layout": marker, "index.json": `{"manifests":[]}`, test.file: test.content}))
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			got, err := oci.ReadAll(t.Context(), l, d, 1<<20)
			oneLine(t, err, test.want)
			if got != nil || errors.Is(err, oci.ErrContent) != test.about {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestCreateLayoutRefusesOtherFolders(t *testing.T) {
	_, err := oci.CreateLayout(layoutOf(t, map[string]string{"thesis.txt": "x"}))
	oneLine(t, err, "the folder has something else in it")
	_, err = oci.CreateLayout(layoutOf(t, map[string]string{"oci-layout": "x"}))
	oneLine(t, err, "oci-layout: invalid character")
}

// signed writes a package with a signature of both forms, and one about that.
func signed(t *testing.T, to oci.Target) artifact {
	t.Helper()
	a := newArtifact(t, "application/x", nil, []byte("one layer"), bytes.Repeat([]byte("x"), 1<<20))
	a.push(t, to)
	signature := newArtifact(t, "application/signature", &a.descriptor, []byte("signature"))
	signature.push(t, to)
	newArtifact(t, "application/note", &signature.descriptor, []byte("note")).push(t, to)
	tagged := newArtifact(t, "", nil, []byte("signature under a tag"))
	tagged.push(t, to)
	if err := errors.Join(to.Tag(t.Context(), a.descriptor, "1.0"), to.Tag(t.Context(), tagged.descriptor, oci.ReferrersTag(a.descriptor.Digest)+".sig")); err != nil {
		t.Fatal(err)
	}
	return a
}

func TestCopy(t *testing.T) {
	for name, from := range targets(t) {
		t.Run(name, func(t *testing.T) {
			a := signed(t, from)
			var folders [2]string
			for i := range folders {
				folders[i] = t.TempDir()
				l, err := oci.CreateLayout(folders[i])
				if err != nil {
					t.Fatal(err)
				}
				defer l.Close()
				for range 2 { // the second has nothing to do
					if err := oci.Copy(t.Context(), from, l, a.descriptor, oci.CopyOptions{Referrers: true, Parallel: 1 + 3*i}); err != nil {
						t.Fatal(err)
					}
				}
				if d, err := l.Main(t.Context()); err != nil || d.Digest != a.descriptor.Digest {
					t.Errorf("main: %+v, %v", d, err)
				}
				checkSigned(t, l, a)
			}
			if one, two := filesOf(t, folders[0]), filesOf(t, folders[1]); one != two {
				t.Errorf("the same content makes different folders:\n%s\n%s", one, two)
			}
		})
	}
}

// checkSigned checks that all is there that signed wrote.
func checkSigned(t *testing.T, src oci.Source, a artifact) {
	t.Helper()
	if _, err := oci.ReadAll(t.Context(), src, a.layer, 1<<21); err != nil {
		t.Error(err)
	}
	about, err := src.Referrers(t.Context(), a.descriptor.Digest)
	if err != nil || len(about) != 1 {
		t.Fatalf("referrers: %v, %v", about, err)
	}
	if notes, err := src.Referrers(t.Context(), about[0].Digest); err != nil || len(notes) != 1 {
		t.Errorf("referrers of the referrer: %v, %v", notes, err)
	}
	if _, err := src.Resolve(t.Context(), oci.ReferrersTag(a.descriptor.Digest)+".sig"); err != nil {
		t.Error(err)
	}
}

// filesOf lists the files of a folder with their digests.
func filesOf(t *testing.T, dir string) string {
	t.Helper()
	var list strings.Builder
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := fs.ReadFile(os.DirFS(dir), path)
		fmt.Fprintf(&list, "%s %s\n", path, oci.DigestOf(content))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list.String()
}

func TestCopyToRegistry(t *testing.T) {
	for name, o := range map[string]ociserver.Options{"with referrers": {}, "without": {DisableReferrersAPI: true}} {
		t.Run(name, func(t *testing.T) {
			host := serve(t, memoryRegistry(o))
			from := ocitest.New()
			a := signed(t, from)
			to := repository(t, plain(host), host)
			if err := oci.Copy(t.Context(), from, to, a.descriptor, oci.CopyOptions{Referrers: true}); err != nil {
				t.Fatal(err)
			}
			checkSigned(t, to, a)
		})
	}
}

func TestCopyRefusesDamage(t *testing.T) {
	from := ocitest.New()
	a := signed(t, from)
	from.Blobs[a.layer.Digest][7] ^= 1
	dir := t.TempDir()
	to, err := oci.CreateLayout(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	if err := oci.Copy(t.Context(), from, to, a.descriptor, oci.CopyOptions{}); !errors.Is(err, oci.ErrContent) {
		t.Errorf("got %v", err)
	}
	if _, err := to.Resolve(t.Context(), a.descriptor.Digest); !errors.Is(err, oci.ErrNotFound) {
		t.Errorf("the manifest is there: %v", err)
	}
	if strings.Contains(filesOf(t, dir), ".mcpwasm-") {
		t.Errorf("a temporary file was left:\n%s", filesOf(t, dir))
	}
}

func TestResume(t *testing.T) {
	for name, target := range targets(t) {
		t.Run(name, func(t *testing.T) {
			content := bytes.Repeat([]byte("0123456789"), 1000)
			d := oci.Describe("application/wasm", content)
			if err := target.Push(t.Context(), d, bytes.NewReader(content)); err != nil {
				t.Fatal(err)
			}
			r, err := target.Fetch(t.Context(), d)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			s, ok := r.(io.Seeker)
			if !ok {
				t.Fatalf("%T cannot be continued", r)
			}
			for _, at := range []int64{4003, d.Size, 0} {
				if got, err := s.Seek(at, io.SeekStart); err != nil || got != at {
					t.Fatalf("seek to %d: %d, %v", at, got, err)
				}
				rest, err := io.ReadAll(r)
				if err != nil || !bytes.Equal(rest, content[at:]) {
					t.Errorf("from %d: %d bytes, %v", at, len(rest), err)
				}
			}
			if _, err := s.Seek(d.Size+1, io.SeekStart); err == nil {
				t.Error("a seek behind the end succeeded")
			}
		})
	}
}
