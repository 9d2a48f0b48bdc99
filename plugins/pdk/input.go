package pdk

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
)

// InputRequest is a question to the client in the course of a request: make it
// with [Form], [URL], [Sampling] or [Roots].
type InputRequest struct {
	Method string `json:"method"`
	Params any    `json:"params"`
}

// Form asks the user to fill in a form; schema is a JSON Schema of a flat object
// (MCP client/elicitation, "Requested Schema"). [Elicit] makes it from a struct.
func Form(message string, schema json.RawMessage) InputRequest {
	return InputRequest{"elicitation/create", elicitParams{Mode: "form", Message: message, Schema: schema}}
}

// URL asks the user to visit a page (MCP client/elicitation, "URL Mode").
func URL(message, url string) InputRequest {
	return InputRequest{"elicitation/create", elicitParams{Mode: "url", Message: message, URL: url}}
}

type elicitParams struct {
	Mode    string          `json:"mode"`
	Message string          `json:"message"`
	Schema  json.RawMessage `json:"requestedSchema,omitempty"`
	URL     string          `json:"url,omitempty"`
}

// Sampling asks the client's model; params is a CreateMessageRequestParams of the
// MCP schema as a map, struct or raw JSON. [Ask] makes it from a text.
func Sampling(params any) InputRequest { return InputRequest{"sampling/createMessage", params} }

// Roots asks the client for its roots.
func Roots() InputRequest { return InputRequest{"roots/list", struct{}{}} }

// inputNeeded is the error by which a handler asks for input.
type inputNeeded struct {
	requests map[string]InputRequest
	state    string
}

// Error implements the error interface; it is seen only where a handler asks in
// a method that has no rounds.
func (n *inputNeeded) Error() string {
	keys := slices.Sorted(maps.Keys(n.requests))
	return "the handler needs input from the client: " + strings.Join(keys, ", ")
}

// NeedInput returns the error by which a handler of a tool, prompt or resource
// asks the client for input: the request is answered with resultType
// "input_required", and the client asks again with the answers, which [Input]
// returns then, and with state, which [State] returns. The handler starts from
// the beginning; nothing else of the first round remains.
//
// requests may be empty where state is not: the client then just asks again. A
// request that needs a capability which the client did not declare turns into the
// error -32021 with data.requiredCapabilities.
func NeedInput(requests map[string]InputRequest, state string) error {
	return &inputNeeded{requests, state}
}

// Input returns the client's answer to the request with the given key, as raw
// JSON, or nil where there is none.
func Input(ctx context.Context, key string) json.RawMessage { return callOf(ctx).inputs[key] }

// Inputs returns the keys of the answers that came with this round, sorted.
func Inputs(ctx context.Context) []string {
	return slices.Sorted(maps.Keys(callOf(ctx).inputs))
}

// State returns the state that the handler gave to [NeedInput] in the round
// before, "" in the first. The host keeps clients from reading and changing it.
func State(ctx context.Context) string { return callOf(ctx).state }

// Action is what a user did with a question.
type Action string

// The actions (MCP client/elicitation, "Response Actions").
const (
	Accept  Action = "accept"
	Decline Action = "decline"
	Cancel  Action = "cancel"
)

// Elicit asks the user to fill in a form whose fields are those of the struct T
// (strings, numbers, booleans and enums, no nesting), and returns what was filled
// in and what the user did; the answer is T's zero value unless the action is
// [Accept].
//
// In the round that asks, it returns the error of [NeedInput], which the handler
// returns as it is. In the round that answers, it returns the answer. Several
// calls one after the other ask one after the other: answers of earlier rounds
// are kept in the state, so such a handler cannot use NeedInput's state as well.
func Elicit[T any](ctx context.Context, key, message string) (T, Action, error) {
	var answer T
	schema, err := formSchema[T]()
	if err != nil {
		return answer, "", err
	}
	raw, err := ask(ctx, key, Form(message, schema.JSON()))
	if err != nil {
		return answer, "", err
	}
	content, action, err := readElicit(key, raw)
	if err != nil || action != Accept {
		return answer, action, err
	}
	if err := decodeChecked("inputResponses."+key+".content", schema, content, &answer); err != nil {
		return answer, "", Errorf(CodeInvalidParams, "%v", err)
	}
	return answer, Accept, nil
}

// ElicitRaw is [Elicit] with a form by its schema: content is what was filled in,
// unchecked, nil unless the action is [Accept].
func ElicitRaw(ctx context.Context, key, message string, schema json.RawMessage) (content json.RawMessage, action Action, err error) {
	raw, err := ask(ctx, key, Form(message, schema))
	if err != nil {
		return nil, "", err
	}
	content, action, err = readElicit(key, raw)
	if action != Accept {
		content = nil
	}
	return content, action, err
}

// ElicitURL asks the user to visit a page, in the manner of [Elicit].
func ElicitURL(ctx context.Context, key, message, url string) (Action, error) {
	raw, err := ask(ctx, key, URL(message, url))
	if err != nil {
		return "", err
	}
	_, action, err := readElicit(key, raw)
	return action, err
}

// Ask asks the client's model with one user message, in the manner of [Elicit],
// and returns the text of its answer.
func Ask(ctx context.Context, key, prompt string, maxTokens int) (string, error) {
	raw, err := ask(ctx, key, Sampling(map[string]any{
		"messages":  []PromptMessage{User(Text(prompt))},
		"maxTokens": maxTokens,
	}))
	if err != nil {
		return "", err
	}
	return SampledText(raw)
}

