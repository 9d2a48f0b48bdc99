package pdk_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/plugins/pdk"
	"github.com/mcpwasm/mcpwasm/plugins/pdk/pdktest"
)

type addIn struct {
	A int `json:"a" minimum:"0"`
	B int `json:"b"`
}

type addOut struct {
	Sum int `json:"sum"`
}

// sample is a server with one of each.
func sample() *pdk.Server {
	s := pdk.New("sample", "1.2.3")
	s.Title, s.Instructions = "Sample", "Add things."
	s.Cache = pdk.Cache{TTLMillis: 5, Public: true}
	s.Changes = pdk.Changes{Tools: true, Updates: true}
	addSampleTools(s)
	s.AddResource(pdk.Resource{URI: "test://a", Name: "a", MIMEType: "text/plain"}, func(context.Context, string, map[string]string) ([]pdk.ResourceContents, error) {
		return []pdk.ResourceContents{{Text: ""}}, nil
	})
	s.AddResource(pdk.Resource{URI: "test://gone", Name: "gone"}, func(context.Context, string, map[string]string) ([]pdk.ResourceContents, error) {
		return nil, nil
	})
	s.AddResourceTemplate(pdk.ResourceTemplate{
		URITemplate: "test://{kind}/x", Name: "t", Cache: &pdk.Cache{TTLMillis: 9},
		Complete: map[string]pdk.Completer{"kind": pdk.Choices("alpha", "Album", "beta")},
	}, func(_ context.Context, _ string, v map[string]string) ([]pdk.ResourceContents, error) {
		return []pdk.ResourceContents{{MIMEType: "image/png", Blob: []byte(v["kind"])}}, nil
	})
	s.AddPrompt(pdk.Prompt{Name: "p", Arguments: []pdk.PromptArgument{{Name: "x", Required: true, Complete: many}, {Name: "y"}}},
		func(_ context.Context, a map[string]string) (*pdk.PromptResult, error) {
			return &pdk.PromptResult{Messages: []pdk.PromptMessage{pdk.User(pdk.Text("x=" + a["x"])), pdk.Assistant(pdk.Text("<ok>"))}}, nil
		})
	s.AddMethod("ext/echo", func(_ context.Context, params json.RawMessage) (any, error) {
		return map[string]any{"got": params}, nil
	})
	return s
}

func many(context.Context, string, map[string]string) ([]string, error) {
	return make([]string, 150), nil
}

func addSampleTools(s *pdk.Server) {
	pdk.AddTypedTool(s, pdk.Tool{Name: "add"}, func(_ context.Context, in addIn) (addOut, error) {
		return addOut{in.A + in.B}, nil
	})
	fails := map[string]error{
		"fail":  errors.New("no luck"),
		"code":  fmt.Errorf("wrapped: %w", &pdk.Error{Code: -32055, Message: "teapot", Data: map[string]int{"short": 1}}),
		"stuck": &pdk.Error{Code: -32056, Message: "odd", Data: func() {}},
	}
	for _, name := range []string{"fail", "code", "stuck"} {
		pdk.AddTool(s, pdk.Tool{Name: name}, func(context.Context, struct{}) (*pdk.ToolResult, error) { return nil, fails[name] })
	}
	pdk.AddTool(s, pdk.Tool{Name: "panic"}, func(context.Context, struct{}) (*pdk.ToolResult, error) { panic("secret reason") })
	pdk.AddTool(s, pdk.Tool{Name: "nothing"}, func(context.Context, struct{}) (*pdk.ToolResult, error) { return nil, nil })
	pdk.AddTool(s, pdk.Tool{Name: "own", InputSchema: json.RawMessage(`{"type":"object"}`)}, func(_ context.Context, in addIn) (*pdk.ToolResult, error) {
		return pdk.Textf("%d", in.A), nil
	})
	pdk.AddRawTool(s, json.RawMessage(`{"name":"raw", "inputSchema":{"type":"object","x-unknown":12345678901234567890}, "future":[1]}`),
		func(_ context.Context, a json.RawMessage) (*pdk.ToolResult, error) {
			return pdk.TextResult(string(a)), nil
		})
	pdk.AddTool(s, pdk.Tool{Name: "unencodable"}, func(context.Context, struct{}) (*pdk.ToolResult, error) {
		return &pdk.ToolResult{Structured: func() {}}, nil
	})
}

