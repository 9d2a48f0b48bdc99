package cel

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/mcpwasm/mcpwasm/internal/yamlfile"
)

// Bounds of a table of cases.
const (
	maxCases    = 10_000
	maxCaseName = 200 // characters
)

// casesFile is a table as it is written.
type casesFile struct {
	Cases []caseEntry `yaml:"cases"`
}

type caseEntry struct {
	Name  string    `yaml:"name"`
	On    string    `yaml:"on"`
	Given Input     `yaml:"given"`
	Want  wantEntry `yaml:"want"`
}

type wantEntry struct {
	Verdict string   `yaml:"verdict"`
	Rule    *string  `yaml:"rule"`
	Message string   `yaml:"message"`
	Error   string   `yaml:"error"`
	Labels  []string `yaml:"labels"`
	Text    *string  `yaml:"text"`
}

var _ yamlfile.WordUnmarshaler = (*wantEntry)(nil)

// UnmarshalWord takes the verdict alone.
func (w *wantEntry) UnmarshalWord(word string) error {
	w.Verdict = word
	return nil
}

// ParseCases reads a table of cases of at most 1 MiB, in YAML:
//
//	cases:
//	  - name: other hosts
//	    on: effect
//	    given: {server: {name: fetch}, effect: {kind: http, http: {host: example.net}}}
//	    want: deny # or {verdict: deny, rule: …, message: …, error: …, labels: […], text: …}
//
// given is as in [ParseInput]. file names the table in messages. The error is a
// [Problems].
func ParseCases(file string, data []byte) ([]Case, error) {
	r := caseReader{inputReader{yamlfile.New(file)}, map[string]int{}}
	var doc casesFile
	if len(data) > maxSource {
		r.Problem(yamlfile.Position{}, "", "larger than %d bytes", maxSource)
	} else {
		r.Decode(data, &doc, "the file is empty: it needs cases")
	}
	var cases []Case
	if len(r.Problems) < yamlfile.MaxProblems { // else not all was read
		cases = r.cases(doc.Cases)
	}
	if len(r.Problems) > 0 {
		return nil, r.problems(doc.Cases)
	}
	return cases, nil
}

// caseReader checks the cases that were decoded.
type caseReader struct {
	inputReader
	names map[string]int // the lines of the cases so far
}

// caseIndex finds the case in the path of a problem.
var caseIndex = regexp.MustCompile(`^cases\[(\d+)\]\.?`)

func (r *caseReader) problems(entries []caseEntry) Problems {
	r.Sort()
	found := r.Problems[:min(len(r.Problems), yamlfile.MaxProblems)]
	return problemsOf(found, caseIndex, func(i int) string {
		if i < len(entries) && caseNameProblem(entries[i].Name) == "" {
			return entries[i].Name
		}
		return ""
	})
}

func (r *caseReader) cases(entries []caseEntry) []Case {
	switch {
	case len(entries) == 0 && len(r.Problems) == 0:
		r.At("cases", "there are no cases: add one, such as {name: a call, on: call, given: {server: {name: x}}, want: deny}")
	case len(entries) > maxCases:
		r.At("cases", "more than %d cases", maxCases)
		return nil
	}
	var cases []Case
	for i := range entries {
		if len(r.Problems) > yamlfile.MaxProblems {
			break
		}
		cases = append(cases, r.one(fmt.Sprintf("cases[%d]", i), &entries[i]))
	}
	return cases
}

func (r *caseReader) one(at string, e *caseEntry) Case {
	c := Case{Name: e.Name, On: Phase(e.On), Given: e.Given, Line: r.Positions[at].Line}
	if r.HasProblemIn(at) {
		return c // what is missing may only be mistyped
	}
	line, taken := r.names[e.Name]
	switch problem := caseNameProblem(e.Name); {
	case !r.Given(at + ".name"):
		r.At(at, "name is missing: it says which case fails")
	case problem != "":
		r.At(at+".name", "%s", problem)
	case taken:
		r.At(at+".name", "%s is the name of the case on line %d already", quoted(e.Name), line)
	default:
		r.names[e.Name] = c.Line
	}
	switch {
	case !r.Given(at + ".on"):
		r.At(at, "on is missing: say in which phase it is decided: %s", joined(Phases))
	case !slices.Contains(Phases, c.On):
		r.At(at+".on", "unknown phase %s%s", quoted(e.On), choice(e.On, Phases))
	default:
		r.input(c.On, at+".given", &c.Given)
	}
	c.Want = r.want(at, c.On, &e.Want)
	return c
}

func caseNameProblem(name string) string {
	switch {
	case strings.TrimSpace(name) == "":
		return "the name is empty"
	case utf8.RuneCountInString(name) > maxCaseName:
		return fmt.Sprintf("the name has more than %d characters", maxCaseName)
	case strings.ContainsFunc(name, hidden):
		return "the name has characters that cannot be seen"
	}
	return ""
}

func (r *caseReader) want(at string, phase Phase, e *wantEntry) Want {
	path := at + ".want"
	if !r.Given(path) {
		r.At(at, "want is missing: %s", joined(verdicts))
		return Want{}
	}
	w := Want{Verdict: Verdict(e.Verdict), Rule: e.Rule, Message: e.Message, Error: e.Error, Labels: e.Labels, Text: e.Text}
	verdict := path
	if r.Given(path + ".verdict") {
		verdict += ".verdict"
	}
	switch {
	case e.Verdict == "":
		r.At(verdict, "the verdict is missing: %s", joined(verdicts))
	case !slices.Contains(verdicts, w.Verdict):
		r.At(verdict, "unknown verdict %s%s", quoted(e.Verdict), choice(e.Verdict, verdicts))
	case w.Verdict == Redact && phase != PhaseResult:
		r.At(verdict, "there is something to redact on result only")
	case w.Error != "" && w.Verdict != Deny:
		r.At(path+".error", "what cannot be decided is denied, and never %s", w.Verdict)
	}
	if e.Text != nil && phase != PhaseResult {
		r.At(path+".text", "there is a text on result only")
	}
	r.labels(path+".labels", e.Labels)
	return w
}
