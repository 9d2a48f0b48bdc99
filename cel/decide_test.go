package cel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	celgo "cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// rules is a policy of rules in YAML's flow style, one a line.
func rules(lines ...string) string {
	return "labels: [kind:a, kind:b]\nrules:\n  - " + strings.Join(lines, "\n  - ") + "\n"
}

func call() *Input {
	return &Input{
		Server: &Server{Name: "files"}, Tool: &Tool{Name: "read"},
		Args: json.RawMessage(`{"path":"/etc/passwd","n":5}`),
	}
}

func TestDecide(t *testing.T) {
	allow := "{name: all, on: [list, call, effect, result], then: allow}"
	for _, tt := range []struct {
		name    string
		rules   []string
		phase   Phase
		in      func(*Input)
		want    Verdict
		rule    string
		message string
		labels  []string
	}{
		{name: "nothing matches", rules: []string{`{name: a, on: call, when: "false", then: allow}`},
			want: Deny, message: "no rule allows it"},
		{name: "another phase", rules: []string{`{name: a, on: effect, then: allow}`},
			want: Deny, message: "no rule allows it"},
		{name: "deny wins over ask and allow", rules: []string{allow, `{name: q, on: call, then: ask}`, `{name: no, on: call, then: deny}`},
			want: Deny, rule: "no", message: "it is not allowed"},
		{name: "the first denial is named", rules: []string{`{name: a, on: call, then: deny}`, `{name: b, on: call, then: deny}`},
			want: Deny, rule: "a", message: "it is not allowed"},
		{name: "the first denial is named before one that labels", rules: []string{`{name: a, on: call, then: deny}`, `{name: b, on: call, then: deny, labels: {kind: a}}`},
			want: Deny, rule: "a", message: "it is not allowed", labels: []string{"kind:a"}},
		{name: "ask wins over allow", rules: []string{allow, `{name: q, on: call, then: ask, message: Sure?}`},
			want: Ask, rule: "q", message: "Sure?"},
		{name: "ask without a message", rules: []string{`{name: q, on: call, then: ask}`},
			want: Ask, rule: "q", message: "it must be confirmed"},
		{name: "message and condition", rules: []string{allow, `{name: no, on: call, when: args.path.startsWith("/etc"), then: deny, message: Not there.}`},
			want: Deny, rule: "no", message: "Not there."},
		{name: "another server", rules: []string{allow, `{name: no, on: call, server: mail, then: deny}`}, want: Allow, rule: "all"},
		{name: "this server", rules: []string{allow, `{name: no, on: call, server: [mail, files], then: deny}`},
			want: Deny, rule: "no", message: "it is not allowed"},
		{name: "another tool", rules: []string{allow, `{name: no, on: call, server: files, tool: write, then: deny}`}, want: Allow, rule: "all"},
		{name: "this tool", rules: []string{allow, `{name: no, on: call, server: files, tool: [write, read], then: deny}`},
			want: Deny, rule: "no", message: "it is not allowed"},
		{name: "no tool", rules: []string{allow, `{name: no, on: call, server: files, tool: read, then: deny}`},
			in: func(in *Input) { in.Tool = nil }, want: Allow, rule: "all"},
		{name: "no server", rules: []string{allow, `{name: no, on: call, when: server.name == "", then: deny}`},
			in: func(in *Input) { in.Server = nil }, want: Deny, rule: "no", message: "it is not allowed"},
		{name: "labels are added before they are read", rules: []string{allow,
			`{name: no, on: call, when: '"kind:a" in labels', then: deny}`, `{name: mark, on: call, when: args.n == 5, labels: {kind: a}}`},
			want: Deny, rule: "no", message: "it is not allowed", labels: []string{"kind:a"}},
		{name: "labels are sorted and each once", rules: []string{allow, `{name: mark, on: call, labels: {kind: [b, a]}}`},
			in: func(in *Input) { in.Labels = []string{"sink:external", "kind:a"} }, want: Allow, rule: "all",
			labels: []string{"kind:a", "kind:b", "sink:external"}},
		{name: "a rule with labels can allow", rules: []string{`{name: mark, on: call, then: allow, labels: {kind: a}}`},
			want: Allow, rule: "mark", labels: []string{"kind:a"}},
		{name: "a denial of lists denies calls", rules: []string{allow, `{name: hidden, on: list, when: tool.name == "read", then: deny}`},
			want: Deny, rule: "hidden", message: "it is not allowed"},
		{name: "a list allows no call", rules: []string{`{name: shown, on: list, then: allow}`},
			want: Deny, message: "no rule allows it"},
		{name: "a label of lists counts in calls", rules: []string{allow, `{name: mark, on: list, labels: {kind: a}}`},
			want: Allow, rule: "all", labels: []string{"kind:a"}},
		{name: "effect", phase: PhaseEffect, rules: []string{`{name: web, on: effect, when: effect.kind == "http" && effect.http.host == "example.com" && effect.http.port == 443, then: allow}`},
			in:   func(in *Input) { in.Effect = &Effect{Kind: EffectHTTP, HTTP: &HTTP{Host: "example.com", Port: 443}} },
			want: Allow, rule: "web"},
		{name: "redact", phase: PhaseResult, rules: []string{`{name: hide, on: result, then: redact, redact: [secret]}`, allow},
			in: func(in *Input) { in.Result = &Result{Text: "a secret"} }, want: Redact, rule: "hide"},
		{name: "content that is made when it is read", phase: PhaseResult, rules: []string{`{name: ok, on: result, when: 'result.text == "x" && result.types == ["text"]', then: allow}`},
			in: func(in *Input) {
				in.Result = &Result{Content: func() ([]string, string) { return []string{"text"}, "x" }}
			}, want: Allow, rule: "ok"},
		{name: "hints have defaults", rules: []string{allow, `{name: no, on: call, when: 'tool.hints.destructive && tool.hints.openWorld && !tool.hints.readOnly && !tool.hints.idempotent && !has(tool.hints.destructive)', then: deny}`},
			want: Deny, rule: "no", message: "it is not allowed"},
		{name: "optional fields", rules: []string{allow, `{name: no, on: call, when: 'principal.claims.?role.orValue("none") == "none"', then: deny}`},
			want: Deny, rule: "no", message: "it is not allowed"},
		{name: "an error that the other side makes up for", rules: []string{allow, `{name: no, on: call, when: principal.claims.role == "x" || args.n == 5, then: deny, message: Both.}`},
			want: Deny, rule: "no", message: "Both."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in, phase := call(), tt.phase
			if phase == "" {
				phase = PhaseCall
			}
			if tt.in != nil {
				tt.in(in)
			}
			d := mustParse(t, rules(tt.rules...)).Decide(context.Background(), phase, in)
			if d.Err != nil || d.Verdict != tt.want || d.Rule != tt.rule || d.Message != tt.message || !slices.Equal(d.Labels, tt.labels) {
				t.Errorf("got %+v", d)
			}
		})
	}
}

