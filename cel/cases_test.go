package cel

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpwasm/mcpwasm/internal/wire"
)

const fullCases = `cases:
  - name: all there is
    on: effect
    given:
      server: {name: s, digest: "sha256:00", signers: [me], registry: ghcr.io, repository: ghcr.io/a/b, backend: wasm,
        grants: {http: ["*"], mounts: ["a:/a"], kv: rw, secrets: [KEY]}}
      tool: {name: t, hash: "sha256:01", hints: {readOnly: true, destructive: false}, tags: [x], inputSchema: {type: object}}
      labels: [sink:external]
      args: {n: 12345678901234567890, f: 1.10, t: yes, when: 2026-01-31, deep: [{}, null, true]}
      principal: {subject: me, claims: {groups: [a], level: 3}, client: {name: c, version: "1"}}
      request: {id: 7, method: tools/call, revision: 2026-07-28, time: 2026-01-31T15:04:05+01:00, transport: http}
      session: {calls: 2, labels: [reads:private]}
      effect: {kind: secret, secret: {name: KEY}, http: {method: POST, scheme: http, host: example.com, port: 8080, path: /a, query: b=c}}
    want: {verdict: deny, rule: "", message: no rule, error: x, labels: [], text: ~}
  - {name: short, on: call, given: {}, want: allow}
`

func TestParseCases(t *testing.T) {
	text := strings.Replace(fullCases, ", text: ~", "", 1)
	cases, err := ParseCases("c.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	yes, no, none := true, false, ""
	want := Case{
		Name: "all there is", On: PhaseEffect, Line: 2,
		Given: Input{
			Server: &Server{Name: "s", Digest: "sha256:00", Signers: []string{"me"}, Registry: "ghcr.io", Repository: "ghcr.io/a/b", Backend: "wasm",
				Grants: Grants{HTTP: []string{"*"}, Mounts: []string{"a:/a"}, KV: "rw", Secrets: []string{"KEY"}}},
			Tool:      &Tool{Name: "t", Hash: "sha256:01", Hints: Hints{ReadOnly: &yes, Destructive: &no}, Tags: []string{"x"}, InputSchema: []byte(`{"type":"object"}`)},
			Labels:    []string{"sink:external"},
			Args:      []byte(`{"n":12345678901234567890,"f":1.10,"t":"yes","when":"2026-01-31","deep":[{},null,true]}`),
			Principal: cases[0].Given.Principal, // below
			Request:   Request{ID: "7", Method: "tools/call", Revision: "2026-07-28", Time: cases[0].Given.Request.Time, Transport: "http"},
			Session:   Session{Calls: 2, Labels: []string{"reads:private"}},
			Effect:    &Effect{Kind: EffectSecret, Secret: &Secret{"KEY"}, HTTP: &HTTP{"POST", "http", "example.com", 8080, "/a", "b=c"}},
		},
		Want: Want{Verdict: Deny, Rule: &none, Message: "no rule", Error: "x", Labels: []string{}},
	}
	if !reflect.DeepEqual(cases[0], want) {
		t.Errorf("case\n%+v\nwant\n%+v", cases[0], want)
	}
	given := cases[0].Given
	if p := given.Principal; p.Subject != "me" || p.Client != (Client{"c", "1"}) || len(p.Claims) != 2 {
		t.Errorf("principal %+v", p)
	}
	if !given.Request.Time.Equal(time.Date(2026, 1, 31, 14, 4, 5, 0, time.UTC)) {
		t.Errorf("time %s", given.Request.Time)
	}
	if short := (Case{Name: "short", On: PhaseCall, Line: 15, Want: Want{Verdict: Allow}}); !reflect.DeepEqual(cases[1], short) {
		t.Errorf("case %+v", cases[1])
	}
}

func TestParseCasesRefuses(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"no name", "{on: call, given: {}, want: deny}", "c.yaml:2:5: cases[0]: name is missing"},
		{"hidden name", `{name: "a\tb", on: call, given: {}, want: deny}`, "cases[0].name: the name has characters that cannot be seen"},
		{"no phase", "{name: a b, given: {}, want: deny}", "c.yaml:2:5: a b: on is missing"},
		{"unknown phase", "{name: a, on: cal, given: {}, want: deny}", `a: on: unknown phase "cal": did you mean "call"?`},
		{"no verdict", "{name: a, on: call, given: {}}", "a: want is missing: allow, deny, ask or redact"},
		{"no verdict among others", "{name: a, on: call, given: {}, want: {rule: x}}", "a: want: the verdict is missing"},
		{"unknown verdict", "{name: a, on: call, given: {}, want: denied}", `a: want: unknown verdict "denied": did you mean "deny"?`},
		{"redact a call", "{name: a, on: call, given: {}, want: {verdict: redact}}", "a: want.verdict: there is something to redact on result only"},
		{"an error and an allow", "{name: a, on: call, given: {}, want: {verdict: allow, error: x}}", "a: want.error: what cannot be decided is denied"},
		{"text of a call", "{name: a, on: call, given: {}, want: {verdict: allow, text: x}}", "a: want.text: there is a text on result only"},
		{"form of a label", "{name: a, on: call, given: {}, want: {verdict: allow, labels: [x]}}", `a: want.labels[0]: "x" is no label`},
		{"misspelt", "{name: a, on: call, given: {sever: {}}, want: deny}", `a: given: unknown key "sever": did you mean "server"?`},
		{"name twice", "{name: a, on: call, given: {}, want: deny}\n  - {name: a, on: call, given: {}, want: deny}", `c.yaml:3:6: a: name: "a" is the name of the case on line 2 already`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			checkProblem(t, "cases:\n  - "+tt.text+"\n", tt.want)
		})
	}
	for name, tt := range map[string]struct{ text, want string }{
		"empty":     {"", "c.yaml: the file is empty: it needs cases"},
		"no cases":  {"cases: []\n", "there are no cases: add one"},
		"too large": {strings.Repeat("#\n", maxSource), "larger than 1048576 bytes"},
		"too many":  {"cases:\n" + strings.Repeat("  - {}\n", maxCases+1), "more than 10000 cases"},
	} {
		t.Run(name, func(t *testing.T) { checkProblem(t, tt.text, tt.want) })
	}
}

