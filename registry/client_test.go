package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/pack"
	"github.com/mcpwasm/mcpwasm/registry/trust"
)

func TestVerifyAndOpen(t *testing.T) {
	w := newWorld(t, stdioModule)
	w.sign(w.pkg.Descriptor, w.key)
	both := w.at(w.pkg.Descriptor.Digest)
	both.Tag = "1"
	for name, ref := range map[string]oci.Reference{"tag": w.ref, "digest": w.at(w.pkg.Descriptor.Digest), "both": both} {
		for kind, c := range map[string]*Client{"plain": w.client(nil), "cached": w.cached(false)} {
			t.Run(name+" "+kind, func(t *testing.T) {
				p, err := c.Verify(t.Context(), ref)
				must(t, err)
				if p.Reference.Digest != w.pkg.Descriptor.Digest || p.Reference.Tag != ref.Tag || p.Signed != p.Reference.Digest {
					t.Errorf("reference %v, signed %s", p.Reference, p.Signed)
				}
				if len(p.Verdict.Signers) != 1 || p.Verdict.Unsigned || p.Verdict.Rule != "registry.example/acme/*" {
					t.Errorf("verdict %+v", p.Verdict)
				}
				a, err := c.Open(t.Context(), p)
				must(t, err)
				if a.Name != "weather-now" || a.Package != w.pkg.Descriptor.Digest || a.Manifest.Version != "1.2.0" ||
					a.Digest != oci.DigestOf(stdioModule) || !bytes.Equal(a.Wasm, stdioModule) || a.Module.Shape != plugins.ShapeStdio {
					t.Errorf("artifact %+v", a)
				}
			})
		}
	}
	if strings.Contains(w.log.String(), "WARN") {
		t.Errorf("log: %s", &w.log)
	}
}

func TestVerifyRefuses(t *testing.T) {
	tests := []struct {
		name   string
		set    func(t *testing.T, w *world, c *ClientConfig)
		reason error
		want   string
	}{
		{"unsigned", func(*testing.T, *world, *ClientConfig) {}, trust.ErrUntrusted, "signature"},
		{"another's signature", func(t *testing.T, w *world, _ *ClientConfig) { w.sign(w.pkg.Descriptor, newKey(t)) }, trust.ErrUntrusted, "acme.pub"},
		{"another digest's signature", func(_ *testing.T, w *world, _ *ClientConfig) {
			w.sign(w.index(), w.key)
			w.upstream.Referring[w.pkg.Descriptor.Digest] = w.upstream.Referring[w.index().Digest]
		}, trust.ErrUntrusted, "signature"},
		{"no rule", func(_ *testing.T, w *world, c *ClientConfig) {
			w.sign(w.pkg.Descriptor, w.key)
			c.Trust = trust.Policy{}
		}, trust.ErrNoRule, "no rule"},
		{"asks for too much", func(_ *testing.T, w *world, c *ClientConfig) {
			w.sign(w.pkg.Descriptor, w.key)
			c.Trust.Rules[0].Ceiling = nil
		}, trust.ErrUntrusted, "asks for more"},
		{"another package in its place", func(_ *testing.T, w *world, c *ClientConfig) {
			w.sign(w.pkg.Descriptor, w.key)
			c.Trust.Rules[0].Names = []string{"io.github.acme/weather"}
		}, trust.ErrUntrusted, `the rule registry.example/acme/* is for packages with the name io.github.acme/weather, and this one is "io.github.acme/Weather_Now"`},
		{"unsigned and asks for too much", func(_ *testing.T, _ *world, c *ClientConfig) {
			c.AllowUnsigned, c.Trust.Rules[0].Ceiling = true, nil
		}, trust.ErrUntrusted, "asks for more"},
		{"not there", func(_ *testing.T, w *world, _ *ClientConfig) { w.ref.Tag = "2" }, oci.ErrNotFound, "not found"},
		{"a tag offline", func(_ *testing.T, _ *world, c *ClientConfig) { c.Offline = true }, oci.ErrNotFound, "name the digest"},
		{"a digest offline", func(_ *testing.T, w *world, c *ClientConfig) {
			c.Offline, w.ref = true, w.at(w.pkg.Descriptor.Digest)
		}, oci.ErrNotFound, "offline"},
		{"another digest than asked for", func(_ *testing.T, w *world, _ *ClientConfig) {
			w.upstream.resolve = func(string) (oci.Descriptor, error) { return w.pkg.Descriptor, nil }
			w.ref = w.at(oci.DigestOf(nil))
		}, oci.ErrContent, "asked for"},
		{"a size that lies", func(_ *testing.T, w *world, _ *ClientConfig) {
			d := w.pkg.Descriptor
			d.Size--
			w.upstream.resolve = func(string) (oci.Descriptor, error) { return d, nil }
		}, oci.ErrContent, "bytes"},
		{"changed manifest", func(_ *testing.T, w *world, _ *ClientConfig) {
			w.upstream.Blobs[w.pkg.Descriptor.Digest][20] ^= 1
		}, oci.ErrContent, ""},
		{"no manifest", func(_ *testing.T, w *world, _ *ClientConfig) {
			d := oci.Describe(oci.MediaTypeManifest, stdioModule)
			w.upstream.resolve = func(string) (oci.Descriptor, error) { return d, nil }
		}, pack.ErrPackage, "no manifest"},
		{"manifest and index at once", func(_ *testing.T, w *world, _ *ClientConfig) {
			content := []byte(`{"schemaVersion":2,"config":{},"layers":[],"manifests":[]}`)
			d := oci.Describe(oci.MediaTypeManifest, content)
			w.upstream.Blobs[d.Digest] = content
			w.upstream.resolve = func(string) (oci.Descriptor, error) { return d, nil }
		}, pack.ErrPackage, "at once"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, cached := range []bool{false, true} {
				w := newWorld(t, stdioModule)
				c := w.client(func(c *ClientConfig) {
					if cached {
						c.Cache = w.cache()
					}
					tt.set(t, w, c)
				})
				if cached && tt.name == "a digest offline" {
					tt.want = "not found"
				}
				p, err := c.Verify(t.Context(), w.ref)
				if !errors.Is(err, tt.reason) || !errors.Is(err, ErrSource) || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
					t.Errorf("Verify = %v, %v; want one line with %q", p, err, tt.want)
				}
			}
		})
	}
}

