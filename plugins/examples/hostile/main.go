// Hostile is a server whose tools are attacks on its host, for make sandbox. Each
// tries what its name says and answers with what came of it; those that are to be
// stopped never answer. What Go cannot express is in sandbox/raw.
package main

import (
	"context"
	"encoding/json"

	"github.com/mcpwasm/mcpwasm/plugins/pdk"
	_ "github.com/mcpwasm/mcpwasm/plugins/pdk/hosthttp" // net/http goes through the host
)

func init() {
	s := pdk.New("hostile", "1.0.0")
	attack(s, "ok", func(context.Context, none) (string, error) { return "ok", nil })
	pdk.AddRawTool(s, json.RawMessage(`{"name":"exact","inputSchema":{"type":"object"}}`), exact)
	addComputing(s)
	addEnvironment(s)
	addFiles(s)
	addNetwork(s)
	pdk.Serve(s)
}

func main() {}

type none struct{}

// attack adds a tool that answers with a text, or with an error as a text.
func attack[T any](s *pdk.Server, name string, do func(context.Context, T) (string, error)) {
	pdk.AddTool(s, pdk.Tool{Name: name, Description: "Attacks its host: " + name + "."},
		func(ctx context.Context, in T) (*pdk.ToolResult, error) {
			text, err := do(ctx, in)
			if err != nil {
				text = "error: " + err.Error()
			}
			return pdk.TextResult(text), nil
		})
}

// exact answers with the very bytes of its arguments.
func exact(_ context.Context, arguments json.RawMessage) (*pdk.ToolResult, error) {
	r := pdk.TextResult(string(arguments))
	r.Structured = arguments
	return r, nil
}
