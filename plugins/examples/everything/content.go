package main

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/mcpwasm/mcpwasm/plugins/pdk"
)

// results returns a handler that always gives the same blocks.
func results(blocks ...pdk.Content) func(context.Context) (*pdk.ToolResult, error) {
	return func(context.Context) (*pdk.ToolResult, error) { return &pdk.ToolResult{Content: blocks}, nil }
}

func addContentTools(s *pdk.Server) {
	add(s, "test_simple_text", "Returns one block of text.", results(pdk.Text("A plain text result.")))
	add(s, "test_image_content", "Returns an image.", results(pdk.Image(pixel, "image/png")))
	add(s, "test_audio_content", "Returns sound.", results(pdk.Audio(silence, "audio/wav")))
	add(s, "test_embedded_resource", "Returns a resource inside the result.", results(pdk.Embed(pdk.ResourceContents{
		URI: "test://embedded-resource", MIMEType: "text/plain", Text: "The text of an embedded resource.",
	})))
	add(s, "test_multiple_content_types", "Returns text, an image and a resource together.", results(
		pdk.Text("Text, an image and a resource:"),
		pdk.Image(pixel, "image/png"),
		pdk.Embed(pdk.ResourceContents{URI: "test://mixed-content-resource", MIMEType: "application/json", Text: `{"kind":"mixed"}`}),
	))
	add(s, "test_error_handling", "Always fails, with a result that says so.", func(context.Context) (*pdk.ToolResult, error) {
		return nil, errors.New("this tool fails on purpose")
	})
	addSchemaTools(s)
}

// schema2020 uses keywords of JSON Schema 2020-12 that hosts and SDKs like to
// lose.
const schema2020 = `{
	"name": "json_schema_2020_12_tool",
	"description": "Takes arguments that are described with the whole vocabulary of JSON Schema 2020-12.",
	"inputSchema": {
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"type": "object",
		"$defs": {
			"address": {
				"$anchor": "addressDef",
				"type": "object",
				"properties": {"street": {"type": "string"}, "city": {"type": "string"}}
			}
		},
		"properties": {
			"name": {"type": "string"},
			"address": {"$ref": "#/$defs/address"},
			"contactMethod": {"type": "string", "enum": ["phone", "email"]},
			"phone": {"type": "string"},
			"email": {"type": "string"}
		},
		"allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
		"if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
		"then": {"required": ["phone"]},
		"else": {"required": ["email"]},
		"additionalProperties": false
	}
}`

// regionIn has a field that HTTP clients repeat in the header Mcp-Param-Region.
type regionIn struct {
	Region string `json:"region" jsonschema:"where to look" header:"Region"`
}

func addSchemaTools(s *pdk.Server) {
	pdk.AddRawTool(s, json.RawMessage(schema2020), func(_ context.Context, arguments json.RawMessage) (*pdk.ToolResult, error) {
		return pdk.Textf("arguments: %s", arguments), nil
	})
	pdk.AddTool(s, pdk.Tool{Name: "test_header_parameter", Description: "Takes an argument that HTTP clients repeat in a header."},
		func(_ context.Context, in regionIn) (*pdk.ToolResult, error) {
			return pdk.Textf("region: %s", in.Region), nil
		})
}
