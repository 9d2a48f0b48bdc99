package cel

import (
	"context"
	"encoding/json"
	"strconv"
	"testing"
)

// FuzzDecide decides by any expression on any arguments, typed and not. Whatever they are,
// an error is a denial, nothing panics, and Explain says the same.
func FuzzDecide(f *testing.F) {
	for _, when := range []string{
		`args.path.startsWith("/etc")`, `args.n > 5 || true`, `args.list.exists(x, x == 5)`, `has(args.path) && args.n / args.m == 1`,
		`{"a": args.n}.a == 9`, `args.tags.map(t, t + "x").size() > 2`, `args.?n.orValue(3) == 3`, `tool.name.matches(args.path)`,
		`dyn(tool) == dyn(server)`, `[1, 2, 3].all(i, i < args.n)`, `request.time > timestamp("2026-01-01T00:00:00Z")`,
		`cel.bind(x, args.n, x * x > 10)`, `optional.of(args.n).hasValue()`, `int(args.path) == 5`, `"(" == `, `tol.name == ""`,
		`type(args.n) == int`, `args == args`, `string(args.n) == "5"`, `sets.contains(args.list, [1])`, `ip(args.path).isLoopback()`,
	} {
		f.Add(when, `{"path":"/etc/passwd","n":5,"m":0,"list":[1,9223372036854775808],"tags":["a"]}`)
	}
	f.Add(`args.n == 1`, `{"n":1e999}`)
	f.Add(`args.n == 1`, `[`)
	f.Add(`args.n == 1`, `{"n":{"n":{"n":null}}}`)
	f.Fuzz(func(t *testing.T, when, args string) {
		text := "rules:\n  - {name: all, on: [list, call], then: allow}\n  - {name: r, on: call, server: files, tool: read, then: deny, when: " + strconv.Quote(when) + "}\n"
		p, err := Parse("p.yaml", []byte(text))
		if err != nil {
			if p != nil || err.Error() == "" {
				t.Fatalf("%v with a policy", err)
			}
			return
		}
		for _, schema := range []string{"", `{"type":"object","properties":{"path":{"type":"string"},"n":{"type":"integer"},"list":{"type":"array","items":{"type":"number"}}}}`} {
			in := &Input{Server: &Server{Name: "files"}, Tool: &Tool{Name: "read", InputSchema: json.RawMessage(schema)}, Args: json.RawMessage(args)}
			for _, phase := range []Phase{PhaseList, PhaseCall} {
				fuzzDecide(t, p, phase, in)
			}
		}
	})
}

func fuzzDecide(t *testing.T, p *Policy, phase Phase, in *Input) {
	e := p.Explain(context.Background(), phase, in)
	d := p.Decide(context.Background(), phase, in)
	if d.Verdict != e.Decision.Verdict || d.Rule != e.Decision.Rule {
		t.Errorf("%s: decided %+v and explained %+v", phase, d, e.Decision)
	}
	for _, r := range e.Rules {
		if r.Err != nil && (d.Verdict != Deny || d.Err == nil) {
			t.Errorf("%s: %s could not be decided (%v): %+v", phase, r.Rule.Name, r.Err, d)
		}
		if r.Rule.Name == "r" && r.Matched && d.Verdict != Deny {
			t.Errorf("%s: %s matched: %+v", phase, r.Rule.Name, d)
		}
	}
}
