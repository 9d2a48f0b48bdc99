package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpwasm/mcpwasm/host/internal/gate"
	"github.com/mcpwasm/mcpwasm/host/internal/gate/gatetest"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
)

// scripted is a guest whose answers are JSON by method, or functions.
type scripted struct {
	answers map[string]func(params wire.Object) string
	signal  func(string, plugins.Notification)
	closed  atomic.Bool
	block   chan struct{} // where not nil, tools/call waits for it
}

func (g *scripted) Handle(_ context.Context, c runtime.Call) (plugins.Answer, error) {
	params, err := wire.ParseObject(c.Message.Params)
	if err != nil {
		return plugins.Answer{}, err
	}
	if c.Message.Method == plugins.MethodCallTool && g.block != nil {
		<-g.block
	}
	if f, ok := g.answers[c.Message.Method]; ok {
		return wire.ParseAnswer([]byte(f(params)))
	}
	return plugins.Answer{Error: plugins.Errorf(plugins.CodeMethodNotFound, "no %s", c.Message.Method)}, nil
}

func (g *scripted) Subscribe(context.Context, runtime.Call, string) error   { return nil }
func (g *scripted) Unsubscribe(context.Context, runtime.Call, string) error { return nil }
func (g *scripted) CloseSession(string)                                     {}
func (g *scripted) Close(context.Context) error                             { g.closed.Store(true); return nil }

func says(result string) func(wire.Object) string {
	return func(wire.Object) string { return `{"result":` + result + `}` }
}

// newGuest is a server with a tool, a prompt, a resource and a template, which
// answers with the parameters that it got.
func newGuest(name string) *scripted {
	mirror := func(member string) func(wire.Object) string {
		return func(p wire.Object) string {
			v, _ := p.Get(member)
			return `{"result":{"from":"` + name + `","got":` + string(v) + `}}`
		}
	}
	return &scripted{answers: map[string]func(wire.Object) string{
		plugins.MethodDiscover: says(`{"capabilities":{"tools":{},"prompts":{"listChanged":true},"resources":{},"completions":{},"x-` + name + `":{"a":1}},
			"instructions":"I am ` + name + `.","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"` + name + `","version":"1"}}}`),
		plugins.MethodListTools:             says(`{"tools":[{"name":"run","description":"d","inputSchema":{"type":"object"}}],"ttlMs":5,"cacheScope":"public"}`),
		plugins.MethodListPrompts:           says(`{"prompts":[{"name":"p"}]}`),
		plugins.MethodListResources:         says(`{"resources":[{"uri":"test://r","name":"r"}]}`),
		plugins.MethodListResourceTemplates: says(`{"resourceTemplates":[{"uriTemplate":"test://{x}","name":"t"}]}`),
		plugins.MethodCallTool: func(p wire.Object) string {
			n, _ := p.Get("name")
			return `{"result":{"from":"` + name + `","got":` + string(n) + `,"content":[{"type":"resource_link","uri":"test://r","name":"r"},
				{"type":"resource","resource":{"uri":"test://r","text":"t","n":9007199254740993}},{"type":"text","text":"test://r"}]}}`
		},
		plugins.MethodGetPrompt: mirror("name"),
		plugins.MethodReadResource: func(p wire.Object) string {
			u, _ := p.Get("uri")
			return `{"result":{"contents":[{"uri":` + string(u) + `,"text":"` + name + `"}]}}`
		},
		plugins.MethodComplete: mirror("ref"),
	}}
}

func newGateway(t testing.TB, prefix bool, guests map[string]Guest) *Gateway {
	t.Helper()
	return newGatewayAt(t, gatetest.Open(), prefix, guests)
}

