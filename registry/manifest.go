package registry

import (
	"context"

	"github.com/mcpwasm/mcpwasm/registry/cache"
	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/trust"
)

// Manifest is a verified manifest of something else than a package, such as a
// catalog.
type Manifest struct {
	// Reference is what was asked for, with the digest of what was verified.
	Reference oci.Reference
	// Descriptor is that of the manifest, or index.
	Descriptor oci.Descriptor
	// Verdict says who vouches for it.
	Verdict trust.Verdict
	// Source has the content, by digest.
	Source oci.Source
}

// VerifyManifest resolves a reference and verifies what it names like
// [Client.Verify], but that it is no package: it asks for no capabilities. The caller
// makes sure that it is what was meant, by its artifact type and not an index, and
// names the reference in the error, which says nothing of a server.
func (c *Client) VerifyManifest(ctx context.Context, ref oci.Reference) (*Manifest, error) {
	p := &Package{Reference: ref, source: c.Source(ref)}
	root, err := c.resolve(ctx, ref, p.source)
	if err != nil {
		return nil, err
	}
	p.Reference.Digest, p.Descriptor = root.Digest, root.Descriptor
	if err := c.checkSignatures(ctx, p, root.Digest, ref.Digest != ""); err != nil {
		if err := c.allowUnsigned(ctx, p, "manifest", err); err != nil {
			return nil, err
		}
	}
	cache.Keep(p.source, root.Digest)
	return &Manifest{p.Reference, root.Descriptor, p.Verdict, p.source}, nil
}
