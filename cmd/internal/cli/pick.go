package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/semver"

	"github.com/mcpwasm/mcpwasm/host"
	"github.com/mcpwasm/mcpwasm/registry"
	"github.com/mcpwasm/mcpwasm/registry/lock"
	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// source is where an approved server comes from: as the configuration has it, or
// else as it was approved.
func (p *packages) source(name string, e lock.Entry) (oci.Reference, error) {
	if c := p.server(name); c != nil && c.Package {
		return oci.ParseReference(c.Source)
	}
	return e.Source()
}

// pick gets what a server's source stands for by now, or what to names: a tag,
// a version or a digest. That picks the content; the tag that is followed stays, and one
// that was added by its digest alone stays at a digest.
func (p *packages) pick(ctx context.Context, c host.Config, name string, e lock.Entry, to string) (*candidate, error) {
	source, err := p.source(name, e)
	if err != nil {
		return nil, err
	}
	var k *candidate
	switch {
	case to == "":
		k, err = p.candidate(ctx, c, source)
	case oci.IsDigest(to):
		exact := source
		exact.Digest = to
		k, err = p.candidate(ctx, c, exact)
	default:
		k, err = p.named(ctx, c, source, to)
	}
	if err != nil {
		return nil, err
	}
	if source.Digest = ""; source.Tag == "" {
		source.Digest = k.entry.Digest
	}
	k.entry.Reference = source.String()
	return k, nil
}

// named gets the package of a tag or a version: that of a tag which is called so, or
// else what the source's tag stands for, where that has the version.
func (p *packages) named(ctx context.Context, c host.Config, source oci.Reference, to string) (*candidate, error) {
	tags := tagsOf(to)
	if len(tags) == 0 {
		return nil, usage("", "%q: want a tag, a version or a digest of %s", to, source.Name())
	}
	ref := source
	ref.Tag, ref.Digest = tags[0], ""
	if p.flags.offline {
		return p.candidate(ctx, c, ref) // whose error says that tags need the registry
	}
	client, err := p.client(p.flags.allowUnsigned)
	if err != nil {
		return nil, err
	}
	for _, ref.Tag = range tags {
		if _, err := client.Source(ref).Resolve(ctx, ref.Tag); !errors.Is(err, oci.ErrNotFound) {
			return p.candidate(ctx, c, ref)
		}
	}
	if semver.IsValid(withV(to)) {
		if k, err := p.candidate(ctx, c, source); err == nil && isVersion(to, k) {
			return k, nil
		}
	}
	return nil, &failure{ExitInput, fmt.Errorf("%s has no tag and no version %s%s", source.Name(), to, tagsThere(ctx, client, source)), ""}
}

// tagsOf are the tags that may be meant by a tag or a version: as it is, and a version
// with and without the "v". A tag has no "+", in place of which "_" is usual.
func tagsOf(to string) []string {
	tags := []string{to}
	if semver.IsValid(withV(to)) {
		bare := strings.ReplaceAll(strings.TrimPrefix(to, "v"), "+", "_")
		tags = append(tags, bare, "v"+bare)
	}
	tags = slices.DeleteFunc(tags, func(tag string) bool { return !oci.IsTag(tag) })
	if len(tags) > 1 && tags[0] == tags[1] {
		tags = tags[1:]
	}
	return tags
}

func withV(version string) string { return "v" + strings.TrimPrefix(version, "v") }

// isVersion reports whether a text names exactly the version of a package.
func isVersion(text string, k *candidate) bool {
	return k.Plugin != nil && (text == k.Plugin.Version || text == "v"+k.Plugin.Version)
}

// namesExactly reports whether --to names this version, or this digest.
func namesExactly(to string, k *candidate) bool {
	return isVersion(to, k) || to == k.entry.Digest
}

// exactly is what --to has to be to name a package: its version where that leads
// to it, or else its digest.
func (p *packages) exactly(ctx context.Context, k *candidate, to string) string {
	client, err := p.client(p.flags.allowUnsigned)
	if err != nil || p.flags.offline {
		return k.entry.Digest
	}
	for _, tag := range tagsOf(k.Plugin.Version) {
		d, err := client.Source(k.Reference).Resolve(ctx, tag)
		switch {
		case err == nil && d.Digest == k.entry.Digest:
			return k.Plugin.Version
		case !errors.Is(err, oci.ErrNotFound):
			return k.entry.Digest
		}
	}
	if to == "" {
		return k.Plugin.Version // which is looked for behind the source's tag as well
	}
	return k.entry.Digest
}

// maxTagsShown bounds the tags that an error names.
const maxTagsShown = 10

// tagsThere says which tags a repository has, the newest versions first; "" where it
// does not tell.
func tagsThere(ctx context.Context, client *registry.Client, ref oci.Reference) string {
	tags, err := client.Repository(ref).Tags(ctx)
	// What signatures are kept under in registries without an API for them is nobody's choice.
	tags = slices.DeleteFunc(tags, func(t string) bool { return strings.HasPrefix(t, "sha256-") })
	if err != nil || len(tags) == 0 {
		return ""
	}
	slices.SortFunc(tags, func(a, b string) int {
		return cmp.Or(semver.Compare(withV(b), withV(a)), strings.Compare(a, b))
	})
	if more := len(tags) - maxTagsShown; more > 0 {
		return ": it has " + strings.Join(tags[:maxTagsShown], ", ") + " and " + countOf(more, "other tag", "other tags")
	}
	return ": it has " + list(tags, "and")
}
