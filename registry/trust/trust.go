// Package trust decides which packages may run: by an operator's policy, without
// asking anybody, and against the digest that runs.
package trust

import (
	"context"
	"errors"
	"fmt"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/sign"
)

// ErrUntrusted is wrapped by every refusal.
var ErrUntrusted = errors.New("not trusted")

// Policy is an operator's trust. The zero value trusts nothing.
type Policy struct {
	Rules []Rule
}

// Rule is what packages of some repositories must have. The rule of the most specific
// pattern counts, and no other.
type Rule struct {
	// Repositories are "registry/repository", or a prefix of whole segments
	// followed by "/*": "ghcr.io/acme/*" is everything below, at any depth. "*"
	// alone is every repository.
	Repositories []string
	// Signers may vouch for a package.
	Signers []sign.Verifier
	// Threshold is how many different ones must; 0 is 1.
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
	// Attestations are the verified ones.
	Attestations []sign.Statement
	// Unsigned is set where nothing was verified, because the operator allows it.
	Unsigned bool
}

// CheckSignatures decides about a digest by the signatures and attestations
// that a source has for it.
func (p *Policy) CheckSignatures(ctx context.Context, ref oci.Reference, src oci.Source, digest string) (Verdict, error) {
	return Verdict{}, fmt.Errorf("%s: %w", ref.Name(), ErrUntrusted)
}

// CheckCapabilities refuses a package that asks for more than packages of its
// repository may.
func (p *Policy) CheckCapabilities(ref oci.Reference, asked *plugins.Requests) error {
	return fmt.Errorf("%s: %w", ref.Name(), ErrUntrusted)
}
