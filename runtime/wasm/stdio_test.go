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
		{"loop", runtime.KindDeadline, "deadline=500ms", "did not answer"},
		{"silent", runtime.KindDeadline, "deadline=500ms", "did not answer"},
		{"exit", runtime.KindExit, "", "code 7: goodbye"},
		{"panic", runtime.KindExit, "", "code 2: panic: on purpose"},
		{"garbage", runtime.KindProtocol, "", ""},
		{"huge", runtime.KindLimit, "answerBytes=1000000", ""},
		{"noise", runtime.KindProtocol, "", ""},
	}
	for _, lifetime := range []runtime.Lifetime{runtime.LifetimeSession, runtime.LifetimeProcess} {
		s := open(t, guest(t, "stdio"), runtime.Options{Lifetime: lifetime, Limits: runtime.Limits{
			Deadline: 500 * time.Millisecond, AnswerBytes: 1_000_000, MemoryBytes: 64 << 20,
		}})
		mustWork(t, s)
		for _, tt := range tests {
			t.Run(string(lifetime)+"/"+tt.tool, func(t *testing.T) {
				_, err := s.Handle(t.Context(), tool(tt.tool))
				checkFailure(t, err, tt)
				mustWork(t, s)
			})
		}
	}
}

// TestStdioWaits: while one goroutine of the guest waits for its input, others
// run and timers fire.
func TestStdioWaits(t *testing.T) {
	s := open(t, guest(t, "stdio"), runtime.Options{})
	type ticks struct{ Ticks int }
	before := ask[ticks](t, s, tool("ticks")).Ticks
	time.Sleep(100 * time.Millisecond)
	if after := ask[ticks](t, s, tool("ticks")).Ticks; after < before+10 {
		t.Errorf("%d ticks in 100 ms", after-before)
	}
}

// TestStdioMultiplexes: several messages at once in one guest.
func TestStdioMultiplexes(t *testing.T) {
	s := open(t, guest(t, "stdio"), runtime.Options{Lifetime: runtime.LifetimeProcess})
	mustWork(t, s)
	begin := time.Now()
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if _, err := s.Handle(t.Context(), tool("slow")); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if d := time.Since(begin); d > 400*time.Millisecond {
		t.Errorf("ten messages of 50 ms took %v", d)
	}
}

// TestStdioGivenUp: a guest that still reads survives a message that was given
// up, and so do the other messages in it.
func TestStdioGivenUp(t *testing.T) {
	s := open(t, guest(t, "stdio"), runtime.Options{Lifetime: runtime.LifetimeProcess})
	type ticks struct{ Ticks int }
	time.Sleep(50 * time.Millisecond)
	mustWork(t, s)
	time.Sleep(100 * time.Millisecond)
	before := ask[ticks](t, s, tool("ticks")).Ticks
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := s.Handle(ctx, tool("silent")); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if after := ask[ticks](t, s, tool("ticks")).Ticks; after <= before {
		t.Errorf("%d ticks after %d: the guest was started again", after, before)
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
	if !errors.Is(err, &runtime.GuestError{Kind: runtime.KindLoad}) || !strings.Contains(err.Error(), "memoryBytes=65536") {
		t.Errorf("error %v", err)
	}
}
