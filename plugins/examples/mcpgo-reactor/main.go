// Mcpgo-reactor is an mcp-go server as a guest. It has the tools of the sample
// bench.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/mcpwasm/mcpwasm/plugins/pdk/mcpgo"
)

// newServer is what an ordinary mcp-go program has; nothing in it knows where it
// runs.
func newServer() *server.MCPServer {
	s := server.NewMCPServer("mcpgo-reactor", "1.0.0")
	s.AddTool(mcp.NewTool("echo", mcp.WithReadOnlyHintAnnotation(true), mcp.WithDescription("Returns its argument."),
		mcp.WithString("text", mcp.Required(), mcp.Description("what to return"))),
		func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return mcp.NewToolResultText(r.GetString("text", "")), nil
		})
	s.AddTool(mcp.NewTool("digest", mcp.WithReadOnlyHintAnnotation(true), mcp.WithDescription("Returns the SHA-256 of a JSON text in a normal form."),
		mcp.WithString("json", mcp.Required(), mcp.Description("a JSON text"))),
		func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			sum, err := digest(r.GetString("json", ""))
			if err != nil {
				return mcp.NewToolResultError(err.Error()), nil
			}
			return mcp.NewToolResultText(sum), nil
		})
	return s
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

func init() { mcpgo.Serve(newServer()) }

func main() {}
