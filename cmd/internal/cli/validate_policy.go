package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/cmd/internal/config"
	"github.com/mcpwasm/mcpwasm/host"
	"github.com/mcpwasm/mcpwasm/registry/lock"
)

// validPolicy is a policy that can be used.
type validPolicy struct {
	File  string `json:"file"`
	Rules int    `json:"rules"`
	Cases int    `json:"cases"` // that were decided as expected

	tested bool // there are cases
}

// text says what was checked.
func (p *validPolicy) text() string {
	text := fmt.Sprintf("policy %s: %s", printable(p.File), countOf(p.Rules, "rule", "rules"))
	if p.tested {
		text += fmt.Sprintf(", %s as expected", countOf(p.Cases, "case", "cases"))
	}
	return text + "\n"
}

// checkPolicy reads the policy in force, "" for the shipped one, and holds it and the
// configuration's labels and tags against each other, and against the tools of servers
// of which is known what they offer.
func (v *validateJSON) checkPolicy(ctx context.Context, c host.Config, p *packages, path string) {
	facts, whole := knownFacts(ctx, c)
	v.Problems = append(v.Problems, p.factProblems(facts)...)
	policy, err := readPolicy(path)
	if err != nil {
		v.addPolicyProblems(path, err)
		return
	}
	v.Problems = append(v.Problems, labelProblems(p.file, host.CheckLabels(policy, c.Servers))...)
	if path == "" {
		return
	}
	v.Policy = &validPolicy{File: path, Rules: len(policy.Rules())}
	var there []cel.Installed
	if whole {
		there = installed(facts)
	}
	v.addPolicyProblems(path, policy.Check(there))
	v.addPolicyProblems(path, checkTools(policy, facts))
	v.checkCases(ctx, policy, casesBeside(path))
}

// checkCases decides the cases of a file, if there is one. One that is decided otherwise
// than expected is a warning, since the policy can be used.
func (v *validateJSON) checkCases(ctx context.Context, policy *cel.Policy, file string) {
	cases, err := readCases(file)
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	v.addPolicyProblems(file, err)
	v.Policy.tested = err == nil
	for _, r := range policy.Test(ctx, cases) {
		if len(r.Failures) == 0 {
			v.Policy.Cases++
			continue
		}
		v.Warnings = append(v.Warnings, config.Problem{File: file, Line: r.Case.Line, Path: r.Case.Name, Message: strings.Join(r.Failures, "; ")})
	}
}

// addPackages completes the servers of a configuration with those of its packages, and
// of the lock file's, that are in the cache: nothing is fetched, and what is wrong with
// one is reported where the lock file is looked at.
func addPackages(ctx context.Context, c *host.Config, p *packages) {
	for i, s := range p.file.Servers {
		if !s.Package {
			continue
		}
		if server, err := p.configured(ctx, *c, s); err == nil {
			c.Servers[i] = server
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.lock.Servers)) {
		if p.file.Has(name) {
			continue
		}
		server, err := p.open(ctx, *c, name)
		if err != nil {
			server = host.Server{Name: name, Err: err}
		}
		c.Servers = append(c.Servers, server)
	}
}

// atHand are the packages of a configuration, as far as the cache has them. What is
// wrong with the file is reported elsewhere.
func atHand(file *config.File, lockAt *lockFlags, cacheDir string) *packages {
	silent := Streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard}
	p, err := openPackages(silent, packageFlags{config: file.Path, offline: true, allowUnsigned: true}, *lockAt, cacheDir)
	if err != nil {
		return &packages{file: file, lock: &lockFile{File: &lock.File{}}}
	}
	return p
}

// knownFacts are what is known of servers without running any; whole reports whether that
// is all of them.
func knownFacts(ctx context.Context, c host.Config) (facts []host.Facts, whole bool) {
	whole = len(c.Servers) > 0
	for _, s := range c.Servers {
		if s.Definitions == nil {
			whole = false // and nothing is run to find out
			continue
		}
		f, err := host.FactsOf(ctx, c, s)
		if err != nil {
			whole = false // why is found where its source is looked at
			continue
		}
		facts = append(facts, f)
	}
	return facts, whole
}

// addPolicyProblems adds what is wrong with a policy or its cases.
func (v *validateJSON) addPolicyProblems(path string, err error) {
	if err == nil {
		return
	}
	problems, other := problemsOf(err)
	if other != nil {
		_, reason, _ := strings.Cut(other.Error(), strconv.Quote(path)+": ") // the place is said already
		v.Problems = append(v.Problems, config.Problem{File: path, Message: cmp.Or(reason, other.Error()) + wayOut(other)})
	}
	for _, p := range problems {
		problem := config.Problem{File: p.File, Line: p.Line, Column: p.Column, Path: p.Rule, Message: p.Message}
		if p.Severity == cel.SeverityError {
			v.Problems = append(v.Problems, problem)
		} else {
			v.Warnings = append(v.Warnings, problem)
		}
	}
}
