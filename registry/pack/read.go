package pack

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// Bounds of what is read of a package beside its module and manifests.
const (
	maxConfigBytes = 1 << 20
	// maxUnknown is how many layers of unknown types are looked into.
	maxUnknown = 16
)

// wasmTypes are the media types of a raw module: that of the CNCF layout, and
// those of the tools before it (wasm-to-oci, the solo.io image specification).
var wasmTypes = []string{
	MediaTypeWasm,
	"application/vnd.wasm.content.layer.v1+wasm",
	"application/vnd.module.wasm.content.layer.v1+wasm",
}

// imageConfigTypes are the types of config that make a manifest one of an image.
var imageConfigTypes = []string{"application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"}

// Read reads a package's manifests and finds the module, without reading that:
// a manifest, or an index with an entry for Wasm or just one entry. Of an image
// it is not known whether the module is there until it is read.
//
// Where no layer is of a type that is known, each is read and hashed, to see
// which one is a module: together they have at most limit bytes.
//
// An error that is about the package wraps [ErrPackage] and says what was found
// in the module's place.
func Read(ctx context.Context, src oci.Source, d oci.Descriptor, limit int64) (*Listing, error) {
	content, err := readManifest(ctx, src, d)
	if err != nil {
		return nil, err
	}
	if isIndex(d.MediaType) {
		if d, err = Choose(content); err != nil {
			return nil, err
		}
		if content, err = readManifest(ctx, src, d); err != nil {
			return nil, err
		}
	}
	l := &Listing{Descriptor: d}
	if l.Manifest, err = parseManifest(d, content); err != nil {
		return nil, err
	}
	if err := l.recognise(ctx, src, limit); err != nil {
		return nil, err
	}
	configuration, err := readPart(ctx, src, "config", l.Manifest.Config, maxConfigBytes)
	if err != nil {
		return nil, err
	}
	if l.Layout == LayoutPackage {
		return l, l.readOwn(ctx, src, configuration)
	}
	return l, nil
}

func isIndex(mediaType string) bool {
	return mediaType == oci.MediaTypeIndex || mediaType == oci.MediaTypeDockerIndex
}

func isManifest(mediaType string) bool {
	return mediaType == oci.MediaTypeManifest || mediaType == oci.MediaTypeDockerManifest
}

// readManifest reads a manifest or an index.
func readManifest(ctx context.Context, src oci.Source, d oci.Descriptor) ([]byte, error) {
	if err := d.Check(oci.MaxManifestBytes); err != nil {
		return nil, refuse("OCI manifest %w", err)
	}
	if !isManifest(d.MediaType) && !isIndex(d.MediaType) {
		return nil, refuse("%s is of type %.100q: want an image manifest or index", d.Digest, d.MediaType)
	}
	return readPart(ctx, src, "manifest", d, oci.MaxManifestBytes)
}

func readPart(ctx context.Context, src oci.Source, what string, d oci.Descriptor, limit int64) ([]byte, error) {
	content, err := oci.ReadAll(ctx, src, d, limit)
	if err != nil {
		return nil, fmt.Errorf("read the package's %s: %w", what, err)
	}
	return content, nil
}

// parseManifest reads an image manifest.
func parseManifest(d oci.Descriptor, content []byte) (oci.Manifest, error) {
	m, err := oci.DecodeManifest(content)
	if err != nil {
		return m, refuse("OCI manifest %s: %w", d.Digest, err)
	}
	switch {
	case m.SchemaVersion != 2:
		return m, refuse("OCI manifest %s: schemaVersion %d: want 2", d.Digest, m.SchemaVersion)
	case m.MediaType != "" && m.MediaType != d.MediaType:
		return m, refuse("OCI manifest %s: it says that it is of type %.100q, and was found as %q", d.Digest, m.MediaType, d.MediaType)
	case len(m.Layers) == 0:
		return m, refuse("OCI manifest %s: it has no layers", d.Digest)
	}
	return m, nil
}