func checkProblem(t *testing.T, text, want string) {
	t.Helper()
	cases, err := ParseCases("c.yaml", []byte(text))
	problems, _ := err.(Problems) //nolint:errorlint // what is documented
	if len(problems) != 1 || cases != nil || !strings.Contains(problems[0].String(), want) {
		t.Errorf("problems\n%v\nwant one with\n%s", err, want)
	}
}

func TestParseInput(t *testing.T) {
	tests := []struct {
		name, text string
		phase      Phase
		check      func(in *Input) bool
	}{
		{"empty", "{}", PhaseCall, func(in *Input) bool { return in.Server == nil }},
		{"JSON", "{\n\t\"args\": {\"a\": \"\\ud83d\\ude00\\\\u00e9\\/\", \"n\": 9007199254740993}\n}", PhaseCall,
			func(in *Input) bool { return string(in.Args) == `{"a":"😀\\u00e9/","n":9007199254740993}` }},
		{"YAML", "server:\n  name: s\n", PhaseList, func(in *Input) bool { return in.Server.Name == "s" }},
		{"a request is completed", "effect: {kind: http, http: {host: example.com}}", PhaseEffect,
			func(in *Input) bool { return *in.Effect.HTTP == HTTP{"GET", "https", "example.com", 443, "/", ""} }},
		{"a query", "effect: {kind: http, http: {host: example.com, path: /a, query: b=c&d}}", PhaseEffect,
			func(in *Input) bool { return in.Effect.HTTP.Path == "/a" && in.Effect.HTTP.Query == "b=c&d" }},
		{"one without TLS", "effect: {kind: http, http: {scheme: http, host: '::1'}}", PhaseEffect,
			func(in *Input) bool { return in.Effect.HTTP.Port == 80 }},
		{"a file is read", "effect: {kind: file, file: {path: /a}}", PhaseEffect, func(in *Input) bool { return in.Effect.File.Access == AccessRead }},
		{"a key is read", "effect: {kind: kv, kv: {key: a}}", PhaseEffect, func(in *Input) bool { return in.Effect.KV.Access == AccessRead }},
		{"an answer", "result: {text: hello}", PhaseResult, func(in *Input) bool { return in.Result.Kind == ResultAnswer && in.Result.Text == "hello" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in, err := ParseInput(tt.phase, []byte(tt.text))
			if err != nil || !tt.check(in) {
				t.Errorf("%+v, %v", in, err)
			}
		})
	}
}

