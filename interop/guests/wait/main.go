// Wait is a guest with what the samples lack: a call that lasts until it is
// cancelled.
package main

import (
	"context"
	"time"

	"github.com/mcpwasm/mcpwasm/plugins/pdk"
)

type none struct{}

// cancelled counts the calls that were cancelled, where the instance lives on.
var cancelled int

func init() {
	s := pdk.New("wait", "1.0.0")
	pdk.AddTool(s, pdk.Tool{Name: "wait", Description: "Waits until it is cancelled."}, func(ctx context.Context, _ none) (*pdk.ToolResult, error) {
		pdk.Progress(ctx, 0, 1, "waiting")
		select {
		case <-ctx.Done():
			cancelled++
			return nil, ctx.Err()
		case <-time.After(10 * time.Minute):
			return pdk.TextResult("nobody cancelled"), nil
		}
	})
	pdk.AddTool(s, pdk.Tool{Name: "cancelled", Description: "Tells how many calls were cancelled."}, func(context.Context, none) (*pdk.ToolResult, error) {
		return pdk.Textf("cancelled: %d", cancelled), nil
	})
	pdk.Serve(s)
}

func main() {}
