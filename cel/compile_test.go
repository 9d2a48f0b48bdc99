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