func TestDecideCollects(t *testing.T) {
	p := mustParse(t, rules(
		`{name: q1, on: call, then: ask, message: One?}`,
		`{name: q2, on: call, then: ask, labels: {kind: a}}`,
		`{name: r1, on: result, then: redact}`,
		`{name: ok, on: result, then: allow}`,
		`{name: r2, on: result, then: redact, redact: ['[0-9]+']}`))
	d := p.Decide(context.Background(), PhaseCall, call())
	if len(d.Asks) != 2 || d.Asks[0].Rule != "q1" || d.Asks[0].Message != "One?" || d.Asks[1].Rule != "q2" || d.Asks[0].Hash == d.Asks[1].Hash {
		t.Errorf("questions: %+v", d.Asks)
	}
	in := call()
	in.Result = &Result{Kind: ResultAnswer, Text: "x"}
	d = p.Decide(context.Background(), PhaseResult, in)
	if d.Verdict != Redact || len(d.Redactions) != 2 || d.Redactions[0].Apply("a1") != "[redacted]" || d.Redactions[1].Apply("a1") != "a[redacted]" {
		t.Errorf("redactions: %+v", d)
	}
}

func TestDecideUnknownPhase(t *testing.T) {
	p := mustParse(t, rules(`{name: a, on: call, then: allow}`))
	if d := p.Decide(context.Background(), "later", call()); d.Verdict != Deny || d.Err == nil {
		t.Errorf("got %+v", d)
	}
}

