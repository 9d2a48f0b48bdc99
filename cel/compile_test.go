package cel

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestParseConditions(t *testing.T) {
	for _, tt := range []struct {
		on, when string
		want     []string // "line:column: message", counted in the condition's line
	}{
		{"call", `tol.name == ""`, []string{`1: no variable "tol" on call: did you mean "tool"?`}},
		{"call", `tool.naem == ""`, []string{`5: tool has no field "naem": did you mean "name"?`}},
		{"call", `tool.hints.readonly`, []string{`11: tool.hints has no field "readonly": did you mean "readOnly"?`}},
		{"call", `has(tool.hints.destructiv)`, []string{`4: tool.hints has no field "destructiv": did you mean "destructive"?`}},
		{"call", `tool.?naem.orValue("") == ""`, []string{`5: tool has no field "naem": did you mean "name"?`}},
		{"call", `zzz == 1`, []string{`1: no variable "zzz" on call`}},
		{"call", `effect.kind == "http"`, []string{`1: effect does not exist on call, only on effect`}},
		{"list", `args.x == 1`, []string{`1: args does not exist on list, only on call, effect, result`}},
		{"list", `principal.client.name == ""`, []string{`10: principal.client does not exist on list, only on call, effect, result`}},
		{"[list, call]", `session.calls == 1`, []string{`1: session does not exist on list, only on call, effect, result`}},
		{"[call, effect]", `tol.name == effect.kind`, []string{
			`1: no variable "tol" on call: did you mean "tool"?`, `1: no variable "tol" on effect: did you mean "tool"?`,
			`13: effect does not exist on call, only on effect`}},
		{"call", `tool.name == 3`, []string{`11: "==" does not go with (string, int)`}},
		{"call", `tool.name + 3 == "x"`, []string{`11: "+" does not go with (string, int)`}},
		{"call", `"x" in tool`, []string{`5: whether a field is there is asked with has(object.name)`}},
		{"call", `tool["name"] == "x"`, []string{"5: fields are written object.name, or object.`na-me`, not object[\"name\"]"}},
		{"call", `tool{name: "x"} == tool`, []string{`5: tool is a variable; an expression cannot make another`}},
		{"call", `size(tool) == 1`, []string{`5: size does not take (object tool)`}},
		{"call", `(tool.name ? 1 : 2) == 1`, []string{`12: "? :" does not go with (string, int, int)`}},
		{"call", `globb("x")`, []string{`6: no function "globb": did you mean "glob"?`}},
		{"call", `tool.hints.readOnly.x`, []string{`20: a bool has no fields`}},
		{"call", `tool.name`, []string{`1: the condition must be true or false, and its type is string`}},
		{"call", `request.time`, []string{`1: the condition must be true or false, and its type is timestamp`}},
		{"call", `{tool.name: 1}.size() == 1`, []string{`2: a key of a map must be a literal: one that is computed could stand twice`}},
		{"call", `{"a": 1, "a": 2}.size() == 1`, []string{`10: this key stands twice`}},
		{"call", `tool.name ==`, []string{`13: syntax: mismatched input '<EOF>'`}},
		{"call", `tol.name == tool.naem`, []string{`1: no variable "tol" on call: did you mean "tool"?`, `17: tool has no field "naem": did you mean "name"?`}},
		{"call", `["x"].exists(tool, tool == "x")`, nil},
		{"call", `args.flag`, nil},
		{"[list, call, effect, result]", `server.grants.http.exists(g, g == "x") && principal.subject == ""`, nil},
	} {
		t.Run(tt.on+" "+tt.when, func(t *testing.T) {
			prefix := "    when: '"
			_, err := Parse("p.yaml", fmt.Appendf(nil, "rules:\n  - name: r\n    on: %s\n    then: deny\n%s%s'\n", tt.on, prefix, tt.when))
			var problems Problems
			errors.As(err, &problems)
			var got []string
			for _, p := range problems {
				if p.File != "p.yaml" || p.Line != 5 || p.Rule != "r" || p.Severity != SeverityError {
					t.Errorf("problem %+v", p)
				}
				got = append(got, fmt.Sprintf("%d: %s", p.Column-len(prefix), p.Message))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

// All problems of all rules come at once, in the order of the lines, with those of the file.
func TestParseSaysEverything(t *testing.T) {
	_, err := Parse("p.yaml", []byte(rules(
		`{name: a, on: call, when: tol.name == "", then: deny}`,
		`{name: b, on: call, then: dney}`,
		`{name: c, on: call, when: '"kind:a" in labels', labels: {kind: b}}`,
		`{name: d, on: list, when: args.x == "", then: deny}`)))
	want := []string{
		`p.yaml:3:31: a: no variable "tol" on call: did you mean "tool"?`,
		`p.yaml:4:25: b: then: unknown verdict "dney": did you mean "deny"?`,
		`p.yaml:5:32: c: a rule with labels cannot read labels: rules that label are decided before the others`,
		`p.yaml:6:31: d: args does not exist on list, only on call, effect, result`,
	}
	if err == nil || err.Error() != strings.Join(want, "\n") {
		t.Errorf("got\n%v\nwant\n%s", err, strings.Join(want, "\n"))
	}
}

func TestPathsOf(t *testing.T) {
	for when, want := range map[string][]string{
		`effect.http.host == "x" && has(tool.hints.readOnly)`:                        {"effect.http.host", "tool.hints.readOnly"},
		`principal.claims.role == principal.claims["x"]`:                             {"principal.claims", "principal.claims.role"},
		`principal.?claims.?role.orValue("") == ""`:                                  {"principal.claims.role"},
		`tool.tags.exists(server, server == labels[0])`:                              {"labels", "tool.tags"},
		`cel.bind(tool, server.name, tool == "x") && tool.name == ""`:                {"server.name", "tool.name"},
		`[server.name].size() == {"a": tool.name}.size() ? effect.kind == "" : true`: {"effect.kind", "server.name", "tool.name"},
	} {
		p := mustParse(t, rules("{name: r, on: effect, then: deny, when: '"+when+"'}"))
		if got := p.rules[0].conditions[slices.Index(Phases, PhaseEffect)].paths; !slices.Equal(got, want) {
			t.Errorf("%s: got %v", when, got)
		}
	}
}

func TestPolicyIsDescribed(t *testing.T) {
	text := rules(`{name: a, on: call, when: tool.name == "x", then: deny}`, `{name: b, on: list, then: allow}`)
	p := mustParse(t, text)
	rs := p.Rules()
	if len(rs) != 2 || rs[0].Name != "a" || rs[0].When != `tool.name == "x"` || rs[1].Line != 4 {
		t.Errorf("rules: %+v", rs)
	}
	if p.Hash() != mustParse(t, text).Hash() || p.Hash() == mustParse(t, text+"\n").Hash() {
		t.Error("the hash is not that of the text")
	}
}

// All that is wrong with a rule is told at once, whatever part of it is.
func TestParseTellsAll(t *testing.T) {
	const expression = `no variable "tol" on call: did you mean "tool"?`
	tests := []struct {
		name, rule string
		want       []string
	}{
		{"an unknown key", `{name: a, on: call, wen: x, when: tol.name == "", then: dny, message: ""}`,
			[]string{`unknown key "wen"`, expression, `unknown verdict "dny"`, "the text is empty"}},
		{"an unknown verdict", `{name: a, on: call, when: tol.name == "", then: alow, redact: "("}`, []string{expression, `unknown verdict "alow"`, "is no regular expression"}},
		{"a phase beside another", `{name: a, on: [call, resul], when: tool.naem == "", then: deny}`, []string{`unknown phase "resul"`, `tool has no field "naem"`}},
		{"a phase that none is near", `{name: a, on: 7, when: effect.kid == "", then: deny}`, []string{`unknown phase "7"`, `effect`}},
		{"a phase alone", `{name: a, on: resul, when: result.siz > 1, then: deny}`, []string{`unknown phase "resul"`, `result has no field "siz": did you mean "size"?`}},
		{"a phase alone, of which the rest is right", `{name: a, on: resul, when: result.size > 1, then: deny}`, []string{`unknown phase "resul"`}},
		{"no phase", `{name: a, when: tol.name == "", then: deny}`, []string{"on is missing", `no variable "tol"`}},
		{"a label and a verdict", `{name: a, on: call, labels: {source: untrustd}, then: alow}`, []string{`unknown label "source:untrustd"`, `unknown verdict "alow"`}},
		{"a key for the verdict", `{name: a, on: result, thn: redact, redact: "("}`, []string{`unknown key "thn"`, "is no regular expression"}},
		{"an empty condition", `{name: a, on: call, when: " ", then: deny}`, []string{"the condition is empty: write one; a rule without when always applies"}},
		{"a tag", `{name: a, on: call, when: !tool.hints.readOnly , then: deny}`, []string{"when: begins with !, which is a tag in YAML and not a part of the value: put the value in quotes"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("policy.yaml", []byte(rules(tt.rule)))
			problems, _ := errors.AsType[Problems](err)
			if len(problems) != len(tt.want) {
				t.Fatalf("problems\n%v\nwant %d", err, len(tt.want))
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("problems\n%v\nwant %s", err, want)
				}
			}
		})
	}
}

// What other languages have is explained, in one problem.
func TestForeignExpressions(t *testing.T) {
	const words = "CEL writes && for and, || for or, ! for not, == for is"
	tests := []struct{ when, want string }{
		{`tool.name == "a" and server.name == "b"`, words},
		{`tool.name == "a" OR server.name == "b"`, words},
		{`not tool.hints.readOnly`, words},
		{`tool.name == "a" && not (tool.name == "b")`, `no function "not": ` + words},
		{`tool.name = "a"`, words},
		{`tool.name == "a" & server.name == "b"`, words},
		{`tool.name not in ["a"]`, words},
		{`now() > request.time`, `no function "now": the time is request.time`},
		{`request.time > now`, `no variable "now" on call: the time is request.time`},
		{`tool.name == "a" #b"`, "what follows # is a comment in YAML: put the whole expression in quotes, '…', or below when: >-"},
	}
	for _, tt := range tests {
		t.Run(tt.when, func(t *testing.T) {
			text := "rules:\n  - name: a\n    on: call\n    then: deny\n    when: " + tt.when + "\n"
			if strings.Contains(tt.want, "comment") {
				text = strings.Replace(text, `"a" #`, `"a #`, 1)
			}
			_, err := Parse("policy.yaml", []byte(text))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("problems\n%v\nwant %s", err, tt.want)
			}
			if strings.Contains(tt.want, words) && strings.Contains(err.Error(), "\n") {
				t.Errorf("problems\n%v\nwant one", err)
			}
		})
	}
	_, err := Parse("policy.yaml", []byte(rules(`{name: a, on: call, when: 'tool.name == ("and"', then: deny}`)))
	if err == nil || strings.Contains(err.Error(), "CEL writes") {
		t.Errorf("a word in a text is explained: %v", err)
	}
}
