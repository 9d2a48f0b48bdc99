package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/pack"
	"github.com/mcpwasm/mcpwasm/registry/sign"
	"github.com/mcpwasm/mcpwasm/registry/trust"
)

// Package is a verified package, of which the module has not been read.
type Package struct {
	pack.Listing
	// Reference is what was asked for, with the digest that it resolved to: of
	// the package's manifest, or of an index that leads there.
	Reference oci.Reference
	// Signed is the digest that the signatures are over: that of Reference, or
	// of the package's manifest where only that one is signed. "" where
	// Verdict.Unsigned is set.
	Signed string
	// Verdict says who vouches for it.
	Verdict trust.Verdict
	source  oci.Source
}

// Source is where the package was read.
func (p *Package) Source() oci.Source { return p.source }

// keep has the source fetch the module, and looks at its header.
func (p *Package) keep(ctx context.Context, limit int64) error {
	if err := p.Wasm.Check(limit); err != nil {
		return err
	}
	r, err := p.source.Fetch(ctx, p.Wasm)
	if err != nil {
		return fmt.Errorf("read the package's module: %w", err)
	}
	defer r.Close() //nolint:errcheck // it was only read
	header := make([]byte, min(p.Wasm.Size, plugins.HeaderBytes))
	if _, err := io.ReadFull(r, header); err != nil {
		return fmt.Errorf("read the package's module: %w", err)
	}
	return plugins.CheckHeader(header)
}

// artifact makes what can be run of a module that was read from a package. name
// is what the server is called where the package has no manifest.
func (p *Package) artifact(source, name string, wasm []byte) (Artifact, error) {
	module, err := plugins.Inspect(wasm)
	if err != nil {
		return Artifact{}, fmt.Errorf("%w %q: %w", ErrSource, source, err)
	}
	if p.Plugin != nil {
		name = p.Plugin.Name
	}
	a := Artifact{
		Source: source, Name: nameOf(path.Base(name)), Digest: p.Wasm.Digest,
		Wasm: wasm, Module: module, Manifest: p.Plugin, Package: p.Descriptor.Digest,
	}
	if p.Layout == pack.LayoutContainer { // else the layer is the module, and was hashed when it was read
		a.Digest = oci.DigestOf(wasm)
	}
	return a, nil
}

// refuse names the source in an error, which wraps [ErrSource] where what is
// there cannot be used: not where it could not be reached.
func refuse(ctx context.Context, source string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for _, reason := range []error{trust.ErrUntrusted, oci.ErrContent, oci.ErrRefused, oci.ErrNotFound, sign.ErrTooMuch, pack.ErrPackage, plugins.ErrModule} {
		if errors.Is(err, reason) {
			return fmt.Errorf("%w %q: %w", ErrSource, source, err)
		}
	}
	return fmt.Errorf("get %q: %w", source, err)
}

// nothing is the source of a client that is offline and has no cache.
type nothing struct{}

func (nothing) Resolve(_ context.Context, name string) (oci.Descriptor, error) {
	return oci.Descriptor{}, fmt.Errorf("%s: %w: there is no cache, and nothing is fetched offline", name, oci.ErrNotFound)
}

func (nothing) Fetch(_ context.Context, d oci.Descriptor) (io.ReadCloser, error) {
	return nil, fmt.Errorf("%s: %w: there is no cache, and nothing is fetched offline", d.Digest, oci.ErrNotFound)
}

func (nothing) Referrers(context.Context, string) ([]oci.Descriptor, error) { return nil, nil }
