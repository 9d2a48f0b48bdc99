package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/registry/catalog"
	"github.com/mcpwasm/mcpwasm/registry/oci"
)

func newCatalog(s Streams) *cobra.Command {
	return family("catalog", "Publish and keep lists of servers", `Catalog keeps lists of servers that search and show look through. They come from
registries, signed, or from files and URLs: mcpwasm's own form, Docker's MCP
catalogs, answers of an MCP Registry, a server.json.`,
		newCatalogPush(s), newCatalogPull(s), newCatalogList(s), newCatalogRemove(s))
}

// catalogFlags are the flags of commands that use the catalogs that are kept.
type catalogFlags struct{ state stateFlags }

func (f *catalogFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.state.dir, "state-dir", "", "`FOLDER` of what is kept (default: mcpwasm in the user's folder for state)")
}

// open opens the folder of catalogs.
func (f *catalogFlags) open(s Streams) (*catalog.Folder, error) {
	st, err := f.state.open(s)
	if err != nil {
		return nil, err
	}
	return catalog.NewFolder(st.Store, filepath.Join(st.Dir, "catalogs")), nil
}

// catalogFailure gives the errors about catalogs their exit code and a way out.
func catalogFailure(err error) error {
	switch {
	case errors.Is(err, catalog.ErrOlder):
		return &failure{ExitInput, err, "to go back on purpose, name the older one by its digest (HOST/REPOSITORY@sha256:…), or remove the one that is kept first"}
	case errors.Is(err, catalog.ErrNotKept):
		return &failure{ExitInput, err, "mcpwasm catalog list lists them"}
	case errors.Is(err, catalog.ErrTaken):
		return &failure{ExitInput, err, "--name NAME keeps it under another name"}
	case errors.Is(err, catalog.ErrCatalog):
		return &failure{ExitInput, err, ""}
	}
	return err
}

// catalogPushJSON is the output of catalog push.
type catalogPushJSON struct {
	Reference string    `json:"reference"` // with the digest
	Digest    string    `json:"digest"`
	Name      string    `json:"name"`
	Version   string    `json:"version,omitempty"`
	Created   time.Time `json:"created"`
	Entries   int       `json:"entries"`
	// Notes say which entries of a foreign catalog were left out.
	Notes []string `json:"notes"`
}

func newCatalogPush(s Streams) *cobra.Command {
	var packages packageFlags
	var cache cacheFlags
	cmd := &cobra.Command{
		Use:   "push FILE|FOLDER REFERENCE",
		Short: "Publish a catalog that a file or folder describes",
		Long: `Push reads a catalog, YAML or JSON, looks at every package that it names, and
publishes the list. An entry may be just a reference: name, version, description
and capabilities are the package's own, and whoever signed it becomes the hint
about whom to trust. Each package is verified by the trust of the configuration.
Foreign catalogs can be pushed as well. Sign what was pushed with mcpwasm sign.`,
		Example: `  mcpwasm catalog push catalog.yaml ghcr.io/acme/catalog:latest
  mcpwasm sign --key acme.key ghcr.io/acme/catalog:latest`,
		Args: takes(2, 2, "a file or folder, and the reference to publish it under"),
	}
	packages.register(cmd)
	packages.registerUnsigned(cmd)
	cache.register(cmd)
	out := newOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if isSwapped(args) {
			return usage("mcpwasm catalog push "+args[1]+" "+args[0], "catalog push: the file or folder comes first, and the reference behind it")
		}
		ref, err := oci.ParseReference(args[1])
		if err != nil {
			return usage("", "%w", err)
		}
		if ref.Digest != "" {
			return usage("", "catalog push: %q: want a tag: the digest follows from the content", args[1])
		}
		r, err := readCatalog(args[0])
		if err != nil {
			return &failure{ExitInput, err, ""}
		}
		sayNotes(s, r.Notes)
		if r.Catalog.Created.IsZero() {
			r.Catalog.Created = time.Now()
		}
		r.Catalog.Created = r.Catalog.Created.UTC().Truncate(time.Second)
		client, _, err := packages.open(s, cache.dir())
		if err != nil {
			return err
		}
		if err := r.Catalog.Complete(cmd.Context(), client); err != nil {
			return catalogFailure(err)
		}
		d, err := catalog.Push(cmd.Context(), client.Repository(ref), r.Catalog, ref.Tag)
		if err != nil {
			return fmt.Errorf("push the catalog to %s: %w", ref, err)
		}
		ref.Digest = d.Digest
		c := r.Catalog
		if out.json() {
			return writeJSON(s.Out, catalogPushJSON{ref.String(), d.Digest, c.Name, c.Version, c.Created, len(c.Entries), orEmpty(r.Notes)})
		}
		say(s, "the catalog %q is pushed, with %s; mcpwasm sign %s signs it", c.Name, countOf(len(c.Entries), "entry", "entries"), ref)
		_, err = fmt.Fprintln(s.Out, ref)
		return err
	}
	return cmd
}

// readCatalog reads a catalog from a file, or a folder with catalog.yaml.
func readCatalog(path string) (*catalog.Reading, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read the catalog: %w", err)
	}
	if info.IsDir() {
		r, err := catalog.ReadFolder(os.DirFS(path))
		if err != nil {
			return nil, fmt.Errorf("read the catalog %q: %w", path, err)
		}
		return r, nil
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read the catalog %q: it is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the catalog: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	// One byte too many is left for Read to refuse.
	data, err := io.ReadAll(io.LimitReader(f, catalog.MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read the catalog: %w", err)
	}
	r, err := catalog.Read(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// sayNotes tells which entries were left out.
func sayNotes(s Streams, notes []string) {
	for _, n := range notes {
		say(s, "%s", oneLine(n, 500))
	}
}

func countOf(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// orEmpty makes a list that is never null in JSON.
func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
