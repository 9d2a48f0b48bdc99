// Command api is an ordinary stdio MCP server, written with the official Go SDK,
// that calls a REST API with a token. It reads the token from its environment
// and uses http.DefaultClient, as such servers do. The blank import is all that it
// has for the sandbox; built natively, it goes to the network itself.
//
//	GOOS=wasip1 GOARCH=wasm go build -o api.wasm ./api
//
// In the sandbox the variable holds a placeholder, for which the host puts the
// token into requests to the API:
//
//	API_TOKEN=demo-token go run ../issues/standin -port 8090 &
//	API_TOKEN=demo-token mcpwasm call --env API_URL=http://127.0.0.1:8090 --env API_TOKEN=secret:API_TOKEN \
//	  --allow-http http://127.0.0.1:8090 --secret API_TOKEN=env:API_TOKEN@127.0.0.1:8090 api.wasm count_issues '{}'
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	_ "github.com/mcpwasm/mcpwasm/plugins/pdk/hosthttp" // in a guest, net/http goes through the host
)

func main() {
	s := newServer(os.Getenv("API_URL"), os.Getenv("API_TOKEN"))
	if err := s.Run(context.Background(), &mcp.StdioTransport{}); err != nil && !errors.Is(err, io.EOF) {
		log.SetOutput(os.Stderr)
		log.Fatal(err)
	}
}

// api is where the API is, and the token for it.
type api struct{ url, token string }

func newServer(url, token string) *mcp.Server {
	a := api{url, token}
	s := mcp.NewServer(&mcp.Implementation{Name: "api", Version: "1.0.0"}, nil)
	open := true
	hints := &mcp.ToolAnnotations{ReadOnlyHint: true, OpenWorldHint: &open}
	mcp.AddTool(s, &mcp.Tool{Name: "whoami", Description: "Says who the token belongs to.", Annotations: hints}, a.whoami)
	mcp.AddTool(s, &mcp.Tool{Name: "count_issues", Description: "Counts the open issues of the tracker.", Annotations: hints}, a.count)
	return s
}

type who struct {
	Login string `json:"login" jsonschema:"the account's name"`
}

func (a api) whoami(ctx context.Context, _ *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, who, error) {
	var w who
	err := a.get(ctx, "/user", &w)
	return nil, w, err
}

type count struct {
	Open int `json:"open" jsonschema:"how many are open, up to 100"`
}

func (a api) count(ctx context.Context, _ *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, count, error) {
	var issues []struct{}
	err := a.get(ctx, "/issues?state=open&per_page=100", &issues)
	return nil, count{len(issues)}, err
}

// get reads what the API has at a path.
func (a api) get(ctx context.Context, path string, to any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url+path, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+a.token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: the API says %s", path, resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(to)
}
