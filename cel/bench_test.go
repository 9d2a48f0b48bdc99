package cel

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// generalRules are n rules that all apply to every call, as people write them: about
// the server and the tool, hints, labels, the caller and the arguments.
func generalRules(n int) string {
	conditions := []string{
		`server.name == "github" && tool.name.startsWith("delete%d_") && !tool.hints.readOnly`,
		`"flow:allowed" in labels && "source:untrusted" in session.labels && session.calls > %d`,
		`principal.subject == "user%d" && request.transport == "http"`,
		`args.path.startsWith("/srv/%d/") && !("write" in tool.tags)`,
		`server.registry == "ghcr.io" && server.signers.exists(s, s == "https://github.com/%d")`,
	}
	var b strings.Builder
	b.WriteString("rules:\n  - {name: all, on: [list, call, effect, result], then: allow}\n")
	for i := 1; i < n; i++ {
		fmt.Fprintf(&b, "  - {name: rule-%d, on: call, then: deny, when: '%s'}\n", i, fmt.Sprintf(conditions[i%len(conditions)], i))
	}
	return b.String()
}

func benchInput() *Input {
	return &Input{
		Server: &Server{Name: "github", Digest: "sha256:ab", Registry: "ghcr.io", Signers: []string{"https://github.com/someone"}, Backend: "wasm"},
		Tool: &Tool{
			Name: "create_issue", Hash: "sha256:cd", Tags: []string{"write"},
			InputSchema: json.RawMessage(`{"type":"object","properties":{"path":{"type":"string"},"title":{"type":"string"},"count":{"type":"integer"}}}`),
		},
		Labels:    []string{"reads:private", "sink:external"},
		Args:      json.RawMessage(`{"path":"/home/me/notes.md","title":"A title","count":3}`),
		Principal: Principal{Subject: "me", Client: Client{Name: "client", Version: "1"}},
		Request:   Request{ID: "1", Method: "tools/call", Revision: "2026-07-28", Transport: "http", Time: time.Unix(1e9, 0)},
		Session:   Session{Calls: 3, Labels: []string{"reads:private", "source:untrusted"}},
	}
}

func mustParse(tb testing.TB, text string) *Policy {
	tb.Helper()
	p, err := Parse("policy.yaml", []byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// measure runs f and reports the median beside the mean.
func measure(b *testing.B, f func()) {
	b.ReportAllocs()
	took := make([]time.Duration, 0, 1<<16)
	for b.Loop() {
		start := time.Now()
		f()
		if took = append(took, time.Since(start)); len(took) == cap(took) {
			took = took[:0]
		}
	}
	if len(took) > 0 {
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "p50-ns/op")
	}
}

func expect(b *testing.B, p *Policy, phase Phase, in *Input, want Verdict) {
	b.Helper()
	if d := p.Decide(context.Background(), phase, in); d.Verdict != want {
		b.Fatalf("decided %+v, want %s", d, want)
	}
}

func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			p, in := mustParse(b, generalRules(n)), benchInput()
			expect(b, p, PhaseCall, in, Allow)
			measure(b, func() { p.Decide(context.Background(), PhaseCall, in) })
		})
	}
	b.Run("default", func(b *testing.B) {
		in := benchInput()
		in.Session = Session{}
		expect(b, Default(), PhaseCall, in, Allow)
		measure(b, func() { Default().Decide(context.Background(), PhaseCall, in) })
	})
}

// A thousand rules, ten of which are about the server that is called.
func BenchmarkDecideManyServers(b *testing.B) {
	var t strings.Builder
	t.WriteString("rules:\n  - {name: all, on: [list, call], then: allow}\n")
	for i := range 1000 {
		server := fmt.Sprintf("server%d", i)
		if i%100 == 0 {
			server = "github"
		}
		fmt.Fprintf(&t, "  - {name: rule-%d, on: call, server: %s, then: deny, when: 'tool.name == \"drop%d\"'}\n", i, server, i)
	}
	p, in := mustParse(b, t.String()), benchInput()
	expect(b, p, PhaseCall, in, Allow)
	measure(b, func() { p.Decide(context.Background(), PhaseCall, in) })
}

// Ten rules whose arguments are typed by the tool's input schema.
func BenchmarkDecideTyped(b *testing.B) {
	var t strings.Builder
	t.WriteString("rules:\n  - {name: all, on: [list, call], then: allow}\n")
	for i := range 10 {
		fmt.Fprintf(&t, "  - {name: rule-%d, on: call, server: github, tool: create_issue, then: deny, when: 'args.count > %d && args.path.startsWith(\"/srv\")'}\n", i, i)
	}
	p, in := mustParse(b, t.String()), benchInput()
	expect(b, p, PhaseCall, in, Allow)
	measure(b, func() { p.Decide(context.Background(), PhaseCall, in) })
}

func BenchmarkCheckTool(b *testing.B) {
	p := mustParse(b, "rules:\n  - {name: r, on: call, server: github, tool: create_issue, then: deny, when: args.count > 3}\n")
	tool := *benchInput().Tool
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		n++
		tool.Hash = fmt.Sprint(n)
		if ps := p.CheckTool("github", &tool); ps != nil {
			b.Fatal(ps)
		}
	}
}

func BenchmarkList(b *testing.B) {
	p := mustParse(b, generalRules(100))
	var inputs []*Input
	for i := range 1000 {
		in := benchInput()
		in.Tool.Name, in.Args = fmt.Sprintf("tool_%d", i), nil
		inputs = append(inputs, in)
	}
	expect(b, p, PhaseList, inputs[0], Allow)
	measure(b, func() {
		for _, in := range inputs {
			p.Decide(context.Background(), PhaseList, in)
		}
	})
}

func BenchmarkExplain(b *testing.B) {
	p, in := mustParse(b, generalRules(100)), benchInput()
	measure(b, func() { p.Explain(context.Background(), PhaseCall, in) })
}

func BenchmarkParse(b *testing.B) {
	text := []byte(generalRules(100))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("policy.yaml", text); err != nil {
			b.Fatal(err)
		}
	}
}
