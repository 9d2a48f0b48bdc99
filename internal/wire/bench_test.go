package wire

import "testing"

// call is a message as clients send it most.
const call = `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hello, world"},` +
	`"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{}},` +
	`"io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1"}}}}`

func BenchmarkParseMessage(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(call)))
	for b.Loop() {
		if _, err := ParseMessage([]byte(call)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheckNames(b *testing.B) {
	o, err := ParseObject([]byte(`{"name":"echo","arguments":{},"_meta":{}}`))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := o.CheckNames("_meta", "name", "arguments", "uri", "inputResponses", "requestState"); err != nil {
			b.Fatal(err)
		}
	}
}
