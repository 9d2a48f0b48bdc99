package cli

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/registry"
	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/pack"
	"github.com/mcpwasm/mcpwasm/registry/sign"
	"github.com/mcpwasm/mcpwasm/registry/trust"
)

// inspectFlags say where packages come from and who is trusted.
type inspectFlags struct {
	packages packageFlags
	lock     lockFlags
	cache    cacheFlags
}

func (f *inspectFlags) register(cmd *cobra.Command) {
	f.packages.register(cmd)
	f.lock.register(cmd)
	f.cache.register(cmd)
}

// inspect reads whatever a source names.
func (f *inspectFlags) inspect(ctx context.Context, s Streams, text string) (inspectJSON, error) {
	source, err := registry.ParseSource(text)
	if err != nil {
		return inspectJSON{}, err
	}
	switch source.Kind {
	case registry.SourceFolder:
		return inspectFolder(ctx, text)
	case registry.SourceReference:
		return f.inspectReference(ctx, s, source.Reference)
	case registry.SourceName:
		ref, err := f.approved(s, text)
		if err != nil {
			return inspectJSON{}, err
		}
		return f.inspectReference(ctx, s, ref)
	}
	a, err := registry.Open(ctx, text, registry.Options{})
	if err != nil {
		return inspectJSON{}, err
	}
	return inspection(a), nil
}

// approved returns the reference, by its digest, that was approved under a name.
func (f *inspectFlags) approved(s Streams, name string) (oci.Reference, error) {
	p, err := openPackages(s, f.packages, f.lock, "")
	if err != nil {
		return oci.Reference{}, err
	}
	e, err := p.entry(name)
	if err != nil {
		return oci.Reference{}, err
	}
	ref, err := oci.ParseReference(e.Reference)
	if err != nil {
		return ref, &failure{ExitInput, err, ""}
	}
	ref.Digest = e.Digest
	return ref, nil
}

// inspectFolder reads the package in a layout folder. Nobody has to vouch for it:
// what is said to be signed is shown as that.
func inspectFolder(ctx context.Context, text string) (inspectJSON, error) {
	l, layout, err := registry.OpenFolder(ctx, text)
	if err != nil {
		return inspectJSON{}, err
	}
	defer layout.Close() //nolint:errcheck // it was only read
	p := describePackage(l)
	if p.Envelopes, err = envelopes(ctx, layout, nil, l.Descriptor.Digest); err != nil {
		return inspectJSON{}, err
	}
	return inspectModule(ctx, text, filepath.ToSlash(filepath.Clean(text)), l, layout, p)
}

// inspectReference reads a package in a registry, trusted or not.
func (f *inspectFlags) inspectReference(ctx context.Context, s Streams, ref oci.Reference) (inspectJSON, error) {
	client, file, err := f.packages.open(s, f.cache.dir())
	if err != nil {
		return inspectJSON{}, err
	}
	policy, err := file.TrustPolicy()
	if err != nil {
		return inspectJSON{}, err
	}
	src := client.Source(ref)
	root, err := resolveRoot(ctx, src, ref)
	if err != nil {
		return inspectJSON{}, unreadable(ctx, ref, err)
	}
	l, err := pack.Read(ctx, src, root, registry.DefaultMaxBytes)
	if err != nil {
		return inspectJSON{}, unreadable(ctx, ref, err)
	}
	ref.Digest = root.Digest
	p := describePackage(l)
	p.Reference = ref.String()
	verdict, err := client.Verify(ctx, ref)
	if ctx.Err() != nil {
		return inspectJSON{}, ctx.Err()
	}
	p.Trust = &trustJSON{Trusted: err == nil}
	if err != nil {
		p.Trust.Reason = oneLine(distrust(err), 1000)
	} else {
		p.Trust.Rule, p.Trust.Signers = verdict.Verdict.Rule, verdict.Verdict.Signers
	}
	digests := []string{root.Digest}
	if l.Descriptor.Digest != root.Digest {
		digests = append(digests, l.Descriptor.Digest)
	}
	if p.Envelopes, err = envelopes(ctx, src, known(policy, ref), digests...); err != nil {
		p.Envelopes, p.Unknown = []inspectedJSON{}, oneLine(err.Error(), 1000)
	}
	return inspectModule(ctx, ref.String(), ref.Repository, l, src, p)
}

// distrust is why a package is not trusted, which is said in front of it.
func distrust(err error) string {
	text := err.Error()
	if e, ok := errors.AsType[*registry.PackageError](err); ok {
		text = e.Reason()
	}
	return strings.TrimPrefix(text, trust.ErrUntrusted.Error()+": ")
}

// resolveRoot reads what a reference names. Its media type is what its content
// says.
func resolveRoot(ctx context.Context, src oci.Source, ref oci.Reference) (oci.Descriptor, error) {
	d, err := src.Resolve(ctx, ref.Identifier())
	if err != nil {
		return d, err
	}
	if ref.Digest != "" && d.Digest != ref.Digest {
		return d, fmt.Errorf("%w: asked for %s, the registry answered with %s", oci.ErrContent, ref.Digest, d.Digest)
	}
	content, err := oci.ReadAll(ctx, src, oci.Descriptor{MediaType: d.MediaType, Digest: d.Digest, Size: d.Size}, oci.MaxManifestBytes)
	if err != nil {
		return d, err
	}
	d.MediaType, err = oci.ManifestType(content)
	return d, err
}

// unreadable gives errors of packages that are not there, or are none, their exit
// code.
func unreadable(ctx context.Context, ref oci.Reference, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, oci.ErrNotFound), errors.Is(err, oci.ErrContent), errors.Is(err, pack.ErrPackage):
		return &failure{ExitInput, fmt.Errorf("%s: %w", ref, err), ""}
	}
	return fmt.Errorf("%s: %w", ref, err)
}

// inspectModule reads the module of a package; name is what it is called where
// its manifest does not say.
func inspectModule(ctx context.Context, source, name string, l *pack.Listing, src oci.Source, p *packageJSON) (inspectJSON, error) {
	wasm, err := l.Module(ctx, src, registry.DefaultMaxBytes)
	if err != nil {
		if ctx.Err() != nil {
			return inspectJSON{}, ctx.Err()
		}
		return inspectJSON{}, &failure{ExitInput, fmt.Errorf("%s: %w", source, err), ""}
	}
	if p.Name != "" {
		name = p.Name
	}
	a, err := registry.Parse(path.Base(name), wasm)
	if err != nil {
		return inspectJSON{}, err
	}
	a.Source = source
	i := inspection(a)
	i.Package = p
	return i, nil
}

// known are the signers that the rule for a repository knows.
func known(policy trust.Policy, ref oci.Reference) []sign.Verifier {
	rule, _, err := policy.Match(ref)
	if err != nil {
		return nil
	}
	all := append([]sign.Verifier{}, rule.Signers...)
	for _, a := range rule.Attestations {
		all = append(all, a.Signers...)
	}
	return all
}
