package packages

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"os"
	"strings"
	"testing"
)

// contents are packages that are wrong in themselves, although they are signed
// by somebody who is trusted.
var contents = []attack{
	{name: "content/two modules", set: layers(func(a *arena) []descriptor {
		wasm := *a.layer(mediaTypeWasm)
		return append(a.parts.Layers, wasm)
	})},
	{name: "content/no module", set: layers(func(a *arena) []descriptor { return []descriptor{*a.layer(mediaTypeOwn)} })},
	{name: "content/no layers", set: layers(func(*arena) []descriptor { return nil })},
	{name: "content/a module that is none", set: func(a *arena) {
		a.replace(mediaTypeWasm, []byte("#!/bin/sh\n"))
		a.forge()
	}},
	{name: "content/our manifest cut short", set: func(a *arena) {
		own := published.content[a.layer(mediaTypeOwn).Digest]
		a.replace(mediaTypeOwn, own[:len(own)/2])
		a.forge()
	}},
	{name: "content/it asks for more than its publisher may", set: func(a *arena) {
		own := published.content[a.layer(mediaTypeOwn).Digest]
		asks := bytes.Replace(own, []byte(`{`), []byte(`{"capabilities":{"kv":{"access":"rw","reason":"to keep it"}},`), 1)
		a.replace(mediaTypeOwn, asks)
		a.forge()
		a.configure(strings.Replace(byKey("k.pub"), "      capabilities: any\n", "", 1), &a.m.registry)
	}},
	{name: "content/manifest and index at once", set: func(a *arena) {
		a.parts.Manifests = []descriptor{a.pkg}
		a.forge()
	}},
	{name: "content/image with a path out of it", set: image(func(*testing.T) []file { return []file{{"../plugin.wasm", module()}} })},
	{name: "content/image with an absolute path out of it", set: image(func(*testing.T) []file { return []file{{"/srv/../../plugin.wasm", module()}} })},
	{name: "content/image with a symbolic link for a module", set: linked(tar.TypeSymlink, "/etc/passwd")},
	{name: "content/image with a hard link for a module", set: linked(tar.TypeLink, "../../../etc/passwd")},
	{name: "content/image with a device for a module", set: linked(tar.TypeChar, "")},
	{name: "content/image with a folder for a module", set: image(func(*testing.T) []file { return []file{{"plugin.wasm/", nil}} })},
	{name: "content/image with two modules", set: image(func(*testing.T) []file {
		return []file{{"plugin.wasm", module()}, {"./plugin.wasm", module()}}
	})},
	{name: "content/image that is a gzip bomb", set: func(a *arena) {
		var bomb bytes.Buffer
		z, err := gzip.NewWriterLevel(&bomb, gzip.BestCompression)
		if err != nil {
			a.t.Fatal(err)
		}
		w := tar.NewWriter(z)
		const size = 2 << 30
		if err := w.WriteHeader(&tar.Header{Name: "filler", Mode: 0o600, Size: size, Typeflag: tar.TypeReg}); err != nil {
			a.t.Fatal(err)
		}
		block := make([]byte, 1<<20)
		for range size / len(block) {
			if _, err := w.Write(block); err != nil {
				a.t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			a.t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			a.t.Fatal(err)
		}
		a.signImage(bomb.Bytes())
	}},
	{name: "content/image cut short", set: func(a *arena) {
		whole := zipped(a.t, tarball(a.t, file{"plugin.wasm", module()}))
		a.signImage(whole[:len(whole)/2])
	}},
}

func module() []byte {
	b, err := os.ReadFile(guest)
	if err != nil {
		panic(err) // it was built by TestMain
	}
	return b
}

// layers publishes and signs the package with other layers.
func layers(of func(a *arena) []descriptor) func(*arena) {
	return func(a *arena) {
		a.parts.Layers = of(a)
		a.forge()
	}
}

// image publishes and signs an image of the files.
func image(files func(*testing.T) []file) func(*arena) {
	return func(a *arena) { a.signImage(zipped(a.t, tarball(a.t, files(a.t)...))) }
}

// image publishes and signs an image of one layer.
func (a *arena) signImage(layer []byte) {
	a.t.Helper()
	config := a.blob("CONFIG", "application/vnd.oci.image.config.v1+json", []byte(`{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}`))
	d := a.blob("LAYER", "application/vnd.oci.image.layer.v1.tar+gzip", layer)
	a.pkg = a.put("PACKAGE", version, manifest{Config: &config, Layers: []descriptor{d}})
	a.sign(a.pkg)
}

// linked publishes an image whose module is no file.
func linked(typeflag byte, target string) func(*arena) {
	return func(a *arena) {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		if err := w.WriteHeader(&tar.Header{Name: "plugin.wasm", Linkname: target, Typeflag: typeflag, Mode: 0o644}); err != nil {
			a.t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			a.t.Fatal(err)
		}
		a.signImage(zipped(a.t, b.Bytes()))
	}
}
