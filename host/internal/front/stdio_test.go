package front

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// stdioClient drives ServeStdio as a client would.
type stdioClient struct {
	t     *testing.T
	in    io.WriteCloser
	lines *bufio.Reader
	done  chan error
}

func dialStdio(t *testing.T, f *Front) *stdioClient {
	t.Helper()
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	c := &stdioClient{t: t, in: inW, lines: bufio.NewReader(outR), done: make(chan error, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		c.done <- f.ServeStdio(ctx, inR, outW)
		outW.Close()
	}()
	t.Cleanup(func() {
		cancel()
		inW.Close()
		outR.Close()
	})
	return c
}

func (c *stdioClient) send(format string, args ...any) {
	c.t.Helper()
	line := format
	if len(args) > 0 {
		line = fmt.Sprintf(format, args...)
	}
	if _, err := io.WriteString(c.in, line+"\n"); err != nil {
		c.t.Fatal(err)
	}
}

func (c *stdioClient) read() wire.Message {
	c.t.Helper()
	line, err := c.lines.ReadBytes('\n')
	if err != nil {
		c.t.Fatalf("read: %v", err)
	}
	m, err := wire.ParseMessage(line)
	if err != nil {
		c.t.Fatalf("%s: %v", line, err)
	}
	return m
}

// call sends a request and returns the answer to it; nothing may come before.
func (c *stdioClient) call(id int, method, params string) plugins.Answer {
	c.t.Helper()
	c.send(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`, id, method, params)
	m := c.read()
	if m.Kind != wire.Response || m.ID != wire.IntID(int64(id)) {
		c.t.Fatalf("got %s, want the answer to %d", m.Append(nil), id)
	}
	return m.Answer
}

func (c *stdioClient) initialize(revision string) plugins.Answer {
	c.t.Helper()
	a := c.call(0, "initialize", `{"protocolVersion":"`+revision+`","capabilities":{"elicitation":{}},"clientInfo":{"name":"c","version":"1"}}`)
	c.send(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	return a
}

func wantError(t *testing.T, a plugins.Answer, code int, text string) {
	t.Helper()
	if a.Error == nil || a.Error.Code != code || !strings.Contains(a.Error.Message, text) {
		t.Errorf("answer = %s %v, want code %d with %q", a.Result, a.Error, code, text)
	}
}

func wantResult(t *testing.T, a plugins.Answer, text string) {
	t.Helper()
	if a.Error != nil || !strings.Contains(string(a.Result), text) {
		t.Errorf("answer = %s %v, want a result with %s", a.Result, a.Error, text)
	}
}

func TestStdioBadInput(t *testing.T) {
	deep := strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)
	for _, tc := range []struct {
		name, line string
		code       int
		text       string
	}{
		{"no JSON", `hello`, plugins.CodeParseError, "Parse error"},
		{"empty object", `{}`, plugins.CodeInvalidRequest, "jsonrpc"},
		{"invalid UTF-8", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}", plugins.CodeParseError, "UTF-8"},
		{"duplicate keys", `{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}`, plugins.CodeParseError, "duplicate"},
		{"keys that differ in case", `{"jsonrpc":"2.0","id":1,"method":"ping","Method":"x"}`, plugins.CodeParseError, "duplicate"},
		{"depth 10,000", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"a":` + deep + `}}`, plugins.CodeParseError, "nested too deep"},
		{"line of 100 MB", `{"jsonrpc":"2.0","id":1,"method":"` + strings.Repeat("a", 100<<20) + `"}`, plugins.CodeInvalidRequest, "longer than"},
		{"params of a wrong type", `{"jsonrpc":"2.0","id":1,"method":"ping","params":7}`, plugins.CodeInvalidRequest, "params"},
		{"unknown method", `{"jsonrpc":"2.0","id":1,"method":"no/such","params":{` + meta + `}}`, plugins.CodeMethodNotFound, "not found"},
		{"removed method", `{"jsonrpc":"2.0","id":1,"method":"ping","params":{` + meta + `}}`, plugins.CodeMethodNotFound, "ping"},
		{"neither era", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, plugins.CodeInvalidParams, "initialize"},
		{"name of a wrong type", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":1,` + meta + `}}`, plugins.CodeInvalidParams, "name"},
		{"arguments of a wrong type", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":[],` + meta + `}}`, plugins.CodeInvalidParams, "arguments"},
		{"Arguments", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","Arguments":{},` + meta + `}}`, plugins.CodeInvalidParams, `write it "arguments"`},
		{"unknown tool", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"rm",` + meta + `}}`, plugins.CodeInvalidParams, "rm"},
		{"foreign version", `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"1999-01-01","io.modelcontextprotocol/clientCapabilities":{}}}}`, plugins.CodeUnsupportedVersion, "1999-01-01"},
		{"no capabilities", `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}`, plugins.CodeInvalidParams, "clientCapabilities"},
		{"forged state", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ask","requestState":"round 2",` + meta + `}}`, plugins.CodeInvalidParams, "requestState"},
		{"batch", `[{"jsonrpc":"2.0","id":1,"method":"ping"}]`, plugins.CodeInvalidRequest, "2025-03-26"},
		{"bad cursor", `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"x",` + meta + `}}`, plugins.CodeInvalidParams, "cursor"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f, _ := newTestFront(t, Config{})
			c := dialStdio(t, f)
			c.send("%s", tc.line)
			wantError(t, c.read().Answer, tc.code, tc.text)
			wantResult(t, c.call(2, "tools/call", `{"name":"echo","arguments":{"n":9007199254740993},`+meta+`}`), `{"n":9007199254740993}`)
		})
	}
}

