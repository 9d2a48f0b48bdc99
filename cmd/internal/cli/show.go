package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/internal/nearest"
	"github.com/mcpwasm/mcpwasm/registry/catalog"
	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// showJSON is the output of show: every entry of the name or reference.
type showJSON struct {
	Entries []shownJSON `json:"entries"`
}

type shownJSON struct {
	Catalog catalogJSON   `json:"catalog"`
	Kind    string        `json:"kind"` // as search has it
	Entry   catalog.Entry `json:"entry"`
	// Add is the command that adds it, "" where it cannot be run.
	Add string `json:"add,omitempty"`
}

func newShow(s Streams) *cobra.Command {
	var kept catalogFlags
	var only string
	cmd := &cobra.Command{
		Use:   "show NAME|REFERENCE",
		Short: "Show what the catalogs say about a server",
		Long: `Show prints all that the catalogs which are kept say about a server: what it asks
for, where it is, and who is said to sign it. That is the word of whoever wrote
the catalog. What the package says itself, verified, mcpwasm inspect shows.`,
		Args: takes(1, 1, "a server's name or reference"),
	}
	kept.register(cmd)
	cmd.Flags().StringVar(&only, "catalog", "", "look in one catalog, by its `NAME`")
	out := newOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		about, catalogs, err := kept.load(cmd.Context(), s, only)
		if err != nil {
			return catalogFailure(err)
		}
		shown := showJSON{}
		for _, name := range slices.Sorted(maps.Keys(catalogs)) {
			for _, e := range catalogs[name].Entries {
				if isMeant(&e, args[0]) {
					shown.Entries = append(shown.Entries, shownJSON{newCatalogJSON(about[name]), e.Kind(), e, addCommand(&e)})
				}
			}
		}
		if len(shown.Entries) == 0 {
			return notListed(args[0], catalogs)
		}
		if out.json() {
			return writeJSON(s.Out, shown)
		}
		return printShown(s, shown.Entries)
	}
	return cmd
}

// isMeant reports whether an entry has the name, or is the package of a reference:
// any version, where that has neither a tag nor a digest.
func isMeant(e *catalog.Entry, text string) bool {
	if strings.EqualFold(e.Name, text) {
		return true
	}
	asked, err := oci.ParseReference(text)
	if err != nil || e.Reference == "" {
		return false
	}
	have, err := oci.ParseReference(e.Reference)
	if err != nil || have.Name() != asked.Name() {
		return false
	}
	plain := strings.TrimPrefix(text, "oci://") == asked.Name()
	return plain || asked.Digest != "" && asked.Digest == cmp.Or(e.Digest, have.Digest) || asked.Digest == "" && asked.Tag == have.Tag
}

func notListed(what string, catalogs map[string]*catalog.Catalog) error {
	if len(catalogs) == 0 {
		return &failure{ExitInput, fmt.Errorf("no catalog has %q: there are none", what), "mcpwasm catalog pull gets one"}
	}
	var names []string
	for _, c := range catalogs {
		for _, e := range c.Entries {
			names = append(names, e.Name)
		}
	}
	return &failure{ExitInput, fmt.Errorf("no catalog has %q%s", what, nearest.Hint(what, names)), "mcpwasm search WORDS finds servers"}
}

// addCommand is the command that adds a package, by its digest where the catalog
// has one.
func addCommand(e *catalog.Entry) string {
	ref, err := oci.ParseReference(e.Reference)
	if err != nil {
		return ""
	}
	ref.Digest = cmp.Or(e.Digest, ref.Digest)
	return "mcpwasm add " + ref.String()
}

func printShown(s Streams, entries []shownJSON) error {
	for i, shown := range entries {
		if i > 0 {
			if _, err := fmt.Fprintln(s.Out); err != nil {
				return err
			}
		}
		if err := writeTable(s.Out, shownRows(&shown)); err != nil {
			return err
		}
		if err := printWayOn(s.Out, &shown); err != nil {
			return err
		}
	}
	return nil
}

func shownRows(shown *shownJSON) [][]string {
	e := &shown.Entry
	k := shown.Catalog
	rows := namedRows("name", e.Name)
	for _, m := range []struct{ label, value string }{
		{"title", e.Title}, {"description", e.Description}, {"kind", shown.Kind}, {"version", e.Version},
		{"reference", e.Reference}, {"digest", e.Digest}, {"licence", e.License}, {"homepage", e.Homepage},
		{"tags", strings.Join(e.Tags, ", ")},
	} {
		if m.value != "" {
			rows = append(rows, namedRows(m.label, m.value)...)
		}
	}
	rows = append(rows, namedRows("asks for", e.Capabilities...)...)
	if e.Container != nil {
		rows = append(rows, containerRows(e.Container)...)
	}
	for _, r := range e.Remotes {
		rows = append(rows, namedRows("remote", r.URL+" ("+r.Transport+")")...)
	}
	for _, o := range e.Others {
		rows = append(rows, namedRows("package", strings.TrimSpace(o.Type+" "+o.Identifier+" "+o.Version))...)
	}
	var hints []string
	for _, h := range e.Trust {
		hints = append(hints, h.String())
	}
	rows = append(rows, namedRows("said to be signed by", hints...)...)
	return append(rows, namedRows("catalog", k.Name+" from "+k.Origin+", "+vouched(k))...)
}

