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

// publishJSON is the output of publish.
type publishJSON struct {
	Reference string              `json:"reference"`      // with the digest
	File      string              `json:"file,omitempty"` // where the server.json was written
	Server    *catalog.ServerJSON `json:"server"`
	Signed    bool                `json:"signed"`  // by whomever
	Notes     []string            `json:"notes"`   // what was left out or cut
	Demands   []string            `json:"demands"` // what the MCP Registry asks for besides
}

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
		Args:    publishArgs,
	}
	packages.register(cmd)
	cache.register(cmd)
	cmd.Flags().StringVar(&file, "server-json", "", "write a server.json, to a `FILE` or to standard output")
	cmd.Flags().Lookup("server-json").NoOptDefVal = "-"
	cmd.Flags().StringVar(&description, "description", "", "`TEXT` of at most 100 characters in place of the manifest's description")
	out := newOutput(cmd)
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
		return publishServer(cmd.Context(), s, out, client.Source(ref), ref, file, description)
	}
	return cmd
}

// publishArgs is the check of publish's arguments; the value of --server-json is
// optional.
func publishArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 1 && cmd.Flags().Changed("server-json") {
		for _, file := range args {
			if _, err := oci.ParseReference(file); err != nil {
				return usage("write --server-json="+file, "publish: --server-json %s: the file stands behind an equals sign", file)
			}
		}
	}
	return takes(1, 1, "the reference of a package that was pushed")(cmd, args)
}

func publishServer(ctx context.Context, s Streams, out *output, src oci.Source, ref oci.Reference, file, description string) error {
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
		hint := ""
		if errors.Is(err, catalog.ErrNoDescription) {
			hint = "mcpwasm build --description TEXT puts one into the package; publish --description TEXT into the server.json alone"
		}
		return &failure{ExitInput, fmt.Errorf("publish %s: %w", ref, err), hint}
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
	demands := catalog.Demands(server, ref)
	if file != "-" || !out.json() {
		if err := writeServer(s, file, server); err != nil {
			return err
		}
	}
	for _, line := range demands {
		say(s, "the MCP Registry asks for more: %s", line)
	}
	if !out.json() {
		return nil
	}
	result := publishJSON{Reference: ref.String(), Server: server, Signed: len(envelopes) > 0,
		Notes: append([]string{}, notes...), Demands: append([]string{}, demands...)}
	if file != "-" {
		result.File = file
	}
	return writeJSON(s.Out, result)
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
