package pdk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// ProtocolVersion is the MCP revision whose message shapes guests see; the host
// translates for clients of other revisions.
const ProtocolVersion = "2026-07-28"

// Server answers messages from what was added to it. Its fields are set before
// [Serve]. Tools are added with [AddTool], [AddTypedTool] and [AddRawTool].
type Server struct {
	// Title, Description, WebsiteURL and Icons are for people.
	Title       string
	Description string
	WebsiteURL  string
	Icons       []Icon
	// Instructions tell a model how to use the server.
	Instructions string
	// Cache says for how long clients may keep lists and resources.
	Cache Cache
	// Changes declares which notifications the server sends.
	Changes Changes
	// Extensions, by name, are declared as capabilities, each a JSON object.
	Extensions map[string]json.RawMessage

	name, version string

	tools      []tool
	toolByName map[string]int

	prompts      []prompt
	promptByName map[string]int

	resources     []resource
	resourceByURI map[string]int
	templates     []template

	methods   map[string]MethodHandler
	completes bool
	asked     *Capabilities
}

// Cache is a caching hint (MCP server/utilities/caching). The zero value says
// that nothing may be kept.
type Cache struct {
	TTLMillis int64
	// Public allows a copy to be shared between users.
	Public bool
}

// Changes says which notifications a server sends.
type Changes struct {
	Tools     bool // [ToolsChanged]
	Prompts   bool // [PromptsChanged]
	Resources bool // [ResourcesChanged]
	Updates   bool // [ResourceUpdated]: clients may subscribe to resources
}

// New returns a server without tools, prompts and resources.
func New(name, version string) *Server {
	return &Server{
		name: name, version: version,
		toolByName: map[string]int{}, promptByName: map[string]int{}, resourceByURI: map[string]int{},
		methods: map[string]MethodHandler{},
	}
}

// MethodHandler answers a method that is not MCP's own. The result must encode
// as a JSON object.
type MethodHandler func(ctx context.Context, params json.RawMessage) (any, error)

// AddMethod adds a method of an extension. It panics if the server has the
// method already.
func (s *Server) AddMethod(method string, handler MethodHandler) {
	if _, ok := s.methods[method]; ok || standard[method] != nil {
		panic("pdk: method " + method + " is added twice or MCP's own")
	}
	s.methods[method] = handler
}

// params holds the members of any method's params that the PDK reads.
type params struct {
	Name      string          `json:"name"`
	URI       string          `json:"uri"`
	Arguments json.RawMessage `json:"arguments"`
	Cursor    string          `json:"cursor"`
	Ref       struct {
		Type string `json:"type"`
		Name string `json:"name"`
		URI  string `json:"uri"`
	} `json:"ref"`
	Argument struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	} `json:"argument"`
	Context struct {
		Arguments map[string]string `json:"arguments"`
	} `json:"context"`
	InputResponses map[string]json.RawMessage `json:"inputResponses"`
	RequestState   string                     `json:"requestState"`
	Meta           meta                       `json:"_meta"`
}

