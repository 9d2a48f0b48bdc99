package pdk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
)

// Tool is what a tool says about itself (MCP schema, "Tool").
type Tool struct {
	Name        string           `json:"name"`
	Title       string           `json:"title,omitempty"`
	Description string           `json:"description,omitempty"`
	Icons       []Icon           `json:"icons,omitempty"`
	Annotations *ToolAnnotations `json:"annotations,omitempty"`
	// InputSchema and OutputSchema replace the schemas that are made from
	// types, and reach clients byte for byte. Arguments are still checked, by
	// the common keywords (type, properties, required, additionalProperties,
	// items, enum, bounds); a handler checks others itself.
	InputSchema  json.RawMessage `json:"inputSchema"`
	OutputSchema json.RawMessage `json:"outputSchema,omitempty"`
	Meta         map[string]any  `json:"_meta,omitempty"`
}

// ToolAnnotations are hints about a tool's behaviour; a nil one is unsaid, which
// clients take for the worse (MCP schema, "ToolAnnotations").
type ToolAnnotations struct {
	Title       string `json:"title,omitempty"`
	ReadOnly    *bool  `json:"readOnlyHint,omitempty"`
	Destructive *bool  `json:"destructiveHint,omitempty"`
	Idempotent  *bool  `json:"idempotentHint,omitempty"`
	OpenWorld   *bool  `json:"openWorldHint,omitempty"`
}

// ReadOnly returns the annotations of a tool that only computes: it changes
// nothing, reaches nothing, and gives the same answer again.
func ReadOnly() *ToolAnnotations {
	yes, no := true, false
	return &ToolAnnotations{ReadOnly: &yes, Destructive: &no, Idempotent: &yes, OpenWorld: &no}
}

// ToolResult is what a tool returns.
type ToolResult struct {
	Content []Content
	// Structured is the structured result, any value that encodes as JSON; nil
	// leaves it out.
	Structured any
	// IsError marks a failure that the model should read and react to.
	IsError bool
	Meta    map[string]any
}

// TextResult returns a result of one block of text.
func TextResult(text string) *ToolResult { return &ToolResult{Content: []Content{Text(text)}} }

// Textf is [TextResult] with a format.
func Textf(format string, args ...any) *ToolResult { return TextResult(fmt.Sprintf(format, args...)) }

// MarshalJSON returns the result in MCP's shape (schema, "CallToolResult").
func (r ToolResult) MarshalJSON() ([]byte, error) {
	content, err := wireContents(r.Content)
	if err != nil {
		return nil, err
	}
	return encode(struct {
		Type       string         `json:"resultType"`
		Content    []any          `json:"content"`
		Structured any            `json:"structuredContent,omitempty"`
		IsError    bool           `json:"isError,omitempty"`
		Meta       map[string]any `json:"_meta,omitempty"`
	}{"complete", content, r.Structured, r.IsError, r.Meta})
}

// tool is a registered tool.
type tool struct {
	name       string
	definition json.RawMessage
	call       func(ctx context.Context, arguments json.RawMessage) (*ToolResult, error)
}

// AddTool adds a tool whose arguments are the struct In (or a map with string
// keys). Its input schema is made from In's fields: names and options as
// encoding/json reads them; a field is required unless it is a pointer or says
// omitempty or omitzero; members that In does not have are refused. Tags add to
// the schema:
//
//	jsonschema:"what the field is"   description (also description:"…")
//	enum:"a,b"  default:"a"  minimum:"0"  maximum:"9"
//	minLength:"1"  maxLength:"80"  minItems:"1"  maxItems:"5"
//	header:"Region"                  x-mcp-header: HTTP clients mirror it
//
// Arguments that do not match are answered with a result with isError that says
// what is wrong (MCP server/tools, "Error Handling"), without calling the
// handler. An error that the handler returns becomes such a result too, unless it
// is an [Error] or that of [NeedInput]. It panics if the name is empty or taken
// or In has no schema.
func AddTool[In any](s *Server, t Tool, handler func(ctx context.Context, in In) (*ToolResult, error)) {
	input := inputSchema[In](&t)
	s.addTool(t, func(ctx context.Context, arguments json.RawMessage) (*ToolResult, error) {
		var in In
		if err := decodeChecked("arguments", input, arguments, &in); err != nil {
			return nil, err
		}
		return handler(ctx, in)
	})
}

