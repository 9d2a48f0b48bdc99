package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/cmd/internal/config"
	"github.com/mcpwasm/mcpwasm/host"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry"
	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/runtime"
)

// hostFlags are the flags of every command that brings up a host.
type hostFlags struct {
	stateFlags
	cacheFlags
	verbose bool
}

func (f *hostFlags) register(cmd *cobra.Command) {
	f.stateFlags.register(cmd)
	f.cacheFlags.register(cmd)
	cmd.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "log more to standard error")
}

// config returns what the flags say. Without a folder for caches, compiled code
// stays in memory: that is slower, not wrong.
func (f *hostFlags) config(s Streams, level slog.Level) host.Config {
	if f.verbose {
		level = slog.LevelDebug
	}
	c := host.Config{
		Logger:   slog.New(slog.NewTextHandler(s.Err, &slog.HandlerOptions{Level: level})),
		Version:  version(),
		CacheDir: f.cacheFlags.dir(),
		Compile:  compileApart,
	}
	state := &lazyState{flags: &f.stateFlags, s: s}
	c.Private = f.private()
	c.Store, c.Secrets = state, providers(state, c.Logger)
	return c
}

// guestFlags are the flags of commands that run one server.
type guestFlags struct {
	hostFlags
	grantFlags
	packages packageFlags
	lock     lockFlags
	policy   policyFlags
	env      []string
	lifetime choice
	memory   config.Size
	timeout  config.Duration
	manifest string
}

func (f *guestFlags) register(cmd *cobra.Command) {
	f.hostFlags.register(cmd)
	f.grantFlags.register(cmd)
	f.packages.register(cmd)
	f.packages.registerUnsigned(cmd)
	f.lock.register(cmd)
	f.policy.register(cmd)
	registerEnv(cmd, &f.env)
	f.lifetime = choice{of: []string{
		string(runtime.LifetimeCall), string(runtime.LifetimeSession), string(runtime.LifetimeProcess),
	}}
	f.lifetime.register(cmd, "lifetime", "how long an instance lives (default: call, for stdio servers session)")
	cmd.Flags().Var(&f.memory, "memory", "memory that an instance may use (default 256MiB)")
	cmd.Flags().Var(&f.timeout, "timeout", "time for one message (default 30s)")
	cmd.Flags().StringVar(&f.manifest, "manifest", "", "`FILE` with what the server asks for; what is granted beyond that is withheld")
}

func registerEnv(cmd *cobra.Command, env *[]string) {
	cmd.Flags().StringArrayVarP(env, "env", "e", nil, "environment variable of the server, `KEY=value` or KEY=secret:NAME; may be repeated")
}

// opened is a host of one server.
type opened struct {
	*host.Host
	server host.Server
	local  bool         // it is a file or folder of this machine
	file   *config.File // the configuration
	// policy is the one in force, policyFile its file, "" for the shipped one.
	policy     *cel.Policy
	policyFile string
}

// open brings up a host of one server: the source and what stands behind -- on
// the command line. Whoever opens it closes it.
func (f *guestFlags) open(ctx context.Context, s Streams, c host.Config, source string, guestArgs []string) (*opened, error) {
	chosen, err := f.choose(ctx, s, c, source)
	if err != nil {
		return nil, err
	}
	o := &opened{server: chosen.server, local: chosen.local, file: chosen.file, policyFile: f.policy.in(chosen.file)}
	if len(guestArgs) > 0 {
		o.server.Args = guestArgs
	}
	f.limit(&o.server)
	c.Guarded = append(c.Guarded, chosen.guarded...)
	c.Servers = []host.Server{o.server}
	if err := decideBy(&c, o.policyFile); err != nil {
		return nil, err
	}
	o.policy = c.Policy
	if o.Host, err = host.New(ctx, c); err != nil {
		return nil, atLabels(o.file, err)
	}
	if err := firstError(ctx, o.Host, c.Servers); err != nil {
		return nil, &failure{ExitInput, errors.Join(o.placed(err), o.Close()), ""}
	}
	return o, nil
}

// placed names the place of what is wrong with grants: a line of the configuration
// where the server stands there, or else a flag.
func (o *opened) placed(err error) error {
	problems := grantProblems(err)
	if len(problems) == 0 || o.local || !o.file.Has(o.server.Name) {
		return byFlag(o.server.Grants, err)
	}
	var all config.Errors
	for _, p := range problems {
		all = append(all, o.file.At("servers."+o.server.Name+"."+p.Path, p.Err))
	}
	return all
}

