package gate_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/cel"
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

var post = &cel.Effect{Kind: cel.EffectHTTP, HTTP: &cel.HTTP{Method: "POST", Scheme: "https", Host: "example.com", Port: 443, Path: "/x"}}

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
