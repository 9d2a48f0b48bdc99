// Canary is a server that says on standard error that its code ran, before
// anything else.
package main

import (
	"context"
	"os"

	"github.com/mcpwasm/mcpwasm/plugins/pdk"
)

type echoIn struct {
	Text string `json:"text"`
}

func init() {
	_, _ = os.Stderr.WriteString("the canary sings\n") // nobody to report to
	s := pdk.New("canary", "1.0.0")
	pdk.AddTool(s, pdk.Tool{Name: "echo", Description: "Returns the text.", Annotations: pdk.ReadOnly()},
		func(_ context.Context, in echoIn) (*pdk.ToolResult, error) { return pdk.Textf("%s", in.Text), nil })
	pdk.Serve(s)
}

func main() {}