// limit applies the flags that have nothing to do with what the server may do.
func (f *guestFlags) limit(s *host.Server) {
	if f.lifetime.value != "" {
		s.Lifetime = runtime.Lifetime(f.lifetime.value)
	}
	if f.memory != 0 {
		s.Limits.MemoryBytes = uint64(f.memory)
	}
	if f.timeout.Duration() != 0 {
		s.Limits.Deadline = f.timeout.Duration()
	}
}

// chosen is the server that a source names.
type chosen struct {
	server  host.Server
	guarded []string     // the files that decide what it is
	file    *config.File // the configuration
	local   bool         // it is a file or folder of this machine
}

// choose gets the server that a source names. What has been approved is taken as it
// was approved.
func (f *guestFlags) choose(ctx context.Context, s Streams, c host.Config, source string) (chosen, error) {
	src, err := registry.ParseSource(source)
	if err != nil {
		return chosen{}, err
	}
	if src.Local() {
		file, err := f.configuration(s)
		if err != nil {
			return chosen{}, err
		}
		server, path, err := f.local(ctx, source)
		return chosen{server, append(guarded(file), path), file, true}, err
	}
	if src.Shadows {
		say(s, "there is a file or folder %s as well, which is not what is started: ./%[1]s would be", source)
	}
	p, err := openPackages(s, f.packages, f.lock, f.cacheFlags.dir())
	if err != nil {
		return chosen{}, err
	}
	server, err := f.packaged(ctx, p, c, src)
	return chosen{server, p.guarded(), p.file, false}, err
}

// configuration reads the configuration for its policy, which decides about servers
// that are not in it as well. Where there is no place for one, it is empty.
func (f *guestFlags) configuration(s Streams) (*config.File, error) {
	if _, named, err := config.Find(f.packages.config, os.LookupEnv); err != nil && !named {
		return config.Empty(""), nil
	}
	return optionalConfig(s, f.packages.config)
}

// packaged gets a server out of a package.
func (f *guestFlags) packaged(ctx context.Context, p *packages, c host.Config, src registry.Source) (host.Server, error) {
	if src.Reference.Digest != "" {
		return f.exact(ctx, p, src.Reference)
	}
	name := src.Text
	if src.Kind == registry.SourceReference {
		var err error
		if name, err = p.approved(src.Reference); err != nil {
			return host.Server{}, err
		}
	}
	if flag := f.given(); flag != "" {
		return host.Server{}, usage("mcpwasm update "+name+" with all of its grants as flags changes what was approved",
			"--%s: %s has the grants that were approved", flag, name)
	}
	return p.open(ctx, c, name)
}

// given names a flag that gives the server something, "" for none.
func (f *guestFlags) given() string {
	switch {
	case len(f.env) > 0:
		return "env"
	case f.manifest != "":
		return "manifest"
	}
	return f.grantFlags.given()
}

// local gets a server from this machine, and its path.
func (f *guestFlags) local(ctx context.Context, source string) (host.Server, string, error) {
	server, err := f.granted()
	if err != nil {
		return server, "", err
	}
	a, err := registry.Open(ctx, source, registry.Options{})
	if err != nil {
		return server, "", err
	}
	path, err := filepath.Abs(source)
	if err != nil {
		return server, "", err
	}
	server.Name, server.Scope, server.Source, server.Wasm = a.Name, a.Name+" "+path, source, a.Wasm
	return server, path, f.adopt(&server, a.Manifest)
}

// exact gets a package by its digest, with the grants of the flags.
func (f *guestFlags) exact(ctx context.Context, p *packages, ref oci.Reference) (host.Server, error) {
	granted, err := f.granted()
	if err != nil {
		return granted, err
	}
	server, err := p.byDigest(ctx, ref)
	if err != nil {
		return server, err
	}
	server.Grants, server.Env, server.Clock = granted.Grants, granted.Env, granted.Clock
	asked := server.Manifest
	server.Manifest = granted.Manifest
	return server, f.adopt(&server, asked)
}

