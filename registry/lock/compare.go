package lock

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/mod/semver"

	"github.com/mcpwasm/mcpwasm/plugins"
)

// ErrChanged is wrapped by the error of a package that is not the one that was
// approved.
var ErrChanged = errors.New("it is not what was approved")

// Kind is what a [Change] is about. The order is the one of [Compare].
type Kind string

// The kinds of changes.
const (
	KindName        Kind = "name"        // of the package: it may be another one
	KindWidened     Kind = "widened"     // it asks for more
	KindNarrowed    Kind = "narrowed"    // it asks for less
	KindAsked       Kind = "asked"       // it asks otherwise: reasons, what is optional, room
	KindDefinition  Kind = "definition"  // one definition, or what the server says about itself
	KindSigner      Kind = "signer"      // somebody who vouched does not, or the other way round
	KindVersion     Kind = "version"     // of the package
	KindSize        Kind = "size"        // of the module, in bytes
	KindDigest      Kind = "digest"      // of the package
	KindModule      Kind = "module"      // digest of the module
	KindRepublished Kind = "republished" // the same version with another digest
	KindRollback    Kind = "rollback"    // an older version
	KindRepository  Kind = "reference"   // it comes from elsewhere
)

// Change is one thing that differs.
type Change struct {
	Kind Kind `json:"kind"`
	// Field is the member of the entry: "capabilities", "definitions.tools.greet".
	Field string `json:"field"`
	// Approved and Found are the two, "" where there is none.
	Approved string `json:"approved,omitempty"`
	Found    string `json:"found,omitempty"`
}

// String returns the change in one line of words.
func (c Change) String() string {
	switch {
	case c.Approved == "":
		return fmt.Sprintf("%s: added %s", c.Field, c.Found)
	case c.Found == "":
		return fmt.Sprintf("%s: removed, was %s", c.Field, c.Approved)
	}
	return fmt.Sprintf("%s: approved %s, found %s", c.Field, c.Approved, c.Found)
}

// Compare returns what of a package is not as it was approved: its name first, then
// capabilities that widened, then definitions, signers, version, size and digests. Grants,
// times and integrity are not the package's, and not compared.
func Compare(approved, found Entry) []Change {
	c := &comparison{}
	c.text(KindName, "package.name", nameOf(approved), nameOf(found))
	c.capabilities(approved.Capabilities, found.Capabilities)
	c.definitions(approved.Definitions, found.Definitions)
	c.signers(approved, found)
	c.versions(approved, found)
	c.text(KindSize, "module.size", fmt.Sprint(approved.Module.Size), fmt.Sprint(found.Module.Size))
	c.text(KindDigest, "digest", approved.Digest, found.Digest)
	c.text(KindModule, "module.digest", approved.Module.Digest, found.Module.Digest)
	c.text(KindRepository, "reference", approved.Reference, found.Reference)
	return c.changes
}

// Check compares what is about to be started with what was approved. Signers that
// vouch besides the approved ones are no difference. The error wraps [ErrChanged], and
// names every field with what was approved and what was found.
func (e Entry) Check(found Entry) error {
	var lines []string
	for _, c := range Compare(e, found) {
		if c.Kind == KindSigner && c.Approved == "" && !found.Unsigned {
			continue
		}
		lines = append(lines, c.String())
		if len(lines) == maxLines {
			lines = append(lines, "and more")
			break
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrChanged, strings.Join(lines, "; "))
}

// maxLines bounds the differences that an error names.
const maxLines = 10

type comparison struct{ changes []Change }

func (c *comparison) add(kind Kind, field, approved, found string) {
	c.changes = append(c.changes, Change{kind, field, approved, found})
}

func (c *comparison) text(kind Kind, field, approved, found string) {
	if approved != found {
		c.add(kind, field, approved, found)
	}
}

func (c *comparison) capabilities(approved, found *plugins.Requests) {
	more, less := widened(approved, found), widened(found, approved)
	for _, line := range more {
		c.add(KindWidened, "capabilities", "", line)
	}
	for _, line := range less {
		c.add(KindNarrowed, "capabilities", line, "")
	}
	if a, b := requestsHash(approved), requestsHash(found); a != b && len(more)+len(less) == 0 {
		c.add(KindAsked, "capabilities", a, b)
	}
}

// requestsHash stands for all of the requests, with what no line says.
func requestsHash(r *plugins.Requests) string {
	raw, err := marshalRequests(r)
	if err != nil {
		return err.Error()
	}
	sum, err := hash(raw)
	if err != nil {
		return err.Error()
	}
	return sum
}

func (c *comparison) definitions(approved, found Definitions) {
	before := len(c.changes)
	for _, l := range []struct {
		name            string
		approved, found map[string]string
	}{
		{"tools", approved.Tools, found.Tools}, {"prompts", approved.Prompts, found.Prompts},
		{"resources", approved.Resources, found.Resources}, {"resourceTemplates", approved.ResourceTemplates, found.ResourceTemplates},
	} {
		keys := slices.Collect(maps.Keys(l.approved))
		for k := range l.found {
			if _, ok := l.approved[k]; !ok {
				keys = append(keys, k)
			}
		}
		slices.Sort(keys)
		for _, k := range keys {
			c.text(KindDefinition, "definitions."+l.name+"."+k, l.approved[k], l.found[k])
		}
	}
	c.text(KindDefinition, "definitions.about", approved.About, found.About)
	if len(c.changes) == before { // which the others would explain
		c.text(KindDefinition, "definitions.digest", approved.Digest, found.Digest)
	}
}

func (c *comparison) signers(approved, found Entry) {
	if approved.Unsigned != found.Unsigned {
		c.add(KindSigner, "unsigned", fmt.Sprint(approved.Unsigned), fmt.Sprint(found.Unsigned))
	}
	for _, s := range approved.Signers {
		if !slices.Contains(found.Signers, s) {
			c.add(KindSigner, "signers", s, "")
		}
	}
	for _, s := range found.Signers {
		if !slices.Contains(approved.Signers, s) {
			c.add(KindSigner, "signers", "", s)
		}
	}
}

// nameOf returns a package's name, "" where it has no manifest.
func nameOf(e Entry) string {
	if e.Package == nil {
		return ""
	}
	return e.Package.Name
}

func (c *comparison) versions(approved, found Entry) {
	a, f := approved.Package, found.Package
	switch {
	case a == nil && f == nil:
		return
	case a == nil:
		c.add(KindVersion, "package.version", "", f.Version)
		return
	case f == nil:
		c.add(KindVersion, "package.version", a.Version, "")
		return
	}
	switch order := semver.Compare("v"+f.Version, "v"+a.Version); {
	case a.Name != f.Name:
		c.text(KindVersion, "package.version", a.Version, f.Version)
	case order < 0:
		c.add(KindRollback, "package.version", a.Version, f.Version)
	case a.Version == f.Version && approved.Digest != found.Digest:
		c.add(KindRepublished, "package.version", a.Version, f.Version)
	default:
		c.text(KindVersion, "package.version", a.Version, f.Version)
	}
}

// Has reports whether a change of a kind is among them.
func Has(changes []Change, kind Kind) bool {
	return slices.ContainsFunc(changes, func(c Change) bool { return c.Kind == kind })
}
