package lock

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/mod/semver"

	"github.com/mcpwasm/mcpwasm/registry/oci"
)

var (
	formName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)
	formEnv  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}(=[^\x00]*)?$`)
)

// IsName reports whether a text has the form of a server's name.
func IsName(s string) bool { return formName.MatchString(s) }

// check makes sure that a file says what was approved, and nothing that could not
// be meant.
func (f *File) check() error {
	if len(f.Servers) > MaxServers {
		return fmt.Errorf("%d servers, more than the %d allowed", len(f.Servers), MaxServers)
	}
	for _, name := range slices.Sorted(maps.Keys(f.Servers)) {
		if err := f.Servers[name].check(name); err != nil {
			return fmt.Errorf("servers.%s: %w", name, err)
		}
	}
	return nil
}

func (e Entry) check(name string) error {
	if !IsName(name) {
		return fmt.Errorf("%q is no name of a server: restore the file", name)
	}
	sum, err := integrity(name, e)
	if err != nil {
		return err
	}
	if sum != e.Integrity {
		return fmt.Errorf("%w: restore the file, or take the entry out of it and add the server again", ErrIntegrity)
	}
	return errors.Join(e.checkSource(), e.checkSigners(), e.Definitions.check(), e.checkGrants(), e.checkTime())
}

func (e Entry) checkSource() error {
	ref, err := e.Source()
	switch {
	case err != nil:
		return fmt.Errorf("reference: %w", err)
	case referenceText(ref) != e.Reference:
		return fmt.Errorf("reference: %q is not in its one form, %q", e.Reference, referenceText(ref))
	case ref.Digest != "" && ref.Digest != e.Digest:
		return errors.New("reference: names another digest than the entry")
	case !oci.IsDigest(e.Digest):
		return fmt.Errorf("digest: %q is none", e.Digest)
	case !oci.IsDigest(e.Module.Digest):
		return fmt.Errorf("module.digest: %q is none", e.Module.Digest)
	case e.Module.Size <= 0:
		return fmt.Errorf("module.size: %d bytes", e.Module.Size)
	case e.Package == nil && e.Capabilities != nil:
		return errors.New("capabilities: a module without a package's manifest asks for nothing")
	case e.Package != nil && (e.Package.Name == "" || !printable(e.Package.Name)):
		return fmt.Errorf("package.name: %q is none", e.Package.Name)
	case e.Package != nil && !semver.IsValid("v"+e.Package.Version):
		return fmt.Errorf("package.version: %q is no semantic version", e.Package.Version)
	}
	return nil
}

// Source returns the reference without the digest, unless it was added by that
// alone.
func (e Entry) Source() (oci.Reference, error) { return oci.ParseReference(e.Reference) }

// Exact returns the reference with the digest that was approved.
func (e Entry) Exact() (oci.Reference, error) {
	ref, err := e.Source()
	ref.Digest = e.Digest
	return ref, err
}

// referenceText is how the lock file writes a reference.
func referenceText(ref oci.Reference) string {
	if ref.Tag != "" {
		ref.Digest = ""
	}
	return ref.String()
}

func (e Entry) checkSigners() error {
	switch {
	case e.Unsigned && len(e.Signers) > 0:
		return errors.New("signers: there are some, and it is unsigned")
	case !e.Unsigned && len(e.Signers) == 0:
		return errors.New("signers: there are none, and it is not unsigned")
	case len(e.Signers) > maxSigners:
		return fmt.Errorf("signers: more than %d", maxSigners)
	case !slices.IsSorted(e.Signers) || len(slices.Compact(slices.Clone(e.Signers))) < len(e.Signers):
		return errors.New("signers: want each once, in ascending order")
	}
	for _, s := range e.Signers {
		if s == "" || !printable(s) {
			return fmt.Errorf("signers: %q is none", s)
		}
	}
	return nil
}

func (d Definitions) check() error {
	for key, sum := range map[string]string{"digest": d.Digest, "about": d.About} {
		if !oci.IsDigest(sum) {
			return fmt.Errorf("definitions.%s: %q is no hash", key, sum)
		}
	}
	for _, list := range []map[string]string{d.Tools, d.Prompts, d.Resources, d.ResourceTemplates} {
		for key, sum := range list {
			if key == "" || !oci.IsDigest(sum) {
				return fmt.Errorf("definitions: %q: %q is no hash", key, sum)
			}
		}
	}
	return nil
}

func (e Entry) checkGrants() error {
	g := e.Grants
	if n := max(len(g.HTTP), len(g.Mounts), len(g.Secrets), len(g.Tools), len(g.Env)); n > maxTexts {
		return fmt.Errorf("grants: %d of a kind, more than the %d allowed", n, maxTexts)
	}
	for _, list := range [][]string{g.HTTP, g.Mounts, g.Env} {
		if !slices.IsSorted(list) {
			return errors.New("grants: want each list in ascending order")
		}
	}
	for _, kv := range g.Env {
		if !formEnv.MatchString(kv) {
			key, _, _ := strings.Cut(kv, "=")
			return fmt.Errorf("grants.env: %q: want KEY=value, or KEY", key)
		}
	}
	if _, _, err := g.parse(); err != nil {
		return fmt.Errorf("grants: %w", err)
	}
	return nil
}

func (e Entry) checkTime() error {
	if _, offset := e.Approved.Zone(); offset != 0 || e.Approved.IsZero() || !e.Approved.Equal(e.Approved.Truncate(time.Second)) {
		return errors.New("approved: want a time in UTC and whole seconds")
	}
	return nil
}

// printable reports whether a text is one visible line.
func printable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}
