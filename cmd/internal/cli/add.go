package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/cmd/internal/config"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry"
	"github.com/mcpwasm/mcpwasm/registry/catalog"
	"github.com/mcpwasm/mcpwasm/registry/lock"
	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// approveFlags are the flags of commands that approve packages.
type approveFlags struct {
	hostFlags
	grantFlags
	packages packageFlags
	lock     lockFlags
	env      []string
	yes      bool
	output   *output
}

func (f *approveFlags) register(cmd *cobra.Command) {
	f.hostFlags.register(cmd)
	f.grantFlags.register(cmd)
	registerEnv(cmd, &f.env)
	f.packages.register(cmd)
	f.packages.registerUnsigned(cmd)
	f.lock.register(cmd)
	cmd.Flags().BoolVarP(&f.yes, "yes", "y", false, "do not ask; what is granted is what the flags grant, and nothing else")
	f.output = newOutput(cmd)
}

// shown is where people read what they are asked about: beside standard output,
// where that is JSON.
func (f *approveFlags) shown(s Streams) io.Writer {
	if f.output.json() {
		return s.Err
	}
	return s.Out
}

func (f *approveFlags) open(s Streams) (*packages, error) {
	return openPackages(s, f.packages, f.lock, f.cacheFlags.dir())
}

// given names a flag that grants something, "" for none.
func (f *approveFlags) given() string {
	if len(f.env) > 0 {
		return "env"
	}
	return f.grantFlags.given()
}

// granting are the grants that are put to whoever approves.
type granting struct {
	plugins.Grants
	env   []string
	clock time.Duration
	rest  []unproposed // what the package asks for besides
}

// fromFlags are the grants of the flags, and nothing else.
func (f *approveFlags) fromFlags() (granting, error) {
	if err := checkEnv(f.env); err != nil {
		return granting{}, err
	}
	g, err := f.grants(f.env)
	return granting{Grants: g, env: f.env, clock: f.clock.Duration()}, err
}

// configured returns the server of the configuration by a name; its grants stand
// there, and so flags for them are refused.
func (f *approveFlags) configured(p *packages, name string) (*config.Server, error) {
	c := p.server(name)
	if c == nil {
		return nil, nil
	}
	if flag := f.given(); flag != "" {
		return nil, usage("change them there", "--%s: the grants of %s stand in %s", flag, name, p.file.Path)
	}
	return c, nil
}

func newAdd(s Streams) *cobra.Command {
	var flags approveFlags
	var name string
	cmd := &cobra.Command{
		Use:   "add REFERENCE [flags]",
		Short: "Approve a package, so that exactly this one can be run by a name",
		Long: `Add gets a package, verifies it by the trust in the configuration, shows who
signed it, what it offers and what it asks for, and asks. What is approved is
written to the lock file: run, tools, call and serve start exactly that.

Without flags for grants it proposes what the package asks for and has to have;
with some it grants these and nothing else. The grants of a server that stands in
the configuration are taken from there. Without a terminal --yes has to be given.
With --output json it prints what list prints of the server.`,
		Example: `  mcpwasm add ghcr.io/acme/weather:1.2.0
  mcpwasm add ghcr.io/acme/weather:1.2.0 --name home --yes --allow-http https://api.example.com`,
		Args: takes(1, 1, "a REFERENCE: HOST/REPOSITORY[:TAG][@DIGEST]"),
	}
	flags.register(cmd)
	cmd.Flags().StringVar(&name, "name", "", "`NAME` to run it by (default: the package's)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ref, err := referenceArgument(args[0])
		if err != nil {
			return flags.orShow(cmd.Context(), s, args[0], err)
		}
		if name != "" && !lock.IsName(name) {
			return usage("", "--name %q: want 1 to 32 lower-case letters, digits and dashes, a letter first", name)
		}
		return flags.orShow(cmd.Context(), s, args[0], flags.add(cmd.Context(), s, ref, name))
	}
	return cmd
}

// referenceArgument reads an argument that has to be a reference.
func referenceArgument(text string) (oci.Reference, error) {
	src, err := registry.ParseSource(text)
	if err != nil {
		return oci.Reference{}, err
	}
	switch src.Kind {
	case registry.SourceReference:
		return src.Reference, nil
	case registry.SourceName:
		return oci.Reference{}, usage("", "%s is a name: want a reference, HOST/REPOSITORY[:TAG][@DIGEST], the host with a dot or a port", text)
	}
	return oci.Reference{}, usage("mcpwasm run "+text, "%s: what is on this machine needs no approval: want a reference, HOST/REPOSITORY[:TAG][@DIGEST]", src)
}

func (f *approveFlags) add(ctx context.Context, s Streams, ref oci.Reference, name string) error {
	p, err := f.open(s)
	if err != nil {
		return err
	}
	k, err := p.candidate(ctx, f.config(s, slog.LevelWarn), ref)
	if err != nil {
		return err
	}
	if name == "" {
		name = k.artifact.Name
	}
	if e, ok := p.lock.Servers[name]; ok {
		return &failure{ExitInput, fmt.Errorf("%s was approved already, as %s", name, e.Reference), "mcpwasm update " + name + " takes a newer one, --name gives this one another name"}
	}
	g, err := f.grantsFor(p, k, name)
	if err != nil {
		return err
	}
	if err := k.print(f.shown(s), name); err != nil {
		return err
	}
	if err := k.printGrants(f.shown(s), name, g); err != nil {
		return err
	}
	if err := p.rollback(ref, k); err != nil {
		return err
	}
	if err := f.approve(ctx, s, "add", "Approve "+name+" with these grants?"); err != nil {
		return err
	}
	e, err := p.seal(k, name, g)
	if err != nil {
		return err
	}
	if err := p.lock.update(ctx, s, lock.Edit{Name: name, New: &e}); err != nil {
		return err
	}
	say(s, "approved %s: mcpwasm run %[1]s", name)
	if err := p.keep(ctx, k, name); err != nil {
		return err
	}
	if !f.output.json() {
		return nil
	}
	approved, err := approvedAs(name, e, p.lock.dir())
	if err != nil {
		return err
	}
	return writeJSON(s.Out, approved)
}

