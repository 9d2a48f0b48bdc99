// Package pack is the form in which a server is published: an OCI artifact of a
// Wasm module and the manifest of its capabilities and definitions.
//
// [Build] makes one, [Read] finds the module and the manifest in a package of
// any layout that is known, ours or others'. docs/package-format.md describes
// the format for other tools.
package pack

import (
	"bytes"
	"context"
	"errors"
	"fmt"

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

// ArtifactTypeHyperMCP is the artifact type of hyper-mcp's plugins.
const ArtifactTypeHyperMCP = "application/vnd.hyper-mcp.plugin.v2"

// AnnotationServerName is what the MCP Registry compares with the name in a
// server.json: an annotation of the manifest, and a label of the config.
const AnnotationServerName = "io.modelcontextprotocol.server.name"

// ErrPackage is wrapped by the errors about what a package is, as opposed to
// those of getting it.
var ErrPackage = errors.New("not a package that can be used")

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrPackage, fmt.Errorf(format, args...))
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

// Push writes a package, its manifest last, and tags it unless tag is "".
func (p *Package) Push(ctx context.Context, to oci.Target, tag string) error {
	for _, c := range p.Content {
		if err := to.Push(ctx, c.Descriptor, bytes.NewReader(c.Bytes)); err != nil {
			return err // which names it
		}
	}
	if tag == "" {
		return nil
	}
	if err := to.Tag(ctx, p.Descriptor, tag); err != nil {
		return fmt.Errorf("tag %q: %w", tag, err)
	}
	return nil
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
	// Wasm is the layer that has the module. In an image it is the topmost layer,
	// from which the module is looked for downwards.
	Wasm oci.Descriptor
}

// Content lists what a package consists of, its manifest last: what has to be
// fetched for having all of it.
func (l *Listing) Content() []oci.Descriptor {
	all := append([]oci.Descriptor{l.Manifest.Config}, l.Manifest.Layers...)
	return append(all, l.Descriptor)
}
