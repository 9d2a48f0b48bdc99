package gateway

import (
	"testing"

	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// BenchmarkHandle measures what the gateway adds to a call: its guest answers
// from a table.
func BenchmarkHandle(b *testing.B) {
	guest := newGuest("one")
	guest.answers[plugins.MethodCallTool] = says(`{"resultType":"complete","content":[{"type":"text","text":"hello, world"}]}`)
	g := newGateway(b, false, map[string]Guest{"one": guest})
	for _, method := range []string{plugins.MethodCallTool, plugins.MethodListTools} {
		b.Run(method, func(b *testing.B) {
			params, err := wire.ParseObject([]byte(`{"name":"run","arguments":{"text":"hello, world"},"_meta":` + string(testMeta) + `}`))
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
		})
	}
}
