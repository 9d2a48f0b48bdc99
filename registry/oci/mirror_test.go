package oci_test

import (
	"bytes"
	"encoding/pem"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cuelabs.dev/go/oci/ociregistry/ociserver"

	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// mirroredRepository returns a repository at origin with a mirror, and its log.
func mirroredRepository(t *testing.T, origin, mirror string) (oci.Target, *bytes.Buffer) {
	t.Helper()
	c := plain(origin, mirror)
	c.Registries[origin] = oci.Registry{PlainHTTP: true, Mirrors: []string{mirror + "/copies"}}
	var log bytes.Buffer
	c.Log = slog.New(slog.NewTextHandler(&log, nil))
	return repository(t, c, origin), &log
}

// fill pushes a package with a referrer and a tag to a repository at a host.
func fill(t *testing.T, host, path string) artifact {
	t.Helper()
	remotes, err := oci.NewRemotes(plain(host))
	if err != nil {
		t.Fatal(err)
	}
	to := remotes.Repository(oci.Reference{Registry: host, Repository: path})
	a := newArtifact(t, "application/x", nil, []byte("module"))
	a.push(t, to)
	newArtifact(t, "application/about", &a.descriptor, []byte("about it")).push(t, to)
	if err := to.Tag(t.Context(), a.descriptor, "1.0"); err != nil {
		t.Fatal(err)
	}
	return a
}

// read reads all that there is of a package.
func read(t *testing.T, from oci.Source, a artifact) error {
	t.Helper()
	d, err := from.Resolve(t.Context(), "1.0")
	if err != nil || d.Digest != a.descriptor.Digest {
		t.Fatalf("resolve: %+v, %v", d, err)
	}
	if about, err := from.Referrers(t.Context(), d.Digest); err != nil || len(about) != 1 {
		t.Fatalf("referrers: %v, %v", about, err)
	}
	if _, err := oci.ReadAll(t.Context(), from, d, 1<<20); err != nil {
		return err
	}
	_, err = oci.ReadAll(t.Context(), from, a.layer, 1<<20)
	return err
}

func TestMirror(t *testing.T) {
	t.Run("has everything", func(t *testing.T) {
		mirror := serve(t, memoryRegistry(ociserver.Options{}))
		origin := &recorder{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.Contains(r.URL.Path, "/referrers/") && !strings.Contains(r.URL.Path, "/manifests/sha256-") {
				t.Errorf("the registry was asked for %s", r.URL.Path)
			}
			http.NotFound(w, r)
		})}
		from, log := mirroredRepository(t, serve(t, origin), mirror)
		if err := read(t, from, fill(t, mirror, "copies/acme/weather")); err != nil {
			t.Error(err)
		}
		if log.Len() > 0 {
			t.Errorf("log: %s", log)
		}
	})
	t.Run("has nothing", func(t *testing.T) {
		origin := serve(t, memoryRegistry(ociserver.Options{}))
		from, _ := mirroredRepository(t, origin, serve(t, memoryRegistry(ociserver.Options{})))
		if err := read(t, from, fill(t, origin, "acme/weather")); err != nil {
			t.Error(err)
		}
	})
	t.Run("is down", func(t *testing.T) {
		origin := serve(t, memoryRegistry(ociserver.Options{}))
		down := httptest.NewServer(nil)
		down.Close()
		from, log := mirroredRepository(t, origin, strings.TrimPrefix(down.URL, "http://"))
		if err := read(t, from, fill(t, origin, "acme/weather")); err != nil {
			t.Error(err)
		}
		if n := strings.Count(log.String(), "going on without the mirror"); n != 1 {
			t.Errorf("told %d times: %s", n, log)
		}
	})
	t.Run("sends other content", func(t *testing.T) {
		origin := serve(t, memoryRegistry(ociserver.Options{}))
		a := fill(t, origin, "acme/weather")
		good := memoryRegistry(ociserver.Options{})
		mirror := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/blobs/"+a.layer.Digest) && r.Method == http.MethodGet {
				_, _ = w.Write([]byte("MODULE"))
				return
			}
			good.ServeHTTP(w, r)
		}))
		fill(t, mirror, "copies/acme/weather")
		from, log := mirroredRepository(t, origin, mirror)
		if err := read(t, from, a); !errors.Is(err, oci.ErrContent) {
			t.Errorf("got %v", err)
		}
		if err := read(t, from, a); err != nil {
			t.Errorf("the second time: %v", err)
		}
		if !strings.Contains(log.String(), "going on without the mirror") {
			t.Errorf("not told: %s", log)
		}
	})
	t.Run("is not written to", func(t *testing.T) {
		mirror := &recorder{Handler: memoryRegistry(ociserver.Options{})}
		to, _ := mirroredRepository(t, serve(t, memoryRegistry(ociserver.Options{})), serve(t, mirror))
		newArtifact(t, "application/x", nil, []byte("module")).push(t, to)
		if _, asked := mirror.seen(); asked > 0 {
			t.Errorf("it was asked %d times", asked)
		}
	})
}

