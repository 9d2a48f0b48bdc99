package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/registry/lock"
)

// listJSON is the output of list.
type listJSON struct {
	File    string         `json:"file"`
	Servers []approvedJSON `json:"servers"` // ascending by name
}

type approvedJSON struct {
	Name      string      `json:"name"`
	Reference string      `json:"reference"`
	Digest    string      `json:"digest"`
	Package   string      `json:"package,omitempty"` // its own name, "" for a bare module
	Version   string      `json:"version,omitempty"`
	Size      int64       `json:"size"` // of the module, bytes
	Signers   []string    `json:"signers"`
	Unsigned  bool        `json:"unsigned"`
	Grants    lock.Grants `json:"grants"`
	May       []string    `json:"may"`      // in words what is both granted and asked for
	Withheld  []string    `json:"withheld"` // what is granted in vain: the package does not ask for it
	Approved  time.Time   `json:"approved"`
}

func newList(s Streams) *cobra.Command {
	var packaged packageFlags
	var lockAt lockFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the packages that were approved",
		Long: `List prints what was approved: names, versions, digests, who signed it and what it
may do. With --output json it prints {"file":…,"servers":[…]}.`,
		Args: takes(0, 0, "no arguments"),
	}
	cmd.Flags().StringVarP(&packaged.config, "config", "c", "", configHelp)
	lockAt.register(cmd)
	out := newOutput(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		file, err := optionalConfig(s, packaged.config)
		if err != nil {
			return err
		}
		l, err := lockAt.read(file)
		if err != nil {
			return err
		}
		if err := l.check(l.data); err != nil {
			say(s, "warning: nothing of this is started: %v", err)
		}
		return l.list(s, out.json())
	}
	return cmd
}

func (l *lockFile) list(s Streams, asJSON bool) error {
	servers, err := l.approved(func(string) bool { return true })
	if err != nil {
		return err
	}
	all := listJSON{File: l.path, Servers: append([]approvedJSON{}, servers...)}
	if asJSON {
		return writeJSON(s.Out, all)
	}
	if len(all.Servers) == 0 {
		say(s, "nothing was approved in %s: mcpwasm add REFERENCE", l.path)
		return nil
	}
	var rows [][]string
	for _, a := range all.Servers {
		signers := strings.Join(a.Signers, ", ")
		if a.Unsigned {
			signers = "NOBODY"
		}
		grants := "no grants"
		if len(a.May) > 0 {
			grants = "may " + strings.Join(a.May, "; ")
		}
		version := a.Version
		if version == "" {
			version = "-"
		}
		rows = append(rows, []string{a.Name, oneLine(version, 40), shortDigest(a.Digest), oneLine(signers, 60), oneLine(grants, 100)})
		for _, w := range a.Withheld {
			rows = append(rows, []string{"", "", "", "", "granted in vain: " + oneLine(w, 100)})
		}
	}
	return writeTable(s.Out, rows)
}

// approved returns what was approved under the names that are wanted, ascending.
func (l *lockFile) approved(wanted func(name string) bool) ([]approvedJSON, error) {
	var all []approvedJSON
	for _, name := range slices.Sorted(maps.Keys(l.Servers)) {
		if !wanted(name) {
			continue
		}
		a, err := approvedAs(name, l.Servers[name], l.dir())
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}

func approvedAs(name string, e lock.Entry, dir string) (approvedJSON, error) {
	g, clock, err := e.Grants.Parse(dir)
	if err != nil {
		return approvedJSON{}, err
	}
	words, vain := effective(granting{Grants: g, env: e.Grants.Env, clock: clock}, e)
	a := approvedJSON{
		Name: name, Reference: e.Reference, Digest: e.Digest, Size: e.Module.Size, Signers: append([]string{}, e.Signers...), Unsigned: e.Unsigned,
		Grants: e.Grants, May: orEmpty(words), Withheld: orEmpty(vain), Approved: e.Approved,
	}
	if e.Package != nil {
		a.Package, a.Version = e.Package.Name, e.Package.Version
	}
	return a, nil
}

// shortDigest is a digest as far as people compare one.
func shortDigest(digest string) string { return digest[:min(len(digest), len("sha256:")+12)] }

// removeJSON is the output of remove.
type removeJSON struct {
	File    string   `json:"file"`
	Removed []string `json:"removed"` // names, ascending
}

func newRemove(s Streams) *cobra.Command {
	var configAt string
	var lockAt lockFlags
	cmd := &cobra.Command{
		Use:               "remove NAME...",
		Short:             "Take back the approval of packages",
		Long:              `Remove takes back approvals. With --output json it prints {"file":…,"removed":[…]}.`,
		Args:              takes(1, lock.MaxServers, "names of servers"),
		ValidArgsFunction: approvedNames(lock.MaxServers),
	}
	cmd.Flags().StringVarP(&configAt, "config", "c", "", configHelp)
	lockAt.register(cmd)
	out := newOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		file, err := optionalConfig(s, configAt)
		if err != nil {
			return err
		}
		p := &packages{s: s, file: file}
		if p.lock, err = lockAt.open(file); err != nil {
			return err
		}
		slices.Sort(args)
		args = slices.Compact(args)
		if err := p.remove(cmd.Context(), args); err != nil || !out.json() {
			return err
		}
		return writeJSON(s.Out, removeJSON{p.lock.path, args})
	}
	return cmd
}

func (p *packages) remove(ctx context.Context, names []string) error {
	var edits []lock.Edit
	for _, name := range names {
		e, err := p.entry(name)
		if err != nil {
			return err
		}
		edits = append(edits, lock.Edit{Name: name, Old: e.Integrity})
	}
	if err := p.lock.update(ctx, p.s, edits...); err != nil {
		return err
	}
	say(p.s, "removed %s", list(names, "and"))
	for _, name := range names {
		if c := p.server(name); c != nil && c.Package {
			say(p.s, "%s", p.file.At("servers."+name, fmt.Errorf("is not started from now on, since it is not approved")))
		}
	}
	return nil
}
