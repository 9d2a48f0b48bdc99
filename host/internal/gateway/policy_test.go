package gateway

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host/internal/gate"
	"github.com/mcpwasm/mcpwasm/host/internal/gate/gatetest"
	"github.com/mcpwasm/mcpwasm/host/internal/seal"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
)

// gateOf is a gate with a policy; it logs to log.
func gateOf(t testing.TB, p gate.Policy, log *bytes.Buffer) *gate.Gate {
	t.Helper()
	sealer, err := seal.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return gate.New(gate.Config{Policy: p, Sealer: sealer, Log: slog.New(slog.NewTextHandler(log, nil))})
}

// withPolicy is a gateway whose guests stand behind a policy.
func withPolicy(t testing.TB, decides func(cel.Phase, *cel.Input) cel.Decision, prefix bool, guests map[string]Guest) *Gateway {
	t.Helper()
	return newGatewayAt(t, gateOf(t, gatetest.Policy{Decides: decides}, &bytes.Buffer{}), prefix, guests)
}

var (
	allow = cel.Decision{Verdict: cel.Allow}
	deny  = cel.Decision{Verdict: cel.Deny, Rule: "no", Message: "not here"}
)

// manyTools is a guest with n tools, t000 and so on.
func manyTools(n int) *scripted {
	g := newGuest("many")
	tools := make([]string, n)
	for i := range tools {
		tools[i] = fmt.Sprintf(`{"name":"t%03d","inputSchema":{"type":"object"}}`, i)
	}
	g.answers[plugins.MethodListTools] = says(`{"tools":[` + strings.Join(tools, ",") + `],"cacheScope":"public"}`)
	return g
}

// TestFilteredPages: pages of a list have what is shown, each once, however much is
// hidden between.
func TestFilteredPages(t *testing.T) {
	for _, tc := range []struct {
		name  string
		shows func(i int) bool
		vary  bool
		scope string
	}{
		{"all", func(int) bool { return true }, false, "public"},
		{"every third", func(i int) bool { return i%3 == 0 }, false, "public"},
		{"the last", func(i int) bool { return i == 249 }, true, "private"},
		{"the first hundred", func(i int) bool { return i < 100 }, true, "private"},
		{"none", func(int) bool { return false }, false, "public"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := gatetest.Policy{Vary: tc.vary, Decides: func(_ cel.Phase, in *cel.Input) cel.Decision {
				var i int
				if _, err := fmt.Sscanf(in.Tool.Name, "t%d", &i); err == nil && tc.shows(i) {
					return allow
				}
				return deny
			}}
			g := newGatewayAt(t, gateOf(t, p, &bytes.Buffer{}), false, map[string]Guest{"many": manyTools(250)})
			var got, want []string
			for i := range 250 {
				if tc.shows(i) {
					want = append(want, fmt.Sprintf("t%03d", i))
				}
			}
			for params := `{}`; params != ""; {
				var page struct {
					Tools                  []struct{ Name string }
					NextCursor, CacheScope string
				}
				if err := json.Unmarshal(ask(t, g, plugins.MethodListTools, params).Result, &page); err != nil {
					t.Fatal(err)
				}
				for _, tool := range page.Tools {
					got = append(got, tool.Name)
				}
				if page.CacheScope != tc.scope {
					t.Errorf("cacheScope is %q, want %q", page.CacheScope, tc.scope)
				}
				if params = ""; page.NextCursor != "" {
					params = `{"cursor":"` + page.NextCursor + `"}`
					if len(page.Tools) != 100 {
						t.Errorf("a page of %d is followed by another", len(page.Tools))
					}
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("listed %v, want %v", got, want)
			}
		})
	}
}

