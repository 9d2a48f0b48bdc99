package gate

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host/internal/seal"
)

// TestKey: an answer is for exactly what was asked.
func TestKey(t *testing.T) {
	type asked struct {
		about   About
		request Request
		hash    string // of the tool
		q       cel.Question
		effect  *cel.Effect
	}
	key := func(change func(*asked)) string {
		e := cel.Effect{Kind: cel.EffectHTTP, HTTP: &cel.HTTP{Method: "GET", Scheme: "https", Host: "h", Port: 443, Path: "/", Query: "a"}}
		a := asked{About{Server: cel.Server{Name: "s", Digest: "d"}}, Request{Transport: TransportHTTP, Subject: Subject{Tool: "t"}}, "h", cel.Question{Rule: "r", Hash: "q"}, &e}
		a.request.Principal.Subject = "ada"
		change(&a)
		d := &Definitions{server: NewServer(a.about), tools: map[string]toolView{}, prompts: map[string]string{"p": "h"}}
		for _, name := range []string{"t", "u"} {
			d.tools[name] = toolView{tool: &cel.Tool{Name: name, Hash: a.hash}}
		}
		return (&Call{defs: d, r: a.request}).key(a.q, a.effect)
	}
	same := key(func(*asked) {})
	if again := key(func(a *asked) { a.request.ID, a.request.Session, a.q.Message = "8", "other", "words" }); again != same {
		t.Error("what was not asked changes the key")
	}
	seen := map[string]string{same: "nothing"}
	for name, change := range map[string]func(*asked){
		"server's name": func(a *asked) { a.about.Server.Name = "x" },
		"module":        func(a *asked) { a.about.Server.Digest = "x" },
		"transport":     func(a *asked) { a.request.Transport = TransportStdio },
		"principal":     func(a *asked) { a.request.Principal.Subject = "eve" },
		"tool":          func(a *asked) { a.request.Subject = Subject{Tool: "u"} },
		"prompt":        func(a *asked) { a.request.Subject = Subject{Prompt: "p"} },
		"resource":      func(a *asked) { a.request.Subject = Subject{Resource: "t"} },
		"definition":    func(a *asked) { a.hash = "x" },
		"rule":          func(a *asked) { a.q.Rule = "x" },
		"question":      func(a *asked) { a.q.Hash = "x" },
		"no effect":     func(a *asked) { a.effect = nil },
		"path":          func(a *asked) { a.effect.HTTP.Path = "/x" },
		"query":         func(a *asked) { a.effect.HTTP.Query = "x" },
	} {
		k := key(change)
		if other, ok := seen[k]; ok {
			t.Errorf("another %s has the key of another %s", name, other)
		}
		seen[k] = name
	}
}

func TestAddIf(t *testing.T) {
	s := &session{}
	s.add([]string{"a:a"})
	if s.addIf(nil, []string{"b:b"}) || !slices.Equal(s.currentLabels(), []string{"a:a"}) {
		t.Errorf("labels that changed were not noticed: %v", s.labels)
	}
	if !s.addIf([]string{"a:a"}, []string{"b:b"}) || !slices.Equal(s.currentLabels(), []string{"a:a", "b:b"}) {
		t.Errorf("labels = %v", s.labels)
	}
}

// TestTooManySessions: there is no room for one more, and there is for one that is
// known.
func TestTooManySessions(t *testing.T) {
	sealer, err := seal.New(bytes.Repeat([]byte("k"), seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	g := New(Config{Sealer: sealer, Log: slog.New(slog.DiscardHandler)})
	for i := range maxSessions {
		_, release, err := g.sessions.acquire(fmt.Sprint(i))
		if err != nil {
			t.Fatal(err)
		}
		release()
	}
	if _, _, err := g.sessions.acquire("one more"); !errors.Is(err, errNoSession) {
		t.Errorf("error = %v", err)
	}
	if _, _, err := g.sessions.acquire("7"); err != nil {
		t.Error(err)
	}
	g.CloseSession("7")
	if _, _, err := g.sessions.acquire("one more"); err != nil {
		t.Error(err)
	}
}
