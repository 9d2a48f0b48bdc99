package cel

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

const fullSource = `# all there is
labels: [reads:hr, team:blue]
rules:
  - name: one-host
    on: [result, call]
    server: fetch
    tool: [get, head]
    when: |
      tool.name == "get" ||
        tool.name == "head"
    then: deny
    message: >-
      Not
      this one.
    log: why
  - name: label
    on: result
    labels: {source: untrusted, reads: [private, hr]}
  - {name: keys, on: result, then: redact, redact: ['sk-[a-z0-9]+', "x+"]}
`

func TestParseSource(t *testing.T) {
	src, problems := parseSource("p.yaml", []byte(fullSource))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if want := []string{"flow:allowed", "reads:hr", "reads:private", "sink:external", "source:untrusted", "team:blue"}; !slices.Equal(src.labels, want) {
		t.Errorf("labels %q", src.labels)
	}
	want := []Rule{
		{
			Name: "one-host", On: []Phase{PhaseCall, PhaseResult}, Servers: []string{"fetch"}, Tools: []string{"get", "head"},
			When: "tool.name == \"get\" ||\n  tool.name == \"head\"\n", Then: Deny, Message: "Not this one.", Log: "why", Line: 4,
		},
		{Name: "label", On: []Phase{PhaseResult}, Labels: []string{"reads:hr", "reads:private", "source:untrusted"}, Line: 16},
		{Name: "keys", On: []Phase{PhaseResult}, Then: Redact, Redact: []string{"sk-[a-z0-9]+", "x+"}, Line: 19},
	}
	for i := range src.rules {
		if got := src.rules[i].Rule; !reflect.DeepEqual(got, want[i]) {
			t.Errorf("rule\n%+v\nwant\n%+v", got, want[i])
		}
	}
	if got := src.rules[2].redact; len(got) != 2 || got[0].String() != "sk-[a-z0-9]+" {
		t.Errorf("patterns %v", got)
	}
	if line, column := src.rules[0].position(2, 3); line != 10 || column != 9 {
		t.Errorf("the second line of the condition is at %d:%d", line, column)
	}
}

