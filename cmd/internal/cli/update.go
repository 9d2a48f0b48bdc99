package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/cmd/internal/config"
	"github.com/mcpwasm/mcpwasm/host"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry"
	"github.com/mcpwasm/mcpwasm/registry/lock"
	"github.com/mcpwasm/mcpwasm/registry/oci"
)

func newUpdate(s Streams) *cobra.Command {
	var flags approveFlags
	var to string
	cmd := &cobra.Command{
		Use:   "update [NAME...] [flags]",
		Short: "Look at what a package has become, and approve that",
		Long: `Update looks at what the tag of a server that was approved stands for by now, or
at what --to names, verifies it, shows what changed and asks: what it asks for
beyond what was approved first, then its definitions, signers, version and size.

The grants stay as they were approved, unless flags give others, which then are all
that it has; those of a server in the configuration are taken from there. A version
older than the approved one is refused unless --to names exactly that. With --yes
nothing is asked, but a package that asks for more is refused unless its grants are
given by flags.`,
		Args:              takes(0, lock.MaxServers, "names of servers"),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	flags.register(cmd)
	cmd.Flags().StringVar(&to, "to", "", "`TAG`, version or digest to take in place of what the tag stands for")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return flags.update(cmd.Context(), s, args, to)
	}
	return cmd
}