// failures are conditions that cannot be decided, in every phase.
var failures = []struct{ name, when string }{
	{"missing field", `principal.claims.missing == "x"`},
	{"wrong type", `principal.claims.number.startsWith("x")`},
	{"neither true nor false", `principal.claims.number`},
	{"division by zero", `1 / size(principal.claims.empty) == 1`},
	{"overflow", `9223372036854775807 + size(tool.tags) > 0`},
	{"bad regular expression", `"x".matches(principal.claims.pattern)`},
	{"index out of range", `tool.tags[500000] == "x"`},
	{"big number", `principal.claims.big > 1`},
	{"inexact number", `principal.claims.inexact > 1.0`},
	{"big number in a list", `1 in principal.claims.bigs`},
	{"big number in a comparison", `principal.claims.bigs == [7]`},
	{"object as a whole", `dyn(server) == dyn(tool)`},
	{"unknown field of an object", `dyn(server).nmae == "x"`},
	{"no JSON", `principal.claims.odd != "x"`},
	{"cost", `tool.tags.exists(a, tool.tags.exists(b, tool.tags.exists(c, a + b == c)))`},
}

func failingInput() *Input {
	in := call()
	in.Tool.Tags = slices.Repeat([]string{"tag"}, 300)
	in.Principal.Claims = map[string]any{
		"number": 5.0, "empty": []any{}, "pattern": "(", "odd": struct{}{},
		"big": json.Number("9223372036854775808"), "inexact": json.Number("0.10000000000000000001"),
		"bigs": []any{json.Number("9223372036854775808")},
	}
	in.Effect = &Effect{Kind: EffectKV, KV: &KV{Key: "k", Access: AccessRead}}
	in.Result = &Result{Kind: ResultAnswer}
	return in
}

// Every kind of error, in every phase, in every position and in every place of an expression is a
// denial that names the rule.
func TestFailClosed(t *testing.T) {
	around := []string{"%s", "(%s) && true", "true && (%s)", "(%s) || false", "false || (%s)", "!(%s)", "(%s) ? true : true", "[1].all(x, %s)"}
	for _, f := range failures {
		t.Run(f.name, func(t *testing.T) {
			for i, form := range around {
				if f.name == "neither true nor false" && i > 0 {
					continue
				}
				for _, then := range []string{"then: allow", "then: deny", "labels: {kind: a}"} {
					checkFailure(t, fmt.Sprintf(form, f.when), then)
				}
			}
		})
	}
}

func checkFailure(t *testing.T, when, then string) {
	t.Helper()
	for position := range 3 {
		lines := []string{"{name: a, on: [list, call, effect, result], then: allow}", "{name: b, on: [list, call, effect, result], when: 'true', then: allow}"}
		bad := fmt.Sprintf("{name: bad, on: [list, call, effect, result], %s, when: '%s'}", then, when)
		p := mustParse(t, rules(slices.Insert(lines, position, bad)...))
		for _, phase := range Phases {
			d := p.Decide(context.Background(), phase, failingInput())
			if d.Verdict != Deny || d.Rule != "bad" || d.Err == nil || d.Message != undecided {
				t.Errorf("%s, %s, position %d, %s: got %+v", when, phase, position, then, d)
			}
		}
	}
}

