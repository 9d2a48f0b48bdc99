package runtime_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
)

func open(t *testing.T, f *fake, o runtime.Options) *runtime.Server {
	t.Helper()
	if f.shape == "" {
		f.shape = plugins.ShapeReactor
	}
	s, err := runtime.Open(t.Context(), f, runtime.Artifact{Name: "srv"}, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// shut closes the server and checks that nothing is left.
func shut(t *testing.T, s *runtime.Server, f *fake) {
	t.Helper()
	if err := s.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
	if f.alive.Load() != 0 || f.closed.Load() != 1 {
		t.Errorf("%d instances left, program closed %d times", f.alive.Load(), f.closed.Load())
	}
}

func call(session string) runtime.Call {
	return runtime.Call{
		Session: session,
		Message: plugins.Message{Method: plugins.MethodCallTool, Params: json.RawMessage(`{"name":"echo"}`)},
	}
}

// number asks the server and returns which instance answered.
func number(t *testing.T, s *runtime.Server, session string) int64 {
	t.Helper()
	a, err := s.Handle(t.Context(), call(session))
	if err != nil {
		t.Fatal(err)
	}
	var r struct{ Instance int64 }
	if err := json.Unmarshal(a.Result, &r); err != nil {
		t.Fatal(err)
	}
	return r.Instance
}

func TestLifetimes(t *testing.T) {
	tests := []struct {
		name     string
		shape    plugins.Shape
		lifetime runtime.Lifetime
		sessions []string
		want     []int64 // the instance that answers each
		err      string
	}{
		{"call is the default of reactors", plugins.ShapeReactor, "", []string{"a", "a", "b"}, []int64{1, 2, 3}, ""},
		{"call", plugins.ShapeExtism, runtime.LifetimeCall, []string{"a", "a"}, []int64{1, 2}, ""},
		{"session is the default of stdio", plugins.ShapeStdio, "", []string{"a", "b", "a", ""}, []int64{1, 2, 1, 3}, ""},
		{"process", plugins.ShapeReactor, runtime.LifetimeProcess, []string{"a", "b", ""}, []int64{1, 1, 1}, ""},
		{"call for stdio", plugins.ShapeStdio, runtime.LifetimeCall, nil, nil, "use lifetime session or process"},
		{"unknown", plugins.ShapeReactor, "forever", nil, nil, `unknown lifetime "forever"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &fake{shape: tt.shape}
			s, err := runtime.Open(t.Context(), f, runtime.Artifact{Name: "srv"}, runtime.Options{Lifetime: tt.lifetime})
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) || f.closed.Load() != 1 {
					t.Fatalf("error %v (program closed %d times), want %q", err, f.closed.Load(), tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for i, key := range tt.sessions {
				if n := number(t, s, key); n != tt.want[i] {
					t.Errorf("message %d: instance %d, want %d", i, n, tt.want[i])
				}
			}
			shut(t, s, f)
		})
	}
}

func TestLoadError(t *testing.T) {
	f := &fake{load: func() error { return &runtime.GuestError{Kind: runtime.KindLoad, Detail: "no good"} }}
	_, err := runtime.Open(t.Context(), f, runtime.Artifact{Name: "srv"}, runtime.Options{})
	if !errors.Is(err, &runtime.GuestError{Kind: runtime.KindLoad}) || err.Error() != `server "srv": no good` {
		t.Errorf("error %v", err)
	}
}

func TestErrorsAreCompleted(t *testing.T) {
	f := &fake{handle: func(context.Context, *fakeInstance, runtime.Call) (plugins.Answer, error) {
		return plugins.Answer{}, &runtime.GuestError{Kind: runtime.KindLimit, Limit: "answer=1", Detail: "too much"}
	}}
	s := open(t, f, runtime.Options{})
	defer shut(t, s, f)
	_, err := s.Handle(t.Context(), call(""))
	if err == nil || err.Error() != `server "srv", "echo": limit answer=1: too much` {
		t.Errorf("error %v", err)
	}
}

func TestMessageBytes(t *testing.T) {
	f := &fake{}
	s := open(t, f, runtime.Options{Limits: runtime.Limits{MessageBytes: 100}})
	defer shut(t, s, f)
	big := call("")
	big.Message.Params = json.RawMessage(`{"name":"` + strings.Repeat("x", 100) + `"}`)
	_, err := s.Handle(t.Context(), big)
	var g *runtime.GuestError
	if !errors.As(err, &g) || g.Kind != runtime.KindLimit || g.Limit != "message=100" {
		t.Errorf("error %v", err)
	}
	number(t, s, "")
}

func TestDeadInstanceIsReplaced(t *testing.T) {
	f := &fake{handle: func(_ context.Context, i *fakeInstance, _ runtime.Call) (plugins.Answer, error) {
		if i.number == 1 {
			i.stop()
			return plugins.Answer{}, &runtime.GuestError{Kind: runtime.KindTrap, Detail: "unreachable"}
		}
		return i.answer(), nil
	}}
	s := open(t, f, runtime.Options{Lifetime: runtime.LifetimeProcess})
	if _, err := s.Handle(t.Context(), call("")); !errors.Is(err, &runtime.GuestError{Kind: runtime.KindTrap}) {
		t.Errorf("error %v", err)
	}
	for range 2 {
		if n := number(t, s, ""); n != 2 {
			t.Errorf("instance %d, want 2", n)
		}
	}
	shut(t, s, f)
}

func TestStartFailureIsSharedAndTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{shape: plugins.ShapeStdio, start: func(_ context.Context, n int64) error {
			time.Sleep(time.Second)
			if n == 1 {
				return &runtime.GuestError{Kind: runtime.KindExit, Detail: "exited with code 1"}
			}
			return nil
		}}
		s := open(t, f, runtime.Options{Lifetime: runtime.LifetimeProcess})
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				if _, err := s.Handle(t.Context(), call("")); !errors.Is(err, &runtime.GuestError{Kind: runtime.KindExit}) {
					t.Errorf("error %v", err)
				}
			})
		}
		all.Wait()
		if n := number(t, s, ""); n != 2 {
			t.Errorf("instance %d, want 2", n)
		}
		shut(t, s, f)
	})
}

func TestStartOutlivesItsFirstCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{shape: plugins.ShapeStdio, start: func(ctx context.Context, _ int64) error {
			select {
			case <-time.After(time.Second):
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}}
		s := open(t, f, runtime.Options{Lifetime: runtime.LifetimeProcess})
		ctx, cancel := context.WithCancel(t.Context())
		first := make(chan error)
		go func() {
			_, err := s.Handle(ctx, call(""))
			first <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		if n := number(t, s, ""); n != 1 {
			t.Errorf("instance %d, want 1", n)
		}
		shut(t, s, f)
	})
}

// wait is a handler that takes d unless it is cancelled.
func wait(d time.Duration) func(context.Context, *fakeInstance, runtime.Call) (plugins.Answer, error) {
	return func(ctx context.Context, i *fakeInstance, _ runtime.Call) (plugins.Answer, error) {
		select {
		case <-time.After(d):
			return i.answer(), nil
		case <-ctx.Done():
			return plugins.Answer{}, ctx.Err()
		}
	}
}

func TestDeadline(t *testing.T) {
	for _, lifetime := range []runtime.Lifetime{runtime.LifetimeCall, runtime.LifetimeSession, runtime.LifetimeProcess} {
		t.Run(string(lifetime), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{handle: wait(time.Hour), start: func(context.Context, int64) error {
					time.Sleep(time.Minute) // does not count
					return nil
				}}
				s := open(t, f, runtime.Options{Lifetime: lifetime, Limits: runtime.Limits{Deadline: 2 * time.Second}})
				begin := time.Now()
				_, err := s.Handle(t.Context(), call(""))
				var g *runtime.GuestError
				if !errors.As(err, &g) || g.Kind != runtime.KindDeadline || g.Limit != "deadline=2s" || g.Tool != "echo" {
					t.Errorf("error %v", err)
				}
				if d := time.Since(begin); d != 62*time.Second {
					t.Errorf("after %v", d)
				}
				shut(t, s, f)
			})
		})
	}
}

func TestCallerGivesUp(t *testing.T) {
	gone := errors.New("the client went away")
	synctest.Test(t, func(t *testing.T) {
		f := &fake{handle: wait(time.Hour)}
		s := open(t, f, runtime.Options{Limits: runtime.Limits{Concurrency: 1}})
		for _, where := range []string{"in the guest", "in the line"} {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			result := make(chan error)
			for range 2 {
				go func() {
					_, err := s.Handle(ctx, call(""))
					result <- err
				}()
			}
			synctest.Wait()
			cancel(gone)
			for range 2 {
				if err := <-result; !errors.Is(err, gone) {
					t.Errorf("%s: error %v", where, err)
				}
			}
		}
		shut(t, s, f)
	})
}

func TestOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{handle: wait(time.Second)}
		s := open(t, f, runtime.Options{Limits: runtime.Limits{Concurrency: 2, Queue: 3}})
		var ok sync.WaitGroup
		for range 5 {
			ok.Go(func() {
				if _, err := s.Handle(t.Context(), call("")); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		_, err := s.Handle(t.Context(), call(""))
		var g *runtime.GuestError
		if !errors.As(err, &g) || g.Kind != runtime.KindOverload || g.Limit != "queue=3" {
			t.Errorf("error %v", err)
		}
		ok.Wait()
		if f.most.Load() != 2 {
			t.Errorf("%d instances at once, want 2", f.most.Load())
		}
		shut(t, s, f)
	})
}

// TestFirstComeFirstServed also shows that a busy session does not hold up
// another one.
func TestFirstComeFirstServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{handle: wait(time.Second)}
		s := open(t, f, runtime.Options{Lifetime: runtime.LifetimeSession, Limits: runtime.Limits{Concurrency: 2}})
		begin := time.Now()
		var mu sync.Mutex
		var order []string
		var all sync.WaitGroup
		for i, key := range []string{"a", "a", "a", "b", "c"} {
			all.Go(func() {
				if _, err := s.Handle(t.Context(), call(key)); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				order = append(order, fmt.Sprint(i, key, time.Since(begin)))
			})
			time.Sleep(time.Millisecond)
		}
		all.Wait()
		want := "0a1s 3b1.003s 1a2s 4c2.003s 2a3s"
		if got := strings.Join(order, " "); got != want {
			t.Errorf("order %s, want %s", got, want)
		}
		shut(t, s, f)
	})
}

func TestLeastRecentlyUsedMakesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		s := open(t, f, runtime.Options{Lifetime: runtime.LifetimeSession, Limits: runtime.Limits{Sessions: 2}})
		for i, step := range []struct {
			key  string
			want int64
		}{{"a", 1}, {"b", 2}, {"a", 1}, {"c", 3}, {"a", 1}, {"b", 4}, {"c", 5}} {
			if n := number(t, s, step.key); n != step.want {
				t.Errorf("step %d: instance %d, want %d", i, n, step.want)
			}
		}
		synctest.Wait()
		if f.most.Load() > 2 {
			t.Errorf("%d instances at once, want at most 2", f.most.Load())
		}
		shut(t, s, f)
	})
}

// TestSessionsBoundsBusyOnes: with all instances busy, another session waits.
func TestSessionsBoundsBusyOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{handle: wait(time.Second)}
		s := open(t, f, runtime.Options{Lifetime: runtime.LifetimeSession, Limits: runtime.Limits{Sessions: 1}})
		var all sync.WaitGroup
		for _, key := range []string{"a", "b", "c"} {
			all.Go(func() { number(t, s, key) })
		}
		all.Wait()
		if f.most.Load() != 1 {
			t.Errorf("%d instances at once, want 1", f.most.Load())
		}
		shut(t, s, f)
	})
}

func TestCloseSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{handle: wait(time.Second)}
		s := open(t, f, runtime.Options{Lifetime: runtime.LifetimeSession})
		result := make(chan error)
		go func() {
			_, err := s.Handle(t.Context(), call("a"))
			result <- err
		}()
		synctest.Wait()
		s.CloseSession("a")
		s.CloseSession("unknown")
		if err := <-result; !errors.Is(err, runtime.ErrClosed) {
			t.Errorf("error %v", err)
		}
		if n := number(t, s, "a"); n != 2 {
			t.Errorf("instance %d, want 2", n)
		}
		shut(t, s, f)
		s.CloseSession("a")
	})
}

func TestCloseWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{handle: wait(time.Second)}
		s := open(t, f, runtime.Options{Limits: runtime.Limits{Concurrency: 1}})
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() { number(t, s, "") })
		}
		synctest.Wait()
		begin := time.Now()
		shut(t, s, f)
		all.Wait()
		if d := time.Since(begin); d != 3*time.Second {
			t.Errorf("closed after %v, want 3s", d)
		}
		if _, err := s.Handle(t.Context(), call("")); !errors.Is(err, runtime.ErrClosed) {
			t.Errorf("error %v", err)
		}
	})
}

func TestCloseEndsWhatTakesTooLong(t *testing.T) {
	for _, lifetime := range []runtime.Lifetime{runtime.LifetimeCall, runtime.LifetimeSession, runtime.LifetimeProcess} {
		t.Run(string(lifetime), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{handle: wait(time.Hour)}
				s := open(t, f, runtime.Options{Lifetime: lifetime, Limits: runtime.Limits{Deadline: time.Hour, Concurrency: 2}})
				var all sync.WaitGroup
				for range 5 {
					all.Go(func() {
						if _, err := s.Handle(t.Context(), call("a")); !errors.Is(err, runtime.ErrClosed) {
							t.Errorf("error %v", err)
						}
					})
				}
				synctest.Wait()
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				var closers sync.WaitGroup
				for range 2 {
					closers.Go(func() {
						if err := s.Close(ctx); err != nil {
							t.Error(err)
						}
					})
				}
				closers.Wait()
				all.Wait()
				if f.alive.Load() != 0 {
					t.Errorf("%d instances left", f.alive.Load())
				}
			})
		})
	}
}

// TestHammer lets everything happen at once: deaths, failing starts, callers
// that give up, closed sessions; and then closes the server in the middle.
func TestHammer(t *testing.T) {
	for _, shape := range []plugins.Shape{plugins.ShapeReactor, plugins.ShapeStdio} {
		for _, lifetime := range []runtime.Lifetime{runtime.LifetimeCall, runtime.LifetimeSession, runtime.LifetimeProcess} {
			if shape == plugins.ShapeStdio && lifetime == runtime.LifetimeCall {
				continue
			}
			t.Run(string(shape)+"/"+string(lifetime), func(t *testing.T) { hammer(t, shape, lifetime) })
		}
	}
}

func hammer(t *testing.T, shape plugins.Shape, lifetime runtime.Lifetime) {
	f := &fake{shape: shape}
	f.start = func(_ context.Context, n int64) error {
		if n%7 == 0 {
			return &runtime.GuestError{Kind: runtime.KindExit, Detail: "exited"}
		}
		return nil
	}
	f.handle = func(_ context.Context, i *fakeInstance, _ runtime.Call) (plugins.Answer, error) {
		if n := i.busy.Load(); shape == plugins.ShapeReactor && n != 1 {
			t.Errorf("%d messages at once in a guest that does one thing at a time", n)
		}
		if rand.IntN(20) == 0 {
			i.stop()
			return plugins.Answer{}, &runtime.GuestError{Kind: runtime.KindTrap, Detail: "trap"}
		}
		return i.answer(), nil
	}
	const sessions = 3
	s := open(t, f, runtime.Options{Lifetime: lifetime, Limits: runtime.Limits{Concurrency: 4, Queue: 8, Sessions: sessions}})
	var all sync.WaitGroup
	for w := range 16 {
		all.Go(func() {
			for n := range 200 {
				ctx, cancel := context.WithCancel(t.Context())
				if n%10 == 0 {
					cancel()
				}
				key := fmt.Sprint((w + n) % 6)
				_, err := s.Handle(ctx, call(key))
				cancel()
				if err != nil && !errors.Is(err, &runtime.GuestError{}) && !errors.Is(err, context.Canceled) && !errors.Is(err, runtime.ErrClosed) {
					t.Errorf("error %v", err)
				}
				if n%50 == 0 {
					s.CloseSession(key)
				}
				if w == 0 && n == 150 {
					all.Go(func() { shut(t, s, f) })
				}
			}
		})
	}
	all.Wait()
}

func TestFormatBytes(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0", 1000: "1000", 1024: "1KiB", 1536: "1536", 8 << 20: "8MiB", 8<<20 + 1024: "8193KiB", 3 << 30: "3GiB", 1 << 50: "1048576GiB",
	} {
		if got := runtime.FormatBytes(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
