package trust

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// formNames is that of a package's name, the last segment of which may be a "*".
var formNames = regexp.MustCompile(`^(\*|[A-Za-z0-9][A-Za-z0-9._-]*(/(\*|[A-Za-z0-9][A-Za-z0-9._-]*))?)$`)

// CheckName refuses what is no entry of [Rule.Names].
func CheckName(text string) error {
	if !formNames.MatchString(text) {
		return fmt.Errorf(`name %q: want a package's name, PREFIX/* or "*"`, text)
	}
	return nil
}

// named reports whether an entry of [Rule.Names] stands for a package's name.
func named(entry, name string) bool {
	prefix, below := strings.CutSuffix(entry, "*")
	if below {
		return strings.HasPrefix(name, prefix) && len(name) > len(prefix)
	}
	return name == entry
}

// CheckName refuses a package that is called otherwise than the rule of its
// repository wants; name is "" for one without a manifest.
func (p *Policy) CheckName(ref oci.Reference, name string) error {
	rule, pattern, err := p.Match(ref)
	if err != nil {
		return err
	}
	for _, entry := range rule.Names {
		if err := CheckName(entry); err != nil {
			return fmt.Errorf("%s: %w: the policy does not hold: %w", ref.Name(), ErrUntrusted, err)
		}
	}
	if len(rule.Names) == 0 || slices.ContainsFunc(rule.Names, func(entry string) bool { return named(entry, name) }) {
		return nil
	}
	found := fmt.Sprintf("this one is %.200q, and may have been put there in its place", name)
	if name == "" {
		found = "this one has no manifest, and so no name"
	}
	return fmt.Errorf("%s: %w: the rule %s is for packages with the name %s, and %s: add it to the rule's names, if it may be used",
		ref.Name(), ErrUntrusted, pattern, strings.Join(rule.Names, " or "), found)
}
