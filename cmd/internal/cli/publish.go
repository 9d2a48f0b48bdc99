package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/registry"
	"github.com/mcpwasm/mcpwasm/registry/catalog"
	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/pack"
	"github.com/mcpwasm/mcpwasm/registry/sign"
)

func newPublish(s Streams) *cobra.Command {
	var packages packageFlags
	var cache cacheFlags
	var file, description string
	cmd := &cobra.Command{
		Use:   "publish --server-json[=FILE] REFERENCE",
		Short: "Write the server.json by which an MCP Registry lists a package",
		Long: `Publish writes the server.json of a package that was pushed: to standard output, or
to a file. It says what the package's own manifest says, and names the package by
its digest. Nothing is sent anywhere: mcp-publisher publish does that, with the
server.json beside it.`,
		Example: "  mcpwasm publish --server-json=server.json ghcr.io/someone/weather:1.2.0",
		Args:    takes(1, 1, "the reference of a package that was pushed"),
	}
	packages.register(cmd)
	cache.register(cmd)
	cmd.Flags().StringVar(&file, "server-json", "", "write a server.json, to a `FILE` or to standard output")
	cmd.Flags().Lookup("server-json").NoOptDefVal = "-"
	cmd.Flags().StringVar(&description, "description", "", "`TEXT` of at most 100 characters in place of the manifest's description")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if file == "" {
			return usage("mcpwasm publish --server-json[=FILE] REFERENCE", "publish: want --server-json: it is all that is written")
		}
		ref, err := oci.ParseReference(args[0])
		if err != nil {
			return usage("--server-json=FILE names a file: the equals sign is part of it", "%w", err)
		}
		client, _, err := packages.open(s, cache.dir())
		if err != nil {
			return err
		}
		return publishServer(cmd.Context(), s, client.Source(ref), ref, file, description)
	}
	return cmd
}

func publishServer(ctx context.Context, s Streams, src oci.Source, ref oci.Reference, file, description string) error {
	// It is the author's own package, which is not run: nobody has to vouch for it.
	d, err := src.Resolve(ctx, ref.Identifier())
	if err != nil {
		return serverFailure(ctx, ref, err)
	}
	l, err := pack.Read(ctx, src, d, registry.DefaultMaxBytes)
	if err != nil {
		return serverFailure(ctx, ref, err)
	}
	ref.Digest = d.Digest
	server, notes, err := catalog.NewServerJSON(l.Plugin, ref, description)
	if err != nil {
		return &failure{ExitInput, fmt.Errorf("publish %s: %w", ref, err), ""}
	}
	if err := catalog.CheckServerName(ctx, src, l, server.Name); err != nil {
		return serverFailure(ctx, ref, err)
	}
	for _, n := range notes {
		say(s, "%s", oneLine(n, 500))
	}
	envelopes, err := sign.Collect(ctx, src, d.Digest)
	if err != nil {
		return serverFailure(ctx, ref, err)
	}
	if len(envelopes) == 0 {
		say(s, "warning: nobody has signed the package yet: mcpwasm sign does")
	}
	if err := writeServer(s, file, server); err != nil {
		return err
	}
	for _, line := range catalog.Demands(server, ref) {
		say(s, "the MCP Registry asks for more: %s", line)
	}
	return nil
}

// serverFailure tells a package that cannot be published from one that could not
// be reached.
func serverFailure(ctx context.Context, ref oci.Reference, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	named := fmt.Errorf("publish %s: %w", ref, err)
	for _, reason := range []error{catalog.ErrCatalog, oci.ErrNotFound, oci.ErrContent, pack.ErrPackage, sign.ErrSignature} {
		if errors.Is(err, reason) {
			return &failure{ExitInput, named, ""}
		}
	}
	return named
}

func writeServer(s Streams, file string, server *catalog.ServerJSON) error {
	if file == "-" {
		return writeJSON(s.Out, server)
	}
	var b bytes.Buffer
	if err := writeJSON(&b, server); err != nil {
		return err
	}
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil { // it is meant for everybody
		return fmt.Errorf("write the server.json: %w", err)
	}
	say(s, "%s is written", file)
	return nil
}