func newGatewayAt(t testing.TB, at *gate.Gate, prefix bool, guests map[string]Guest) *Gateway {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	g := New(Config{Prefix: prefix, Versions: []string{"2026-07-28"}, Info: json.RawMessage(`{"name":"gw","version":"1"}`), PageSize: 100, Gate: at, Log: log})
	var servers []*Server
	for name, guest := range guests {
		s := NewServer(name, log, nil)
		if guest == nil {
			s.Fail(errors.New("it is broken"))
		} else {
			if sc, ok := guest.(*scripted); ok {
				sc.signal = s.Signal
			}
			s.Attach(guest, "id-"+name, nil)
		}
		servers = append(servers, s)
	}
	g.Replace(servers)
	return g
}

var testMeta = json.RawMessage(`{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`)

func ask(t testing.TB, g *Gateway, method, params string) plugins.Answer {
	t.Helper()
	o, err := wire.ParseObject([]byte(params))
	if err != nil {
		t.Fatal(err)
	}
	o = o.Set("_meta", testMeta)
	m, perr := ParseMeta(o)
	if perr != nil {
		t.Fatal(perr)
	}
	return g.Handle(t.Context(), Request{Method: method, Params: o, Meta: m})
}

func TestPrefixedNames(t *testing.T) {
	g := newGateway(t, true, map[string]Guest{"a": newGuest("a"), "a-b": newGuest("a-b"), "broken": nil})
	for _, tc := range []struct{ name, method, params, want string }{
		{"tools", plugins.MethodListTools, `{}`, `"tools":[{"name":"a-b__run","description":"d","inputSchema":{"type":"object"}},{"name":"a__run",`},
		{"hints of all", plugins.MethodListTools, `{}`, `"ttlMs":5,"cacheScope":"public"`},
		{"prompts", plugins.MethodListPrompts, `{}`, `[{"name":"a-b__p"},{"name":"a__p"}]`},
		{"resources", plugins.MethodListResources, `{}`, `[{"uri":"a+test://r","name":"a__r"},{"uri":"a-b+test://r","name":"a-b__r"}]`},
		{"templates", plugins.MethodListResourceTemplates, `{}`, `{"uriTemplate":"a+test://{x}","name":"a__t"}`},
		{"call", plugins.MethodCallTool, `{"name":"a-b__run"}`, `"from":"a-b","got":"run"`},
		{"links come back", plugins.MethodCallTool, `{"name":"a__run"}`, `{"type":"resource_link","uri":"a+test://r","name":"r"}`},
		{"embedded resources come back", plugins.MethodCallTool, `{"name":"a__run"}`, `"resource":{"uri":"a+test://r","text":"t","n":9007199254740993}`},
		{"text is left alone", plugins.MethodCallTool, `{"name":"a__run"}`, `{"type":"text","text":"test://r"}`},
		{"prompt", plugins.MethodGetPrompt, `{"name":"a__p"}`, `"from":"a","got":"p"`},
		{"resource", plugins.MethodReadResource, `{"uri":"a-b+test://r"}`, `{"uri":"a-b+test://r","text":"a-b"}`},
		{"completion of a prompt", plugins.MethodComplete, `{"ref":{"type":"ref/prompt","name":"a__p"},"argument":{"name":"x","value":""}}`, `"got":{"type":"ref/prompt","name":"p"}`},
		{"completion of a template", plugins.MethodComplete, `{"ref":{"type":"ref/resource","uri":"a+test://{x}"},"argument":{"name":"x","value":""}}`, `"got":{"type":"ref/resource","uri":"test://{x}"}`},
		{"capabilities of all", plugins.MethodDiscover, `{}`, `"tools":{"listChanged":true}`},
		{"extensions of all", plugins.MethodDiscover, `{}`, `"x-a-b":{"a":1}`},
		{"instructions of all", plugins.MethodDiscover, `{}`, `# a\n\nI am a.\n\n# a-b\n\nI am a-b.`},
		{"identity", plugins.MethodDiscover, `{}`, `"io.modelcontextprotocol/serverInfo":{"name":"gw","version":"1"}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := ask(t, g, tc.method, tc.params)
			if a.Error != nil || !strings.Contains(string(a.Result), tc.want) {
				t.Errorf("answer = %s %v\nwant %s", a.Result, a.Error, tc.want)
			}
		})
	}
	for _, tc := range []struct {
		name, method, params string
		code                 int
		want                 string
	}{
		{"bare name", plugins.MethodCallTool, `{"name":"run"}`, plugins.CodeInvalidParams, `"run" is of no server`},
		{"unknown server", plugins.MethodCallTool, `{"name":"c__run"}`, plugins.CodeInvalidParams, "c__run"},
		{"unknown tool", plugins.MethodCallTool, `{"name":"a__walk"}`, plugins.CodeInvalidParams, `unknown tool "a__walk"`},
		{"broken server", plugins.MethodCallTool, `{"name":"broken__run"}`, plugins.CodeInternalError, "cannot be used; the host's log says why"},
		{"bare uri", plugins.MethodReadResource, `{"uri":"test://r"}`, plugins.CodeInvalidParams, "test://r"},
		{"unknown method", "x/y", `{}`, plugins.CodeMethodNotFound, "x/y"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := ask(t, g, tc.method, tc.params)
			if a.Error == nil || a.Error.Code != tc.code || !strings.Contains(a.Error.Message, tc.want) {
				t.Errorf("answer = %s %v, want code %d with %q", a.Result, a.Error, tc.code, tc.want)
			}
		})
	}
}

func TestBareNameSuggests(t *testing.T) {
	one := map[string]Guest{"a": newGuest("a"), "broken": nil}
	two := map[string]Guest{"a": newGuest("a"), "b": newGuest("b")}
	for _, tc := range []struct {
		name   string
		guests map[string]Guest
		method string
		named  string
		want   string
	}{
		{"a tool", one, plugins.MethodCallTool, "run", `"run" is of no server here: did you mean "a__run"?`},
		{"a prompt", one, plugins.MethodGetPrompt, "p", `"p" is of no server here: did you mean "a__p"?`},
		{"a prompt is no tool", one, plugins.MethodCallTool, "p", `"p" is of no server here`},
		{"of two servers", two, plugins.MethodCallTool, "run", `"run" is of no server here`},
		{"nobody's", one, plugins.MethodCallTool, "walk", `"walk" is of no server here`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := ask(t, newGateway(t, true, tc.guests), tc.method, `{"name":"`+tc.named+`"}`)
			if a.Error == nil || a.Error.Code != plugins.CodeInvalidParams || !strings.HasSuffix(a.Error.Message, tc.want) {
				t.Errorf("answer = %s %v, want %s", a.Result, a.Error, tc.want)
			}
		})
	}
}

func TestOneServerPassesUnknownMethodsThrough(t *testing.T) {
	guest := newGuest("a")
	guest.answers["vendor/x"] = func(p wire.Object) string {
		v, _ := p.Get("n")
		return `{"result":{"n":` + string(v) + `,"x":[1, 2]}}`
	}
	guest.answers["vendor/fail"] = func(wire.Object) string {
		return `{"error":{"code":12345,"message":"m","data":{"n":9007199254740993}}}`
	}
	g := newGateway(t, false, map[string]Guest{"a": guest})
	if a := ask(t, g, "vendor/x", `{"n":9007199254740993}`); !strings.Contains(string(a.Result), `"n":9007199254740993,"x":[1, 2]`) {
		t.Errorf("answer = %s %v", a.Result, a.Error)
	}
	a := ask(t, g, "vendor/fail", `{}`)
	if a.Error == nil || a.Error.Code != 12345 || string(a.Error.Data) != `{"n":9007199254740993}` {
		t.Errorf("answer = %s %v", a.Result, a.Error)
	}
	if a := ask(t, g, plugins.MethodDiscover, `{}`); !strings.Contains(string(a.Result), `serverInfo":{"name":"a"`) {
		t.Errorf("identity: %s", a.Result)
	}
}

func TestBadDefinitions(t *testing.T) {
	tools := func(list string) map[string]func(wire.Object) string {
		return map[string]func(wire.Object) string{plugins.MethodDiscover: says(`{"capabilities":{"tools":{}}}`), plugins.MethodListTools: says(list)}
	}
	for _, tc := range []struct {
		name    string
		answers map[string]func(wire.Object) string
		want    string
	}{
		{"no discover", nil, "server/discover"},
		{"no capabilities", map[string]func(wire.Object) string{plugins.MethodDiscover: says(`{}`)}, "no capabilities"},
		{"capabilities of a wrong type", map[string]func(wire.Object) string{plugins.MethodDiscover: says(`{"capabilities":[]}`)}, "want an object"},
		{"no list", tools(`{}`), `no "tools"`},
		{"list of a wrong type", tools(`{"tools":{}}`), "want an array"},
		{"item of a wrong type", tools(`{"tools":[1]}`), "tools[0]"},
		{"item without a name", tools(`{"tools":[{"name":"x"},{}]}`), "tools[1]: want a name"},
		{"name of a wrong type", tools(`{"tools":[{"name":1}]}`), "tools[0]: want a name"},
		{"defined twice", tools(`{"tools":[{"name":"x"},{"name":"y"},{"name":"x"}]}`), `"x" is defined twice`},
		{"endless pages", tools(`{"tools":[],"nextCursor":"again"}`), "more than 1000 pages"},
		{"endless items", tools(`{"tools":[` + strings.Repeat(`{"name":"x"},`, 10_000) + `{"name":"x"}]}`), "more than 10000"},
		{"cursor of a wrong type", tools(`{"tools":[],"nextCursor":1}`), "nextCursor"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := newGateway(t, false, map[string]Guest{"a": &scripted{answers: tc.answers}})
			a := ask(t, g, plugins.MethodListTools, `{}`)
			if a.Error == nil || !strings.Contains(a.Error.Message, tc.want) {
				t.Errorf("answer = %s %v, want an error with %q", a.Result, a.Error, tc.want)
			}
		})
	}
}