// TestMirrorLacksSignatures joins what a registry and its mirror list, and does
// without the registry where that is down.
func TestMirrorLacksSignatures(t *testing.T) {
	repositoryAt := func(host, path string) oci.Target {
		remotes, err := oci.NewRemotes(plain(host))
		if err != nil {
			t.Fatal(err)
		}
		return remotes.Repository(oci.Reference{Registry: host, Repository: path})
	}
	origin, mirror := serve(t, memoryRegistry(ociserver.Options{})), serve(t, memoryRegistry(ociserver.Options{}))
	a := fill(t, origin, "acme/weather")
	fill(t, mirror, "copies/acme/weather") // the same package, with the same referrer
	from, log := mirroredRepository(t, origin, mirror)
	const tag = "sha256-x.sig"
	var digests []string
	for at, to := range map[string]oci.Target{"origin": repositoryAt(origin, "acme/weather"), "mirror": repositoryAt(mirror, "copies/acme/weather")} {
		signature := newArtifact(t, "application/about", &a.descriptor, []byte("signature at the "+at))
		signature.push(t, to)
		if err := to.Tag(t.Context(), signature.descriptor, tag); err != nil {
			t.Fatal(err)
		}
		digests = append(digests, signature.descriptor.Digest)
	}
	list, err := from.Referrers(t.Context(), a.descriptor.Digest)
	if err != nil || len(list) != 3 {
		t.Fatalf("Referrers = %v, %v", list, err)
	}
	named, err := oci.ResolveAll(t.Context(), from, tag)
	if err != nil || len(named) != 2 {
		t.Fatalf("ResolveAll = %v, %v", named, err)
	}
	for _, all := range [][]oci.Descriptor{list, named} {
		for _, digest := range digests {
			if !slices.ContainsFunc(all, func(d oci.Descriptor) bool { return d.Digest == digest }) {
				t.Errorf("%s is not in %v", digest, all)
			}
		}
		for _, d := range all {
			if _, err := oci.ReadAll(t.Context(), from, d, 1<<20); err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := oci.ResolveAll(t.Context(), from, "other"); !errors.Is(err, oci.ErrNotFound) || log.Len() > 0 {
		t.Errorf("a tag that nobody has: %v; log: %s", err, log)
	}

	dead := httptest.NewServer(nil)
	dead.Close()
	down := strings.TrimPrefix(dead.URL, "http://")
	from, log = mirroredRepository(t, down, mirror)
	for range 2 {
		if list, err := from.Referrers(t.Context(), a.descriptor.Digest); err != nil || len(list) != 2 {
			t.Errorf("the registry is down: %v, %v", list, err)
		}
		if named, err := oci.ResolveAll(t.Context(), from, tag); err != nil || len(named) != 1 {
			t.Errorf("the registry is down: %v, %v", named, err)
		}
		if _, err := oci.ResolveAll(t.Context(), from, "other"); !errors.Is(err, oci.ErrNotFound) {
			t.Errorf("the registry is down: %v", err)
		}
		// Nobody says that there are none.
		if list, err := from.Referrers(t.Context(), oci.DigestOf(nil)); err == nil {
			t.Errorf("the registry is down: %v", list)
		}
	}
	if n := strings.Count(log.String(), "going on with mirrors only"); n != 1 {
		t.Errorf("told %d times: %s", n, log)
	}
	from, _ = mirroredRepository(t, down, down)
	if _, err := oci.ResolveAll(t.Context(), from, tag); err == nil || errors.Is(err, oci.ErrNotFound) {
		t.Errorf("both are down: %v", err)
	}
	if list, err := from.Referrers(t.Context(), a.descriptor.Digest); err == nil {
		t.Errorf("both are down: %v", list)
	}
}

func TestTLS(t *testing.T) {
	server := httptest.NewTLSServer(memoryRegistry(ociserver.Options{}))
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "https://")
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, settings := range map[string]oci.Registry{"own authority": {CA: ca}, "any certificate": {SkipVerify: true}} {
		t.Run(name, func(t *testing.T) {
			c := oci.Config{DockerConfig: "-", Registries: map[string]oci.Registry{host: settings}}
			newArtifact(t, "application/x", nil, []byte("module")).push(t, repository(t, c, host))
		})
	}
	t.Run("the authority of another registry", func(t *testing.T) {
		c := oci.Config{DockerConfig: "-", Registries: map[string]oci.Registry{"registry.example": {CA: ca, SkipVerify: true}}}
		_, err := repository(t, c, host).Resolve(t.Context(), "1.0")
		oneLine(t, err, "its certificate is from an authority that is not trusted")
	})
}

func TestNewRemotesErrors(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, registry string
		settings       oci.Registry
		want           string
	}{
		{"a path", "ghcr.io/acme", oci.Registry{}, "want host or host:port"},
		{"a scheme", "https://ghcr.io", oci.Registry{}, "want host or host:port"},
		{"nothing", "", oci.Registry{}, "want host or host:port"},
		{"no such CA", "ghcr.io", oci.Registry{CA: empty + "x"}, `registry "ghcr.io": ca: open`},
		{"CA without a certificate", "ghcr.io", oci.Registry{CA: empty}, "there is no PEM certificate in it"},
		{"CA is a folder", "ghcr.io", oci.Registry{CA: t.TempDir()}, "want a regular file"},
		{"mirror with a scheme", "ghcr.io", oci.Registry{Mirrors: []string{"https://mirror.example"}}, "want host[:port][/prefix]"},
		{"mirror that is empty", "ghcr.io", oci.Registry{Mirrors: []string{""}}, "want host[:port][/prefix]"},
		{"mirror that climbs", "ghcr.io", oci.Registry{Mirrors: []string{"mirror.example/../x"}}, "want host[:port][/prefix]"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := oci.NewRemotes(oci.Config{Registries: map[string]oci.Registry{test.registry: test.settings}})
			oneLine(t, err, test.want)
		})
	}
}