func TestStdioBothErasOnOneConnection(t *testing.T) {
	f, _ := newTestFront(t, Config{})
	c := dialStdio(t, f)
	wantResult(t, c.call(1, "server/discover", `{`+meta+`}`), `"x-extra":9007199254740993`)
	wantResult(t, c.initialize("2025-06-18"), `"protocolVersion":"2025-06-18"`)
	wantResult(t, c.call(2, "ping", `{}`), `{}`)
	old := c.call(3, "tools/list", `{}`)
	if strings.Contains(string(old.Result), "resultType") || strings.Contains(string(old.Result), "serverInfo") {
		t.Errorf("an old client got %s", old.Result)
	}
	wantResult(t, c.call(4, "tools/list", `{`+meta+`}`), `"resultType":"complete"`)
	wantError(t, c.call(5, "initialize", `{"protocolVersion":"2025-06-18","capabilities":{}}`), plugins.CodeInvalidRequest, "already")
}

func TestPagesAreCompleteAndKeepUnknownFields(t *testing.T) {
	f, _ := newTestFront(t, Config{})
	c := dialStdio(t, f)
	var names []string
	cursor := ""
	for page := 1; ; page++ {
		a := c.call(page, "tools/list", `{`+cursor+meta+`}`)
		var list struct {
			Tools      []json.RawMessage
			NextCursor string
		}
		if err := json.Unmarshal(a.Result, &list); err != nil {
			t.Fatal(err)
		}
		for _, raw := range list.Tools {
			var tool struct{ Name string }
			if err := json.Unmarshal(raw, &tool); err != nil {
				t.Fatal(err)
			}
			names = append(names, tool.Name)
			if tool.Name == "echo" && string(raw) != `{"name":"echo","inputSchema":{"type":"object","$defs":{"x":{"const":1e400}}},"x-unknown":[1, 2]}` {
				t.Errorf("echo came as %s", raw)
			}
		}
		if list.NextCursor == "" {
			break
		}
		cursor = `"cursor":"` + list.NextCursor + `",`
	}
	if got, want := strings.Join(names, " "), "ask change echo odd regional talk wait"; got != want {
		t.Errorf("tools = %s, want %s", got, want)
	}
}