func TestPagesOfTheGuestAreRead(t *testing.T) {
	guest := newGuest("a")
	guest.answers[plugins.MethodListTools] = func(p wire.Object) string {
		cursor, _, _ := p.GetString("cursor")
		n := len(cursor)
		if n == 3 {
			return `{"result":{"tools":[{"name":"last"}]}}`
		}
		return fmt.Sprintf(`{"result":{"tools":[{"name":"t%d"}],"nextCursor":"%s"}}`, n, strings.Repeat("x", n+1))
	}
	g := newGateway(t, false, map[string]Guest{"a": guest})
	if a := ask(t, g, plugins.MethodListTools, `{}`); !strings.Contains(string(a.Result), `[{"name":"last"},{"name":"t0"},{"name":"t1"},{"name":"t2"}]`) {
		t.Errorf("answer = %s %v", a.Result, a.Error)
	}
}

func TestChangedListsAreReadAgain(t *testing.T) {
	guest := newGuest("a")
	var version atomic.Int64
	guest.answers[plugins.MethodListTools] = func(wire.Object) string {
		return fmt.Sprintf(`{"result":{"tools":[{"name":"v%d"}]}}`, version.Load())
	}
	g := newGateway(t, true, map[string]Guest{"a": guest})
	ask(t, g, plugins.MethodListTools, `{}`)
	sub := g.Events().Subscribe(func(Event) bool { return true })
	defer sub.Close()
	version.Store(1)
	for range 100 {
		guest.signal("", plugins.Notification{Method: plugins.NotifyToolsListChanged})
	}
	<-sub.Ready()
	// Subscribers hear of it once the new list is there.
	if a := ask(t, g, plugins.MethodListTools, `{}`); !strings.Contains(string(a.Result), `"a__v1"`) {
		t.Errorf("answer = %s %v", a.Result, a.Error)
	}
	guest.signal("", plugins.Notification{Method: plugins.NotifyResourceUpdated, Params: json.RawMessage(`{"uri":"test://r"}`)})
	<-sub.Ready()
	for _, ev := range sub.Take() {
		if ev.URI != "" && ev.URI != "a+test://r" {
			t.Errorf("event = %v", ev)
		}
	}
}

