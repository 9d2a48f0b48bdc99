package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// choice is a flag that takes one of a few words.
type choice struct {
	value string
	of    []string
}

// Set implements pflag.Value.
func (c *choice) Set(v string) error {
	v = strings.ToLower(v) // as all words are
	if !slices.Contains(c.of, v) {
		return fmt.Errorf("want %s", strings.Join(c.of, ", "))
	}
	c.value = v
	return nil
}

// String implements pflag.Value.
func (c *choice) String() string { return c.value }

// Type implements pflag.Value.
func (c *choice) Type() string { return strings.Join(c.of, "|") }

// register adds the flag to a command, with completion of its words.
func (c *choice) register(cmd *cobra.Command, name, help string) {
	cmd.Flags().Var(c, name, help)
	// Its only error is a flag that does not exist.
	_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(c.of, cobra.ShellCompDirectiveNoFileComp))
}

// output is the flag --output of commands that print data.
type output struct{ choice }

func newOutput(cmd *cobra.Command) *output {
	o := &output{choice{"text", []string{"text", "json"}}}
	o.register(cmd, "output", "form of what is printed")
	return o
}

func (o *output) json() bool { return o.value == "json" }

// writeJSON prints a value as indented JSON, with numbers and text as they are.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}

// writeTable prints rows in aligned columns. Others may have had a word in them.
func writeTable(w io.Writer, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		// A tabwriter keeps its first error for Flush.
		_, _ = fmt.Fprintln(t, printable(strings.TrimRight(strings.Join(r, "\t"), "\t")))
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}

// oneLine shortens text of a server to one printable line.
func oneLine(s string, width int) string {
	r := []rune(strings.Join(strings.Fields(printable(s)), " "))
	if len(r) > width {
		return string(r[:width-1]) + "…"
	}
	return string(r)
}