func TestLegacyMultiRound(t *testing.T) {
	f, _ := newTestFront(t, Config{})
	c := dialStdio(t, f)
	c.initialize("2025-11-25")
	c.send(`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"ask"}}`)
	for round := 1; round <= 2; round++ {
		m := c.read()
		if m.Kind != wire.Request || m.Method != "elicitation/create" {
			t.Fatalf("got %s, want elicitation/create", m.Append(nil))
		}
		c.send(`{"jsonrpc":"2.0","id":"unknown","result":{}}`) // changes nothing
		c.send(`{"jsonrpc":"2.0","id":%s,"result":{"action":"accept","content":{"round":%d}}}`, m.ID.JSON(), round)
	}
	m := c.read()
	if m.ID != "7" {
		t.Fatalf("got %s", m.Append(nil))
	}
	wantResult(t, m.Answer, `"q2":{"action":"accept","content":{"round":2}}`)
}

func TestModernMultiRound(t *testing.T) {
	f, _ := newTestFront(t, Config{})
	c := dialStdio(t, f)
	state := func(a plugins.Answer) string {
		t.Helper()
		var r struct{ ResultType, RequestState string }
		if err := json.Unmarshal(a.Result, &r); err != nil || r.ResultType != "input_required" {
			t.Fatalf("answer = %s %v", a.Result, a.Error)
		}
		if strings.Contains(r.RequestState, "round") {
			t.Errorf("the state is not sealed: %s", r.RequestState)
		}
		return r.RequestState
	}
	first := state(c.call(1, "tools/call", `{"name":"ask",`+meta+`}`))
	retry := `{"name":"ask","inputResponses":{"q1":{"action":"accept"}},"requestState":%q,` + meta + `}`
	second := state(c.call(2, "tools/call", fmt.Sprintf(retry, first)))
	wantResult(t, c.call(3, "tools/call", fmt.Sprintf(retry, second)), `"structuredContent":{"q1":{"action":"accept"}}`)
	wantError(t, c.call(4, "tools/call", strings.Replace(fmt.Sprintf(retry, first), `"name":"ask"`, `"name":"ask","arguments":{"x":1}`, 1)),
		plugins.CodeInvalidParams, "requestState")
	bare := strings.Replace(meta, `{"elicitation":{}}`, `{}`, 1)
	a := c.call(5, "tools/call", `{"name":"ask",`+bare+`}`)
	wantError(t, a, plugins.CodeMissingCapability, "elicitation")
	if a.Error != nil && string(a.Error.Data) != `{"requiredCapabilities":{"elicitation":{}}}` {
		t.Errorf("data = %s", a.Error.Data)
	}
}

func TestNotificationsComeInOrderBeforeTheAnswer(t *testing.T) {
	for _, tc := range []struct{ name, revision, params string }{
		{"stateless", "", `{"name":"talk","_meta":{"progressToken":7,"io.modelcontextprotocol/logLevel":"warning","io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}`},
		{"session", "2024-11-05", `{"name":"talk","_meta":{"progressToken":7}}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f, _ := newTestFront(t, Config{})
			c := dialStdio(t, f)
			if tc.revision != "" {
				c.initialize(tc.revision)
			}
			c.send(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":%s}`, tc.params)
			for i := range 10 {
				m := c.read()
				if v, _ := m.Params.Get("progress"); m.Method != plugins.NotifyProgress || string(v) != fmt.Sprint(i) {
					t.Fatalf("message %d = %s", i, m.Append(nil))
				}
			}
			if m := c.read(); m.Method != plugins.NotifyLog || !strings.Contains(string(m.Params.JSON()), `"error"`) {
				t.Fatalf("got %s, want the log message of level error", m.Append(nil))
			}
			if m := c.read(); m.ID != "1" {
				t.Fatalf("got %s, want the answer", m.Append(nil))
			}
		})
	}
}

func TestStdioCancel(t *testing.T) {
	for _, tc := range []struct{ name, revision, params string }{
		{"stateless", "", `{"name":"wait",` + meta + `}`},
		{"session", "2025-03-26", `{"name":"wait"}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f, g := newTestFront(t, Config{})
			c := dialStdio(t, f)
			if tc.revision != "" {
				c.initialize(tc.revision)
			}
			c.send(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":%s}`, tc.params)
			<-g.started
			if tc.revision == "" {
				wantError(t, c.call(1, "tools/list", `{`+meta+`}`), plugins.CodeInvalidRequest, "in flight")
			}
			c.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)
			<-g.stopped
			// The cancelled request gets no answer: the next is the first.
			params := `{` + meta + `}`
			wantResult(t, c.call(2, "tools/list", params), "tools")
		})
	}
}