func TestReplaceDropsNoCall(t *testing.T) {
	old, fresh := newGuest("old"), newGuest("new")
	old.block = make(chan struct{})
	g := newGateway(t, false, map[string]Guest{"a": old})
	answer := make(chan plugins.Answer)
	go func() { answer <- ask(t, g, plugins.MethodCallTool, `{"name":"run"}`) }()
	for g.servers[0].defs.Load() == nil {
	}
	s := NewServer("a", slog.New(slog.DiscardHandler), nil)
	s.Attach(fresh, "new", nil)
	// The call holds the old server from before it reads the definitions on.
	gone := g.Replace([]*Server{s})
	if a := ask(t, g, plugins.MethodCallTool, `{"name":"run"}`); !strings.Contains(string(a.Result), `"from":"new"`) {
		t.Errorf("a new call: %s %v", a.Result, a.Error)
	}
	if old.closed.Load() {
		t.Error("the old server was closed during a call")
	}
	close(old.block)
	if a := <-answer; !strings.Contains(string(a.Result), `"from":"old"`) {
		t.Errorf("the call in flight: %s %v", a.Result, a.Error)
	}
	if err := g.Retire(t.Context(), gone); err != nil || !old.closed.Load() {
		t.Errorf("retired: %v, closed: %v", err, old.closed.Load())
	}
}

