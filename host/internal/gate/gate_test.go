package gate_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/host/internal/gate"
	"github.com/mcpwasm/mcpwasm/host/internal/gate/gatetest"
	"github.com/mcpwasm/mcpwasm/host/internal/seal"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/store"
)

// testbed is a gate with one server, whose tool is "run" and whose prompt is "p".
type testbed struct {
	t    *testing.T
	gate *gate.Gate
	// server has the definitions.
	server *gate.Server
	defs   *gate.Definitions
	log    *bytes.Buffer
}

var testKey = bytes.Repeat([]byte("k"), seal.KeySize)

func newTestbed(t *testing.T, p gatetest.Policy, s store.Store) *testbed {
	t.Helper()
	sealer, err := seal.New(testKey)
	if err != nil {
		t.Fatal(err)
	}
	b := &testbed{t: t, log: &bytes.Buffer{}}
	b.gate = gate.New(gate.Config{Policy: p, Sealer: sealer, Store: s, Shared: s != nil, Log: slog.New(slog.NewTextHandler(b.log, nil))})
	b.server, b.defs = define(t, "sha256:one")
	return b
}

func define(t *testing.T, digest string) (*gate.Server, *gate.Definitions) {
	t.Helper()
	server := gate.NewServer(gate.About{
		Server: cel.Server{Name: "files", Digest: digest},
		Tools:  map[string][]string{"run": {"reads:private"}}, Prompts: map[string][]string{"p": {"source:untrusted"}},
		Resources: map[string][]string{"notes://private/**": {"reads:private"}, "notes://*/draft": {"reads:draft"},
			"Notes://Sh%61red/**": {"reads:shared"}},
		Tags: map[string][]string{"run": {"careful"}},
	})
	defs, err := server.Define(&plugins.Definitions{
		Tools: plugins.List{Items: []plugins.Definition{{Key: "run",
			Raw: json.RawMessage(`{"name":"run","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":true,"destructiveHint":"no"}}`)}}},
		Prompts: plugins.List{Items: []plugins.Definition{{Key: "p", Raw: json.RawMessage(`{"name":"p"}`)}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return server, defs
}

func openStore(t *testing.T) store.Store {
	t.Helper()
	s, err := store.Open(filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// call is a request of the tool run on stdio, by a client that can ask.
func call(params string) gate.Request {
	o, err := wire.ParseObject([]byte(params))
	if err != nil {
		panic(err)
	}
	return gate.Request{Method: plugins.MethodCallTool, Params: o, Subject: gate.Subject{Tool: "run"}, Identity: "id",
		ID: "7", Revision: plugins.ProtocolVersion, Transport: gate.TransportStdio, Session: "s", Ends: true, CanAsk: true}
}

const plain = `{"name":"run","arguments":{"path":"/a"}}`

// open begins a call that must not be refused.
func (b *testbed) open(r gate.Request) *gate.Call {
	b.t.Helper()
	c, err := b.gate.Open(b.t.Context(), b.defs, r)
	if err != nil {
		b.t.Fatalf("Open: %v", err)
	}
	b.t.Cleanup(c.Close)
	return c
}

// decide opens a call and decides it.
func (b *testbed) decide(r gate.Request) error {
	b.t.Helper()
	c, err := b.gate.Open(b.t.Context(), b.defs, r)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Decide(b.t.Context())
}

// question is what a stop asks.
func question(t *testing.T, err error) (message, schema, state string) {
	t.Helper()
	stop, ok := errors.AsType[*gate.Stop](err)
	if !ok || stop.Err != nil {
		t.Fatalf("want a question, have %v", err)
	}
	var result struct {
		ResultType    string
		RequestState  string
		InputRequests map[string]struct {
			Method string
			Params struct {
				Mode, Message   string
				RequestedSchema json.RawMessage
			}
		}
	}
	if err := json.Unmarshal(stop.Result.JSON(), &result); err != nil {
		t.Fatal(err)
	}
	q, ok := result.InputRequests["mcpwasm/policy"]
	if !ok || len(result.InputRequests) != 1 || result.ResultType != "input_required" || q.Method != "elicitation/create" || q.Params.Mode != "form" {
		t.Fatalf("want one form, have %s", stop.Result.JSON())
	}
	return q.Params.Message, string(q.Params.RequestedSchema), result.RequestState
}

// retry is a request with a state and an answer to the host.
func retry(r gate.Request, state, answer string) gate.Request {
	r.Params = r.Params.SetString("requestState", state).
		Set("inputResponses", json.RawMessage(`{"mcpwasm/policy":`+answer+`}`))
	return r
}

const (
	accept  = `{"action":"accept"}`
	session = `{"action":"accept","content":{"remember":"session"}}`
	always  = `{"action":"accept","content":{"remember":"always"}}`
)

// asks asks about every call by two rules, and says yes to all else.
func asks(phase cel.Phase, _ *cel.Input) cel.Decision {
	if phase != cel.PhaseCall {
		return cel.Decision{Verdict: cel.Allow}
	}
	return cel.Decision{Verdict: cel.Ask, Rule: "first", Message: "It may hurt.", Asks: []cel.Question{
		{Rule: "first", Hash: "h1", Message: "It may hurt."}, {Rule: "second", Hash: "h2", Message: "It costs."}}}
}

func TestQuestion(t *testing.T) {
	b := newTestbed(t, gatetest.Policy{Decides: asks}, openStore(t))
	r := call(`{"name":"run","arguments":{"text":"a` + "\u202e" + `b\u0007","key":"hunter2","long":"` + strings.Repeat("x", 2000) + `"}}`)
	r.Scrub = func(v json.RawMessage) json.RawMessage {
		return bytes.ReplaceAll(v, []byte("hunter2"), []byte("[secret]"))
	}
	message, schema, _ := question(t, b.decide(r))
	for _, want := range []string{`server "files"`, `tool "run"`, `a\u{202E}b\u0007`, "[secret]", "1600 characters are left out", "It may hurt. (rule first)", "It costs. (rule second)"} {
		if !strings.Contains(message, want) {
			t.Errorf("the question does not have %q:\n%s", want, message)
		}
	}
	if strings.Contains(message, "hunter2") || len(message) > 2000 {
		t.Errorf("the question is too long or has a secret:\n%s", message)
	}
	for _, want := range []string{`"const":"once"`, `"const":"session"`, `"const":"always"`, `"title":`} {
		if !strings.Contains(schema, want) {
			t.Errorf("the form does not have %s: %s", want, schema)
		}
	}
}

// TestOffers: what cannot be kept is not offered.
func TestOffers(t *testing.T) {
	kept := func() store.Store { return openStore(t) }
	nowhere := func() store.Store { return nil }
	for _, tc := range []struct {
		name    string
		change  func(*gate.Request)
		store   func() store.Store
		session bool
		always  bool
	}{
		{"stdio", func(*gate.Request) {}, kept, true, true},
		{"without a store", func(*gate.Request) {}, nowhere, true, false},
		{"session of nobody over HTTP", func(r *gate.Request) { r.Transport = gate.TransportHTTP }, kept, true, false},
		{"session of somebody over HTTP", func(r *gate.Request) {
			r.Transport, r.Principal.Subject = gate.TransportHTTP, "ada"
		}, kept, true, true},
		{"no session of somebody", func(r *gate.Request) {
			r.Transport, r.Principal.Subject, r.Ends = gate.TransportHTTP, "ada", false
		}, kept, false, true},
		{"from Go", func(r *gate.Request) { r.Transport, r.Ends = gate.TransportGo, false }, kept, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newTestbed(t, gatetest.Policy{Decides: asks}, tc.store())
			r := call(plain)
			tc.change(&r)
			_, schema, state := question(t, b.decide(r))
			if got := strings.Contains(schema, `"session"`); got != tc.session {
				t.Errorf("until the session ends is offered: %v", got)
			}
			if got := strings.Contains(schema, `"always"`); got != tc.always {
				t.Errorf("always is offered: %v", got)
			}
			// Whoever answers what was not offered has allowed it once.
			answer := session
			if tc.session {
				answer = always
			}
			if err := b.decide(retry(r, state, answer)); err != nil {
				t.Fatalf("the answer is refused: %v", err)
			}
			if lasting := b.decide(r) == nil; lasting != (tc.session && tc.always) {
				t.Errorf("it is allowed again: %v", lasting)
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	type step struct {
		name    string
		request func(gate.Request) gate.Request
		digest  string // of the server's module
		asked   bool
	}
	same := func(r gate.Request) gate.Request { return r }
	other := func(f func(*gate.Request)) func(gate.Request) gate.Request {
		return func(r gate.Request) gate.Request { f(&r); return r }
	}
	for _, tc := range []struct {
		name, answer string
		then         []step
	}{
		{"once", accept, []step{{"the same request", same, "", true}}},
		{"session", session, []step{
			{"the same request", same, "", false},
			{"another session", other(func(r *gate.Request) { r.Session = "t" }), "", true},
			{"other arguments", other(func(r *gate.Request) { r.Params = r.Params.Set("arguments", json.RawMessage(`{}`)) }), "", false},
			{"another principal", other(func(r *gate.Request) { r.Principal.Subject = "eve" }), "", true},
			{"another module", same, "sha256:two", true},
		}},
		{"always", always, []step{
			{"the same request", same, "", false},
			{"another session", other(func(r *gate.Request) { r.Session = "t" }), "", false},
			{"another principal", other(func(r *gate.Request) { r.Principal.Subject = "eve" }), "", true},
			{"another module", same, "sha256:two", true},
			{"another prompt", other(func(r *gate.Request) {
				r.Method, r.Subject = plugins.MethodGetPrompt, gate.Subject{Prompt: "p"}
			}), "", true},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newTestbed(t, gatetest.Policy{Decides: asks}, openStore(t))
			_, _, state := question(t, b.decide(call(plain)))
			if err := b.decide(retry(call(plain), state, tc.answer)); err != nil {
				t.Fatalf("after the answer: %v", err)
			}
			for _, s := range tc.then {
				with := *b
				if s.digest != "" {
					_, with.defs = define(t, s.digest)
				}
				if asked := with.decide(s.request(call(plain))) != nil; asked != s.asked {
					t.Errorf("%s: asked again: %v, want %v", s.name, asked, s.asked)
				}
			}
		})
	}
}

// TestReworded: an answer holds for the words that were asked.
func TestReworded(t *testing.T) {
	hash := "h1"
	b := newTestbed(t, gatetest.Policy{Decides: func(cel.Phase, *cel.Input) cel.Decision {
		return cel.Decision{Verdict: cel.Ask, Rule: "r", Message: "m", Asks: []cel.Question{{Rule: "r", Hash: hash, Message: "m"}}}
	}}, nil)
	_, _, state := question(t, b.decide(call(plain)))
	if err := b.decide(retry(call(plain), state, session)); err != nil {
		t.Fatal(err)
	}
	if err := b.decide(call(plain)); err != nil {
		t.Fatalf("the session does not remember: %v", err)
	}
	hash = "h2"
	question(t, b.decide(call(plain)))
}

func TestRefusedAnswers(t *testing.T) {
	for _, tc := range []struct {
		name, answer, want string
		warned             int // what no person can have answered
	}{
		{"declined", `{"action":"decline"}`, "the person who was asked declined", 0},
		{"cancelled", `{"action":"cancel"}`, "did not decide", 0},
		{"another word", `{"action":"yes"}`, "did not decide", 0},
		{"no word", `{}`, "did not decide", 0},
		{"no object", `"accept"`, "want an object, have a string", 1},
		{"a list", `[]`, "want an object, have an array", 1},
		{"the client's error", `{"error":"no such method"}`, "cannot be used: no such method", 1},
		{"content is no object", `{"action":"accept","content":1}`, "content", 1},
		{"action is no text", `{"action":true}`, "action", 1},
		{"choice is no text", `{"action":"accept","content":{"remember":1}}`, "content", 1},
		{"no such choice", `{"action":"accept","content":{"remember":"bogus"}}`, "bogus is no choice: want one of once, session, always", 1},
		{"empty choice", `{"action":"accept","content":{"remember":""}}`, "remember:  is no choice", 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newTestbed(t, gatetest.Policy{Decides: asks}, nil)
			_, _, state := question(t, b.decide(call(plain)))
			err := b.decide(retry(call(plain), state, tc.answer))
			stop, ok := errors.AsType[*gate.Stop](err)
			if !ok || stop.Err != nil || !strings.Contains(strings.ReplaceAll(err.Error(), `\"`, ""), tc.want) ||
				!strings.Contains(err.Error(), `"mcpwasm/denied":{"rule":"first","phase":"call"}`) {
				t.Errorf("error = %v, want a denial with %q", err, tc.want)
			}
			if n := strings.Count(b.log.String(), "level=WARN"); n != tc.warned {
				t.Errorf("%d warnings, want %d:\n%s", n, tc.warned, b.log)
			}
			prompt := call(plain)
			prompt.Method, prompt.Subject = plugins.MethodGetPrompt, gate.Subject{Prompt: "p"}
			_, _, state = question(t, b.decide(prompt))
			if stop, ok := errors.AsType[*gate.Stop](b.decide(retry(prompt, state, tc.answer))); !ok || stop.Err == nil || stop.Err.Code != plugins.CodeDenied {
				t.Errorf("a prompt ends with %v, want a denial", stop)
			}
		})
	}
	t.Run("content that is null is none", func(t *testing.T) {
		b := newTestbed(t, gatetest.Policy{Decides: asks}, nil)
		_, _, state := question(t, b.decide(call(plain)))
		if err := b.decide(retry(call(plain), state, `{"action":"accept","content":null}`)); err != nil {
			t.Error(err)
		}
	})
}

// TestShownArguments: no argument hides behind another, and what is not shown is said.
func TestShownArguments(t *testing.T) {
	many := func(n int, element string) string { return strings.TrimSuffix(strings.Repeat(element+",", n), ",") }
	for _, tc := range []struct {
		name, args string
		want       []string
		whole      bool
	}{
		{"short", `{"a":[],"b":{},"c":[1,{"d":null}]}`, []string{`"a": []`, `"b": {}`, "  \"c\": [\n    1,\n    {\n      \"d\": null\n    }\n  ]\n}"}, true},
		{"behind a long text", `{"ops":[{"op":"mem","b":"` + strings.Repeat("A", 1200) + `x","a":"TARGET"}]}`, []string{"TARGET"}, true},
		{"behind a longer one", `{"ops":[{"op":"mem","b":"` + strings.Repeat("A", 5000) + `EVIL","a":"TARGET"}]}`, []string{"TARGET", `EVIL"`, " characters are left out "}, false},
		{"behind long texts", `{"x":[` + many(9, `"`+strings.Repeat("A", 900)+`"`) + `],"a":"TARGET"}`, []string{"TARGET"}, false},
		{"behind a list", `{"x":[` + many(5000, "1") + `,"LAST"],"a":"TARGET"}`, []string{"TARGET", "LAST", " more are left out "}, false},
		{"behind members", `{"x":{` + func() string {
			var b strings.Builder
			for i := range 3000 {
				fmt.Fprintf(&b, `"m%d":%d,`, i, i)
			}
			return b.String()
		}() + `"a":"TARGET"}}`, []string{"TARGET", " more are left out "}, false},
		{"behind a name", `{"` + strings.Repeat("A", 3000) + `":1,"a":"TARGET"}`, []string{"TARGET", "characters are left out"}, false},
		{"behind a number", `{"n":1` + strings.Repeat("0", 3000) + `,"a":"TARGET"}`, []string{"TARGET", "more characters"}, false},
		{"too deep", strings.Repeat(`{"x":`, 900) + `1` + strings.Repeat("}", 900), []string{"(and more)"}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newTestbed(t, gatetest.Policy{Decides: asks}, nil)
			message, _, _ := question(t, b.decide(call(`{"name":"run","arguments":`+tc.args+`}`)))
			for _, want := range tc.want {
				if !strings.Contains(message, want) {
					t.Errorf("the question does not have %q:\n%s", want, message)
				}
			}
			if strings.HasPrefix(message, "ATTENTION") == tc.whole || len(message) > 2500 {
				t.Errorf("the question is too long, or does not begin with what is left out:\n%s", message)
			}
		})
	}
}

// TestForgedStates: a state is good once, for the request that it was made for.
func TestForgedStates(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(r *gate.Request, state string)
		want   string
	}{
		{"tampered with", func(r *gate.Request, state string) {
			flipped := []byte(state)
			flipped[len(flipped)/2] ^= 1
			r.Params = r.Params.SetString("requestState", string(flipped))
		}, "was not issued for this request"},
		{"made up", func(r *gate.Request, _ string) { r.Params = r.Params.SetString("requestState", "e30") }, "was not issued"},
		{"other arguments", func(r *gate.Request, _ string) {
			r.Params = r.Params.Set("arguments", json.RawMessage(`{"path":"/b"}`))
		}, "was not issued"},
		{"another principal", func(r *gate.Request, _ string) { r.Principal.Subject = "eve" }, "was not issued"},
		{"another module", func(r *gate.Request, _ string) { r.Identity = "other" }, "was not issued"},
		{"another method", func(r *gate.Request, _ string) { r.Method = plugins.MethodGetPrompt }, "was not issued"},
		{"no answer", func(r *gate.Request, _ string) { r.Params = r.Params.Delete("inputResponses") }, "want an answer"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newTestbed(t, gatetest.Policy{Decides: asks}, nil)
			_, _, state := question(t, b.decide(call(plain)))
			r := retry(call(plain), state, accept)
			tc.change(&r, state)
			if err := b.decide(r); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error = %v, want %q", err, tc.want)
			}
			if err := b.decide(retry(call(plain), state, accept)); err != nil {
				t.Errorf("the state itself is spoilt: %v", err)
			}
		})
	}
	t.Run("replayed", func(t *testing.T) {
		kept := openStore(t)
		b := newTestbed(t, gatetest.Policy{Decides: asks}, kept)
		_, _, state := question(t, b.decide(call(plain)))
		if err := b.decide(retry(call(plain), state, accept)); err != nil {
			t.Fatal(err)
		}
		other := newTestbed(t, gatetest.Policy{Decides: asks}, kept) // another process with the same key
		for name, bed := range map[string]*testbed{"here": b, "elsewhere": other} {
			if err := bed.decide(retry(call(plain), state, accept)); err == nil || !strings.Contains(err.Error(), "was used already") {
				t.Errorf("%s: error = %v", name, err)
			}
		}
	})
}

// TestGuestAsksToo: what a person has allowed survives the guest's own rounds, and what the
// guest was told survives a question of the host's.
func TestGuestAsksToo(t *testing.T) {
	b := newTestbed(t, gatetest.Policy{Decides: func(phase cel.Phase, in *cel.Input) cel.Decision {
		if phase == cel.PhaseEffect {
			return cel.Decision{Verdict: cel.Ask, Rule: "e", Message: "m", Asks: []cel.Question{{Rule: "e", Hash: "h3", Message: "It leaves."}}}
		}
		return asks(phase, in)
	}}, nil)
	ctx := t.Context()
	_, _, state := question(t, b.decide(call(plain)))

	// The person allows the call, and the guest asks the client something.
	c := b.open(retry(call(plain), state, accept))
	if err := c.Decide(ctx); err != nil {
		t.Fatal(err)
	}
	if c.Params().Has("inputResponses") || c.Params().Has("requestState") {
		t.Errorf("the guest gets %s", c.Params().JSON())
	}
	guest, ok := c.Seal("step 1", true)
	if !ok {
		t.Fatal("the guest's state is lost")
	}

	// The client answers the guest, which then sends something.
	r := call(plain)
	r.Params = r.Params.SetString("requestState", guest).Set("inputResponses", json.RawMessage(`{"name":{"action":"accept"}}`))
	c = b.open(r)
	if err := c.Decide(ctx); err != nil {
		t.Fatalf("asked again after the guest's round: %v", err)
	}
	if err := c.Effect(ctx, post, nil); err == nil {
		t.Fatal("the effect was not asked about")
	}
	_, err := c.Answer(ctx, wire.Object{}.Set("content", json.RawMessage("[]")))
	message, _, state := question(t, err)
	if !strings.Contains(message, "send a POST request to https://example.com/x") {
		t.Errorf("question: %s", message)
	}

	// The person allows that; the guest is where it was.
	c = b.open(retry(call(plain), state, accept))
	if err := c.Decide(ctx); err != nil {
		t.Fatalf("asked again after the effect: %v", err)
	}
	if got := string(c.Params().JSON()); !strings.Contains(got, `"requestState":"step 1"`) || !strings.Contains(got, `"inputResponses":{"name":{"action":"accept"}}`) {
		t.Errorf("the guest gets %s", got)
	}
	if err := c.Effect(ctx, post, nil); err != nil {
		t.Errorf("the effect is denied: %v", err)
	}
	if err := c.Effect(ctx, post, nil); err == nil {
		t.Error("one answer was good for two requests")
	}
	if err := b.decide(r); err == nil || !strings.Contains(err.Error(), "was used already") {
		t.Errorf("a state that allows something is used twice: %v", err)
	}
}

var post = &cel.Effect{Kind: cel.EffectHTTP, HTTP: &cel.HTTP{Method: "POST", Scheme: "https", Host: "example.com", Port: 443, Path: "/x"}}

// TestAskedEffect: once an effect has to be asked about, the run comes to nothing.
func TestAskedEffect(t *testing.T) {
	ctx := t.Context()
	b := newTestbed(t, gatetest.Policy{Decides: func(phase cel.Phase, in *cel.Input) cel.Decision {
		if phase == cel.PhaseEffect && in.Effect.Kind == cel.EffectHTTP {
			return cel.Decision{Verdict: cel.Ask, Rule: "e", Message: "It leaves.", Asks: []cel.Question{{Rule: "e", Hash: "h", Message: "It leaves."}}}
		}
		return cel.Decision{Verdict: cel.Allow}
	}}, nil)
	c := b.open(call(plain))
	if err := c.Decide(ctx); err != nil {
		t.Fatal(err)
	}
	write := &cel.Effect{Kind: cel.EffectFile, File: &cel.File{Path: "/data/x\u202e", Access: cel.AccessWrite}}
	read := &cel.Effect{Kind: cel.EffectFile, File: &cel.File{Path: "/data/y", Access: cel.AccessRead}}
	for _, e := range []*cel.Effect{write, write, read} {
		if err := c.Effect(ctx, e, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range []*cel.Effect{post, read} {
		err := c.Effect(ctx, e, nil)
		if denied, ok := errors.AsType[*plugins.EffectError](err); !ok || denied.Kind != plugins.EffectDenied {
			t.Errorf("%s: %v, want a denial", e.Kind, err)
		}
	}
	if _, ok := c.Notification(ctx, plugins.Notification{Method: plugins.NotifyLog, Params: json.RawMessage(`{}`)}, wire.Object{}); ok {
		t.Error("the client hears of a run that comes to nothing")
	}
	_, err := c.Error(ctx, plugins.Errorf(1, "I was denied"))
	if log := b.log.String(); strings.Contains(log, "WARN") || strings.Count(log, "\n") != 1 ||
		!strings.Contains(log, `level=INFO msg="a person is asked" phase=effect server=files tool=run method=tools/call effect=http what="send a POST request to https://example.com/x" rule=e`) {
		t.Errorf("log: %s", log)
	}
	message, _, _ := question(t, err)
	if !strings.Contains(message, "begins again") || strings.Count(message, `write the file "/data/x\u202e"`) != 1 || strings.Contains(message, "/data/y") {
		t.Errorf("question: %s", message)
	}
}

// TestEffectGoesOn: an answer is good for one request, for as long as that goes on.
func TestEffectGoesOn(t *testing.T) {
	ctx := t.Context()
	b := newTestbed(t, gatetest.Policy{Decides: func(phase cel.Phase, in *cel.Input) cel.Decision {
		if phase == cel.PhaseEffect && in.Effect.Kind == cel.EffectHTTP {
			return cel.Decision{Verdict: cel.Ask, Rule: "e", Asks: []cel.Question{{Rule: "e", Hash: "h", Message: "It leaves."}}}
		}
		return cel.Decision{Verdict: cel.Allow}
	}}, nil)
	first := b.open(call(plain))
	if err := first.Decide(ctx); err != nil || first.Effect(ctx, post, nil) == nil {
		t.Fatalf("it is not asked: %v", err)
	}
	_, err := first.Error(ctx, plugins.Errorf(1, "I was denied"))
	_, _, state := question(t, err)
	c := b.open(retry(call(plain), state, accept))
	if err := c.Decide(ctx); err != nil {
		t.Fatal(err)
	}
	guest := effect.Call{Decide: c.Effect}.Begin()
	read := &cel.Effect{Kind: cel.EffectFile, File: &cel.File{Path: "/data/y", Access: cel.AccessRead}}
	goesOn := guest.Permission(effect.Intent{Effect: post})
	for range 3 {
		if err := errors.Join(goesOn.Check(ctx), guest.Permit(ctx, read, nil)); err != nil {
			t.Fatal(err)
		}
	}
	if guest.Permit(ctx, post, nil) == nil {
		t.Error("one answer is good for two requests")
	}
}

func TestNobodyToAsk(t *testing.T) {
	b := newTestbed(t, gatetest.Policy{Decides: func(cel.Phase, *cel.Input) cel.Decision {
		return cel.Decision{Verdict: cel.Ask, Rule: "r", Message: "Mind it.", Asks: []cel.Question{{Rule: "r", Hash: "h", Message: "Mind it."}}}
	}}, nil)
	for _, tc := range []struct {
		name   string
		change func(*gate.Request)
		want   string
	}{
		{"client", func(r *gate.Request) { r.CanAsk = false }, "Denied by the policy (rule r): Mind it; somebody has to be asked, and this client cannot ask"},
		{"method", func(r *gate.Request) { r.Method = plugins.MethodComplete }, "nobody can be asked about completion/complete"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := call(plain)
			tc.change(&r)
			if err := b.decide(r); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error = %v, want %q", err, tc.want)
			}
		})
	}
	t.Run("start", func(t *testing.T) {
		err := b.gate.Start(gate.NewServer(gate.About{}))(t.Context(), post, nil)
		if err == nil || !strings.Contains(err.Error(), "nobody can be asked while a server starts") {
			t.Errorf("error = %v", err)
		}
	})
}

// TestDenials: what a client is told, and what the operator is.
func TestDenials(t *testing.T) {
	denies := gatetest.Policy{Decides: func(_ cel.Phase, in *cel.Input) cel.Decision {
		if in.Request.Method == "x/rule-error" {
			return cel.Decision{Verdict: cel.Deny, Rule: "bad", Message: "it cannot be decided", Err: errors.New("no such key"), Log: "look"}
		}
		return cel.Decision{Verdict: cel.Deny, Message: "no rule allows it"}
	}}
	for _, tc := range []struct{ name, method, want, log string }{
		{"tool", plugins.MethodCallTool, `{"resultType":"complete","content":[{"type":"text","text":"Denied by the policy: no rule allows it"}],` +
			`"isError":true,"_meta":{"mcpwasm/denied":{"rule":"","phase":"call"}}}`, `phase=call server=files tool=run`},
		{"other", "x/rule-error", `-32010 Denied by the policy (rule bad): it cannot be decided {"rule":"bad","phase":"call"}`, `rule=bad log=look error="no such key"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newTestbed(t, denies, nil)
			r := call(`{"name":"run","arguments":{"path":"very-private"}}`)
			r.Method = tc.method
			stop, ok := errors.AsType[*gate.Stop](b.decide(r))
			if !ok {
				t.Fatal("it is allowed")
			}
			got := string(stop.Result.JSON())
			if stop.Err != nil {
				got = fmt.Sprintf("%d %s %s", stop.Err.Code, stop.Err.Message, stop.Err.Data)
			}
			if got != tc.want {
				t.Errorf("told\n%s\nwant\n%s", got, tc.want)
			}
			if !strings.Contains(b.log.String(), tc.log) || strings.Contains(b.log.String(), "very-private") {
				t.Errorf("log: %s", b.log)
			}
		})
	}
}

// TestInput: what a policy is told of a message.
func TestInput(t *testing.T) {
	var got []cel.Input
	b := newTestbed(t, gatetest.Policy{Decides: func(_ cel.Phase, in *cel.Input) cel.Decision {
		got = append(got, *in)
		return cel.Decision{Verdict: cel.Allow}
	}}, nil)
	r := call(`{"name":"run","arguments":{"n":9007199254740993}}`)
	r.Principal = cel.Principal{Subject: "ada", Claims: map[string]any{"role": "admin"}, Client: cel.Client{Name: "c"}}
	if err := b.decide(r); err != nil {
		t.Fatal(err)
	}
	in := got[0]
	if string(in.Args) != `{"n":9007199254740993}` || in.Tool.Name != "run" || !strings.HasPrefix(in.Tool.Hash, "sha256:") ||
		!slices.Equal(in.Tool.Tags, []string{"careful"}) || !slices.Equal(in.Labels, []string{"reads:private"}) ||
		in.Request.ID != "7" || in.Request.Time.IsZero() || in.Principal.Client.Name != "c" || in.Session.Calls != 0 {
		t.Errorf("input = %+v", in)
	}
	if h := in.Tool.Hints; h.ReadOnly == nil || !*h.ReadOnly || h.Destructive != nil || h.OpenWorld != nil {
		t.Errorf("hints = %+v: a hint that is no boolean is none", in.Tool.Hints)
	}
	if err := b.decide(r); err != nil || got[1].Session.Calls != 1 {
		t.Errorf("the second call is number %d, %v", got[1].Session.Calls, err)
	}
	got = nil
	b.gate.View().Shows(t.Context(), b.defs, gate.Subject{Prompt: "p"}, r.Principal)
	if in := got[0]; in.Prompt != "p" || in.Principal.Client.Name != "" || in.Principal.Subject != "ada" || !slices.Equal(in.Labels, []string{"source:untrusted"}) {
		t.Errorf("input of a list = %+v", in)
	}
}

// TestResourceLabels: another way to write a resource is no way around its labels.
func TestResourceLabels(t *testing.T) {
	for uri, want := range map[string]string{
		"notes://private/a/b":           "reads:private",
		"notes://public/a":              "",
		"notes://public/../private/a":   "",
		"NOTES://Private/a":             "reads:private",
		"notes://private/%61":           "reads:private",
		"notes://private/x/../../y":     "reads:private",
		"notes://me/draft":              "reads:draft",
		"notes://me/x/draft":            "",
		"notes://me/x/%2e%2e/draft":     "reads:draft",
		"notes://private/draft":         "reads:draft reads:private",
		"notes://private.example/draft": "reads:draft",
		"notes://%70rivate/a":           "reads:private",
		"notes://%2570rivate/a":         "reads:private",
		"notes://priv%zz/a":             "",
		"notes://private%2Fa":           "reads:private",
		"notes://private//%zz":          "reads:private",
		"notes://private//a":            "reads:private",
		"notes://shared/x":              "reads:shared",
		"notes://%73hared/x":            "reads:shared",
	} {
		t.Run(uri, func(t *testing.T) {
			var got []string
			b := newTestbed(t, gatetest.Policy{Decides: func(_ cel.Phase, in *cel.Input) cel.Decision {
				got = in.Labels
				return cel.Decision{Verdict: cel.Allow}
			}}, nil)
			b.gate.View().Shows(context.Background(), b.defs, gate.Subject{Resource: uri}, cel.Principal{})
			if strings.Join(got, " ") != want {
				t.Errorf("labels = %v, want %q", got, want)
			}
		})
	}
}

// TestNormalURI: the pairs are of RFC 3986, sections 5.4 and 6.2.2, and of URIs that
// package url does not read.
func TestNormalURI(t *testing.T) {
	for uri, want := range map[string]string{
		"eXAMPLE://a/./b/../b/%63/%7bfoo%7d":   "example://a/b/c/%7Bfoo%7D",
		"HTTP://User@Www.Example.COM:80/A?B#C": "http://User@www.example.com:80/A?B#C",
		"notes://%6Dwsngdyx":                   "notes://mwsngdyx",
		"notes://%4Dwsngdyx":                   "notes://mwsngdyx",
		"tpl://s%65cret":                       "tpl://secret",
		"tpl://a%2fb":                          "tpl://a%2Fb",
		"tpl://{id}/{+rest}":                   "tpl://{id}/{+rest}",
		"note:%61/../b":                        "note:b",
		"note:A%20b":                           "note:A%20b",
		"file:///a/b/c/./../../g":              "file:///a/g",
		"file:///../g/..":                      "file:///",
		"file:///%2e%2E/a":                     "file:///a",
		"x://h?a=%7E&b=%2f":                    "x://h?a=~&b=%2F",
		"x://h%zz/a%":                          "x://h%zz/a%",
		"":                                     "",
		"no scheme":                            "no scheme",
	} {
		if got := gate.NormalURI(uri); got != want {
			t.Errorf("NormalURI(%q) = %q, want %q", uri, got, want)
		}
		if again := gate.NormalURI(want); again != want {
			t.Errorf("NormalURI(%q) = %q, which is normal already", want, again)
		}
	}
}