func TestParseInputRefuses(t *testing.T) {
	tests := []struct {
		name, text string
		phase      Phase
		want       string
	}{
		{"nothing", "", PhaseCall, "input: nothing is given"},
		{"unknown phase", "{}", "cal", `input: unknown phase "cal": did you mean "call"?`},
		{"misspelt", "{tool: {nmae: x}}", PhaseCall, `input:1:9: tool: unknown key "nmae": did you mean "name"?`},
		{"effect of a call", "{effect: {kind: kv}}", PhaseCall, "effect: does not exist on call, only on effect"},
		{"session of a list", "{session: {calls: 1}}", PhaseList, "session: does not exist on list, only on call, effect or result"},
		{"client of a list", "{principal: {client: {name: x}}}", PhaseList, "principal.client: does not exist on list"},
		{"no effect", "{}", PhaseEffect, "input:1:1: effect is missing"},
		{"no result", "{}", PhaseResult, "result is missing"},
		{"no kind", "{effect: {http: {host: a}}}", PhaseEffect, "effect: kind is missing"},
		{"unknown kind", "{effect: {kind: htp}}", PhaseEffect, `effect.kind: "htp": did you mean "http"?`},
		{"no part", "{effect: {kind: http}}", PhaseEffect, "effect: http is missing: the effect is of that kind"},
		{"another part", "{effect: {kind: kv, kv: {key: a}, http: {host: a}}}", PhaseEffect, `effect.http: an effect of the kind "kv" has no such part`},
		{"lower method", "{effect: {kind: http, http: {host: a, method: get}}}", PhaseEffect, `effect.http.method: "get": want upper case`},
		{"upper host", "{effect: {kind: http, http: {host: A}}}", PhaseEffect, `effect.http.host: "A": want a name in lower case, or an address`},
		{"port", "{effect: {kind: http, http: {host: a, port: 0}}}", PhaseEffect, `effect.http.port: "0": want a port from 1 to 65535`},
		{"path", "{effect: {kind: http, http: {host: a, path: b}}}", PhaseEffect, `effect.http.path: "b": want a path that begins with /`},
		{"scheme", "{effect: {kind: http, http: {host: a, scheme: gopher}}}", PhaseEffect, `effect.http.scheme: "gopher": want https or http`},
		{"relative file", "{effect: {kind: file, file: {path: a}}}", PhaseEffect, `effect.file.path: "a": want an absolute path`},
		{"access of a file", "{effect: {kind: file, file: {path: /a, access: list}}}", PhaseEffect, `effect.file.access: "list": want read or write`},
		{"no secret", "{effect: {kind: secret, secret: {}}}", PhaseEffect, `effect.secret.name: "": want the name in the grant`},
		{"kind of a result", "{result: {kind: anser}}", PhaseResult, `result.kind: "anser": did you mean "answer"?`},
		{"args as a list", "{args: [1]}", PhaseCall, "args: want a mapping (key: value), have an array"},
		{"args but for case", "{args: {a: 1, A: 2}}", PhaseCall, "args: duplicate member name"},
		{"args twice", `{"args": {"a": 1, "a": 2}}`, PhaseCall, `args: key "a" stands on line 1 already`},
		{"deep args", "{args: {a: " + strings.Repeat("[", 300) + strings.Repeat("]", 300) + "}}", PhaseCall, "args: nested too deep"},
		{"schema", "{tool: {inputSchema: yes}}", PhaseCall, "tool.inputSchema: want a mapping (key: value), have a string"},
		{"label", "{labels: [reads]}", PhaseCall, `labels[0]: "reads" is no label`},
		{"session label", "{session: {labels: [a:B]}}", PhaseCall, `session.labels[0]: "a:B" is no label`},
		{"time", "{request: {time: noon}}", PhaseCall, `request.time: "noon": want a time such as`},
		{"count", "{session: {calls: many}}", PhaseCall, `session.calls: "many": want a whole number`},
		{"not a field", "{result: {'-': x}}", PhaseResult, `result: unknown key "-"`},
		{"too large", strings.Repeat(" ", maxSource+1), PhaseCall, "larger than 1048576 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in, err := ParseInput(tt.phase, []byte(tt.text))
			problems, _ := err.(Problems) //nolint:errorlint // what is documented
			if len(problems) != 1 || in != nil || !strings.Contains(problems[0].String(), tt.want) {
				t.Errorf("problems\n%v\nwant one with\n%s", err, tt.want)
			}
		})
	}
}

