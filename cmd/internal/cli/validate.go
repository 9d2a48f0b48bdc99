package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/cmd/internal/config"
	"github.com/mcpwasm/mcpwasm/host"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry"
	"github.com/mcpwasm/mcpwasm/runtime"
	"github.com/mcpwasm/mcpwasm/runtime/wasm"
)

// validateJSON is the output of validate.
type validateJSON struct {
	File     string           `json:"file"`
	Valid    bool             `json:"valid"`
	Servers  []validServer    `json:"servers"`  // those that can be run
	Problems []config.Problem `json:"problems"` // in the order of the file's lines
	Warnings []config.Problem `json:"warnings"` // what does not keep the file from being used
	// Locked are the servers that serve takes from the lock file, since this file does
	// not name them; left out where there are none.
	Locked []approvedJSON `json:"locked,omitempty"`
	// Policy is left out where the shipped one is in force.
	Policy *validPolicy `json:"policy,omitempty"`
	// Trust is left out where nothing is trusted.
	Trust []trustedRepositories `json:"trust,omitempty"`

	form bool // the problems are with the file's form, not with the modules
}

type validServer struct {
	Name   string `json:"name"`
	Source string `json:"source"`
	// Packages have none of these three: nothing is fetched.
	Digest string        `json:"digest,omitempty"`
	Shape  plugins.Shape `json:"shape,omitempty"`
	Size   int           `json:"size,omitempty"` // in bytes
	Grants grantsJSON    `json:"grants"`
	May    []string      `json:"may"` // the grants in words
}

func newValidate(s Streams) *cobra.Command {
	var schema bool
	var path string
	var policy policyFlags
	cmd := &cobra.Command{
		Use:   "validate [FILE]",
		Short: "Check a configuration file and the modules that it names",
		Long: `Validate checks a configuration file (where none is named, $MCPWASM_CONFIG or
mcpwasm.yaml in the user's folder for configuration), that every module that it
names can be run, that what it grants is there and that its trust, its lock file and its
policy can be used, and prints what it checked and what each server may do: those of the
lock file that it does not name as well, since serve serves them. The policy's cases are
decided, where it has any. It starts nothing, and fetches nothing: policies are held
against tools that a manifest or a package in the cache tells of, and policy check
asks the others.`,
		Args:              takes(0, 1, "at most one file"),
		ValidArgsFunction: files("yaml", "yml"),
	}
	cmd.Flags().BoolVar(&schema, "schema", false, "print the JSON Schema of the file, for editors")
	cmd.Flags().StringVarP(&path, "config", "c", "", configHelp)
	var lockAt lockFlags
	lockAt.register(cmd)
	policy.register(cmd)
	var flags stateFlags
	flags.register(cmd)
	kept := &lazyState{flags: &flags, s: s}
	out := newOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if schema {
			_, err := s.Out.Write(config.Schema())
			return err
		}
		if len(args) > 0 {
			path = args[0]
		}
		c := host.Config{Store: kept, Secrets: providers(kept, slog.New(slog.DiscardHandler)), Private: flags.private()}
		c.CacheDir, c.Logger = defaultCacheDir(), slog.New(slog.NewTextHandler(s.Err, nil))
		v, err := validate(cmd.Context(), c, path, &lockAt, &policy)
		if err != nil {
			return err
		}
		return v.print(s, out.json())
	}
	return cmd
}

// validate checks a file. The error is about reading it; problems with its
// content are in the result.
func validate(ctx context.Context, c host.Config, flag string, lockAt *lockFlags, policy *policyFlags) (validateJSON, error) {
	path, named, err := config.Find(flag, os.LookupEnv)
	if err != nil {
		return validateJSON{}, usage("", "%w", err)
	}
	v := validateJSON{File: path, Servers: []validServer{}, Problems: []config.Problem{}, Warnings: []config.Problem{}}
	file, err := config.Load(path, os.LookupEnv)
	if problems, ok := errors.AsType[config.Errors](err); ok {
		v.Problems, v.form = problems, true
		return v, nil
	}
	if err != nil {
		return v, configFailure(path, named, err)
	}
	v.checkTrust(file)
	v.checkLock(file, lockAt)
	servers, err := hostServers(file)
	if problems, ok := errors.AsType[config.Errors](err); ok {
		v.Problems = append(v.Problems, problems...)
		return v.sorted(), nil
	}
	c.Guarded, c.Servers = guarded(file), servers
	inForce := policy.in(file)
	if inForce != "" {
		c.Guarded = append(c.Guarded, inForce)
	}
	if err := v.checkServers(ctx, c, file); err != nil {
		return v, err
	}
	p := atHand(file, lockAt, c.CacheDir)
	addPackages(ctx, &c, p)
	v.checkPolicy(ctx, c, p, inForce)
	return v.sorted(), ctx.Err()
}

