package cli

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestCommandsDocumented has docs/commands.md name every command once, and once
// more what it prints with --output json.
func TestCommandsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../../docs/commands.md")
	if err != nil {
		t.Fatal(err)
	}
	does, prints := commandTables(string(text))
	for _, cmd := range leaves(newRoot(Streams{})) {
		name := strings.TrimPrefix(cmd.CommandPath(), "mcpwasm ")
		if n := does[name]; n != 1 {
			t.Errorf("%s stands %d times in the table of commands", name, n)
		}
		want := 0
		if cmd.Flags().Lookup("output") != nil && !strings.HasPrefix(name, "catalog ") && name != "search" && name != "show" { // docs/catalog.md
			want = 1
		}
		if n := prints[name]; n != want {
			t.Errorf("%s stands %d times in the tables of JSON, want %d", name, n, want)
		}
	}
}

// commandTables counts the commands in the first column of tables: in the one of
// what they do, and in those of what they print.
func commandTables(text string) (does, prints map[string]int) {
	does, prints = map[string]int{}, map[string]int{}
	named := regexp.MustCompile("`(?:mcpwasm )?([a-z]+(?: [a-z]+)?)[^`]*`")
	var table map[string]int
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "| command | does |"):
			table = does
		case strings.HasPrefix(line, "| command |"):
			table = prints
		case !strings.HasPrefix(line, "|"):
			table = nil
		case table != nil:
			first, _, _ := strings.Cut(line, " | ")
			for _, m := range named.FindAllStringSubmatch(first, -1) {
				table[m[1]]++
			}
		}
	}
	return does, prints
}

// leaves are the commands that do something, but for help.
func leaves(cmd *cobra.Command) []*cobra.Command {
	var all []*cobra.Command
	for _, c := range cmd.Commands() {
		switch {
		case c.Hidden || c.Name() == "help":
		case c.HasSubCommands() && c.Name() != "completion":
			all = append(all, leaves(c)...)
		default:
			all = append(all, c)
		}
	}
	return all
}
