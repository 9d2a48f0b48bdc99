package packages

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// TestPushedByOras runs what oras and others pushed. No name vouches for any of
// it, so it needs the flag that says so, and is refused without.
func TestPushedByOras(t *testing.T) {
	for _, r := range registries() {
		for _, form := range []struct {
			name string
			push func(p *place, ref string)
		}{
			{"bare Wasm", func(p *place, ref string) {
				p.write("config.json", []byte(`{"architecture":"wasm","os":"wasip1","layerDigests":[]}`), 0o600)
				p.must("oras", append([]string{"push", ref, "--config", "config.json:" + mediaTypeConfig, "hello.wasm:" + mediaTypeWasm}, r.oras()...)...)
			}},
			{"bare Wasm without a config", func(p *place, ref string) {
				p.must("oras", append([]string{"push", ref, "hello.wasm:" + mediaTypeWasm}, r.oras()...)...)
			}},
			{"hyper-mcp's raw layer", func(p *place, ref string) {
				p.must("oras", append([]string{"push", ref, "--artifact-type", "application/vnd.hyper-mcp.plugin.v2", "hello.wasm:" + mediaTypeWasm}, r.oras()...)...)
			}},
			{"image with plugin.wasm", func(p *place, ref string) {
				layer := p.image()
				p.must("oras", append([]string{"push", ref, "--config", "image.json:application/vnd.oci.image.config.v1+json", "--disable-path-validation", layer}, r.oras()...)...)
			}},
			{"index of one image", func(p *place, ref string) {
				layer := p.image()
				p.must("oras", append([]string{"push", ref, "--config", "image.json:application/vnd.oci.image.config.v1+json", "--disable-path-validation", layer}, r.oras()...)...)
				p.must("oras", append([]string{"manifest", "index", "create", ref, p.digest(r, ref)}, r.oras()...)...)
			}},
		} {
			t.Run(r.name+"/"+form.name, func(t *testing.T) {
				p := newPlace(t)
				copyFile(t, p, hello, "hello.wasm")
				ref := r.host + "/" + slug(t.Name()) + ":1.0.0"
				form.push(p, ref)
				add := []string{"add", "--yes", "--name", "pushed", "--cache-dir", r.cache(), ref}
				p.refuses(add...)
				p.must("mcpwasm", append(add, "--insecure-allow-unsigned")...)
				p.greets("pushed", "--insecure-allow-unsigned", "--cache-dir", r.cache())
				p.greets(at(r, slug(t.Name()), p.digest(r, ref)), "--insecure-allow-unsigned", "--cache-dir", r.cache())
			})
		}
	}
}

// image writes what an image of hyper-mcp's consists of, and returns its layer as
// oras takes it.
func (p *place) image() string {
	p.t.Helper()
	wasm, err := os.ReadFile(hello)
	if err != nil {
		p.t.Fatal(err)
	}
	layer := tarball(p.t, file{"etc/", nil}, file{"etc/readme", []byte("not looked at")}, file{"plugin.wasm", wasm})
	p.write("layer.tar.gz", zipped(p.t, layer), 0o600)
	p.write("image.json", []byte(`{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["`+digestOf(layer)+`"]}}`), 0o600)
	return "layer.tar.gz:application/vnd.oci.image.layer.v1.tar+gzip"
}

// file is an entry of a tar file: a folder if its name ends with a slash.
type file struct {
	name    string
	content []byte
}

func tarball(t *testing.T, files ...file) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.content)), Typeflag: tar.TypeReg}
		if strings.HasSuffix(f.name, "/") {
			h.Typeflag, h.Mode = tar.TypeDir, 0o755
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(f.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipped(t *testing.T, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// slug makes a repository's name of a test's.
func slug(name string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '/':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return -1
	}, name), "/")
}

// TestPulledByOras publishes a package of ours and has oras read all of it.
func TestPulledByOras(t *testing.T) {
	for _, r := range registries() {
		t.Run(r.name, func(t *testing.T) {
			p := newPlace(t)
			repository := slug(t.Name())
			digest := p.publish(r, hello, repository, "1.0.0")
			ref := at(r, repository, digest)

			m, text := p.manifestOf(r, ref)
			if got := digestOf(text); got != digest {
				t.Errorf("oras manifest fetch: the manifest has the digest %s, not %s", got, digest)
			}
			if m.MediaType != mediaTypeManifest || m.Config.MediaType != mediaTypeConfig {
				t.Errorf("manifest of type %s with a config of type %s", m.MediaType, m.Config.MediaType)
			}
			want, err := os.ReadFile(hello)
			if err != nil {
				t.Fatal(err)
			}
			found := false
			for _, l := range m.Layers {
				name := strings.ReplaceAll(l.Digest, ":", "-")
				p.must("oras", append([]string{"blob", "fetch", "--output", name, r.host + "/" + repository + "@" + l.Digest}, r.oras()...)...)
				content := p.read(name)
				if digestOf(content) != l.Digest || int64(len(content)) != l.Size {
					t.Errorf("oras blob fetch: layer %s differs from its descriptor", l.Digest)
				}
				found = found || l.MediaType == mediaTypeWasm && bytes.Equal(content, want)
			}
			if !found {
				t.Errorf("no layer is the module that was pushed: %s", text)
			}

			p.must("oras", append([]string{"pull", ref, "--output", "pulled"}, r.oras()...)...)
			p.signs(ref)
			tree := decode[struct {
				Referrers []struct {
					ArtifactType string            `json:"artifactType"`
					Annotations  map[string]string `json:"annotations"`
				} `json:"referrers"`
			}](t, p.must("oras", append([]string{"discover", "--format", "json", ref}, r.oras()...)...))
			if len(tree.Referrers) != 1 || r.referrers && tree.Referrers[0].ArtifactType != mediaTypeBundle {
				t.Errorf("oras discover: %+v, want one referrer of type %s", tree.Referrers, mediaTypeBundle)
			}

			// What oras copies stays signed and runs.
			p.configure(byKey("ours.pub"))
			p.must("oras", append([]string{"cp", "--recursive", ref, api.host + "/" + repository + "/copied:1.0.0", "--to-plain-http"}, fromFlags(r)...)...)
			p.greets(at(api, repository+"/copied", digest), "--cache-dir", r.cache())
		})
	}
}

func fromFlags(r *registry) []string {
	if r.ca != "" {
		return []string{"--from-ca-file", r.ca}
	}
	return []string{"--from-plain-http"}
}

// signs makes a key pair, ours.key and ours.pub, and signs with it.
func (p *place) signs(ref string, flags ...string) {
	p.t.Helper()
	if _, err := os.Stat(p.path("ours.key")); err != nil {
		p.must("mcpwasm", "keygen", "--no-password", "-o", "ours")
	}
	p.must("mcpwasm", append(append([]string{"sign", "--key", "ours.key"}, flags...), ref)...)
}

// TestSamePackage builds the same package anew for each registry.
func TestSamePackage(t *testing.T) {
	digests := map[string][]string{}
	for _, r := range registries() {
		p := newPlace(t)
		ref := r.host + "/" + slug(t.Name()) + ":1.0.0"
		p.must("mcpwasm", "push", "--cache-dir", r.cache(), hello, ref)
		digest := p.digest(r, ref)
		digests[digest] = append(digests[digest], r.name)
	}
	if len(digests) != 1 {
		text, _ := json.Marshal(digests)
		t.Errorf("the same module gave packages with different digests: %s", text)
	}
}