func TestTest(t *testing.T) {
	policy := mustParse(t, `rules:
  - {name: works, on: [call, result], then: allow}
  - {name: label, on: call, labels: {source: untrusted}}
  - {name: keys, on: result, then: redact, redact: key}
  - {name: bad, on: call, server: bad, when: args.x > 1, then: deny, message: too many}
`)
	tests := []struct {
		name, text string
		want       []string // parts of the failures
	}{
		{"passes", "on: call, given: {}, want: {verdict: allow, rule: works, labels: [source:untrusted], message: ''}", nil},
		{"verdict", "on: call, given: {}, want: deny", []string{"want deny, have allow by rule works"}},
		{"rule", "on: call, given: {}, want: {verdict: allow, rule: other}", []string{"want the decision of rule other, have that of rule works"}},
		{"no rule", "on: call, given: {}, want: {verdict: allow, rule: ''}", []string{"want the decision of no rule, have"}},
		{"message", "on: call, given: {server: {name: bad}, args: {x: 2}}, want: {verdict: deny, message: to many}", []string{`want a message with "to many", have "too many"`}},
		{"error", "on: call, given: {server: {name: bad}}, want: {verdict: deny, rule: bad, error: no such key}", nil},
		{"another error", "on: call, given: {server: {name: bad}}, want: {verdict: deny, error: overflow}", []string{`want an error with "overflow", have "policy.yaml:5: no such key`}},
		{"no error", "on: call, given: {server: {name: bad}, args: {x: 2}}, want: {verdict: deny, error: x}", []string{`want an error with "x", have none`}},
		{"an error that was not expected", "on: call, given: {server: {name: bad}}, want: allow", []string{"want allow, have deny by rule bad: policy.yaml:5: no such key"}},
		{"labels", "on: call, given: {labels: [reads:private]}, want: {verdict: allow, labels: [source:untrusted]}", []string{`want the labels ["source:untrusted"], have ["reads:private" "source:untrusted"]`}},
		{"no labels", "on: call, given: {}, want: {verdict: allow, labels: []}", []string{`want the labels [], have ["source:untrusted"]`}},
		{"text", "on: result, given: {result: {text: my key}}, want: {verdict: allow, text: 'my [redacted]'}", nil},
		{"another text", "on: result, given: {result: {text: my key}}, want: {verdict: redact, text: my key}",
			[]string{"want redact, have allow", `want the text "my key", have "my [redacted]"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cases, err := ParseCases("c.yaml", []byte("cases: [{name: x, "+tt.text+"}]"))
			if err != nil {
				t.Fatal(err)
			}
			failures := policy.Test(context.Background(), cases)[0].Failures
			if !slices.EqualFunc(failures, tt.want, strings.Contains) {
				t.Errorf("failures %q, want %q", failures, tt.want)
			}
		})
	}
}

func FuzzParseCases(f *testing.F) {
	f.Add([]byte(fullCases))
	f.Add([]byte(`{"cases": [{"name": "x", "on": "result", "given": {"result": {"text": "\ud83d"}}, "want": "deny"}]}`))
	f.Add([]byte("cases: [{name: x, on: call, given: {args: {a: 1, A: 0x1}, principal: {claims: {a: ~}}}, want: {labels: [~]}}]"))
	policy := Default()
	f.Fuzz(func(t *testing.T, b []byte) {
		cases, err := ParseCases("c.yaml", b)
		problems, ok := err.(Problems) //nolint:errorlint // what is documented
		if err != nil && (!ok || len(problems) == 0) {
			t.Fatalf("error %v of type %[1]T", err)
		}
		for _, p := range problems {
			if strings.ContainsAny(p.String(), "\r\n") {
				t.Errorf("problem of several lines: %q", p)
			}
		}
		for _, c := range cases {
			if len(c.Given.Args) > 0 && wire.Check(c.Given.Args) != nil {
				t.Errorf("args %s", c.Given.Args)
			}
		}
		policy.Test(context.Background(), cases)
	})
}

// A case that is given a label that nobody knows decides about something else than it says.
func TestCaseWithUnknownLabels(t *testing.T) {
	p := mustParse(t, "labels: [team:blue]\nrules:\n  - {name: a, on: call, then: allow}\n")
	in := Input{Labels: []string{"team:blue", "reads:privat"}, Session: Session{Labels: []string{"source:untrusted", "sink:externl", "team:red"}}}
	results := p.Test(context.Background(), []Case{{Name: "x", On: PhaseCall, Given: in, Want: Want{Verdict: Allow}}})
	want := []string{
		`given.labels: unknown label "reads:privat": did you mean "reads:private"?`,
		`given.session.labels: unknown label "sink:externl": did you mean "sink:external"?`,
		`given.session.labels: unknown label "team:red"`,
	}
	if got := results[0].Failures; len(got) != len(want) || got[0] != want[0] || got[1] != want[1] || !strings.HasPrefix(got[2], want[2]) {
		t.Errorf("failures\n%q\nwant\n%q", got, want)
	}
}
