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
)

func newUpdate(s Streams) *cobra.Command {
	var flags approveFlags
	var to string
	cmd := &cobra.Command{
		Use:   "update [NAME...] [flags]",
		Short: "Look at what a package has become, and approve that",
		Long: `Update looks at what the tag of a server that was approved stands for by now, or
at what --to names, verifies it, shows what changed and asks: an older
version and what it asks for beyond what was approved first, then signers, hints and
definitions, of which -v shows those that came and went in full, too.

--to picks a tag, a version or a digest once: the tag that was approved goes on to be
followed, and the next update looks at that. remove and add change it.

The grants stay as they were approved, unless flags give others, which then are all
that it has; those of a server in the configuration are taken from there. A version
older than the approved one is refused unless --to names exactly that, or its digest.
With --yes nothing is asked, but a package that asks for more is refused unless its
grants are given by flags. With --output json it prints {"servers":[…]}, what became of
each.`,
		Args:              takes(0, lock.MaxServers, "names of servers"),
		ValidArgsFunction: approvedNames(lock.MaxServers),
	}
	flags.register(cmd)
	cmd.Flags().Lookup("verbose").Usage = verboseDiff
	cmd.Flags().StringVar(&to, "to", "", "`TAG`, version or digest to take this once, in place of what the tag that is followed stands for")
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
	for _, name := range names {
		if _, err := p.entry(name); err != nil {
			return err
		}
	}
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(p.lock.Servers))
	}
	switch {
	case len(names) == 0:
		say(s, "nothing was approved in %s", p.lock.path)
	case len(names) > 1 && to != "":
		return usage("", "--to: want the one NAME that it is for")
	case len(names) > 1 && f.given() != "":
		return usage("", "--%s: want the one NAME that it is for", f.given())
	}
	all, err := f.updateAll(ctx, s, p, names, to)
	if f.output.json() {
		err = errors.Join(err, writeJSON(s.Out, updateJSON{all}))
	}
	return err
}

// updateJSON is the output of update.
type updateJSON struct {
	Servers []updatedJSON `json:"servers"` // in the order in which they were named, or ascending
}

type updatedJSON struct {
	Name string `json:"name"`
	// Outcome is "same", "approved" or "refused", the last with Error.
	Outcome string        `json:"outcome"`
	Error   string        `json:"error,omitempty"`
	Changes []lock.Change `json:"changes"` // as diff has them
	// NoLongerGranted says in words what was granted before and is not any more.
	NoLongerGranted []string `json:"noLongerGranted"`
	// Server is what the lock file has by now.
	Server *approvedJSON `json:"server,omitempty"`
}

// updateAll looks at servers one after the other. The error is that of all of them.
func (f *approveFlags) updateAll(ctx context.Context, s Streams, p *packages, names []string, to string) ([]updatedJSON, error) {
	all := []updatedJSON{}
	var errs []error
	for _, name := range names {
		u := updatedJSON{Name: name, Outcome: "approved", Changes: []lock.Change{}, NoLongerGranted: []string{}}
		err := f.updateOne(ctx, s, p, &u, to)
		if err != nil {
			u.Outcome, u.Error = "refused", err.Error()
			errs = append(errs, about(name, err))
		}
		all = append(all, u)
		if ctx.Err() != nil || errors.Is(err, errNoTerminal) {
			return all, err
		}
	}
	if len(errs) < 2 {
		return all, errors.Join(errs...)
	}
	return all, &failure{ExitInput, errors.Join(errs...), ""}
}

// about puts a server's name before an error.
func about(name string, err error) error {
	f := *classify(err)
	f.err = fmt.Errorf("%s: %w", name, f.err)
	return &f
}