func (f *approveFlags) update(ctx context.Context, s Streams, names []string, to string) error {
	p, err := f.open(s)
	if err != nil {
		return err
	}
	if err := f.canAsk(s, "update"); err != nil {
		return err
	}
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(p.lock.Servers))
	}
	switch {
	case len(names) == 0:
		say(s, "nothing was approved in %s", p.lock.path)
		return nil
	case len(names) > 1 && to != "":
		return usage("", "--to: want the one NAME that it is for")
	case len(names) > 1 && f.given() != "":
		return usage("", "--%s: want the one NAME that it is for", f.given())
	}
	var errs []error
	for _, name := range names {
		if err := f.updateOne(ctx, s, p, name, to); err != nil {
			if len(names) == 1 || ctx.Err() != nil {
				return err
			}
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	if len(errs) > 0 {
		return &failure{ExitInput, errors.Join(errs...), ""}
	}
	return nil
}

// updateOne looks at one server, and changes its entry.
func (f *approveFlags) updateOne(ctx context.Context, s Streams, p *packages, name, to string) error {
	old, err := p.entry(name)
	if err != nil {
		return err
	}
	c, err := f.configured(p, name)
	if err != nil {
		return err
	}
	ref, err := target(old, c, to)
	if err != nil {
		return err
	}
	k, err := p.candidate(ctx, f.config(s, slog.LevelWarn), ref)
	if err != nil {
		return err
	}
	d := p.compare(ctx, f.config(s, slog.LevelWarn), old, k)
	g, err := f.grantsAfter(p, old, c)
	if err != nil {
		return err
	}
	fresh, err := p.seal(k, name, g)
	if err != nil {
		return err
	}
	changedGrant := differentGrant(old.Grants, fresh.Grants)
	if len(d.changes) == 0 && changedGrant == "" {
		say(s, "%s is as it was approved", name)
		return nil
	}
	if _, err := io.WriteString(s.Out, name+"\n"+d.String()); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	if changedGrant != "" {
		say(s, "%s: %s changes", name, changedGrant)
	}
	if err := k.printGrants(s, name, g); err != nil {
		return err
	}
	if err := f.mayTake(d, k, name, to); err != nil {
		return err
	}
	if !f.yes {
		if err := confirm(ctx, s, "Approve "+name+" as it is now, with these grants?"); err != nil {
			return err
		}
	}
	if err := p.lock.update(ctx, s, lock.Edit{Name: name, Old: old.Integrity, New: &fresh}); err != nil {
		return err
	}
	say(s, "approved %s as %s", name, k.entry.Digest)
	return nil
}

// mayTake refuses what nobody gets by accident, or without looking.
func (f *approveFlags) mayTake(d difference, k *candidate, name, to string) error {
	if lock.Has(d.changes, lock.KindRollback) && !namesExactly(to, k) {
		return &failure{ExitInput, fmt.Errorf("%s: version %s is older than what was approved, which somebody may want to bring back for its faults", name, k.Plugin.Version),
			"mcpwasm update " + name + " --to " + k.Plugin.Version + " takes it all the same"}
	}
	if f.yes && lock.Has(d.changes, lock.KindWidened) && f.given() == "" {
		return &failure{ExitInput, fmt.Errorf("%s: it asks for more than was approved, which --yes alone does not answer", name),
			"give all of its grants as flags, or update it on a terminal"}
	}
	return nil
}

// namesExactly reports whether --to names exactly this version.
func namesExactly(to string, k *candidate) bool {
	return to != "" && (to == k.Plugin.Version || to == "v"+k.Plugin.Version || to == k.entry.Digest)
}

// target returns what to look at: what somebody named, or else what the
// configuration or the entry has as the source.
func target(e lock.Entry, c *config.Server, to string) (oci.Reference, error) {
	ref, err := e.Source()
	if c != nil && c.Package {
		ref, err = oci.ParseReference(c.Source)
	}
	if err != nil || to == "" {
		return ref, err
	}
	if oci.IsDigest(to) {
		ref.Digest = to
		return ref, nil
	}
	named, err := oci.ParseReference(ref.Name() + ":" + to)
	if err != nil || named.Tag != to {
		return ref, usage("", "%q: want a tag, a version or a digest of %s", to, ref.Name())
	}
	return named, nil
}

// grantsAfter are the grants of an update: the configuration's, those of the flags,
// or else what was approved.
func (f *approveFlags) grantsAfter(p *packages, old lock.Entry, c *config.Server) (granting, error) {
	switch {
	case c != nil:
		return fromConfig(p, *c)
	case f.given() != "":
		return f.fromFlags()
	}
	g, clock, err := old.Grants.Parse(p.lock.dir())
	return granting{Grants: g, env: old.Grants.Env, clock: clock}, err
}

// compare says what changed. The text of what was approved is read where it can
// still be had: it is for showing only, and has to be what the entry's hash is of.
func (p *packages) compare(ctx context.Context, c host.Config, old lock.Entry, k *candidate) difference {
	d := difference{changes: lock.Compare(old, k.entry), found: k.definitions}
	if !lock.Has(d.changes, lock.KindDefinition) {
		return d
	}
	before, err := p.definitionsOf(ctx, c, old)
	if err != nil {
		say(p.s, "the definitions that were approved cannot be shown: %v", err)
		return d
	}
	d.approved = before
	return d
}

func (p *packages) definitionsOf(ctx context.Context, c host.Config, e lock.Entry) (*plugins.Definitions, error) {
	ref, err := e.Exact()
	if err != nil {
		return nil, err
	}
	client, err := p.client(e.Unsigned)
	if err != nil {
		return nil, err
	}
	pkg, err := client.Verify(ctx, ref)
	if err != nil {
		return nil, err
	}
	var definitions plugins.Definitions
	if pkg.Plugin != nil {
		definitions = pkg.Plugin.Definitions
	} else if definitions, err = described(ctx, c, client, pkg); err != nil {
		return nil, err
	}
	hashes, err := lock.HashDefinitions(definitions)
	if err == nil && hashes.Digest != e.Definitions.Digest {
		err = errors.New("what is there has another hash")
	}
	return &definitions, err
}

// described runs a bare module without grants to know what it offers.
func described(ctx context.Context, c host.Config, client *registry.Client, pkg *registry.Package) (plugins.Definitions, error) {
	a, err := client.Open(ctx, pkg)
	if err != nil {
		return plugins.Definitions{}, err
	}
	m, err := host.Describe(ctx, c, a.Wasm)
	if err != nil {
		return plugins.Definitions{}, err
	}
	return m.Definitions, nil
}
