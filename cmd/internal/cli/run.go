package cli

import (
	"context"
	"errors"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/host"
)

func newRun(s Streams) *cobra.Command {
	var guest guestFlags
	var front frontFlags
	cmd := &cobra.Command{
		Use:   "run NAME|REFERENCE|FILE [flags] [-- ARG...]",
		Short: "Run one server over stdio, or over HTTP with --http",
		Long: `Run runs one server and speaks MCP on standard input and output, until standard
input ends. With --http it serves Streamable HTTP at /mcp instead, until it is
interrupted. What stands behind -- are the server's own arguments.

A NAME is a server that was approved with mcpwasm add: exactly that package is
started, with the grants that were approved, and anything else is refused. A
REFERENCE with a tag is the server that was approved from there; one with a digest
has to be trusted, and has the grants of the flags like a FILE.

A policy decides what is listed, called, done and answered: that of --policy, else that
of the configuration, whatever is run, else the shipped one. Its file is watched, and a
change that compiles is taken over.`,
		Example: `  mcpwasm run hello.wasm
  mcpwasm run weather
  mcpwasm run --http 127.0.0.1:8080 hello.wasm
  mcpwasm run --env UNITS=metric weather.wasm -- --verbose`,
		Args:              takes(1, 1, "what to run: a NAME, a REFERENCE or a .wasm file"),
		ValidArgsFunction: servers,
		RunE: func(cmd *cobra.Command, args []string) error {
			own, guestArgs := splitArgs(cmd, args)
			ctx := cmd.Context()
			c := guest.config(s, slog.LevelInfo)
			c.HTTP = front.options()
			h, err := guest.open(ctx, s, c, own[0], guestArgs)
			if err != nil {
				return err
			}
			err = whileWatching(ctx, s, h, func() error { return front.serve(ctx, s, h.Host) })
			return errors.Join(err, h.Close())
		},
	}
	guest.register(cmd)
	front.register(cmd)
	return cmd
}

// serve speaks MCP on stdio or HTTP until the client leaves or ctx is done.
func (f *frontFlags) serve(ctx context.Context, s Streams, h *host.Host) error {
	if f.http != "" {
		return f.serveHTTP(ctx, s, h)
	}
	if isTerminal(s.In) {
		say(s, "speaking MCP on standard input and output, which is for programs; --http 127.0.0.1:8080 serves HTTP")
	}
	if err := h.ServeStdio(ctx, s.In, s.Out); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}
