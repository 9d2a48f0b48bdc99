package cli

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/registry"
	"github.com/mcpwasm/mcpwasm/registry/catalog"
	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// catalogJSON is a catalog in the output of catalog pull and catalog list.
type catalogJSON struct {
	Name      string         `json:"name"`
	Title     string         `json:"title,omitempty"`
	Origin    string         `json:"origin"`
	Reference string         `json:"reference,omitempty"` // with the digest
	Format    catalog.Format `json:"format"`
	Signers   []string       `json:"signers"` // who vouched for it when it was pulled
	Version   string         `json:"version,omitempty"`
	Created   time.Time      `json:"created,omitzero"`
	Pulled    time.Time      `json:"pulled"`
	Entries   int            `json:"entries"`
	Notes     []string       `json:"notes,omitempty"` // of catalog pull
}

func newCatalogJSON(k catalog.Kept) catalogJSON {
	return catalogJSON{k.Name, k.Title, k.Origin, k.Reference, k.Format, orEmpty(k.Signers), k.Version, k.Created, k.Pulled, k.Entries, nil}
}

// catalogPull is a catalog that is to be kept.
type catalogPull struct {
	kept  catalog.Kept
	read  *catalog.Catalog
	notes []string
	older bool // it was named by its digest, and may be older
}

func newCatalogPull(s Streams) *cobra.Command {
	var packages packageFlags
	var cache cacheFlags
	var kept catalogFlags
	var name string
	cmd := &cobra.Command{
		Use:   "pull REFERENCE|FILE|URL|NAME",
		Short: "Get a catalog and keep it for search and show",
		Long: `Pull gets a catalog and keeps it under a name, in place of the one from the same
place. From a registry it is verified by the trust of the configuration, and one
that is older than the one kept is refused unless its digest is named. A catalog
from a file or a URL is as good as what it comes from; only a URL that is
given here is ever fetched. NAME gets a catalog that is kept once more.`,
		Example: `  mcpwasm catalog pull ghcr.io/acme/catalog:latest
  mcpwasm catalog pull ./docker-mcp.yaml
  mcpwasm catalog pull 'https://registry.modelcontextprotocol.io/v0/servers?search=weather&version=latest'`,
		Args: takes(1, 1, "a reference, a file, a URL, or the name of a catalog that is kept"),
	}
	packages.register(cmd)
	packages.registerUnsigned(cmd)
	cache.register(cmd)
	kept.register(cmd)
	cmd.Flags().StringVar(&name, "name", "", "`NAME` to keep it under (default: the catalog's own)")
	out := newOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		if name != "" && !catalog.IsName(name) {
			return usage("", `--name %q: want a lower-case letter, then at most 31 of a-z, 0-9 and "-"`, name)
		}
		folder, err := kept.open(s)
		if err != nil {
			return err
		}
		what, name, err := again(ctx, folder, args[0], name)
		if err != nil {
			return catalogFailure(err)
		}
		p, err := getCatalog(ctx, s, &packages, cache.dir(), what)
		if err != nil {
			return catalogFailure(err)
		}
		sayNotes(s, p.notes)
		if name != "" {
			p.kept.Name = name
		}
		p.kept.Pulled = time.Now()
		k, err := folder.Keep(ctx, p.kept, p.read, p.older)
		if err != nil {
			return catalogFailure(err)
		}
		if out.json() {
			j := newCatalogJSON(k)
			j.Notes = p.notes
			return writeJSON(s.Out, j)
		}
		say(s, "the catalog %q is kept, with %s, %s", k.Name, countOf(k.Entries, "entry", "entries"), vouched(newCatalogJSON(k)))
		return nil
	}
	return cmd
}

// vouched says who answers for a catalog.
func vouched(c catalogJSON) string {
	switch {
	case len(c.Signers) > 0:
		return "signed by " + strings.Join(c.Signers, " and ")
	case c.Reference != "":
		return "signed by nobody"
	}
	return "not signed"
}

// again returns where a catalog that is kept came from, and its name, where that is
// what was given.
func again(ctx context.Context, folder *catalog.Folder, what, name string) (string, string, error) {
	if !catalog.IsName(what) {
		return what, name, nil
	}
	k, _, err := folder.Load(ctx, what)
	if err != nil {
		return "", "", fmt.Errorf("%w; a file of that name is ./%s", err, what)
	}
	if k.Reference == "" {
		return k.Origin, what, nil
	}
	ref, err := oci.ParseReference(k.Reference)
	if err != nil {
		return "", "", err
	}
	if ref.Tag != "" {
		ref.Digest = "" // whatever the tag names now
	}
	return "oci://" + ref.String(), what, nil
}

