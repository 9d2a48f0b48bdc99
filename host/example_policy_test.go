package host_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host"
)

// Decide what servers may be asked, and change that while they are served.
func ExampleHost_SetPolicy() {
	policy, err := cel.Parse("policy.yaml", []byte(`
rules:
  - name: works
    on: [list, call, effect, result]
    then: allow
  - name: no-eve
    on: call
    server: hello
    tool: greet
    when: args.name.fold() == "eve"
    then: deny
    message: Eve is not greeted here.
`))
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	h, err := host.New(ctx, host.Config{CacheDir: exampleCache(), Policy: policy,
		Servers: []host.Server{{Name: "hello", Source: helloWasm()}}})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = h.Close() }()

	fmt.Println(greet(ctx, h, "Ada"))
	fmt.Println(greet(ctx, h, "EVE"))
	if err := h.SetPolicy(cel.Default()); err != nil {
		fmt.Println(err) // servers have labels that it does not know
	}
	fmt.Println(greet(ctx, h, "EVE"))
	// Output:
	// Hello, Ada!
	// Denied by the policy (rule no-eve): Eve is not greeted here.
	// Hello, EVE!
}

// greet returns what a server answers to somebody of that name, a denial included.
func greet(ctx context.Context, h *host.Host, name string) string {
	result, err := h.CallTool(ctx, "greet", map[string]string{"name": name})
	if err != nil {
		return err.Error()
	}
	var answer struct{ Content []struct{ Text string } }
	if err := json.Unmarshal(result, &answer); err != nil || len(answer.Content) != 1 {
		return string(result)
	}
	return answer.Content[0].Text
}