// TestListsByPrincipal: nobody is shown what is for another, in any list.
func TestListsByPrincipal(t *testing.T) {
	p := gatetest.Policy{Vary: true, Decides: func(_ cel.Phase, in *cel.Input) cel.Decision {
		if in.Principal.Subject == "ada" {
			return allow
		}
		return deny
	}}
	g := newGatewayAt(t, gateOf(t, p, &bytes.Buffer{}), true, map[string]Guest{"a": newGuest("a")})
	for _, spec := range lists {
		for principal, want := range map[string]int{"ada": 1, "": 0} {
			a := g.Handle(t.Context(), Request{Method: spec.method, Principal: principal})
			result, err := wire.ParseObject(a.Result)
			if err != nil {
				t.Fatal(a.Error, err)
			}
			raw, _ := result.Get(spec.member)
			if items, err := wire.ParseArray(raw); err != nil || len(items) != want {
				t.Errorf("%s for %q: %s, want %d", spec.method, principal, raw, want)
			}
		}
	}
	a := ask(t, g, plugins.MethodDiscover, `{}`)
	if !strings.Contains(string(a.Result), "I am a.") {
		t.Errorf("instructions are hidden: %s", a.Result)
	}
}

// TestListGivenUp: a list that is cut short by its client's leaving is not taken for one
// that hides.
func TestListGivenUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	decides := func(cel.Phase, *cel.Input) cel.Decision {
		cancel()
		return allow
	}
	g := withPolicy(t, decides, false, map[string]Guest{"many": manyTools(10)})
	if a := g.Handle(ctx, Request{Method: plugins.MethodListTools}); a.Error == nil {
		t.Errorf("answer = %s", a.Result)
	}
	if a := ask(t, g, plugins.MethodListTools, `{}`); !strings.Contains(string(a.Result), "t009") {
		t.Errorf("the list was kept: %s", a.Result)
	}
}

// TestDecidedMethods: every message that reaches a guest is decided on first, with
// what it is about.
func TestDecidedMethods(t *testing.T) {
	for _, tc := range []struct{ method, params, tool, prompt, resource string }{
		{plugins.MethodCallTool, `{"name":"run"}`, "run", "", ""},
		{plugins.MethodGetPrompt, `{"name":"p"}`, "", "p", ""},
		{plugins.MethodReadResource, `{"uri":"test://r"}`, "", "", "test://r"},
		{plugins.MethodComplete, `{"ref":{"type":"ref/prompt","name":"p"},"argument":{"name":"x","value":""}}`, "", "p", ""},
		{plugins.MethodComplete, `{"ref":{"type":"ref/resource","uri":"test://{x}"},"argument":{"name":"x","value":""}}`, "", "", "test://{x}"},
		{"extension/method", `{}`, "", "", ""},
	} {
		t.Run(tc.method+tc.resource, func(t *testing.T) {
			guest, reached := newGuest("a"), false
			guest.answers[tc.method] = func(wire.Object) string { reached = true; return `{"result":{}}` }
			var seen cel.Input
			g := withPolicy(t, func(_ cel.Phase, in *cel.Input) cel.Decision {
				seen = *in
				return deny
			}, false, map[string]Guest{"a": guest})
			a := ask(t, g, tc.method, tc.params)
			if reached {
				t.Error("the guest was reached")
			}
			if tc.method == plugins.MethodCallTool {
				if !strings.Contains(string(a.Result), `Denied by the policy (rule no): not here`) || !strings.Contains(string(a.Result), `"isError":true`) {
					t.Errorf("answer = %s %v", a.Result, a.Error)
				}
			} else if a.Error == nil || a.Error.Code != plugins.CodeDenied {
				t.Errorf("answer = %s %v", a.Result, a.Error)
			}
			tool := ""
			if seen.Tool != nil {
				tool = seen.Tool.Name
			}
			if tool != tc.tool || seen.Prompt != tc.prompt || seen.Resource != tc.resource || seen.Request.Method != tc.method {
				t.Errorf("decided on tool %q prompt %q resource %q of %q", tool, seen.Prompt, seen.Resource, seen.Request.Method)
			}
		})
	}
	t.Run("resources/subscribe", func(t *testing.T) {
		var method, resource string
		g := withPolicy(t, func(_ cel.Phase, in *cel.Input) cel.Decision {
			method, resource = in.Request.Method, in.Resource
			return deny
		}, true, map[string]Guest{"a": newGuest("a")})
		err := g.Watch(t.Context(), Request{Method: "subscriptions/listen"}, "a+test://r")
		if asError(err).Code != plugins.CodeDenied || method != "resources/subscribe" || resource != "test://r" {
			t.Errorf("error = %v for %s %s", err, method, resource)
		}
	})
}

