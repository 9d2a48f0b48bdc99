package interop

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// everythingTools is how many tools the sample everything has.
const everythingTools = 30

func TestEverything(t *testing.T) {
	everyClient(t, []string{"run", sample("everything")}, func(t *testing.T, c subject) {
		exerciseEverything(t, c, "")
	})
}

// exerciseEverything asks the sample everything for all that it has; its names
// begin with prefix.
func exerciseEverything(t *testing.T, c subject, prefix string) {
	t.Helper()
	checkLists(t, c, prefix)
	checkCalls(t, c, prefix)
	checkListed(t, c, prefix)
	checkNotifications(t, c, prefix)
	checkQuestions(t, c, prefix)
	checkSubscriptions(t, c, prefix)
}

// at returns a text with its URIs as serve exposes them: server+URI.
func at(prefix, text string) string {
	server, several := strings.CutSuffix(prefix, "__")
	if !several {
		return text
	}
	return strings.ReplaceAll(text, "test://", server+"+test://")
}

func checkLists(t *testing.T, c subject, prefix string) {
	t.Helper()
	var tools struct {
		Tools []struct {
			Name        string
			InputSchema json.RawMessage
		}
	}
	unmarshal(t, request(t, c, "tools/list", map[string]any{}), &tools)
	var names []string
	for _, tool := range tools.Tools {
		names = append(names, tool.Name)
		if tool.Name == prefix+"json_schema_2020_12_tool" {
			check(t, "a schema with all keywords", tool.InputSchema, `{"$schema":"https://json-schema.org/draft/2020-12/schema",
				"$defs":{"address":{"$anchor":"addressDef"}},"if":{"required":["contactMethod"]},"additionalProperties":false}`)
		}
	}
	for _, want := range []string{"test_simple_text", "test_sampling", "json_schema_2020_12_tool"} {
		if !slices.Contains(names, prefix+want) {
			t.Errorf("tools/list lacks %s: %s", prefix+want, names)
		}
	}
	if prefix == "" && len(names) != everythingTools {
		t.Errorf("%d tools, want %d", len(names), everythingTools)
	}
	lists := []struct{ method, member, key, want string }{
		{"prompts/list", "prompts", "name", prefix + "test_prompt_with_arguments"},
		{"resources/list", "resources", "uri", at(prefix, "test://static-text")},
		{"resources/templates/list", "resourceTemplates", "uriTemplate", at(prefix, "test://template/{id}/data")},
	}
	for _, l := range lists {
		var result map[string]json.RawMessage
		unmarshal(t, request(t, c, l.method, map[string]any{}), &result)
		var members []map[string]any
		unmarshal(t, result[l.member], &members)
		if !slices.ContainsFunc(members, func(m map[string]any) bool { return m[l.key] == l.want }) {
			t.Errorf("%s lacks %s: %s", l.method, l.want, result[l.member])
		}
	}
}

func unmarshal(t *testing.T, b json.RawMessage, v any) {
	t.Helper()
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
}

const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mP4z8AAAAMBAQD3A0FDAAAAAElFTkSuQmCC"

func checkCalls(t *testing.T, c subject, prefix string) {
	t.Helper()
	tests := []struct {
		tool      string
		arguments any
		want      string
	}{
		{"test_simple_text", nil, `{"content":[{"type":"text","text":"A plain text result."}]}`},
		{"test_image_content", nil, `{"content":[{"type":"image","mimeType":"image/png","data":"` + pixel + `"}]}`},
		{"test_embedded_resource", nil, `{"content":[{"type":"resource","resource":{"uri":"test://embedded-resource","text":"The text of an embedded resource."}}]}`},
		{"test_multiple_content_types", nil, `{"content":[{"type":"text"},{"type":"image"},{"type":"resource"}]}`},
		{"test_error_handling", nil, `{"isError":true,"content":[{"type":"text","text":"this tool fails on purpose"}]}`},
		{"test_header_parameter", map[string]any{"region": "Zürich, ZH"}, `{"content":[{"type":"text","text":"region: Zürich, ZH"}]}`},
		{"json_schema_2020_12_tool", json.RawMessage(`{"phone":"1"}`), `{"content":[{"text":"arguments: {\"phone\":\"1\"}"}]}`},
	}
	if c.hello().Revision >= "2025-03-26" { // sound is new in it
		tests = append(tests, tests[0])
		tests[len(tests)-1].tool = "test_audio_content"
		tests[len(tests)-1].want = `{"content":[{"type":"audio","mimeType":"audio/wav"}]}`
	}
	for _, tt := range tests {
		check(t, tt.tool, call(t, c, prefix+tt.tool, tt.arguments), at(prefix, tt.want))
	}
	refused(t, c, "tools/call", map[string]any{"name": "no_such_tool"}, -32602)
}

