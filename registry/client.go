package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/mcpwasm/mcpwasm/registry/cache"
	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/pack"
	"github.com/mcpwasm/mcpwasm/registry/trust"
)

// ClientConfig says where packages come from and which are trusted. The zero
// value reaches every registry and trusts nothing.
type ClientConfig struct {
	// Registries are how registries are reached.
	Registries oci.Config
	// Repository returns where a reference's package is, in place of the
	// registry by the network. Default: as Registries say.
	Repository func(oci.Reference) oci.Target
	// Cache keeps what was fetched; nil keeps nothing.
	Cache *cache.Cache
	// Trust decides which packages may be used.
	Trust trust.Policy
	// AllowUnsigned uses packages without asking Trust. It is logged at level Warn.
	AllowUnsigned bool
	// Offline fetches nothing: what is not in the cache is not there.
	Offline bool
	// MaxBytes is the largest module. Default [DefaultMaxBytes].
	MaxBytes int64
	// Log takes what an operator should know. Nil drops it.
	Log *slog.Logger
}

// Client gets packages: it resolves a tag to a digest, verifies the digest, and
// reads content by digest only. Its methods may be called at the same time.
type Client struct {
	config ClientConfig
	log    *slog.Logger
}

// NewClient checks a configuration.
func NewClient(c ClientConfig) (*Client, error) {
	if c.MaxBytes < 0 {
		return nil, fmt.Errorf("largest module: %d bytes: want 0 for the default, or more", c.MaxBytes)
	}
	c.MaxBytes = cmp.Or(c.MaxBytes, DefaultMaxBytes)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Repository == nil {
		if c.Registries.Log == nil {
			c.Registries.Log = c.Log
		}
		remotes, err := oci.NewRemotes(c.Registries)
		if err != nil {
			return nil, err
		}
		c.Repository = remotes.Repository
	}
	return &Client{config: c, log: c.Log}, nil
}

// Repository is where a reference's package is, for publishing. It does not go
// through the cache, whether the client is offline or not.
func (c *Client) Repository(ref oci.Reference) oci.Target { return c.config.Repository(ref) }

// Source is where a reference's package is read: the cache, and behind it the
// registry unless the client is offline. Nothing in it has been verified but that
// content has its digest.
func (c *Client) Source(ref oci.Reference) oci.Source {
	if c.config.Offline {
		return c.cached(ref)
	}
	upstream := c.config.Repository(ref)
	if c.config.Cache == nil {
		return upstream
	}
	return c.config.Cache.Source(ref.Name(), upstream)
}

// cached is what there is without a network.
func (c *Client) cached(ref oci.Reference) oci.Source {
	if c.config.Cache == nil {
		return nothing{}
	}
	return c.config.Cache.Source(ref.Name(), nil)
}

// Kept reports whether a package is in the cache by now, to be opened without a
// network.
func (c *Client) Kept(p *Package) bool {
	return c.config.Cache != nil && c.config.Cache.Has(p.Descriptor.Digest) && c.config.Cache.Has(p.Wasm.Digest)
}

// Open reads a verified package's module. It is hashed as it is read.
func (c *Client) Open(ctx context.Context, p *Package) (Artifact, error) {
	if p.source == nil {
		return Artifact{}, errors.New("open a package: it comes from no Verify")
	}
	wasm, err := p.Module(ctx, p.source, c.config.MaxBytes)
	if err != nil {
		return Artifact{}, refuse(ctx, p.Reference, err)
	}
	a, err := p.artifact(p.Reference.String(), p.Reference.Repository, wasm)
	if err != nil {
		return Artifact{}, refuse(ctx, p.Reference, err)
	}
	return a, nil
}

// Keep fetches a verified package's module into the cache, without reading it
// as a whole, and returns its digest: it is hashed on its way there, and has the
// header of a module. What is there already is hashed again.
func (c *Client) Keep(ctx context.Context, p *Package) (digest string, err error) {
	if p.Layout == pack.LayoutContainer { // the module is within the layer
		a, err := c.Open(ctx, p)
		return a.Digest, err
	}
	if p.source == nil {
		return "", errors.New("keep a package: it comes from no Verify")
	}
	if err := p.keep(ctx, c.config.MaxBytes); err != nil {
		return "", refuse(ctx, p.Reference, err)
	}
	return p.Wasm.Digest, nil
}