// TestURIsInNormalForm: what a server may take for another resource does not reach it,
// unless it lists the very same.
func TestURIsInNormalForm(t *testing.T) {
	const code, reads = plugins.CodeInvalidParams, plugins.MethodReadResource
	completes := func(uri string) string {
		return `{"ref":{"type":"ref/resource","uri":"` + uri + `"},"argument":{"name":"x","value":""}}`
	}
	for _, tc := range []struct{ name, method, params, normal string }{
		{"normal", reads, `{"uri":"a+test://secret"}`, ""},
		{"escape that is needed", reads, `{"uri":"a+test://a%20b"}`, ""},
		{"escape", reads, `{"uri":"a+test://s%65cret"}`, "a+test://secret"},
		{"escape in lower case", reads, `{"uri":"a+test://a%2fb"}`, "a+test://a%2Fb"},
		{"scheme", reads, `{"uri":"a+TEST://secret"}`, "a+test://secret"},
		{"host", reads, `{"uri":"a+test://Secret"}`, "a+test://secret"},
		{"dots", reads, `{"uri":"a+test://x/../secret"}`, "a+test://x/secret"},
		{"listed", reads, `{"uri":"a+TEST://Own/./%61"}`, ""},
		{"template", plugins.MethodComplete, completes("a+test://{x}"), ""},
		{"listed template", plugins.MethodComplete, completes("a+TEST://{X}"), ""},
		{"other template", plugins.MethodComplete, completes("a+TEST://{x}"), "a+test://{x}"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			guest, reached := newGuest("a"), false
			guest.answers[plugins.MethodListResources] = says(`{"resources":[{"uri":"TEST://Own/./%61","name":"r"}]}`)
			guest.answers[plugins.MethodListResourceTemplates] = says(`{"resourceTemplates":[{"uriTemplate":"test://{x}","name":"t"},{"uriTemplate":"TEST://{X}","name":"u"}]}`)
			guest.answers[tc.method] = func(wire.Object) string { reached = true; return `{"result":{"contents":[]}}` }
			g := newGateway(t, true, map[string]Guest{"a": guest})
			a := ask(t, g, tc.method, tc.params)
			if reached != (tc.normal == "") {
				t.Errorf("the guest was reached: %v", reached)
			}
			if tc.normal != "" && (a.Error == nil || a.Error.Code != code || !strings.Contains(a.Error.Message, `which is "`+tc.normal+`"`)) {
				t.Errorf("answer = %s %v", a.Result, a.Error)
			}
		})
	}
	t.Run("subscribe", func(t *testing.T) {
		g := newGateway(t, true, map[string]Guest{"a": newGuest("a")})
		r := Request{Method: "subscriptions/listen"}
		if err := g.Watch(t.Context(), r, "a+test://%72"); err == nil || asError(err).Code != code {
			t.Errorf("error = %v", err)
		}
		if err := g.Watch(t.Context(), r, "a+test://r"); err != nil {
			t.Error(err)
		}
	})
}

// TestErrorsAreDecided: a guest's error is something that it says.
func TestErrorsAreDecided(t *testing.T) {
	guest := newGuest("a")
	guest.answers[plugins.MethodCallTool] = func(wire.Object) string { return `{"error":{"code":7,"message":"SECRET"}}` }
	g := withPolicy(t, func(phase cel.Phase, in *cel.Input) cel.Decision {
		if phase == cel.PhaseResult && in.Result.Kind == cel.ResultError {
			return deny
		}
		return allow
	}, false, map[string]Guest{"a": guest})
	a := ask(t, g, plugins.MethodCallTool, `{"name":"run"}`)
	if a.Error != nil || !strings.Contains(string(a.Result), "Denied by the policy (rule no)") {
		t.Errorf("answer = %s %v", a.Result, a.Error)
	}
}

// TestForwardedIsDecided: the guest gets the very bytes that were decided on.
func TestForwardedIsDecided(t *testing.T) {
	const args = `{ "b":1e400,"a":"\u00e9é","n":9007199254740993 ,"z":{"z":[ ]}}`
	guest, got := newGuest("a"), ""
	guest.answers[plugins.MethodCallTool] = func(p wire.Object) string {
		v, _ := p.Get("arguments")
		got = string(v)
		return `{"result":{}}`
	}
	var decided string
	g := withPolicy(t, func(phase cel.Phase, in *cel.Input) cel.Decision {
		if phase == cel.PhaseCall {
			decided = string(in.Args)
		}
		return allow
	}, false, map[string]Guest{"a": guest})
	ask(t, g, plugins.MethodCallTool, `{"name":"run","arguments":`+args+`}`)
	if got != args || decided != args {
		t.Errorf("decided on %s\nforwarded  %s", decided, got)
	}
}

