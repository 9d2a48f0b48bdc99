package pdk

import (
	"context"
	"fmt"
	"strings"
)

// Completer suggests values for an argument of which the user has typed value;
// chosen holds the arguments that are filled in already. Return all matches in
// order of relevance: the first 100 are sent, with the number of all.
type Completer func(ctx context.Context, value string, chosen map[string]string) ([]string, error)

// Choices returns a [Completer] that suggests those of the values that start with
// what was typed, letter case aside.
func Choices(values ...string) Completer {
	return func(_ context.Context, typed string, _ map[string]string) ([]string, error) {
		var out []string
		for _, v := range values {
			if len(v) >= len(typed) && strings.EqualFold(v[:len(typed)], typed) {
				out = append(out, v)
			}
		}
		return out, nil
	}
}

// maxCompletions is MCP's bound (schema, "CompleteResult").
const maxCompletions = 100

// completeArgument answers completion/complete.
func (s *Server) completeArgument(ctx context.Context, p *params) (any, error) {
	complete, err := s.completer(p)
	if err != nil {
		return nil, err
	}
	values := []string{}
	if complete != nil {
		found, err := complete(ctx, p.Argument.Value, p.Context.Arguments)
		if err != nil {
			return nil, err
		}
		values = append(values, found...)
	}
	total := len(values)
	more := total > maxCompletions
	if more {
		values = values[:maxCompletions]
	}
	return map[string]any{
		"resultType": "complete",
		"completion": map[string]any{"values": values, "total": total, "hasMore": more},
	}, nil
}

// completer finds who completes the argument that the request names, nil for
// nobody.
func (s *Server) completer(p *params) (Completer, error) {
	switch p.Ref.Type {
	case "ref/prompt":
		i, ok := s.promptByName[p.Ref.Name]
		if !ok {
			return nil, Errorf(CodeInvalidParams, "Unknown prompt: %s", p.Ref.Name)
		}
		for _, a := range s.prompts[i].Arguments {
			if a.Name == p.Argument.Name {
				return a.Complete, nil
			}
		}
	case "ref/resource":
		for _, t := range s.templates {
			if t.URITemplate == p.Ref.URI {
				return t.Complete[p.Argument.Name], nil
			}
		}
		return nil, resourceNotFound(p.Ref.URI)
	default:
		return nil, Errorf(CodeInvalidParams, "ref.type: want ref/prompt or ref/resource, have %q", p.Ref.Type)
	}
	return nil, Errorf(CodeInvalidParams, "%s", fmt.Sprintf("prompt %q has no argument %q", p.Ref.Name, p.Argument.Name))
}
