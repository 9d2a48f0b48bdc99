// Waitstdio is the guest wait as an ordinary stdio server, written with the
// official Go SDK.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

func main() {
	s := mcp.NewServer(&mcp.Implementation{Name: "wait", Version: "1.0.0"}, nil)
	var cancelled atomic.Int32
	mcp.AddTool(s, &mcp.Tool{Name: "wait", Description: "Waits until it is cancelled."},
		func(ctx context.Context, req *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, any, error) {
			return wait(ctx, req, &cancelled)
		})
	mcp.AddTool(s, &mcp.Tool{Name: "cancelled", Description: "Tells how many calls were cancelled."},
		func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
			return text(fmt.Sprintf("cancelled: %d", cancelled.Load())), nil, nil
		})
	if err := s.Run(context.Background(), &mcp.StdioTransport{}); err != nil && !errors.Is(err, io.EOF) {
		log.Fatal(err)
	}
}

func wait(ctx context.Context, req *mcp.CallToolRequest, cancelled *atomic.Int32) (*mcp.CallToolResult, any, error) {
	if token := req.Params.GetProgressToken(); token != nil {
		if err := req.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{ProgressToken: token, Total: 1, Message: "waiting"}); err != nil {
			return nil, nil, err
		}
	}
	select {
	case <-ctx.Done():
		cancelled.Add(1)
		return nil, nil, ctx.Err()
	case <-time.After(10 * time.Minute):
		return text("nobody cancelled"), nil, nil
	}
}

func text(s string) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: s}}}
}
