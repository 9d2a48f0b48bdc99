package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/cmd/internal/config"
	"github.com/mcpwasm/mcpwasm/host"
	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/host/capability/egress"
)

func newServe(s Streams) *cobra.Command {
	var flags serveFlags
	cmd := &cobra.Command{
		Use:   "serve [flags]",
		Short: "Serve all servers of a configuration file behind one endpoint",
		Long: `Serve runs every server of the configuration file behind one endpoint, over stdio
or, with --http, over HTTP at /mcp. Tools, prompts and resources are named
server__name. The file is watched: a change is taken over without dropping calls,
a bad file is reported and leaves the old one in force. A hang-up signal (SIGHUP)
reads the file and all modules again. The policy's file, by which everything is
decided, is watched as well: one that does not compile, or is gone, leaves the one
before in force.

Servers whose source is a package, and all others of the lock file, are served
exactly as they were approved with mcpwasm add. The lock file is watched as well.`,
		Args: takesNoFile,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			c := flags.config(s, slog.LevelInfo)
			c.HTTP, c.Prefix = flags.front.options(), true
			p, err := flags.open(s)
			if err != nil {
				return err
			}
			c.Guarded = p.guarded()
			if err := decideBy(&c, flags.policy.in(p.file)); err != nil {
				return err
			}
			if c.Servers, err = p.servers(ctx, c); err != nil {
				return err
			}
			h, err := host.New(ctx, c)
			if err != nil {
				return atLabels(p.file, err)
			}
			reportBroken(ctx, s, h, p.file, c.Servers)
			return errors.Join(flags.serveAndWatch(ctx, s, p, c, h), h.Close())
		},
	}
	flags.register(cmd)
	return cmd
}

// serveFlags are the flags of serve.
type serveFlags struct {
	hostFlags
	packages packageFlags
	lock     lockFlags
	policy   policyFlags
	front    frontFlags
}

func (f *serveFlags) register(cmd *cobra.Command) {
	f.hostFlags.register(cmd)
	f.packages.register(cmd)
	f.packages.registerUnsigned(cmd)
	f.lock.register(cmd)
	f.policy.register(cmd)
	f.front.register(cmd)
}

// open reads the configuration and the lock file, one of which has to have a
// server.
func (f *serveFlags) open(s Streams) (*packages, error) {
	p, err := openPackages(s, f.packages, f.lock, f.cacheFlags.dir())
	if err != nil {
		return nil, err
	}
	if len(p.file.Servers)+len(p.lock.Servers) > 0 {
		return p, nil
	}
	if _, err := loadConfig(s, f.packages.config); err != nil {
		return nil, err
	}
	return nil, &failure{ExitInput, fmt.Errorf("there are no servers in %s, and none in %s", p.file.Path, p.lock.path),
		"mcpwasm add REFERENCE approves a package; a minimal entry is: servers: {hello: {source: hello.wasm}}"}
}

// takesNoFile says how to serve the file that somebody named.
func takesNoFile(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := "mcpwasm serve --config " + args[0]
	if strings.HasSuffix(args[0], ".wasm") {
		hint = "mcpwasm run " + args[0]
	}
	return usage(hint, "serve: %q is one argument too many: serve takes a configuration file, by --config", args[0])
}

// reportBroken names the servers that do not work; the others serve.
func reportBroken(ctx context.Context, s Streams, h *host.Host, file *config.File, servers []host.Server) {
	for i, st := range h.Status() {
		if st.Err == nil && saysOfTools(servers[i]) {
			_, err := h.Definitions(ctx, st.Name)
			if len(grantProblems(err)) > 0 {
				st.Err = err
			}
		}
		for _, line := range broken(file, st) {
			say(s, "error: %s", line)
		}
	}
}

// broken says why a server cannot be used, in lines. A grant that does not hold is named by
// its line in the file.
func broken(file *config.File, st host.Status) []string {
	problems := grantProblems(st.Err)
	switch {
	case st.Err == nil:
		return nil
	case len(problems) == 0:
		return []string{st.Err.Error() + wayOut(st.Err)}
	}
	var lines []string
	for _, p := range problems {
		lines = append(lines, file.At("servers."+st.Name+"."+p.Path, p.Err).String())
	}
	return lines
}

// guarded are the files that decide what is run.
func guarded(f *config.File) []string {
	var paths []string
	if f.Path != "" {
		paths = f.Guarded()
	}
	for _, s := range f.Servers {
		if s.Manifest != "" {
			paths = append(paths, s.Manifest)
		}
	}
	return paths
}

// servers returns the servers of the configuration and of the lock file. One whose
// package is not what was approved keeps the others from nothing.
func (p *packages) servers(ctx context.Context, c host.Config) ([]host.Server, error) {
	servers, err := hostServers(p.file)
	if err != nil {
		return nil, err
	}
	named := map[string]bool{}
	for i, s := range p.file.Servers {
		named[s.Name] = true
		if !s.Package {
			continue
		}
		if servers[i], err = p.configured(ctx, c, s); err != nil {
			servers[i] = host.Server{Name: s.Name, Source: s.Source, Err: err}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.lock.Servers)) {
		if named[name] {
			continue
		}
		s, err := p.open(ctx, c, name)
		if err != nil {
			s = host.Server{Name: name, Source: p.lock.Servers[name].Reference, Err: err}
		}
		servers = append(servers, s)
	}
	return servers, ctx.Err()
}

// hostServers returns a file's servers; the error is a problem of the file.
func hostServers(f *config.File) ([]host.Server, error) {
	var problems config.Errors
	servers := make([]host.Server, len(f.Servers))
	for i, c := range f.Servers {
		manifest, err := readManifest(c.Manifest)
		if err != nil {
			problems = append(problems, f.At("servers."+c.Name+".manifest", err))
		}
		servers[i] = host.Server{
			Name: c.Name, Source: c.Source, Args: c.Args, Env: c.Env, Lifetime: c.Lifetime, Limits: c.Limits,
			Grants: c.Grants, Manifest: manifest, Clock: c.Clock, Labels: hostLabels(c.Labels), Tags: c.Tags,
			HTTP: egress.Limits{Time: c.HTTP.Timeout, RequestBytes: c.HTTP.RequestBytes, ResponseBytes: c.HTTP.ResponseBytes},
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return servers, nil
}

// hostLabels are a server's labels as the host has them.
func hostLabels(l config.Labels) host.Labels {
	return host.Labels{
		Tools: l.Tools, Prompts: l.Prompts, Resources: l.Resources,
		Grants: effect.Labels{HTTP: l.HTTP, Mounts: l.Mounts, Secrets: l.Secrets, KV: l.KV},
	}
}
