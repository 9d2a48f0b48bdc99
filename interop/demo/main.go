// Demo starts a command, speaks MCP with it over its standard input and output
// through the official Go SDK's client, and prints what is said: a handshake, the
// list of tools, and a call of the tool greet.
//
//	demo bin/mcpwasm run bin/plugins/hello.wasm
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// timeout bounds the whole conversation; compiling the guest for the first time
// is most of it.
const timeout = 2 * time.Minute

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "demo: error:", err)
		os.Exit(1)
	}
}

func run(command []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if len(command) == 0 {
		return errors.New("name the command to start")
	}
	fmt.Println("$", strings.Join(command, " "))
	server := exec.CommandContext(ctx, command[0], command[1:]...)
	server.Stderr = os.Stderr
	client := mcp.NewClient(&mcp.Implementation{Name: "demo", Version: "1.0.0"}, nil)
	session, err := client.Connect(ctx, &mcp.CommandTransport{Command: server}, nil)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	return errors.Join(converse(ctx, session), session.Close())
}

func converse(ctx context.Context, session *mcp.ClientSession) error {
	hello := session.InitializeResult()
	if hello.ServerInfo == nil {
		return errors.New("handshake: the server does not say who it is")
	}
	fmt.Printf("\nhandshake   %s %s, MCP %s\n", hello.ServerInfo.Name, hello.ServerInfo.Version, hello.ProtocolVersion)
	list, err := session.ListTools(ctx, nil)
	if err != nil {
		return fmt.Errorf("tools/list: %w", err)
	}
	fmt.Printf("\ntools/list  %d\n", len(list.Tools))
	for _, t := range list.Tools {
		schema, err := json.Marshal(t.InputSchema)
		if err != nil {
			return fmt.Errorf("input schema of %s: %w", t.Name, err)
		}
		fmt.Printf("  %s: %s\n    %s\n", t.Name, t.Description, schema)
	}
	arguments := map[string]any{"name": "Debian"}
	result, err := session.CallTool(ctx, &mcp.CallToolParams{Name: "greet", Arguments: arguments})
	if err != nil {
		return fmt.Errorf("tools/call: %w", err)
	}
	fmt.Printf("\ntools/call  greet %v\n", arguments)
	for _, c := range result.Content {
		if text, ok := c.(*mcp.TextContent); ok {
			fmt.Printf("  %s\n", text.Text)
		}
	}
	if result.IsError {
		return errors.New("tools/call: the tool reports an error")
	}
	return nil
}
