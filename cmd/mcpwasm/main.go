// Mcpwasm runs MCP servers that are compiled to WebAssembly, in a sandbox.
package main

import (
	"os"

	"github.com/mcpwasm/mcpwasm/cmd/internal/cli"
)

func main() { os.Exit(cli.Main()) }