// redacting takes out what patterns match, everything without any.
func redacting(patterns ...string) func(cel.Phase, *cel.Input) cel.Decision {
	r := cel.Redaction{Rule: "tidy"}
	for _, p := range patterns {
		r.Patterns = append(r.Patterns, regexp.MustCompile(p))
	}
	return func(phase cel.Phase, _ *cel.Input) cel.Decision {
		if phase != cel.PhaseResult {
			return allow
		}
		return cel.Decision{Verdict: cel.Redact, Rule: "tidy", Redactions: []cel.Redaction{r}}
	}
}

func TestRedaction(t *testing.T) {
	image := base64.StdEncoding.EncodeToString([]byte("key7"))
	for _, tc := range []struct{ name, answer, some, all string }{
		{"text", `{"result":{"content":[{"type":"text","text":"a key1 b"}]}}`,
			`{"content":[{"type":"text","text":"a [redacted] b"}],"resultType":"complete"}`,
			`{"resultType":"complete","content":[{"type":"text","text":"[redacted]"}]}`},
		{"error of the tool", `{"result":{"isError":true,"content":[{"type":"text","text":"key1"}]}}`,
			`{"isError":true,"content":[{"type":"text","text":"[redacted]"}],"resultType":"complete"}`,
			`{"resultType":"complete","content":[{"type":"text","text":"[redacted]"}],"isError":true}`},
		{"structured", `{"result":{"content":[],"structuredContent":{"a":["key1",9007199254740993],"type":"key2"}}}`,
			`{"content":[],"structuredContent":{"a":["[redacted]",9007199254740993],"type":"[redacted]"},"resultType":"complete"}`,
			`{"resultType":"complete","content":[{"type":"text","text":"[redacted]"}]}`},
		{"name of a member", `{"result":{"content":[],"structuredContent":{"key1":1}}}`, `Denied by the policy (rule tidy): a redaction matches a name`, `[redacted]`},
		{"resource", `{"result":{"content":[{"type":"resource","resource":{"uri":"x://key1","mimeType":"text/plain","text":"key2"}}]}}`,
			`{"content":[{"type":"resource","resource":{"uri":"x://[redacted]","mimeType":"text/plain","text":"[redacted]"}}],"resultType":"complete"}`, `[redacted]`},
		{"image", `{"result":{"content":[{"type":"image","data":"` + image + `","mimeType":"image/png"}]}}`,
			`{"content":[{"type":"image","data":"` + image + `","mimeType":"image/png"}],"resultType":"complete"}`, `[redacted]`},
		{"image that is none", `{"result":{"content":[{"type":"image","data":"it is key1!","mimeType":"image/png"}]}}`, `"data":"it is [redacted]!"`, `[redacted]`},
		{"type that is none", `{"result":{"content":[{"type":"key1"}]}}`, `{"content":[{"type":"[redacted]"}],"resultType":"complete"}`, `[redacted]`},
		{"state that nobody seals", `{"result":{"content":[],"requestState":"key1"}}`, `{"content":[],"requestState":"[redacted]","resultType":"complete"}`, `[redacted]`},
		{"blob of text", `{"result":{"content":[{"type":"resource","resource":{"uri":"x:","blob":"` + image + `","mimeType":"text/plain"}}]}}`,
			`Denied by the policy (rule tidy): a redaction matches a name, a blob`, `[redacted]`},
		{"meta", `{"result":{"content":[],"_meta":{"x":"key1"}}}`, `"_meta":{"x":"[redacted]",`, `[redacted]`},
		{"escaped", `{"result":{"content":[{"type":"text","text":"\u006bey1"}]}}`, `"text":"[redacted]"`, `[redacted]`},
		{"protocol error", `{"error":{"code":-7,"message":"no key1","data":{"a":"key2","type":"key3"}}}`,
			`-7 no [redacted] {"a":"[redacted]","type":"[redacted]"}`, `-7 [redacted] `},
		{"data of an error", `{"error":{"code":-7,"message":"no","data":"key1"}}`, `-7 no "[redacted]"`, `-7 [redacted] `},
		{"question", `{"result":{"resultType":"input_required","inputRequests":{"q":{"method":"elicitation/create","params":{"message":"key1?","requestedSchema":{"type":"object"}}}}}}`,
			`"message":"[redacted]?"`, `nothing of what the server asks may be shown`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for pattern, want := range map[string]string{`key\d`: tc.some, "": tc.all} {
				decides := redacting()
				if pattern != "" {
					decides = redacting(pattern)
				}
				guest := newGuest("a")
				guest.answers[plugins.MethodCallTool] = func(wire.Object) string { return tc.answer }
				g := withPolicy(t, decides, false, map[string]Guest{"a": guest})
				a := askAble(t, g, `{"name":"run"}`)
				got := string(a.Result)
				if a.Error != nil {
					got = fmt.Sprintf("%d %s %s", a.Error.Code, a.Error.Message, a.Error.Data)
				}
				got = strings.Replace(got, `,"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"a","version":"1"}}`, "", 1)
				if !strings.Contains(got, want) || strings.Contains(got, "key1") || strings.HasPrefix(want, "{") && got != want {
					t.Errorf("by %q:\ngot  %s\nwant %s", pattern, got, want)
				}
			}
		})
	}
}

