package pdk_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mcpwasm/mcpwasm/plugins/pdk"
	"github.com/mcpwasm/mcpwasm/plugins/pdk/pdktest"
)

func ExampleAddTool() {
	type in struct {
		Name string `json:"name" jsonschema:"whom to greet"`
	}
	s := pdk.New("hello", "1.0.0")
	pdk.AddTool(s, pdk.Tool{Name: "greet", Description: "Greets somebody."}, func(_ context.Context, in in) (*pdk.ToolResult, error) {
		return pdk.Textf("Hello, %s!", in.Name), nil
	})
	// In a guest: pdk.Serve(s). Here the server is asked as the host would.
	message := `{"method":"tools/call","params":{"name":"greet","arguments":{"name":"Ada"},"_meta":{}}}`
	fmt.Printf("%s\n", s.Handle(context.Background(), []byte(message)))
	// Output: {"result":{"resultType":"complete","content":[{"type":"text","text":"Hello, Ada!"}]}}
}

func ExampleElicit() {
	type in struct{}
	type form struct {
		Color string `json:"color" enum:"red,green"`
	}
	s := pdk.New("paint", "1.0.0")
	pdk.AddTool(s, pdk.Tool{Name: "paint"}, func(ctx context.Context, _ in) (*pdk.ToolResult, error) {
		answer, action, err := pdk.Elicit[form](ctx, "color", "Which colour?")
		if err != nil {
			return nil, err // in the first round, this asks
		}
		return pdk.Textf("%s %s", action, answer.Color), nil
	})
	for _, round := range []string{
		`"_meta":{"io.modelcontextprotocol/clientCapabilities":{"elicitation":{}}}`,
		`"inputResponses":{"color":{"action":"accept","content":{"color":"red"}}},"_meta":{}`,
	} {
		message := `{"method":"tools/call","params":{"name":"paint",` + round + `}}`
		fmt.Printf("%s\n", s.Handle(context.Background(), []byte(message)))
	}
	// Output:
	// {"result":{"inputRequests":{"color":{"method":"elicitation/create","params":{"mode":"form","message":"Which colour?","requestedSchema":{"type":"object","properties":{"color":{"type":"string","enum":["red","green"]}},"required":["color"]}}}},"resultType":"input_required"}}
	// {"result":{"resultType":"complete","content":[{"type":"text","text":"accept red"}]}}
}

func ExampleEffect() {
	// In a guest, a handler's context leads to the host. Here it is one for tests.
	host := &pdktest.Effects{KV: &pdktest.KV{}}
	ctx, end := pdk.WithHost(context.Background(), pdk.Host{Effects: host.Open})
	defer end()

	result, reply, err := pdk.Effect(ctx, "kv/set", map[string]string{"key": "city"}, strings.NewReader("Lima"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer reply.Close()
	fmt.Printf("%s\n", result)
	// Output: {"version":"1"}
}

func ExampleSecret() {
	host := &pdktest.Effects{Secrets: map[string]string{"API_TOKEN": "s3cret"}}
	ctx, end := pdk.WithHost(context.Background(), pdk.Host{Effects: host.Open})
	defer end()

	handle, err := pdk.Secret(ctx, "API_TOKEN") // goes into a header: "Bearer " + handle
	fmt.Println(handle != "", strings.Contains(handle, "s3cret"), err)
	_, err = pdk.Secret(ctx, "OTHER")
	fmt.Println(errors.Is(err, pdk.ErrDenied))
	// Output:
	// true false <nil>
	// true
}

func ExampleServer_Ask() {
	s := pdk.New("weather", "1.0.0")
	s.Ask(pdk.Capabilities{
		HTTP: []pdk.HTTPAsk{{Host: "api.example.com", Paths: []string{"/v1"}, Reason: "Reads forecasts."}},
		KV:   &pdk.KVAsk{Reason: "Keeps forecasts for an hour.", Optional: true},
	})
}
