package registry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/pack"
)

// annotationTag is where an entry of a layout's index has its tag (image-spec,
// annotations.md).
const annotationTag = "org.opencontainers.image.ref.name"

// openLayout opens a package in an OCI layout folder (image-spec,
// image-layout.md): the one of a tag or digest, or the only one.
func openLayout(ctx context.Context, source, dir, identifier string, limit int64) (Artifact, error) {
	a, err := readLayout(ctx, source, dir, identifier, limit)
	switch {
	case err == nil, errors.Is(err, ErrSource):
		return a, err
	case ctx.Err() != nil:
		return Artifact{}, ctx.Err()
	}
	return Artifact{}, fmt.Errorf("%w %q: %w", ErrSource, source, err)
}

func readLayout(ctx context.Context, source, dir, identifier string, limit int64) (Artifact, error) {
	p, layout, err := readFolder(ctx, dir, identifier, limit)
	if err != nil {
		return Artifact{}, err
	}
	defer layout.Close() //nolint:errcheck // it was only read
	wasm, err := p.Module(ctx, layout, limit)
	if err != nil {
		return Artifact{}, err
	}
	abs, err := filepath.Abs(dir) // for "." has no name
	if err != nil {
		return Artifact{}, err
	}
	return p.artifact(source, filepath.Base(abs), wasm)
}

// OpenFolder finds the package in an OCI layout folder, named as for [Open],
// without reading its module. The caller closes the layout.
func OpenFolder(ctx context.Context, source string) (*pack.Listing, *oci.Layout, error) {
	dir, identifier, err := splitLayout(source)
	if err != nil {
		return nil, nil, fmt.Errorf("%w %q: %w", ErrSource, source, err)
	}
	p, layout, err := readFolder(ctx, dir, identifier, DefaultMaxBytes)
	switch {
	case ctx.Err() != nil:
		return nil, nil, ctx.Err()
	case err != nil:
		return nil, nil, fmt.Errorf("%w %q: %w", ErrSource, source, err)
	}
	return &p.Listing, layout, nil
}

func readFolder(ctx context.Context, dir, identifier string, limit int64) (*Package, *oci.Layout, error) {
	index, err := layoutIndex(ctx, dir)
	if err != nil {
		return nil, nil, err
	}
	layout, err := oci.OpenLayout(dir)
	if err != nil {
		return nil, nil, err
	}
	listing, err := findPackage(ctx, layout, index, identifier, limit)
	if err != nil {
		return nil, nil, errors.Join(err, layout.Close())
	}
	return &Package{Listing: *listing, source: layout}, layout, nil
}

// layoutIndex reads a layout's index.json.
func layoutIndex(ctx context.Context, dir string) (oci.Index, error) {
	content, err := readFile(ctx, filepath.Join(dir, "index.json"), oci.MaxManifestBytes)
	if err != nil {
		if _, statErr := os.Stat(filepath.Join(dir, "index.json")); errors.Is(statErr, fs.ErrNotExist) {
			return oci.Index{}, errors.New("it is a folder, and no OCI layout (index.json is missing): name a .wasm file or a layout folder")
		}
		return oci.Index{}, fmt.Errorf("read index.json: %w", err)
	}
	index, err := oci.DecodeIndex(content)
	if err != nil {
		return oci.Index{}, fmt.Errorf("index.json: it is no index: %w", err)
	}
	return index, nil
}

// findPackage reads the package that a tag or digest names, or the only one:
// signatures and attestations are entries of the index as well.
func findPackage(ctx context.Context, src oci.Source, index oci.Index, identifier string, limit int64) (*pack.Listing, error) {
	entries := slices.Clone(index.Manifests)
	if identifier != "" {
		entries = slices.DeleteFunc(entries, func(d oci.Descriptor) bool {
			return d.Digest != identifier && d.Annotations[annotationTag] != identifier
		})
	}
	var found []*pack.Listing
	var problem error
	for _, d := range entries {
		if slices.ContainsFunc(found, func(l *pack.Listing) bool { return l.Descriptor.Digest == d.Digest }) {
			continue // it has another tag as well
		}
		listing, err := readEntry(ctx, src, d, limit)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			problem = err
			continue
		}
		if !slices.ContainsFunc(found, func(l *pack.Listing) bool { return l.Descriptor.Digest == listing.Descriptor.Digest }) {
			found = append(found, listing)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return nil, fmt.Errorf("there are %d packages: name one as FOLDER:TAG or FOLDER@DIGEST, of %s", len(found), names(index))
	case len(entries) == 1:
		return nil, problem
	case identifier != "" && len(entries) == 0:
		return nil, fmt.Errorf("there is no %q: it has %s", identifier, names(index))
	case problem != nil:
		return nil, fmt.Errorf("there is no package: it has %s; the last of them: %w", names(index), problem)
	}
	return nil, errors.New("the layout is empty")
}

// readEntry reads what an entry of an index leads to, taken for what its content
// says it is.
func readEntry(ctx context.Context, src oci.Source, d oci.Descriptor, limit int64) (*pack.Listing, error) {
	content, err := oci.ReadAll(ctx, src, d, oci.MaxManifestBytes)
	if err != nil {
		return nil, err
	}
	r, err := parseRoot(d.Digest, content)
	if err != nil {
		return nil, err
	}
	return pack.Read(ctx, src, r.Descriptor, limit)
}

// names lists the tags of a layout, and the digests of what has none.
func names(index oci.Index) string {
	const most = 20
	var list []string
	for _, d := range index.Manifests {
		name := d.Annotations[annotationTag]
		if name == "" {
			name = d.Digest
		}
		list = append(list, fmt.Sprintf("%.100q", name))
	}
	slices.Sort(list)
	list = slices.Compact(list)
	switch {
	case len(list) == 0:
		return "nothing"
	case len(list) > most:
		return strings.Join(list[:most], ", ") + fmt.Sprintf(" and %d more", len(list)-most)
	}
	return strings.Join(list, ", ")
}