func TestParseSourceRefuses(t *testing.T) {
	long := strings.Repeat("x", 1001)
	tests := []struct{ name, rule, want string }{
		{"no name", "{on: call, then: allow}", "p.yaml:2:5: rules[0]: name is missing"},
		{"empty name", "{name: '', on: call, then: allow}", `rules[0].name: "": a rule's name has`},
		{"bad name", "{name: A, on: call, then: allow}", `rules[0].name: "A": a rule's name has`},
		{"long name", "{name: " + strings.Repeat("a", 65) + ", on: call, then: allow}", "a rule's name has"},
		{"list for a name", "{name: [a], on: call, then: allow}", "rules[0].name: want text, have a list"},
		{"no phase", "{name: a, then: allow}", "p.yaml:2:5: a: on is missing: say when the rule counts: list, call, effect or result"},
		{"empty phases", "{name: a, on: [], then: allow}", "a: on: the list is empty"},
		{"unknown phase", "{name: a, on: [call, resul], then: allow}", `a: on[1]: unknown phase "resul": did you mean "result"?`},
		{"strange phase", "{name: a, on: 7, then: allow}", `a: on: unknown phase "7": want list, call, effect or result`},
		{"phase twice", "{name: a, on: [call, call], then: allow}", "a: on[1]: call stands twice"},
		{"tool without server", "{name: a, on: call, tool: x, then: allow}", "a: tool: a tool without a server"},
		{"no server", "{name: a, on: call, server: [], then: allow}", "a: server: no name: leave it out for any"},
		{"empty server", "{name: a, on: call, server: '', then: allow}", "a: server: the name is empty"},
		{"server twice", "{name: a, on: call, server: [x, x], then: allow}", `a: server[1]: "x" stands twice`},
		{"hidden in a tool", `{name: a, on: call, server: x, tool: "y\u202e", then: allow}`, `a: tool: "y\u202e" has characters that cannot be seen`},
		{"long server", "{name: a, on: call, server: " + long + ", then: allow}", "a: server: the name is longer than 256 bytes"},
		{"empty condition", "{name: a, on: call, when: ' ', then: allow}", "a: when: the condition is empty: write one; a rule without when always applies"},
		{"long condition", "{name: a, on: call, when: '" + strings.Repeat("x", maxWhen+1) + "', then: allow}", "a: when: the condition has more than 10000 characters"},
		{"no verdict", "{name: a, on: call}", "a: then is missing: say what follows: allow, deny, ask or redact, or add labels"},
		{"unknown verdict", "{name: a, on: call, then: dney}", `a: then: unknown verdict "dney": did you mean "deny"?`},
		{"redact a call", "{name: a, on: [call, result], then: redact}", "a: then: there is something to redact on result only"},
		{"ask in a list", "{name: a, on: [list, call], then: ask}", "a: then: people can be asked on call and effect only"},
		{"no label", "{name: a, on: call, labels: {}}", "a: labels: no label: add one"},
		{"no value", "{name: a, on: call, labels: {source: []}}", "a: labels.source: no value"},
		{"unknown label", "{name: a, on: call, labels: {source: untrustd}}", `a: labels.source: unknown label "source:untrustd": did you mean "source:untrusted"?`},
		{"undeclared label", "{name: a, on: call, labels: {weather: rainy}}", `unknown label "weather:rainy": a label of your own is declared by labels: [weather:rainy]`},
		{"form of a label", "{name: a, on: call, labels: {Source: X}}", `"Source:X" is no label`},
		{"label twice", "{name: a, on: call, labels: {source: [untrusted, untrusted]}}", "a: labels.source[1]: source:untrusted stands twice"},
		{"patterns without redact", "{name: a, on: result, then: allow, redact: x}", "a: redact: only a rule with then: redact takes something out"},
		{"no pattern", "{name: a, on: result, then: redact, redact: []}", "a: redact: no pattern: leave redact out for the whole text"},
		{"bad pattern", "{name: a, on: result, then: redact, redact: ['(']}", `a: redact[0]: "(" is no regular expression (RE2): missing closing )`},
		{"pattern of another kind", `{name: a, on: result, then: redact, redact: '(?=x)'}`, "is no regular expression (RE2)"},
		{"pattern that matches nothing", "{name: a, on: result, then: redact, redact: 'x*'}", `a: redact: "x*" matches the empty text`},
		{"long pattern", "{name: a, on: result, then: redact, redact: " + long + "}", "a: redact: the pattern is longer than 1000 bytes"},
		{"expensive pattern", `{name: a, on: result, then: redact, redact: '((a|b){30}[^c]{40}){20}'}`, "is too expensive: make its repetitions shorter"},
		{"long message", "{name: a, on: call, then: deny, message: " + long + "}", "a: message: longer than 500 characters"},
		{"hidden in a log", `{name: a, on: call, then: deny, log: "x\ty"}`, "a: log: has characters that cannot be seen"},
		{"empty message", `{name: a, on: call, then: deny, message: ""}`, "a: message: the text is empty: leave it out"},
		{"unknown key", "{name: a, on: call, wen: x, then: deny}", `p.yaml:2:25: a: unknown key "wen": did you mean "when"?`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			src, problems := parseSource("p.yaml", []byte("rules:\n  - "+tt.rule+"\n"))
			if len(problems) != 1 || !strings.Contains(problems[0].String(), tt.want) {
				t.Errorf("problems\n%v\nwant one with\n%s", problems, tt.want)
			}
			if len(src.rules) != 0 {
				t.Error("the rule is used")
			}
		})
	}
}

func TestParseSourceRefusesFiles(t *testing.T) {
	rule := "rules:\n  - {name: a, on: call, then: allow}\n"
	tests := []struct{ name, text, want string }{
		{"empty", "", "p.yaml: the file is empty: it needs rules"},
		{"no rules", "labels: [reads:hr]\n", "rules: there are no rules, and everything would be denied"},
		{"empty rules", "rules: []\n", "p.yaml:1:1: rules: there are no rules"},
		{"two documents", rule + "---\n" + rule, "a second document"},
		{"too large", rule + strings.Repeat("#\n", maxSource/2), "larger than 1048576 bytes"},
		{"name twice", rule + "  - {name: a, on: call, then: deny}\n", `p.yaml:3:6: a: name: "a" is the name of the rule on line 2 already`},
		{"form of a label", "labels: [hr]\n" + rule, `p.yaml:1:10: labels[0]: "hr" is no label: want key:value`},
		{"well-known label", "labels: [reads:private]\n" + rule, "reads:private is known without a declaration: leave it out"},
		{"label twice", "labels: [a:b, a:b]\n" + rule, "p.yaml:1:15: labels[1]: a:b stands twice"},
		{"too many rules", "rules:\n" + strings.Repeat("  - {}\n", maxRules+1), "more than 2000 rules"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, problems := parseSource("p.yaml", []byte(tt.text))
			if !strings.Contains(problems.Error(), tt.want) {
				t.Errorf("problems\n%v\nwant one with\n%s", problems, tt.want)
			}
		})
	}
}

