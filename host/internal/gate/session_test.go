package gate_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host/internal/gate"
	"github.com/mcpwasm/mcpwasm/host/internal/gate/gatetest"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// spy allows everything but results that say so, and shows the session of the last
// decision.
func spy(last *cel.Session) gatetest.Policy {
	return gatetest.Policy{Decides: func(phase cel.Phase, in *cel.Input) cel.Decision {
		if phase == cel.PhaseCall {
			*last = in.Session
		}
		if in.Result != nil {
			if _, text := in.Result.Content(); strings.Contains(text, "withhold") {
				return cel.Decision{Verdict: cel.Deny, Rule: "r", Message: "withheld", Labels: []string{"x:withheld"}}
			}
			return cel.Decision{Verdict: cel.Allow, Labels: []string{"x:" + in.Result.Kind}}
		}
		return cel.Decision{Verdict: cel.Allow}
	}}
}

// run has a guest answer with a text.
func (b *testbed) run(r gate.Request, text string) error {
	b.t.Helper()
	c, err := b.gate.Open(b.t.Context(), b.defs, r)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Decide(b.t.Context()); err != nil {
		return err
	}
	_, err = c.Answer(b.t.Context(), wire.Object{}.SetString("text", text))
	return err
}

// TestLabelsFlow: what is delivered and what is done labels the session, and nothing
// else.
func TestLabelsFlow(t *testing.T) {
	read := &cel.Effect{Kind: cel.EffectFile, File: &cel.File{Path: "/data/x", Access: cel.AccessRead}}
	for _, tc := range []struct {
		name string
		does func(t *testing.T, b *testbed, c *gate.Call)
		want string
	}{
		{"nothing", func(*testing.T, *testbed, *gate.Call) {}, ""},
		{"answer", func(t *testing.T, _ *testbed, c *gate.Call) {
			if _, err := c.Answer(t.Context(), wire.Object{}); err != nil {
				t.Error(err)
			}
		}, "reads:private x:answer"},
		{"question", func(t *testing.T, _ *testbed, c *gate.Call) {
			if _, err := c.Answer(t.Context(), wire.Object{}.SetString("resultType", "input_required")); err != nil {
				t.Error(err)
			}
		}, "reads:private x:input"},
		{"error", func(t *testing.T, _ *testbed, c *gate.Call) {
			if _, err := c.Error(t.Context(), plugins.Errorf(1, "no")); err != nil {
				t.Error(err)
			}
		}, "reads:private x:error"},
		{"notification", func(t *testing.T, _ *testbed, c *gate.Call) {
			c.Notification(t.Context(), plugins.Notification{Params: json.RawMessage(`{}`)}, wire.Object{})
		}, "reads:private x:notification"},
		{"withheld", func(t *testing.T, _ *testbed, c *gate.Call) {
			if _, err := c.Answer(t.Context(), wire.Object{}.SetString("text", "withhold")); err == nil {
				t.Error("let through")
			}
		}, ""},
		{"effect", func(t *testing.T, _ *testbed, c *gate.Call) {
			if err := c.Effect(t.Context(), read, []string{"source:untrusted"}); err != nil {
				t.Error(err)
			}
		}, "source:untrusted"},
		{"start", func(t *testing.T, b *testbed, c *gate.Call) {
			if err := b.gate.Start(b.server)(t.Context(), read, []string{"source:start"}); err != nil {
				t.Error(err)
			}
			if _, err := c.Answer(t.Context(), wire.Object{}); err != nil {
				t.Error(err)
			}
		}, "reads:private source:start x:answer"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var last cel.Session
			b := newTestbed(t, spy(&last), nil)
			c := b.open(call(plain))
			if err := c.Decide(t.Context()); err != nil {
				t.Fatal(err)
			}
			tc.does(t, b, c)
			if err := b.decide(call(plain)); err != nil || strings.Join(last.Labels, " ") != tc.want {
				t.Errorf("the session's labels are %v, want %q; %v", last.Labels, tc.want, err)
			}
			other := call(plain)
			other.Session = "t"
			if err := b.decide(other); err != nil || len(last.Labels) > 0 {
				t.Errorf("another session's labels are %v; %v", last.Labels, err)
			}
		})
	}
}

