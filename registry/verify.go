package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

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
		return nil, c.refuse(ctx, ref.String(), err)
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
	p.Verdict, err = c.checkSignatures(ctx, p, root.Digest, cached)
	unsigned := err
	if unsigned != nil && !oci.IsIndex(root.MediaType) && !c.mayBeUnsigned(ctx) {
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
		if p.Verdict, err = c.checkSignatures(ctx, p, p.Descriptor.Digest, cached); err == nil {
			unsigned = nil
		} else {
			unsigned = fmt.Errorf("neither the index nor the package in it: %w", err)
		}
	}
	if unsigned != nil {
		if !c.mayBeUnsigned(ctx) {
			return nil, unsigned
		}
		c.log.Warn("a package is used that nobody vouches for", "reference", p.Reference.String(), "digest", p.Descriptor.Digest, "reason", unsigned)
		p.Signed, p.Verdict = "", trust.Verdict{Unsigned: true}
	}
	return p, c.checkCapabilities(p)
}

func (c *Client) mayBeUnsigned(ctx context.Context) bool {
	return c.config.AllowUnsigned && ctx.Err() == nil
}

// checkSignatures asks the policy about a digest: by what is in the cache if that may
// do, else by what the registry has.
func (c *Client) checkSignatures(ctx context.Context, p *Package, digest string, cached bool) (trust.Verdict, error) {
	p.Signed = digest
	if cached || c.config.Offline {
		v, err := c.policy.CheckSignatures(ctx, p.Reference, c.cached(p.Reference), digest)
		if err == nil || c.config.Offline || ctx.Err() != nil {
			return v, err
		}
		c.log.Debug("the signatures in the cache do not do", "reference", p.Reference.String(), "reason", err)
	}
	return c.policy.CheckSignatures(ctx, p.Reference, p.source, digest)
}

// checkCapabilities holds what a package asks for against the policy.
func (c *Client) checkCapabilities(p *Package) error {
	if p.Plugin == nil {
		return nil // it asks for nothing
	}
	return c.policy.CheckCapabilities(p.Reference, p.Plugin.Capabilities)
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
		return root{}, fmt.Errorf("what the tag %q stands for is asked at the registry, which is not possible offline: name the digest (%s@sha256:…)", ref.Tag, ref.Name())
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
		return root{}, fmt.Errorf("%s: %w", digest, err)
	}
	r := root{Descriptor: oci.Descriptor{MediaType: mediaType, Digest: digest, Size: int64(len(content))}}
	if !oci.IsIndex(mediaType) {
		return r, nil
	}
	var index oci.Index
	if err := json.Unmarshal(content, &index); err != nil {
		return root{}, fmt.Errorf("%s: it is no index: %w", digest, err)
	}
	r.index = index.Manifests
	return r, nil
}
