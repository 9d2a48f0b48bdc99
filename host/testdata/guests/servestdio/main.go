// Command servestdio is a server as mcp-go's documentation shows it. ServeStdio
// asks for signals, which makes Go's runtime spin on wasip1.
package main

import (
	"log"

	"github.com/mark3labs/mcp-go/server"
)

func main() {
	if err := server.ServeStdio(server.NewMCPServer("servestdio", "1.0.0", server.WithToolCapabilities(false))); err != nil {
		log.Fatal(err)
	}
}
