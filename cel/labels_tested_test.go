package cel

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	celgo "cel.dev/cel-go/cel"
)

func TestCheckLabels(t *testing.T) {
	known := []string{"reads:private", "source:untrusted", "reads:hr"}
	env, err := celgo.NewEnv(append(library(),
		celgo.Variable("labels", celgo.ListType(celgo.StringType)),
		celgo.Variable("tags", celgo.ListType(celgo.StringType)),
		celgo.Variable("session", celgo.MapType(celgo.StringType, celgo.ListType(celgo.StringType))))...)
	if err != nil {
		t.Fatal(err)
	}
	const (
		form = " is no label: want key:value, each of lower-case letters, digits and dashes, beginning with a letter"
		hint = `unknown label "reads:privat": did you mean "reads:private"?`
	)
	for _, tc := range []struct {
		name, expression string
		want             []string
	}{
		{"known", `"reads:private" in labels && "reads:hr" in session.labels`, nil},
		{"in", `"reads:privat" in labels`, []string{"1:0 " + hint}},
		{"in the session", `true && !("reads:privat" in session.labels)`, []string{"1:10 " + hint}},
		{"no label", `"private" in labels`, []string{`1:0 "private"` + form}},
		{"far from all", `"a:b" in labels`, []string{`1:0 unknown label "a:b": a label of your own is declared by labels: [a:b] at the top of the policy`}},
		{"exists", `labels.exists(l, l == "reads:privat")`, []string{"1:22 " + hint}},
		{"exists, the other way round", `labels.exists(l, "reads:privat" == l)`, []string{"1:17 " + hint}},
		{"all but one", `session.labels.all(l, l != "reads:privat")`, []string{"1:27 " + hint}},
		{"exists in a list", `labels.exists(l, l in ["reads:hr", "reads:privat"])`, []string{"1:35 " + hint}},
		{"filter", `labels.filter(l, l == "reads:privat").size() > 0`, []string{"1:22 " + hint}},
		{"list in labels", `["reads:hr", "reads:privat"].exists(x, x in labels)`, []string{"1:13 " + hint}},
		{"lists in loops", `["reads:privat"].exists(x, labels.exists(l, l == x))`, []string{"1:1 " + hint}},
		{"sets.contains", `sets.contains(labels, ["reads:privat"])`, []string{"1:23 " + hint}},
		{"sets.intersects, the other way round", `sets.intersects(["reads:privat"], labels)`, []string{"1:17 " + hint}},
		{"hasAny", `labels.hasAny(["reads:hr", "reads:privat"])`, []string{"1:27 " + hint}},
		{"equal", `labels == ["reads:privat"]`, []string{"1:11 " + hint}},
		{"all in order", "\"reads:privat\" in labels ||\n  \"x\" in labels", []string{"1:0 " + hint, `2:2 "x"` + form}},
		{"other lists", `"x" in tags && tags.exists(t, t == "x") && sets.contains(tags, ["x"]) && "x" in session.calls`, nil},
		{"other comparisons", `labels.exists(l, l.startsWith("reads:")) && labels.size() == 3 && labels.join(",") == "x"`, nil},
		{"a variable of the name", `[["x"]].exists(labels, "x" in labels)`, nil},
		{"beside the loop", `labels.exists(l, true) && tags.exists(l, l == "x")`, nil},
		{"in and out of a loop", `tags.exists(labels, labels == "x") && "reads:privat" in labels`, []string{"1:38 " + hint}},
		{"a loop in a loop of the name", `labels.exists(l, tags.exists(l, l == "x") || l == "reads:privat")`, []string{"1:50 " + hint}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			checked, issues := env.Compile(tc.expression)
			if issues.Err() != nil {
				t.Fatal(issues.Err())
			}
			var got []string
			for _, p := range checkLabels(checked, known) {
				got = append(got, fmt.Sprintf("%d:%d %s", p.Line, p.Column, p.Message))
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
		})
	}
}

func TestUnknownLabelIsAProblem(t *testing.T) {
	const policy = "labels: [reads:hr]\nrules:\n" +
		"  - name: hr\n    on: [call, effect]\n    when: \"'reads:hr' in labels\"\n    then: deny\n" +
		"  - name: private\n    on: [call, effect]\n    when: \"'reads:privat' in session.labels\"\n    then: deny\n"
	_, err := Parse("policy.yaml", []byte(policy))
	const want = `policy.yaml:9:12: private: unknown label "reads:privat": did you mean "reads:private"?`
	if err == nil || err.Error() != want {
		t.Errorf("err = %v, want %s", err, want)
	}
}

// TestLabels: a policy knows the labels that it declares beside the well-known ones.
func TestLabels(t *testing.T) {
	p, err := Parse("p.yaml", []byte("labels: [reads:hr]\nrules: [{name: a, on: call, then: deny}]"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"flow:allowed", "reads:hr", "reads:private", "sink:external", "source:untrusted"}
	if got := p.Labels(); !slices.Equal(got, want) {
		t.Errorf("have %q, want %q", got, want)
	}
	for label, want := range map[string]string{
		"reads:hr": "", "reads:hrr": `unknown label "reads:hrr": did you mean "reads:hr"?`, "hr": `"hr" is no label`,
	} {
		if err := p.CheckLabel(label); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: have %v, want %q", label, err, want)
		}
	}
}
