package catalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/mcpwasm/mcpwasm/registry"
	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// Packages gets verified packages; [registry.Client] does.
type Packages interface {
	Verify(ctx context.Context, ref oci.Reference) (*registry.Package, error)
}

// parallel is how many packages are looked at at once.
const parallel = 8

// Complete looks at the package of every entry that has a reference: it is
// verified, and what it says about itself is taken over. Digest, version and
// capabilities are the package's, and an entry that has others is an error. Name,
// title, description and licence may be the catalog's own; so may be the hints,
// which else are those who signed the package. Then all is held against
// [Catalog.Validate]. What is wrong with the catalog wraps [ErrCatalog].
func (c *Catalog) Complete(ctx context.Context, packages Packages) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i := range c.Entries {
		e := &c.Entries[i]
		if e.Reference == "" {
			continue
		}
		group.Go(func() error {
			if err := e.complete(ctx, packages); err != nil {
				return fmt.Errorf("catalog: entries[%d]: %w", i, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if err := c.Validate(); err != nil {
		return unfit{err}
	}
	return nil
}

func (e *Entry) complete(ctx context.Context, packages Packages) error {
	ref, err := oci.ParseReference(e.Reference)
	if err != nil {
		return err
	}
	if e.Digest != "" {
		ref.Digest = e.Digest
	}
	p, err := packages.Verify(ctx, ref)
	if err != nil {
		return err
	}
	e.Digest = p.Reference.Digest
	e.Reference = withoutDigest(ref)
	if len(e.Trust) == 0 {
		e.Trust = hints(p.Verdict.Signers)
	}
	if p.Plugin == nil {
		if e.Name == "" {
			return unfit{fmt.Errorf("%s: the package has no manifest: give the entry a name", e.Reference)}
		}
		return nil
	}
	m := p.Plugin
	asked := Short(m.Capabilities)
	switch {
	case e.Version != "" && e.Version != m.Version:
		return unfit{fmt.Errorf("%s: the entry says version %s, the package %s", e.Reference, e.Version, m.Version)}
	case e.Capabilities != nil && strings.Join(e.Capabilities, "\n") != strings.Join(asked, "\n"):
		return unfit{fmt.Errorf("%s: the entry's capabilities are not those of the package: leave them out", e.Reference)}
	}
	e.Version, e.Capabilities = m.Version, asked
	e.Name = cmp.Or(e.Name, m.Name)
	e.Title = cmp.Or(e.Title, m.Title)
	e.Description = cmp.Or(e.Description, m.Description)
	e.License = cmp.Or(e.License, m.License)
	e.Homepage = cmp.Or(e.Homepage, tidyLink(m.Source))
	return nil
}

// withoutDigest returns the reference as a person writes it; the digest has a
// member of its own.
func withoutDigest(ref oci.Reference) string {
	if ref.Tag != "" {
		ref.Digest = ""
	}
	return ref.String()
}

// hints makes hints of the names of signers.
func hints(signers []string) []Hint {
	var all []Hint
	for _, s := range signers {
		h, err := ParseHint(s)
		if err == nil && len(all) < maxHints {
			all = append(all, h)
		}
	}
	return all
}

// ParseHint reads the form that [Hint.String] writes: "key:sha256:…", or an
// identity, a space and its issuer.
func ParseHint(s string) (Hint, error) {
	var h Hint
	if key, ok := strings.CutPrefix(s, "key:"); ok {
		h.Key = key
	} else if identity, issuer, ok := strings.Cut(s, " "); ok {
		h.Identity, h.Issuer = identity, issuer
	} else {
		return Hint{}, errors.New("want key:sha256:…, or an identity, a space and its issuer")
	}
	return h, h.check()
}
