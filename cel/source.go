package cel

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpwasm/mcpwasm/internal/yamlfile"
)

// Bounds of a policy, which people write.
const (
	maxSource = 1 << 20
	maxRules  = 2_000  // on three phases they compile in about a second
	maxWhen   = 10_000 // characters of a condition
)

// source is a policy as it was written, without a look at its expressions.
type source struct {
	file, hash string
	labels     []string // well-known and declared, in ascending order
	rules      []sourceRule
	// broken are rules with a problem. Their expressions are looked at as well, since
	// all problems are told at once.
	broken []sourceRule
}

// sourceRule is a rule of which everything was checked but its expression.
type sourceRule struct {
	Rule
	// hash is Question.Hash: it changes with everything but the place.
	hash   string
	redact []*regexp.Regexp
	when   yamlfile.Text
	place  yamlfile.Position
	// onAt is where the phases stand, serversAt and toolsAt where the names do.
	onAt               yamlfile.Position
	serversAt, toolsAt []yamlfile.Position
}

// position returns where a character of the rule's expression stands in the file. All
// are counted from 1.
func (r *sourceRule) position(line, column int) (fileLine, fileColumn int) {
	at := r.when.At(line, column)
	return at.Line, at.Column
}

// policyFile is the file as it is written.
type policyFile struct {
	Labels yamlfile.Words `yaml:"labels"`
	Rules  []ruleEntry    `yaml:"rules"`
}

type ruleEntry struct {
	Name    string                    `yaml:"name"`
	On      yamlfile.Words            `yaml:"on"`
	Server  yamlfile.Words            `yaml:"server"`
	Tool    yamlfile.Words            `yaml:"tool"`
	When    yamlfile.Text             `yaml:"when"`
	Then    string                    `yaml:"then"`
	Message string                    `yaml:"message"`
	Log     string                    `yaml:"log"`
	Labels  map[string]yamlfile.Words `yaml:"labels"`
	Redact  yamlfile.Words            `yaml:"redact"`
}

// parseSource reads a policy. Where there are problems, the source has no policy, but
// the expressions that are still to be looked at.
func parseSource(file string, data []byte) (*source, Problems) {
	r := sourceReader{Decoder: yamlfile.New(file), names: map[string]int{}}
	src := &source{file: file, hash: hashOf(data), labels: slices.Clone(wellKnownLabels)}
	if len(data) > maxSource {
		r.Problem(yamlfile.Position{}, "", "larger than %d bytes", maxSource)
		return src, r.problems(nil)
	}
	var doc policyFile
	r.Decode(data, &doc, "the file is empty: it needs rules")
	if len(r.Problems) >= yamlfile.MaxProblems {
		return src, r.problems(doc.Rules) // not all was read, and what is missing would be reported
	}
	src.labels = r.labels(doc.Labels)
	r.known = src.labels
	src.rules, src.broken = r.rules(doc.Rules)
	return src, r.problems(doc.Rules)
}

func hashOf(data []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(data)) }

// sourceReader checks what was decoded.
type sourceReader struct {
	*yamlfile.Decoder
	known []string       // labels
	names map[string]int // the lines of the rules so far
}

// ruleIndex finds the rule in the path of a problem.
var ruleIndex = regexp.MustCompile(`^rules\[(\d+)\]\.?`)

// problems returns what was found, by the names of the rules.
func (r *sourceReader) problems(rules []ruleEntry) Problems {
	r.Sort()
	found := r.Problems[:min(len(r.Problems), yamlfile.MaxProblems)]
	return problemsOf(found, ruleIndex, func(i int) string {
		if i < len(rules) && formRule.MatchString(rules[i].Name) {
			return rules[i].Name
		}
		return ""
	})
}