func checkListed(t *testing.T, c subject, prefix string) {
	t.Helper()
	tests := []struct {
		method string
		params any
		want   string
	}{
		{"resources/read", map[string]any{"uri": "test://static-text"}, `{"contents":[{"uri":"test://static-text","mimeType":"text/plain","text":"The text of the static resource."}]}`},
		{"resources/read", map[string]any{"uri": "test://static-binary"}, `{"contents":[{"blob":"` + pixel + `"}]}`},
		{"resources/read", map[string]any{"uri": "test://template/12/data"}, `{"contents":[{"text":"{\"data\":\"Data for 12\",\"id\":\"12\"}"}]}`},
		{"prompts/get", map[string]any{"name": prefix + "test_simple_prompt"}, `{"messages":[{"role":"user","content":{"type":"text","text":"A simple prompt."}}]}`},
		{"prompts/get", map[string]any{"name": prefix + "test_prompt_with_arguments", "arguments": map[string]string{"arg1": "one", "arg2": "two"}},
			`{"messages":[{"content":{"text":"The first argument is one, the second two."}}]}`},
		{"prompts/get", map[string]any{"name": prefix + "test_prompt_with_image"}, `{"messages":[{"content":{"type":"image"}},{"content":{"type":"text"}}]}`},
		{"completion/complete", map[string]any{"ref": map[string]string{"type": "ref/prompt", "name": prefix + "test_prompt_with_arguments"}, "argument": map[string]string{"name": "arg1", "value": "par"}},
			`{"completion":{"values":["parameter","party","paris"]}}`},
		{"completion/complete", map[string]any{"ref": map[string]string{"type": "ref/resource", "uri": "test://template/{id}/data"}, "argument": map[string]string{"name": "id", "value": "12"}},
			`{"completion":{"values":["12","123"]}}`},
	}
	for _, tt := range tests {
		check(t, tt.method, request(t, c, tt.method, json.RawMessage(at(prefix, string(mustJSON(t, tt.params))))), at(prefix, tt.want))
	}
	unknown := -32002
	if c.hello().Revision >= modern || c.recodes {
		unknown = -32602
	}
	refused(t, c, "resources/read", map[string]any{"uri": at(prefix, "test://no-such-resource")}, unknown)
	refused(t, c, "prompts/get", map[string]any{"name": "no_such_prompt"}, -32602)
}

func checkNotifications(t *testing.T, c subject, prefix string) {
	t.Helper()
	if c.hello().Revision < modern {
		request(t, c, "ping", map[string]any{})
		request(t, c, "logging/setLevel", map[string]any{"level": "info"})
	}
	c.events().clear()
	call(t, c, prefix+"test_tool_with_progress", nil)
	if c.showsWire() {
		checkWire(t, c, "notifications/progress", "progress", []any{0.0, 50.0, 100.0})
	} else {
		for i, p := range c.events().wait(t, "progress", 3) {
			check(t, "progress", p, fmt.Sprintf(`{"progress":%d,"total":100}`, i*50))
		}
	}
	c.events().clear()
	call(t, c, prefix+"test_tool_with_logging", nil)
	for i, m := range c.events().wait(t, "notifications/message", 3) {
		check(t, "log", m, `{"level":"info","logger":"everything","data":"`+[]string{"started", "working", "finished"}[i]+`"}`)
	}
	if c.showsWire() {
		checkWire(t, c, "notifications/message", "data", []any{"started", "working", "finished"})
	}
}

