package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/internal/nearest"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// maxArguments bounds the arguments that are read from standard input. The
// server's own limit on messages is below that by default.
const maxArguments = 64 << 20

func newCall(s Streams) *cobra.Command {
	var guest guestFlags
	var yes bool
	cmd := &cobra.Command{
		Use:   "call NAME|REFERENCE|FILE TOOL [JSON|-] [flags] [-- ARG...]",
		Short: "Call one tool of a server and print the result",
		Long: `Call calls one tool with a JSON object of arguments, or with the one on standard
input for "-", and prints its result: text as text, structured content as JSON.
With --output json it prints the complete result as the server gave it. The exit
code is 4 when the tool reports an error, or the policy denies the call.

The policy is that of --policy, else that of the configuration, whatever is called, else
the shipped one. Where a rule asks, the question is put on the terminal. Elsewhere it
counts as a no, unless --approve answers it.`,
		Example:           `  mcpwasm call hello.wasm greet '{"name":"you"}'`,
		Args:              takes(2, 3, "a NAME, a REFERENCE or a .wasm file, and the name of a tool"),
		ValidArgsFunction: servers,
	}
	guest.register(cmd)
	cmd.Flags().BoolVar(&yes, "approve", false, "answer what the policy asks about this call with yes, once")
	out := newOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		own, guestArgs := splitArgs(cmd, args)
		arguments, err := readArguments(s.In, own[2:])
		if err != nil {
			return err
		}
		h, stderr, err := guest.openQuietly(cmd.Context(), s, own[0], guestArgs)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, h.Close()); stderr.show(s, err) }()
		result, err := approver{s, yes}.call(cmd.Context(), h.Host, own[1], arguments)
		if err != nil {
			return inOtherWords(cmd.Context(), h, own[1], err)
		}
		if d, ok := deniedBy(result); ok {
			if out.json() {
				err = writeJSON(s.Out, result)
			}
			return errors.Join(d.failure(guest.explainCommand(h, own[0], d.on(), own[1], arguments)), err)
		}
		err = printResult(s, own[1], result, out.json())
		if stderr.hasUnasked() {
			err = hinted(err, howToAnswer)
		}
		if denied := stderr.firstDenied(); denied != nil {
			err = explained(err, guest.explainCommand(h, own[0], cel.PhaseEffect, own[1], arguments), denied)
		}
		return err
	}
	return cmd
}

// readArguments returns a tool's arguments: none, those of the command line, or
// those on standard input.
func readArguments(in io.Reader, args []string) (json.RawMessage, error) {
	text := []byte("{}")
	if len(args) > 0 {
		text = []byte(args[0])
	}
	if len(args) > 0 && args[0] == "-" {
		b, err := io.ReadAll(io.LimitReader(in, maxArguments+1))
		if err != nil {
			return nil, fmt.Errorf("read arguments: %w", err)
		}
		if len(b) > maxArguments {
			return nil, usage("", "arguments: more than %d bytes", maxArguments)
		}
		text = b
	}
	text = bytes.TrimSpace(text)
	const hint = `for example '{"name":"you"}'`
	if !bytes.HasPrefix(text, []byte("{")) {
		return nil, usage(hint, "arguments: want a JSON object, have %s", oneLine(string(text), 60))
	}
	if err := wire.Check(text); err != nil {
		return nil, usage(hint, "arguments: not valid JSON: %v", err)
	}
	if _, err := wire.ParseObject(text); err != nil {
		return nil, usage(hint, "arguments: %v", err)
	}
	return text, nil
}

// inOtherWords adds to an error what the server offers instead, when the tool is not
// among it.
func inOtherWords(ctx context.Context, h *opened, tool string, err error) error {
	if _, ok := errors.AsType[*plugins.Error](err); !ok {
		return err
	}
	defs, defsErr := definitions(ctx, h.Host, h.server.Name)
	if defsErr != nil {
		return defsErr // which is why the call failed, in better words
	}
	if _, ok := defs.Tools.Find(tool); ok {
		return err
	}
	var known []string
	for _, t := range defs.Tools.Items {
		known = append(known, t.Key)
	}
	return &failure{
		ExitTool, fmt.Errorf("the server has no tool %q%s", tool, nearest.Hint(tool, known)),
		"mcpwasm tools lists them",
	}
}
