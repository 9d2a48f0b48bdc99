package cel

import (
	"strings"
	"testing"
)

// sane is a policy of which there is nothing to say.
const sane = `
rules:
  - {name: works, on: [list, call, result], then: allow}
  - name: one-host
    on: effect
    server: fetch
    when: has(effect.http) && effect.http.host == "example.com"
    then: allow
  - {name: labels, on: result, server: fetch, labels: {source: untrusted}}
  - {name: tokens, on: result, then: redact, redact: ['sk-[a-z]+']}
  - {name: deletes, on: call, server: notes, tool: delete, then: ask}
  - {name: writers, on: call, when: '!tool.hints.readOnly', then: ask}
  - {name: large, on: result, when: result.size > 1000, then: deny}
`

// works allows the rest in cases about something else, and denies something.
const works = `  - {name: works, on: [list, call, effect, result], when: server.name != "x", then: allow}
  - {name: odd, on: call, when: server.name == "odd", then: deny}
`

func TestCheckSane(t *testing.T) {
	installed := []Installed{{"fetch", []*Tool{{Name: "get"}}}, {"notes", []*Tool{{Name: "delete"}, {Name: "add"}}}}
	for name, policy := range map[string]*Policy{"sane": mustParse(t, sane), "default": Default()} {
		for _, servers := range [][]Installed{nil, installed} {
			if warnings := policy.Check(servers); len(warnings) > 0 {
				t.Errorf("%s: %v", name, warnings)
			}
		}
	}
}

// checkRules returns the warnings about rules beside those of works.
func checkRules(t *testing.T, rules string, installed []Installed) string {
	t.Helper()
	warnings := mustParse(t, "rules:\n"+rules+works).Check(installed)
	for _, w := range warnings {
		if w.Severity != SeverityWarning || w.File != "policy.yaml" {
			t.Errorf("problem %+v", w)
		}
	}
	return strings.TrimPrefix(warnings.Error(), "policy.yaml:")
}

func TestCheckConditions(t *testing.T) {
	tests := []struct{ name, when, want string }{
		{"never", `1 == 2 && server.name == "x"`, "2:43: a: the condition is never true: the rule does nothing"},
		{"never by a function", `semver.compare("1.0.0", "2.0.0") > 0`, "never true"},
		{"always", `server.name == "x" || 2 > 1`, "2:43: a: the condition is always true: leave when out, if that is meant"},
		{"depends", `server.name == "x" || 2 < 1`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := checkRules(t, "  - {name: a, on: call, server: q, when: '"+tt.when+"', then: deny}\n", nil)
			compareWarning(t, got, tt.want)
		})
	}
}

// compareWarning expects one warning, or none for "".
func compareWarning(t *testing.T, got, want string) {
	t.Helper()
	switch {
	case want == "" && got != "":
		t.Errorf("warnings\n%s\nwant none", got)
	case !strings.Contains(got, want):
		t.Errorf("warnings\n%s\nwant one with\n%s", got, want)
	case strings.Contains(got, "\n"):
		t.Errorf("warnings\n%s\nwant one", got)
	}
}

