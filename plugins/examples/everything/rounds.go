package main

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/mcpwasm/mcpwasm/plugins/pdk"
)

type nameForm struct {
	Name string `json:"name"`
}

type colorForm struct {
	Color string `json:"color"`
}

type confirmForm struct {
	OK bool `json:"ok"`
}

// Schemas of the same forms, for the tools that make their requests themselves.
const (
	nameSchema    = `{"type":"object","properties":{"name":{"type":"string"}},"required":["name"]}`
	colorSchema   = `{"type":"object","properties":{"color":{"type":"string"}},"required":["color"]}`
	confirmSchema = `{"type":"object","properties":{"ok":{"type":"boolean"}},"required":["ok"]}`
	valueSchema   = `{"type":"object","properties":{"value":{"type":"string"}},"required":["value"]}`
)

// addRoundTools adds the tools that answer in several rounds (2026-07-28,
// "Multi Round-Trip Requests").
func addRoundTools(s *pdk.Server) {
	add(s, "test_missing_capability", "Needs a client that offers sampling.", func(ctx context.Context) (*pdk.ToolResult, error) {
		if err := pdk.Requires(ctx, pdk.Sampling(nil)); err != nil {
			return nil, err
		}
		return pdk.TextResult("the client offers sampling"), nil
	})
	const prefix = "test_input_required_result_"
	add(s, prefix+"elicitation", "Asks the user for a name.", askName)
	add(s, prefix+"sampling", "Asks the client's model.", func(ctx context.Context) (*pdk.ToolResult, error) {
		text, err := pdk.Ask(ctx, "capital_question", "What is the capital of France?", 100)
		if err != nil {
			return nil, err
		}
		return pdk.TextResult(text), nil
	})
	add(s, prefix+"list_roots", "Asks the client for its roots.", func(ctx context.Context) (*pdk.ToolResult, error) {
		roots, err := pdk.ListRoots(ctx, "client_roots")
		if err != nil {
			return nil, err
		}
		return pdk.TextResult("roots: " + rootList(roots)), nil
	})
	add(s, prefix+"request_state", "Asks for a confirmation and keeps a state meanwhile.", confirmWith("state-ok"))
	add(s, prefix+"tampered_state", "Asks for a confirmation; a changed state is refused.", confirmWith("integrity-ok"))
	add(s, prefix+"multiple_inputs", "Asks three things at once.", askThree)
	add(s, prefix+"multi_round", "Asks one thing after the other.", askTwice)
	add(s, prefix+"capabilities", "Asks only what the client offers.", askWhatIsOffered)
}

func askName(ctx context.Context) (*pdk.ToolResult, error) {
	in, action, err := pdk.Elicit[nameForm](ctx, "user_name", "What is your name?")
	if err != nil {
		return nil, err
	}
	if action != pdk.Accept {
		return pdk.Textf("No name: the user chose %s.", action), nil
	}
	return pdk.Textf("Hello, %s!", in.Name), nil
}

func rootList(roots []pdk.Root) string {
	uris := make([]string, len(roots))
	for i, r := range roots {
		uris[i] = r.URI
	}
	return strings.Join(uris, ", ")
}

// confirmWith returns a handler whose state must come back as it was given out.
// The guest need not sign it: the host seals every state towards the client, and
// under the default lifetime a guest would have no key that lasts.
func confirmWith(word string) func(context.Context) (*pdk.ToolResult, error) {
	return func(ctx context.Context) (*pdk.ToolResult, error) {
		state := `{"waiting":"` + word + `"}`
		if pdk.Input(ctx, "confirm") == nil {
			return nil, pdk.NeedInput(map[string]pdk.InputRequest{
				"confirm": pdk.Form("Please confirm.", json.RawMessage(confirmSchema)),
			}, state)
		}
		if pdk.State(ctx) != state {
			return nil, pdk.Errorf(pdk.CodeInvalidParams, "requestState: not what this tool gave out")
		}
		answer, action, err := pdk.Elicit[confirmForm](ctx, "confirm", "")
		if err != nil {
			return nil, err
		}
		return pdk.Textf("%s: %s, %t", word, action, answer.OK), nil
	}
}

func askThree(ctx context.Context) (*pdk.ToolResult, error) {
	const state = "asked three"
	requests := map[string]pdk.InputRequest{
		"user_name": pdk.Form("What is your name?", json.RawMessage(nameSchema)),
		"greeting": pdk.Sampling(map[string]any{
			"messages":  []pdk.PromptMessage{pdk.User(pdk.Text("Write a greeting of one line."))},
			"maxTokens": 50,
		}),
		"client_roots": pdk.Roots(),
	}
	for key := range requests {
		if pdk.Input(ctx, key) == nil {
			return nil, pdk.NeedInput(requests, state)
		}
	}
	// All three are there: none of these asks again.
	name, _, err := pdk.Elicit[nameForm](ctx, "user_name", "")
	if err != nil {
		return nil, err
	}
	greeting, err := pdk.Ask(ctx, "greeting", "", 50)
	if err != nil {
		return nil, err
	}
	roots, err := pdk.ListRoots(ctx, "client_roots")
	if err != nil {
		return nil, err
	}
	return pdk.Textf("%s to %s with %d roots", greeting, name.Name, len(roots)), nil
}

// askTwice keeps what the first round gave in a state of its own, so that each
// round's state differs.
func askTwice(ctx context.Context) (*pdk.ToolResult, error) {
	if pdk.Input(ctx, "step1") == nil && pdk.Input(ctx, "step2") == nil {
		return nil, pdk.NeedInput(map[string]pdk.InputRequest{
			"step1": pdk.Form("Step 1: what is your name?", json.RawMessage(nameSchema)),
		}, "step 1")
	}
	if pdk.Input(ctx, "step2") == nil {
		name, _, err := pdk.Elicit[nameForm](ctx, "step1", "")
		if err != nil {
			return nil, err
		}
		return nil, pdk.NeedInput(map[string]pdk.InputRequest{
			"step2": pdk.Form("Step 2: which colour do you like?", json.RawMessage(colorSchema)),
		}, "step 2 for "+name.Name)
	}
	color, _, err := pdk.Elicit[colorForm](ctx, "step2", "")
	if err != nil {
		return nil, err
	}
	name := strings.TrimPrefix(pdk.State(ctx), "step 2 for ")
	return pdk.Textf("%s likes %s", name, color.Color), nil
}

func askWhatIsOffered(ctx context.Context) (*pdk.ToolResult, error) {
	if got := pdk.Inputs(ctx); len(got) > 0 {
		return pdk.TextResult("answered: " + strings.Join(got, ", ")), nil
	}
	possible := map[string]pdk.InputRequest{
		"elicit_input": pdk.Form("A value, please.", json.RawMessage(valueSchema)),
		"sample_input": pdk.Sampling(map[string]any{
			"messages":  []pdk.PromptMessage{pdk.User(pdk.Text("Say a word."))},
			"maxTokens": 50,
		}),
	}
	for key, r := range possible {
		if pdk.Requires(ctx, r) != nil {
			delete(possible, key)
		}
	}
	if len(possible) == 0 {
		return pdk.TextResult("the client offers neither elicitation nor sampling"), nil
	}
	return nil, pdk.NeedInput(possible, "asked what is offered")
}
