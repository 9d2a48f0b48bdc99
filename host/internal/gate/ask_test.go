package gate_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/host/internal/gate"
	"github.com/mcpwasm/mcpwasm/host/internal/gate/gatetest"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/store"
)

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