// AddTypedTool adds a tool that returns a value: it becomes the result's
// structuredContent and, as JSON, its text, and the type Out becomes the output
// schema. Everything else is as with [AddTool].
func AddTypedTool[In, Out any](s *Server, t Tool, handler func(ctx context.Context, in In) (Out, error)) {
	if t.OutputSchema == nil {
		out, err := schemaFor(reflect.TypeFor[Out](), false)
		if err != nil {
			panic(fmt.Sprintf("pdk: tool %q: output: %v", t.Name, err))
		}
		t.OutputSchema = out.JSON()
	}
	AddTool(s, t, func(ctx context.Context, in In) (*ToolResult, error) {
		out, err := handler(ctx, in)
		if err != nil {
			return nil, err
		}
		b, err := encode(out)
		if err != nil {
			return nil, Errorf(CodeInternalError, "tool %q: encode its result: %v", t.Name, err)
		}
		return &ToolResult{Content: []Content{Text(string(b))}, Structured: json.RawMessage(b)}, nil
	})
}

// AddRawTool adds a tool by its whole definition, a JSON object that reaches
// clients with every member and keyword unchanged. The handler gets the
// arguments as they came, unchecked; "{}" where the request has none. It panics
// if the definition has no name or no inputSchema.
func AddRawTool(s *Server, definition json.RawMessage, handler func(ctx context.Context, arguments json.RawMessage) (*ToolResult, error)) {
	var d struct {
		Name        string
		InputSchema map[string]any
	}
	if err := json.Unmarshal(definition, &d); err != nil || d.Name == "" || d.InputSchema == nil {
		panic(fmt.Sprintf("pdk: a raw tool's definition must be an object with name and inputSchema: %.80q", definition))
	}
	s.registerTool(tool{d.Name, compact(definition), handler})
}

func inputSchema[In any](t *Tool) *schema {
	if t.InputSchema != nil {
		s, err := parseSchema(t.InputSchema)
		if err != nil {
			panic(fmt.Sprintf("pdk: tool %q: input schema: %v", t.Name, err))
		}
		// A type without a schema is why an author may have written one; its
		// names are not checked then.
		s.target, _ = schemaFor(reflect.TypeFor[In](), false)
		return s
	}
	s, err := schemaFor(reflect.TypeFor[In](), true)
	if err != nil {
		panic(fmt.Sprintf("pdk: tool %q: input: %v", t.Name, err))
	}
	if len(s.Type) != 1 || s.Type[0] != "object" {
		panic(fmt.Sprintf("pdk: tool %q: arguments are an object: use a struct, not %v", t.Name, reflect.TypeFor[In]()))
	}
	t.InputSchema = s.JSON()
	return s
}

func (s *Server) addTool(t Tool, call func(context.Context, json.RawMessage) (*ToolResult, error)) {
	if t.Name == "" {
		panic("pdk: a tool needs a name")
	}
	b, err := encode(t)
	if err != nil {
		panic(fmt.Sprintf("pdk: tool %q: %v", t.Name, err))
	}
	s.registerTool(tool{t.Name, b, call})
}

func (s *Server) registerTool(t tool) {
	if _, ok := s.toolByName[t.name]; ok {
		panic(fmt.Sprintf("pdk: tool %q is added twice", t.name))
	}
	s.toolByName[t.name] = len(s.tools)
	s.tools = append(s.tools, t)
}

// callTool answers tools/call.
func (s *Server) callTool(ctx context.Context, p *params) (any, error) {
	i, ok := s.toolByName[p.Name]
	if !ok {
		return nil, Errorf(CodeInvalidParams, "Unknown tool: %s", p.Name)
	}
	arguments := p.Arguments
	if len(arguments) == 0 {
		arguments = json.RawMessage("{}")
	}
	r, err := s.tools[i].call(ctx, arguments)
	var fault *Error
	var needed *inputNeeded
	switch {
	case err == nil && r == nil:
		return &ToolResult{}, nil
	case err == nil:
		return r, nil
	case errors.As(err, &fault), errors.As(err, &needed):
		return nil, err
	}
	return &ToolResult{Content: []Content{Text(err.Error())}, IsError: true}, nil
}

// compact removes white space, so that a definition is one line.
func compact(raw json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return raw
	}
	return b.Bytes()
}
