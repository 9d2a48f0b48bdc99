package cel

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

const argsSchema = `{
	"type": "object",
	"properties": {
		"path": {"type": "string"},
		"count": {"type": "integer"},
		"ratio": {"type": "number"},
		"force": {"type": "boolean"},
		"tags": {"type": "array", "items": {"type": "string"}},
		"env": {"type": "object", "additionalProperties": {"type": "integer"}},
		"to": {"type": "object", "properties": {"host": {"type": "string"}, "port": {"type": "integer"}}},
		"hops": {"type": "array", "items": {"$ref": "#/properties/to"}},
		"any": {"type": ["string", "null"]},
		"either": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
		"tree": {"$ref": "#/$defs/tree"},
		"loop": {"$ref": "#/$defs/loop"},
		"away": {"$ref": "https://example.com/schema"},
		"na-me": {"type": "string"}
	},
	"$defs": {
		"tree": {"type": "object", "properties": {"name": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}},
		"loop": {"$ref": "#/$defs/loop"}
	}
}`

func typedPolicy(t *testing.T, when string) *Policy {
	t.Helper()
	return mustParse(t, rules("{name: r, on: call, server: files, tool: read, then: allow, when: '"+when+"'}"))
}

func schemaTool() *Tool { return &Tool{Name: "read", InputSchema: json.RawMessage(argsSchema)} }

func TestTypedArgs(t *testing.T) {
	for _, tt := range []struct {
		when, args string
		want       Verdict // "" for an error
	}{
		{`args.path == "x"`, `{"path":"x"}`, Allow},
		{`args.path == "x"`, `{"path":"y"}`, Deny},
		{`args.path == "x"`, `{"path":5}`, ""},
		{`args.path == "x"`, `{"path":null}`, ""},
		{`args.path == "x"`, `{}`, ""},
		{`args.path == "x"`, ``, ""},
		{`has(args.path)`, `{}`, Deny},
		{`has(args.path)`, `{"path":5}`, Allow},
		{`args.?path.orValue("x") == "x"`, `{}`, Allow},
		{`args.count + 1 == 6`, `{"count":5}`, Allow},
		{`args.count == 5`, `{"count":5.0}`, Allow},
		{`args.count == 5000`, `{"count":5e3}`, Allow},
		{`args.count == -5`, `{"count":-5.00e0}`, Allow},
		{`args.count == 0`, `{"count":-0}`, Allow},
		{`args.count == 9223372036854775807`, `{"count":9223372036854775807}`, Allow},
		{`args.count > 5`, `{"count":9223372036854775808}`, ""},
		{`args.count > 5`, `{"count":5.5}`, ""},
		{`args.count > 5`, `{"count":1e99999999999999999999}`, ""},
		{`args.count > 5`, `{"count":1e-99999999999999999999}`, ""},
		{`args.count > 5`, `{"count":"7"}`, ""},
		{`args.ratio == 0.1`, `{"ratio":0.1}`, Allow},
		{`args.ratio == 0.1`, `{"ratio":1e-1}`, Allow},
		{`args.ratio == 3.0`, `{"ratio":3}`, Allow},
		{`args.ratio > 1.0`, `{"ratio":9007199254740993}`, ""},
		{`args.ratio > 1.0`, `{"ratio":1e400}`, ""},
		{`args.ratio < 1.0`, `{"ratio":1e-400}`, ""},
		{`args.ratio < 1.0`, `{"ratio":0.10000000000000000001}`, ""},
		{`args.force`, `{"force":true}`, Allow},
		{`args.force`, `{"force":"true"}`, ""},
		{`"a" in args.tags`, `{"tags":["b","a"]}`, Allow},
		{`"a" in args.tags`, `{"tags":["b",5,"a"]}`, ""},
		{`"c" in args.tags`, `{"tags":["b",5]}`, ""},
		{`size(args.tags) == 2`, `{"tags":["b",5]}`, Allow},
		{`args.env.HOME == 5 && args.env["HOME"] == 5`, `{"env":{"HOME":5}}`, Allow},
		{`args.env.HOME == 5`, `{"env":{"HOME":"5"}}`, ""},
		{`args.to.host == "h" && args.to.port == 443`, `{"to":{"host":"h","port":443}}`, Allow},
		{`args.to.host == "h"`, `{"to":"h"}`, ""},
		{`args.to.host == "h"`, `{"to":{}}`, ""},
		{`args.hops.exists(h, h.port == 80)`, `{"hops":[{"port":443},{"port":80}]}`, Allow},
		{`args.hops[0].host == "h"`, `{"hops":[{"host":"h"}]}`, Allow},
		{`args.hops.all(h, h.host == "h")`, `{"hops":[{"host":"h"},{}]}`, ""},
		{`args.any == null`, `{"any":null}`, Allow},
		{`args.either == 5 || args.either == "5"`, `{"either":5}`, Allow},
		{`args.tree.children[0].name == "x"`, `{"tree":{"children":[{"name":"x"}]}}`, Allow},
		{`args.tree.children[0].children[0].name == "x"`, `{"tree":{"children":[{"children":[{"name":5}]}]}}`, ""},
		{`args.loop == 5 && args.away == "x"`, `{"loop":5,"away":"x"}`, Allow},
		{"args.`na-me` == \"x\"", `{"na-me":"x"}`, Allow},
		{`dyn(args).path == "x" && dyn(args)["path"] == "x"`, `{"path":"x"}`, Allow},
		{`dyn(args).nope == "x"`, `{"path":"x"}`, ""},
	} {
		t.Run(tt.when+" "+tt.args, func(t *testing.T) {
			p := typedPolicy(t, tt.when)
			if ps := p.CheckTool("files", schemaTool()); ps != nil {
				t.Fatal(ps)
			}
			d := p.Decide(context.Background(), PhaseCall, &Input{Server: &Server{Name: "files"}, Tool: schemaTool(), Args: json.RawMessage(tt.args)})
			if want := tt.want; want == "" && (d.Verdict != Deny || d.Err == nil) || want != "" && (d.Verdict != want || d.Err != nil) {
				t.Errorf("want %q, got %+v", want, d)
			}
		})
	}
}