// An expression that touched a number that cannot be represented is an error, whatever CEL makes
// of it.
func TestUnreadableIsNotAbsorbed(t *testing.T) {
	for _, when := range []string{
		`args.n > 5 || true`,
		`args == {"n": 1, "list": [1]}`,
		`args.list == [1]`,
		`5 in args.list`,
		`sets.contains(args.list, [2])`,
		`args.list.exists(x, x == 5)`,
		`args.list + [1] == [5, 1]`,
		`args.list.slice(0, 1) == [5]`,
		`args.all(k, args[k] != 5)`,
		`has(args.n)`, // for which cel-go looks at the value as well
	} {
		p := mustParse(t, rules(`{name: all, on: call, then: allow}`, fmt.Sprintf(`{name: bad, on: call, then: allow, when: '%s'}`, when)))
		in := call()
		in.Args = json.RawMessage(`{"n":9223372036854775808,"list":[9223372036854775808]}`)
		if d := p.Decide(context.Background(), PhaseCall, in); d.Verdict != Deny || d.Err == nil {
			t.Errorf("%s: got %+v", when, d)
		}
		in.Args = json.RawMessage(`{"n":7,"list":[7]}`)
		if d := p.Decide(context.Background(), PhaseCall, in); d.Verdict != Allow {
			t.Errorf("%s on numbers that fit: got %+v", when, d)
		}
	}
}

// What a rule does not read does not matter to it.
func TestUnreadableIsNotRead(t *testing.T) {
	p := mustParse(t, rules(`{name: all, on: call, when: args.path == "/etc/passwd" && size(args.list) == 1, then: allow}`))
	in := call()
	in.Args = json.RawMessage(`{"path":"/etc/passwd","big":1e999,"list":[9223372036854775808]}`)
	if d := p.Decide(context.Background(), PhaseCall, in); d.Verdict != Allow {
		t.Errorf("got %+v", d)
	}
}

func TestDecideCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	p := mustParse(t, rules(`{name: first, on: [list, call, effect, result], then: allow}`, `{name: second, on: [list, call, effect, result], then: allow}`))
	for _, phase := range Phases {
		d := p.Decide(ctx, phase, failingInput())
		if d.Verdict != Deny || d.Rule != "first" || !errors.Is(d.Err, context.Canceled) {
			t.Errorf("%s: got %+v", phase, d)
		}
	}
}

// A panic is an error of the rule, never what the rule would have said.
func TestPanicDenies(t *testing.T) {
	for _, then := range []string{"then: allow", "then: deny", "then: redact", "labels: {kind: a}"} {
		p := mustParse(t, rules(`{name: all, on: result, then: allow}`, `{name: bad, on: result, when: result.text != "x", `+then+`}`))
		in := call()
		in.Result = &Result{Kind: ResultAnswer, Content: func() ([]string, string) { panic("boom") }}
		d := p.Decide(context.Background(), PhaseResult, in)
		if d.Verdict != Deny || d.Rule != "bad" || d.Err == nil || !strings.Contains(d.Err.Error(), "internal error: boom") {
			t.Errorf("%s: got %+v", then, d)
		}
	}
}

// bomb is a program that panics beyond what cel-go recovers from.
type bomb struct{ celgo.Program }

func (bomb) Eval(any) (ref.Val, *celgo.EvalDetails, error) { panic("boom") }

func (b bomb) ContextEval(context.Context, any) (ref.Val, *celgo.EvalDetails, error) {
	return b.Eval(nil)
}

func TestPanicOfAProgramDenies(t *testing.T) {
	for _, tracked := range []bool{false, true} {
		p := mustParse(t, rules(`{name: bad, on: call, when: args.x == 1, then: allow}`))
		p.rules[0].conditions[placeCall].program = program{Program: bomb{}, tracked: tracked}
		d := p.Decide(t.Context(), PhaseCall, call())
		if d.Verdict != Deny || d.Rule != "bad" || d.Err == nil || !strings.Contains(d.Err.Error(), "internal error: boom") {
			t.Errorf("tracked %t: got %+v", tracked, d)
		}
	}
}

// A schema on which compiling panics denies, the first time and every time after.
func TestPanicOfACompilationDenies(t *testing.T) {
	p := mustParse(t, rules(`{name: bad, on: call, server: s, tool: t, when: args.x == 1, then: allow}`))
	p.tools.slots[toolKey{"s", "t"}].rules = []*rule{nil} // has no conditions to look at
	in := &Input{
		Server: &Server{Name: "s"}, Args: json.RawMessage(`{"x":1}`),
		Tool: &Tool{Name: "t", InputSchema: json.RawMessage(`{"type":"object","properties":{"x":{"type":"integer"}}}`)},
	}
	for range 2 {
		d := p.Decide(t.Context(), PhaseCall, in)
		if d.Verdict != Deny || d.Rule != "bad" || d.Err == nil || !strings.Contains(d.Err.Error(), "internal error") {
			t.Errorf("got %+v", d)
		}
	}
}