// TestParseSourceKeepsTheRest has the rules without a problem, whose expressions can be
// looked at as well.
func TestParseSourceKeepsTheRest(t *testing.T) {
	src, problems := parseSource("p.yaml", []byte("rules:\n  - {name: a, on: cal, then: allow}\n  - {name: b, on: call, then: allow}\n  - {nam: c, on: call, then: allow}\n"))
	if len(problems) != 2 || len(src.rules) != 1 || src.rules[0].Name != "b" {
		t.Errorf("problems\n%v\nrules %+v", problems, src.rules)
	}
}

// TestParseSourceIsBounded reads a file of nothing but problems.
func TestParseSourceIsBounded(t *testing.T) {
	_, problems := parseSource("p.yaml", []byte("rules:\n"+strings.Repeat("  - {name: x, on: y, then: z}\n", 1000)))
	if len(problems) != 20 {
		t.Errorf("%d problems", len(problems))
	}
}

// TestQuestionHash holds answers to what was asked: what a rule says changes the hash,
// and where it stands does not.
func TestQuestionHash(t *testing.T) {
	hash := func(before, rule string) string {
		t.Helper()
		src, problems := parseSource("p.yaml", []byte("labels: [a:b]\nrules:\n"+before+"  - {"+rule+"}\n"))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		return src.rules[len(src.rules)-1].hash
	}
	const rule = "name: a, on: [call, effect], server: [x, y], when: 'true', then: ask"
	base := hash("", rule)
	for name, same := range map[string]string{
		"moved":     hash("  - {name: first, on: call, then: deny}\n", rule),
		"reordered": hash("", "then: ask, server: [y, x], when: \"true\", on: [effect, call], name: a"),
	} {
		if same != base {
			t.Errorf("%s: another hash", name)
		}
	}
	seen := map[string]string{base: rule}
	for _, other := range []string{
		strings.Replace(rule, "name: a", "name: b", 1), strings.Replace(rule, ", effect", "", 1), strings.Replace(rule, ", y", "", 1),
		strings.Replace(rule, "true", "!false", 1), rule + ", message: Really?", rule + ", log: x", rule + ", labels: {a: b}",
		strings.Replace(rule, "server: [x, y]", "server: x, tool: y", 1), strings.Replace(rule, "ask", "deny", 1),
	} {
		h := hash("", other)
		if same, ok := seen[h]; ok {
			t.Errorf("%s\nhas the hash of\n%s", other, same)
		}
		seen[h] = other
	}
}

func FuzzParseSource(f *testing.F) {
	f.Add([]byte(fullSource))
	f.Add([]byte("rules: [{name: a, on: call, then: ask, when: \"\\\n x\"}]"))
	f.Add([]byte("rules: [{labels: {a: [b]}, redact: '(a{500}){2}', message: ~}]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		src, problems := parseSource("p.yaml", b)
		for _, p := range problems {
			if strings.ContainsAny(p.String(), "\r\n") || p.Severity != SeverityError {
				t.Errorf("problem %q", p)
			}
		}
		if len(problems) == 0 && len(src.rules) == 0 {
			t.Error("neither rules nor a problem")
		}
		for i := range src.rules {
			r := &src.rules[i]
			if !formRule.MatchString(r.Name) || len(r.On) == 0 || r.Then == "" && len(r.Labels) == 0 || len(r.redact) != len(r.Redact) {
				t.Errorf("rule %+v", r.Rule)
			}
			if line, column := r.position(1, 1); r.When != "" && (line < 1 || column < 1) {
				t.Errorf("position %d:%d", line, column)
			}
		}
	})
}