func containerRows(c *catalog.Container) [][]string {
	var rows [][]string
	add := func(label string, values ...string) { rows = append(rows, namedRows(label, values...)...) }
	if c.Image != "" {
		add("image", c.Image)
	}
	if c.Type != "" {
		add("type", c.Type)
	}
	if len(c.Command) > 0 {
		add("command", strings.Join(c.Command, " "))
	}
	for _, v := range c.Env {
		add("variable", strings.TrimSpace(v.Name+"="+cmp.Or(v.Value, v.Default)+" "+v.Description))
	}
	for _, v := range c.Secrets {
		add("secret", strings.TrimSpace(v.Name+" in "+v.Env+" "+v.Description))
	}
	add("volume", c.Volumes...)
	add("reaches", c.AllowHosts...)
	if c.DisableNetwork {
		add("network", "none")
	}
	if c.User != "" {
		add("user", c.User)
	}
	if c.LongLived {
		add("lifetime", "one container for a session")
	}
	var tools []struct {
		Name string `json:"name"`
	}
	if len(c.Tools) > 0 && json.Unmarshal(c.Tools, &tools) == nil {
		var names []string
		for _, t := range tools {
			names = append(names, t.Name)
		}
		add("tools", strings.Join(names, ", "))
	}
	return rows
}

// namedRows returns a row for each value, the label in front of the first.
func namedRows(label string, values ...string) [][]string {
	var rows [][]string
	for _, v := range values {
		rows = append(rows, []string{label, oneLine(v, 2000)})
		label = ""
	}
	return rows
}

// printWayOn says how the server is added, and proposes what the catalog says
// about whom to trust.
func printWayOn(w io.Writer, shown *shownJSON) error {
	e := &shown.Entry
	if shown.Add == "" {
		_, err := fmt.Fprintln(w, "\nIt is no package of WebAssembly, which is what mcpwasm runs.")
		return err
	}
	text := "\nTo add it: " + printable(shown.Add) + "\n"
	if len(e.Trust) > 0 {
		text += "\nThat takes a rule of trust. The catalog proposes this one; make sure of the signer by another\nway before it goes into mcpwasm.yaml:\n\n" + trustRule(e)
	}
	_, err := io.WriteString(w, text)
	return err
}

// trustRule is the rule that the hints of an entry come to, as a part of
// mcpwasm.yaml.
func trustRule(e *catalog.Entry) string {
	ref, err := oci.ParseReference(e.Reference)
	if err != nil {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "trust:\n  rules:\n    - repositories: [%s]\n      signers:\n", ref.Name())
	for _, h := range e.Trust {
		if h.Key != "" {
			fmt.Fprintf(&b, "        - key: FILE.pub  # the key whose fingerprint is %s\n", h.Key)
			continue
		}
		fmt.Fprintf(&b, "        - identity: %s\n          issuer: %s\n", yamlText(h.Identity), yamlText(h.Issuer))
	}
	if lines := ceilingLines(e.Capabilities); len(lines) > 0 {
		b.WriteString("      capabilities:  # what it asks for, by the word of the catalog\n")
		for _, line := range lines {
			b.WriteString("        " + line + "\n")
		}
	}
	return b.String()
}

// ceilingLines are what a package asks for, in its short form ([catalog.Short]), in
// the form of a rule's capabilities. What was cut off is left out.
func ceilingLines(asked []string) []string {
	listed := map[string][]string{}
	access := map[string]string{}
	for _, text := range asked {
		kind, rest, _ := strings.Cut(strings.TrimSuffix(text, " (optional)"), " ")
		switch kind {
		case "http", "secret", "env":
			if word := yamlText(rest); !slices.Contains(listed[kind], word) && !strings.HasSuffix(rest, "…") {
				listed[kind] = append(listed[kind], word)
			}
		case "files", "kv":
			mode, _, _ := strings.Cut(rest, " ")
			if mode == "rw" || mode == "ro" && access[kind] == "" {
				access[kind] = mode
			}
		}
	}
	var lines []string
	for _, k := range []struct{ short, key string }{{"http", "http"}, {"files", "files"}, {"kv", "kv"}, {"secret", "secrets"}, {"env", "env"}} {
		if names := listed[k.short]; len(names) > 0 {
			lines = append(lines, k.key+": ["+strings.Join(names, ", ")+"]")
		} else if access[k.short] != "" {
			lines = append(lines, k.key+": "+access[k.short])
		}
	}
	return lines
}

// yamlText quotes text for YAML, whatever is in it: JSON's form is one of YAML's.
func yamlText(s string) string {
	quoted, err := json.Marshal(printable(s))
	if err != nil {
		return `""` // text is always encoded
	}
	return string(quoted)
}