func TestCheckCovered(t *testing.T) {
	const condition = `when: 'tool.name == "y"'`
	tests := []struct{ name, rules, want string }{
		{"allow and a later deny of all", "{name: a, on: call, server: s, " + condition + ", then: allow}\n{name: b, on: call, server: s, then: deny}", "2:5: a: it never wins: rule b on line 3 says deny whenever it says allow"},
		{"allow and an earlier deny of all", "{name: b, on: call, server: s, then: deny}\n{name: a, on: call, server: s, tool: y, then: allow}", "3:5: a: it never wins: rule b on line 2 says deny"},
		{"allow and a deny of another server", "{name: a, on: call, server: [s, t], " + condition + ", then: ask}\n{name: b, on: call, server: s, then: deny}", ""},
		{"allow and a deny of one tool", "{name: a, on: call, server: s, " + condition + ", then: ask}\n{name: b, on: call, server: s, tool: y, then: deny}", ""},
		{"one phase is left", "{name: a, on: [call, effect], server: s, " + condition + ", then: ask}\n{name: b, on: call, server: s, then: deny}", ""},
		{"two denials for two phases", "{name: a, on: [call, effect], server: s, " + condition + ", then: ask}\n{name: b, on: call, server: s, then: deny}\n{name: c, on: effect, server: s, then: deny}", "a: it never wins: rule b on line 3"},
		{"the same condition in other spaces", "{name: a, on: call, server: s, " + condition + ", then: allow}\n{name: b, on: call, server: s, when: 'tool.name==\"y\"', then: deny}", "a: it never wins: rule b on line 3"},
		{"ask and deny", "{name: a, on: effect, server: s, then: ask}\n{name: b, on: effect, server: s, then: deny}", "a: it never wins: rule b on line 3 says deny whenever it says ask"},
		{"redact and deny", "{name: a, on: result, server: s, then: redact}\n{name: b, on: result, server: s, then: deny}", "a: it never wins: rule b on line 3 says deny whenever it says redact"},
		{"allow and ask", "{name: a, on: call, server: s, then: allow}\n{name: b, on: call, server: s, then: ask}", "a: it never wins: rule b on line 3 says ask whenever it says allow"},
		{"a call of what is hidden", "{name: a, on: call, server: s, then: ask}\n{name: b, on: list, server: s, then: deny}", "a: it never wins: rule b on line 3"},
		{"what is shown and never called", "{name: a, on: [list, call], server: s, then: allow}\n{name: b, on: call, server: s, then: deny}", "a: it never wins: rule b on line 3"},
		{"a list that is allowed on calls as well", "{name: a, on: [list, effect], server: s, tool: t, then: deny}\n{name: b, on: call, server: s, then: deny}\n{name: c, on: effect, server: s, then: ask}", ""},
		{"a phase in which an allow means nothing", "{name: a, on: [list, call], server: s, " + condition + ", then: allow}\n{name: b, on: call, server: s, then: deny}", "a: it never wins: rule b on line 3"},
		{"the same twice", "{name: a, on: call, server: s, " + condition + ", then: deny}\n{name: b, on: call, server: s, " + condition + ", then: deny}", "3:5: b: rule a on line 2 says the same already"},
		{"the same question twice", "{name: a, on: call, server: s, then: ask}\n{name: b, on: call, server: s, then: ask}", "b: rule a on line 2 says the same already"},
		{"two questions", "{name: a, on: call, server: s, then: ask}\n{name: b, on: call, server: s, " + condition + ", then: ask}", ""},
		{"a narrower allow", "{name: a, on: call, server: s, then: allow}\n{name: b, on: call, server: s, " + condition + ", then: allow}", "3:5: b: it changes nothing: rule a on line 2 says allow to all of that already"},
		{"a narrower allow in front", "{name: b, on: call, server: s, tool: y, then: allow}\n{name: a, on: call, server: s, then: allow}", "2:5: b: it changes nothing: rule a on line 3"},
		{"a narrower deny in front, for its message", "{name: b, on: call, server: s, tool: y, then: deny}\n{name: a, on: call, server: s, then: deny}", ""},
		{"a narrower deny behind", "{name: a, on: call, server: s, then: deny}\n{name: b, on: call, server: s, tool: y, then: deny}", "3:5: b: it changes nothing: rule a on line 2 says deny"},
		{"redactions add up", "{name: a, on: result, server: s, then: redact, redact: x}\n{name: b, on: result, server: s, then: redact, redact: y}", ""},
		{"a redaction twice", "{name: a, on: result, server: s, then: redact, redact: x}\n{name: b, on: result, server: s, then: redact, redact: x}", "b: rule a on line 2 says the same already"},
		{"a redaction and an allow", "{name: a, on: result, server: s, then: redact, redact: x}\n{name: b, on: result, server: s, then: allow}", ""},
		{"labels", "{name: a, on: call, server: s, labels: {source: untrusted}}\n{name: b, on: call, server: s, then: deny}", ""},
		{"what never counts covers nothing", "{name: a, on: call, server: s, " + condition + ", then: ask}\n{name: b, on: call, server: t, then: deny}", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rules := "  - " + strings.ReplaceAll(tt.rules, "\n", "\n  - ") + "\n"
			compareWarning(t, checkRules(t, rules, nil), tt.want)
		})
	}
}

