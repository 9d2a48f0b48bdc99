package egress_test

import (
	"context"
	"fmt"
	"os"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/host/capability/egress"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// A guest asks for what nobody granted: nothing is sent, and it learns which grant
// is missing.
func ExampleClient_Perform() {
	client := egress.New(egress.Config{
		Server:  "weather",
		Granted: []plugins.HTTPGrant{{Host: "api.example.com", Path: "/v1"}},
	})
	defer client.Close()

	params, err := wire.ParseObject([]byte(`{"url":"https://api.example.com/v1/../admin"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	allow := func(context.Context, *cel.Effect, []string) error { return nil }
	request := effect.Request{Method: plugins.EffectHTTP, Params: params}
	err = client.Perform(context.Background(), effect.Call{Decide: allow}, request, effect.NewReply(os.Stdout))
	fmt.Println(err)
	// Output: weather may not send GET https://api.example.com/admin: no grant covers it
}