// read takes the members by their exact names: encoding/json alone would take
// "NAME" for "name", which whoever inspected the message before did not.
func (p *params) read(raw json.RawMessage) error {
	if len(raw) == 0 {
		return nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return err
	}
	fields := map[string]any{
		"name": &p.Name, "uri": &p.URI, "arguments": &p.Arguments, "cursor": &p.Cursor, "ref": &p.Ref, "argument": &p.Argument,
		"context": &p.Context, "inputResponses": &p.InputResponses, "requestState": &p.RequestState, "_meta": &p.Meta,
	}
	for name, value := range members {
		if field, ok := fields[name]; ok {
			if err := json.Unmarshal(value, field); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}

// method is one of MCP's methods: how it is answered, and whether the server
// has what it is about.
type method struct {
	answer func(s *Server, ctx context.Context, p *params) (any, error)
	has    func(s *Server) bool
	rounds bool // may answer input_required
}

var standard map[string]*method

func init() {
	hasTools := func(s *Server) bool { return len(s.tools) > 0 }
	hasPrompts := func(s *Server) bool { return len(s.prompts) > 0 }
	hasResources := func(s *Server) bool { return len(s.resources)+len(s.templates) > 0 }
	standard = map[string]*method{
		"server/discover":          {(*Server).discover, func(*Server) bool { return true }, false},
		"tools/list":               {(*Server).listTools, hasTools, false},
		"tools/call":               {(*Server).callTool, hasTools, true},
		"prompts/list":             {(*Server).listPrompts, hasPrompts, false},
		"prompts/get":              {(*Server).getPrompt, hasPrompts, true},
		"resources/list":           {(*Server).listResources, hasResources, false},
		"resources/templates/list": {(*Server).listTemplates, hasResources, false},
		"resources/read":           {(*Server).readResource, hasResources, true},
		"completion/complete":      {(*Server).completeArgument, func(s *Server) bool { return s.completes }, false},
	}
}

// Handle implements [Handler].
func (s *Server) Handle(ctx context.Context, message []byte) []byte {
	var m struct {
		Method string          `json:"method"`
		Params json.RawMessage `json:"params"`
	}
	if err := json.Unmarshal(message, &m); err != nil {
		return errorAnswer(Errorf(CodeInvalidRequest, "Invalid request: %v", err))
	}
	result, err := s.dispatch(ctx, m.Method, m.Params)
	if err != nil {
		return errorAnswer(asError(err))
	}
	b, err := encode(result)
	if err != nil {
		return errorAnswer(Errorf(CodeInternalError, "encode the result of %s: %v", m.Method, err))
	}
	out := make([]byte, 0, len(b)+len(`{"result":}`))
	return append(append(append(out, `{"result":`...), b...), '}')
}

// dispatch calls who answers a method and turns its panics into errors.
func (s *Server) dispatch(ctx context.Context, name string, raw json.RawMessage) (result any, err error) {
	custom := s.methods[name]
	m := standard[name]
	if custom == nil && (m == nil || !m.has(s)) {
		return nil, Errorf(CodeMethodNotFound, "Method not found: %s", name)
	}
	var p params
	if err := p.read(raw); err != nil {
		return nil, Errorf(CodeInvalidParams, "Invalid params: %v", err)
	}
	c := &call{method: name, params: raw, meta: p.Meta}
	if err := c.readRound(p.InputResponses, p.RequestState); err != nil {
		return nil, Errorf(CodeInvalidParams, "%v", err)
	}
	defer func() {
		if r := recover(); r != nil {
			result, err = nil, panicked(subject(name, &p), r)
		}
	}()
	ctx = context.WithValue(ctx, callKey{}, c)
	if custom != nil {
		return custom(ctx, raw)
	}
	result, err = m.answer(s, ctx, &p)
	var needed *inputNeeded
	if m.rounds && errors.As(err, &needed) {
		return needed.result(ctx)
	}
	return result, err
}

// subject names what a message is about.
func subject(method string, p *params) string {
	switch {
	case p.Name != "":
		return method + " of " + p.Name
	case p.URI != "":
		return method + " of " + p.URI
	}
	return method
}

// result is the input_required result, or the error that the client cannot
// answer it.
func (n *inputNeeded) result(ctx context.Context) (any, error) {
	for _, r := range n.requests {
		if err := Requires(ctx, r); err != nil {
			return nil, err
		}
	}
	result := map[string]any{"resultType": "input_required"}
	if len(n.requests) > 0 {
		result["inputRequests"] = n.requests
	}
	if n.state != "" {
		result["requestState"] = n.state
	}
	if len(result) == 1 {
		return nil, Errorf(CodeInternalError, "the handler asked for input with neither a request nor a state")
	}
	return result, nil
}
