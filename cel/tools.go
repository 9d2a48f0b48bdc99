package cel

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// toolCache has the rules that are typed by the input schemas of tools. It has a place for
// each tool that the policy names, so that no server can make it grow.
type toolCache struct{ slots map[toolKey]*toolSlot }

// toolSlot has the last few definitions of one tool, the newest first: while a server is
// updated, calls of the old and the new one come together.
type toolSlot struct {
	rules []*rule
	known atomic.Pointer[[]*typedTool]
}

const definitionsKept = 4

// typedTool has the rules about one tool with its arguments typed.
type typedTool struct {
	hash       string
	schema     []byte
	conditions map[*rule]*[4]*condition
	problems   map[*rule]Problems
	// compile makes the above. Whoever asks for this definition waits for it, and nobody
	// else does.
	compile sync.Once
	err     error
}

func newToolCache(rules []*rule) *toolCache {
	c := &toolCache{slots: map[toolKey]*toolSlot{}}
	for _, r := range rules {
		if !r.typed {
			continue
		}
		for _, s := range r.source.Servers {
			for _, t := range r.source.Tools {
				c.add(toolKey{s, t}, r)
			}
		}
	}
	return c
}

func (c *toolCache) add(key toolKey, r *rule) {
	slot := c.slots[key]
	if slot == nil {
		slot = &toolSlot{}
		c.slots[key] = slot
	}
	if !slices.Contains(slot.rules, r) {
		slot.rules = append(slot.rules, r)
	}
}

// get returns the rules for a tool, compiled when they are first asked for; nil where no
// rule is typed by it.
func (c *toolCache) get(server string, tool *Tool) (*typedTool, error) {
	slot := c.slots[toolKey{server, tool.Name}]
	if slot == nil {
		return nil, nil
	}
	t := slot.of(tool)
	t.compile.Do(func() { t.err = slot.compile(t) })
	return t, t.err
}

// compile is typed for a schema that a stranger wrote: where cel-go, or this package,
// panics on it, the rules cannot be decided, now and whenever they are asked again.
func (s *toolSlot) compile(t *typedTool) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("types of the arguments: internal error: %s", shorten(fmt.Sprint(r)))
		}
	}()
	return s.typed(t)
}

// of returns the place of a definition, a new one where there is none.
func (s *toolSlot) of(tool *Tool) *typedTool {
	for {
		old := s.known.Load()
		if t := find(old, tool); t != nil {
			return t
		}
		known := []*typedTool{{
			hash: tool.Hash, schema: tool.InputSchema,
			conditions: map[*rule]*[4]*condition{}, problems: map[*rule]Problems{},
		}}
		if old != nil {
			known = append(known, (*old)[:min(len(*old), definitionsKept-1)]...)
		}
		if s.known.CompareAndSwap(old, &known) {
			return known[0]
		}
	}
}

// find looks for a definition. The schema is compared as well: the hash is somebody else's
// word.
func find(known *[]*typedTool, tool *Tool) *typedTool {
	if known == nil {
		return nil
	}
	for _, t := range *known {
		if t.hash == tool.Hash && bytes.Equal(t.schema, tool.InputSchema) {
			return t
		}
	}
	return nil
}

// typed compiles the rules against a tool's input schema. A schema that is none, or too large,
// is a problem of every rule.
func (s *toolSlot) typed(t *typedTool) error {
	args, err := parseSchema(t.schema)
	if err != nil {
		for _, r := range s.rules {
			t.problems[r] = Problems{r.problem(err.Error())}
		}
		return nil
	}
	for i := range Phases {
		if err := s.typedPhase(t, i, args); err != nil {
			return err
		}
	}
	return nil
}

func (s *toolSlot) typedPhase(t *typedTool, place int, args *schema) error {
	e, err := environments[place]()
	if err != nil {
		return err
	}
	if !declarations[declared["args"]].in(e.phase) {
		return nil
	}
	env, err := e.typed(args)
	if err != nil {
		return fmt.Errorf("types of the arguments: %w", err)
	}
	for _, r := range s.rules {
		if r.conditions[place] == nil {
			continue
		}
		c, problems := r.condition(e.phase, env, args)
		for _, p := range problems {
			if !slices.Contains(t.problems[r], p) { // said of another phase
				t.problems[r] = append(t.problems[r], p)
			}
		}
		if t.conditions[r] == nil {
			t.conditions[r] = &[4]*condition{}
		}
		t.conditions[r][place] = c
	}
	return nil
}

// problem is an error of the rule as a whole.
func (r *rule) problem(message string) Problem {
	return Problem{
		File: r.file, Line: r.source.Line, Column: 1, Rule: r.source.Name,
		Severity: SeverityError, Message: shorten(message),
	}
}

// CheckTool compiles the rules that name a server and one of its tools against
// the tool's input schema. A rule with a problem denies every call of the tool.
func (p *Policy) CheckTool(server string, tool *Tool) Problems {
	if len(tool.InputSchema) == 0 {
		return nil
	}
	t, err := p.tools.get(server, tool)
	if err != nil {
		return Problems{{File: p.source.file, Severity: SeverityError, Message: shorten(err.Error())}}
	}
	if t == nil {
		return nil
	}
	var problems Problems
	for _, r := range p.rules {
		problems = append(problems, t.problems[r]...)
	}
	return problems
}

// typed is the condition of a rule with the arguments typed by the tool that is called.
func (c *judge) typed(e *entry) (*condition, error) {
	if c.tool == nil {
		t, err := c.policy.tools.get(c.a.server.Name, c.a.tool)
		if err != nil {
			return nil, e.locate(err)
		}
		c.tool = t
	}
	if problems := c.tool.problems[e.rule]; len(problems) > 0 {
		return nil, problems
	}
	if typed := c.tool.conditions[e.rule]; typed[e.phase] != nil {
		return typed[e.phase], nil
	}
	return e.conditions[e.phase], nil // a list has no args
}