// TestHangingServer: lists wait for a server that hangs once, and are told of it
// when it is there.
func TestHangingServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := newGuest("slow")
		release := make(chan struct{})
		discover := slow.answers[plugins.MethodDiscover]
		slow.answers[plugins.MethodDiscover] = func(p wire.Object) string {
			<-release
			return discover(p)
		}
		g := newGateway(t, true, map[string]Guest{"good": newGuest("good"), "slow": slow})
		for i, want := range []time.Duration{listWait, 0} {
			start := time.Now()
			a := ask(t, g, plugins.MethodListTools, `{}`)
			if took := time.Since(start); took != want {
				t.Errorf("list %d took %v, want %v", i, took, want)
			}
			if got := string(a.Result); !strings.Contains(got, `"good__run"`) || strings.Contains(got, "slow__") {
				t.Errorf("list %d: %s %v", i, got, a.Error)
			}
		}
		sub := g.Events().Subscribe(func(Event) bool { return true })
		defer sub.Close()
		close(release)
		<-sub.Ready()
		if a := ask(t, g, plugins.MethodListTools, `{}`); !strings.Contains(string(a.Result), `"slow__run"`) {
			t.Errorf("after it came: %s %v", a.Result, a.Error)
		}
	})
}

// TestFailingServer: a server that fails is asked again after a while, and no
// list waits for it.
func TestFailingServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := newGuest("bad")
		discover := bad.answers[plugins.MethodDiscover]
		var asked atomic.Int64
		bad.answers[plugins.MethodDiscover] = func(p wire.Object) string {
			if asked.Add(1) == 1 {
				return `{"error":{"code":1,"message":"not yet"}}`
			}
			return discover(p)
		}
		g := newGateway(t, true, map[string]Guest{"good": newGuest("good"), "bad": bad})
		for range 3 {
			ask(t, g, plugins.MethodListTools, `{}`)
		}
		if n := asked.Load(); n != 1 {
			t.Errorf("asked %d times", n)
		}
		time.Sleep(listRetry + time.Second)
		ask(t, g, plugins.MethodListTools, `{}`)
		synctest.Wait()
		if a := ask(t, g, plugins.MethodListTools, `{}`); !strings.Contains(string(a.Result), `"bad__run"`) {
			t.Errorf("after it came: %s %v", a.Result, a.Error)
		}
	})
}