func TestCheckUntrusted(t *testing.T) {
	tests := []struct{ name, on, when, then, want string }{
		{"a hint", "call", "tool.hints.readOnly", "allow", "2:32: a: tool.hints.readOnly is what a server says of itself: who lies is allowed"},
		{"a hint that is asked for", "call", "has(tool.hints.readOnly) && tool.hints.readOnly", "allow", "tool.hints.readOnly is what a server says"},
		{"a client", "call", `principal.client.name == "desk"`, "allow", "principal.client.name is what a client says of itself"},
		{"one of two ways", "call", `server.name == "s" || tool.hints.readOnly`, "allow", "tool.hints.readOnly is"},
		{"beside a constant", "call", `true && tool.hints.readOnly`, "allow", "tool.hints.readOnly is"},
		{"with more", "call", `server.name == "s" && tool.hints.readOnly`, "allow", ""},
		{"asked for", "call", "tool.hints.destructive", "ask", ""},
		{"denied", "call", "!tool.hints.readOnly", "deny", ""},
		{"a result", "result", "result.size < 10", "allow", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := checkRules(t, "  - {name: a, on: "+tt.on+", when: '"+tt.when+"', then: "+tt.then+"}\n", nil)
			compareWarning(t, got, tt.want)
		})
	}
}

func TestCheckEffectParts(t *testing.T) {
	const http = "effect.http is read before it is clear that it is there"
	tests := []struct{ name, when, want string }{
		{"no test", `server.name == "s" && effect.http.host == "x"`, "2:56: a: " + http},
		{"twice", `effect.http.host == "x" && effect.http.port == 1`, "2:34: a: " + http},
		{"by kind", `effect.kind == "http" && effect.http.host == "x"`, ""},
		{"by kind, behind", `effect.http.host == "x" && "http" == effect.kind`, ""},
		{"by kind in a list", `effect.kind in ["http"] && effect.http.host == "x"`, ""},
		{"by several kinds", `effect.kind in ["http", "kv"] && effect.http.host == "x"`, http},
		{"by another kind", `effect.kind == "kv" && effect.http.host == "x"`, http},
		{"by no kind", `effect.kind != "http" && effect.http.host == "x"`, http},
		{"by has", `has(effect.http) && effect.http.host == "x"`, ""},
		{"by has of a field", `has(effect.http.host) && effect.http.host == "x"`, http},
		{"the other way round", `!has(effect.http) || effect.http.host == "x"`, ""},
		{"by kind, the other way round", `effect.kind != "http" || effect.http.host == "x"`, ""},
		{"not both", `!(has(effect.http) && effect.http.host == "x")`, ""},
		{"in brackets", `effect.kind == "http" && (effect.http.host == "x" || effect.http.port == 1)`, ""},
		{"one of two tests", `(effect.kind == "http" || server.name == "s") && effect.http.host == "x"`, http},
		{"each of two tests", `(effect.kind == "http" || has(effect.http)) && effect.http.host == "x"`, ""},
		{"a choice", `has(effect.http) ? effect.http.host == "x" : effect.kind == "kv"`, ""},
		{"the wrong choice", `has(effect.http) ? true : effect.http.host == "x"`, http},
		{"optional", `effect.?http.?host.orValue("") == "x"`, ""},
		{"optional too late", `effect.http.?host.orValue("") == "x"`, http},
		{"in a loop", `["a"].exists(h, h == effect.http.host)`, http},
		{"in a loop behind a test", `has(effect.http) && ["a"].exists(h, h == effect.http.host)`, ""},
		{"a file", `effect.file.path == "/a"`, "effect.file is read before"},
		{"a key", `effect.kv.key == "a"`, "effect.kv is read before"},
		{"a secret", `effect.secret.name == "a"`, "effect.secret is read before"},
		{"the kind", `effect.kind == "kv"`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := checkRules(t, "  - {name: a, on: effect, when: '"+tt.when+"', then: deny}\n", nil)
			compareWarning(t, got, tt.want)
		})
	}
}

