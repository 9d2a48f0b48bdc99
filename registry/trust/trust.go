// Package trust decides which packages may run: by an operator's policy, without
// asking anybody, and against the digest that runs.
//
// A [Policy] has rules for patterns of repositories. The rule with the most
// specific pattern decides about a package and no other, so that a narrow rule can be
// read by itself; what no rule covers is refused. [Policy.CheckSignatures] wants
// signatures and attestations over exactly one digest, [Policy.CheckName] compares the
// package's name, [Policy.CheckCapabilities] bounds what it asks for. Whatever cannot be checked is refused, with an
// error that says what was found and what was wanted.
package trust

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/sign"
)

// ErrUntrusted is wrapped by every refusal.
var ErrUntrusted = errors.New("not trusted")

// ErrNoRule is wrapped by the refusal of a repository that no rule covers.
var ErrNoRule = errors.New("no rule covers it")

// Policy is an operator's trust. The zero value trusts nothing.
type Policy struct {
	Rules []Rule
}

// Rule is what packages of some repositories must have. The rule of the most specific
// pattern counts, and no other.
type Rule struct {
	// Repositories are "registry/repository", or a prefix of whole segments
	// followed by "/*": "ghcr.io/acme/*" is everything below, at any depth. "*"
	// alone is every repository. [ParsePattern] reads them; a pattern may stand
	// once in a policy.
	Repositories []string
	// Names are those that packages may have in their own manifest: exactly, or
	// "PREFIX/*", or "*" for every one; a package without a manifest has none.
	// Without Names that is not asked. [CheckName] checks an entry.
	Names []string
	// Signers may vouch for a package.
	Signers []sign.Verifier
	// Threshold is how many different ones must; 0 is 1. Those that signatures
	// were verified to be by are counted ([sign.Statement.Signer]), not the entries
	// of Signers: a key counts once, however often it stands there and signed, and
	// two identities that one pattern stands for count as two.
	Threshold int
	// Attestations must be there, each by one of the signers.
	Attestations []Attestation
	// Ceiling is what packages may ask for at most. Nil: nothing.
	Ceiling *plugins.Ceiling
}

// Attestation is a kind of attestation that is required.
type Attestation struct {
	PredicateType string
	// Signers may vouch for it; default: those of the rule.
	Signers []sign.Verifier
}

// Verdict is why a package is trusted.
type Verdict struct {
	// Rule is the pattern that decided.
	Rule string
	// Signers are those of valid signatures that count, in ascending order.
	Signers []string
	// Attestations are the verified ones, by type and signer: those that the rule
	// requires, and others by signers of the rule.
	Attestations []sign.Statement
	// Unsigned is set where nothing was verified, because the operator allows it.
	Unsigned bool
}

// Match returns the rule that decides about a repository, and its pattern. Where
// none covers it, or the policy itself does not hold, the error wraps
// [ErrUntrusted].
func (p *Policy) Match(ref oci.Reference) (Rule, string, error) {
	repository, err := repositoryOf(ref)
	if err != nil {
		return Rule{}, "", fmt.Errorf("%s: %w: %w", ref.Name(), ErrUntrusted, err)
	}
	var best Pattern
	found := -1
	seen := map[string]bool{}
	for i, rule := range p.Rules {
		for _, text := range rule.Repositories {
			pattern, err := ParsePattern(text)
			if err == nil && seen[pattern.String()] {
				err = fmt.Errorf("pattern %q stands twice", text)
			}
			if err != nil {
				return Rule{}, "", fmt.Errorf("%s: %w: the policy does not hold: %w", ref.Name(), ErrUntrusted, err)
			}
			seen[pattern.String()] = true
			if pattern.covers(repository) && (found < 0 || pattern.narrower(best)) {
				best, found = pattern, i
			}
		}
	}
	if found < 0 {
		return Rule{}, "", fmt.Errorf("%s: %w: %w: add one to trust.rules: {repositories: [%[1]s], signers: [{key: FILE}]}",
			strings.Join(repository, "/"), ErrUntrusted, ErrNoRule)
	}
	return p.Rules[found], best.String(), nil
}

// CheckSignatures decides about a digest by the signatures and attestations
// that a source has for it. Refusals wrap [ErrUntrusted]; what the source could
// not be asked for is another error.
func (p *Policy) CheckSignatures(ctx context.Context, ref oci.Reference, src oci.Source, digest string) (Verdict, error) {
	rule, pattern, err := p.Match(ref)
	if err != nil {
		return Verdict{}, err
	}
	name := ref.Name() + "@" + digest
	if ref.Digest != "" && ref.Digest != digest {
		return Verdict{}, fmt.Errorf("%s: %w: %s was asked for", name, ErrUntrusted, ref.Digest)
	}
	envelopes, err := sign.Collect(ctx, src, digest)
	if err != nil {
		return Verdict{}, fmt.Errorf("%s: find signatures: %w", ref.Name(), err)
	}
	f := finder{pattern: pattern, digest: digest, envelopes: envelopes}
	verdict := Verdict{Rule: pattern}
	err = f.signatures(ctx, rule, &verdict)
	if err == nil {
		err = f.attestations(ctx, rule, &verdict)
	}
	if ctx.Err() != nil {
		return Verdict{}, ctx.Err()
	}
	if err != nil {
		return Verdict{}, fmt.Errorf("%s: %w: %w", name, ErrUntrusted, err)
	}
	return verdict, nil
}

// CheckCapabilities refuses a package that asks for more than packages of its
// repository may.
func (p *Policy) CheckCapabilities(ref oci.Reference, asked *plugins.Requests) error {
	rule, pattern, err := p.Match(ref)
	if err != nil {
		return err
	}
	if beyond := rule.Ceiling.Exceeded(asked); len(beyond) > 0 {
		return fmt.Errorf("%s: %w: it asks for more than the rule %s lets packages ask for: %s: add that to the rule's capabilities, if it may",
			ref.Name(), ErrUntrusted, pattern, strings.Join(beyond, "; "))
	}
	return nil
}

// names lists signers as an operator knows them.
func names(signers []sign.Verifier) string {
	var list []string
	for _, s := range signers {
		if s != nil && !slices.Contains(list, s.String()) {
			list = append(list, s.String())
		}
	}
	return strings.Join(list, ", ")
}