func TestAnswers(t *testing.T) {
	tests := []struct{ name, method, params, want string }{
		{"discover", "server/discover", ``, `{"result":{"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"sample","version":"1.2.3","title":"Sample"}},"cacheScope":"public","capabilities":{"completions":{},"logging":{},"prompts":{},"resources":{"subscribe":true},"tools":{"listChanged":true}},"instructions":"Add things.","resultType":"complete","supportedVersions":["2026-07-28"],"ttlMs":5}}`},
		{"resources", "resources/list", ``, `{"result":{"cacheScope":"public","resources":[{"uri":"test://a","name":"a","mimeType":"text/plain"},{"uri":"test://gone","name":"gone"}],"resultType":"complete","ttlMs":5}}`},
		{"templates", "resources/templates/list", ``, `{"result":{"cacheScope":"public","resourceTemplates":[{"uriTemplate":"test://{kind}/x","name":"t"}],"resultType":"complete","ttlMs":5}}`},
		{"prompts", "prompts/list", ``, `{"result":{"cacheScope":"public","prompts":[{"name":"p","arguments":[{"name":"x","required":true},{"name":"y"}]}],"resultType":"complete","ttlMs":5}}`},
		{"foreign cursor", "prompts/list", `"cursor":"x"`, `{"error":{"code":-32602,"message":"cursor: this server never gave one out"}}`},
		{"structured", "tools/call", `"name":"add","arguments":{"a":1,"b":2}`, `{"result":{"resultType":"complete","content":[{"type":"text","text":"{\"sum\":3}"}],"structuredContent":{"sum":3}}}`},
		{"bad argument", "tools/call", `"name":"add","arguments":{"a":-1,"b":2}`, `{"result":{"resultType":"complete","content":[{"type":"text","text":"arguments.a: want at least 0, have -1"}],"isError":true}}`},
		{"no arguments", "tools/call", `"name":"add"`, `{"result":{"resultType":"complete","content":[{"type":"text","text":"arguments: missing required member \"a\""}],"isError":true}}`},
		{"plain error", "tools/call", `"name":"fail"`, `{"result":{"resultType":"complete","content":[{"type":"text","text":"no luck"}],"isError":true}}`},
		{"error with data", "tools/call", `"name":"code"`, `{"error":{"code":-32055,"message":"teapot","data":{"short":1}}}`},
		{"error with bad data", "tools/call", `"name":"stuck"`, `{"error":{"code":-32056,"message":"odd (its data cannot be encoded: json: unsupported type: func())"}}`},
		{"panic", "tools/call", `"name":"panic"`, `{"error":{"code":-32603,"message":"tools/call of panic panicked; its standard error says why"}}`},
		{"nothing", "tools/call", `"name":"nothing"`, `{"result":{"resultType":"complete","content":[]}}`},
		{"name in capitals", "tools/call", `"NAME":"add"`, `{"error":{"code":-32602,"message":"Unknown tool: "}}`},
		{"own schema", "tools/call", `"name":"own","arguments":{"a":1,"x":[2]}`, `{"result":{"resultType":"complete","content":[{"type":"text","text":"1"}]}}`},
		{"own schema, capitals", "tools/call", `"name":"own","arguments":{"A":1}`, `{"result":{"resultType":"complete","content":[{"type":"text","text":"arguments: unknown member \"A\"; write it \"a\""}],"isError":true}}`},
		{"raw", "tools/call", `"name":"raw","arguments":{"n":12345678901234567890}`, `{"result":{"resultType":"complete","content":[{"type":"text","text":"{\"n\":12345678901234567890}"}]}}`},
		{"unencodable", "tools/call", `"name":"unencodable"`, `{"error":{"code":-32603,"message":"encode the result of tools/call: json: unsupported type: func()"}}`},
		{"unknown tool", "tools/call", `"name":"no"`, `{"error":{"code":-32602,"message":"Unknown tool: no"}}`},
		{"read", "resources/read", `"uri":"test://a"`, `{"result":{"cacheScope":"public","contents":[{"uri":"test://a","mimeType":"text/plain","text":""}],"resultType":"complete","ttlMs":5}}`},
		{"read template", "resources/read", `"uri":"test://b%21/x"`, `{"result":{"cacheScope":"private","contents":[{"uri":"test://b%21/x","mimeType":"image/png","blob":"YiE="}],"resultType":"complete","ttlMs":9}}`},
		{"read nothing", "resources/read", `"uri":"test://no"`, `{"error":{"code":-32602,"message":"Resource not found: test://no","data":{"uri":"test://no"}}}`},
		{"read gone", "resources/read", `"uri":"test://gone"`, `{"error":{"code":-32602,"message":"Resource not found: test://gone","data":{"uri":"test://gone"}}}`},
		{"prompt", "prompts/get", `"name":"p","arguments":{"x":"1"}`, `{"result":{"resultType":"complete","messages":[{"role":"user","content":{"type":"text","text":"x=1"}},{"role":"assistant","content":{"type":"text","text":"<ok>"}}]}}`},
		{"prompt without argument", "prompts/get", `"name":"p"`, `{"error":{"code":-32602,"message":"prompt \"p\": missing required argument \"x\""}}`},
		{"prompt with a number", "prompts/get", `"name":"p","arguments":{"x":1}`, `{"error":{"code":-32602,"message":"prompt \"p\": arguments: want an object of strings"}}`},
		{"unknown prompt", "prompts/get", `"name":"q"`, `{"error":{"code":-32602,"message":"Unknown prompt: q"}}`},
		{"complete variable", "completion/complete", `"ref":{"type":"ref/resource","uri":"test://{kind}/x"},"argument":{"name":"kind","value":"al"}`, `{"result":{"completion":{"hasMore":false,"total":2,"values":["alpha","Album"]},"resultType":"complete"}}`},
		{"complete nothing", "completion/complete", `"ref":{"type":"ref/prompt","name":"p"},"argument":{"name":"y","value":""}`, `{"result":{"completion":{"hasMore":false,"total":0,"values":[]},"resultType":"complete"}}`},
		{"complete unknown argument", "completion/complete", `"ref":{"type":"ref/prompt","name":"p"},"argument":{"name":"z","value":""}`, `{"error":{"code":-32602,"message":"prompt \"p\" has no argument \"z\""}}`},
		{"complete unknown kind", "completion/complete", `"ref":{"type":"ref/x"},"argument":{"name":"z","value":""}`, `{"error":{"code":-32602,"message":"ref.type: want ref/prompt or ref/resource, have \"ref/x\""}}`},
		{"extension", "ext/echo", `"n":1e400`, `{"result":{"got":{"n":1e400}}}`},
		{"unknown method", "ping", ``, `{"error":{"code":-32601,"message":"Method not found: ping"}}`},
	}
	s := sample()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := s.Handle(t.Context(), []byte(`{"method":"`+tt.method+`","params":{`+tt.params+`}}`))
			if string(got) != tt.want {
				t.Errorf("answer\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestMalformedMessages(t *testing.T) {
	tests := []struct {
		name, message string
		code          int
	}{
		{"nothing", ``, pdk.CodeInvalidRequest},
		{"no object", `[]`, pdk.CodeInvalidRequest},
		{"half", `{"method":`, pdk.CodeInvalidRequest},
		{"no method", `{}`, pdk.CodeMethodNotFound},
		{"number as name", `{"method":"tools/call","params":{"name":5}}`, pdk.CodeInvalidParams},
		{"list as params", `{"method":"tools/call","params":[]}`, pdk.CodeInvalidParams},
		{"text as responses", `{"method":"tools/call","params":{"name":"add","inputResponses":"x"}}`, pdk.CodeInvalidParams},
		{"broken kept state", `{"method":"tools/call","params":{"name":"add","requestState":"pdk1:{"}}`, pdk.CodeInvalidParams},
	}
	s := sample()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var v struct{ Error pdktest.Error }
			got := s.Handle(t.Context(), []byte(tt.message))
			if err := json.Unmarshal(got, &v); err != nil || v.Error.Code != tt.code {
				t.Errorf("answer %s, want error %d", got, tt.code)
			}
		})
	}
}

