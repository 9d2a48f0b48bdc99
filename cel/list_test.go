package cel

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
)

// A definition is shown if and only if a call may be allowed, and nothing hides it.
func TestDecideList(t *testing.T) {
	for _, tt := range []struct {
		name  string
		rules []string
		want  Verdict
		rule  string
	}{
		{"allowed on lists only", []string{`{name: a, on: list, then: allow}`}, Deny, ""},
		{"allowed on lists and effects, and denied on calls", []string{`{name: a, on: [list, effect, result], then: allow}`, `{name: b, on: call, when: args.n > 5, then: deny}`}, Deny, ""},
		{"allowed on lists and calls", []string{`{name: a, on: [list, call], then: allow}`}, Allow, "a"},
		{"allowed on lists, and for some arguments on calls", []string{`{name: a, on: list, then: allow}`, `{name: b, on: call, when: args.n > 5, then: allow}`}, Allow, "b"},
		{"hidden by a label for lists", []string{`{name: a, on: call, then: allow}`, `{name: b, on: list, labels: {kind: a}}`, `{name: c, on: list, when: '"kind:a" in labels', then: deny}`}, Deny, "c"},
		{"an error of an allow for lists", []string{`{name: a, on: call, then: allow}`, `{name: b, on: list, when: principal.claims.x == 1, then: allow}`}, Deny, "b"},
		{"allowed on calls", []string{`{name: a, on: call, then: allow}`}, Allow, "a"},
		{"allowed on effects only", []string{`{name: a, on: effect, then: allow}`}, Deny, ""},
		{"asked", []string{`{name: a, on: call, then: ask}`}, Allow, "a"},
		{"allowed for some arguments", []string{`{name: a, on: call, when: args.n > 5, then: allow}`}, Allow, "a"},
		{"asked for some arguments", []string{`{name: a, on: call, when: args.n > 5, then: ask}`}, Allow, "a"},
		{"allowed for some sessions", []string{`{name: a, on: call, when: session.calls > 5, then: allow}`}, Allow, "a"},
		{"allowed at some times", []string{`{name: a, on: call, when: request.time.getHours() > 5, then: allow}`}, Allow, "a"},
		{"allowed for some clients", []string{`{name: a, on: call, when: principal.client.name == "x", then: allow}`}, Allow, "a"},
		{"allowed for clients with a name", []string{`{name: a, on: call, when: has(principal.client.name), then: allow}`}, Allow, "a"},
		{"allowed for this principal", []string{`{name: a, on: call, when: principal.subject == "me", then: allow}`}, Allow, "a"},
		{"denied for this principal", []string{`{name: a, on: call, when: principal.subject != "me", then: allow}`}, Deny, ""},
		{"never allowed, whatever the arguments", []string{`{name: a, on: call, when: tool.name == "x" && args.n > 5, then: allow}`}, Deny, ""},
		{"denied for some arguments", []string{`{name: a, on: call, then: allow}`, `{name: b, on: call, when: args.n > 5, then: deny}`}, Allow, "a"},
		{"denied whatever the arguments", []string{`{name: a, on: call, then: allow}`, `{name: b, on: call, when: args.n > 5 || tool.name == "read", then: deny}`}, Deny, "b"},
		{"denied on lists", []string{`{name: a, on: [list, call], then: allow}`, `{name: b, on: list, then: deny}`}, Deny, "b"},
		{"an error whatever the arguments", []string{`{name: a, on: [list, call], then: allow}`, `{name: b, on: call, when: principal.claims.x == 1, then: allow}`}, Deny, "b"},
		{"a label that every call gets", []string{`{name: a, on: call, when: '"kind:a" in labels', then: allow}`, `{name: b, on: call, labels: {kind: a}}`}, Allow, "a"},
		{"a label that some calls get allows", []string{`{name: a, on: call, when: '"kind:a" in labels', then: allow}`, `{name: b, on: call, when: args.n > 5, labels: {kind: a}}`}, Allow, "a"},
		{"a label that some calls get denies those", []string{`{name: a, on: [list, call], then: allow}`, `{name: c, on: [list, call], when: '"kind:a" in labels', then: deny}`,
			`{name: b, on: call, when: args.n > 5, labels: {kind: a}}`}, Allow, "a"},
		{"a label that no call gets", []string{`{name: a, on: call, when: '"kind:a" in labels', then: allow}`, `{name: b, on: call, when: args.n > 5 && tool.name == "x", labels: {kind: a}}`}, Deny, ""},
		{"arguments in a loop", []string{`{name: a, on: call, when: 'args.list.exists(x, x == tool.name)', then: allow}`}, Allow, "a"},
		{"a rule that does not fit the tool", []string{`{name: a, on: call, then: allow}`, `{name: b, on: call, server: files, tool: read, when: args.pth == "", then: deny}`}, Deny, "b"},
		{"a typed rule", []string{`{name: a, on: call, server: files, tool: read, when: args.path == "x", then: allow}`}, Allow, "a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := &Input{
				Server:    &Server{Name: "files"},
				Tool:      &Tool{Name: "read", InputSchema: json.RawMessage(`{"type":"object","properties":{"path":{"type":"string"}}}`)},
				Principal: Principal{Subject: "me"},
			}
			if d := mustParse(t, rules(tt.rules...)).Decide(context.Background(), PhaseList, in); d.Verdict != tt.want || d.Rule != tt.rule {
				t.Errorf("got %+v", d)
			}
		})
	}
}

