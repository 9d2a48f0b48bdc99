package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/registry/catalog"
)

// searchJSON is the output of search.
type searchJSON struct {
	Found []foundJSON `json:"found"` // the best match first
	Total int         `json:"total"` // without regard to --limit
}

type foundJSON struct {
	Catalog string        `json:"catalog"`
	Kind    string        `json:"kind"` // package, container, remote, or the type of another package
	Entry   catalog.Entry `json:"entry"`
}

// defaultFound is how many entries search lists.
const defaultFound = 25

func newSearch(s Streams) *cobra.Command {
	var kept catalogFlags
	var limit int
	var only string
	cmd := &cobra.Command{
		Use:   "search WORDS",
		Short: "Find servers in the catalogs that are kept",
		Long: `Search finds the servers that have every word in their name, title, description or
tags, as a word or the beginning of one. It asks nobody: mcpwasm catalog pull gets
the catalogs.`,
		Example: "  mcpwasm search weather forecast",
		Args: func(cmd *cobra.Command, args []string) error {
			if strings.TrimSpace(strings.Join(args, "")) == "" {
				return usage("usage: "+cmd.UseLine(), "search: want the words to search for")
			}
			return nil
		},
	}
	kept.register(cmd)
	cmd.Flags().IntVar(&limit, "limit", defaultFound, "list at most `N` servers")
	cmd.Flags().StringVar(&only, "catalog", "", "search in one catalog, by its `NAME`")
	out := newOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if limit < 1 {
			return usage("", "--limit %d: want 1 or more", limit)
		}
		_, catalogs, err := kept.load(cmd.Context(), s, only)
		if err != nil {
			return catalogFailure(err)
		}
		if len(catalogs) == 0 {
			say(s, "there are no catalogs: mcpwasm catalog pull gets one")
		}
		found := catalog.Search(catalogs, strings.Join(args, " "))
		listed := found[:min(len(found), limit)]
		if out.json() {
			j := searchJSON{[]foundJSON{}, len(found)}
			for _, f := range listed {
				j.Found = append(j.Found, foundJSON{f.Catalog, f.Entry.Kind(), f.Entry})
			}
			return writeJSON(s.Out, j)
		}
		if len(found) == 0 && len(catalogs) > 0 {
			say(s, "nothing has %q in %s", strings.Join(args, " "), countOf(len(catalogs), "catalog", "catalogs"))
		}
		if err := writeTable(s.Out, foundRows(listed)); err != nil {
			return err
		}
		if rest := len(found) - len(listed); rest > 0 {
			say(s, "%d more; --limit lists more of them", rest)
		}
		return nil
	}
	return cmd
}

func foundRows(found []catalog.Found) [][]string {
	var rows [][]string
	for _, f := range found {
		what := f.Entry.Description
		if what == "" {
			what = f.Entry.Title
		}
		rows = append(rows, []string{oneLine(f.Entry.Name, 60), oneLine(f.Entry.Version, 20), f.Entry.Kind(), f.Catalog, oneLine(what, 80)})
	}
	return rows
}

// load reads the catalogs that are kept, or the one of a name.
func (f *catalogFlags) load(ctx context.Context, s Streams, only string) (map[string]catalog.Kept, map[string]*catalog.Catalog, error) {
	folder, err := f.open(s)
	if err != nil {
		return nil, nil, err
	}
	names := []string{only}
	if only == "" {
		all, err := folder.List(ctx)
		if err != nil {
			return nil, nil, err
		}
		names = nil
		for _, k := range all {
			names = append(names, k.Name)
		}
	}
	about, catalogs := map[string]catalog.Kept{}, map[string]*catalog.Catalog{}
	for _, name := range names {
		k, c, err := folder.Load(ctx, name)
		if err != nil {
			return nil, nil, err
		}
		about[name], catalogs[name] = k, c
	}
	return about, catalogs, nil
}