func TestDefinitionsInTheCache(t *testing.T) {
	own, err := readDefinitions(t.Context(), func(ctx context.Context, m plugins.Message) (plugins.Answer, error) {
		return newGuest("a").Handle(ctx, runtime.Call{Message: m})
	})
	if err != nil {
		t.Fatal(err)
	}
	data := encodeDefinitions(own)
	back, err := decodeDefinitions(data)
	if err != nil {
		t.Fatal(err)
	}
	if again := encodeDefinitions(back); string(again) != string(data) {
		t.Errorf("stored  %s\nread as %s", data, again)
	}
	for i := range data {
		bad := append([]byte(nil), data...)
		bad[i] ^= 0x80 // never valid in these, so never silently another text
		if _, err := decodeDefinitions(bad); err == nil {
			t.Fatalf("byte %d changed, and read all the same", i)
		}
	}
}

func TestCheckName(t *testing.T) {
	for name, ok := range map[string]bool{"a": true, "a-1": true, strings.Repeat("a", 32): true,
		"": false, "A": false, "1a": false, "-a": false, "a_b": false, "a+b": false, "ä": false, strings.Repeat("a", 33): false} {
		if err := CheckName(name); (err == nil) != ok {
			t.Errorf("CheckName(%q) = %v", name, err)
		}
	}
}

// FuzzGuestAnswer holds that whatever a guest answers, the client gets valid
// JSON-RPC, and never an input request that it cannot answer.
func FuzzGuestAnswer(f *testing.F) {
	for _, s := range []string{
		`{"result":{"content":[{"type":"resource","resource":{"uri":"x"}}]}}`,
		`{"result":{"resultType":"input_required","inputRequests":{"a":{"method":"roots/list"}},"requestState":"s"}}`,
		`{"result":{"resultType":"input_required"}}`,
		`{"result":{"resultType":1,"_meta":[],"content":{}}}`,
		`{"error":{"code":1,"message":"m","data":null}}`,
		`{"result":{"contents":[1,{"uri":2}],"messages":[{"content":[]}]}}`,
	} {
		f.Add([]byte(s), uint8(0))
	}
	methods := []struct{ method, params string }{
		{plugins.MethodCallTool, `{"name":"a__run"}`}, {plugins.MethodGetPrompt, `{"name":"a__p"}`}, {plugins.MethodReadResource, `{"uri":"a+x"}`},
		{plugins.MethodComplete, `{"ref":{"type":"ref/prompt","name":"a__p"},"argument":{}}`},
	}
	f.Fuzz(func(t *testing.T, data []byte, which uint8) {
		if wire.Check(data) != nil {
			return // the runtime lets no such answer through
		}
		m := methods[int(which)%len(methods)]
		guest := newGuest("a")
		guest.answers[m.method] = func(wire.Object) string { return string(data) }
		g := newGateway(t, true, map[string]Guest{"a": guest})
		a := ask(t, g, m.method, m.params)
		out := wire.Message{Kind: wire.Response, ID: "1", Answer: a}.Append(nil)
		if _, err := wire.ParseMessage(out); err != nil {
			t.Fatalf("%s became %s: %v", data, out, err)
		}
		if a.Error == nil {
			o, _ := wire.ParseObject(a.Result)
			if inputs, ok, _ := o.GetObject("inputRequests"); ok && inputs.Len() > 0 {
				if kind, _, _ := o.GetString("resultType"); kind == plugins.ResultInputRequired {
					t.Fatalf("a client without capabilities was asked: %s", out)
				}
			}
		}
	})
}
