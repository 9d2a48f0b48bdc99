package main

import (
	"context"
	"encoding/json"

	"github.com/mcpwasm/mcpwasm/plugins/pdk"
)

type promptIn struct {
	Prompt string `json:"prompt" jsonschema:"what to ask the model"`
}

type messageIn struct {
	Message string `json:"message" jsonschema:"what to ask the user"`
}

// addClassicInputTools adds the tools by which the suite tests requests from the
// server to a client of 2025-11-25.
func addClassicInputTools(s *pdk.Server) {
	pdk.AddTool(s, pdk.Tool{Name: "test_sampling", Description: "Asks the client's model."},
		func(ctx context.Context, in promptIn) (*pdk.ToolResult, error) {
			text, err := pdk.Ask(ctx, "answer", in.Prompt, 100)
			if err != nil {
				return nil, err
			}
			return pdk.Textf("LLM response: %s", text), nil
		})
	pdk.AddTool(s, pdk.Tool{Name: "test_elicitation", Description: "Asks the user to fill in a form."},
		func(ctx context.Context, in messageIn) (*pdk.ToolResult, error) {
			return elicit(ctx, "User response", in.Message, `{"type":"object",
				"properties":{"response":{"type":"string","description":"the answer"}},"required":["response"]}`)
		})
	add(s, "test_elicitation_sep1034_defaults", "Asks with a form whose fields have defaults.", func(ctx context.Context) (*pdk.ToolResult, error) {
		return elicit(ctx, "Elicitation completed", "Please check the fields.", defaultsForm)
	})
	add(s, "test_elicitation_sep1330_enums", "Asks with a form of all kinds of choices.", func(ctx context.Context) (*pdk.ToolResult, error) {
		return elicit(ctx, "Elicitation completed", "Please choose.", enumsForm)
	})
}

// elicit asks with a form and returns what came back.
func elicit(ctx context.Context, title, message, form string) (*pdk.ToolResult, error) {
	content, action, err := pdk.ElicitRaw(ctx, "form", message, json.RawMessage(form))
	if err != nil {
		return nil, err
	}
	if content == nil {
		content = json.RawMessage("{}")
	}
	return pdk.Textf("%s: action=%s, content=%s", title, action, content), nil
}

const defaultsForm = `{"type":"object","properties":{
	"name":{"type":"string","description":"a name","default":"John Doe"},
	"age":{"type":"integer","description":"in years","default":30},
	"score":{"type":"number","description":"in percent","default":95.5},
	"status":{"type":"string","description":"the state","enum":["active","inactive","pending"],"default":"active"},
	"verified":{"type":"boolean","description":"whether it was checked","default":true}
},"required":[]}`

const enumsForm = `{"type":"object","properties":{
	"untitledSingle":{"type":"string","description":"one","enum":["option1","option2","option3"]},
	"titledSingle":{"type":"string","description":"one, with titles","oneOf":[
		{"const":"value1","title":"First"},{"const":"value2","title":"Second"},{"const":"value3","title":"Third"}]},
	"legacyEnum":{"type":"string","description":"one, with titles in the old form",
		"enum":["opt1","opt2","opt3"],"enumNames":["One","Two","Three"]},
	"untitledMulti":{"type":"array","description":"several","minItems":1,"maxItems":3,
		"items":{"type":"string","enum":["option1","option2","option3"]}},
	"titledMulti":{"type":"array","description":"several, with titles","minItems":1,"maxItems":3,"items":{"anyOf":[
		{"const":"value1","title":"First"},{"const":"value2","title":"Second"},{"const":"value3","title":"Third"}]}}
},"required":[]}`
