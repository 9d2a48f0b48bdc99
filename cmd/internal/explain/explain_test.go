package explain

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mcpwasm/mcpwasm/cel"
)

// explanation has a rule of every outcome.
func explanation() cel.Explanation {
	return cel.Explanation{
		Decision: cel.Decision{Verdict: cel.Deny, Rule: "no-mail", Message: "Mail leaves only for example.com.", Log: "mail", Labels: []string{"sink:external"}},
		Rules: []cel.RuleTrace{
			{Rule: cel.Rule{Name: "works", Then: cel.Allow, Line: 2}, Matched: true},
			{
				Rule: cel.Rule{Name: "no-mail", Then: cel.Deny, When: `effect.kind == "http" && result.isError`, Line: 4}, Matched: true, Cost: 5,
				Steps: []cel.Step{
					{Expression: `effect.kind == "http" && result.isError`, Line: 5, Column: 9, Value: "true"},
					{Expression: `effect.kind == "http"`, Depth: 1, Line: 5, Column: 9, Value: "true"},
					{Expression: `effect.kind`, Depth: 2, Line: 5, Column: 9, Value: `"http"`},
					{Expression: "result.isError", Depth: 1, Line: 5, Column: 34, Value: "true", Untrusted: true},
				},
			},
			{
				Rule: cel.Rule{Name: "marks", Labels: []string{"sink:external"}, When: "false && labelled", Line: 7},
				Steps: []cel.Step{
					{Expression: "false &&\n  labelled", Line: 8, Column: 9, Value: "false"},
					{Expression: "labelled", Depth: 1, Line: 9, Column: 3, Skipped: true},
				},
			},
			{Rule: cel.Rule{Name: "breaks", Then: cel.Ask, When: "args.x > 1", Line: 10}, Err: errors.New("no such key: x")},
			{Rule: cel.Rule{Name: "other", Then: cel.Deny, Line: 13}, Skipped: `it names the server "mail"`},
		},
	}
}

func TestText(t *testing.T) {
	want := `deny by the rule no-mail
  to the caller: Mail leaves only for example.com.
  to the log: mail
  labels: sink:external

works: always matches: allow (p.yaml, line 2)

no-mail: matches: deny (p.yaml, line 4)
  effect.kind == "http" && result.isError  true
    effect.kind == "http"                  true
      effect.kind                          "http"
    result.isError                         true  (untrusted)

marks: does not match (p.yaml, line 7)
  false && labelled  false
    labelled         not needed

breaks: could not be decided, which denies (p.yaml, line 10)
  error: no such key: x

other: skipped, it names the server "mail" (p.yaml, line 13)
`
	if got := New("p.yaml", cel.PhaseEffect, explanation()).Text(); got != want {
		t.Errorf("have\n%s\nwant\n%s", got, want)
	}
}

// TestTextFits has no line of text that is wider than it may be, whatever stands in
// it.
func TestTextFits(t *testing.T) {
	long := strings.Repeat("ä word ", 60)
	e := cel.Explanation{
		Decision: cel.Decision{
			Verdict: cel.Ask, Rule: "r", Message: long, Asks: []cel.Question{{Rule: "r"}},
			Redactions: []cel.Redaction{{Rule: "all"}, {Rule: "some", Patterns: []*regexp.Regexp{regexp.MustCompile("sk-[a-z]+")}}},
		},
		Rules: []cel.RuleTrace{{Rule: cel.Rule{Name: "r", Then: cel.Ask, When: long}, Matched: true}},
	}
	for depth := range 80 {
		e.Rules[0].Steps = append(e.Rules[0].Steps, cel.Step{Expression: long, Depth: depth, Value: `"` + long + `"`, Untrusted: depth%2 == 0})
	}
	text := New("", cel.PhaseResult, e).Text()
	for line := range strings.Lines(text) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	for _, part := range []string{"asked by: r", "redacted by all: all text", "redacted by some: sk-[a-z]+", "the shipped policy, line 0", "…", "(untrusted)"} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in\n%s", part, text)
		}
	}
	if words := strings.Fields(long); strings.Count(text, "\n    "+words[0]+" ")+strings.Count(text, "\n    "+words[1]+" ") == 0 {
		t.Error("a long message is not broken between words")
	}
}

// TestNothingMatched says so.
func TestNothingMatched(t *testing.T) {
	got := New("p.yaml", cel.PhaseCall, cel.Explanation{Decision: cel.Decision{Verdict: cel.Deny, Message: "no rule allows it"}}).Text()
	if want := "deny: no rule matched\n  to the caller: no rule allows it\n"; got != want {
		t.Errorf("have %q, want %q", got, want)
	}
}

// TestJSON has every list there, empty or not, and the rule's own members beside
// what became of it.
func TestJSON(t *testing.T) {
	b, err := json.Marshal(New("p.yaml", cel.PhaseEffect, explanation()))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		`{"policy":"p.yaml","on":"effect","decision":{"verdict":"deny","rule":"no-mail"`,
		`"labels":["sink:external"]},"rules":[{"name":"works"`,
		`"then":"allow","line":2,"matched":true,"cost":0,"steps":[]}`,
		`{"expression":"result.isError","depth":1,"line":5,"column":34,"value":"true","untrusted":true}`,
		`"error":"no such key: x"`,
		`"skipped":"it names the server \"mail\""`,
	} {
		if !strings.Contains(string(b), part) {
			t.Errorf("no %s in\n%s", part, b)
		}
	}
}
