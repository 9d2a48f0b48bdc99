package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/plugins/pdk"
	"github.com/mcpwasm/mcpwasm/plugins/pdk/pdktest"
)

// able is a client that offers everything.
const able = `{"elicitation":{"form":{},"url":{}},"sampling":{},"roots":{}}`

func TestTools(t *testing.T) {
	tests := []struct {
		tool string
		in   map[string]any
		want string // in the answer
	}{
		{"test_simple_text", nil, `"type":"text"`},
		{"test_image_content", nil, `"mimeType":"image/png"`},
		{"test_audio_content", nil, `"mimeType":"audio/wav"`},
		{"test_embedded_resource", nil, `"resource":{"uri":"test://embedded-resource"`},
		{"test_multiple_content_types", nil, `"type":"image"`},
		{"test_error_handling", nil, `"isError":true`},
		{"test_tool_with_progress", nil, `progress reported`},
		{"test_tool_with_logging", nil, `"type":"text"`},
		{"test_logging_tool", nil, `"type":"text"`},
		{"test_reconnection", nil, `"type":"text"`},
		{"test_header_parameter", map[string]any{"region": "eu"}, `region: eu`},
		{"json_schema_2020_12_tool", map[string]any{"phone": "1"}, `{\"phone\":\"1\"}`},
		{"test_trigger_tool_change", nil, `notified`},
		{"test_trigger_prompt_change", nil, `notified`},
		{"test_trigger_resource_change", nil, `notified`},
		{"test_trigger_resource_update", nil, `notified`},
		{"test_sampling", map[string]any{"prompt": "why?"}, `"text":"why?"`},
		{"test_elicitation", map[string]any{"message": "who?"}, `"message":"who?"`},
		{"test_elicitation_sep1034_defaults", nil, `"default":95.5`},
		{"test_elicitation_sep1330_enums", nil, `"enumNames":["One","Two","Three"]`},
		{"test_streaming_elicitation", nil, `"input_required"`},
		{"test_missing_capability", nil, `offers sampling`},
		{"test_input_required_result_elicitation", nil, `"user_name":{"method":"elicitation/create"`},
		{"test_input_required_result_sampling", nil, `"capital_question":{"method":"sampling/createMessage"`},
		{"test_input_required_result_list_roots", nil, `"client_roots":{"method":"roots/list"`},
		{"test_input_required_result_request_state", nil, `"requestState":`},
		{"test_input_required_result_tampered_state", nil, `"requestState":`},
		{"test_input_required_result_multiple_inputs", nil, `"greeting":{`},
		{"test_input_required_result_multi_round", nil, `"step1":{`},
		{"test_input_required_result_capabilities", nil, `"sample_input":{`},
	}
	for _, tt := range tests {
		t.Run(tt.tool, func(t *testing.T) {
			a := pdktest.Client{Capabilities: able}.CallTool(t, tt.tool, tt.in)
			if !strings.Contains(string(a.Raw), tt.want) {
				t.Errorf("answer %s lacks %s", a.Raw, tt.want)
			}
		})
	}
	var list struct {
		Tools []struct{ Name, Description string }
	}
	if err := json.Unmarshal(pdktest.Client{}.Call(t, "tools/list", nil).Result, &list); err != nil {
		t.Fatal(err)
	}
	for _, tool := range list.Tools {
		if tool.Description == "" {
			t.Errorf("tool %s has no description", tool.Name)
		}
		if !slices.ContainsFunc(tests, func(tt struct {
			tool string
			in   map[string]any
			want string
		}) bool {
			return tt.tool == tool.Name
		}) {
			t.Errorf("tool %s is not tested", tool.Name)
		}
	}
}