// rollback refuses a version older than what is approved from the same repository
// under another name, unless the reference names exactly that one; then it is said.
func (p *packages) rollback(ref oci.Reference, k *candidate) error {
	for _, name := range slices.Sorted(maps.Keys(p.lock.Servers)) {
		e := p.lock.Servers[name]
		source, err := e.Source()
		if err != nil || source.Name() != ref.Name() || !lock.Has(lock.Compare(e, k.entry), lock.KindRollback) {
			continue
		}
		if !namesExactly(ref.Tag, k) && !namesExactly(ref.Digest, k) {
			return &failure{ExitInput, fmt.Errorf("%s: version %s is older than %s, which was approved as %s: somebody may want to bring it back for its faults", ref, k.Plugin.Version, e.Package.Version, name),
				"mcpwasm add " + ref.Name() + "@" + k.entry.Digest + " takes it all the same"}
		}
		say(p.s, "ROLLBACK: version %s is older than %s, which was approved as %s", k.Plugin.Version, e.Package.Version, name)
	}
	return nil
}

// keep fetches what was approved once more where it is larger than the cache, which
// keeps it only because it is in the lock file now.
func (p *packages) keep(ctx context.Context, k *candidate, name string) error {
	client, err := p.client(p.flags.allowUnsigned)
	if err != nil || p.cacheDir == "" || client.Kept(k.Package) {
		return err
	}
	if _, err := client.Open(ctx, k.Package); ctx.Err() != nil {
		return ctx.Err()
	} else if err != nil || !client.Kept(k.Package) {
		say(p.s, "warning: %s could not be kept in the cache: it is fetched whenever it is started", name)
	}
	return nil
}

// approve asks, unless --yes has answered.
func (f *approveFlags) approve(ctx context.Context, s Streams, command, question string) error {
	switch {
	case f.yes:
		return nil
	case !hasTerminal(s):
		return usage("--yes approves without asking, with the grants of the flags and no others", "%s asks before it approves, and %w", command, errNoTerminal)
	}
	return confirm(ctx, s, question)
}

// orShow adds to the error about a text that is a server of a catalog which is kept
// how to look at it.
func (f *approveFlags) orShow(ctx context.Context, s Streams, text string, err error) error {
	dir, stateErr := f.stateDir()
	if err == nil || stateErr != nil || ctx.Err() != nil {
		return err
	}
	if _, statErr := os.Stat(filepath.Join(dir, "state.db")); statErr != nil {
		return err // nothing is kept, and looking would make the folder
	}
	known := catalogFlags{state: f.stateFlags}
	_, catalogs, loadErr := known.load(ctx, s, "")
	if loadErr != nil {
		return err
	}
	for _, c := range catalogs {
		if slices.ContainsFunc(c.Entries, func(e catalog.Entry) bool { return strings.EqualFold(e.Name, text) }) {
			classified := *classify(err)
			classified.hint = "a catalog has a server of this name, and where it is: mcpwasm show " + text
			return &classified
		}
	}
	return err
}

// grantsFor returns what is to be granted to a new server: what the configuration has
// for it, what the flags say, or what is proposed.
func (f *approveFlags) grantsFor(p *packages, k *candidate, name string) (granting, error) {
	c, err := f.configured(p, name)
	if err != nil {
		return granting{}, err
	}
	proposed := propose(k.asked())
	switch {
	case c != nil && (!c.Package || !sameSource(k.entry, mustReference(c.Source))):
		return granting{}, p.refuse(*c, ".source", "--name gives the package another name", "%s has another source, %s", name, c.Source)
	case c != nil:
		return fromConfig(p, *c)
	case f.given() != "" || f.yes:
		return f.fromFlags()
	}
	return granting{Grants: proposed.Grants, rest: proposed.Rest}, nil
}

// mustReference reads a reference that was checked when the configuration was read.
func mustReference(text string) oci.Reference {
	ref, err := oci.ParseReference(text)
	if err != nil {
		return oci.Reference{} // which is nobody's source
	}
	return ref
}

// fromConfig are the grants of a server of the configuration, its variables
// without their values.
func fromConfig(p *packages, c config.Server) (granting, error) {
	g, err := configGrants(c, p.lock.dir())
	return granting{Grants: c.Grants, env: g.Env, clock: c.Clock}, err
}

// seal makes the entry of what was approved.
func (p *packages) seal(k *candidate, name string, g granting) (lock.Entry, error) {
	e := k.entry
	var err error
	if e.Grants, err = lock.NewGrants(g.Grants, g.env, g.clock, p.lock.dir()); err != nil {
		return e, err
	}
	e.Approved = time.Now().UTC().Truncate(time.Second)
	return lock.Seal(name, e)
}