// TestVerifyIndex accepts a signature over the index or over the package in it.
func TestVerifyIndex(t *testing.T) {
	tests := []struct {
		name            string
		index, manifest bool // which are signed
	}{{"index", true, false}, {"manifest", false, true}, {"both", true, true}, {"neither", false, false}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, stdioModule)
			index, signed := w.index(), ""
			if tt.manifest {
				w.sign(w.pkg.Descriptor, w.key)
				signed = w.pkg.Descriptor.Digest
			}
			if tt.index {
				w.sign(index, w.key)
				signed = index.Digest
			}
			c := w.cached(false)
			p, err := c.Verify(t.Context(), w.tagged("index"))
			if signed == "" {
				if !errors.Is(err, trust.ErrUntrusted) {
					t.Errorf("Verify = %v, %v", p, err)
				}
				return
			}
			must(t, err)
			if p.Signed != signed || p.Reference.Digest != index.Digest || p.Descriptor.Digest != w.pkg.Descriptor.Digest {
				t.Errorf("signed %s, reference %s, manifest %s", p.Signed, p.Reference, p.Descriptor.Digest)
			}
			a, err := c.Open(t.Context(), p)
			if err != nil || a.Package != w.pkg.Descriptor.Digest {
				t.Errorf("Open: package %s, %v", a.Package, err)
			}
			// All of that was kept.
			if _, err := w.cached(true).Verify(t.Context(), w.at(index.Digest)); err != nil {
				t.Error("offline:", err)
			}
		})
	}
}

// TestVerifyFetchesNothingElse: before signatures hold only they and what the
// reference names are read, and where no rule covers the repository not even they.
func TestVerifyFetchesNothingElse(t *testing.T) {
	for _, tag := range []string{"1", "index"} {
		w := newWorld(t, stdioModule)
		index := w.index()
		w.sign(w.pkg.Descriptor, newKey(t))
		c := w.cached(false)
		if _, err := c.Verify(t.Context(), w.tagged(tag)); !errors.Is(err, trust.ErrUntrusted) {
			t.Errorf("%s: %v", tag, err)
		}
		root := map[string]string{"1": w.pkg.Descriptor.Digest, "index": index.Digest}[tag]
		if got := w.upstream.fetched; len(got) != 3 || got[0] != root || slices.Contains(got[1:], w.pkg.Descriptor.Digest) {
			t.Errorf("%s: fetched %q, want the root %s, a bundle and its manifest", tag, got, root)
		}
		w.upstream.fetched = nil
		c = w.client(func(c *ClientConfig) { c.Trust = trust.Policy{} })
		if _, err := c.Verify(t.Context(), w.tagged(tag)); !errors.Is(err, trust.ErrNoRule) || !slices.Equal(w.upstream.fetched, []string{root}) {
			t.Errorf("%s, no rule: %v; fetched %q", tag, err, w.upstream.fetched)
		}
	}
}

