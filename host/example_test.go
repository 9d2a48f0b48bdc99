package host_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"

	"github.com/mcpwasm/mcpwasm/host"
)

// Load a module and call one of its tools.
func Example() {
	ctx := context.Background()
	h, err := host.New(ctx, host.Config{CacheDir: exampleCache(),
		Servers: []host.Server{{Name: "hello", Source: helloWasm()}}})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = h.Close() }()
	result, err := h.CallTool(ctx, "greet", map[string]string{"name": "Ada"})
	fmt.Println(string(result), err)
	// Output: {"resultType":"complete","content":[{"type":"text","text":"Hello, Ada!"}],"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"hello","version":"1.0.0","title":"Hello"}}} <nil>
}

// Serve MCP beside whatever else a program serves over HTTP.
func ExampleHost_Handler() {
	h, err := host.New(context.Background(), host.Config{CacheDir: exampleCache(),
		Servers: []host.Server{{Name: "hello", Source: helloWasm()}}})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = h.Close() }()
	mux := http.NewServeMux()
	mux.Handle("/mcp", h.Handler())
	mux.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "well") })
	server := httptest.NewServer(mux)
	defer server.Close()
	fmt.Println(listTools(server.URL + "/mcp"))
	// Output: 200 OK: greet
}

// helloWasm is the sample server hello.
func helloWasm() string {
	path, err := module("hello")
	if err != nil {
		log.Fatal(err)
	}
	return path
}

func exampleCache() string { return filepath.Join(build.dir, "cache") }

// listTools returns the status of a tools/list of MCP 2026-07-28 and the names
// that it lists.
func listTools(url string) string {
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{`+
		`"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`))
	if err != nil {
		return err.Error()
	}
	req.Header = http.Header{"Content-Type": {"application/json"}, "Mcp-Protocol-Version": {"2026-07-28"}, "Mcp-Method": {"tools/list"}}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = res.Body.Close() }()
	var answer struct {
		Result struct{ Tools []struct{ Name string } }
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return err.Error()
	}
	out := res.Status + ":"
	for _, tool := range answer.Result.Tools {
		out += " " + tool.Name
	}
	return out
}
