package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/host"
	"github.com/mcpwasm/mcpwasm/registry"
	"github.com/mcpwasm/mcpwasm/registry/lock"
	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// diffJSON is the output of diff.
type diffJSON struct {
	Name      string        `json:"name"`
	Reference string        `json:"reference"` // what was compared, with its digest
	Changes   []lock.Change `json:"changes"`
}

// verboseDiff is the help on -v of commands that show what changed.
const verboseDiff = "log more to standard error, and show definitions that came or went in full"

// errDiffers is returned where two differ: like diff's exit code 1, no failure that
// anybody has to be told of.
var errDiffers = exitCode(ExitFailure)

// exitCode is the error of a command that has said all, and ends with a code.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

func newDiff(s Streams) *cobra.Command {
	var flags hostFlags
	var packaged packageFlags
	var lockAt lockFlags
	cmd := &cobra.Command{
		Use:   "diff NAME [REFERENCE|TAG|VERSION|DIGEST]",
		Short: "Show what a package that was approved has become",
		Long: `Diff shows what update would: how what the tag of a server stands for by now, or
another package, differs from what was approved. It changes nothing. The exit
code is 0 where nothing differs and 1 where something does.`,
		Args:              takes(1, 2, "the NAME of a server, and what to compare it with"),
		ValidArgsFunction: approvedNames(1),
	}
	flags.register(cmd)
	cmd.Flags().Lookup("verbose").Usage = verboseDiff
	packaged.register(cmd)
	packaged.registerUnsigned(cmd)
	lockAt.register(cmd)
	out := newOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		p, err := openPackages(s, packaged, lockAt, flags.cacheFlags.dir())
		if err != nil {
			return err
		}
		return p.diff(cmd.Context(), s, &flags, args, out.json())
	}
	return cmd
}

func (p *packages) diff(ctx context.Context, s Streams, flags *hostFlags, args []string, asJSON bool) error {
	old, err := p.entry(args[0])
	if err != nil {
		return err
	}
	c := flags.config(s, slog.LevelWarn)
	k, err := p.other(ctx, c, old, args)
	if err != nil {
		return err
	}
	d := p.compare(ctx, c, old, k)
	if asJSON {
		err = writeJSON(s.Out, diffJSON{args[0], k.Reference.String(), append([]lock.Change{}, d.changes...)})
	} else {
		_, err = io.WriteString(s.Out, d.text(flags.verbose))
	}
	if err == nil && len(d.changes) > 0 {
		return errDiffers
	}
	return err
}

// other gets what to compare an entry with.
func (p *packages) other(ctx context.Context, c host.Config, e lock.Entry, args []string) (*candidate, error) {
	if len(args) == 1 {
		return p.pick(ctx, c, args[0], e, "")
	}
	if src, err := registry.ParseSource(args[1]); err == nil && src.Kind == registry.SourceReference && !oci.IsDigest(args[1]) {
		return p.candidate(ctx, c, src.Reference)
	}
	return p.pick(ctx, c, args[0], e, args[1])
}