// TestVerifyBoundsLayers: what is looked at to find the module is bounded by the
// largest module.
func TestVerifyBoundsLayers(t *testing.T) {
	w := newWorld(t, stdioModule)
	push := func(mediaType string, content []byte) oci.Descriptor {
		d := oci.Describe(mediaType, content)
		must(t, w.upstream.Push(t.Context(), d, bytes.NewReader(content)))
		return d
	}
	layers := []oci.Descriptor{push("application/octet-stream", padded(1000)), push("text/plain", make([]byte, 500))}
	content, err := json.Marshal(oci.Manifest{SchemaVersion: 2, MediaType: oci.MediaTypeManifest, Config: push(oci.MediaTypeEmpty, []byte("{}")), Layers: layers})
	must(t, err)
	d := push(oci.MediaTypeManifest, content)
	w.sign(d, w.key)
	for limit, want := range map[int64]error{1499: pack.ErrPackage, 1500: nil} {
		c := w.client(func(c *ClientConfig) { c.MaxBytes = limit })
		if _, err := c.Verify(t.Context(), w.at(d.Digest)); !errors.Is(err, want) {
			t.Errorf("%d bytes: %v, want %v", limit, err, want)
		}
	}
}

func TestVerifyUnsigned(t *testing.T) {
	for name, change := range map[string]func(*ClientConfig){
		"no rule":             func(c *ClientConfig) { c.Trust = trust.Policy{} },
		"a rule not complied": func(*ClientConfig) {},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, stdioModule)
			c := w.client(func(c *ClientConfig) { c.AllowUnsigned = true; change(c) })
			p, err := c.Verify(t.Context(), w.ref)
			must(t, err)
			if !p.Verdict.Unsigned || p.Signed != "" || len(p.Verdict.Signers) > 0 {
				t.Errorf("verdict %+v, signed %q", p.Verdict, p.Signed)
			}
			if log := w.log.String(); !strings.Contains(log, "level=WARN") || !strings.Contains(log, w.pkg.Descriptor.Digest) {
				t.Errorf("log: %s", log)
			}
			if _, err := c.Open(t.Context(), p); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("signed", func(t *testing.T) {
		w := newWorld(t, stdioModule)
		w.sign(w.pkg.Descriptor, w.key)
		p, err := w.client(func(c *ClientConfig) { c.AllowUnsigned = true }).Verify(t.Context(), w.ref)
		if err != nil || p.Verdict.Unsigned || w.log.Len() > 0 {
			t.Errorf("Verify = %+v, %v; log: %s", p, err, &w.log)
		}
	})
}

// TestVerifyMovedTag moves the tag while a package is verified: what is read is
// what was verified.
func TestVerifyMovedTag(t *testing.T) {
	w := newWorld(t, stdioModule)
	w.sign(w.pkg.Descriptor, w.key)
	other := newWorld(t, padded(1000)).pkg
	must(t, other.Push(t.Context(), w.upstream, ""))
	asked := 0
	w.upstream.resolve = func(name string) (oci.Descriptor, error) {
		if name != "1" {
			return w.upstream.Memory.Resolve(context.Background(), name)
		}
		if asked++; asked > 1 {
			return other.Descriptor, nil
		}
		return w.pkg.Descriptor, nil
	}
	c := w.client(nil)
	p, err := c.Verify(t.Context(), w.ref)
	must(t, err)
	a, err := c.Open(t.Context(), p)
	if err != nil || a.Digest != oci.DigestOf(stdioModule) {
		t.Errorf("Open: %s, %v", a.Digest, err)
	}
	if _, err := c.Verify(t.Context(), w.ref); !errors.Is(err, trust.ErrUntrusted) {
		t.Errorf("behind the tag is another package: %v", err)
	}
}

func TestClientBounds(t *testing.T) {
	if _, err := NewClient(ClientConfig{MaxBytes: -1}); err == nil {
		t.Error("no error for a negative size")
	}
	w := newWorld(t, stdioModule)
	w.sign(w.pkg.Descriptor, w.key)
	c := w.client(func(c *ClientConfig) { c.MaxBytes = int64(len(stdioModule)) - 1 })
	p, err := c.Verify(t.Context(), w.ref)
	must(t, err)
	if _, err := c.Open(t.Context(), p); err == nil || !strings.Contains(err.Error(), "allowed") {
		t.Errorf("a module that is too large: %v", err)
	}
	if _, err := c.Open(t.Context(), &Package{}); err == nil {
		t.Error("a package that was not verified was opened")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.client(nil).Verify(ctx, w.ref); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the context's", err)
	}
}
