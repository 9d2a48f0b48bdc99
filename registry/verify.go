package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/pack"
	"github.com/mcpwasm/mcpwasm/registry/trust"
)

// Verify resolves a reference and verifies the package: signatures and
// attestations by the policy, then what it asks for. Whatever is in the cache is
// verified again. Only then its manifests are read, by digest.
//
// A tag is resolved at the registry, always, so that it does not work offline. For a
// reference with a digest the signatures in the cache are looked at first, and
// the registry is asked if those do not satisfy the policy.
//
// Where the reference leads to an index, the signatures may be over the index or
// over the package's manifest. Either binds the module: the index is hashed, and
// has to list the manifest by its digest, which is hashed as well.
//
// The error wraps [ErrSource] where the package cannot be used, and of a refusal
// by the policy [trust.ErrUntrusted] too.
func (c *Client) Verify(ctx context.Context, ref oci.Reference) (*Package, error) {
	p, err := c.verify(ctx, ref)
	if err != nil {
		return nil, refuse(ctx, ref.String(), err)
	}
	return p, nil
}

func (c *Client) verify(ctx context.Context, ref oci.Reference) (*Package, error) {
	src := c.Source(ref)
	root, err := c.resolve(ctx, ref, src)
	if err != nil {
		return nil, err
	}
	p := &Package{Reference: ref, source: src}
	p.Reference.Digest = root.Digest
	cached := ref.Digest != "" // then all that is needed may be there
	unsigned := c.checkSignatures(ctx, p, root.Digest, cached)
	if unsigned != nil && !oci.IsIndex(root.MediaType) && !c.config.AllowUnsigned {
		return nil, unsigned
	}
	listing, err := pack.Read(ctx, src, root.Descriptor)
	if err != nil {
		return nil, err
	}
	p.Listing = *listing
	if err := root.leadsTo(p.Descriptor.Digest); err != nil {
		return nil, err
	}
	if unsigned != nil && p.Descriptor.Digest != root.Digest {
		if unsigned = c.checkSignatures(ctx, p, p.Descriptor.Digest, cached); unsigned != nil {
			unsigned = fmt.Errorf("neither the index %s nor the package in it: %w", root.Digest, unsigned)
		}
	}
	if unsigned != nil {
		if err := c.allowUnsigned(ctx, p, "package", unsigned); err != nil {
			return nil, err
		}
	}
	if err := c.checkCapabilities(p); err != nil {
		return nil, err
	}
	return p, nil
}

// allowUnsigned takes something for which nobody vouches, if the operator allows
// that, and says so.
func (c *Client) allowUnsigned(ctx context.Context, p *Package, what string, reason error) error {
	if !c.config.AllowUnsigned || ctx.Err() != nil {
		return reason
	}
	c.log.Warn("a "+what+" is used that nobody vouches for", "reference", p.Reference.String(), "digest", p.Descriptor.Digest, "reason", reason)
	p.Signed, p.Verdict = "", trust.Verdict{Unsigned: true}
	return nil
}

// checkSignatures asks the policy about a digest: by what is in the cache if that may
// do, else by what the registry has.
func (c *Client) checkSignatures(ctx context.Context, p *Package, digest string, cached bool) error {
	ref := p.Reference
	ref.Digest = digest // or that of the manifest in an index
	var err error
	p.Signed = digest
	if cached || c.config.Offline {
		p.Verdict, err = c.config.Trust.CheckSignatures(ctx, ref, c.cached(ref), digest)
		if err == nil || c.config.Offline || ctx.Err() != nil {
			return err
		}
		c.log.Debug("the signatures in the cache do not do", "reference", ref.String(), "reason", err)
	}
	p.Verdict, err = c.config.Trust.CheckSignatures(ctx, ref, p.source, digest)
	return err
}

// checkCapabilities holds what a package asks for against the policy. One that
// nobody vouches for may come from where no rule says anything.
func (c *Client) checkCapabilities(p *Package) error {
	var asked *plugins.Requests
	if p.Plugin != nil {
		asked = p.Plugin.Capabilities
	}
	err := c.config.Trust.CheckCapabilities(p.Reference, asked)
	if p.Verdict.Unsigned && errors.Is(err, trust.ErrNoRule) {
		return nil
	}
	return err
}

// root is what a reference resolved to, a manifest or an index: hashed, and
// taken for what its content says it is.
type root struct {
	oci.Descriptor
	index []oci.Descriptor // what an index lists
}

// leadsTo makes sure that a package's manifest is the root, or listed by it.
func (r root) leadsTo(digest string) error {
	if digest == r.Digest || slices.ContainsFunc(r.index, func(d oci.Descriptor) bool { return d.Digest == digest }) {
		return nil
	}
	return fmt.Errorf("%w: %s does not lead to the manifest %s", oci.ErrContent, r.Digest, digest)
}

// resolve reads what a reference names. Of the descriptor only the digest is
// believed: the size has to be true, and the media type is the content's.
func (c *Client) resolve(ctx context.Context, ref oci.Reference, src oci.Source) (root, error) {
	if c.config.Offline && ref.Digest == "" {
		return root{}, fmt.Errorf("%w offline: what a tag stands for only the registry knows: name the digest, %s@sha256:…", oci.ErrNotFound, ref.Name())
	}
	d, err := src.Resolve(ctx, ref.Identifier())
	if err != nil {
		return root{}, err
	}
	if ref.Digest != "" && d.Digest != ref.Digest {
		return root{}, fmt.Errorf("%w: asked for %s, the registry answered with %s", oci.ErrContent, ref.Digest, d.Digest)
	}
	content, err := oci.ReadAll(ctx, src, oci.Descriptor{MediaType: d.MediaType, Digest: d.Digest, Size: d.Size}, oci.MaxManifestBytes)
	if err != nil {
		return root{}, err
	}
	return parseRoot(d.Digest, content)
}

// parseRoot reads a manifest, or an index as far as what it lists.
func parseRoot(digest string, content []byte) (root, error) {
	mediaType, err := oci.ManifestType(content)
	if err != nil {
		return root{}, fmt.Errorf("%s: %w: %w", digest, pack.ErrPackage, err)
	}
	r := root{Descriptor: oci.Descriptor{MediaType: mediaType, Digest: digest, Size: int64(len(content))}}
	if !oci.IsIndex(mediaType) {
		return r, nil
	}
	index, err := oci.DecodeIndex(content)
	if err != nil {
		return root{}, fmt.Errorf("%s: %w: it is no index: %w", digest, pack.ErrPackage, err)
	}
	r.index = index.Manifests
	return r, nil
}