func TestCheckTool(t *testing.T) {
	for when, want := range map[string]string{
		`args.pth == "x"`:            `the tool has no argument "pth": did you mean "path"?`,
		`has(args.cuont)`:            `the tool has no argument "cuont": did you mean "count"?`,
		`args.to.prot == 5`:          `the tool has no argument "to.prot": did you mean "port"?`,
		`args.path == 5`:             `"==" does not go with (string, int)`,
		`args.count == "5"`:          `"==" does not go with (int, string)`,
		`args.path`:                  `the condition must be true or false, and its type is string`,
		`args["path"] == "x"`:        "fields are written object.name, or object.`na-me`, not object[\"name\"]",
		`"path" in args`:             `whether a field is there is asked with has(object.name)`,
		`args.tags == ["x", args.n]`: `the tool has no argument "n"`,
	} {
		t.Run(when, func(t *testing.T) {
			p := typedPolicy(t, when)
			ps := p.CheckTool("files", schemaTool())
			if len(ps) == 0 || ps[0].Message != want || ps[0].Rule != "r" || ps[0].Line != 3 || ps[0].Column < 60 {
				t.Fatalf("got %+v", ps)
			}
			for range 2 {
				d := p.Decide(context.Background(), PhaseCall, &Input{Server: &Server{Name: "files"}, Tool: schemaTool()})
				if d.Verdict != Deny || d.Rule != "r" || d.Err == nil {
					t.Errorf("got %+v", d)
				}
			}
		})
	}
}

func TestCheckToolSchemas(t *testing.T) {
	p := typedPolicy(t, `args.x == 5`)
	for schema, want := range map[string]string{
		``:                                  "",
		`{"type":"object"}`:                 "",
		`{}`:                                "",
		`true`:                              "",
		`[]`:                                "",
		`{"type":`:                          "input schema",
		`{"properties":{}}`:                 "",
		`{"type":"object","properties":{}}`: `no argument "x"`,
		`{"type":"object","properties":{"y":true},"anyOf":[]}`:                                  "",
		`{"type":"object","properties":{"x":{"$ref":"#/nowhere"}}}`:                             "",
		`{"type":"object","properties":{"x":{"$ref":"#"}}}`:                                     `"==" does not go with`,
		`{"type":"object","properties":{"x":{"$ref":"#/properties/y"},"y":{"type":"integer"}}}`: "",
	} {
		ps := p.CheckTool("files", &Tool{Name: "read", InputSchema: json.RawMessage(schema)})
		if (want == "") != (len(ps) == 0) || !strings.Contains(ps.Error(), want) {
			t.Errorf("%s: got %v", schema, ps)
		}
	}
	if ps := p.CheckTool("other", schemaTool()); ps != nil {
		t.Errorf("another server's tool: %v", ps)
	}
	if ps := typedPolicy(t, `tool.name == "x"`).CheckTool("files", &Tool{Name: "read", InputSchema: json.RawMessage(`{`)}); ps != nil {
		t.Errorf("a rule that reads no arguments: %v", ps)
	}
}

