package wasm_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	goruntime "runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
)

// Errnos of WASI preview 1 as guests see them.
const (
	errnoBadFile = 8
	errnoIO      = 29
	errnoTooMany = 33
	errnoPipe    = 64
)

// effects is [runtime.Effects] as a function.
type effects func(ctx context.Context, request string, body io.Reader, reply io.Writer) error

func (f effects) Perform(ctx context.Context, request []byte, body io.Reader, reply io.Writer) error {
	return f(ctx, string(request), body, reply)
}

// reply is what a guest saw of an effect.
type reply struct {
	FD, Size, Read, Write int
	Sum                   uint32
	Head                  string
}

type args struct {
	Request string
	Size, N int
}

// asking is a call of a tool of the guests of effects; f may be nil, for no
// authority at all.
func asking(name string, a args, f effects) runtime.Call {
	c := tool(name)
	b, err := json.Marshal(a)
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	c.Message.Params = append(append(bytes.TrimSuffix(c.Message.Params, []byte("}")), `,"arguments":`...), append(b, '}')...)
	if f != nil {
		c.Authority = &runtime.Authority{Effects: f}
	}
	return c
}

func replies[T any](t *testing.T, s *runtime.Server, c runtime.Call) T {
	t.Helper()
	return ask[struct{ Replies T }](t, s, c).Replies
}

// leavesNothing checks at the end of a test, after the servers were closed, that
// no goroutine is left. The wait is bounded: those that only have to return are
// given the time.
func leavesNothing(t *testing.T) {
	before := goruntime.NumGoroutine()
	t.Cleanup(func() {
		for end := time.Now().Add(10 * time.Second); goruntime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				b := make([]byte, 1<<20)
				t.Fatalf("%d goroutines, %d before:\n%s", goruntime.NumGoroutine(), before, b[:goruntime.Stack(b, true)])
			}
		}
	})
}

const head = `{"result":{}}` + "\n"

// eachShape runs a test with both shapes of guest.
func eachShape(t *testing.T, run func(t *testing.T, s *runtime.Server)) {
	for _, name := range []string{"effectreactor", "effectstdio"} {
		t.Run(name, func(t *testing.T) {
			module := guest(t, name)
			leavesNothing(t)
			run(t, open(t, module, runtime.Options{Limits: runtime.Limits{Deadline: time.Minute}}))
		})
	}
}

func TestEffectReplies(t *testing.T) {
	large := bytes.Repeat([]byte("0123456789abcdef"), 5<<16)
	tests := []struct {
		name    string
		perform effects
		head    string
		rest    []byte
		read    int
	}{
		{"in pieces", func(_ context.Context, _ string, _ io.Reader, w io.Writer) error {
			for _, b := range []byte(head + "abc") {
				if _, err := w.Write([]byte{b}); err != nil {
					return err
				}
				goruntime.Gosched()
			}
			return nil
		}, `{"result":{}}`, []byte("abc"), 0},
		{"nothing behind the head", func(_ context.Context, _ string, _ io.Reader, w io.Writer) error {
			_, err := io.WriteString(w, head)
			return err
		}, `{"result":{}}`, nil, 0},
		{"5 MiB", func(_ context.Context, _ string, _ io.Reader, w io.Writer) error {
			_, err := w.Write(append([]byte(head), large...))
			return err
		}, `{"result":{}}`, large, 0},
		{"breaks off", func(_ context.Context, _ string, _ io.Reader, w io.Writer) error {
			_, err := io.WriteString(w, head+"half")
			return errors.Join(err, errors.New("the cable was cut"))
		}, `{"result":{}}`, []byte("half"), errnoIO},
		{"never begins", func(context.Context, string, io.Reader, io.Writer) error { return errors.New("no") }, "", nil, errnoIO},
		{"panics", func(_ context.Context, _ string, _ io.Reader, w io.Writer) error {
			_, _ = io.WriteString(w, head)
			panic("a mistake of the host")
		}, `{"result":{}}`, nil, errnoIO},
		{"the request is the guest's", func(_ context.Context, r string, _ io.Reader, w io.Writer) error {
			if r != `{"method":"x"}` {
				return errors.New("another request: " + r)
			}
			_, err := io.WriteString(w, head)
			return err
		}, `{"result":{}}`, nil, 0},
	}
	eachShape(t, func(t *testing.T, s *runtime.Server) {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				got := replies[reply](t, s, asking("ask", args{Request: `{"method":"x"}`}, tt.perform))
				if got.Head != tt.head || got.Size != len(tt.rest) || got.Sum != crc32.ChecksumIEEE(tt.rest) || got.Read != tt.read {
					t.Errorf("got %+v, want %d bytes behind %q, errno %d", got, len(tt.rest), tt.head, tt.read)
				}
			})
		}
		mustWork(t, s)
	})
}