// updateOne looks at one server, and changes its entry.
func (f *approveFlags) updateOne(ctx context.Context, s Streams, p *packages, u *updatedJSON, to string) error {
	name := u.Name
	old, err := p.entry(name)
	if err != nil {
		return err
	}
	if _, err = f.configured(p, name); err != nil {
		return err
	}
	hc := f.config(s, slog.LevelWarn)
	k, err := p.pick(ctx, hc, name, old, to)
	if err != nil {
		return err
	}
	if err := p.sourceAllows(name, k); err != nil {
		return err
	}
	d := p.compare(ctx, hc, old, k)
	g, err := f.grantsAfter(p, old, p.server(name))
	if err != nil {
		return err
	}
	fresh, err := p.seal(k, name, g)
	if err != nil {
		return err
	}
	u.Changes = append(u.Changes, d.changes...)
	changedGrant := differentGrant(old.Grants, fresh.Grants)
	if len(d.changes) == 0 && changedGrant == "" {
		say(s, "%s is as it was approved", name)
		u.Outcome = "same"
		return u.as(old, p.lock.dir())
	}
	if _, err := io.WriteString(f.shown(s), name+"\n"+d.text(f.verbose)); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	if changedGrant != "" {
		say(s, "%s: %s changes", name, changedGrant)
	}
	if err := k.printGrants(f.shown(s), name, g); err != nil {
		return err
	}
	if u.NoLongerGranted, err = p.lost(old, g); err != nil {
		return err
	}
	last := d.urgent() // once more, where it is read
	for _, words := range u.NoLongerGranted {
		last += "NO LONGER GRANTED: " + oneLine(words, 300) + "\n"
	}
	if _, err := io.WriteString(f.shown(s), last); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	if err := f.mayTake(ctx, p, d, k, name, to); err != nil {
		return err
	}
	if err := f.approve(ctx, s, "update", "Approve "+name+" as it is now, with these grants?"); err != nil {
		return err
	}
	if err := p.lock.update(ctx, s, lock.Edit{Name: name, Old: old.Integrity, New: &fresh}); err != nil {
		return err
	}
	say(s, "approved %s as %s", name, k.entry.Digest)
	if source, err := fresh.Source(); err == nil && to != "" && source.Tag != "" && source.Tag != to {
		say(s, "%s goes on to follow the tag %s: the next update looks at that again", name, source.Tag)
	}
	return u.as(fresh, p.lock.dir())
}

func (u *updatedJSON) as(e lock.Entry, dir string) error {
	approved, err := approvedAs(u.Name, e, dir)
	u.Server = &approved
	return err
}

// lost says in words which grants somebody had and has not any more.
func (p *packages) lost(old lock.Entry, g granting) ([]string, error) {
	had, clock, err := old.Grants.Parse(p.lock.dir())
	if err != nil {
		return nil, err
	}
	has := append(may(g.Grants, g.clock), mayEnv(g.env)...)
	return slices.DeleteFunc(append(may(had, clock), mayEnv(old.Grants.Env)...), func(words string) bool {
		return slices.Contains(has, words)
	}), nil
}

// sourceAllows refuses another digest than the one that the configuration names.
func (p *packages) sourceAllows(name string, k *candidate) error {
	c := p.server(name)
	if c == nil || !c.Package {
		return nil
	}
	if ref := mustReference(c.Source); ref.Digest != "" && ref.Digest != k.entry.Digest {
		return p.refuse(*c, ".source", "change the digest there", "%s is to be exactly %s", name, ref.Digest)
	}
	return nil
}

// mayTake refuses what nobody gets by accident, or without looking.
func (f *approveFlags) mayTake(ctx context.Context, p *packages, d difference, k *candidate, name, to string) error {
	if lock.Has(d.changes, lock.KindRollback) && !namesExactly(to, k) {
		yes := ""
		if f.yes {
			yes = " --yes"
		}
		return &failure{ExitInput, fmt.Errorf("version %s is older than what was approved: an older version may bring back faults that were mended since", k.Plugin.Version),
			"mcpwasm update " + name + " --to " + p.exactly(ctx, k, to) + yes + " takes it all the same"}
	}
	if f.yes && lock.Has(d.changes, lock.KindWidened) && f.given() == "" {
		return &failure{ExitInput, errors.New("it asks for more than was approved, which --yes alone does not answer"),
			"give all of its grants as flags, or update it on a terminal"}
	}
	return nil
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