// A call that is given up in the middle of a loop ends there.
func TestDecideCancelledInALoop(t *testing.T) {
	p := mustParse(t, rules(`{name: loop, on: result, when: 'principal.claims.all.all(x, result.text != x)', then: allow}`))
	for _, cancelled := range []bool{false, true} {
		ctx, cancel := context.WithCancel(context.Background())
		in := call()
		in.Principal.Claims = map[string]any{"all": slices.Repeat([]string{"x"}, 1000)}
		in.Result = &Result{Kind: ResultAnswer, Content: func() ([]string, string) {
			if cancelled {
				cancel()
			}
			return nil, ""
		}}
		d := p.Decide(ctx, PhaseResult, in)
		cancel()
		if cancelled && (d.Verdict != Deny || !errors.Is(d.Err, context.Canceled)) || !cancelled && d.Verdict != Allow {
			t.Errorf("cancelled %t: got %+v", cancelled, d)
		}
	}
}

func TestArgsAreNoObject(t *testing.T) {
	p := mustParse(t, rules(`{name: all, on: call, when: size(args) >= 0 && args.?a != optional.of(5), then: allow}`))
	for _, args := range []string{`[]`, `"x"`, `{`, `{"a":1,"a":2}`, `{} {}`, `null`, "{\"a\":\"\xff\"}"} {
		in := call()
		in.Args = json.RawMessage(args)
		if d := p.Decide(context.Background(), PhaseCall, in); d.Verdict != Deny || d.Err == nil {
			t.Errorf("%s: got %+v", args, d)
		}
	}
	in := call()
	in.Args = nil
	if d := p.Decide(context.Background(), PhaseCall, in); d.Verdict != Allow {
		t.Errorf("no args: got %+v", d)
	}
}

// What a request holds does not reach the caller, and reaches the operator cut and in one line.
func TestErrorsAreBounded(t *testing.T) {
	p := mustParse(t, rules(`{name: r, on: call, when: 'int(args.s) == 1', then: allow}`))
	in := call()
	in.Args, _ = json.Marshal(map[string]string{"s": strings.Repeat("secret\n\x1b[31m", 10_000)})
	d := p.Decide(context.Background(), PhaseCall, in)
	if d.Verdict != Deny || strings.Contains(d.Message, "secret") {
		t.Errorf("message: %+v", d.Message)
	}
	if msg := d.Err.Error(); len(msg) > 1000 || strings.ContainsAny(msg, "\n\x1b") {
		t.Errorf("error: %q", msg)
	}
}

// A decision does not change its input, and keeps nothing of it.
func TestDecideKeepsNothing(t *testing.T) {
	p := mustParse(t, rules(`{name: all, on: call, then: allow}`, `{name: mark, on: call, labels: {kind: a}}`))
	in := call()
	in.Labels = append(make([]string, 0, 8), "kind:b")
	before := *in
	d := p.Decide(context.Background(), PhaseCall, in)
	if !reflect.DeepEqual(*in, before) || in.Labels[:2:2][1] != "" {
		t.Errorf("changed: %+v", in)
	}
	in.Labels[0] = "changed"
	if d.Labels[1] != "kind:b" {
		t.Errorf("shares labels with its input: %v", d.Labels)
	}
}