func TestCheckListAlone(t *testing.T) {
	const warning = "2:15: a: allowing on list shows nothing by itself: shown is what a rule on call may allow; put it on call, or leave list out"
	tests := []struct{ name, rule, want string }{
		{"list", "on: list, then: allow", warning},
		{"with other phases", "on: [list, effect], server: odd, then: allow", warning},
		{"with a condition", "on: list, when: 'tool.name == \"t\"', then: allow", warning},
		{"covered by a denial", "on: list, when: 'server.name == \"odd\"', then: allow", warning},
		{"with calls", "on: [list, call], server: odd, tool: t, when: 'tool.hash == \"x\" && server.name == \"q\"', then: allow", ""},
		{"a denial", "on: list, server: s, then: deny", ""},
		{"labels", "on: list, server: s, labels: {source: untrusted}", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			compareWarning(t, checkRules(t, "  - {name: a, "+tt.rule+"}\n", nil), tt.want)
		})
	}
}

func TestCheckValues(t *testing.T) {
	tests := []struct{ name, on, when, want string }{
		{"a kind", "effect", `effect.kind == "htp"`, `2:60: a: effect.kind is never "htp": did you mean "http"?`},
		{"a kind that nothing is near", "effect", `effect.kind != "network"`, `effect.kind is never "network": want http, file, kv or secret`},
		{"one of several kinds", "effect", `effect.kind in ["http", "files"]`, `2:69: a: effect.kind is never "files": did you mean "file"?`},
		{"no kind", "effect", `effect.kind == ""`, `effect.kind is never ""`},
		{"the other way round", "effect", `"fil" == effect.kind`, `effect.kind is never "fil"`},
		{"in a loop", "effect", `["a"].exists(x, x == server.name && effect.kind == "htp")`, `effect.kind is never "htp"`},
		{"a file", "effect", `has(effect.file) && effect.file.access == "list"`, `effect.file.access is never "list": want read or write`},
		{"a key", "effect", `has(effect.kv) && effect.kv.access == "list"`, ""},
		{"another access of a key", "effect", `has(effect.kv) && effect.kv.access == "delete"`, `effect.kv.access is never "delete"`},
		{"a scheme", "effect", `has(effect.http) && effect.http.scheme == "HTTPS"`, `effect.http.scheme is never "HTTPS": did you mean "https"?`},
		{"a method in lower case", "effect", `has(effect.http) && effect.http.method in ["GET", "post"]`, `effect.http.method is never "post": it is in upper case: write "POST"`},
		{"any other method", "effect", `has(effect.http) && effect.http.method == "PROPFIND"`, ""},
		{"a transport", "call", `request.transport == "sse"`, `request.transport is never "sse": want stdio, http or go`},
		{"no transport", "call", `request.transport == ""`, ""},
		{"a request's method", "call", `request.method == "tool/call"`, `request.method is never "tool/call": did you mean "tools/call"?`},
		{"a method of an extension", "call", `request.method == "example.com/greet"`, ""},
		{"a result", "result", `result.kind == "answers"`, `result.kind is never "answers": did you mean "answer"?`},
		{"a backend", "call", `server.backend == "docker"`, `server.backend is never "docker": want wasm`},
		{"data", "call", `server.grants.kv == "none"`, `server.grants.kv is never "none"`},
		{"no data", "call", `server.grants.kv != ""`, ""},
		{"what is not a text of the policy", "call", `request.transport == tool.name`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := checkRules(t, "  - {name: a, on: "+tt.on+", server: s, when: '"+tt.when+"', then: deny}\n", nil)
			compareWarning(t, got, tt.want)
		})
	}
}

