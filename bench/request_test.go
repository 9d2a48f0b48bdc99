package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/plugins/examples/stdio/bench/benchserver"
)

// request is a message as every client sends it, and what its answer must have.
type request struct {
	method string
	name   string          // of the tool, "" without
	params json.RawMessage // with the _meta of the stateless era
	want   []byte
}

// line is the request as one line of JSON-RPC.
func (r request) line() []byte {
	return fmt.Appendf(nil, `{"jsonrpc":"2.0","id":1,"method":%q,"params":%s}`, r.method, r.params)
}

// check keeps a wrong answer from being measured as a fast one.
func (r request) check(answer []byte) error {
	if !bytes.Contains(answer, r.want) {
		return fmt.Errorf("%s %s: the answer %.300s has no %s", r.method, r.name, answer, r.want)
	}
	return nil
}

var meta = map[string]any{
	plugins.MetaProtocolVersion:    plugins.ProtocolVersion,
	plugins.MetaClientCapabilities: map[string]any{},
	plugins.MetaClientInfo:         map[string]any{"name": "bench", "version": "1"},
}

func listTools(tb testing.TB, want string) request {
	tb.Helper()
	return newRequest(tb, plugins.MethodListTools, "", map[string]any{"_meta": meta}, want)
}

func callTool(tb testing.TB, name string, arguments map[string]any, want string) request {
	tb.Helper()
	return newRequest(tb, plugins.MethodCallTool, name, map[string]any{"name": name, "arguments": arguments, "_meta": meta}, want)
}

func newRequest(tb testing.TB, method, name string, params map[string]any, want string) request {
	tb.Helper()
	b, err := json.Marshal(params)
	if err != nil {
		tb.Fatal(err)
	}
	return request{method, name, b, []byte(want)}
}

// digestItems makes the text that digest works on about 8 KB long.
const digestItems = 80

// requests are the calls that are measured: one that does next to nothing, and
// one that parses, writes and hashes 8 KB of JSON.
func requests(tb testing.TB) []request {
	tb.Helper()
	var items []any
	for i := range digestItems {
		items = append(items, map[string]any{
			"id": i, "name": fmt.Sprintf("item %d", i), "price": float64(i) * 1.25,
			"tags": []string{"red", "green", "blue"}, "stock": i%3 == 0, "note": nil,
		})
	}
	text, err := json.Marshal(items)
	if err != nil {
		tb.Fatal(err)
	}
	sum, err := benchserver.Digest(string(text))
	if err != nil {
		tb.Fatal(err)
	}
	return []request{
		callTool(tb, "echo", map[string]any{"text": "hello, world"}, `"hello, world"`),
		callTool(tb, "digest", map[string]any{"json": string(text)}, sum),
	}
}