// problemsOf turns the problems of a file into ours. index finds the number of a named
// part in a path; a part whose name is "" keeps its path.
func problemsOf(found yamlfile.Errors, index *regexp.Regexp, name func(int) string) Problems {
	var ps Problems
	for _, f := range found {
		p := Problem{File: f.File, Line: f.Line, Column: f.Column, Severity: SeverityError, Message: f.Message}
		path := f.Path
		if m := index.FindStringSubmatch(path); m != nil {
			i, _ := strconv.Atoi(m[1]) // digits, and no more than a list has elements
			if p.Rule = name(i); p.Rule != "" {
				path = path[len(m[0]):]
			}
		}
		if path != "" {
			p.Message = path + ": " + p.Message
		}
		ps = append(ps, p)
	}
	return ps
}

// labels returns the labels that rules can give and refer to.
func (r *sourceReader) labels(declared []string) []string {
	known := slices.Clone(wellKnownLabels)
	for i, label := range declared {
		at := r.element("labels", i)
		if err := checkLabelForm(label); err != nil {
			r.At(at, "%v", err)
			continue
		}
		if slices.Contains(wellKnownLabels, label) {
			r.At(at, "%s is known without a declaration: leave it out", label)
		} else if slices.Contains(known, label) {
			r.At(at, "%s stands twice", label)
		}
		known = append(known, label)
	}
	slices.Sort(known)
	return slices.Compact(known)
}

// rules returns the rules without a problem, and those with one.
func (r *sourceReader) rules(entries []ruleEntry) (rules, broken []sourceRule) {
	if len(entries) == 0 && !r.HasProblem("") && !r.HasProblemIn("rules") {
		r.At("rules", "there are no rules, and everything would be denied: add one, or begin with those that \"mcpwasm policy default\" prints")
		return nil, nil
	}
	if len(entries) > maxRules {
		r.At("rules", "more than %d rules", maxRules)
		return nil, nil
	}
	for i := range entries {
		n := len(r.Problems)
		at := fmt.Sprintf("rules[%d]", i)
		misread := r.HasProblemIn(at)
		rule := r.rule(at, &entries[i])
		if len(r.Problems) > yamlfile.MaxProblems {
			break
		}
		if misread || len(r.Problems) > n {
			broken = append(broken, rule)
		} else {
			rules = append(rules, rule)
		}
	}
	return rules, broken
}

// rule checks a rule.
func (r *sourceReader) rule(at string, e *ruleEntry) sourceRule {
	rule := sourceRule{when: e.When, place: r.Positions[at], Rule: Rule{
		Name: e.Name, When: e.When.Value, Then: Verdict(e.Then),
		Message: strings.TrimSpace(e.Message), Log: strings.TrimSpace(e.Log), Line: r.Positions[at].Line,
	}}
	r.name(at, e.Name)
	rule.On, rule.onAt = r.phases(at, e.On), r.Positions[at+".on"]
	rule.Servers, rule.serversAt = r.selector(at+".server", e.Server)
	rule.Tools, rule.toolsAt = r.selector(at+".tool", e.Tool)
	if r.Given(at+".tool") && !r.Given(at+".server") {
		r.At(at+".tool", "a tool without a server: anybody can name a tool like that; add server")
	}
	if r.condition(at+".when", e.When.Value); r.HasProblem(at + ".when") {
		rule.When = "" // nothing more is to be said of it
	}
	rule.Labels = r.added(at+".labels", e.Labels)
	r.verdict(at, &rule.Rule)
	rule.Redact = e.Redact
	rule.redact = r.redactions(at, e)
	r.text(at+".message", rule.Message)
	r.text(at+".log", rule.Log)
	rule.hash = ruleHash(rule.Rule)
	return rule
}

// ruleHash is that of a rule's content; what has no order counts in ascending order.
func ruleHash(r Rule) string {
	sorted := func(list []string) []string { return slices.Sorted(slices.Values(list)) }
	b, err := json.Marshal(map[string]any{
		"name": r.Name, "on": r.On, "servers": sorted(r.Servers), "tools": sorted(r.Tools), "when": r.When, "then": r.Then,
		"labels": r.Labels, "redact": r.Redact, "message": r.Message, "log": r.Log,
	})
	if err != nil {
		panic(err) // texts are always JSON
	}
	return hashOf(b)
}