// A server that changes its definitions for ever does not make a policy grow.
func TestTypedToolsAreBounded(t *testing.T) {
	p := typedPolicy(t, `args.path == "x"`)
	first, err := p.tools.get("files", schemaTool())
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := p.tools.get("files", schemaTool()); again != first {
		t.Error("compiled twice")
	}
	for i := range 20 {
		tool := schemaTool()
		tool.Hash = fmt.Sprint(i)
		if ps := p.CheckTool("files", tool); ps != nil {
			t.Fatal(ps)
		}
	}
	if known := *p.tools.slots[toolKey{"files", "read"}].known.Load(); len(known) != definitionsKept || known[0].hash != "19" {
		t.Errorf("%d definitions are kept", len(known))
	}
	if len(p.tools.slots) != 1 {
		t.Errorf("%d tools are kept", len(p.tools.slots))
	}
	// The same hash with another schema is another definition.
	other := &Tool{Name: "read", Hash: "19", InputSchema: json.RawMessage(`{"type":"object","properties":{}}`)}
	if ps := p.CheckTool("files", other); len(ps) == 0 {
		t.Error("another schema of the same hash was not looked at")
	}
}

func TestHugeSchema(t *testing.T) {
	var b strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&b, `"p%d":{"type":"string"},`, i)
	}
	p := typedPolicy(t, `args.p1 == "x"`)
	tool := &Tool{Name: "read", InputSchema: json.RawMessage(`{"type":"object","properties":{` + strings.TrimSuffix(b.String(), ",") + `}}`)}
	if ps := p.CheckTool("files", tool); ps != nil {
		t.Error(ps)
	}
}

// Schemas that would take long to compile are dynamic where they are deep, and refused where they
// are large.
func TestSchemasAreBounded(t *testing.T) {
	var chain strings.Builder
	for i := range 900 {
		fmt.Fprintf(&chain, `"d%d":{"type":"array","items":{"$ref":"#/$defs/d%d"}},`, i, i+1)
	}
	deep := `{"type":"object","properties":{"x":{"$ref":"#/$defs/d0"},"y":{"type":"integer"}},"$defs":{` + chain.String() + `"d900":{"type":"integer"}}}`
	s, err := parseSchema(json.RawMessage(deep))
	if err != nil {
		t.Fatal(err)
	}
	depth := 0
	for x := s.root.fields["x"]; x.kind == shapeList; x = x.elem {
		depth++
	}
	if depth == 0 || depth > maxShapeDepth || s.root.fields["y"].kind != shapeInt {
		t.Errorf("lists %d levels deep", depth)
	}
	p := typedPolicy(t, `args.y == 5`)
	large := `{"type":"object","properties":{"y":{"type":"integer","description":"` + strings.Repeat("a", maxSchemaBytes) + `"}}}`
	for schema, want := range map[string]string{deep: "", large: "bytes, and at most 262144 are read"} {
		tool := &Tool{Name: "read", InputSchema: json.RawMessage(schema)}
		if ps := p.CheckTool("files", tool); (want == "") != (len(ps) == 0) || !strings.Contains(ps.Error(), want) {
			t.Errorf("got %v", ps)
		}
		d := p.Decide(t.Context(), PhaseCall, &Input{Server: &Server{Name: "files"}, Tool: tool, Args: json.RawMessage(`{"y":5}`)})
		if (d.Err == nil) != (want == "") || (d.Verdict == Allow) != (want == "") {
			t.Errorf("got %+v", d)
		}
	}
}

// While one definition is compiled, calls of another one go on.
func TestDefinitionsAreCompiledApart(t *testing.T) {
	p := typedPolicy(t, `args.path == "x"`)
	slot := p.tools.slots[toolKey{"files", "read"}]
	first := schemaTool()
	first.Hash = "first"
	started, finish, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		slot.of(first).compile.Do(func() { close(started); <-finish })
	}()
	<-started
	if ps := p.CheckTool("files", schemaTool()); ps != nil {
		t.Error(ps)
	}
	close(finish)
	<-done
}
