package cli

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/cmd/internal/config"
	"github.com/mcpwasm/mcpwasm/host"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry"
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
	env      []string
	lifetime choice
	memory   config.Size
	timeout  config.Duration
	manifest string
}

func (f *guestFlags) register(cmd *cobra.Command) {
	f.hostFlags.register(cmd)
	f.grantFlags.register(cmd)
	cmd.Flags().StringArrayVarP(&f.env, "env", "e", nil, "environment variable of the server, `KEY=value` or KEY=secret:NAME; may be repeated")
	f.lifetime = choice{of: []string{
		string(runtime.LifetimeCall), string(runtime.LifetimeSession), string(runtime.LifetimeProcess),
	}}
	f.lifetime.register(cmd, "lifetime", "how long an instance lives (default: call, for stdio servers session)")
	cmd.Flags().Var(&f.memory, "memory", "memory that an instance may use (default 256MiB)")
	cmd.Flags().Var(&f.timeout, "timeout", "time for one message (default 30s)")
	cmd.Flags().StringVar(&f.manifest, "manifest", "", "`FILE` with what the server asks for; what is granted beyond that is withheld")
}

// open brings up a host of one server: the source and what stands behind -- on
// the command line. Whoever opens it closes it.
func (f *guestFlags) open(ctx context.Context, c host.Config, source string, guestArgs []string) (*host.Host, registry.Artifact, error) {
	for _, kv := range f.env {
		if key, _, ok := strings.Cut(kv, "="); !ok || key == "" {
			return nil, registry.Artifact{}, usage("", "--env %q: want KEY=value", kv)
		}
	}
	grants, err := f.grants(f.env)
	if err != nil {
		return nil, registry.Artifact{}, err
	}
	manifest, err := readManifest(f.manifest)
	if err != nil {
		return nil, registry.Artifact{}, &failure{ExitInput, err, ""}
	}
	a, err := registry.Open(ctx, source, registry.Options{})
	if err != nil {
		return nil, a, err
	}
	path, err := filepath.Abs(source)
	if err != nil {
		return nil, a, err
	}
	c.Guarded = append(c.Guarded, path)
	c.Servers = []host.Server{{
		Name:     a.Name,
		Scope:    a.Name + " " + path,
		Source:   source,
		Wasm:     a.Wasm,
		Args:     guestArgs,
		Env:      f.env,
		Lifetime: runtime.Lifetime(f.lifetime.value),
		Limits:   runtime.Limits{MemoryBytes: uint64(f.memory), Deadline: f.timeout.Duration()},
		Grants:   grants,
		Clock:    f.clock.Duration(),
		Manifest: manifest,
	}}
	h, err := host.New(ctx, c)
	if err != nil {
		return nil, a, err
	}
	err = firstError(ctx, h, c.Servers)
	if err != nil {
		return nil, a, &failure{ExitInput, errors.Join(byFlag(grants, err), h.Close()), ""}
	}
	return h, a, nil
}

// firstError returns why a host's server cannot be used, or its grants cannot
// hold: those for tools are known by what the server says it has.
func firstError(ctx context.Context, h *host.Host, servers []host.Server) error {
	for i, st := range h.Status() {
		if st.Err != nil {
			return st.Err
		}
		if len(servers[i].Grants.Tools) == 0 {
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
func (f *guestFlags) openQuietly(ctx context.Context, s Streams, source string, guestArgs []string) (*host.Host, registry.Artifact, *stderrTail, error) {
	c := f.config(s, slog.LevelWarn)
	tail := &stderrTail{}
	if !f.verbose {
		c.Logger = slog.New(tailHandler{c.Logger.Handler(), tail})
	}
	h, a, err := f.open(ctx, c, source, guestArgs)
	return h, a, tail, err
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
			return usage(hint, "%s: %q is one argument too many; arguments for the server stand behind --", cmd.Name(), own[most])
		}
		return nil
	}
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