// TestEffectBodies: a body has an end only where the guest gives it one.
func TestEffectBodies(t *testing.T) {
	const size = 5 << 20
	eachShape(t, func(t *testing.T, s *runtime.Server) {
		t.Run("5 MiB both ways at once", func(t *testing.T) {
			got := replies[reply](t, s, asking("send", args{Size: size}, func(_ context.Context, _ string, body io.Reader, w io.Writer) error {
				_, err := io.Copy(w, io.MultiReader(strings.NewReader(head), body))
				return err
			}))
			if want := crc32.ChecksumIEEE(bytes.Repeat([]byte("b"), size)); got.Size != size || got.Sum != want || got.Read != 0 || got.Write != 0 {
				t.Errorf("got %+v", got)
			}
		})
		t.Run("read to its end first", func(t *testing.T) {
			got := replies[reply](t, s, asking("send", args{Size: 100_000}, func(_ context.Context, _ string, body io.Reader, w io.Writer) error {
				b, err := io.ReadAll(body)
				_, _ = fmt.Fprintf(w, "{\"result\":{\"n\":%d}}\n", len(b))
				return err
			}))
			if got.Head != `{"result":{"n":100000}}` || got.Read != 0 {
				t.Errorf("got %+v", got)
			}
		})
		t.Run("nobody reads it", func(t *testing.T) {
			got := replies[reply](t, s, asking("send", args{Size: size}, func(_ context.Context, _ string, _ io.Reader, w io.Writer) error {
				_, err := io.WriteString(w, head)
				return err
			}))
			if got.Head != `{"result":{}}` || got.Read != 0 || got.Write != errnoPipe {
				t.Errorf("got %+v, want the reply and a broken pipe", got)
			}
		})
		t.Run("the guest closes before its end", func(t *testing.T) {
			ended := make(chan error, 1)
			replies[reply](t, s, asking("abandon", args{Size: 1000}, func(_ context.Context, _ string, body io.Reader, _ io.Writer) error {
				_, err := io.Copy(io.Discard, body)
				ended <- err
				return err
			}))
			if err := <-ended; err == nil {
				t.Error("half a body is taken for a whole one")
			}
		})
	})
}

// TestEffectsSideBySide: no effect is answered before all are there.
func TestEffectsSideBySide(t *testing.T) {
	const n = 20
	eachShape(t, func(t *testing.T, s *runtime.Server) {
		var here atomic.Int64
		all := make(chan struct{})
		got := replies[[]reply](t, s, asking("side", args{N: n}, func(ctx context.Context, _ string, _ io.Reader, w io.Writer) error {
			if here.Add(1) == n {
				close(all)
			}
			select {
			case <-all:
			case <-ctx.Done():
				return ctx.Err()
			}
			_, err := io.WriteString(w, head)
			return err
		}))
		if len(got) != n {
			t.Fatalf("%d replies", len(got))
		}
		for _, r := range got {
			if r.Head != `{"result":{}}` || r.Read != 0 {
				t.Errorf("got %+v", r)
			}
		}
	})
}

// blocks performs effects that end with their context only, and counts them.
type blocks struct {
	begun       chan struct{} // gets an element for each, as far as it has room
	now, most   atomic.Int64
	total, over atomic.Int64
}

func newBlocks() *blocks { return &blocks{begun: make(chan struct{}, 1000)} }

func (b *blocks) perform(ctx context.Context, _ string, _ io.Reader, _ io.Writer) error {
	b.total.Add(1)
	for n, most := b.now.Add(1), b.most.Load(); n > most && !b.most.CompareAndSwap(most, n); {
		most = b.most.Load()
	}
	b.begun <- struct{}{}
	<-ctx.Done()
	time.Sleep(5 * time.Millisecond) // a host that is not done at once is waited for
	b.now.Add(-1)
	b.over.Add(1)
	return ctx.Err()
}

func (b *blocks) check(t *testing.T, total int64) {
	t.Helper()
	if b.total.Load() != total || b.over.Load() != total {
		t.Errorf("%d effects began and %d are over, want %d", b.total.Load(), b.over.Load(), total)
	}
}

func TestEffectLimit(t *testing.T) {
	eachShape(t, func(t *testing.T, s *runtime.Server) {
		got := replies[[]int](t, s, asking("limit", args{}, newBlocks().perform))
		if len(got) != 3 || got[0] != 64 || got[1] != -errnoTooMany || got[2] < 0 {
			t.Errorf("got %v, want 64 that open, errno %d, and one after another was closed", got, errnoTooMany)
		}
	})
}

