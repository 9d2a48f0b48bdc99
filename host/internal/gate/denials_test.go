package gate_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host/internal/gate"
	"github.com/mcpwasm/mcpwasm/host/internal/gate/gatetest"
)

// TestDeniedEffects: the operator reads what a guest was not to do, once for a message,
// however often it tries.
func TestDeniedEffects(t *testing.T) {
	file := func(path, access string) *cel.Effect {
		return &cel.Effect{Kind: cel.EffectFile, File: &cel.File{Path: path, Access: access}}
	}
	kv := func(key, access string) *cel.Effect {
		return &cel.Effect{Kind: cel.EffectKV, KV: &cel.KV{Key: key, Access: access}}
	}
	many := make([]*cel.Effect, 100)
	for i := range many {
		many[i] = file(fmt.Sprintf("/data/%d", i), cel.AccessRead)
	}
	for _, tc := range []struct {
		name    string
		effects []*cel.Effect
		want    []string // what each line ends with, behind the message
	}{
		{"file", []*cel.Effect{file("/data/a", cel.AccessRead), file("/data/a", cel.AccessRead), file("/data/a", cel.AccessWrite)},
			[]string{`effect=file what="read the file \"/data/a\"" rule=r`, `effect=file what="write the file \"/data/a\"" rule=r`}},
		{"request", []*cel.Effect{post}, []string{`effect=http what="send a POST request to https://example.com/x" rule=r`}},
		{"value", []*cel.Effect{kv("note/", cel.AccessList)}, []string{`what="list the stored values that begin with \"note/\"" rule=r`}},
		{"many", many, append(nineFiles(), `msg="denied more; further denials of this message are not logged" phase=effect server=files`)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newTestbed(t, deniesEffects, nil)
			for range 2 { // messages, each of which is news
				b.log.Reset()
				c := b.open(call(plain))
				if err := c.Decide(t.Context()); err != nil {
					t.Fatal(err)
				}
				for _, e := range tc.effects {
					if c.Effect(t.Context(), e, nil) == nil {
						t.Error("it is allowed")
					}
				}
				checkLines(t, b.log.String(), tc.want)
			}
		})
	}
}

var deniesEffects = gatetest.Policy{Decides: func(phase cel.Phase, _ *cel.Input) cel.Decision {
	if phase == cel.PhaseEffect {
		return cel.Decision{Verdict: cel.Deny, Rule: "r", Message: "no"}
	}
	return cel.Decision{Verdict: cel.Allow}
}}

// nineFiles are the ends of the lines for the first nine of many files.
func nineFiles() []string {
	var want []string
	for i := range 9 {
		want = append(want, fmt.Sprintf(`what="read the file \"/data/%d\"" rule=r`, i))
	}
	return want
}

func checkLines(t *testing.T, log string, want []string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(log), "\n")
	if len(lines) != len(want) {
		t.Fatalf("%d lines, want %d:\n%s", len(lines), len(want), log)
	}
	for i, line := range lines {
		if !strings.HasSuffix(line, want[i]) || !strings.Contains(line, "level=WARN") {
			t.Errorf("%s\nwant %s", line, want[i])
		}
	}
}

// TestDeniedEffect: who reads records gets all of a denied effect, and of others
// nothing.
func TestDeniedEffect(t *testing.T) {
	var got []*cel.Input
	b := newTestbed(t, deniesEffects, nil)
	log := slog.New(reader{slog.DiscardHandler, func(r slog.Record) {
		if in, ok := gate.DeniedEffect(r); ok {
			got = append(got, in)
		}
	}})
	log.Warn("denied by the policy", "what", "something else")
	b.gate = gate.New(gate.Config{Policy: deniesEffects, Log: log})
	deny := b.gate.Start(b.server)
	if deny(t.Context(), post, []string{"sink:external"}) == nil {
		t.Fatal("it is allowed")
	}
	if len(got) != 1 || got[0].Effect != post || fmt.Sprint(got[0].Labels) != "[sink:external]" {
		t.Errorf("have %+v", got)
	}
}

// reader is a handler that takes records.
type reader struct {
	slog.Handler
	take func(slog.Record)
}

func (r reader) Enabled(context.Context, slog.Level) bool { return true }

func (r reader) Handle(_ context.Context, record slog.Record) error {
	r.take(record)
	return nil
}
