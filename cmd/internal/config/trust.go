package config

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/sign"
	"github.com/mcpwasm/mcpwasm/registry/trust"
)

type trustEntry struct {
	Root  string      `yaml:"root"`
	Rules []ruleEntry `yaml:"rules"`
	Lock  lockEntry   `yaml:"lock"`
}

type ruleEntry struct {
	Repositories []string           `yaml:"repositories"`
	Names        []string           `yaml:"names"`
	Signers      []signerEntry      `yaml:"signers"`
	Threshold    count              `yaml:"threshold"`
	Attestations []attestationEntry `yaml:"attestations"`
	Capabilities ceilingEntry       `yaml:"capabilities"`

	ceiling *plugins.Ceiling // what Capabilities say
}

type lockEntry struct {
	Signers []signerEntry `yaml:"signers"`
}

// signerEntry is a key, or an identity with its issuer.
type signerEntry struct {
	Key             string `yaml:"key"`
	Identity        string `yaml:"identity"`
	IdentityPattern string `yaml:"identityPattern"`
	Issuer          string `yaml:"issuer"`
	IssuerPattern   string `yaml:"issuerPattern"`
}

// exact reports whether the entry stands for one signer only.
func (e signerEntry) exact() bool { return e.IdentityPattern == "" && e.IssuerPattern == "" }

type attestationEntry struct {
	Type    string        `yaml:"type"`
	Signers []signerEntry `yaml:"signers"`
}

type ceilingEntry struct {
	HTTP    []string `yaml:"http"`
	Files   string   `yaml:"files"`
	KV      string   `yaml:"kv"`
	Secrets []string `yaml:"secrets"`
	Env     []string `yaml:"env"`

	any bool // the word any stands in place of the mapping
}

func (e *ceilingEntry) UnmarshalWord(word string) error {
	if word != "any" {
		return fmt.Errorf("%q: want any, or a mapping of http, files, kv, secrets and env", word)
	}
	e.any = true
	return nil
}

// trust checks the section as far as that can be done without reading the files
// that it names.
func (d *decoder) trust(e trustEntry) trustEntry {
	d.filled("trust.root", e.Root, "want the file with sigstore's trusted root")
	e.Root = d.plain("trust.root", e.Root)
	if len(e.Rules) > maxEntries {
		d.At("trust.rules", "more than %d rules", maxEntries)
		return trustEntry{}
	}
	seen := map[string]string{}
	for i := range e.Rules {
		d.rule(fmt.Sprintf("trust.rules[%d]", i), &e.Rules[i], e.Root, seen)
	}
	if d.Given("trust.lock") && !d.HasProblemIn("trust.lock") {
		d.signers("trust.lock", e.Lock.Signers, e.Root, "name who may sign mcpwasm.lock")
	}
	return e
}

// rule checks one rule. seen has where every pattern stands that came before.
func (d *decoder) rule(at string, e *ruleEntry, root string, seen map[string]string) {
	if len(e.Repositories) == 0 && !d.HasProblem(at) && !d.HasProblem(at+".repositories") {
		d.At(at, "repositories are missing: say which packages the rule is for, such as ghcr.io/acme/*")
	}
	if len(e.Repositories) > maxEntries || len(e.Names) > maxEntries || len(e.Attestations) > maxEntries {
		d.At(at, "more than %d repositories, names or attestations", maxEntries)
		return
	}
	for i, text := range e.Repositories {
		place := fmt.Sprintf("%s.repositories[%d]", at, i)
		pattern, ok := readText(d, place, text, trust.ParsePattern)
		if !ok {
			continue
		}
		if first, twice := seen[pattern.String()]; twice {
			d.At(place, "%s stands in %s already: one rule decides", pattern, first)
			continue
		}
		seen[pattern.String()] = place
	}
	if d.Given(at+".names") && len(e.Names) == 0 && !d.HasProblem(at+".names") {
		d.At(at+".names", "want names of packages, or leave names out for any")
	}
	readList(d, at+".names", e.Names, func(text string) (string, error) { return text, trust.CheckName(text) })
	n := len(d.Problems)
	d.signers(at, e.Signers, root, "name who may vouch for these packages")
	if len(d.Problems) == n {
		d.threshold(at, e)
	}
	for i, a := range e.Attestations {
		d.attestation(fmt.Sprintf("%s.attestations[%d]", at, i), a, root)
	}
	e.ceiling = d.ceiling(at+".capabilities", e.Capabilities)
}

// threshold refuses one that could never be reached.
func (d *decoder) threshold(at string, e *ruleEntry) {
	if int(e.Threshold) > len(e.Signers) && !slices.ContainsFunc(e.Signers, func(s signerEntry) bool { return !s.exact() }) {
		d.At(at+".threshold", "%d signers must vouch, and the rule names %d", e.Threshold, len(e.Signers))
	}
}

func (d *decoder) attestation(at string, e attestationEntry, root string) {
	if d.HasProblem(at) {
		return
	}
	if !d.HasProblem(at + ".type") {
		if _, err := PredicateType(e.Type); err != nil {
			place := at
			if d.Given(at + ".type") {
				place += ".type"
			}
			d.At(place, "%v", err)
		}
	}
	if d.Given(at+".signers") && !d.HasProblem(at+".signers") {
		d.signers(at, e.Signers, root, "name who may vouch for it, or leave signers out for those of the rule")
	}
}

// predicateTypes are the short names of types of attestations.
var predicateTypes = map[string]string{
	"slsa": sign.PredicateSLSA, "spdx": sign.PredicateSPDX, "cyclonedx": sign.PredicateCycloneDX,
}

