package wasm_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
	"github.com/mcpwasm/mcpwasm/runtime/wasm"
)

// backend is shared, so that each guest is compiled once.
var backend = wasm.New(wasm.Config{})

var guests struct {
	sync.Mutex
	built map[string][]byte
}

// guest builds a program of testdata/guests, once for all tests.
func guest(t testing.TB, name string) []byte {
	t.Helper()
	guests.Lock()
	defer guests.Unlock()
	if b := guests.built[name]; b != nil {
		return b
	}
	out := filepath.Join(t.TempDir(), name+".wasm")
	args := []string{"build", "-o", out, "-ldflags=-s -w"}
	if strings.HasSuffix(name, "reactor") {
		args = append(args, "-buildmode=c-shared")
	}
	cmd := exec.Command("go", append(args, filepath.Join("testdata", "guests", name, "main.go"))...)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", name, err, b)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if guests.built == nil {
		guests.built = map[string][]byte{}
	}
	guests.built[name] = b
	return b
}

func open(t testing.TB, module []byte, o runtime.Options) *runtime.Server {
	t.Helper()
	s, err := runtime.Open(context.Background(), backend, runtime.Artifact{Name: "guest", Wasm: module}, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return s
}

// openPair opens a guest twice: with a deadline that only a hang exceeds on a
// machine that is busy with other things, and with one that a test can wait for.
func openPair(t *testing.T, module []byte, lifetime runtime.Lifetime, l runtime.Limits) (patient, hasty *runtime.Server) {
	t.Helper()
	l.Deadline = time.Minute
	patient = open(t, module, runtime.Options{Lifetime: lifetime, Limits: l})
	l.Deadline = 2 * time.Second
	hasty = open(t, module, runtime.Options{Lifetime: lifetime, Limits: l})
	mustWork(t, patient)
	mustWork(t, hasty)
	return patient, hasty
}

func tool(name string) runtime.Call {
	return runtime.Call{Message: plugins.Message{
		Method: plugins.MethodCallTool,
		Params: json.RawMessage(`{"name":"` + name + `","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}`),
	}}
}

// mustWork is the next message after a failure.
func mustWork(t *testing.T, s *runtime.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := s.Handle(ctx, tool("echo")); err != nil {
		t.Errorf("the next message: %v", err)
	}
}

type failing struct {
	tool   string
	kind   runtime.Kind
	limit  string
	detail string // a part of it
}

func checkFailure(t *testing.T, err error, want failing) {
	t.Helper()
	var g *runtime.GuestError
	if !errors.As(err, &g) {
		t.Fatalf("error %v, want a guest's", err)
	}
	if g.Kind != want.kind || g.Limit != want.limit || !strings.Contains(g.Detail, want.detail) || g.Server != "guest" || g.Tool != want.tool {
		t.Errorf("error %+v, want %+v", g, want)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("error of several lines: %q", err)
	}
}

func TestReactorFailures(t *testing.T) {
	tests := []failing{
		{"loop", runtime.KindDeadline, "deadline=2s", "did not answer"},
		{"sleep", runtime.KindDeadline, "deadline=2s", "did not answer"},
		{"silent", runtime.KindProtocol, "", "returned without an answer"},
		{"twice", runtime.KindProtocol, "", "answered twice"},
		{"garbage", runtime.KindProtocol, "", "not JSON"},
		{"noanswer", runtime.KindProtocol, "", "exactly one member"},
		{"exit", runtime.KindExit, "", "code 7: goodbye"},
		{"panic", runtime.KindTrap, "", "panic: on purpose"},
		{"null", runtime.KindTrap, "", "out of bounds memory access"},
		{"huge", runtime.KindLimit, "answer=100000", "bytes"},
		{"flood", runtime.KindLimit, "notifications=10000", "too many notifications"},
	}
	for _, lifetime := range []runtime.Lifetime{runtime.LifetimeCall, runtime.LifetimeProcess} {
		limits := runtime.Limits{MemoryBytes: 64 << 20, AnswerBytes: 100_000, NotifyBytes: 10_000}
		patient, hasty := openPair(t, guest(t, "reactor"), lifetime, limits)
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

// TestReactorMemory has a generous deadline: the guest fills its memory first,
// with its stack or its heap.
func TestReactorMemory(t *testing.T) {
	s := open(t, guest(t, "reactor"), runtime.Options{Limits: runtime.Limits{MemoryBytes: 64 << 20}})
	for _, want := range []failing{
		{"recurse", runtime.KindLimit, "stack=8MiB", "calls are too deep"},
		{"hog", runtime.KindLimit, "memory=64MiB", "out of memory"},
	} {
		t.Run(want.tool, func(t *testing.T) {
			_, err := s.Handle(t.Context(), tool(want.tool))
			checkFailure(t, err, want)
			mustWork(t, s)
		})
	}
}

// ask returns the result of a tool.
func ask[T any](t *testing.T, s *runtime.Server, c runtime.Call) (v T) {
	t.Helper()
	a, err := s.Handle(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(a.Result, &v); err != nil {
		t.Fatalf("%v: %s", err, a.Result)
	}
	return v
}

func TestReactorAnswers(t *testing.T) {
	s := open(t, guest(t, "reactor"), runtime.Options{Args: []string{"a b"}, Env: []string{"K=v=w"}})
	t.Run("message unchanged and resultType added", func(t *testing.T) {
		a, err := s.Handle(t.Context(), tool("echo"))
		if err != nil {
			t.Fatal(err)
		}
		want := `{"message":{"method":"tools/call","params":` + string(tool("echo").Message.Params) + `},"resultType":"complete"}`
		if string(a.Result) != want {
			t.Errorf("result %s, want %s", a.Result, want)
		}
	})
	t.Run("error", func(t *testing.T) {
		a, err := s.Handle(t.Context(), tool("error"))
		if err != nil || a.Error == nil || a.Error.Code != -5 || string(a.Error.Data) != "[1]" {
			t.Errorf("answer %+v, error %v", a, err)
		}
	})
	t.Run("world", func(t *testing.T) {
		w := ask[struct {
			Args, Env []string
			Year      int
		}](t, s, tool("env"))
		if fmt.Sprint(w.Args, w.Env) != "[guest a b] [K=v=w]" || w.Year != time.Now().Year() {
			t.Errorf("world %+v", w)
		}
	})
	t.Run("sleeps", func(t *testing.T) { ask[map[string]any](t, s, tool("nap")) })
}

func TestReactorIsPristine(t *testing.T) {
	for lifetime, want := range map[runtime.Lifetime]int{runtime.LifetimeCall: 1, runtime.LifetimeProcess: 3} {
		t.Run(string(lifetime), func(t *testing.T) {
			s := open(t, guest(t, "reactor"), runtime.Options{Lifetime: lifetime})
			var last int
			for range 3 {
				last = ask[struct{ Calls int }](t, s, tool("calls")).Calls
			}
			if last != want {
				t.Errorf("the third call is the instance's call %d, want %d", last, want)
			}
		})
	}
}

func TestReactorNotifications(t *testing.T) {
	var signals, notes []string
	s := open(t, guest(t, "reactor"), runtime.Options{
		Signal: func(session string, n plugins.Notification) { signals = append(signals, session+" "+n.Method) },
	})
	c := tool("notify")
	c.Session = "s1"
	c.Notify = func(n plugins.Notification) { notes = append(notes, n.Method+string(n.Params)) }
	r := ask[struct{ Taken []int }](t, s, c)
	if fmt.Sprint(r.Taken) != "[0 0 1 1 1 1 0]" {
		t.Errorf("taken %v", r.Taken)
	}
	if got := strings.Join(notes, " "); got != `notifications/progress{"progress":1} notifications/message{}` {
		t.Errorf("notifications %s", got)
	}
	if fmt.Sprint(signals) != "[s1 notifications/tools/list_changed]" {
		t.Errorf("signals %v", signals)
	}
}

func TestHostCallbackPanics(t *testing.T) {
	s := open(t, guest(t, "reactor"), runtime.Options{})
	c := tool("notify")
	c.Notify = func(plugins.Notification) { panic("the embedder's mistake") }
	_, err := s.Handle(t.Context(), c)
	checkFailure(t, err, failing{"notify", runtime.KindTrap, "", "the embedder's mistake"})
	mustWork(t, s)
}

func TestStderrIsBounded(t *testing.T) {
	var got []string
	s := open(t, guest(t, "reactor"), runtime.Options{
		Lifetime: runtime.LifetimeProcess,
		Limits:   runtime.Limits{StderrBytes: 1000},
		Stderr:   func(line string) { got = append(got, line) },
	})
	for range 2 {
		got = nil
		ask[map[string]any](t, s, tool("stderr"))
		if len(got) != 11 || !strings.Contains(got[10], "99000 more bytes were dropped (limit stderr=1000)") {
			t.Errorf("%d lines, the last %q", len(got), got[len(got)-1])
		}
	}
}

// TestCancel: a guest that looks at cancelled() survives, one that does not is
// ended.
func TestCancel(t *testing.T) {
	for name, survives := range map[string]bool{"polite": true, "loop": false, "sleep": false} {
		t.Run(name, func(t *testing.T) {
			// The guest has the whole grace to look.
			grace := 200 * time.Millisecond
			if survives {
				grace = 10 * time.Second
			}
			s := open(t, guest(t, "reactor"), runtime.Options{
				Lifetime: runtime.LifetimeProcess,
				Limits:   runtime.Limits{CancelGrace: grace},
			})
			mustWork(t, s)
			gone := errors.New("the client went away")
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(50*time.Millisecond, func() { cancel(gone) })
			if _, err := s.Handle(ctx, tool(name)); !errors.Is(err, gone) {
				t.Errorf("error %v", err)
			}
			calls := ask[struct{ Calls int }](t, s, tool("calls")).Calls
			if (calls == 3) != survives {
				t.Errorf("the next message is the instance's call %d", calls)
			}
		})
	}
}

func TestConcurrentReactors(t *testing.T) {
	for _, lifetime := range []runtime.Lifetime{runtime.LifetimeCall, runtime.LifetimeSession, runtime.LifetimeProcess} {
		t.Run(string(lifetime), func(t *testing.T) {
			s := open(t, guest(t, "reactor"), runtime.Options{Lifetime: lifetime, Limits: runtime.Limits{Concurrency: 4}})
			var all sync.WaitGroup
			for w := range 4 {
				all.Go(func() {
					for n := range 5 {
						c := tool([]string{"echo", "nap", "exit"}[n%3])
						c.Session = fmt.Sprint(w % 2)
						if _, err := s.Handle(t.Context(), c); err != nil && !errors.Is(err, &runtime.GuestError{Kind: runtime.KindExit}) {
							t.Error(err)
						}
					}
				})
			}
			all.Wait()
		})
	}
}

func TestInterpreter(t *testing.T) {
	b := wasm.New(wasm.Config{Interpreter: true})
	s, err := runtime.Open(t.Context(), b, runtime.Artifact{Name: "guest", Wasm: guest(t, "reactor")}, runtime.Options{
		Limits: runtime.Limits{Deadline: 5 * time.Second},
	})
	if err != nil {
		t.Fatal(err)
	}
	mustWork(t, s)
	_, err = s.Handle(t.Context(), tool("loop"))
	checkFailure(t, err, failing{"loop", runtime.KindDeadline, "deadline=5s", ""})
	if err := errors.Join(s.Close(t.Context()), b.Close(t.Context())); err != nil {
		t.Error(err)
	}
}

func BenchmarkHandle(b *testing.B) {
	for _, lifetime := range []runtime.Lifetime{runtime.LifetimeCall, runtime.LifetimeSession, runtime.LifetimeProcess} {
		b.Run(string(lifetime), func(b *testing.B) {
			s := open(b, guest(b, "reactor"), runtime.Options{Lifetime: lifetime})
			if _, err := s.Handle(b.Context(), tool("echo")); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Handle(b.Context(), tool("echo")); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