// getCatalog gets a catalog from wherever the text says.
func getCatalog(ctx context.Context, s Streams, packages *packageFlags, cacheDir, what string) (*catalogPull, error) {
	if u, err := url.Parse(what); err == nil && (u.Scheme == "https" || u.Scheme == "http") {
		if packages.offline {
			return nil, usage("leave --offline out", "catalog pull: %s is fetched, which --offline forbids", what)
		}
		return fetchCatalog(ctx, u, packages.plainHTTP)
	}
	source, err := registry.ParseSource(what)
	if err != nil {
		return nil, err
	}
	if source.Kind != registry.SourceReference {
		return fileCatalog(source.Text)
	}
	client, _, err := packages.open(s, cacheDir)
	if err != nil {
		return nil, err
	}
	p, err := catalog.Pull(ctx, client, source.Reference)
	if err != nil {
		return nil, err
	}
	k := catalog.Kept{
		Name: p.Catalog.Name, Origin: p.Reference.Name(), Reference: p.Reference.String(), Format: catalog.FormatCatalog,
		Signers: p.Verdict.Signers, Unsigned: p.Verdict.Unsigned,
	}
	return &catalogPull{kept: k, read: p.Catalog, older: source.Reference.Digest != ""}, nil
}

func fileCatalog(path string) (*catalogPull, error) {
	r, err := readCatalog(path)
	if err != nil {
		return nil, &failure{ExitInput, err, ""}
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	base := filepath.Base(path)
	return readPull(r, absolute, strings.TrimSuffix(base, filepath.Ext(base)))
}

// readPull is a catalog in a document that nobody signed.
func readPull(r *catalog.Reading, origin, called string) (*catalogPull, error) {
	k := catalog.Kept{Name: r.Catalog.Name, Origin: origin, Format: r.Format}
	if k.Name == "" {
		k.Name = catalogName(called)
	}
	if r.Format == catalog.FormatCatalog {
		if err := r.Catalog.Validate(); err != nil {
			return nil, &failure{ExitInput, err, "mcpwasm catalog push completes what a person wrote, and publishes it"}
		}
	}
	return &catalogPull{kept: k, read: r.Catalog, notes: r.Notes}, nil
}

// catalogName makes a catalog's name of a file's or a host's.
func catalogName(s string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(s))
	if name = strings.Trim(name, "-"); name == "" || name[0] < 'a' {
		name = "catalog-" + name
	}
	return strings.Trim(name[:min(len(name), 32)], "-")
}

func newCatalogList(s Streams) *cobra.Command {
	var kept catalogFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the catalogs that are kept",
		Args:  takes(0, 0, "no argument"),
	}
	kept.register(cmd)
	out := newOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		folder, err := kept.open(s)
		if err != nil {
			return err
		}
		all, err := folder.List(cmd.Context())
		if err != nil {
			return err
		}
		if out.json() {
			list := struct {
				Catalogs []catalogJSON `json:"catalogs"`
			}{[]catalogJSON{}}
			for _, k := range all {
				list.Catalogs = append(list.Catalogs, newCatalogJSON(k))
			}
			return writeJSON(s.Out, list)
		}
		if len(all) == 0 {
			say(s, "there are no catalogs: mcpwasm catalog pull gets one")
			return nil
		}
		var rows [][]string
		for _, k := range all {
			rows = append(rows, []string{
				k.Name, countOf(k.Entries, "entry", "entries"), printable(k.Version),
				k.Pulled.Local().Format(time.DateOnly), printable(k.Origin), oneLine(vouched(newCatalogJSON(k)), 120),
			})
		}
		return writeTable(s.Out, rows)
	}
	return cmd
}

func newCatalogRemove(s Streams) *cobra.Command {
	var kept catalogFlags
	cmd := &cobra.Command{
		Use:   "remove NAME",
		Short: "Remove a catalog that is kept",
		Args:  takes(1, 1, "the catalog's name"),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return kept.complete(cmd.Context(), s, args), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			folder, err := kept.open(s)
			if err != nil {
				return err
			}
			if err := folder.Remove(cmd.Context(), args[0]); err != nil {
				return catalogFailure(err)
			}
			say(s, "the catalog %q is removed", args[0])
			return nil
		},
	}
	kept.register(cmd)
	return cmd
}

// complete returns the names that a shell offers.
func (f *catalogFlags) complete(ctx context.Context, s Streams, args []string) []cobra.Completion {
	folder, err := f.open(s)
	if err != nil || len(args) > 0 {
		return nil
	}
	all, err := folder.List(ctx)
	if err != nil {
		return nil
	}
	var names []cobra.Completion
	for _, k := range all {
		names = append(names, k.Name)
	}
	return names
}
