package pdk

import (
	"context"
	"encoding/json"
	"fmt"
)

// Prompt is what a prompt says about itself (MCP schema, "Prompt").
type Prompt struct {
	Name        string           `json:"name"`
	Title       string           `json:"title,omitempty"`
	Description string           `json:"description,omitempty"`
	Arguments   []PromptArgument `json:"arguments,omitempty"`
	Icons       []Icon           `json:"icons,omitempty"`
	Meta        map[string]any   `json:"_meta,omitempty"`
}

// PromptArgument is one argument of a prompt.
type PromptArgument struct {
	Name        string `json:"name"`
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
	Required    bool   `json:"required,omitempty"`
	// Complete suggests values; nil suggests none.
	Complete Completer `json:"-"`
}

// PromptMessage is one message of a prompt; make it with [User] or [Assistant].
type PromptMessage struct {
	Role    string  `json:"role"`
	Content Content `json:"content"`
}

// User returns a message of the user.
func User(c Content) PromptMessage { return PromptMessage{"user", c} }

// Assistant returns a message of the model.
func Assistant(c Content) PromptMessage { return PromptMessage{"assistant", c} }

// PromptResult is what a prompt returns.
type PromptResult struct {
	Description string
	Messages    []PromptMessage
	Meta        map[string]any
}

// MarshalJSON returns the result in MCP's shape (schema, "GetPromptResult").
func (r PromptResult) MarshalJSON() ([]byte, error) {
	messages := r.Messages
	if messages == nil {
		messages = []PromptMessage{}
	}
	return encode(struct {
		Type        string          `json:"resultType"`
		Description string          `json:"description,omitempty"`
		Messages    []PromptMessage `json:"messages"`
		Meta        map[string]any  `json:"_meta,omitempty"`
	}{"complete", r.Description, messages, r.Meta})
}

// PromptHandler makes a prompt from its arguments; required ones are there.
type PromptHandler func(ctx context.Context, arguments map[string]string) (*PromptResult, error)

type prompt struct {
	Prompt
	definition json.RawMessage
	get        PromptHandler
}

// AddPrompt adds a prompt. It panics if the name is empty or taken.
func (s *Server) AddPrompt(p Prompt, handler PromptHandler) {
	if p.Name == "" {
		panic("pdk: a prompt needs a name")
	}
	if _, ok := s.promptByName[p.Name]; ok {
		panic(fmt.Sprintf("pdk: prompt %q is added twice", p.Name))
	}
	for _, a := range p.Arguments {
		s.completes = s.completes || a.Complete != nil
	}
	s.promptByName[p.Name] = len(s.prompts)
	s.prompts = append(s.prompts, prompt{p, mustEncode(p), handler})
}

// getPrompt answers prompts/get.
func (s *Server) getPrompt(ctx context.Context, p *params) (any, error) {
	i, ok := s.promptByName[p.Name]
	if !ok {
		return nil, Errorf(CodeInvalidParams, "Unknown prompt: %s", p.Name)
	}
	arguments := map[string]string{}
	if len(p.Arguments) > 0 && json.Unmarshal(p.Arguments, &arguments) != nil {
		return nil, Errorf(CodeInvalidParams, "prompt %q: arguments: want an object of strings", p.Name)
	}
	for _, a := range s.prompts[i].Arguments {
		if _, ok := arguments[a.Name]; a.Required && !ok {
			return nil, Errorf(CodeInvalidParams, "prompt %q: missing required argument %q", p.Name, a.Name)
		}
	}
	r, err := s.prompts[i].get(ctx, arguments)
	if err != nil {
		return nil, err
	}
	if r == nil {
		r = &PromptResult{}
	}
	return r, nil
}