// TestEffectChurn: closing effects does not let a guest have more of them done at
// once than it may have open.
func TestEffectChurn(t *testing.T) {
	eachShape(t, func(t *testing.T, s *runtime.Server) {
		b := newBlocks()
		ask[map[string]any](t, s, asking("churn", args{N: 500}, b.perform))
		if n := b.most.Load(); n > 64 {
			t.Errorf("%d effects were performed at once", n)
		}
	})
}

// TestEffectsEndWithTheMessage: when a reactor's message is answered, nothing is
// done in its name any more.
func TestEffectsEndWithTheMessage(t *testing.T) {
	leavesNothing(t)
	for _, lifetime := range []runtime.Lifetime{runtime.LifetimeCall, runtime.LifetimeSession, runtime.LifetimeProcess} {
		t.Run(string(lifetime), func(t *testing.T) {
			s := open(t, guest(t, "effectreactor"), runtime.Options{Lifetime: lifetime})
			for range 2 {
				b := newBlocks()
				ask[map[string]any](t, s, asking("leave", args{N: 5}, b.perform))
				b.check(t, 5)
			}
		})
	}
}

// TestAuthorityIsForOneMessage: what a reactor holds for one message it holds for
// no other, and nothing before the first.
func TestAuthorityIsForOneMessage(t *testing.T) {
	leavesNothing(t)
	const denied = `{"error":{"kind":"denied","message":"the guest holds no capabilities now"}}`
	grant := func(_ context.Context, _ string, _ io.Reader, w io.Writer) error {
		_, err := io.WriteString(w, head)
		return err
	}
	list := runtime.Call{Message: plugins.Message{Method: plugins.MethodListTools, Params: asking("ask", args{}, nil).Message.Params}}
	for _, lifetime := range []runtime.Lifetime{runtime.LifetimeCall, runtime.LifetimeSession, runtime.LifetimeProcess} {
		t.Run(string(lifetime), func(t *testing.T) {
			s := open(t, guest(t, "effectreactor"), runtime.Options{Lifetime: lifetime, Start: runtime.Authority{Effects: effects(grant)}})
			for range 2 {
				for name, c := range map[string]runtime.Call{"a list": list, "a call without": asking("ask", args{}, nil), "the initialisation": asking("started", args{}, grant)} {
					if got := replies[reply](t, s, c); got.Head != denied || got.Read != 0 {
						t.Errorf("%s: %+v, want a denial", name, got)
					}
				}
				if got := replies[reply](t, s, asking("ask", args{}, grant)); got.Head != `{"result":{}}` {
					t.Errorf("with authority: %+v", got)
				}
				if err := ask[map[string]any](t, s, asking("keep", args{}, grant)); err == nil {
					t.Error("no result")
				}
				if got := replies[reply](t, s, asking("kept", args{}, grant)); lifetime != runtime.LifetimeCall && got.Read != errnoBadFile {
					t.Errorf("a descriptor of the message before: %+v", got)
				}
			}
		})
	}
}

// TestEffectsOfOthers: messages of different instances at once use what each of
// them holds.
func TestEffectsOfOthers(t *testing.T) {
	leavesNothing(t)
	for name, o := range map[string]runtime.Options{
		"effectreactor": {Lifetime: runtime.LifetimeProcess, Limits: runtime.Limits{Concurrency: 8}},
		"effectstdio":   {Lifetime: runtime.LifetimeProcess, Limits: runtime.Limits{Concurrency: 8}, Exclusive: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, guest(t, name), o)
			var all sync.WaitGroup
			for i := range 40 {
				all.Go(func() {
					request := fmt.Sprint(i)
					c := asking("send", args{Request: request}, func(_ context.Context, r string, _ io.Reader, w io.Writer) error {
						goruntime.Gosched()
						_, err := fmt.Fprintf(w, "%s by %s\n", r, request)
						return err
					})
					a, err := s.Handle(t.Context(), c)
					if want := `"head":"` + request + " by " + request + `"`; err != nil || !strings.Contains(string(a.Result), want) {
						t.Errorf("%s, %v: want %s", a.Result, err, want)
					}
				})
			}
			all.Wait()
		})
	}
}