// recognise finds the layout and the layer with the module.
func (l *Listing) recognise(ctx context.Context, src oci.Source, limit int64) error {
	layers := l.Manifest.Layers
	if slices.ContainsFunc(layers, ofType(MediaTypeManifest)) {
		if len(layers) != 2 || layers[0].MediaType != MediaTypeWasm || layers[1].MediaType != MediaTypeManifest {
			return refuse("want a layer of type %s and then one of type %s; found %s", MediaTypeWasm, MediaTypeManifest, l.found())
		}
		l.Layout, l.Wasm = LayoutPackage, layers[0]
		return nil
	}
	raw := wasmLayers(layers)
	if len(raw) == 0 && slices.Contains(imageConfigTypes, l.Manifest.Config.MediaType) && !slices.ContainsFunc(layers, notTar) {
		l.Layout, l.Wasm = LayoutContainer, layers[len(layers)-1]
		return nil
	}
	if len(raw) == 0 {
		var err error
		if raw, err = findModules(ctx, src, layers, limit); err != nil {
			return err
		}
	}
	switch len(raw) {
	case 0:
		return refuse("no layer has a WebAssembly module; found %s", l.found())
	case 1:
	default:
		return refuse("%d layers have WebAssembly modules, and none says which one is to run; found %s", len(raw), l.found())
	}
	l.Layout, l.Wasm = LayoutWasm, raw[0]
	if l.Manifest.ArtifactType == ArtifactTypeHyperMCP || l.Manifest.Config.MediaType == ArtifactTypeHyperMCP {
		l.Layout = LayoutHyperMCP
	}
	return nil
}

func ofType(mediaType string) func(oci.Descriptor) bool {
	return func(d oci.Descriptor) bool { return d.MediaType == mediaType }
}

func wasmLayers(layers []oci.Descriptor) (raw []oci.Descriptor) {
	for _, d := range layers {
		if slices.Contains(wasmTypes, d.MediaType) {
			raw = append(raw, d)
		}
	}
	return raw
}

// found lists what a manifest holds, for errors.
func (l *Listing) found() string {
	parts := []string{"config " + described(l.Manifest.Config)}
	for i, d := range l.Manifest.Layers {
		if i == 10 {
			parts = append(parts, fmt.Sprintf("and %d more", len(l.Manifest.Layers)-i))
			break
		}
		parts = append(parts, "layer "+described(d))
	}
	if l.Manifest.ArtifactType != "" {
		parts = append(parts, fmt.Sprintf("artifact type %.100q", l.Manifest.ArtifactType))
	}
	return strings.Join(parts, ", ")
}

func described(d oci.Descriptor) string {
	return fmt.Sprintf("%.100q (%d bytes)", d.MediaType, d.Size)
}

// readOwn reads the manifest of a package of ours, and checks its config.
func (l *Listing) readOwn(ctx context.Context, src oci.Source, configuration []byte) error {
	if l.Manifest.Config.MediaType == MediaTypeConfig {
		if err := checkConfig(configuration, l.Manifest.Layers); err != nil {
			return err
		}
	}
	data, err := readPart(ctx, src, "own manifest", l.Manifest.Layers[1], plugins.MaxManifestBytes)
	if err != nil {
		return err
	}
	l.Plugin, err = parsePlugin(data)
	return err
}

// Module reads the module, of at most limit bytes, and checks it: that it is
// one, and that it speaks the contract that the package's manifest says. Its
// errors wrap [ErrPackage], [plugins.ErrModule] or those of the source.
func (l *Listing) Module(ctx context.Context, src oci.Source, limit int64) ([]byte, error) {
	var wasm []byte
	var err error
	if l.Layout == LayoutContainer {
		wasm, err = imageModule(ctx, src, l.Manifest.Layers, limit)
	} else {
		wasm, err = readPart(ctx, src, "module", l.Wasm, limit)
	}
	if err != nil {
		return nil, err
	}
	if err := checkModule(wasm, l.Plugin); err != nil {
		return nil, err
	}
	return wasm, nil
}
