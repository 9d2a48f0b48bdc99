package cel

import (
	"bytes"
	"context"
	"testing"
)

// TestDefault decides what the shipped policy promises.
func TestDefault(t *testing.T) {
	cases, err := ParseCases("default", []byte(`cases:
  - {name: a call, on: call, given: {server: {name: s}, tool: {name: t}}, want: {verdict: allow, rule: granted}}
  - {name: a list, on: list, given: {server: {name: s}, tool: {name: t, hints: {destructive: true}}}, want: allow}
  - {name: an effect, on: effect, given: {server: {name: s}, effect: {kind: kv, kv: {key: a, access: write}}}, want: allow}
  - {name: a result, on: result, given: {server: {name: s}, result: {kind: answer, text: x}}, want: {verdict: allow, text: x}}
  - {name: destructive, on: call, given: {server: {name: s}, tool: {name: t, hints: {destructive: true}}}, want: {verdict: ask, rule: destructive}}
  - {name: destructive and reading, on: call, given: {server: {name: s}, tool: {name: t, hints: {destructive: true, readOnly: true}}}, want: allow}
  - {name: not destructive, on: call, given: {server: {name: s}, tool: {name: t, hints: {destructive: false}}}, want: allow}
  - {name: a leak by a call, on: call, given: {server: {name: s}, labels: ["sink:external"], session: {labels: ["reads:private", "source:untrusted"]}},
     want: {verdict: deny, rule: exfiltration, message: This session has read private data}}
  - {name: a leak by an effect, on: effect,
     given: {server: {name: s}, labels: ["sink:external"], session: {labels: ["source:untrusted", "reads:private"]}, effect: {kind: http, http: {host: example.com}}},
     want: {verdict: deny, rule: exfiltration}}
  - {name: allowed by name, on: call, given: {server: {name: s}, labels: ["sink:external", "flow:allowed"], session: {labels: ["reads:private", "source:untrusted"]}}, want: allow}
  - {name: nothing private, on: call, given: {server: {name: s}, labels: ["sink:external"], session: {labels: ["source:untrusted"]}}, want: allow}
  - {name: nothing untrusted, on: call, given: {server: {name: s}, labels: ["sink:external"], session: {labels: ["reads:private"]}}, want: allow}
  - {name: no sink, on: call, given: {server: {name: s}, session: {labels: ["reads:private", "source:untrusted"]}}, want: allow}
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range Default().Test(context.Background(), cases) {
		for _, failure := range r.Failures {
			t.Errorf("%s: %s", r.Case.Name, failure)
		}
	}
}

// TestDefaultSource changes what was handed out.
func TestDefaultSource(t *testing.T) {
	source := DefaultSource()
	clear(source)
	if again := DefaultSource(); !bytes.HasPrefix(again, []byte("# ")) {
		t.Errorf("the source begins with %q", again[:20])
	}
}
