package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/plugins"
)

func newTools(s Streams) *cobra.Command {
	var guest guestFlags
	cmd := &cobra.Command{
		Use:   "tools NAME|REFERENCE|FILE [flags] [-- ARG...]",
		Short: "List the tools of a server",
		Long: `Tools lists the tools of a server, as far as the policy shows them: that of --policy, else
that of the configuration, whatever the server is, else the shipped one. With --output
json it prints {"tools":[…]}, the definitions complete and as the server wrote them.`,
		Args:              takes(1, 1, "a NAME, a REFERENCE or a .wasm file"),
		ValidArgsFunction: servers,
	}
	guest.register(cmd)
	out := newOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		own, guestArgs := splitArgs(cmd, args)
		h, stderr, err := guest.openQuietly(cmd.Context(), s, own[0], guestArgs)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, h.Close()); stderr.show(s, err) }()
		defs, err := definitions(cmd.Context(), h.Host, h.server.Name)
		if err != nil {
			return err
		}
		tools, hidden, err := shown(cmd.Context(), h.Host, defs.Tools)
		if err != nil {
			return err
		}
		if len(hidden) > 0 {
			say(s, "the policy hides %s: %s", countOf(len(hidden), "tool", "tools"), oneLine(strings.Join(hidden, ", "), 300))
			say(s, "%s says why", guest.explainCommand(h, own[0], cel.PhaseList, hidden[0], nil))
		}
		if out.json() {
			return writeJSON(s.Out, toolsJSON{append([]plugins.Definition{}, tools.Items...)})
		}
		if len(tools.Items) == 0 && len(hidden) > 0 {
			return nil
		}
		return printTools(s, tools)
	}
	return cmd
}

// toolsJSON is the output of tools.
type toolsJSON struct {
	Tools []plugins.Definition `json:"tools"`
}

func printTools(s Streams, tools plugins.List) error {
	if len(tools.Items) == 0 {
		say(s, "the server has no tools")
		return nil
	}
	rows := make([][]string, len(tools.Items))
	for i, t := range tools.Items {
		var d struct {
			Title       string `json:"title"`
			Description string `json:"description"`
		}
		if err := json.Unmarshal(t.Raw, &d); err != nil {
			return fmt.Errorf("definition of the tool %q: %w", t.Key, err)
		}
		if d.Description == "" {
			d.Description = d.Title
		}
		rows[i] = []string{oneLine(t.Key, 128), oneLine(d.Description, 100)}
	}
	return writeTable(s.Out, rows)
}
