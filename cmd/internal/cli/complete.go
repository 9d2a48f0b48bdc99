package cli

import (
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// approvedNames makes the first arguments of a command complete to the names that were
// approved.
func approvedNames(most int) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		names := slices.DeleteFunc(namesIn(cmd, typed), func(name string) bool { return slices.Contains(args, name) })
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// servers makes a command's first argument complete to approved names and modules:
// a shell takes files by their ending only where there is no name to offer, so that beside
// names those of the folder are offered as words.
func servers(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names := namesIn(cmd, typed)
	if len(names) == 0 {
		return []cobra.Completion{"wasm"}, cobra.ShellCompDirectiveFilterFileExt
	}
	modules, _ := filepath.Glob("*.wasm") // its only error is a bad pattern
	for _, m := range modules {
		if strings.HasPrefix(m, typed) {
			names = append(names, m)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// namesIn are the approved names that begin with what was typed. What keeps the
// lock file from being read is not told: nobody looks at it while typing.
func namesIn(cmd *cobra.Command, typed string) []string {
	flag := func(name string) string {
		if f := cmd.Flags().Lookup(name); f != nil {
			return f.Value.String()
		}
		return ""
	}
	file, err := optionalConfig(Streams{Err: io.Discard}, flag("config"))
	if err != nil {
		return nil
	}
	l, err := (&lockFlags{path: flag("lock")}).read(file)
	if err != nil {
		return nil
	}
	names := slices.Sorted(maps.Keys(l.Servers))
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, typed) })
}
