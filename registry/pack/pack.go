// Package pack is the form in which a server is published: an OCI artifact of a
// Wasm module and the manifest of its capabilities and definitions.
package pack

import (
	"context"
	"errors"
	"time"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// Media types of a package (CNCF TAG Runtime, Wasm OCI artifact layout; the
// second is ours).
const (
	MediaTypeConfig   = "application/vnd.wasm.config.v0+json"
	MediaTypeManifest = "application/vnd.mcpwasm.manifest.v1+json"
	MediaTypeWasm     = "application/wasm"
)

// Options of [Build].
type Options struct {
	// Created is written into the package; the zero time stands for 1 January 1970, so that
	// the same input gives the same digest.
	Created time.Time
	// Annotations are added to the manifest's.
	Annotations map[string]string
}

// Package is a package that was built, in memory.
type Package struct {
	Descriptor oci.Descriptor // of the manifest
	Manifest   oci.Manifest
	// Content is what is pushed, in this order.
	Content []Content
}

// Content is a piece of a package.
type Content struct {
	oci.Descriptor
	Bytes []byte
}

// Build makes a package. The same input gives the same digest.
func Build(wasm []byte, m *plugins.Manifest, o Options) (*Package, error) {
	return nil, errors.New("to be written")
}

// Push writes a package, its manifest last, and tags it unless tag is "".
func (p *Package) Push(ctx context.Context, to oci.Target, tag string) error {
	return errors.New("to be written")
}

// Layout is how a package that was read is laid out.
type Layout string

// The layouts that [Read] knows.
const (
	LayoutPackage   Layout = "mcpwasm"   // ours
	LayoutWasm      Layout = "wasm"      // one raw Wasm layer, as oras pushes it
	LayoutHyperMCP  Layout = "hyper-mcp" // hyper-mcp's artifact
	LayoutContainer Layout = "image"     // an image with /plugin.wasm
)

// Listing is a package of which all but the module was read.
type Listing struct {
	Descriptor oci.Descriptor // of the manifest, never of an index that led to it
	Layout     Layout
	Manifest   oci.Manifest
	// Plugin is the package's own manifest, nil where it has none.
	Plugin *plugins.Manifest
	// Wasm is the layer that has the module.
	Wasm oci.Descriptor
}

// Read reads a package's manifests and finds the module, without reading that.
// An error says what was found in its place.
func Read(ctx context.Context, src oci.Source, d oci.Descriptor) (*Listing, error) {
	return nil, errors.New("to be written")
}

// Module reads the module, of at most limit bytes.
func (l *Listing) Module(ctx context.Context, src oci.Source, limit int64) ([]byte, error) {
	return nil, errors.New("to be written")
}
