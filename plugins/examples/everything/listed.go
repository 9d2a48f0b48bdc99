package main

import (
	"context"
	"encoding/json"

	"github.com/mcpwasm/mcpwasm/plugins/pdk"
)

// watched is the resource that clients subscribe to.
const watched = "test://watched-resource"

// contents returns a handler that always reads the same.
func contents(c pdk.ResourceContents) pdk.ResourceHandler {
	return func(context.Context, string, map[string]string) ([]pdk.ResourceContents, error) {
		return []pdk.ResourceContents{c}, nil
	}
}

func addResources(s *pdk.Server) {
	s.AddResource(pdk.Resource{URI: "test://static-text", Name: "static-text", MIMEType: "text/plain", Description: "A text that never changes."},
		contents(pdk.ResourceContents{Text: "The text of the static resource."}))
	s.AddResource(pdk.Resource{URI: "test://static-binary", Name: "static-binary", MIMEType: "image/png", Description: "An image that never changes."},
		contents(pdk.ResourceContents{Blob: pixel}))
	s.AddResource(pdk.Resource{URI: watched, Name: "watched-resource", MIMEType: "text/plain", Description: "A text that test_trigger_resource_update says has changed."},
		contents(pdk.ResourceContents{Text: "The text of the watched resource."}))
	s.AddResourceTemplate(pdk.ResourceTemplate{
		URITemplate: "test://template/{id}/data", Name: "template", MIMEType: "application/json",
		Description: "Data for an id.",
		Complete:    map[string]pdk.Completer{"id": pdk.Choices("1", "12", "123")},
	}, func(_ context.Context, _ string, variables map[string]string) ([]pdk.ResourceContents, error) {
		b, err := json.Marshal(map[string]string{"id": variables["id"], "data": "Data for " + variables["id"]})
		if err != nil {
			return nil, err
		}
		return []pdk.ResourceContents{{Text: string(b)}}, nil
	})
}

// says returns a prompt of user messages.
func says(blocks ...pdk.Content) (*pdk.PromptResult, error) {
	r := &pdk.PromptResult{}
	for _, c := range blocks {
		r.Messages = append(r.Messages, pdk.User(c))
	}
	return r, nil
}

func addPrompts(s *pdk.Server) {
	s.AddPrompt(pdk.Prompt{Name: "test_simple_prompt", Description: "A prompt without arguments."},
		func(context.Context, map[string]string) (*pdk.PromptResult, error) {
			return says(pdk.Text("A simple prompt."))
		})
	words := pdk.Choices("parameter", "party", "paris", "testValue1", "testValue2")
	s.AddPrompt(pdk.Prompt{Name: "test_prompt_with_arguments", Description: "A prompt of two arguments.", Arguments: []pdk.PromptArgument{
		{Name: "arg1", Description: "the first", Required: true, Complete: words},
		{Name: "arg2", Description: "the second", Required: true, Complete: words},
	}}, func(_ context.Context, a map[string]string) (*pdk.PromptResult, error) {
		return says(pdk.Text("The first argument is " + a["arg1"] + ", the second " + a["arg2"] + "."))
	})
	s.AddPrompt(pdk.Prompt{Name: "test_prompt_with_embedded_resource", Description: "A prompt that contains a resource.", Arguments: []pdk.PromptArgument{
		{Name: "resourceUri", Description: "the URI of the resource", Required: true},
	}}, func(_ context.Context, a map[string]string) (*pdk.PromptResult, error) {
		return says(
			pdk.Embed(pdk.ResourceContents{URI: a["resourceUri"], MIMEType: "text/plain", Text: "The text of the resource in the prompt."}),
			pdk.Text("Summarise the resource."))
	})
	s.AddPrompt(pdk.Prompt{Name: "test_prompt_with_image", Description: "A prompt that contains an image."},
		func(context.Context, map[string]string) (*pdk.PromptResult, error) {
			return says(pdk.Image(pixel, "image/png"), pdk.Text("Describe the image."))
		})
	s.AddPrompt(pdk.Prompt{Name: "test_input_required_result_prompt", Description: "A prompt that asks the user first."}, promptWithRounds)
}

type contextForm struct {
	Context string `json:"context"`
}

func promptWithRounds(ctx context.Context, _ map[string]string) (*pdk.PromptResult, error) {
	in, _, err := pdk.Elicit[contextForm](ctx, "user_context", "In which context?")
	if err != nil {
		return nil, err
	}
	return says(pdk.Text("Consider: " + in.Context))
}