// checkWire checks the notifications as they arrived: their order, and that the
// answer came after the last.
func checkWire(t *testing.T, c subject, method, member string, want []any) {
	t.Helper()
	var got []any
	answered := false
	messages, _ := c.events().named("wire")
	for _, m := range messages {
		var message struct {
			Method string
			Params map[string]any
			Result map[string]any
		}
		unmarshal(t, m, &message)
		switch {
		case message.Method == method:
			got = append(got, message.Params[member])
			if answered {
				t.Errorf("%s after the answer: %s", method, m)
			}
		case message.Result["content"] != nil:
			answered = true
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s of %s: %v, want %v", member, method, got, want)
	}
	if !answered {
		t.Errorf("the answer did not pass by: %s", messages)
	}
}

func checkQuestions(t *testing.T, c subject, prefix string) {
	t.Helper()
	const rounds = "test_input_required_result_"
	tests := []struct {
		tool      string
		arguments any
		form      bool
		asked     string
		want      string
	}{
		{"test_sampling", map[string]any{"prompt": "why?"}, false, "sampling/createMessage", `{"content":[{"text":"LLM response: Paris"}]}`},
		{rounds + "sampling", nil, false, "sampling/createMessage", `{"content":[{"text":"Paris"}]}`},
		{rounds + "list_roots", nil, false, "", `{"content":[{"text":"roots: file:///work/a"}]}`},
		{"test_elicitation", map[string]any{"message": "who?"}, true, "elicitation/create", ""},
		{rounds + "elicitation", nil, true, "elicitation/create", `{"content":[{"text":"Hello, Ada!"}]}`},
		{rounds + "request_state", nil, true, "elicitation/create", `{"content":[{"text":"state-ok: accept, true"}]}`},
		{rounds + "multiple_inputs", nil, true, "elicitation/create", `{"content":[{"text":"Paris to Ada with 1 roots"}]}`},
		{rounds + "multi_round", nil, true, "elicitation/create", `{"content":[{"text":"Ada likes blue"}]}`},
	}
	for _, tt := range tests {
		c.events().clear()
		result, err := c.do(deadline(t), "tools/call", mustJSON(t, callParams(prefix+tt.tool, tt.arguments)))
		switch {
		case tt.form && c.noForms:
			checkRefusedForm(t, tt.tool, result, err)
			continue
		case err != nil:
			t.Errorf("%s: %v", tt.tool, err)
			continue
		case tt.want != "":
			check(t, tt.tool, result, tt.want)
		default:
			check(t, tt.tool, result, `{"content":[{"type":"text"}]}`)
		}
		if tt.asked != "" {
			c.events().wait(t, tt.asked, 1)
		}
	}
}

// checkRefusedForm checks that a tool which asks with a form fails for a client
// without forms: in the result or as an error, but not silently.
func checkRefusedForm(t *testing.T, tool string, result json.RawMessage, err error) {
	t.Helper()
	var rpc *rpcError
	switch {
	case err != nil && !errors.As(err, &rpc):
		t.Errorf("%s: %v", tool, err)
	case err == nil:
		check(t, tool+" without forms", result, `{"isError":true}`)
	}
}

func checkSubscriptions(t *testing.T, c subject, prefix string) {
	t.Helper()
	c.events().clear()
	uri := at(prefix, "test://watched-resource")
	request(t, c, "subscribe", map[string]any{
		"toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": true, "resourceSubscriptions": []string{uri},
	})
	for tool, method := range map[string]string{
		"test_trigger_tool_change":     "notifications/tools/list_changed",
		"test_trigger_prompt_change":   "notifications/prompts/list_changed",
		"test_trigger_resource_change": "notifications/resources/list_changed",
		"test_trigger_resource_update": "notifications/resources/updated",
	} {
		call(t, c, prefix+tool, nil)
		c.events().wait(t, method, 1)
	}
	updates, _ := c.events().named("notifications/resources/updated")
	check(t, "update", updates[0], `{"uri":"`+uri+`"}`)
	request(t, c, "unsubscribe", map[string]any{})
}