func TestRawDefinitionUnchanged(t *testing.T) {
	a := pdktest.Client{Server: sample()}.Call(t, "tools/list", nil)
	want := `{"name":"raw","inputSchema":{"type":"object","x-unknown":12345678901234567890},"future":[1]}`
	if !strings.Contains(string(a.Raw), want) {
		t.Errorf("list %s lacks %s", a.Raw, want)
	}
}

func TestMissingCapabilitiesAreMissingMethods(t *testing.T) {
	s := pdk.New("empty", "1")
	for _, m := range []string{"tools/list", "prompts/list", "resources/list", "resources/templates/list", "completion/complete"} {
		t.Run(m, func(t *testing.T) {
			if a := (pdktest.Client{Server: s}).Call(t, m, nil); a.Error == nil || a.Error.Code != pdk.CodeMethodNotFound {
				t.Errorf("answer %s, want error %d", a.Raw, pdk.CodeMethodNotFound)
			}
		})
	}
}

func TestManyCompletions(t *testing.T) {
	a := pdktest.Client{Server: sample()}.Call(t, "completion/complete", map[string]any{
		"ref": map[string]string{"type": "ref/prompt", "name": "p"}, "argument": map[string]string{"name": "x", "value": ""},
	})
	var r struct {
		Completion struct {
			Values  []string
			Total   int
			HasMore bool
		}
	}
	if err := json.Unmarshal(a.Result, &r); err != nil {
		t.Fatal(err)
	}
	if c := r.Completion; len(c.Values) != 100 || c.Total != 150 || !c.HasMore {
		t.Errorf("%d values of %d, more %t; want 100 of 150, more", len(c.Values), c.Total, c.HasMore)
	}
}