// TestLabelsOfRules: what a rule adds to a call stays with its effects and its answer.
func TestLabelsOfRules(t *testing.T) {
	var seen []string
	b := newTestbed(t, gatetest.Policy{Decides: func(phase cel.Phase, in *cel.Input) cel.Decision {
		seen = append(seen, string(phase)+" "+strings.Join(in.Labels, ","))
		if phase == cel.PhaseCall {
			return cel.Decision{Verdict: cel.Allow, Labels: []string{"x:rule"}}
		}
		return cel.Decision{Verdict: cel.Allow}
	}}, nil)
	c := b.open(call(plain))
	if err := errors.Join(c.Decide(t.Context()), c.Effect(t.Context(), post, []string{"sink:external"})); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Answer(t.Context(), wire.Object{}); err != nil {
		t.Fatal(err)
	}
	want := []string{"call reads:private", "effect reads:private,sink:external,x:rule", "result reads:private,x:rule"}
	if !slices.Equal(seen, want) {
		t.Errorf("labels are %q, want %q", seen, want)
	}
}

// TestEffectsInTurn: of two effects that must not both happen one is denied, however
// they race.
func TestEffectsInTurn(t *testing.T) {
	b := newTestbed(t, gatetest.Policy{Decides: func(_ cel.Phase, in *cel.Input) cel.Decision {
		if in.Effect == nil {
			return cel.Decision{Verdict: cel.Allow}
		}
		if len(in.Session.Labels) > 0 {
			return cel.Decision{Verdict: cel.Deny, Message: "the other was first"}
		}
		return cel.Decision{Verdict: cel.Allow}
	}}, nil)
	var all sync.WaitGroup
	var mu sync.Mutex
	allowed := 0
	for range 8 {
		c := b.open(call(plain))
		if err := c.Decide(t.Context()); err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			if c.Effect(t.Context(), post, []string{"x:done"}) == nil {
				mu.Lock()
				defer mu.Unlock()
				allowed++
			}
		})
	}
	all.Wait()
	if allowed != 1 {
		t.Errorf("%d effects happened", allowed)
	}
}

// TestForgotten: what is idle is forgotten, what has labels later, and what works never.
func TestForgotten(t *testing.T) {
	for _, tc := range []struct {
		name        string
		text        string // of the guest's answer
		busy        bool
		after       time.Duration
		remembered  bool
		wantLabeled bool
	}{
		{"counts, soon", "withhold", false, gate.IdleEmpty - time.Minute, true, false},
		{"counts, later", "withhold", false, gate.IdleEmpty + time.Minute, false, false},
		{"labels, later", "ok", false, gate.IdleEmpty + time.Minute, true, true},
		{"labels, after a day", "ok", false, gate.IdleFull + time.Minute, false, false},
		{"labels of a call that runs", "ok", true, gate.IdleFull + time.Minute, true, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var last cel.Session
				b := newTestbed(t, spy(&last), nil)
				_ = b.run(call(plain), tc.text) // what is withheld is denied
				if tc.busy {
					b.open(call(plain))
				}
				time.Sleep(tc.after)
				if err := b.decide(call(plain)); err != nil {
					t.Fatal(err)
				}
				if got := last.Calls > 0; got != tc.remembered {
					t.Errorf("remembered: %v, want %v", got, tc.remembered)
				}
				if got := len(last.Labels) > 0; got != tc.wantLabeled {
					t.Errorf("labels %v", last.Labels)
				}
			})
		})
	}
	t.Run("closed", func(t *testing.T) {
		var last cel.Session
		b := newTestbed(t, spy(&last), nil)
		if err := b.run(call(plain), "ok"); err != nil {
			t.Fatal(err)
		}
		b.gate.CloseSession("s")
		if err := b.decide(call(plain)); err != nil || len(last.Labels) > 0 || last.Calls > 0 {
			t.Errorf("remembered %+v; %v", last, err)
		}
	})
}

// TestCalls: what does not reach a guest is no call.
func TestCalls(t *testing.T) {
	var n int64
	b := newTestbed(t, gatetest.Policy{Decides: func(_ cel.Phase, in *cel.Input) cel.Decision {
		n = in.Session.Calls
		if string(in.Args) == `{}` {
			return cel.Decision{Verdict: cel.Deny, Message: "no"}
		}
		return cel.Decision{Verdict: cel.Allow}
	}}, nil)
	for i, tc := range []struct {
		params string
		want   int64
	}{{plain, 0}, {`{"arguments":{}}`, 1}, {plain, 1}, {plain, 2}} {
		_ = b.decide(call(tc.params)) // one is denied
		if n != tc.want {
			t.Errorf("before call %d there were %d, want %d", i, n, tc.want)
		}
	}
}