// PredicateType returns the type of an in-toto statement that a text names: slsa,
// spdx, cyclonedx, or a URI other than that of signatures.
func PredicateType(text string) (string, error) {
	if uri, ok := predicateTypes[text]; ok {
		return uri, nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme == "" || u.Host == "" && u.Opaque == "":
		return "", fmt.Errorf("type %q: want slsa, spdx, cyclonedx or the URI of a predicate type", text)
	case text == sign.PredicateSignature:
		return "", fmt.Errorf("type %s is that of signatures, which signers and threshold are for", text)
	}
	return text, nil
}

// signers checks a list of signers, which is not empty: what nobody may vouch for
// could never be used.
func (d *decoder) signers(at string, list []signerEntry, root, missing string) {
	if len(list) == 0 && !d.HasProblem(at) && !d.HasProblem(at+".signers") {
		d.At(at, "signers are missing: %s: {key: FILE}, or {identity: …, issuer: …}", missing)
	}
	if len(list) > maxSigners {
		d.At(at+".signers", "more than %d signers", maxSigners)
		return
	}
	for i, e := range list {
		place := fmt.Sprintf("%s.signers[%d]", at, i)
		if d.HasProblemIn(place) {
			continue
		}
		if err := e.check(root); err != nil {
			d.At(place, "%v", err)
			continue
		}
		d.plain(place+".key", e.Key)
		if slices.Contains(list[:i], e) {
			d.At(place, "stands twice")
		}
	}
}

// maxSigners bounds how often one signature is checked.
const maxSigners = 100

func (e signerEntry) check(root string) error {
	identity := e.Identity != "" || e.IdentityPattern != ""
	switch {
	case e == signerEntry{}:
		return errors.New("want {key: FILE}, or {identity: …, issuer: …}")
	case e.Key != "" && e != signerEntry{Key: e.Key}:
		return errors.New("a signer is a key or an identity, not both")
	case e.Key != "":
		return nil
	case !identity:
		return errors.New("an issuer alone stands for everybody who has an account there: add identity")
	case e.Identity != "" && e.IdentityPattern != "":
		return errors.New("identity is exact, and identityPattern a pattern: decide for one")
	case e.Issuer == "" && e.IssuerPattern == "":
		return errors.New("issuer is missing: without it, any issuer could vouch for the identity")
	case e.Issuer != "" && e.IssuerPattern != "":
		return errors.New("issuer is exact, and issuerPattern a pattern: decide for one")
	case root == "":
		return errors.New("an identity needs trust.root, the file that says whose certificates are believed: root: trusted_root.json")
	}
	return errors.Join(checkIdentityPattern("identityPattern", e.IdentityPattern), checkIdentityPattern("issuerPattern", e.IssuerPattern))
}

// strangers are identities and issuers that no pattern can mean: their domain
// does not exist (RFC 6761).
var strangers = []string{"https://stranger.invalid/a/b/.github/workflows/c.yml@refs/heads/d", "stranger@a.invalid", "https://stranger.invalid"}

func checkIdentityPattern(name, text string) error {
	if text == "" {
		return nil
	}
	// On its own first: what closes a group that it did not open would escape from
	// the one around it.
	if _, err := regexp.Compile(text); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	pattern, err := regexp.Compile(`\A(?:` + text + `)\z`)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if slices.ContainsFunc(strangers, pattern.MatchString) {
		return fmt.Errorf("%s: %q stands for anybody, strangers included: name at least the host and the owner", name, text)
	}
	return nil
}

// filled refuses a key that is there without a value.
func (d *decoder) filled(at, value, want string) {
	if d.Given(at) && value == "" && !d.HasProblem(at) {
		d.At(at, "%s", want)
	}
}

var (
	formCeilingSecret = regexp.MustCompile(`^(\*|[A-Za-z0-9_-]{1,64})$`)
	formCeilingEnv    = regexp.MustCompile(`^(\*|[A-Za-z_][A-Za-z0-9_]{0,127})$`)
)

// ceiling reads what packages may ask for at most; nil is nothing.
func (d *decoder) ceiling(at string, e ceilingEntry) *plugins.Ceiling {
	if !d.Given(at) || d.HasProblem(at) {
		return nil
	}
	if len(e.HTTP) > maxEntries || len(e.Secrets) > maxEntries || len(e.Env) > maxEntries {
		d.At(at, "more than %d entries of one kind", maxEntries)
		return nil
	}
	c := &plugins.Ceiling{Any: e.any}
	c.HTTP, _ = readList(d, at+".http", e.HTTP, plugins.ParseHTTPGrant)
	c.Files = d.ceilingAccess(at+".files", e.Files)
	c.KV = d.ceilingAccess(at+".kv", e.KV)
	c.Secrets, _ = readList(d, at+".secrets", e.Secrets, nameOf(formCeilingSecret, `want a secret's name, of 1 to 64 letters, digits, _ and -, or "*" for every one`))
	c.Env, _ = readList(d, at+".env", e.Env, nameOf(formCeilingEnv, `want a variable's name, or "*" for every one`))
	return c
}

func (d *decoder) ceilingAccess(at, text string) plugins.Access {
	if !d.Given(at) {
		return ""
	}
	access, _ := readText(d, at, text, plugins.ParseAccess)
	return access
}

func nameOf(form *regexp.Regexp, want string) func(string) (string, error) {
	return func(text string) (string, error) {
		if !form.MatchString(text) {
			return "", fmt.Errorf("%q: %s", text, want)
		}
		return text, nil
	}
}