// askAble calls a tool as a client that can be asked.
func askAble(t testing.TB, g *Gateway, params string) plugins.Answer {
	t.Helper()
	o, err := wire.ParseObject([]byte(params))
	if err != nil {
		t.Fatal(err)
	}
	o = o.Set("_meta", json.RawMessage(`{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{}}}`))
	m, perr := ParseMeta(o)
	if perr != nil {
		t.Fatal(perr)
	}
	return g.Handle(t.Context(), Request{Method: plugins.MethodCallTool, Params: o, Meta: m})
}

// TestResultInput: what the policy is told of what a guest says.
func TestResultInput(t *testing.T) {
	guest := newGuest("a")
	guest.answers[plugins.MethodCallTool] = says(`{"isError":true,"content":[{"type":"text","text":"one"},{"type":"image","data":"AAAA","mimeType":"image/png"},
		{"type":"text","text":"two\n"},{"type":"resource","resource":{"uri":"x:y","blob":"AAAA"}}],"structuredContent":{"three":["four"]},"_meta":{"m":"five"}}`)
	var r cel.Result
	g := withPolicy(t, func(phase cel.Phase, in *cel.Input) cel.Decision {
		if phase == cel.PhaseResult {
			r = *in.Result
		}
		return allow
	}, false, map[string]Guest{"a": guest})
	ask(t, g, plugins.MethodCallTool, `{"name":"run"}`)
	types, text := r.Content()
	if r.Kind != cel.ResultAnswer || !r.IsError || r.Size < 200 ||
		!slices.Equal(types, []string{"text", "image", "resource", "structured"}) || text != "one\nimage/png\ntwo\n\nx:y\nthree\nfour\nm\nfive" {
		t.Errorf("result = %+v, types %v, text %q", r, types, text)
	}
}

// chatty is a guest that logs before it answers.
type chatty struct{ *scripted }

func (g chatty) Handle(ctx context.Context, c runtime.Call) (plugins.Answer, error) {
	if c.Notify != nil {
		c.Notify(plugins.Notification{Method: plugins.NotifyLog, Params: json.RawMessage(`{"level":"error","logger":"key0","data":"saw key1"}`)})
		c.Notify(plugins.Notification{Method: plugins.NotifyProgress, Params: json.RawMessage(`{"progressToken":1,"progress":2,"message":"key1"}`)})
	}
	return g.scripted.Handle(ctx, c)
}

