package gate

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/internal/nearest"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/lock"
)

// About is what the operator knows of a server.
type About struct {
	Server cel.Server
	// Tools, Prompts and Resources are labels: by name, and by URI, in which "*"
	// stands for any text without "/" and "**" for any text.
	Tools, Prompts, Resources map[string][]string
	Tags                      map[string][]string // by the tool's name
}

// Server is one server as policies see it.
type Server struct {
	about     About
	resources []labelled

	mu    sync.Mutex
	start []string // labels of what its guests did while they started
}

// labelled are labels for the URIs that a pattern matches.
type labelled struct {
	pattern *regexp.Regexp
	labels  []string
}

// NewServer returns a server.
func NewServer(a About) *Server {
	s := &Server{about: a}
	for glob, labels := range a.Resources {
		for _, form := range uriForms(glob) {
			s.resources = append(s.resources, labelled{globPattern(form), labels})
		}
	}
	return s
}

// globPattern is a glob over URIs as a regular expression.
func globPattern(glob string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	for i, part := range strings.Split(glob, "**") {
		if i > 0 {
			b.WriteString(`.*`)
		}
		for j, text := range strings.Split(part, "*") {
			if j > 0 {
				b.WriteString(`[^/]*`)
			}
			b.WriteString(regexp.QuoteMeta(text))
		}
	}
	b.WriteString(`\z`)
	return regexp.MustCompile(b.String()) // of quoted text and the three forms above
}

// resourceLabels are the labels of a resource, in whatever form it is written.
func (s *Server) resourceLabels(uri string) []string {
	if len(s.resources) == 0 || uri == "" {
		return nil
	}
	forms := uriForms(uri)
	var labels []string
	for _, r := range s.resources {
		if slices.ContainsFunc(forms, r.pattern.MatchString) {
			labels = union(labels, r.labels)
		}
	}
	return labels
}

// started adds labels of what a guest did before it had a message: what it knows
// from there may be in all that it says.
func (s *Server) started(labels []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.start = union(s.start, labels)
}

func (s *Server) startLabels() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.start
}

// Definitions are what a server offers as policies see it: made once for each set
// of definitions.
type Definitions struct {
	server    *Server
	tools     map[string]toolView
	toolNames []string
	prompts   map[string]string // hashes
}

// toolView is a tool as policies see it.
type toolView struct {
	tool   *cel.Tool
	labels []string
}

// Define reads definitions.
func (s *Server) Define(d *plugins.Definitions) (*Definitions, error) {
	out := &Definitions{server: s, tools: make(map[string]toolView, len(d.Tools.Items)), prompts: make(map[string]string, len(d.Prompts.Items))}
	for _, def := range d.Tools.Items {
		t, err := newTool(def, s.about.Tags[def.Key])
		if err != nil {
			return nil, err
		}
		out.tools[def.Key] = toolView{t, union(nil, s.about.Tools[def.Key])}
		out.toolNames = append(out.toolNames, def.Key)
	}
	for _, def := range d.Prompts.Items {
		hash, err := lock.HashDefinition(def)
		if err != nil {
			return nil, err
		}
		out.prompts[def.Key] = hash
	}
	return out, nil
}

// Check finds what the operator says of tools and prompts that the server does not
// have: a misspelt name would leave the right one without its labels.
func (s *Server) Check(d *plugins.Definitions) plugins.GrantProblems {
	var problems plugins.GrantProblems
	problems = append(problems, unknownNames("labels.tools.", "tool", slices.Sorted(maps.Keys(s.about.Tools)), &d.Tools)...)
	problems = append(problems, unknownNames("labels.prompts.", "prompt", slices.Sorted(maps.Keys(s.about.Prompts)), &d.Prompts)...)
	return append(problems, unknownNames("tags.", "tool", slices.Sorted(maps.Keys(s.about.Tags)), &d.Tools)...)
}

func unknownNames(path, kind string, names []string, there *plugins.List) (problems plugins.GrantProblems) {
	var known []string
	for _, def := range there.Items {
		known = append(known, def.Key)
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			problems = append(problems, &plugins.GrantProblem{Path: path + name,
				Err: fmt.Errorf("the server has no %s %q%s", kind, name, nearest.Hint(name, known))})
		}
	}
	return problems
}

// Tools are the tools in the order in which the server has them.
func (d *Definitions) Tools() []*cel.Tool {
	tools := make([]*cel.Tool, 0, len(d.toolNames))
	for _, name := range d.toolNames {
		tools = append(tools, d.tools[name].tool)
	}
	return tools
}

func newTool(def plugins.Definition, tags []string) (*cel.Tool, error) {
	hash, err := lock.HashDefinition(def)
	if err != nil {
		return nil, err
	}
	o, err := wire.ParseObject(def.Raw)
	if err != nil {
		return nil, err
	}
	schema, _ := o.Get("inputSchema")
	return &cel.Tool{Name: def.Key, Hash: hash, Hints: hints(o), Tags: tags, InputSchema: schema}, nil
}

// hints reads a tool's annotations; one that is no boolean is none.
func hints(tool wire.Object) cel.Hints {
	annotations, _, _ := tool.GetObject("annotations")
	hint := func(name string) *bool {
		switch v, _ := annotations.Get(name); string(v) {
		case "true":
			return new(true)
		case "false":
			return new(false)
		}
		return nil
	}
	return cel.Hints{ReadOnly: hint("readOnlyHint"), Destructive: hint("destructiveHint"),
		Idempotent: hint("idempotentHint"), OpenWorld: hint("openWorldHint")}
}

// Subject is what a message or a definition is about, in the server's own names:
// at most one of a tool, a prompt and a resource or template.
type Subject struct{ Tool, Prompt, Resource string }

// input begins what a decision is about.
func (d *Definitions) input(s Subject) cel.Input {
	in := cel.Input{Server: &d.server.about.Server, Prompt: s.Prompt, Resource: s.Resource}
	switch {
	case s.Tool != "":
		t := d.tools[s.Tool]
		in.Tool, in.Labels = t.tool, t.labels
		if t.tool == nil { // whoever asks has looked: it is denied like what nobody knows
			in.Tool = &cel.Tool{Name: s.Tool}
		}
	case s.Prompt != "":
		in.Labels = union(nil, d.server.about.Prompts[s.Prompt])
	case s.Resource != "":
		in.Labels = d.server.resourceLabels(s.Resource)
	}
	return in
}

// hash is that of the definition of what a message is about, "" where it has none.
func (d *Definitions) hash(s Subject) string {
	if t := d.tools[s.Tool].tool; t != nil {
		return t.Hash
	}
	return d.prompts[s.Prompt]
}

// union returns the labels of both in ascending order, each once. It changes neither.
func union(a, b []string) []string {
	if len(b) == 0 && slices.IsSorted(a) {
		return a
	}
	out := slices.Concat(a, b)
	slices.Sort(out)
	return slices.Compact(out)
}
