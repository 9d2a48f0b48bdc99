package gateway

import (
	"bytes"
	"testing"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host/internal/gate"
	"github.com/mcpwasm/mcpwasm/host/internal/gate/gatetest"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// BenchmarkHandle measures what the gateway adds to a call: its guest answers
// from a table. "open" asks nothing; what the default policy costs is beyond that.
func BenchmarkHandle(b *testing.B) {
	for _, p := range []struct {
		name   string
		policy gate.Policy
	}{{"open", gatetest.Policy{}}, {"default", cel.Default()}} {
		guest := newGuest("one")
		guest.answers[plugins.MethodCallTool] = says(`{"resultType":"complete","content":[{"type":"text","text":"hello, world"}]}`)
		guest.answers[plugins.MethodListTools] = says(`{"tools":[{"name":"run","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":true}}]}`)
		g := newGatewayAt(b, gateOf(b, p.policy, &bytes.Buffer{}), false, map[string]Guest{"one": guest})
		for _, method := range []string{plugins.MethodCallTool, plugins.MethodListTools} {
			b.Run(p.name+"/"+method, func(b *testing.B) { handle(b, g, method, `"name":"run","arguments":{"text":"hello, world"},`) })
		}
	}
}

// handle measures one request over and over.
func handle(b *testing.B, g *Gateway, method, members string) {
	params, err := wire.ParseObject([]byte(`{` + members + `"_meta":` + string(testMeta) + `}`))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		m, perr := ParseMeta(params)
		if perr != nil {
			b.Fatal(perr)
		}
		if a := g.Handle(b.Context(), Request{Method: method, Params: params, Meta: m}); a.Error != nil {
			b.Fatal(a.Error)
		}
	}
}

// BenchmarkFilteredList lists 1,000 tools, the first page of a hundred and all on one, by a policy
// whose lists are the same for everybody and by one whose are not.
func BenchmarkFilteredList(b *testing.B) {
	for _, tc := range []struct{ name, when string }{{"same", `tool.name.endsWith("7")`}, {"vary", `tool.name.endsWith("7") && principal.subject == ""`}} {
		p, err := cel.Parse("policy.yaml", []byte("rules:\n  - {name: works, on: [list, call], then: allow}\n  - {name: sevens, on: list, when: '"+tc.when+"', then: deny}\n"))
		if err != nil {
			b.Fatal(err)
		}
		for size, name := range map[int]string{100: "pages", 1000: "one"} {
			g := newGatewayAt(b, gateOf(b, p, &bytes.Buffer{}), false, map[string]Guest{"many": manyTools(1000)})
			g.cfg.PageSize = size
			b.Run(tc.name+"/"+name, func(b *testing.B) { handle(b, g, plugins.MethodListTools, "") })
		}
	}
}
