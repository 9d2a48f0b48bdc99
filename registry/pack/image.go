package pack

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// Bounds of unpacking an image's layers.
const (
	// maxUnpacked bounds the bytes of all layers of an image together.
	maxUnpacked = 1 << 30
	// maxRatio bounds how much a layer grows beyond freeBytes when it is
	// unpacked. Modules shrink to a third or a fifth; gzip can do 1000.
	maxRatio  = 100
	freeBytes = 16 << 20
	// maxFiles bounds the entries of a layer.
	maxFiles = 200_000
)

// pluginFile is the module's place in an image, as hyper-mcp has it.
const pluginFile = "plugin.wasm"

// Whiteouts (image-spec, layer.md): files that take away what lower layers have.
const (
	whiteoutPlugin = ".wh." + pluginFile
	whiteoutAll    = ".wh..wh..opq"
)

// tarTypes are the media types of layers that are read, gzip or not.
var tarTypes = []string{
	"application/vnd.oci.image.layer.v1.tar", "application/vnd.oci.image.layer.v1.tar+gzip",
	"application/vnd.docker.image.rootfs.diff.tar", "application/vnd.docker.image.rootfs.diff.tar.gzip",
}

func notTar(d oci.Descriptor) bool { return !slices.Contains(tarTypes, d.MediaType) }

// findModules finds the layers that are modules among those of unknown types: oras
// calls a file a tar unless it is told otherwise. What decides was hashed, so that
// a registry cannot have one layer taken for another.
func findModules(ctx context.Context, src oci.Source, layers []oci.Descriptor, limit int64) (raw []oci.Descriptor, err error) {
	if len(layers) > maxUnknown {
		return nil, nil
	}
	left := limit
	for _, d := range layers {
		if d.Size > left { // before any is fetched
			return nil, refuse("layers of unknown types have more than the %d bytes allowed together: a layer of type %s is taken without looking at the others", limit, MediaTypeWasm)
		}
		left -= max(d.Size, 0)
	}
	for _, d := range layers {
		content, err := readPart(ctx, src, "layer", d, limit)
		if err != nil {
			return nil, err
		}
		if bytes.HasPrefix(content, []byte("\x00asm")) {
			raw = append(raw, d)
		}
	}
	return raw, nil
}

// imageModule finds the module in an image: in the topmost layer that has it,
// unless a layer above that takes it away. Layers are unpacked in memory, one
// file of them is kept, and layers below are not looked at.
func imageModule(ctx context.Context, src oci.Source, layers []oci.Descriptor, limit int64) ([]byte, error) {
	left := int64(maxUnpacked)
	for i, d := range slices.Backward(layers) {
		packed, err := readPart(ctx, src, "layer", d, limit)
		if err != nil {
			return nil, err
		}
		found, used, err := findPlugin(ctx, packed, limit, left)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			return nil, refuse("layer %d, %s: %w", i+1, described(d), err)
		}
		left -= used
		if found.removed && found.wasm == nil {
			return nil, refuse("layer %d of the image removes /%s", i+1, pluginFile)
		}
		if found.wasm != nil {
			return found.wasm, nil
		}
	}
	return nil, refuse("no layer of the image has /%s", pluginFile)
}

// finding is what a layer says about the module.
type finding struct {
	wasm    []byte // nil: nothing
	removed bool   // that of lower layers is gone
}

// findPlugin reads a layer, packed by gzip or not, of at most left bytes when it
// is unpacked. It returns how many those were.
func findPlugin(ctx context.Context, packed []byte, limit, left int64) (f finding, used int64, err error) {
	if bytes.HasPrefix(packed, []byte("\x28\xb5\x2f\xfd")) {
		return f, 0, errors.New("it is packed by zstd, which is not read: build the image with gzip")
	}
	var r io.Reader = bytes.NewReader(packed)
	if bytes.HasPrefix(packed, []byte("\x1f\x8b")) {
		if r, err = gzip.NewReader(r); err != nil {
			return f, 0, err
		}
		left = min(left, freeBytes+maxRatio*int64(len(packed)))
	}
	b := &bounded{ctx: ctx, r: r, left: left}
	f, err = findInTar(b, limit)
	return f, left - b.left, err
}

// findInTar reads a whole tar, since a second entry of the same name would count
// instead of the first.
func findInTar(r io.Reader, limit int64) (f finding, err error) {
	t := tar.NewReader(r)
	for n := 0; ; n++ {
		if n == maxFiles {
			return f, fmt.Errorf("more than %d entries", maxFiles)
		}
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return f, drain(r)
		}
		if err != nil {
			return f, err
		}
		name := h.Name
		if slices.Contains(strings.Split(name, "/"), "..") {
			return f, fmt.Errorf("the entry %.100q leads upwards", name)
		}
		switch path.Clean("/" + name) {
		case "/" + whiteoutPlugin, "/" + whiteoutAll:
			f.removed = true
		case "/" + pluginFile:
			if f.wasm != nil {
				return f, fmt.Errorf("two entries are /%s", pluginFile)
			}
			if f.wasm, err = readPlugin(t, h, limit); err != nil {
				return f, err
			}
		}
	}
}

// drain reads what follows a tar's end, so that all of a layer is within its
// bounds and the checksum of gzip holds.
func drain(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}

// readPlugin reads the module's entry: a regular file and nothing that looks like
// one.
func readPlugin(t *tar.Reader, h *tar.Header, limit int64) ([]byte, error) {
	if !slices.Contains([]string{pluginFile, "/" + pluginFile, "./" + pluginFile}, h.Name) {
		return nil, fmt.Errorf("the entry %.100q is a strange name for /%s", h.Name, pluginFile)
	}
	if h.Typeflag != tar.TypeReg || isSparse(h) {
		return nil, fmt.Errorf("/%s is not a regular file", pluginFile)
	}
	if h.Size > limit {
		return nil, fmt.Errorf("/%s has %d bytes, more than the %d allowed", pluginFile, h.Size, limit)
	}
	wasm, err := io.ReadAll(io.LimitReader(t, h.Size))
	if err != nil {
		return nil, err
	}
	if int64(len(wasm)) != h.Size {
		return nil, fmt.Errorf("/%s: %w", pluginFile, io.ErrUnexpectedEOF)
	}
	return wasm, nil
}

// isSparse reports whether a file is longer than what the tar holds of it, which
// would pass by the bounds of unpacking.
func isSparse(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// bounded reads so many bytes and no more, for as long as its context lasts.
type bounded struct {
	ctx  context.Context
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	if b.left == 0 {
		// At the end of what is allowed there may be the end of what there is.
		if n, err := b.r.Read(make([]byte, 1)); n == 0 {
			return 0, err
		}
		return 0, errors.New("it unpacks to more than is allowed")
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
