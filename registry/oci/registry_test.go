package oci_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"cuelabs.dev/go/oci/ociregistry/ocimem"
	"cuelabs.dev/go/oci/ociregistry/ociserver"

	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// memoryRegistry is a registry in memory.
func memoryRegistry(o ociserver.Options) http.Handler {
	h := ociserver.New(ocimem.New(), &o)
	if !o.DisableReferrersAPI {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(withoutSubject{w}, r) })
}

// withoutSubject drops the header that says that referrers are kept.
type withoutSubject struct{ http.ResponseWriter }

func (w withoutSubject) WriteHeader(status int) {
	w.Header().Del("OCI-Subject")
	w.ResponseWriter.WriteHeader(status)
}

// serve starts a server that speaks plain HTTP and returns its host.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// plain is a configuration that reaches hosts by HTTP, without credentials.
func plain(hosts ...string) oci.Config {
	c := oci.Config{DockerConfig: "-", Registries: map[string]oci.Registry{}}
	for _, h := range hosts {
		c.Registries[h] = oci.Registry{PlainHTTP: true}
	}
	return c
}

// repository returns a repository "acme/weather" at a host.
func repository(t *testing.T, c oci.Config, host string) oci.Target {
	t.Helper()
	remotes, err := oci.NewRemotes(c)
	if err != nil {
		t.Fatal(err)
	}
	return remotes.Repository(oci.Reference{Registry: host, Repository: "acme/weather"})
}

// artifact is a manifest with what it names.
type artifact struct {
	descriptor oci.Descriptor
	manifest   []byte
	blobs      map[string][]byte // by digest
	layer      oci.Descriptor
}

// newArtifact makes a manifest over layers, about a subject unless that is nil.
func newArtifact(t *testing.T, artifactType string, subject *oci.Descriptor, layers ...[]byte) artifact {
	t.Helper()
	a := artifact{blobs: map[string][]byte{}}
	config := []byte("{}")
	a.blobs[oci.DigestOf(config)] = config
	m := oci.Manifest{SchemaVersion: 2, MediaType: oci.MediaTypeManifest, ArtifactType: artifactType,
		Config: oci.Describe(oci.MediaTypeEmpty, config), Subject: subject, Layers: []oci.Descriptor{}}
	for _, l := range layers {
		a.layer = oci.Describe("application/wasm", l)
		a.blobs[a.layer.Digest] = l
		m.Layers = append(m.Layers, a.layer)
	}
	var err error
	if a.manifest, err = json.Marshal(m); err != nil {
		t.Fatal(err)
	}
	a.descriptor = oci.Describe(oci.MediaTypeManifest, a.manifest)
	return a
}