// SampledText returns the text in a client's answer to [Sampling].
func SampledText(answer json.RawMessage) (string, error) {
	type block struct{ Type, Text string }
	var one struct{ Content block }
	var many struct{ Content []block }
	if json.Unmarshal(answer, &one) == nil {
		many.Content = []block{one.Content}
	} else if err := json.Unmarshal(answer, &many); err != nil {
		return "", Errorf(CodeInvalidParams, "sampling answer: want an object with content")
	}
	var text strings.Builder
	found := false
	for _, b := range many.Content {
		if b.Type == "text" {
			text.WriteString(b.Text)
			found = true
		}
	}
	if !found {
		return "", Errorf(CodeInvalidParams, "sampling answer: holds no text")
	}
	return text.String(), nil
}

// Root is a place that the client opens to servers.
type Root struct {
	URI  string `json:"uri"`
	Name string `json:"name,omitempty"`
}

// ListRoots asks the client for its roots, in the manner of [Elicit].
func ListRoots(ctx context.Context, key string) ([]Root, error) {
	raw, err := ask(ctx, key, Roots())
	if err != nil {
		return nil, err
	}
	var v struct{ Roots []Root }
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, Errorf(CodeInvalidParams, "inputResponses.%s: want a list of roots", key)
	}
	return v.Roots, nil
}

// readElicit takes an ElicitResult apart.
func readElicit(key string, raw json.RawMessage) (content json.RawMessage, a Action, err error) {
	var v struct {
		Action  Action
		Content json.RawMessage
	}
	if json.Unmarshal(raw, &v) != nil {
		return nil, "", Errorf(CodeInvalidParams, "inputResponses.%s: want an object with action", key)
	}
	switch v.Action {
	case Accept, Decline, Cancel:
		return v.Content, v.Action, nil
	}
	return nil, "", Errorf(CodeInvalidParams, "inputResponses.%s.action: want accept, decline or cancel", key)
}

// keptPrefix marks a state in which [Elicit] and its kind keep answers.
const keptPrefix = "pdk1:"

// ask returns the answer to the request with this key, or the error that asks.
func ask(ctx context.Context, key string, r InputRequest) (json.RawMessage, error) {
	c := callOf(ctx)
	if v, ok := c.inputs[key]; ok {
		c.keep(key, v)
		return v, nil
	}
	state := ""
	if len(c.kept) > 0 {
		state = keptPrefix + string(mustEncode(c.kept))
	}
	return nil, NeedInput(map[string]InputRequest{key: r}, state)
}

func (c *call) keep(key string, v json.RawMessage) {
	if c.kept == nil {
		c.kept = map[string]json.RawMessage{}
	}
	c.kept[key] = v
}

// readRound takes the members of a retry: answers, and the state, in which
// answers of earlier rounds may stand. An answer in this round goes before one
// that was kept.
func (c *call) readRound(inputs map[string]json.RawMessage, state string) error {
	c.inputs, c.state = inputs, state
	kept, ok := strings.CutPrefix(state, keptPrefix)
	if !ok {
		return nil
	}
	c.state = ""
	all := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte(kept), &all); err != nil {
		return errors.New("requestState: not what this server gave out")
	}
	maps.Copy(all, inputs)
	c.inputs = all
	return nil
}

// missing returns the ClientCapabilities object that r needs and the client did
// not declare, or "".
func (c *clientCapabilities) missing(r InputRequest) string {
	switch r.Method {
	case "elicitation/create":
		return c.missingElicitation(r)
	case "sampling/createMessage":
		return c.missingSampling(r)
	case "roots/list":
		if c.Roots == nil {
			return `{"roots":{}}`
		}
	}
	return ""
}

func (c *clientCapabilities) missingElicitation(r InputRequest) string {
	var p struct{ Mode string }
	// Params of another shape have no mode, which means a form.
	if b, err := encode(r.Params); err == nil {
		_ = json.Unmarshal(b, &p)
	}
	e := c.Elicitation
	if p.Mode == "url" {
		if e == nil || e.URL == nil {
			return `{"elicitation":{"url":{}}}`
		}
		return ""
	}
	// An empty declaration means forms (client/elicitation, "Capabilities").
	if e == nil || e.Form == nil && e.URL != nil {
		return `{"elicitation":{}}`
	}
	return ""
}

func (c *clientCapabilities) missingSampling(r InputRequest) string {
	var p struct {
		Tools      json.RawMessage `json:"tools"`
		ToolChoice json.RawMessage `json:"toolChoice"`
	}
	if b, err := encode(r.Params); err == nil {
		_ = json.Unmarshal(b, &p)
	}
	switch {
	case (p.Tools != nil || p.ToolChoice != nil) && (c.Sampling == nil || c.Sampling.Tools == nil):
		return `{"sampling":{"tools":{}}}`
	case c.Sampling == nil:
		return `{"sampling":{}}`
	}
	return ""
}

// Requires returns the error -32021 where the client cannot answer r, else nil.
// [NeedInput] checks the same; a handler calls Requires to find out before it
// works, or to ask only what can be answered.
func Requires(ctx context.Context, r InputRequest) error {
	if m := callOf(ctx).meta.Capabilities.missing(r); m != "" {
		return missingCapability(json.RawMessage(m))
	}
	return nil
}