func TestDefault(t *testing.T) {
	yes, no := true, false
	leak := Session{Labels: []string{"reads:private", "source:untrusted"}}
	for _, tt := range []struct {
		name  string
		phase Phase
		in    Input
		want  Verdict
		rule  string
	}{
		{"list", PhaseList, Input{}, Allow, "granted"},
		{"call", PhaseCall, Input{}, Allow, "granted"},
		{"destructive", PhaseCall, Input{Tool: &Tool{Hints: Hints{Destructive: &yes}}}, Ask, "destructive"},
		{"destructive is listed", PhaseList, Input{Tool: &Tool{Hints: Hints{Destructive: &yes}}}, Allow, "granted"},
		{"not destructive", PhaseCall, Input{Tool: &Tool{Hints: Hints{Destructive: &no}}}, Allow, "granted"},
		{"destructive means nothing with readOnly", PhaseCall, Input{Tool: &Tool{Hints: Hints{Destructive: &yes, ReadOnly: &yes}}}, Allow, "granted"},
		{"sink in a clean session", PhaseEffect, Input{Labels: []string{"sink:external"}}, Allow, "granted"},
		{"sink after both", PhaseEffect, Input{Labels: []string{"sink:external"}, Session: leak}, Deny, "exfiltration"},
		{"call of a sink after both", PhaseCall, Input{Labels: []string{"sink:external"}, Session: leak}, Deny, "exfiltration"},
		{"allowed by name", PhaseCall, Input{Labels: []string{"sink:external", "flow:allowed"}, Session: leak}, Allow, "granted"},
		{"no sink", PhaseCall, Input{Labels: []string{"reads:private"}, Session: leak}, Allow, "granted"},
		{"result", PhaseResult, Input{Result: &Result{}}, Allow, "granted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if d := Default().Decide(context.Background(), tt.phase, &tt.in); d.Verdict != tt.want || d.Rule != tt.rule || d.Err != nil {
				t.Errorf("got %+v", d)
			}
		})
	}
}

// Decisions side by side do not see one another.
func TestDecideConcurrently(t *testing.T) {
	p := mustParse(t, rules(`{name: all, on: call, then: allow}`, `{name: odd, on: call, server: files, tool: read, when: args.n % 2 == 1, then: deny}`))
	done := make(chan error)
	for g := range 8 {
		go func() {
			for i := range 200 {
				in := call()
				in.Tool.Hash = fmt.Sprint(i % 7)
				in.Tool.InputSchema = json.RawMessage(`{"type":"object","properties":{"n":{"type":"integer"}}}`)
				in.Args = json.RawMessage(fmt.Sprintf(`{"n":%d}`, g+i))
				want := Allow
				if (g+i)%2 == 1 {
					want = Deny
				}
				if d := p.Decide(context.Background(), PhaseCall, in); d.Verdict != want || d.Err != nil {
					done <- fmt.Errorf("%d: %+v", g+i, d)
					return
				}
			}
			done <- nil
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// A rule that could run for long stops with the context.
func TestDecideDeadline(t *testing.T) {
	ctx, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
	defer cancel()
	p := mustParse(t, rules(`{name: r, on: call, when: 'tool.tags.exists(a, a == "x")', then: allow}`))
	if d := p.Decide(ctx, PhaseCall, failingInput()); d.Verdict != Deny || !errors.Is(d.Err, context.DeadlineExceeded) {
		t.Errorf("got %+v", d)
	}
}

// What every rule does of a decision over many allocates nothing of its own.
func TestDecideAllocations(t *testing.T) {
	a := activate(&Input{Args: json.RawMessage(`{"path":"/home/me"}`)})
	defer a.release()
	args, err := a.args.value()
	if err != nil {
		t.Fatal(err)
	}
	path := ref.Val(types.String("path"))
	operands := []operand{{value: types.String("a:b")}, {value: types.NewStringList(adapter, []string{"c:d", "e:f"})}}
	for _, tt := range []struct {
		name string
		most float64
		f    func()
	}{
		{"a text of the arguments", 0, func() { args.(traits.Mapper).Find(path) }},
		{"the price of a label that is looked for", 0, func() { inPrice(operands) }},
		{"labels of the decision", 1, func() { sortedLabels([]string{"c:d", "a:b"}) }},
	} {
		if n := testing.AllocsPerRun(100, tt.f); n > tt.most {
			t.Errorf("%s: %v allocations, want %v", tt.name, n, tt.most)
		}
	}
}
