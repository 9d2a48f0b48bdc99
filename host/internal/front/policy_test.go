package front

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host/internal/gate/gatetest"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// noResources denies resources.
var noResources = gatetest.Policy{Decides: func(_ cel.Phase, in *cel.Input) cel.Decision {
	if in.Resource != "" {
		return cel.Decision{Verdict: cel.Deny, Rule: "r", Message: "not yours"}
	}
	return cel.Decision{Verdict: cel.Allow}
}}

// TestDeniedSubscription: who may not read a resource does not hear when it changes.
func TestDeniedSubscription(t *testing.T) {
	t.Run("stateless", func(t *testing.T) {
		f, g := newTestFrontAt(t, noResources, Config{})
		c := dialStdio(t, f)
		c.send(`{"jsonrpc":"2.0","id":"sub","method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true,"resourceSubscriptions":["test://a"]},` + meta + `}}`)
		if ack := string(c.read().Params.JSON()); !strings.Contains(ack, `"resourceSubscriptions":[]`) || !strings.Contains(ack, `"toolsListChanged":true`) {
			t.Errorf("agreed to %s", ack)
		}
		c.send(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"change",` + meta + `}}`)
		var heard []string
		for range 2 {
			heard = append(heard, c.read().Method)
		}
		if slices.Sort(heard); !slices.Equal(heard, []string{"", plugins.NotifyToolsListChanged}) {
			t.Errorf("heard %v", heard)
		}
		if len(g.watched) > 0 {
			t.Errorf("the server watches %v", g.watched)
		}
	})
	t.Run("session", func(t *testing.T) {
		f, _ := newTestFrontAt(t, noResources, Config{})
		c := dialStdio(t, f)
		c.initialize("2025-11-25")
		wantError(t, c.call(1, "resources/subscribe", `{"uri":"test://a"}`), plugins.CodeDenied, "not yours")
		c.send(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"change"}}`)
		var heard []string
		for range 2 {
			heard = append(heard, c.read().Method)
		}
		if slices.Sort(heard); !slices.Equal(heard, []string{"", plugins.NotifyToolsListChanged}) {
			t.Errorf("heard %v", heard)
		}
	})
}

// TestWhoAsks: what policies learn of a request from each transport.
func TestWhoAsks(t *testing.T) {
	var mu sync.Mutex
	var last cel.Input
	spy := gatetest.Policy{Decides: func(phase cel.Phase, in *cel.Input) cel.Decision {
		if phase == cel.PhaseCall {
			mu.Lock()
			defer mu.Unlock()
			last = *in
		}
		return cel.Decision{Verdict: cel.Allow, Labels: []string{"x:" + string(phase)}}
	}}
	role := "first"
	f, _ := newTestFrontAt(t, spy, Config{Principal: func(r *http.Request) (Principal, error) {
		return Principal{Subject: r.Header.Get("Authorization"), Claims: map[string]any{"role": role}}, nil
	}})
	check := func(id, revision, transport, subject, client string, labels int) {
		t.Helper()
		mu.Lock()
		defer mu.Unlock()
		r := last.Request
		if r.ID != id || r.Revision != revision || r.Transport != transport || last.Principal.Subject != subject ||
			last.Principal.Client.Name != client || len(last.Session.Labels) != labels {
			t.Errorf("request %+v of %+v, labels %v", r, last.Principal, last.Session.Labels)
		}
	}
	const modern = `{"jsonrpc":"2.0","id":"a\"b","method":"tools/call","params":{"name":"echo",` + meta + `}}`

	one := dialStdio(t, f)
	one.send("%s", modern)
	one.read()
	check(`a"b`, "2026-07-28", "stdio", "", "", 0)
	one.initialize("2025-06-18") // the same connection, so the same conversation
	one.call(7, "tools/call", `{"name":"echo"}`)
	check("7", "2025-06-18", "stdio", "", "c", 2)
	two := dialStdio(t, f)
	two.send("%s", modern)
	two.read()
	check(`a"b`, "2026-07-28", "stdio", "", "", 0)

	h := dialHTTP(t, f)
	for labels, who := range []string{"ada", "ada"} {
		resp := h.do(t.Context(), "POST", modern, append(modernHeaders("tools/call", "echo"), "Authorization: "+who)...)
		resp.Body.Close()
		check(`a"b`, "2026-07-28", "http", who, "", 2*labels)
	}
	session := h.initialize("2025-11-25", "Authorization: ada")
	role = "second"
	resp := h.do(t.Context(), "POST", `{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"echo"}}`, "Authorization: ada", session)
	resp.Body.Close()
	check("3", "2025-11-25", "http", "ada", "c", 0)
	if last.Principal.Claims["role"] != "second" {
		t.Errorf("claims of another request: %v", last.Principal.Claims)
	}
}

// TestAnsweredWithGarbage: what a client of the older era answers to the policy's own
// question is a denial where it is no answer.
func TestAnsweredWithGarbage(t *testing.T) {
	asks := gatetest.Policy{Decides: func(phase cel.Phase, _ *cel.Input) cel.Decision {
		if phase != cel.PhaseCall {
			return cel.Decision{Verdict: cel.Allow}
		}
		return cel.Decision{Verdict: cel.Ask, Rule: "r", Message: "m", Asks: []cel.Question{{Rule: "r", Hash: "h", Message: "m"}}}
	}}
	for _, tc := range []struct{ name, answer, want string }{
		{"error", `"error":{"code":-32601,"message":"no such method"}`, "the client refused elicitation/create: no such method"},
		{"list", `"result":[]`, "want an object, have an array"},
		{"text", `"result":"x"`, "want an object, have a string"},
		{"choice", `"result":{"action":"accept","content":{"remember":true}}`, "remember: want a string"},
		{"null content", `"result":{"action":"accept","content":null}`, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f, _ := newTestFrontAt(t, asks, Config{})
			c := dialStdio(t, f)
			c.initialize("2025-11-25")
			c.send(`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo"}}`)
			question := c.read()
			if question.Method != "elicitation/create" {
				t.Fatalf("got %s, want a question", question.Append(nil))
			}
			c.send(`{"jsonrpc":"2.0","id":%s,%s}`, question.ID.JSON(), tc.answer)
			answer := c.read()
			result := string(answer.Answer.Result)
			if denied := strings.Contains(result, `"mcpwasm/denied"`); denied != (tc.want != "") || !strings.Contains(result, tc.want) {
				t.Errorf("answer = %s", answer.Append(nil))
			}
		})
	}
}

// TestEndOfStdio: what policies remember of a connection ends with it.
func TestEndOfStdio(t *testing.T) {
	at := gatetest.Open()
	f, _ := newTestFrontBehind(t, at, Config{})
	c := dialStdio(t, f)
	c.send(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo",` + meta + `}}`)
	c.read()
	if n := at.Sessions(); n != 1 {
		t.Fatalf("%d sessions are remembered, want 1", n)
	}
	c.in.Close()
	if err := <-c.done; err != nil {
		t.Fatal(err)
	}
	if n := at.Sessions(); n != 0 {
		t.Errorf("%d sessions are remembered", n)
	}
}
