// Hello is the plugin to read first: one tool, one resource, one prompt.
//
// Build it with
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -trimpath -ldflags='-s -w' -o hello.wasm .
//
// and run it with
//
//	mcpwasm run hello.wasm
package main

import (
	"context"

	"github.com/mcpwasm/mcpwasm/plugins/pdk"
)

// GreetIn are the arguments of greet. The input schema of the tool is made from
// it, and what a caller sends is checked against it: name is required, language
// is not and must be one of three.
type GreetIn struct {
	Name     string `json:"name" jsonschema:"whom to greet" minLength:"1"`
	Language string `json:"language,omitempty" jsonschema:"the language to greet in" enum:"en,de,fr" default:"en"`
}

var greetings = map[string]string{"": "Hello", "en": "Hello", "de": "Hallo", "fr": "Bonjour"}

func greet(_ context.Context, in GreetIn) (*pdk.ToolResult, error) {
	return pdk.Textf("%s, %s!", greetings[in.Language], in.Name), nil
}

func about(context.Context, string, map[string]string) ([]pdk.ResourceContents, error) {
	return []pdk.ResourceContents{{Text: "A server of one tool, compiled to WebAssembly. It can do nothing but answer."}}, nil
}

func introduce(_ context.Context, arguments map[string]string) (*pdk.PromptResult, error) {
	return &pdk.PromptResult{Messages: []pdk.PromptMessage{
		pdk.User(pdk.Text("Greet " + arguments["name"] + " and say in one sentence what you can do.")),
	}}, nil
}

// Everything is set up in init: in a reactor, main is never called.
func init() {
	s := pdk.New("hello", "1.0.0")
	s.Title = "Hello"
	pdk.AddTool(s, pdk.Tool{
		Name:        "greet",
		Title:       "Greet",
		Description: "Greets somebody by name.",
		Annotations: pdk.ReadOnly(),
	}, greet)
	s.AddResource(pdk.Resource{URI: "hello://about", Name: "about", MIMEType: "text/plain", Description: "What this server is."}, about)
	s.AddPrompt(pdk.Prompt{
		Name:        "introduce",
		Description: "Asks the model to introduce itself.",
		Arguments:   []pdk.PromptArgument{{Name: "name", Description: "to whom", Required: true}},
	}, introduce)
	pdk.Serve(s)
}

func main() {}