func TestRounds(t *testing.T) {
	accept := func(name string, v any) any {
		return map[string]any{"action": "accept", "content": map[string]any{name: v}}
	}
	text := func(s string) any {
		return map[string]any{"role": "assistant", "model": "m", "content": map[string]any{"type": "text", "text": s}}
	}
	roots := map[string]any{"roots": []any{map[string]any{"uri": "file:///a"}}}
	tests := []struct {
		name, tool, capabilities, state string
		inputs                          map[string]any
		want                            string
	}{
		{"elicitation", "test_input_required_result_elicitation", able, "", map[string]any{"user_name": accept("name", "Ada"), "other": 1}, `Hello, Ada!`},
		{"wrong type", "test_input_required_result_elicitation", able, "", map[string]any{"user_name": 12345}, `"code":-32602`},
		{"wrong key", "test_input_required_result_elicitation", able, "", map[string]any{"wrong": accept("name", "Ada")}, `"input_required"`},
		{"sampling", "test_input_required_result_sampling", able, "", map[string]any{"capital_question": text("Paris")}, `Paris`},
		{"roots", "test_input_required_result_list_roots", able, "", map[string]any{"client_roots": roots}, `file:///a`},
		{"state", "test_input_required_result_request_state", able, `{"waiting":"state-ok"}`, map[string]any{"confirm": accept("ok", true)}, `state-ok: accept, true`},
		{"tampered", "test_input_required_result_tampered_state", able, `{"waiting":"integrity-ok"}-TAMPERED`, map[string]any{"confirm": accept("ok", true)}, `"code":-32602`},
		{"three", "test_input_required_result_multiple_inputs", able, "asked three", map[string]any{"user_name": accept("name", "Ada"), "greeting": text("Hi"), "client_roots": roots}, `Hi to Ada with 1 roots`},
		{"second step", "test_input_required_result_multi_round", able, "", map[string]any{"step1": accept("name", "Ada")}, `"step2":{`},
		{"only what is offered", "test_input_required_result_capabilities", `{"sampling":{}}`, "", nil, `"inputRequests":{"sample_input"`},
		{"nothing offered", "test_input_required_result_capabilities", `{}`, "", nil, `neither`},
		{"missing capability", "test_missing_capability", `{}`, "", nil, `"requiredCapabilities":{"sampling":{}}`},
		{"answer in the old form", "test_elicitation_sep1034_defaults", able, "", map[string]any{"form": accept("name", "Ada")}, `action=accept, content={\"name\":\"Ada\"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := pdktest.Client{Capabilities: tt.capabilities, Inputs: tt.inputs, State: tt.state}
			params := map[string]any{}
			if a := c.CallTool(t, tt.tool, params); !strings.Contains(string(a.Raw), tt.want) {
				t.Errorf("answer %s lacks %s", a.Raw, tt.want)
			}
		})
	}
}

func TestNotifications(t *testing.T) {
	tests := []struct {
		tool, method string
		client       pdktest.Client
		want         int
	}{
		{"test_tool_with_progress", "notifications/progress", pdktest.Client{ProgressToken: "t"}, 3},
		{"test_tool_with_logging", "notifications/message", pdktest.Client{LogLevel: pdk.Debug}, 3},
		{"test_logging_tool", "notifications/message", pdktest.Client{}, 0},
		{"test_trigger_tool_change", "notifications/tools/list_changed", pdktest.Client{}, 1},
		{"test_trigger_resource_update", "notifications/resources/updated", pdktest.Client{}, 1},
		{"test_reconnection", "notifications/mcpwasm/close_stream", pdktest.Client{}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.tool, func(t *testing.T) {
			got := 0
			for _, n := range tt.client.CallTool(t, tt.tool, nil).Notifications {
				if n.Method == tt.method {
					got++
				}
			}
			if got != tt.want {
				t.Errorf("%d of %s, want %d", got, tt.method, tt.want)
			}
		})
	}
}

func TestListed(t *testing.T) {
	tests := []struct {
		name, method string
		params       map[string]any
		want         string
	}{
		{"text", "resources/read", map[string]any{"uri": "test://static-text"}, `"text":"The text`},
		{"binary", "resources/read", map[string]any{"uri": "test://static-binary"}, `"blob":"iVBOR`},
		{"template", "resources/read", map[string]any{"uri": "test://template/123/data"}, `Data for 123`},
		{"simple", "prompts/get", map[string]any{"name": "test_simple_prompt"}, `"role":"user"`},
		{"arguments", "prompts/get", map[string]any{"name": "test_prompt_with_arguments", "arguments": map[string]string{"arg1": "one", "arg2": "two"}}, `is one, the second two`},
		{"embedded", "prompts/get", map[string]any{"name": "test_prompt_with_embedded_resource", "arguments": map[string]string{"resourceUri": "test://u"}}, `"uri":"test://u"`},
		{"image", "prompts/get", map[string]any{"name": "test_prompt_with_image"}, `"mimeType":"image/png"`},
		{"rounds", "prompts/get", map[string]any{"name": "test_input_required_result_prompt"}, `"user_context":{`},
		{"completion", "completion/complete", map[string]any{"ref": map[string]string{"type": "ref/prompt", "name": "test_prompt_with_arguments"}, "argument": map[string]string{"name": "arg1", "value": "par"}}, `["parameter","party","paris"]`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if a := (pdktest.Client{Capabilities: able}).Call(t, tt.method, tt.params); !strings.Contains(string(a.Raw), tt.want) {
				t.Errorf("answer %s lacks %s", a.Raw, tt.want)
			}
		})
	}
}
