package catalog

import (
	"fmt"
	"strings"

	"golang.org/x/mod/semver"
)

// Format is a form in which catalogs come.
type Format string

// The forms that [Read] recognises.
const (
	FormatCatalog  Format = "mcpwasm"      // ours
	FormatDocker   Format = "docker"       // Docker's MCP catalog: "registry", or "servers" with snapshots
	FormatRegistry Format = "mcp-registry" // an answer of an MCP Registry: GET /v0/servers, or of one server
	FormatServer   Format = "server.json"  // one server, as its author publishes it
)

// Reading is what [Read] made of a document.
type Reading struct {
	Format Format
	// Catalog has what was read. Entries of ours may be no more than references,
	// see [Catalog.Complete]; foreign ones are complete, and the catalog's name is
	// "" where the document has none that can be one.
	Catalog *Catalog
	// Notes say in one line each which entries were left out, and why.
	Notes []string
	// Next is the cursor of the next page of an MCP Registry's answer.
	Next string
	// at are the places of the entries by their folded names; latest are those
	// that the registry calls the latest version.
	at     map[string]int
	latest map[string]bool
}

// Read reads a document of any form, JSON or YAML, which is recognised by its
// content. In our own form an unknown member is an error. In foreign ones, unknown
// members are passed over; an entry with a member of the wrong type, or without
// what is needed, is left out and noted.
func Read(data []byte) (*Reading, error) {
	tree, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	r := &Reading{Format: recognise(tree), at: map[string]int{}, latest: map[string]bool{}}
	switch r.Format {
	case FormatCatalog:
		r.Catalog, err = decodeCatalog(tree)
		if err == nil {
			err = r.Catalog.source()
		}
	case FormatDocker:
		err = r.docker(tree)
	case FormatRegistry:
		err = r.registry(tree)
	case FormatServer:
		r.Catalog = &Catalog{Format: formatVersion}
		r.server("server.json", tree)
		if len(r.Catalog.Entries) == 0 {
			err = fmt.Errorf("catalog: %s", strings.Join(r.Notes, "; "))
		}
	default:
		err = fmt.Errorf(`catalog: not a form that is known: want "catalog" and "entries" (ours), "registry" (Docker's), "servers" or "server" (an MCP Registry's), or a server.json`)
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// recognise says what a document is by the members that only one form has.
func recognise(n *node) Format {
	switch {
	case n.kind != kindObject:
		return ""
	case n.get("catalog") != nil || n.get("entries") != nil:
		return FormatCatalog
	case n.is("registry", kindObject):
		return FormatDocker
	case n.is("servers", kindList):
		for _, s := range n.get("servers").items {
			if s.is("snapshot", kindObject) {
				return FormatDocker
			}
		}
		return FormatRegistry
	case n.is("server", kindObject):
		return FormatRegistry
	case n.is("name", kindText) && (n.is("packages", kindList) || n.is("remotes", kindList) || n.is("$schema", kindText)):
		return FormatServer
	}
	return ""
}

// source checks a catalog that a person wrote, whose entries may be incomplete.
func (c *Catalog) source() error {
	if err := c.header(); err != nil {
		return fmt.Errorf("catalog: %w", err)
	}
	for i := range c.Entries {
		e := &c.Entries[i]
		err := e.check()
		if err == nil && e.Name != "" || err == nil && e.Reference == "" {
			err = e.validate()
		}
		if err != nil {
			return fmt.Errorf("catalog: entries[%d]: %w", i, err)
		}
	}
	return nil
}

// add takes an entry of a foreign catalog, if it can be one. Of two with one name
// the one of the newer version stays, whatever their order.
func (r *Reading) add(where string, e Entry, latest bool) {
	if err := e.validate(); err != nil {
		r.note(where, err)
		return
	}
	at, ok := r.at[strings.ToLower(e.Name)]
	if !ok {
		r.at[strings.ToLower(e.Name)] = len(r.Catalog.Entries)
		r.Catalog.Entries = append(r.Catalog.Entries, e)
		r.latest[e.Name] = latest
		return
	}
	have := &r.Catalog.Entries[at]
	if have.Name != e.Name {
		r.note(where, fmt.Errorf("the name %q is taken by %q", e.Name, have.Name))
		return
	}
	if newer := compareVersions(e.Version, have.Version) > 0; latest && !r.latest[e.Name] || newer && latest == r.latest[e.Name] {
		*have = e
		r.latest[e.Name] = latest
	}
}

// maxNotes is how many entries that were left out are named.
const maxNotes = 100

func (r *Reading) note(where string, err error) {
	switch {
	case len(r.Notes) < maxNotes:
		r.Notes = append(r.Notes, tidy(fmt.Sprintf("%s is left out: %v", where, err), maxText))
	case len(r.Notes) == maxNotes:
		r.Notes = append(r.Notes, "and others")
	}
}

// Merge adds the entries of a further page.
func (r *Reading) Merge(page *Reading) error {
	if page.Format != r.Format {
		return fmt.Errorf("catalog: a page is of the form %q, the first one was %q", page.Format, r.Format)
	}
	for _, e := range page.Catalog.Entries {
		r.add(e.Name, e, page.latest[e.Name])
	}
	for _, n := range page.Notes {
		if len(r.Notes) < maxNotes {
			r.Notes = append(r.Notes, n)
		}
	}
	r.Next = page.Next
	if len(r.Catalog.Entries) > MaxEntries {
		return fmt.Errorf("catalog: more than %d entries: narrow what is asked for", MaxEntries)
	}
	return nil
}

// compareVersions orders versions as semver.org 2.0.0 section 11 does, without
// regard to build metadata. What is no version comes before all that are, and is
// equal to the like.
func compareVersions(a, b string) int { return semver.Compare("v"+a, "v"+b) }
