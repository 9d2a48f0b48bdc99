package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/cache"
	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/pack"
	"github.com/mcpwasm/mcpwasm/registry/trust"
)

// Verify resolves a reference and verifies the package: signatures and
// attestations by the policy, and only then, by digest, its manifests and what it
// asks for. Whatever is in the cache is verified again.
//
// A tag is resolved at the registry, always, so that it does not work offline. For a
// reference with a digest the signatures in the cache are looked at first, and
// the registry is asked if those do not satisfy the policy.
//
// Where the reference leads to an index, the signatures may be over the index or
// over the package's manifest. Either binds the module: the index is hashed, the
// manifest is chosen in what was hashed, and is read by that digest.
//
// The error is a [*PackageError], which wraps [ErrSource] where the package cannot
// be used, and of a refusal by the policy [trust.ErrUntrusted] too.
func (c *Client) Verify(ctx context.Context, ref oci.Reference) (*Package, error) {
	p := &Package{Reference: ref, source: c.Source(ref)}
	if err := c.verify(ctx, p); err != nil {
		return nil, refuse(ctx, p.Reference, err)
	}
	return p, nil
}

// verify fills in a package of which there are reference and source.
func (c *Client) verify(ctx context.Context, p *Package) error {
	ref, src := p.Reference, p.source
	root, err := c.resolve(ctx, ref, src)
	if err != nil {
		return err
	}
	p.Reference.Digest, p.Descriptor = root.Digest, root.Descriptor
	if oci.IsIndex(root.MediaType) {
		if p.Descriptor, err = pack.Choose(root.content); err != nil {
			return err
		}
	}
	// Nothing but the root and signatures was read so far, and nothing else is
	// unless they hold.
	unsigned := c.checkPackage(ctx, p, ref.Digest != "")
	if unsigned != nil && !c.config.AllowUnsigned {
		return unsigned
	}
	listing, err := pack.Read(ctx, src, p.Descriptor, c.config.MaxBytes)
	if err != nil {
		return err
	}
	p.Listing = *listing
	if unsigned != nil {
		if err := c.allowUnsigned(ctx, p, "package", unsigned); err != nil {
			return err
		}
	}
	if err := c.checkManifest(p); err != nil {
		return err
	}
	cache.Keep(src, p.Reference.Digest, p.Descriptor.Digest)
	return nil
}

// checkPackage asks the policy about what a reference resolved to, and, where that
// is an index, about the manifest in it. cached says that all that is needed may
// be in the cache.
func (c *Client) checkPackage(ctx context.Context, p *Package, cached bool) error {
	root, manifest := p.Reference.Digest, p.Descriptor.Digest
	err := c.checkSignatures(ctx, p, root, cached)
	if err == nil || manifest == root || errors.Is(err, trust.ErrNoRule) {
		return err
	}
	if err = c.checkSignatures(ctx, p, manifest, cached); err != nil {
		return fmt.Errorf("neither the index %s nor the package in it: %w", root, err)
	}
	return nil
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

// checkManifest holds what a package says about itself, its name and what it asks for,
// against the policy. One that nobody vouches for may come from where no rule says
// anything.
func (c *Client) checkManifest(p *Package) error {
	var name string
	var asked *plugins.Requests
	if p.Plugin != nil {
		name, asked = p.Plugin.Name, p.Plugin.Capabilities
	}
	err := c.config.Trust.CheckName(p.Reference, name)
	if err == nil {
		err = c.config.Trust.CheckCapabilities(p.Reference, asked)
	}
	if p.Verdict.Unsigned && errors.Is(err, trust.ErrNoRule) {
		return nil
	}
	return err
}

// root is what a reference resolved to, a manifest or an index: hashed, and
// taken for what its content says it is.
type root struct {
	oci.Descriptor
	content []byte
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

// parseRoot says what the content of a manifest or an index is.
func parseRoot(digest string, content []byte) (root, error) {
	mediaType, err := oci.ManifestType(content)
	if err != nil {
		return root{}, fmt.Errorf("%s: %w: %w", digest, pack.ErrPackage, err)
	}
	return root{oci.Descriptor{MediaType: mediaType, Digest: digest, Size: int64(len(content))}, content}, nil
}