func TestStdioEndsWithItsInput(t *testing.T) {
	f, _ := newTestFront(t, Config{})
	var out strings.Builder
	in := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"a":1},` + meta + `}}` + "\n" +
		`{"jsonrpc":"2.0","id":2,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true},` + meta + `}}` // without a newline
	if err := f.ServeStdio(context.Background(), strings.NewReader(in), &out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), `"structuredContent":{"a":1}`) {
		t.Errorf("output = %s", out.String())
	}
}

func TestStdioClientGone(t *testing.T) {
	f, _ := newTestFront(t, Config{})
	gone := errors.New("broken pipe")
	err := f.ServeStdio(context.Background(), io.MultiReader(strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"ping"}`+"\n"), blockingReader{}), failingWriter{gone})
	if !errors.Is(err, gone) {
		t.Errorf("err = %v, want %v", err, gone)
	}
}

type blockingReader struct{}

func (blockingReader) Read([]byte) (int, error) { select {} }

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

// TestFilter: what a server does not have is not agreed to.
func TestFilter(t *testing.T) {
	parse := func(s string) wire.Object {
		o, err := wire.ParseObject([]byte(s))
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	asked := parse(`{"toolsListChanged":true,"promptsListChanged":true,"resourcesListChanged":false}`)
	want, agreed, perr := parseFilter(asked, parse(`{"tools":{"listChanged":true},"resources":{"listChanged":true}}`))
	if perr != nil || string(agreed.JSON()) != `{"toolsListChanged":true}` || len(want.methods) != 1 {
		t.Errorf("agreed to %s, %v, error %v", agreed.JSON(), want.methods, perr)
	}
}

func TestStdioSubscription(t *testing.T) {
	f, g := newTestFront(t, Config{})
	c := dialStdio(t, f)
	c.send(`{"jsonrpc":"2.0","id":"sub","method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true,"promptsListChanged":true,"resourceSubscriptions":["test://a"]},` + meta + `}}`)
	ack := c.read()
	if ack.Method != notifyAcked {
		t.Fatalf("first message = %s", ack.Append(nil))
	}
	// The guest does not say that its prompts can change, but the policy can change
	// what is listed of them.
	if v, _ := ack.Params.Get("notifications"); string(v) != `{"toolsListChanged":true,"promptsListChanged":true,"resourceSubscriptions":["test://a"]}` {
		t.Errorf("agreed to %s", v)
	}
	c.send(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"change",%s}}`, meta)
	seen := map[string]bool{}
	for range 3 { // two notifications and the answer, in whatever order
		m := c.read()
		if m.Kind == wire.Notification && !strings.Contains(string(m.Params.JSON()), `"io.modelcontextprotocol/subscriptionId":"sub"`) {
			t.Errorf("no subscription id in %s", m.Append(nil))
		}
		seen[m.Method] = true
	}
	if !seen[plugins.NotifyToolsListChanged] || !seen[plugins.NotifyResourceUpdated] || !seen[""] {
		t.Errorf("seen = %v", seen)
	}
	g.mu.Lock()
	if len(g.watched) != 1 || g.watched[0] != "test://a" {
		t.Errorf("watched = %v", g.watched)
	}
	g.mu.Unlock()
	f.Close()
	m := c.read()
	if m.ID != `"sub"` {
		t.Fatalf("got %s, want the end of the subscription", m.Append(nil))
	}
	wantResult(t, m.Answer, `"io.modelcontextprotocol/subscriptionId":"sub"`)
}

func TestStdioBatch(t *testing.T) {
	f, _ := newTestFront(t, Config{})
	c := dialStdio(t, f)
	c.initialize("2025-03-26")
	c.send(`[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","method":"notifications/x"},{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"echo","arguments":{"a":1}}},{"x":1}]`)
	line, err := c.lines.ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	elems, err := wire.ParseArray(line)
	if err != nil || len(elems) != 3 {
		t.Fatalf("got %s, %v", line, err)
	}
	c.send(`[{"jsonrpc":"2.0","method":"notifications/x"}]`) // no answer at all
	c.send(`[]`)
	wantError(t, c.read().Answer, plugins.CodeInvalidRequest, "not empty")
}

func TestDowngrade(t *testing.T) {
	for _, tc := range []struct{ revision, want, not string }{
		{"2024-11-05", `"type":"resource","resource":{"uri":"audio:content","mimeType":"audio/wav","blob":"AA=="}`, "audio\""},
		{"2024-11-05", `{"type":"text","text":"a: test://a"}`, "resource_link"},
		{"2025-03-26", `"type":"audio"`, "resource_link"},
		{"2025-06-18", `"type":"resource_link"`, "structuredContent"},
		{"2025-11-25", `"type":"resource_link"`, "structuredContent"},
	} {
		t.Run(tc.revision+" "+tc.want, func(t *testing.T) {
			f, _ := newTestFront(t, Config{})
			c := dialStdio(t, f)
			c.initialize(tc.revision)
			a := c.call(1, "tools/call", `{"name":"odd"}`)
			wantResult(t, a, tc.want)
			if strings.Contains(string(a.Result), tc.not) {
				t.Errorf("result has %s: %s", tc.not, a.Result)
			}
			wantError(t, c.call(2, "resources/read", `{"uri":"test://none"}`), plugins.CodeLegacyResourceNotFound, "no such")
		})
	}
}

func TestDowngradeInput(t *testing.T) {
	const choice = `{"mode":"form","message":"?","requestedSchema":{"type":"object","properties":{"c":{"type":"string","oneOf":[{"const":"a","title":"A"},{"const":"b"}]}}}}`
	const several = `{"message":"?","requestedSchema":{"type":"object","properties":{"c":{"type":"array","items":{"enum":["a"]}}}}}`
	for _, tc := range []struct{ name, revision, params, want string }{
		{"titles", "2025-06-18", choice, `{"message":"?","requestedSchema":{"type":"object","properties":{"c":{"type":"string","enum":["a","b"],"enumNames":["A","b"]}}}}`},
		{"several", "2025-06-18", several, ""},
		{"new enough", "2025-11-25", choice, choice},
		{"several, new enough", "2025-11-25", several, several},
		{"without a form", "2025-06-18", `{"message":"?","mode":"form"}`, `{"message":"?"}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			params, err := wire.ParseObject([]byte(tc.params))
			if err != nil {
				t.Fatal(err)
			}
			got, err := downgradeInput(tc.revision, "elicitation/create", params)
			if (err != nil) != (tc.want == "") {
				t.Fatalf("err = %v", err)
			}
			if err == nil && string(got.JSON()) != tc.want {
				t.Errorf("params = %s\nwant     %s", got.JSON(), tc.want)
			}
		})
	}
}

func TestStdioKeepsHostsNotificationsToItself(t *testing.T) {
	f, _ := newTestFront(t, Config{})
	var out strings.Builder
	c := &conn{front: f, out: &out}
	if err := c.send(wire.Message{Kind: wire.Notification, Method: plugins.NotifyCloseStream}); err != nil || out.Len() > 0 {
		t.Errorf("sent %q, %v", out.String(), err)
	}
}

func TestLegacySubscription(t *testing.T) {
	f, _ := newTestFront(t, Config{})
	c := dialStdio(t, f)
	c.initialize("2025-06-18")
	wantResult(t, c.call(1, "resources/subscribe", `{"uri":"test://a"}`), "{}")
	wantResult(t, c.call(2, "logging/setLevel", `{"level":"error"}`), "{}")
	wantError(t, c.call(3, "logging/setLevel", `{"level":"loud"}`), plugins.CodeInvalidParams, "level")
	c.send(`{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"change"}}`)
	seen := map[string]bool{}
	for range 3 {
		seen[c.read().Method] = true
	}
	if !seen[plugins.NotifyToolsListChanged] || !seen[plugins.NotifyResourceUpdated] {
		t.Errorf("seen = %v", seen)
	}
}

// closeWithin fails the test when f does not return in a time that only a hang
// exceeds.
func closeWithin(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatalf("%s hangs", what)
	}
}
