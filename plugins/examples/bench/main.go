// Bench is one of three guests with the same two tools, written with three SDKs,
// for the benchmarks: this one with the PDK, mcpgo-reactor with mcp-go,
// gosdk-reactor with the official Go SDK.
//
// echo returns its argument. digest parses a JSON text, writes it again with
// sorted names and without white space, and returns the SHA-256 of that: work of
// the kind that servers do.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/mcpwasm/mcpwasm/plugins/pdk"
)

type echoIn struct {
	Text string `json:"text" jsonschema:"what to return"`
}

type digestIn struct {
	JSON string `json:"json" jsonschema:"a JSON text"`
}

func digest(text string) (string, error) {
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return "", err
	}
	b, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

func init() {
	s := pdk.New("bench", "1.0.0")
	pdk.AddTool(s, pdk.Tool{Name: "echo", Description: "Returns its argument."}, func(_ context.Context, in echoIn) (*pdk.ToolResult, error) {
		return pdk.TextResult(in.Text), nil
	})
	pdk.AddTool(s, pdk.Tool{Name: "digest", Description: "Returns the SHA-256 of a JSON text in a normal form."}, func(_ context.Context, in digestIn) (*pdk.ToolResult, error) {
		sum, err := digest(in.JSON)
		if err != nil {
			return nil, err
		}
		return pdk.TextResult(sum), nil
	})
	pdk.Serve(s)
}

func main() {}
