package plugins

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

// ScratchPath is where a guest finds its scratch folder, so that nothing is mounted
// there (docs/guest-contract.md, "Files").
const ScratchPath = "/tmp"

// GrantProblem is what is wrong with one part of a server's grants.
type GrantProblem struct {
	// Path is the part, as a path below the server's entry in mcpwasm.yaml:
	// "grants.http[1]", "grants.mounts[0]", "grants.kv", "grants.secrets.NAME",
	// "grants.tools.NAME" or "env.KEY".
	Path string
	Err  error
}

// Error returns "path: what is wrong".
func (p *GrantProblem) Error() string { return p.Path + ": " + p.Err.Error() }

// Unwrap returns what is wrong.
func (p *GrantProblem) Unwrap() error { return p.Err }

// GrantProblems are all problems of a server's grants, in the order of [Grants]
// and then of the environment.
type GrantProblems []*GrantProblem

// Error returns one line for each problem.
func (ps GrantProblems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the problems.
func (ps GrantProblems) Unwrap() []error {
	errs := make([]error, len(ps))
	for i, p := range ps {
		errs[i] = p
	}
	return errs
}

// Validate checks what can be known without looking at the host: that every part
// has the form of its type, and that they go together. env is the server's
// environment, "KEY=value" each, whose values may name secrets ([EnvSecret]).
// The error is a [GrantProblems] with everything that is wrong. Folders are
// compared as they are written, by [filepath.Clean].
func (g Grants) Validate(env []string) error {
	c := grantCheck{Grants: g}
	c.http()
	c.mounts()
	c.kv()
	c.secrets()
	c.tools()
	c.env(env)
	if len(c.problems) == 0 {
		return nil
	}
	return c.problems
}

// grantCheck collects the problems of grants.
type grantCheck struct {
	Grants
	problems GrantProblems
}

func (c *grantCheck) report(path, format string, args ...any) {
	c.problems = append(c.problems, &GrantProblem{path, fmt.Errorf(format, args...)})
}

// form checks that a grant is what its text is read as; one that was written in
// Go may have any content.
func (c *grantCheck) form(path string, have, parsed any, err error) bool {
	switch {
	case err != nil:
		c.problems = append(c.problems, &GrantProblem{path, err})
	case !reflect.DeepEqual(have, parsed):
		c.report(path, "is not in its one form, which is %v", parsed)
	default:
		return true
	}
	return false
}

func (c *grantCheck) tooMany(path string, n int) bool {
	if n > maxEntries {
		c.report(path, "more than %d entries", maxEntries)
	}
	return n > maxEntries
}

func (c *grantCheck) http() {
	if c.tooMany("grants.http", len(c.HTTP)) {
		return
	}
	seen := map[string]bool{}
	for i, g := range c.HTTP {
		at := index("grants.http", i)
		parsed, err := ParseHTTPGrant(g.String())
		if len(g.Methods) == 0 {
			g.Methods = nil
		}
		if !c.form(at, g, parsed, err) {
			continue
		}
		if seen[g.key()] {
			c.report(at, "%s is granted twice", g)
		}
		seen[g.key()] = true
	}
}

// key is the same for grants that differ in the order of their methods only.
func (g HTTPGrant) key() string {
	g.Methods = slices.Sorted(slices.Values(g.Methods))
	return g.String()
}

func (c *grantCheck) mounts() {
	if c.tooMany("grants.mounts", len(c.Mounts)) {
		return
	}
	var good []MountGrant
	for i, g := range c.Mounts {
		at := index("grants.mounts", i)
		g.Access = cmp.Or(g.Access, ReadOnly)
		err := g.check()
		for _, first := range good {
			err = cmp.Or(err, together(first, g))
		}
		if err != nil {
			c.problems = append(c.problems, &GrantProblem{at, err})
			continue
		}
		good = append(good, g)
	}
}

// together says why a mount does not go together with one before it.
func together(first, g MountGrant) error {
	switch {
	case g == first:
		return fmt.Errorf("%s is mounted twice", g)
	case g.Path == first.Path:
		return fmt.Errorf("at %s is %s already, by %s", g.Path, first.Source, first)
	case within(g.Path, first.Path), within(first.Path, g.Path):
		return fmt.Errorf("the guest's folder %s overlaps with %s of %s: mount them side by side", g.Path, first.Path, first)
	}
	return disjoint(first, g)
}

// disjoint refuses folders of the host that are written through one mount and
// bound by another: neither access nor quota of the second would hold.
func disjoint(first, g MountGrant) error {
	gInFirst, firstInG := folderWithin(g.Source, first.Source), folderWithin(first.Source, g.Source)
	switch {
	case gInFirst && firstInG && g.Access != first.Access:
		return fmt.Errorf("%s is mounted %s here and %s by %s: decide for one", g.Source, accessWord(g.Access), accessWord(first.Access), first)
	case gInFirst && firstInG && g.Access == ReadWrite:
		return fmt.Errorf("%s is mounted for writing twice, so that neither quota holds; the other is %s", g.Source, first)
	case gInFirst && first.Access == ReadWrite, firstInG && g.Access == ReadWrite:
		return fmt.Errorf("%s overlaps with %s of %s: what is written through one mount gets past access and quota of the other", g.Source, first.Source, first)
	}
	return nil
}

func accessWord(a Access) string {
	if a == ReadWrite {
		return "for writing"
	}
	return "read-only"
}

// within reports whether a clean path of the guest is folder or lies below it.
func within(p, folder string) bool {
	return p == folder || folder == "/" || strings.HasPrefix(p, folder+"/")
}

// folderWithin is within for folders of the host, as they are written.
func folderWithin(p, folder string) bool {
	rel, err := filepath.Rel(filepath.Clean(folder), filepath.Clean(p))
	return err == nil && filepath.IsLocal(rel)
}

func (c *grantCheck) kv() {
	if c.KV == nil {
		return
	}
	g := *c.KV
	g.Access = cmp.Or(g.Access, ReadWrite)
	parsed, err := ParseKVGrant(g.String())
	c.form("grants.kv", g, parsed, err)
}

func (c *grantCheck) secrets() {
	if c.tooMany("grants.secrets", len(c.Secrets)) {
		return
	}
	seen := map[string]bool{}
	for _, g := range c.Secrets {
		at := "grants.secrets." + g.Name
		if seen[g.Name] {
			c.report(at, "the secret is granted twice: name all of its hosts in one grant")
			continue
		}
		seen[g.Name] = true
		parsed, err := ParseSecretGrant(g.String())
		if len(g.In) == 0 {
			g.In = nil
		}
		if err == nil && !reflect.DeepEqual(g, parsed) { // said without Ref, which form would show
			err = fmt.Errorf("is not in its one form, with the hosts %s", strings.Join(parsed.Hosts, ","))
		}
		if !c.form(at, parsed, parsed, err) {
			continue
		}
		for _, h := range g.Hosts {
			// To this machine plain http would do as well; https is what to aim for.
			if c.reaches(h) {
				continue
			}
			if other := c.otherPort(h); other != "" {
				c.report(at, "no http grant covers %s, only %s: write the port: @%[2]s", h, other)
				continue
			}
			c.report(at, "no http grant covers %s over https: it could never be sent; grant requests to %[1]s, too", h)
		}
	}
}

// reaches reports whether requests to a secret's host, HOST[:PORT], are granted.
func (c *grantCheck) reaches(target string) bool {
	host, port, err := parseHostPort(target, false)
	return err == nil && slices.ContainsFunc(c.HTTP, func(g HTTPGrant) bool { return g.covers(host, port) })
}

// otherPort returns a secret's host with the port that requests to it are granted
// for, where that is not the secret's.
func (c *grantCheck) otherPort(target string) string {
	host, _, err := parseHostPort(target, false)
	if err != nil {
		return ""
	}
	for _, g := range c.HTTP {
		if g.Port != 0 && g.covers(host, g.Port) {
			return joinHostPort(host, g.Port)
		}
	}
	return ""
}

func (c *grantCheck) tools() {
	writable := c.KV != nil && c.KV.Access != ReadOnly ||
		slices.ContainsFunc(c.Mounts, func(g MountGrant) bool { return g.Access == ReadWrite })
	for _, tool := range slices.Sorted(maps.Keys(c.Tools)) {
		at, access := "grants.tools."+tool, c.Tools[tool]
		_, err := ParseAccess(string(access))
		if bad := checkToolName(tool); bad != nil {
			err = bad
		}
		switch {
		case err != nil:
			c.problems = append(c.problems, &GrantProblem{at, err})
		case access == ReadWrite && !writable:
			c.report(at, "rw widens no grant, and neither a mount nor kv is granted for writing")
		}
	}
}

func (c *grantCheck) env(env []string) {
	seen := map[string]bool{}
	for _, kv := range env {
		key, value, _ := strings.Cut(kv, "=")
		at := "env." + key
		if seen[key] {
			c.report(at, "the variable is given twice")
			continue
		}
		seen[key] = true
		name, ok := EnvSecret(value)
		granted := slices.ContainsFunc(c.Secrets, func(g SecretGrant) bool { return g.Name == name })
		if ok && !granted {
			c.report(at, "names the secret %q, which is not granted%s", name, c.knownSecrets())
		}
	}
}

// knownSecrets lists what could have been meant.
func (c *grantCheck) knownSecrets() string {
	var names []string
	for _, g := range c.Secrets {
		names = append(names, g.Name)
	}
	if len(names) == 0 {
		return ": no secret is"
	}
	return ": the secrets are " + strings.Join(names, ", ")
}
