package catalog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/mcpwasm/mcpwasm/registry"
	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/trust"
)

// ErrCatalog is wrapped by the errors about a catalog that cannot be used, as
// opposed to one that could not be reached.
var ErrCatalog = errors.New("cannot use the catalog")

// unfit marks an error as one about what a catalog or package is. It is an
// [ErrCatalog] without saying so again.
type unfit struct{ error }

func (u unfit) Unwrap() error        { return u.error }
func (u unfit) Is(target error) bool { return target == ErrCatalog }

// Pulled is a catalog that was fetched and verified.
type Pulled struct {
	Catalog *Catalog
	// Reference is where it is, with the digest of its manifest.
	Reference oci.Reference
	// Verdict says who vouches for it.
	Verdict trust.Verdict
}

// Push publishes a catalog under a tag, or under none for "", and returns the
// descriptor of its manifest, which is what a signature is made over. The catalog
// is complete and says when it was made.
func Push(ctx context.Context, to oci.Target, c *Catalog, tag string) (oci.Descriptor, error) {
	if c.Created.IsZero() {
		return oci.Descriptor{}, fmt.Errorf("catalog %q: it does not say when it was created", c.Name)
	}
	layer, err := c.Encode()
	if err != nil {
		return oci.Descriptor{}, err
	}
	empty := []byte("{}")
	m := oci.Manifest{
		SchemaVersion: 2, MediaType: oci.MediaTypeManifest, ArtifactType: MediaType,
		Config: oci.Describe(oci.MediaTypeEmpty, empty), Layers: []oci.Descriptor{oci.Describe(MediaType, layer)},
		Annotations: c.annotations(),
	}
	manifest, err := json.Marshal(m)
	if err != nil {
		return oci.Descriptor{}, fmt.Errorf("encode the catalog's manifest: %w", err)
	}
	d := oci.Describe(oci.MediaTypeManifest, manifest)
	for _, part := range []struct {
		oci.Descriptor
		content []byte
	}{{m.Config, empty}, {m.Layers[0], layer}, {d, manifest}} {
		if err := to.Push(ctx, part.Descriptor, bytes.NewReader(part.content)); err != nil {
			return oci.Descriptor{}, fmt.Errorf("push %s (%s): %w", part.Digest, part.MediaType, err)
		}
	}
	if tag != "" {
		if err := to.Tag(ctx, d, tag); err != nil {
			return oci.Descriptor{}, fmt.Errorf("tag %q: %w", tag, err)
		}
	}
	return d, nil
}

// annotations are those that registries show (image-spec, annotations.md).
func (c *Catalog) annotations() map[string]string {
	a := map[string]string{"org.opencontainers.image.created": c.Created.UTC().Format(time.RFC3339)}
	for key, value := range map[string]string{"title": c.Title, "description": c.Description, "version": c.Version} {
		if value != "" {
			a["org.opencontainers.image."+key] = value
		}
	}
	return a
}

// Pull gets a catalog: it resolves the reference, verifies the digest by the
// client's policy, and only then reads the catalog, by digest. An error wraps
// [ErrCatalog], and of a refusal by the policy [trust.ErrUntrusted] too.
func Pull(ctx context.Context, client *registry.Client, ref oci.Reference) (*Pulled, error) {
	p, err := pull(ctx, client, ref)
	if err == nil {
		return p, nil
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	for _, reason := range []error{ErrCatalog, trust.ErrUntrusted, oci.ErrContent, oci.ErrNotFound} {
		if errors.Is(err, reason) {
			return nil, fmt.Errorf("%w %q: %w", ErrCatalog, ref, err)
		}
	}
	return nil, fmt.Errorf("get the catalog %s: %w", ref, err)
}

func pull(ctx context.Context, client *registry.Client, ref oci.Reference) (*Pulled, error) {
	m, err := client.VerifyManifest(ctx, ref)
	if err != nil {
		return nil, err
	}
	c, err := fetch(ctx, m.Source, m.Descriptor)
	if err != nil {
		return nil, err
	}
	return &Pulled{c, m.Reference, m.Verdict}, nil
}

// fetch reads the catalog of a manifest.
func fetch(ctx context.Context, src oci.Source, d oci.Descriptor) (*Catalog, error) {
	content, err := read(ctx, src, d, oci.MaxManifestBytes)
	if err != nil {
		return nil, err
	}
	if oci.IsIndex(d.MediaType) {
		return nil, unfit{fmt.Errorf("%s is an index: want one manifest", d.Digest)}
	}
	m, err := oci.DecodeManifest(content)
	switch {
	case err != nil:
		return nil, unfit{fmt.Errorf("%s is no manifest: %w", d.Digest, err)}
	case m.ArtifactType != MediaType:
		return nil, unfit{fmt.Errorf("%s: its artifact type is %.100q: want %s", d.Digest, m.ArtifactType, MediaType)}
	case len(m.Layers) != 1 || m.Layers[0].MediaType != MediaType:
		return nil, unfit{fmt.Errorf("%s: want one layer of the type %s", d.Digest, MediaType)}
	}
	layer, err := read(ctx, src, m.Layers[0], MaxBytes)
	if err != nil {
		return nil, err
	}
	c, err := Parse(layer)
	switch {
	case err != nil:
		return nil, unfit{err}
	case c.Created.IsZero():
		return nil, unfit{errors.New("created: missing: a catalog that is published says when it was made")}
	}
	return c, nil
}

func read(ctx context.Context, src oci.Source, d oci.Descriptor, limit int64) ([]byte, error) {
	if err := d.Check(limit); err != nil {
		return nil, unfit{err}
	}
	return oci.ReadAll(ctx, src, d, limit)
}