func TestCheckClaims(t *testing.T) {
	const want = "principal.claims.team is read before it is clear that it is there, which is an error and denies everybody who does not have it: write has(principal.claims.team) && … or principal.claims.?team.orValue(…)"
	tests := []struct{ name, when, want string }{
		{"no test", `principal.claims.team == "a"`, "2:32: a: " + want},
		{"in brackets", `principal.claims["team"] == "a"`, want},
		{"by has", `has(principal.claims.team) && principal.claims.team == "a"`, ""},
		{"by has of another", `has(principal.claims.role) && principal.claims.team == "a"`, want},
		{"by in", `"team" in principal.claims && principal.claims["team"] == "a"`, ""},
		{"by has, or without", `!has(principal.claims.team) || principal.claims.team == "a"`, ""},
		{"optional", `principal.claims.?team.orValue("") == "a"`, ""},
		{"optional in brackets", `principal.claims[?"team"].orValue("") == "a"`, ""},
		{"in a loop", `["a"].exists(x, principal.claims.team == x)`, want},
		{"a name of a loop", `[{"claims": {"team": tool.name}}].exists(principal, principal.claims.team == "a")`, ""},
		{"a computed one", `principal.claims[tool.name] == "a"`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := checkRules(t, "  - {name: a, on: call, when: '"+tt.when+"', then: deny}\n", nil)
			compareWarning(t, got, tt.want)
		})
	}
}

func TestCheckArguments(t *testing.T) {
	const untyped = "args.n is read before it is clear that it is there, which is an error and denies every call without it: name the server and the tool, or write has(args.n) && … or args.?n.orValue(…)"
	const optional = `args.n is read before it is clear that it is there, which is an error and denies every call without it, and the tool "t" does not require it`
	installed := []Installed{{"s", []*Tool{{Name: "t", InputSchema: []byte(`{"type":"object","required":["id","o"],"properties":{"id":{"type":"string"},"n":{"type":"integer"},` +
		`"o":{"type":"object","properties":{"n":{"type":"integer"}}}}}`)}, {Name: "free", InputSchema: []byte(`{"type":"object"}`)}}}}
	tests := []struct{ name, rule, when, want string }{
		{"of any tool", "", `args.n > 1`, untyped},
		{"of a server's tools", "server: s, ", `args.n > 1`, untyped},
		{"of any tool, by has", "", `has(args.n) && args.n > 1`, ""},
		{"of any tool, optional", "", `args.?n.orValue(1) > 1`, ""},
		{"of a tool in the condition", "", `tool.name == "t" && args.n > 1`, ""},
		{"of tools in the condition", "", `tool.name in ["t", "free"] && args.n > 1`, ""},
		{"of no tool", "", `tool.name != "t" && args.n > 1`, untyped},
		{"of no tool in the condition", "", `tool.name == "" && args.n > 1`, untyped},
		{"of a prompt", "", `prompt == "p" && args.n == "1"`, ""},
		{"a part of one", "", `has(args.n) && args.n.m == 1`, ""},
		{"of a tool, and optional", "server: s, tool: t, ", `args.n > 1`, optional},
		{"of two tools", "server: s, tool: [free, t], ", `args.n > 1`, optional},
		{"of a tool, by has", "server: s, tool: t, ", `has(args.n) && args.n > 1`, ""},
		{"of a tool, and required", "server: s, tool: t, ", `args.id == "1"`, ""},
		{"within one of a tool", "server: s, tool: t, ", `args.o.n == 1`, "args.o.n is read before"},
		{"within one of a tool, by has", "server: s, tool: t, ", `has(args.o.n) && args.o.n == 1`, ""},
		{"of a tool without types", "server: s, tool: free, ", `args.n > 1`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rule := "  - {name: a, on: call, " + tt.rule + "when: '" + tt.when + "', then: deny}\n"
			p := mustParse(t, "rules:\n"+rule+"  - {name: works, on: [call, effect, result], when: 'prompt != \"x\"', then: allow}\n")
			compareWarning(t, p.Check(installed).Error(), tt.want)
			want := tt.want
			if strings.Contains(tt.rule, "tool: ") {
				want = "" // what it takes is not known
			}
			compareWarning(t, p.Check(nil).Error(), want)
		})
	}
}

