package cel

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// steps writes what was traced, a line each: depth, place, text and value, with ! for
// untrusted.
func writeSteps(steps []Step) string {
	var b strings.Builder
	for _, s := range steps {
		mark, value := "", s.Value
		if s.Untrusted {
			mark = "!"
		}
		if s.Skipped {
			value = "-"
		}
		fmt.Fprintf(&b, "%s%d:%d %s%s = %s\n", strings.Repeat(" ", s.Depth), s.Line, s.Column, mark, s.Expression, value)
	}
	return b.String()
}

func TestExplain(t *testing.T) {
	p := mustParse(t, `rules:
  - {name: all, on: [list, call], then: allow}
  - name: no
    on: call
    then: deny
    when: |
      args.path.startsWith("/tmp") ||
      args.n > 3 && !has(tool.hints.readOnly) && "x" in ["x", tool.name] ||
      args.n == 5
  - {name: loop, on: call, then: deny, when: 'args.list.exists(e, e > args.n)'}
  - {name: other, on: call, server: mail, then: deny}
  - {name: bad, on: call, then: allow, when: principal.claims.role == "x"}
  - {name: mark, on: call, labels: {reads: private}}
`)
	in := call()
	in.Args = json.RawMessage(`{"path":"/etc/passwd","n":5,"list":[1,2]}`)
	e := p.Explain(context.Background(), PhaseCall, in)
	var names []string
	for _, r := range e.Rules {
		names = append(names, r.Rule.Name)
	}
	if !slices.Equal(names, []string{"all", "no", "loop", "other", "bad", "mark"}) {
		t.Fatalf("rules: %v", names)
	}
	if e.Decision.Verdict != Deny || e.Decision.Rule != "no" || !slices.Equal(e.Decision.Labels, []string{"reads:private"}) {
		t.Errorf("decision: %+v", e.Decision)
	}
	if !e.Rules[0].Matched || !e.Rules[1].Matched || e.Rules[2].Matched || e.Rules[1].Cost == 0 {
		t.Errorf("matched: %+v", e.Rules)
	}
	if e.Rules[3].Skipped != "it is about another server" || e.Rules[3].Steps != nil {
		t.Errorf("other: %+v", e.Rules[3])
	}
	if e.Rules[4].Err == nil || !strings.Contains(e.Rules[4].Err.Error(), "policy.yaml:12") {
		t.Errorf("bad: %+v", e.Rules[4])
	}
	const want = `7:7 !args.path.startsWith("/tmp") || args.n > 3 && !has(tool.hints.readOnly) && "x" in ["x", tool.name] || args.n == 5 = true
 7:7 args.path.startsWith("/tmp") = false
  7:7 args.path = "/etc/passwd"
 8:7 !args.n > 3 && !has(tool.hints.readOnly) && "x" in ["x", tool.name] = true
  8:7 args.n > 3 = true
   8:7 args.n = 5
  8:21 !!has(tool.hints.readOnly) = true
   8:25 !has(tool.hints.readOnly) = false
  8:50 "x" in ["x", tool.name] = true
   8:57 ["x", tool.name] = ["x", "read"]
    8:63 tool.name = "read"
 9:7 args.n == 5 = -
  9:7 args.n = -
`
	if got := writeSteps(e.Rules[1].Steps); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got, want := writeSteps(e.Rules[2].Steps), "10:47 args.list.exists(e, e > args.n) = false\n 10:47 args.list = [1, 2]\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := writeSteps(e.Rules[4].Steps); !strings.Contains(got, "principal.claims.role = error: ") {
		t.Errorf("got\n%s", got)
	}
}

// Explain decides as Decide does, and says so of lists as well.
func TestExplainDecides(t *testing.T) {
	p := mustParse(t, rules(
		`{name: ask, on: call, when: args.n > 3, then: ask}`,
		`{name: mark, on: call, when: session.calls == 0, labels: {kind: a}}`,
		`{name: labelled, on: [list, call], when: '"kind:a" in labels', then: allow}`,
		`{name: no, on: call, server: files, tool: read, when: args.n == 7, then: deny}`,
		`{name: kv, on: effect, when: effect.kv.key == "k", then: allow}`,
		`{name: hide, on: result, when: result.isError, then: redact}`))
	for _, phase := range append(slices.Clone(Phases), "later") {
		for _, n := range []string{"1", "5", "7", "9223372036854775808"} {
			in := failingInput()
			in.Args = json.RawMessage(`{"n":` + n + `}`)
			want := p.Decide(context.Background(), phase, in)
			got := p.Explain(context.Background(), phase, in).Decision
			if fmt.Sprint(got.Err) != fmt.Sprint(want.Err) {
				t.Errorf("%s: errors %v and %v", phase, got.Err, want.Err)
			}
			got.Err, want.Err = nil, nil
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s, %s: got %+v, want %+v", phase, n, got, want)
			}
		}
	}
	list := p.Explain(context.Background(), PhaseList, call())
	if got := writeSteps(list.Rules[0].Steps); !strings.Contains(got, "args.n > 3 = unknown") {
		t.Errorf("got\n%s", got)
	}
}

func TestExplainCutsValues(t *testing.T) {
	p := mustParse(t, rules(`{name: r, on: call, when: args.s == "x", then: allow}`))
	in := call()
	in.Args, _ = json.Marshal(map[string]string{"s": strings.Repeat("é\x1b", 10_000)})
	steps := p.Explain(context.Background(), PhaseCall, in).Rules[0].Steps
	if v := steps[1].Value; len([]rune(v)) != maxValue+1 || strings.ContainsRune(v, 0x1b) {
		t.Errorf("got %q", v)
	}
}

func TestReference(t *testing.T) {
	text := Reference()
	if text != Reference() {
		t.Error("the reference is another each time")
	}
	for _, d := range declarations {
		if strings.Count(text, "| `"+d.path+"` |") != 1 {
			t.Errorf("%s does not stand once in the reference", d.path)
		}
		if d.doc == "" || len(d.phases) == 0 || d.typ != nil && d.get == nil && d.path != "args" && d.path != "labels" && d.path != "principal.claims" {
			t.Errorf("%s is incomplete", d.path)
		}
		if untrusted(d.path) != d.untrusted {
			t.Errorf("%s: untrusted", d.path)
		}
	}
	for _, want := range []string{"### Variables on list, call, effect, result", "### Variables on effect\n", "`string.glob(string) -> bool`", "*Untrusted.*"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing", want)
		}
	}
}

// The variables of the language are the fields of Input, no more and no less.
func TestDeclarationsAreInput(t *testing.T) {
	var want []string
	var walk func(prefix string, typ reflect.Type)
	walk = func(prefix string, typ reflect.Type) {
		for typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || typ.String() == "time.Time" {
			return
		}
		for i := range typ.NumField() {
			name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			if path := prefix + name; path != "tool.inputSchema" && name != "-" { // which types the arguments
				want = append(want, path)
				walk(path+".", typ.Field(i).Type)
			}
		}
	}
	walk("", reflect.TypeFor[Input]())
	var got []string
	for _, d := range declarations {
		got = append(got, d.path)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("declared\n%v\nand Input has\n%v", got, want)
	}
}
