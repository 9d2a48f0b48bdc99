// Everything holds one of each: every kind of content, resource, prompt,
// notification and input request, under the names and with the behaviour that
// the MCP conformance suite asks for (@modelcontextprotocol/conformance, servers
// of 2026-07-28 and 2025-11-25). Clients of older revisions are the host's
// business: the tools that ask the client something in the middle of a call are
// written once, as rounds.
package main

import (
	"context"
	"encoding/base64"

	"github.com/mcpwasm/mcpwasm/plugins/pdk"
)

func init() {
	s := pdk.New("everything", "1.0.0")
	s.Title = "Everything"
	s.Instructions = "Test fixtures: call a tool by its name to see the feature that it is named after."
	s.Cache = pdk.Cache{TTLMillis: 300_000, Public: true}
	s.Changes = pdk.Changes{Tools: true, Prompts: true, Resources: true, Updates: true}
	addContentTools(s)
	addNotifyingTools(s)
	addClassicInputTools(s)
	addRoundTools(s)
	addResources(s)
	addPrompts(s)
	pdk.Serve(s)
}

func main() {}

// none is the arguments of a tool that takes none.
type none struct{}

// add adds a tool without arguments.
func add(s *pdk.Server, name, description string, handler func(context.Context) (*pdk.ToolResult, error)) {
	pdk.AddTool(s, pdk.Tool{Name: name, Description: description}, func(ctx context.Context, _ none) (*pdk.ToolResult, error) {
		return handler(ctx)
	})
}

// pixel is a PNG of one opaque red pixel.
var pixel = mustDecode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mP4z8AAAAMBAQD3A0FDAAAAAElFTkSuQmCC")

// silence is a WAV file of one channel, 8 kHz, 8 bits, without samples.
var silence = []byte("RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x40\x1f\x00\x00\x01\x00\x08\x00data\x00\x00\x00\x00")

func mustDecode(s string) []byte {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}
