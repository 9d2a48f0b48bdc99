// Issues is a small client of an issue tracker's REST API that wants a token. The
// token is never here: the guest asks for a handle and writes that into the
// Authorization header, and its host puts the value in its place, for the host
// that it was granted for and for no other.
//
// The variable API_URL says where the API is, the secret API_TOKEN is the token.
// The program in standin is such an API:
//
//	API_TOKEN=demo-token go run ./standin -port 8090 &
//	API_TOKEN=demo-token mcpwasm call --env API_URL=http://127.0.0.1:8090 --allow-http http://127.0.0.1:8090 \
//	  --secret API_TOKEN=env:API_TOKEN@127.0.0.1:8090 issues.wasm list_issues '{}'
package main

import (
	"github.com/mcpwasm/mcpwasm/plugins/pdk"
	_ "github.com/mcpwasm/mcpwasm/plugins/pdk/hosthttp" // net/http goes through the host
)

func init() { pdk.Serve(newServer()) }

func main() {}

func newServer() *pdk.Server {
	s := pdk.New("issues", "1.0.0")
	s.Title = "Issues"
	s.Instructions = "Reads and writes the issues of one tracker, as the person whom its token belongs to."
	// A secret is asked for hosts by their names. This is the one of GitHub's issues;
	// the package of another tracker's client names that one.
	s.Ask(pdk.Capabilities{
		HTTP:    []pdk.HTTPAsk{{Host: "api.github.com", Methods: []string{"GET", "POST"}, Reason: "Calls the API at API_URL."}},
		Secrets: []pdk.SecretAsk{{Name: "API_TOKEN", Hosts: []string{"api.github.com"}, Reason: "Shows the API who is asking."}},
		Env:     []pdk.EnvAsk{{Name: "API_URL", Reason: "Where the API is: https://api.github.com/repos/OWNER/REPOSITORY"}},
	})
	no, yes := false, true
	reads := &pdk.ToolAnnotations{ReadOnly: &yes, OpenWorld: &yes}
	adds := &pdk.ToolAnnotations{ReadOnly: &no, Destructive: &no, Idempotent: &no, OpenWorld: &yes}
	pdk.AddTypedTool(s, pdk.Tool{Name: "whoami", Title: "Who am I", Annotations: reads,
		Description: "Returns the account that the tracker knows the caller as."}, whoami)
	pdk.AddTypedTool(s, pdk.Tool{Name: "list_issues", Title: "List issues", Annotations: reads,
		Description: "Lists issues, the newest first: the open ones unless another state is asked for."}, listIssues)
	pdk.AddTypedTool(s, pdk.Tool{Name: "create_issue", Title: "Create an issue", Annotations: adds,
		Description: "Files a new issue and returns it with its number. Look with list_issues first whether there is one already."}, createIssue)
	return s
}