// checkServers checks that the servers can be run and have what they are granted, and
// lists them; c's are completed by what their packages say. The error is ctx's.
func (v *validateJSON) checkServers(ctx context.Context, c host.Config, file *config.File) error {
	for i, server := range file.Servers {
		for _, p := range grantProblems(host.CheckGrants(ctx, c, c.Servers[i])) {
			v.Problems = append(v.Problems, file.At("servers."+server.Name+"."+p.Path, p.Err))
		}
		listed := validServer{
			Name: server.Name, Source: server.Source,
			Grants: newGrantsJSON(server.Grants, server.Clock), May: may(server.Grants, server.Clock),
		}
		if server.Package {
			v.Servers = append(v.Servers, listed)
			continue
		}
		a, err := registry.Open(ctx, server.Source, registry.Options{})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		at := "servers." + server.Name + ".source"
		if err == nil {
			at, err = checkRunnable(server, a)
		}
		if err != nil {
			v.Problems = append(v.Problems, file.At(at, err))
			continue
		}
		listed.Digest, listed.Shape, listed.Size = a.Digest, a.Module.Shape, a.Module.Size
		v.Servers = append(v.Servers, listed)
		c.Servers[i] = introduced(c.Servers[i], a)
	}
	return nil
}

// sorted completes a result.
func (v validateJSON) sorted() validateJSON {
	slices.SortStableFunc(v.Problems, func(a, b config.Problem) int { return cmp.Compare(a.Line, b.Line) })
	v.Valid = len(v.Problems) == 0
	return v
}

// checkRunnable asks what serving would ask, and says which part of the file the
// error is about.
func checkRunnable(server config.Server, a registry.Artifact) (path string, err error) {
	path = "servers." + server.Name
	o := runtime.Options{Lifetime: server.Lifetime, Limits: server.Limits}
	if _, err := o.LifetimeFor(a.Module.Shape); err != nil {
		return path + ".lifetime", err
	}
	return path + ".source", wasm.Check(&a.Module, o)
}

func (v *validateJSON) print(s Streams, asJSON bool) error {
	for _, w := range v.Warnings {
		say(s, "warning: %s", w)
	}
	if asJSON {
		if err := writeJSON(s.Out, v); err != nil {
			return err
		}
	} else if err := v.printText(s); err != nil {
		return err
	}
	if v.Valid {
		return nil
	}
	if v.form {
		return config.Errors(v.Problems)
	}
	return &failure{ExitInput, config.Errors(v.Problems), ""}
}

func (v *validateJSON) printText(s Streams) error {
	var rows [][]string
	for _, server := range v.Servers {
		if server.Digest == "" {
			rows = append(rows, []string{server.Name, "package", "", server.Source})
			continue
		}
		rows = append(rows, []string{server.Name, string(server.Shape), bytesText(server.Size), server.Digest})
	}
	if err := writeTable(s.Out, rows); err != nil {
		return err
	}
	var text strings.Builder
	for _, server := range v.Servers {
		text.WriteString(grantsText(server.Name, server.May))
	}
	text.WriteString(lockedText(v.Locked))
	for _, t := range v.Trust {
		text.WriteString(t.text())
	}
	if v.Policy != nil {
		text.WriteString(v.Policy.text())
	}
	if v.Valid {
		fmt.Fprintf(&text, "%s: valid\n", printable(v.File))
	}
	_, err := io.WriteString(s.Out, text.String())
	return err
}

// lockedText lists the servers of the lock file.
func lockedText(servers []approvedJSON) string {
	if len(servers) == 0 {
		return ""
	}
	var names []string
	var grants strings.Builder
	for _, server := range servers {
		names = append(names, server.Name)
		grants.WriteString(grantsText(server.Name, server.May))
	}
	return "from the lock file: " + strings.Join(names, ", ") + "\n" + grants.String()
}