func TestSetUpPanics(t *testing.T) {
	none := func(context.Context, struct{}) (*pdk.ToolResult, error) { return nil, nil }
	type loop struct{ Next []loop }
	tests := []struct {
		name string
		set  func(s *pdk.Server)
	}{
		{"tool without a name", func(s *pdk.Server) { pdk.AddTool(s, pdk.Tool{}, none) }},
		{"tool twice", func(s *pdk.Server) { pdk.AddTool(s, pdk.Tool{Name: "fail"}, none) }},
		{"arguments that are no object", func(s *pdk.Server) {
			pdk.AddTool(s, pdk.Tool{Name: "n"}, func(context.Context, int) (*pdk.ToolResult, error) { return nil, nil })
		}},
		{"type without a schema", func(s *pdk.Server) {
			pdk.AddTool(s, pdk.Tool{Name: "n"}, func(context.Context, struct{ C chan int }) (*pdk.ToolResult, error) { return nil, nil })
		}},
		{"type that contains itself", func(s *pdk.Server) {
			pdk.AddTool(s, pdk.Tool{Name: "n"}, func(context.Context, loop) (*pdk.ToolResult, error) { return nil, nil })
		}},
		{"bad schema", func(s *pdk.Server) { pdk.AddTool(s, pdk.Tool{Name: "n", InputSchema: json.RawMessage(`5`)}, none) }},
		{"raw tool without a schema", func(s *pdk.Server) { pdk.AddRawTool(s, json.RawMessage(`{"name":"n"}`), nil) }},
		{"resource without a name", func(s *pdk.Server) { s.AddResource(pdk.Resource{URI: "u"}, nil) }},
		{"resource twice", func(s *pdk.Server) { s.AddResource(pdk.Resource{URI: "test://a", Name: "a"}, nil) }},
		{"bad template", func(s *pdk.Server) {
			s.AddResourceTemplate(pdk.ResourceTemplate{URITemplate: "{", Name: "n"}, nil)
		}},
		{"completion of no variable", func(s *pdk.Server) {
			s.AddResourceTemplate(pdk.ResourceTemplate{URITemplate: "x{a}", Name: "n", Complete: map[string]pdk.Completer{"b": nil}}, nil)
		}},
		{"prompt twice", func(s *pdk.Server) { s.AddPrompt(pdk.Prompt{Name: "p"}, nil) }},
		{"prompt without a name", func(s *pdk.Server) { s.AddPrompt(pdk.Prompt{}, nil) }},
		{"MCP's own method", func(s *pdk.Server) { s.AddMethod("tools/list", nil) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := sample()
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			tt.set(s)
		})
	}
}
