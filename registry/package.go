package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"

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
		return Artifact{}, err
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

// PackageError says why a package cannot be used, or could not be reached. It
// wraps [ErrSource] where what is there cannot be used.
type PackageError struct {
	// Reference is what was asked for, with the digest if it got as far as that.
	Reference oci.Reference
	// Err is the reason.
	Err      error
	unusable bool
}

// Error names the reference once.
func (e *PackageError) Error() string {
	if e.unusable {
		return fmt.Sprintf("cannot use the package %q: %s", e.Reference, e.Reason())
	}
	return fmt.Sprintf("get %q: %s", e.Reference, e.Reason())
}

// Unwrap makes [errors.Is] find the reason, and [ErrSource].
func (e *PackageError) Unwrap() []error {
	if e.unusable {
		return []error{ErrSource, e.Err}
	}
	return []error{e.Err}
}

// formNamed is how readers of a repository begin what they say: with the digest or
// tag that it is about.
const formNamed = `(@sha256:[0-9a-f]{64}|:[A-Za-z0-9_][A-Za-z0-9._-]*)?(: )?`

// Reason is the error without the reference, which whoever reads a repository
// names as well. Of what else is in it the digest is left.
func (e *PackageError) Reason() string {
	named := regexp.MustCompile(regexp.QuoteMeta(e.Reference.Name()) + formNamed)
	return named.ReplaceAllStringFunc(e.Err.Error(), func(found string) string {
		about, sentence := strings.CutSuffix(strings.TrimPrefix(found, e.Reference.Name()), ": ")
		switch {
		case sentence && (about == "" || about == ":"+e.Reference.Tag || about == "@"+e.Reference.Digest):
			return ""
		case sentence && about[0] == '@':
			return about[1:] + ": "
		}
		return found
	})
}

// refuse names the package in an error, and tells what cannot be used from what
// could not be reached.
func refuse(ctx context.Context, ref oci.Reference, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	e := &PackageError{Reference: ref, Err: err}
	for _, reason := range []error{trust.ErrUntrusted, oci.ErrContent, oci.ErrRefused, oci.ErrNotFound, sign.ErrTooMuch, pack.ErrPackage, plugins.ErrModule} {
		e.unusable = e.unusable || errors.Is(err, reason)
	}
	return e
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