func TestNotifications(t *testing.T) {
	for _, tc := range []struct {
		name    string
		decides func(cel.Phase, *cel.Input) cel.Decision
		want    []string
	}{
		{"redacted", redacting(`key\d`), []string{`{"level":"error","logger":"[redacted]","data":"saw [redacted]"}`, `{"progressToken":1,"progress":2,"message":"[redacted]"}`}},
		{"as a whole", redacting(), []string{`{"level":"error","data":"[redacted]"}`, `{"progressToken":1,"progress":2,"message":"[redacted]"}`}},
		{"denied", func(_ cel.Phase, in *cel.Input) cel.Decision {
			if in.Result != nil && in.Result.Kind == cel.ResultNotification {
				return deny
			}
			return allow
		}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := withPolicy(t, tc.decides, false, map[string]Guest{"a": chatty{newGuest("a")}})
			params, err := wire.ParseObject([]byte(`{"name":"run","_meta":{"progressToken":1}}`))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			a := g.Handle(t.Context(), Request{Method: plugins.MethodCallTool, Params: params, Meta: Meta{LogLevel: "debug"},
				Notify: func(n plugins.Notification) { got = append(got, string(n.Params)) }})
			if a.Error != nil || !slices.Equal(got, tc.want) {
				t.Errorf("heard %v, want %v; %v", got, tc.want, a.Error)
			}
		})
	}
}

// TestFailuresAreDecided: a guest's last words are its words.
func TestFailuresAreDecided(t *testing.T) {
	guest := &babbling{scripted: newGuest("a"), fails: true, silent: true}
	g := withPolicy(t, redacting("canary-[0-9a-f]+"), false, map[string]Guest{"a": guest})
	a := ask(t, g, plugins.MethodCallTool, `{"name":"run"}`)
	if a.Error == nil || strings.Contains(a.Error.Message, canary) || !strings.Contains(a.Error.Message, "[redacted]") {
		t.Errorf("error = %v", a.Error)
	}
}

// TestPolicySwapped: decisions are one policy's or the other's while policies change
// under calls and lists, and clients are told.
func TestPolicySwapped(t *testing.T) {
	open, closed := gatetest.Policy{}, gatetest.Policy{Decides: func(cel.Phase, *cel.Input) cel.Decision { return deny }}
	g := newGatewayAt(t, gateOf(t, open, &bytes.Buffer{}), false, map[string]Guest{"many": manyTools(20)})
	told := g.Events().Subscribe(func(Event) bool { return true })
	defer told.Close()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 100 {
				a := ask(t, g, plugins.MethodCallTool, `{"name":"t001"}`)
				if allowed, denied := strings.Contains(string(a.Result), `"got"`), strings.Contains(string(a.Result), "rule no"); allowed == denied {
					t.Errorf("call: %s %v", a.Result, a.Error)
				}
				a = ask(t, g, plugins.MethodListTools, `{}`)
				if n := strings.Count(string(a.Result), `"name":"t`); n != 0 && n != 20 {
					t.Errorf("a list of two policies: %d tools", n)
				}
			}
		})
	}
	all.Go(func() {
		for i := range 100 {
			if i%2 == 0 {
				g.SetPolicy(closed)
			} else {
				g.SetPolicy(open)
			}
		}
	})
	all.Wait()
	if evs := told.Take(); len(evs) != 3 {
		t.Errorf("clients are told %v", evs)
	}
	g.SetPolicy(closed)
	if a := ask(t, g, plugins.MethodListTools, `{}`); strings.Contains(string(a.Result), "t001") {
		t.Errorf("listed by the policy before: %s", a.Result)
	}
}

// TestCheckedTools: rules that do not fit a tool are told of when the tool is
// known and when the policy is.
func TestCheckedTools(t *testing.T) {
	p := gatetest.Policy{Checks: func(server string, tool *cel.Tool) cel.Problems {
		return cel.Problems{{File: "p.yaml", Message: "args.pth: there is no such argument of " + server + "." + tool.Name}}
	}}
	var log bytes.Buffer
	g := newGatewayAt(t, gateOf(t, p, &log), false, map[string]Guest{"a": newGuest("a")})
	for range 2 {
		ask(t, g, plugins.MethodListTools, `{}`)
	}
	if n := strings.Count(log.String(), "args.pth: there is no such argument of a.run"); n != 1 {
		t.Errorf("logged %d times: %s", n, &log)
	}
	g.SetPolicy(p)
	if n := strings.Count(log.String(), "args.pth"); n != 2 {
		t.Errorf("logged %d times after another policy: %s", n, &log)
	}
}
