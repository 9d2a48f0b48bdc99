package cli

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/cmd/internal/config"
	"github.com/mcpwasm/mcpwasm/host"
	"github.com/mcpwasm/mcpwasm/host/capability/egress"
)

func newServe(s Streams) *cobra.Command {
	var flags hostFlags
	var front frontFlags
	var path string
	cmd := &cobra.Command{
		Use:   "serve [flags]",
		Short: "Serve all servers of a configuration file behind one endpoint",
		Long: `Serve runs every server of the configuration file behind one endpoint, over stdio
or, with --http, over HTTP at /mcp. Tools, prompts and resources are named
server__name. The file is watched: a change is taken over without dropping calls,
a bad file is reported and leaves the old one in force. A hang-up signal (SIGHUP)
reads the file and all modules again.`,
		Args: takesNoFile,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			file, err := loadConfig(s, path)
			if err != nil {
				return err
			}
			c := flags.config(s, slog.LevelInfo)
			c.HTTP, c.Prefix = front.options(), true
			c.Guarded = guarded(file)
			if c.Servers, err = hostServers(file); err != nil {
				return err
			}
			h, err := host.New(ctx, c)
			if err != nil {
				return err
			}
			reportBroken(ctx, s, h, file)
			return errors.Join(serveAndWatch(ctx, s, file.Path, h, &front), h.Close())
		},
	}
	cmd.Flags().StringVarP(&path, "config", "c", "", configHelp)
	flags.register(cmd)
	front.register(cmd)
	return cmd
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

// serveAndWatch serves while it watches the file; it ends with the serving.
func serveAndWatch(ctx context.Context, s Streams, path string, h *host.Host, front *frontFlags) error {
	watchCtx, stop := context.WithCancel(ctx)
	changed, err := config.Watch(watchCtx, path)
	if err != nil {
		stop()
		return err
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for range changed {
			reload(watchCtx, s, path, h)
		}
	})
	err = front.serve(ctx, s, h)
	stop()
	wg.Wait()
	return err
}

// reload takes a changed file over, or says why not.
func reload(ctx context.Context, s Streams, path string, h *host.Host) {
	file, err := config.Load(path, os.LookupEnv)
	var servers []host.Server
	if err == nil {
		servers, err = hostServers(file)
	}
	if err == nil {
		err = h.Reload(ctx, servers)
	}
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		report(s.Err, configFailure(path, true, err))
		say(s, "%s was not taken over: the servers go on as they were", path)
		return
	}
	say(s, "%s was taken over", path)
	reportBroken(ctx, s, h, file)
}

// reportBroken names the servers that do not work; the others serve.
func reportBroken(ctx context.Context, s Streams, h *host.Host, file *config.File) {
	for i, st := range h.Status() {
		if st.Err == nil && len(file.Servers[i].Grants.Tools) > 0 {
			// Only the server itself can say which tools there are.
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
		return []string{st.Err.Error()}
	}
	var lines []string
	for _, p := range problems {
		lines = append(lines, file.At("servers."+st.Name+"."+p.Path, p.Err).String())
	}
	return lines
}

// guarded are the files that decide what is run.
func guarded(f *config.File) []string {
	paths := f.Guarded()
	for _, s := range f.Servers {
		if s.Manifest != "" {
			paths = append(paths, s.Manifest)
		}
	}
	return paths
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
			Grants: c.Grants, Manifest: manifest, Clock: c.Clock,
			HTTP: egress.Limits{Time: c.HTTP.Timeout, RequestBytes: c.HTTP.RequestBytes, ResponseBytes: c.HTTP.ResponseBytes},
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return servers, nil
}
