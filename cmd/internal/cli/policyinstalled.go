package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/cmd/internal/config"
	"github.com/mcpwasm/mcpwasm/host"
	"github.com/mcpwasm/mcpwasm/registry"
)

// installedFlags are those of commands that look at a policy together with the
// servers that it decides about.
type installedFlags struct {
	cacheFlags
	packages packageFlags
	lock     lockFlags
}

func (f *installedFlags) register(cmd *cobra.Command) {
	f.cacheFlags.register(cmd)
	f.packages.register(cmd)
	f.packages.registerUnsigned(cmd)
	f.lock.register(cmd)
}

// open reads the configuration and the lock file.
func (f *installedFlags) open(s Streams) (*packages, error) {
	return openPackages(s, f.packages, f.lock, f.cacheFlags.dir())
}

// policyFile is what the first argument of a command names, or else the file of the
// policy that is in force, "" for the shipped one.
func (p *packages) policyFile(args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	return p.file.Policy
}

// host is the part of a host's configuration with which servers are asked what they
// offer.
func (f *installedFlags) host(s Streams) host.Config {
	return host.Config{
		CacheDir: f.cacheFlags.dir(), Compile: compileApart, Version: version(),
		Logger: slog.New(slog.NewTextHandler(s.Err, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
}

// factsOf are what policies know of servers. unknown names those of which that cannot
// be said, each with the reason.
func factsOf(ctx context.Context, c host.Config, servers []host.Server) (known []host.Facts, unknown []string, err error) {
	for _, server := range servers {
		f, err := host.FactsOf(ctx, c, server)
		if ctx.Err() != nil {
			return nil, nil, context.Cause(ctx)
		}
		if err != nil {
			unknown = append(unknown, fmt.Sprintf("%s: %v%s", server.Name, err, wayOut(err)))
			continue
		}
		known = append(known, f)
	}
	return known, unknown, nil
}

// factProblems are what the operator says of tools and prompts that servers do not
// have, with their lines.
func (p *packages) factProblems(facts []host.Facts) []config.Problem {
	var all []config.Problem
	for _, f := range facts {
		name := f.Server.Name
		for _, problem := range f.Problems {
			if p.file.Has(name) {
				all = append(all, p.file.At("servers."+name+"."+problem.Path, problem.Err))
			} else { // what was approved stands in the lock file
				all = append(all, config.Problem{File: p.lock.path, Path: "servers." + name + "." + problem.Path, Message: problem.Err.Error()})
			}
		}
	}
	return all
}

// introduced is a server with what the manifest beside its module says, if there is
// one.
func introduced(s host.Server, a registry.Artifact) host.Server {
	if s.Manifest == nil && a.Manifest != nil {
		s.Manifest, s.Definitions = a.Manifest, &a.Manifest.Definitions
	}
	return s
}

// installed are servers as the checks of a policy want them.
func installed(facts []host.Facts) []cel.Installed {
	list := []cel.Installed{} // not nil: that there are none is known
	for _, f := range facts {
		list = append(list, cel.Installed{Server: f.Server.Name, Tools: f.Tools})
	}
	return list
}

// checkTools compiles the rules about installed tools by their schemas.
func checkTools(p *cel.Policy, facts []host.Facts) cel.Problems {
	var problems cel.Problems
	for _, f := range facts {
		for _, t := range f.Tools {
			for _, problem := range p.CheckTool(f.Server.Name, t) {
				if !slices.Contains(problems, problem) {
					problems = append(problems, problem)
				}
			}
		}
	}
	return problems
}

// problemsOf are the problems in an error that a policy or its cases could not be
// read with; the error comes back where it is something else.
func problemsOf(err error) (cel.Problems, error) {
	if problems, ok := errors.AsType[cel.Problems](err); ok {
		return problems, nil
	}
	return nil, err
}

// bySeverity parts problems.
func bySeverity(all cel.Problems) (errs, warnings cel.Problems) {
	for _, p := range all {
		if p.Severity == cel.SeverityError {
			errs = append(errs, p)
		} else {
			warnings = append(warnings, p)
		}
	}
	return errs, warnings
}

// sortProblems puts problems into the order of the lines.
func sortProblems(all cel.Problems) {
	slices.SortStableFunc(all, func(a, b cel.Problem) int {
		if a.File != b.File {
			return strings.Compare(a.File, b.File)
		}
		return a.Line - b.Line
	})
}
