// Gosdk-reactor is a server written with the official Go SDK as a guest. It has
// the tools of the sample bench.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpwasm/mcpwasm/plugins/pdk/gosdk"
)

type echoIn struct {
	Text string `json:"text" jsonschema:"what to return"`
}

type digestIn struct {
	JSON string `json:"json" jsonschema:"a JSON text"`
}

// newServer is what an ordinary program has; nothing in it knows where it runs.
func newServer() *mcp.Server {
	s := mcp.NewServer(&mcp.Implementation{Name: "gosdk-reactor", Version: "1.0.0"}, nil)
	mcp.AddTool(s, &mcp.Tool{Name: "echo", Description: "Returns its argument."},
		func(_ context.Context, _ *mcp.CallToolRequest, in echoIn) (*mcp.CallToolResult, any, error) {
			return text(in.Text), nil, nil
		})
	mcp.AddTool(s, &mcp.Tool{Name: "digest", Description: "Returns the SHA-256 of a JSON text in a normal form."},
		func(_ context.Context, _ *mcp.CallToolRequest, in digestIn) (*mcp.CallToolResult, any, error) {
			sum, err := digest(in.JSON)
			if err != nil {
				return nil, nil, err
			}
			return text(sum), nil, nil
		})
	return s
}

func text(s string) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: s}}}
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

func init() { gosdk.Serve(newServer()) }

func main() {}