// TestEffectDeadline: a guest that waits for an effect that never ends, and for
// nothing else, is ended like any other, and the effect with it. A stdio guest
// that still reads its input lives on, and so does the effect until the guest's
// end.
func TestEffectDeadline(t *testing.T) {
	for _, name := range []string{"effectreactor", "effectstdio"} {
		for _, act := range []string{"ask", "send"} {
			t.Run(name+"/"+act, func(t *testing.T) {
				module := guest(t, name)
				leavesNothing(t)
				_, hasty := openPair(t, module, runtime.LifetimeProcess, runtime.Limits{CancelGrace: 100 * time.Millisecond})
				b := newBlocks()
				_, err := hasty.Handle(t.Context(), asking(act, args{Size: 1 << 20}, b.perform))
				checkFailure(t, err, failing{act, runtime.KindDeadline, "deadline=2s", ""})
				mustWork(t, hasty)
				if name+act == "effectstdiosend" {
					if b.over.Load() != 0 {
						t.Error("the effect ended before its guest")
					}
					if err := hasty.Close(t.Context()); err != nil {
						t.Error(err)
					}
				}
				b.waitOver(t, 1)
			})
		}
	}
}

// waitOver waits, for a bounded time, until effects are over.
func (b *blocks) waitOver(t *testing.T, n int64) {
	t.Helper()
	for end := time.Now().Add(time.Minute); b.over.Load() < n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("an effect goes on after its guest was ended")
		}
	}
}

// TestEffectGivenUp: so is one whose caller goes away, and one whose server is
// closed.
func TestEffectGivenUp(t *testing.T) {
	gone := errors.New("the client went away")
	ends := map[string]struct {
		end  func(s *runtime.Server, cancel context.CancelCauseFunc) error
		want error
	}{
		"cancelled": {func(_ *runtime.Server, cancel context.CancelCauseFunc) error { cancel(gone); return nil }, gone},
		"closed": {func(s *runtime.Server, _ context.CancelCauseFunc) error {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			return s.Close(ctx)
		}, runtime.ErrClosed},
	}
	for _, name := range []string{"effectreactor", "effectstdio"} {
		for end, tt := range ends {
			t.Run(name+"/"+end, func(t *testing.T) {
				module := guest(t, name)
				leavesNothing(t)
				s := open(t, module, runtime.Options{Limits: runtime.Limits{CancelGrace: 50 * time.Millisecond}})
				mustWork(t, s)
				b := newBlocks()
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				done := make(chan error, 1)
				go func() {
					_, err := s.Handle(ctx, asking("ask", args{}, b.perform))
					done <- err
				}()
				<-b.begun
				if err := tt.end(s, cancel); err != nil {
					t.Error(err)
				}
				if err := <-done; !errors.Is(err, tt.want) {
					t.Errorf("error %v, want %v", err, tt.want)
				}
				b.waitOver(t, 1)
			})
		}
	}
}

// TestStdioKeepsItsAuthority: a stdio guest goes on between messages, so it holds
// what it was given last, and what it has open stays open.
func TestStdioKeepsItsAuthority(t *testing.T) {
	leavesNothing(t)
	by := func(who string) effects {
		return func(_ context.Context, _ string, _ io.Reader, w io.Writer) error {
			_, err := io.WriteString(w, who+"\n")
			return err
		}
	}
	s := open(t, guest(t, "effectstdio"), runtime.Options{Start: runtime.Authority{Effects: by("start")}})
	steps := []struct {
		tool string
		by   effects
		want string
	}{
		{"started", nil, "start"},
		{"ask", nil, "start"},
		{"ask", by("one"), "one"},
		{"ask", nil, "one"},
		{"ask", by("two"), "two"},
		{"keep", by("three"), ""},
		{"kept", by("four"), "three"},
	}
	for _, step := range steps {
		a, err := s.Handle(t.Context(), asking(step.tool, args{}, step.by))
		if err != nil {
			t.Fatal(err)
		}
		if want := `"head":"` + step.want + `"`; step.want != "" && !strings.Contains(string(a.Result), want) {
			t.Errorf("%s: %s, want %s", step.tool, a.Result, want)
		}
	}
}

// TestEffectRequests: what is too long for the host is refused, and what is not
// in the guest's memory ends it.
func TestEffectRequests(t *testing.T) {
	eachShape(t, func(t *testing.T, s *runtime.Server) {
		grant := func(_ context.Context, r string, _ io.Reader, w io.Writer) error {
			_, err := fmt.Fprintf(w, "%d\n", len(r))
			return err
		}
		for size, want := range map[int]string{0: "0", 128 << 10: "131072", 128<<10 + 1: `{"error":{"kind":"limit","message":"the request has more than 131072 bytes"}}`} {
			if got := replies[reply](t, s, asking("ask", args{Request: strings.Repeat("x", size)}, grant)); got.Head != want {
				t.Errorf("a request of %d bytes: %+v", size, got)
			}
		}
	})
}
