// Package benchserver is an mcp-go server with the two tools of the sample
// bench, for whoever wants to serve it: as a stdio guest, natively as a process,
// or inside a benchmark that compares the two.
package benchserver

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// New returns a server with the tools echo, which returns its argument, and
// digest, which returns the SHA-256 of a JSON text in a normal form.
func New() *server.MCPServer {
	s := server.NewMCPServer("stdio-bench", "1.0.0")
	s.AddTool(mcp.NewTool("echo", mcp.WithReadOnlyHintAnnotation(true), mcp.WithDescription("Returns its argument."),
		mcp.WithString("text", mcp.Required(), mcp.Description("what to return"))),
		func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return mcp.NewToolResultText(r.GetString("text", "")), nil
		})
	s.AddTool(mcp.NewTool("digest", mcp.WithReadOnlyHintAnnotation(true), mcp.WithDescription("Returns the SHA-256 of a JSON text in a normal form."),
		mcp.WithString("json", mcp.Required(), mcp.Description("a JSON text"))),
		func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			sum, err := Digest(r.GetString("json", ""))
			if err != nil {
				return mcp.NewToolResultError(err.Error()), nil
			}
			return mcp.NewToolResultText(sum), nil
		})
	return s
}

// Digest parses a JSON text, writes it again with sorted names and without white
// space, and returns the SHA-256 of that in hexadecimal.
func Digest(text string) (string, error) {
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