// push writes an artifact to a target.
func (a artifact) push(t *testing.T, to oci.Target) {
	t.Helper()
	for _, content := range a.blobs {
		if err := to.Push(t.Context(), oci.Describe("application/octet-stream", content), bytes.NewReader(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := to.Push(t.Context(), a.descriptor, bytes.NewReader(a.manifest)); err != nil {
		t.Fatal(err)
	}
}

// targets are all kinds of repositories.
func targets(t *testing.T) map[string]oci.Target {
	withAPI := serve(t, memoryRegistry(ociserver.Options{}))
	without := serve(t, memoryRegistry(ociserver.Options{DisableReferrersAPI: true}))
	terse := serve(t, memoryRegistry(ociserver.Options{OmitDigestFromTagGetResponse: true, MaxListPageSize: 1000}))
	layout, err := oci.CreateLayout(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { layout.Close() })
	return map[string]oci.Target{
		"registry with the referrers API": repository(t, plain(withAPI), withAPI),
		"registry without it":             repository(t, plain(without), without),
		"terse registry":                  repository(t, plain(terse), terse),
		"layout":                          layout,
	}
}

func TestTarget(t *testing.T) {
	for name, target := range targets(t) {
		t.Run(name, func(t *testing.T) {
			a := newArtifact(t, "application/x", nil, []byte("the module"))
			a.push(t, target)
			if err := target.Tag(t.Context(), a.descriptor, "1.0"); err != nil {
				t.Fatal(err)
			}
			for _, by := range []string{"1.0", a.descriptor.Digest} {
				d, err := target.Resolve(t.Context(), by)
				if err != nil {
					t.Fatal(err)
				}
				if d.Digest != a.descriptor.Digest || d.Size != a.descriptor.Size || d.MediaType != oci.MediaTypeManifest {
					t.Errorf("resolve %s: %+v", by, d)
				}
			}
			for _, d := range []oci.Descriptor{a.descriptor, a.layer} {
				content, err := oci.ReadAll(t.Context(), target, d, 1<<20)
				if err != nil {
					t.Fatal(err)
				}
				if oci.DigestOf(content) != d.Digest {
					t.Errorf("%s has other content", d.MediaType)
				}
			}
			tags, err := target.Tags(t.Context())
			if err != nil || !slices.Contains(tags, "1.0") {
				t.Errorf("tags: %v, %v", tags, err)
			}
			if r, err := target.Referrers(t.Context(), a.descriptor.Digest); err != nil || len(r) != 0 {
				t.Errorf("referrers before there are any: %v, %v", r, err)
			}
			missing := "sha256:" + strings.Repeat("0", 64)
			for _, by := range []string{"2.0", missing} {
				if _, err := target.Resolve(t.Context(), by); !errors.Is(err, oci.ErrNotFound) {
					t.Errorf("resolve %s: %v", by, err)
				}
			}
			if _, err := target.Fetch(t.Context(), oci.Descriptor{Digest: missing, Size: 3}); !errors.Is(err, oci.ErrNotFound) {
				t.Errorf("fetch what is not there: %v", err)
			}
			if raw, ok := target.(oci.RawSource); ok {
				if r, err := raw.FetchRaw(t.Context(), oci.Descriptor{Digest: missing, Size: 3}, 0); r != nil || !errors.Is(err, oci.ErrNotFound) {
					t.Errorf("fetch raw: %v, %v", r, err)
				}
			}
		})
	}
}

func TestReferrers(t *testing.T) {
	for name, target := range targets(t) {
		t.Run(name, func(t *testing.T) {
			a := newArtifact(t, "application/x", nil, []byte("the module"))
			a.push(t, target)
			var want []string
			for _, text := range []string{"one", "two", "three"} {
				r := newArtifact(t, "application/about", &a.descriptor, []byte(text))
				r.push(t, target)
				want = append(want, r.descriptor.Digest)
			}
			var got []string
			found, err := target.Referrers(t.Context(), a.descriptor.Digest)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range found {
				got = append(got, d.Digest)
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func TestPushSkipsWhatIsThere(t *testing.T) {
	for name, target := range targets(t) {
		t.Run(name, func(t *testing.T) {
			content := []byte("content")
			d := oci.Describe("application/wasm", content)
			if err := target.Push(t.Context(), d, bytes.NewReader(content)); err != nil {
				t.Fatal(err)
			}
			if err := target.Push(t.Context(), d, unreadable{}); err != nil {
				t.Errorf("pushed again: %v", err)
			}
		})
	}
}

// unreadable is content that must not be read.
type unreadable struct{}

func (unreadable) Read([]byte) (int, error) { return 0, errors.New("it was read") }

func TestPushOtherContent(t *testing.T) {
	for name, target := range targets(t) {
		t.Run(name, func(t *testing.T) {
			d := oci.Describe("application/wasm", []byte("announced"))
			for _, content := range []string{"different", "short", "longer than it"} {
				if err := target.Push(t.Context(), d, strings.NewReader(content)); err == nil {
					t.Errorf("%q was taken for %q", content, "announced")
				}
				if _, err := target.Fetch(t.Context(), d); !errors.Is(err, oci.ErrNotFound) {
					t.Errorf("something is there: %v", err)
				}
			}
		})
	}
}

func TestProgress(t *testing.T) {
	host := serve(t, memoryRegistry(ociserver.Options{}))
	target := repository(t, plain(host), host)
	content := bytes.Repeat([]byte("x"), 1<<20)
	d := oci.Describe("application/wasm", content)
	var mu sync.Mutex
	var last oci.Transfer
	ctx := oci.WithProgress(t.Context(), func(tr oci.Transfer) {
		mu.Lock()
		defer mu.Unlock()
		if tr.Done < last.Done || tr.Total != d.Size || tr.Digest != d.Digest {
			t.Errorf("%+v after %+v", tr, last)
		}
		last = tr
	})
	check := func(what string) {
		t.Helper()
		mu.Lock()
		defer mu.Unlock()
		if last.Done != d.Size {
			t.Errorf("%s: %d of %d bytes were reported", what, last.Done, d.Size)
		}
		last = oci.Transfer{}
	}
	if err := target.Push(ctx, d, bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	check("push")
	if _, err := oci.ReadAll(ctx, target, d, 1<<21); err != nil {
		t.Fatal(err)
	}
	check("fetch")
}

func TestCancel(t *testing.T) {
	host := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	target := repository(t, plain(host), host)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := target.Resolve(ctx, "1.0"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

var _ io.Reader = unreadable{}

// TestFetchRaw takes up a transfer with the one request for what is missing.
func TestFetchRaw(t *testing.T) {
	ranges := make(chan string, 10)
	registry := memoryRegistry(ociserver.Options{})
	whole := false // whether it answers with all of it, whatever was asked for
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			ranges <- r.Header.Get("Range")
		}
		if whole {
			r.Header.Del("Range")
		}
		registry.ServeHTTP(w, r)
	})
	host, mirror := serve(t, handler), serve(t, http.NotFoundHandler())
	a := newArtifact(t, "application/x", nil, []byte("content"))
	a.push(t, repository(t, plain(host), host))
	behindMirror, _ := mirroredRepository(t, host, mirror)
	for name, tt := range map[string]struct {
		from oci.Source
		want []string
	}{
		"registry": {repository(t, plain(host), host), []string{"bytes=3-6"}},
		"mirror":   {behindMirror, []string{"", "bytes=3-6"}},
	} {
		r, err := tt.from.(oci.RawSource).FetchRaw(t.Context(), a.layer, 3)
		if err != nil {
			t.Fatal(name, err)
		}
		if b, err := io.ReadAll(r); err != nil || string(b) != "tent" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
		r.Close()
		for _, want := range tt.want {
			if got := <-ranges; got != want {
				t.Errorf("%s: asked for %q, want %q", name, got, want)
			}
		}
		if len(ranges) > 0 {
			t.Errorf("%s: asked for %q as well", name, <-ranges)
		}
	}
	whole = true
	if _, err := repository(t, plain(host), host).(oci.RawSource).FetchRaw(t.Context(), a.layer, 3); err == nil || !strings.Contains(err.Error(), "cannot continue a transfer") {
		t.Errorf("a registry without ranges: %v", err)
	}
}