// adopt takes a package's own manifest, beside which none is taken from a flag.
func (f *guestFlags) adopt(s *host.Server, m *plugins.Manifest) error {
	if m == nil {
		return nil
	}
	if f.manifest != "" {
		return usage("leave it out", "--manifest: what the package asks for stands in the package")
	}
	s.Manifest, s.Definitions = m, &m.Definitions
	return nil
}

// granted is a server of which only what the flags give is known.
func (f *guestFlags) granted() (host.Server, error) {
	if err := checkEnv(f.env); err != nil {
		return host.Server{}, err
	}
	grants, err := f.grants(f.env)
	if err != nil {
		return host.Server{}, err
	}
	manifest, err := readManifest(f.manifest)
	if err != nil {
		return host.Server{}, &failure{ExitInput, err, ""}
	}
	return host.Server{Env: f.env, Grants: grants, Clock: f.clock.Duration(), Manifest: manifest}, nil
}

// checkEnv refuses what is no variable.
func checkEnv(env []string) error {
	for _, kv := range env {
		if key, _, ok := strings.Cut(kv, "="); !ok || key == "" {
			return usage("", "--env %q: want KEY=value", kv)
		}
	}
	return nil
}

// firstError returns why a host's server cannot be used, or its grants cannot
// hold: those for tools are known by what the server says it has.
func firstError(ctx context.Context, h *host.Host, servers []host.Server) error {
	for i, st := range h.Status() {
		if st.Err != nil {
			return st.Err
		}
		if !saysOfTools(servers[i]) {
			continue
		}
		if _, err := h.Definitions(ctx, st.Name); len(grantProblems(err)) > 0 {
			return err
		}
	}
	return nil
}

// openQuietly is open for commands that print data: of what the server writes to
// its standard error, only the end is kept, for when it fails.
func (f *guestFlags) openQuietly(ctx context.Context, s Streams, source string, guestArgs []string) (*opened, *stderrTail, error) {
	c := f.config(s, slog.LevelWarn)
	tail := &stderrTail{}
	c.Logger = slog.New(tailHandler{c.Logger.Handler(), tail, f.verbose})
	o, err := f.open(ctx, s, c, source, guestArgs)
	return o, tail, err
}

// definitions returns what a server says about itself. An error that is not the
// runtime's is what the server answered.
func definitions(ctx context.Context, h *host.Host, server string) (plugins.Definitions, error) {
	defs, err := h.Definitions(ctx, server)
	if _, ok := errors.AsType[*runtime.GuestError](err); err == nil || ok || ctx.Err() != nil {
		return defs, err
	}
	return defs, &failure{ExitTool, err, ""}
}

// splitArgs parts a command's arguments from those behind --, which are the
// guest's.
func splitArgs(cmd *cobra.Command, args []string) (own, guest []string) {
	if n := cmd.ArgsLenAtDash(); n >= 0 {
		return args[:n], args[n:]
	}
	return args, nil
}

// takes is the check of a command's own arguments: between least and most, named
// in the message by what they are.
func takes(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		own, _ := splitArgs(cmd, args)
		hint := "usage: " + cmd.UseLine()
		switch {
		case len(own) > 0 && isKVValue(cmd, own[0]):
			return usage(hint, "--kv %s: the value stands behind an equals sign: --kv=%[1]s", own[0])
		case len(own) < least:
			return usage(hint, "%s: want %s", cmd.Name(), what)
		case len(own) > most:
			return tooMany(cmd, own[most])
		}
		return nil
	}
}

// tooMany refuses an argument, and says what it may have been meant for.
func tooMany(cmd *cobra.Command, arg string) error {
	text := fmt.Sprintf("%s: %q is one argument too many", cmd.Name(), arg)
	if strings.Contains(cmd.Use, "-- ") {
		text += "; arguments for the server stand behind --"
	}
	hint := "usage: " + cmd.UseLine()
	if cmd.Flags().Lookup("name") != nil && registry.IsName(arg) {
		hint = "--name " + arg + " gives it a name"
	}
	return usage(hint, "%s", text)
}

// isKVValue reports whether what should be a file was meant for --kv, whose value
// is optional.
func isKVValue(cmd *cobra.Command, arg string) bool {
	kv := cmd.Flags().Lookup("kv")
	_, err := plugins.ParseKVGrant(arg)
	return kv != nil && kv.Changed && arg != "" && err == nil
}

// version returns this program's version.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
