package wasm_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpwasm/mcpwasm/runtime"
)

func TestStdioFailures(t *testing.T) {
	tests := []failing{
		{"loop", runtime.KindDeadline, "deadline=2s", "did not answer"},
		{"silent", runtime.KindDeadline, "deadline=2s", "did not answer"},
		{"exit", runtime.KindExit, "", "code 7: goodbye"},
		{"panic", runtime.KindExit, "", "code 2: panic: on purpose"},
		{"garbage", runtime.KindProtocol, "", ""},
		{"huge", runtime.KindLimit, "answer=1000000", ""},
		{"noise", runtime.KindProtocol, "", ""},
	}
	for _, lifetime := range []runtime.Lifetime{runtime.LifetimeSession, runtime.LifetimeProcess} {
		limits := runtime.Limits{AnswerBytes: 1_000_000, MemoryBytes: 64 << 20}
		patient, hasty := openPair(t, guest(t, "stdio"), lifetime, limits)
		for _, tt := range tests {
			t.Run(string(lifetime)+"/"+tt.tool, func(t *testing.T) {
				s := patient
				if tt.kind == runtime.KindDeadline {
					s = hasty
				}
				_, err := s.Handle(t.Context(), tool(tt.tool))
				checkFailure(t, err, tt)
				mustWork(t, s)
			})
		}
	}
}

// TestStdioWaits: while one goroutine of the guest waits for its input, others
// run and timers fire. Nothing arrives that could wake it by chance.
func TestStdioWaits(t *testing.T) {
	s := open(t, guest(t, "stdio"), runtime.Options{})
	mustWork(t, s)
	ask[map[string]any](t, s, tool("slow"))
}

// TestStdioMultiplexes: no message is answered before ten are there.
func TestStdioMultiplexes(t *testing.T) {
	s := open(t, guest(t, "stdio"), runtime.Options{Lifetime: runtime.LifetimeProcess})
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if _, err := s.Handle(t.Context(), tool("meet")); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// TestStdioGivenUp: a guest that still reads survives a message that was given
// up, one that does not is replaced.
func TestStdioGivenUp(t *testing.T) {
	for name, survives := range map[string]bool{"silent": true, "loop": false} {
		t.Run(name, func(t *testing.T) {
			// The guest has the whole grace to show that it reads.
			grace := 200 * time.Millisecond
			if survives {
				grace = 10 * time.Second
			}
			s := open(t, guest(t, "stdio"), runtime.Options{Lifetime: runtime.LifetimeProcess, Limits: runtime.Limits{CancelGrace: grace}})
			type id struct{ ID string }
			before := ask[id](t, s, tool("id"))
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(50*time.Millisecond, cancel)
			if _, err := s.Handle(ctx, tool(name)); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
			if after := ask[id](t, s, tool("id")); (after == before) != survives {
				t.Errorf("instance %s, then %s", before.ID, after.ID)
			}
		})
	}
}

func TestStdioThatNeverStarts(t *testing.T) {
	tests := []struct {
		arg    string
		kind   runtime.Kind
		detail string
	}{
		{"spin", runtime.KindSpin, "signal.Notify"},
		{"die", runtime.KindExit, "code 3: no licence"},
	}
	for _, tt := range tests {
		t.Run(tt.arg, func(t *testing.T) {
			s := open(t, guest(t, "stdio"), runtime.Options{Args: []string{tt.arg}})
			for range 2 {
				_, err := s.Handle(t.Context(), tool("echo"))
				checkFailure(t, err, failing{"echo", tt.kind, "", tt.detail})
			}
		})
	}
}

func TestStdioMemory(t *testing.T) {
	_, err := runtime.Open(t.Context(), backend, runtime.Artifact{Name: "guest", Wasm: guest(t, "stdio")},
		runtime.Options{Limits: runtime.Limits{MemoryBytes: 64 << 10}})
	if !errors.Is(err, &runtime.GuestError{Kind: runtime.KindLoad}) || !strings.Contains(err.Error(), "memory=64KiB") {
		t.Errorf("error %v", err)
	}
}