// What is not shown is not called either, whatever a rule for lists alone says.
func TestDecideListAgreesWithCall(t *testing.T) {
	for _, rule := range []string{
		`{name: a, on: list, then: allow}`,
		`{name: a, on: [list, effect], then: allow}`,
		`{name: a, on: list, when: principal.claims.x == 1, then: allow}`,
		`{name: a, on: list, then: deny}`,
		`{name: a, on: [list, call], then: deny}`,
		`{name: a, on: list, when: tool.name == "write", then: deny}`,
	} {
		for _, others := range [][]string{nil, {`{name: works, on: call, then: allow}`}} {
			p := mustParse(t, rules(append(others, rule)...))
			in := &Input{Server: &Server{Name: "files"}, Tool: &Tool{Name: "read"}}
			list, call := p.Decide(context.Background(), PhaseList, in), p.Decide(context.Background(), PhaseCall, in)
			if list.Verdict != call.Verdict || list.Rule != call.Rule {
				t.Errorf("%s with %q: the list is decided %+v, the call %+v", rule, others, list, call)
			}
		}
	}
}

func TestExplainListAlone(t *testing.T) {
	p := mustParse(t, rules(`{name: a, on: list, then: allow}`, `{name: b, on: list, when: principal.claims.x == 1, then: allow}`))
	for _, phase := range []Phase{PhaseList, PhaseCall} {
		e := p.Explain(context.Background(), phase, &Input{})
		if got := e.Rules[0]; got.Matched || !strings.HasPrefix(got.Skipped, "it is about lists") {
			t.Errorf("%s: %+v", phase, got)
		}
		if got := e.Rules[1]; got.Err == nil || got.Skipped != "" {
			t.Errorf("%s: an error that denies is not told: %+v", phase, got)
		}
	}
}

func TestListsVary(t *testing.T) {
	for when, want := range map[string]bool{
		`server.name == "x"`:                               false,
		`principal.subject == "x"`:                         true,
		`has(principal.claims.role)`:                       true,
		`principal.client.name == "x"`:                     false,
		`["principal"].exists(principal, principal == "")`: false,
		`dyn(principal) == 1`:                              true,
	} {
		p := mustParse(t, rules(`{name: a, on: call, then: allow, when: '`+when+`'}`))
		if got := p.ListsVary(); got != want {
			t.Errorf("%s: got %t", when, got)
		}
	}
	if mustParse(t, rules(`{name: a, on: effect, when: principal.subject == "x", then: allow}`)).ListsVary() {
		t.Error("a rule on effects makes lists vary")
	}
}
