package cel_test

import (
	"context"
	"fmt"
	"log"

	"github.com/mcpwasm/mcpwasm/cel"
)

// Decide on a call and on what its guest wants to do.
func Example() {
	policy, err := cel.Parse("policy.yaml", []byte(`
rules:
  - name: works
    on: [list, call, result]
    then: allow
  - name: read-one-host
    on: effect
    server: fetch
    when: effect.kind == "http" && effect.http.method == "GET" && effect.http.host == "example.com"
    then: allow
`))
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	server := &cel.Server{Name: "fetch"}
	tool := &cel.Tool{Name: "fetch"}
	d := policy.Decide(ctx, cel.PhaseCall, &cel.Input{Server: server, Tool: tool, Args: []byte(`{"url":"https://example.com/"}`)})
	fmt.Println(d.Verdict, d.Rule)

	for _, method := range []string{"GET", "POST"} {
		request := &cel.HTTP{Method: method, Scheme: "https", Host: "example.com", Port: 443, Path: "/"}
		d := policy.Decide(ctx, cel.PhaseEffect, &cel.Input{Server: server, Tool: tool, Effect: &cel.Effect{Kind: cel.EffectHTTP, HTTP: request}})
		fmt.Printf("%s: %s %q\n", method, d.Verdict, d.Rule)
	}
	// Output:
	// allow works
	// GET: allow "read-one-host"
	// POST: deny ""
}

// What is wrong with a policy is said all at once, before it decides anything.
func ExampleParse() {
	_, err := cel.Parse("policy.yaml", []byte(`
rules:
  - name: works
    on: cal
    then: allow
  - name: notes
    on: call
    when: sever.name == "notes"
    then: allow
`))
	fmt.Println(err)
	// Output:
	// policy.yaml:4:5: works: on: unknown phase "cal": did you mean "call"?
	// policy.yaml:8:11: notes: no variable "sever" on call: did you mean "server"?
}

// Keep decisions that matter in a table beside the policy.
func ExamplePolicy_Test() {
	policy, err := cel.Parse("policy.yaml", []byte(`
rules:
  - name: few-calls
    on: call
    when: session.calls < 3
    then: allow
`))
	if err != nil {
		log.Fatal(err)
	}
	cases, err := cel.ParseCases("cases.yaml", []byte(`
cases:
  - {name: the first, on: call, given: {server: {name: notes}}, want: {verdict: allow, rule: few-calls}}
  - {name: the fourth, on: call, given: {server: {name: notes}, session: {calls: 3}}, want: {verdict: deny}}
`))
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range policy.Test(context.Background(), cases) {
		fmt.Println(r.Case.Name, r.Decision.Verdict, r.Failures)
	}
	// Output:
	// the first allow []
	// the fourth deny []
}
