// Command bench is an ordinary stdio MCP server for the benchmarks, written with
// mcp-go. The same source is measured as a guest and as a native process. It
// has the tools of the reactors bench, mcpgo-reactor and gosdk-reactor.
package main

import (
	"context"
	"log"
	"os"

	"github.com/mark3labs/mcp-go/server"

	"github.com/mcpwasm/mcpwasm/plugins/examples/stdio/bench/benchserver"
)

func main() {
	stdio := server.NewStdioServer(benchserver.New())
	if err := stdio.Listen(context.Background(), os.Stdin, os.Stdout); err != nil {
		log.SetOutput(os.Stderr)
		log.Fatal(err)
	}
}