// TestApprovals: what was allowed for good is listed in words, and can be taken back.
func TestApprovals(t *testing.T) {
	kept := openStore(t)
	b := newTestbed(t, gatetest.Policy{Decides: asks}, kept)
	r := call(plain)
	r.Principal.Subject = "ada"
	_, _, state := question(t, b.decide(r))
	if err := b.decide(retry(r, state, always)); err != nil {
		t.Fatal(err)
	}
	all, err := gate.Approvals(t.Context(), kept)
	if err != nil || len(all) != 2 {
		t.Fatalf("approvals = %+v, %v", all, err)
	}
	for _, a := range all {
		if a.ID == "" || a.When.IsZero() || a.Principal != "ada" || a.Server != "files" || a.Tool != "run" || a.What != `run its tool "run"` || a.Digest != "sha256:one" {
			t.Errorf("approval = %+v", a)
		}
	}
	if err := b.decide(r); err != nil {
		t.Fatalf("asked again: %v", err)
	}
	if err := gate.Forget(t.Context(), kept, all[0].ID); err != nil {
		t.Fatal(err)
	}
	message, _, _ := question(t, b.decide(r))
	if strings.Count(message, "(rule ") != 1 {
		t.Errorf("asked about more than what was taken back:\n%s", message)
	}
	for _, id := range []string{all[0].ID, "", "../used/x", strings.Repeat("x", 5000)} {
		if err := gate.Forget(t.Context(), kept, id); !errors.Is(err, gate.ErrNoApproval) {
			t.Errorf("Forget(%.20q) = %v", id, err)
		}
	}
}

// TestLabelsWhileDeciding: a decision that was made before the session got labels is
// made again.
func TestLabelsWhileDeciding(t *testing.T) {
	var b *testbed
	decided := 0
	b = newTestbed(t, gatetest.Policy{Decides: func(_ cel.Phase, in *cel.Input) cel.Decision {
		switch {
		case in.Result != nil:
			return cel.Decision{Verdict: cel.Allow, Labels: []string{"x:new"}}
		case in.Effect == nil:
			return cel.Decision{Verdict: cel.Allow}
		case slices.Contains(in.Session.Labels, "x:new"):
			return cel.Decision{Verdict: cel.Deny, Message: "no longer"}
		}
		if decided++; decided == 1 {
			if err := b.run(call(plain), "while it is decided"); err != nil {
				t.Error(err)
			}
		}
		return cel.Decision{Verdict: cel.Allow}
	}}, nil)
	c := b.open(call(plain))
	if err := c.Decide(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Effect(t.Context(), post, nil); err == nil {
		t.Error("what was decided without the label holds")
	}
}

// TestKeptForNobody: nothing is kept for good for somebody who is never known again.
func TestKeptForNobody(t *testing.T) {
	kept := openStore(t)
	b := newTestbed(t, gatetest.Policy{Decides: asks}, kept)
	r := call(plain)
	r.Transport = gate.TransportHTTP
	_, _, state := question(t, b.decide(r))
	if err := b.decide(retry(r, state, always)); err != nil {
		t.Fatal(err)
	}
	if all, err := gate.Approvals(t.Context(), kept); err != nil || len(all) > 0 {
		t.Errorf("approvals = %+v, %v", all, err)
	}
}

// TestLargeInputs: what does not fit into a state is not asked in between.
func TestLargeInputs(t *testing.T) {
	b := newTestbed(t, gatetest.Policy{Decides: asks}, nil)
	for size, want := range map[int]string{1 << 10: "input_required", 1 << 20: "too large to ask in between"} {
		r := call(plain)
		r.Params = r.Params.Set("inputResponses", wire.Object{}.SetString("a", strings.Repeat("x", size)).JSON())
		if err := b.decide(r); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d bytes: %.200v, want %q", size, err, want)
		}
	}
}

// TestSetPolicy: the next decision is the new policy's, in a call that runs as well.
func TestSetPolicy(t *testing.T) {
	b := newTestbed(t, gatetest.Policy{}, nil)
	c := b.open(call(plain))
	if err := c.Decide(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.gate.SetPolicy(gatetest.Policy{Decides: func(cel.Phase, *cel.Input) cel.Decision {
		return cel.Decision{Verdict: cel.Deny, Message: "no longer"}
	}})
	if c.Effect(t.Context(), post, nil) == nil || b.decide(call(plain)) == nil {
		t.Error("the policy before decides")
	}
}