func TestCheckInstalled(t *testing.T) {
	installed := []Installed{{"fetch", []*Tool{{Name: "get"}, {Name: "head"}}}, {"odd", nil}, {"x", nil}}
	tests := []struct{ name, rule, want string }{
		{"all there", "server: fetch, tool: [get, head]", ""},
		{"no such server", "server: [odd, fecth]", `2:39: a: no server "fecth" is installed: did you mean "fetch"?`},
		{"no such server, whose tools nobody knows", "server: far, tool: away", `2:25: a: no server "far" is installed`},
		{"no such tool", "server: fetch, tool: [get, haed]", `2:52: a: no server of the rule has a tool "haed": did you mean "head"?`},
		{"a tool of another server", "server: odd, tool: get", `no server of the rule has a tool "get"`},
		{"a name in the condition", `when: 'server.name == "fetsh"'`, `2:47: a: server.name is never "fetsh": none of that name is installed: did you mean "fetch"?`},
		{"a tool in the condition", `when: '"gte" == tool.name'`, `tool.name is never "gte": none of that name is installed: did you mean "get"?`},
		{"a list in the condition", `when: 'tool.name in ["get", "post"]'`, `tool.name is never "post"`},
		{"no tool", `when: 'tool.name != ""'`, ""},
		{"known names", `when: 'tool.name == "head" && server.name in ["fetch"]'`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rule := "  - {name: a, on: call, " + tt.rule + ", then: deny}\n"
			compareWarning(t, checkRules(t, rule, installed), tt.want)
			compareWarning(t, checkRules(t, rule, nil), "")
		})
	}
}

func TestCheckWhole(t *testing.T) {
	tests := []struct{ name, rules, want string }{
		{"everything", "{name: a, on: [call, effect, result], then: allow}", "policy.yaml:2:5: a: everything is allowed: no rule denies, asks or redacts"},
		{"everything by several rules", "{name: a, on: call, then: allow}\n{name: b, on: [effect, result], then: allow}", "policy.yaml:2:5: a: everything is allowed"},
		{"effects by a condition", "{name: a, on: [call, result], then: allow}\n{name: b, on: effect, when: 'effect.kind == \"kv\"', then: allow}", ""},
		{"a denial", "{name: a, on: [call, effect, result], then: allow}\n{name: b, on: call, server: s, then: deny}", ""},
		{"a denial that never is", "{name: a, on: [call, effect, result], then: allow}\n{name: b, on: call, when: '1 > 2', then: deny}", "policy.yaml:2:5: a: everything is allowed: no rule denies, asks or redacts, so that grants alone bound what servers do\npolicy.yaml:3:32: b: the condition is never true"},
		{"no effects", "{name: a, on: [call, result], then: allow}", "policy.yaml: no rule allows anything on effect, so that all of it is denied"},
		{"denials only", "{name: a, on: [call, result], then: allow}\n{name: b, on: effect, then: deny}", "policy.yaml: no rule allows anything on effect"},
		{"labels only", "{name: a, on: [call, effect], then: allow}\n{name: b, on: result, labels: {source: untrusted}}", "policy.yaml: no rule allows anything on result"},
		{"no calls", "{name: a, on: [effect, result, list], then: allow}", "policy.yaml: no rule allows anything on call"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := mustParse(t, "rules:\n  - "+strings.ReplaceAll(tt.rules, "\n", "\n  - ")+"\n").Check(nil).Error()
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("warnings\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}
