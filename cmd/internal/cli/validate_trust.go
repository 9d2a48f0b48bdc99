package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mcpwasm/mcpwasm/cmd/internal/config"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/sign"
	"github.com/mcpwasm/mcpwasm/registry/trust"
)

// trustedRepositories is what the policy says about the repositories that a
// pattern stands for.
type trustedRepositories struct {
	Pattern      string              `json:"pattern"`
	Names        []string            `json:"names,omitempty"` // of packages; left out for any
	Signers      []string            `json:"signers"`         // as the file names them
	Threshold    int                 `json:"threshold"`       // how many of them must vouch
	Attestations []wantedAttestation `json:"attestations"`
	May          []string            `json:"may"` // what packages may ask for, in words
}

// wantedAttestation is one that must be there.
type wantedAttestation struct {
	Type    string   `json:"type"`              // a predicate type
	Signers []string `json:"signers,omitempty"` // left out where they are the rule's
}

// checkTrust reads what the trust section names, and reports what is wrong with
// it, or unlike what somebody meant.
func (v *validateJSON) checkTrust(file *config.File) {
	v.Warnings = append(v.Warnings, file.Warnings(time.Now())...)
	for _, line := range config.Exposed(file.Guarded()) {
		v.Warnings = append(v.Warnings, config.Problem{File: file.Path, Message: line})
	}
	policy, err := file.TrustPolicy()
	v.addProblems(err)
	_, lockErr := file.LockSigners()
	v.addProblems(lockErr)
	if err != nil {
		return
	}
	for _, rule := range policy.Rules {
		for _, text := range rule.Repositories {
			v.Trust = append(v.Trust, newTrusted(text, rule))
		}
	}
	slices.SortStableFunc(v.Trust, func(a, b trustedRepositories) int { return cmp.Compare(a.Pattern, b.Pattern) })
	v.checkPackages(file, &policy)
}

// addProblems adds those of a file.
func (v *validateJSON) addProblems(err error) {
	if problems, ok := err.(config.Errors); ok { //nolint:errorlint // what the callers call is documented to return one
		for _, p := range problems {
			if !slices.Contains(v.Problems, p) { // the same key may stand at a rule and at the lock
				v.Problems = append(v.Problems, p)
			}
		}
	}
}

// checkPackages reports servers that are packages which no rule covers.
func (v *validateJSON) checkPackages(file *config.File, policy *trust.Policy) {
	for _, server := range file.Servers {
		if !server.Package {
			continue
		}
		ref, err := oci.ParseReference(server.Source)
		if err == nil {
			_, _, err = policy.Match(ref)
		}
		if err != nil {
			v.Problems = append(v.Problems, file.At("servers."+server.Name+".source", err))
		}
	}
}

func newTrusted(pattern string, rule trust.Rule) trustedRepositories {
	t := trustedRepositories{Pattern: pattern, Names: rule.Names, Signers: []string{}, Threshold: max(rule.Threshold, 1), Attestations: []wantedAttestation{}, May: ceilingWords(rule.Ceiling)}
	if p, err := trust.ParsePattern(pattern); err == nil {
		t.Pattern = p.String()
	}
	t.Signers = append(t.Signers, signerNames(rule.Signers)...)
	for _, a := range rule.Attestations {
		t.Attestations = append(t.Attestations, wantedAttestation{a.PredicateType, signerNames(a.Signers)})
	}
	return t
}

func signerNames(signers []sign.Verifier) []string {
	var names []string
	for _, s := range signers {
		names = append(names, s.String())
	}
	return names
}

// text says it in a few lines.
func (t trustedRepositories) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "packages of %s\n", t.Pattern)
	if len(t.Names) > 0 {
		fmt.Fprintf(&b, "  need the name %s\n", strings.Join(t.Names, " or "))
	}
	switch {
	case t.Threshold > 1:
		fmt.Fprintf(&b, "  need signatures by %d different ones of ", t.Threshold)
	case len(t.Signers) > 1:
		b.WriteString("  need a signature by one of ")
	default:
		b.WriteString("  need a signature by ")
	}
	fmt.Fprintln(&b, strings.Join(t.Signers, ", "))
	for _, a := range t.Attestations {
		fmt.Fprintf(&b, "  need an attestation of type %s", a.Type)
		if len(a.Signers) > 0 {
			fmt.Fprintf(&b, " by %s", strings.Join(a.Signers, " or "))
		}
		fmt.Fprintln(&b)
	}
	for _, m := range t.May {
		fmt.Fprintf(&b, "  %s\n", m)
	}
	return printable(b.String())
}

// ceilingWords says what packages may ask for.
func ceilingWords(c *plugins.Ceiling) []string {
	if c == nil {
		c = &plugins.Ceiling{}
	}
	if c.Any {
		return []string{"may ask for anything"}
	}
	var words []string
	for _, g := range c.HTTP {
		words = append(words, "may ask for requests: "+g.String())
	}
	for _, a := range []struct {
		access plugins.Access
		what   string
	}{{c.Files, "folders"}, {c.KV, "a store"}} {
		switch a.access {
		case plugins.ReadOnly:
			words = append(words, "may ask for "+a.what+" to read")
		case plugins.ReadWrite:
			words = append(words, "may ask for "+a.what+" to read and write")
		}
	}
	for _, list := range []struct {
		names     []string
		one, each string
	}{{c.Secrets, "the secrets", "any secret"}, {c.Env, "the variables", "any variable"}} {
		switch {
		case slices.Contains(list.names, "*"):
			words = append(words, "may ask for "+list.each)
		case len(list.names) > 0:
			words = append(words, "may ask for "+list.one+" "+strings.Join(list.names, ", "))
		}
	}
	if len(words) == 0 {
		return []string{"may ask for nothing"}
	}
	return words
}
