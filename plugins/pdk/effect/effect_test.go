package effect_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	goruntime "runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mcpwasm/mcpwasm/plugins/pdk/effect"
)

// fakeConn is an effect made of two pipes; the test holds the host's ends.
type fakeConn struct {
	*io.PipeReader // of the reply
	body           *io.PipeWriter
	closed         atomic.Bool
}

func (c *fakeConn) Write(p []byte) (int, error) { return c.body.Write(p) }
func (c *fakeConn) CloseWrite() error           { return c.body.Close() }
func (c *fakeConn) Close() error {
	c.closed.Store(true)
	_ = c.body.CloseWithError(io.ErrUnexpectedEOF)
	return c.PipeReader.CloseWithError(io.ErrClosedPipe)
}

// withHost returns a context whose effects are performed by host, in a goroutine
// each. What host returns ends the reply.
func withHost(ctx context.Context, host func(request string, body io.Reader, reply io.Writer) error) context.Context {
	return effect.WithOpener(ctx, func(_ context.Context, request []byte) (effect.Conn, error) {
		body, bodyIn := io.Pipe()
		replyOut, reply := io.Pipe()
		go func() {
			err := host(string(request), body, reply)
			_ = body.Close()
			_ = reply.CloseWithError(err)
		}()
		return &fakeConn{PipeReader: replyOut, body: bodyIn}, nil
	})
}

// saying is a host that reads nothing and replies the same to everything.
func saying(text string, end error) func(string, io.Reader, io.Writer) error {
	return func(_ string, _ io.Reader, w io.Writer) error {
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
		return end
	}
}

func TestDo(t *testing.T) {
	t.Parallel()
	var asked string
	ctx := withHost(t.Context(), func(request string, body io.Reader, w io.Writer) error {
		asked = request
		b, err := io.ReadAll(body)
		if err != nil {
			return err
		}
		_, err = io.WriteString(w, `{"result":{"n":1}}`+"\n<"+string(b)+">")
		return err
	})
	result, reply, err := effect.Do(ctx, "x/y", map[string]string{"a": "<b>"}, strings.NewReader("body\n"))
	if err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(reply)
	if want := `{"method":"x/y","params":{"a":"<b>"},"body":true}`; asked != want {
		t.Errorf("the host was asked %s, want %s", asked, want)
	}
	if err != nil || string(result) != `{"n":1}` || string(rest) != "<body\n>" {
		t.Errorf("got %s, %q, %v", result, rest, err)
	}
	if n, err := reply.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("read behind the end: %d, %v", n, err)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	tests := []struct {
		name, reply string
		end         error
		kind        error
		text        string
	}{
		{"denied", `{"error":{"kind":"denied","message":"no","grant":"--kv"}}` + "\n", nil, effect.ErrDenied, "no (missing grant: --kv)"},
		{"grant is in the text", `{"error":{"kind":"denied","message":"grant --kv","grant":"--kv"}}` + "\n", nil, effect.ErrDenied, "grant --kv"},
		{"no message", `{"error":{"kind":"conflict","message":""}}` + "\n", nil, effect.ErrConflict, "conflict"},
		{"of a kind to come", `{"error":{"kind":"new","message":"x"}}` + "\n", nil, effect.Kind("new"), "x"},
		{"both", `{"error":{"kind":"denied","message":"no"},"result":{}}` + "\n", nil, effect.ErrFailed, "the host's reply makes no sense: want either result or error"},
		{"neither", "{}\n", nil, effect.ErrFailed, "the host's reply makes no sense: want either result or error"},
		{"no object", `{"result":[]}` + "\n", nil, effect.ErrFailed, "the host's reply makes no sense: the result is no object"},
		{"nothing", "", nil, io.ErrUnexpectedEOF, "the host's reply broke off: unexpected EOF"},
		{"half a line", `{"result":{}}`, nil, io.ErrUnexpectedEOF, "the host's reply broke off: unexpected EOF"},
		{"broken off", `{"result":`, broken, broken, "the host's reply broke off: broken"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := effect.Do(withHost(t.Context(), saying(tt.reply, tt.end)), "x", nil, nil)
			if !errors.Is(err, tt.kind) || err.Error() != tt.text {
				t.Errorf("got %v, want %s of kind %v", err, tt.text, tt.kind)
			}
		})
	}
}

func TestReplyBreaksOff(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	_, reply, err := effect.Do(withHost(t.Context(), saying(`{"result":{}}`+"\nhalf", broken)), "x", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(reply)
	if string(b) != "half" || !errors.Is(err, broken) {
		t.Errorf("got %q, %v, want half and the error", b, err)
	}
}

// closer is a body that fails with err, if it is not nil, and says whether it was
// closed.
type closer struct {
	io.Reader
	err    error
	closed atomic.Bool
}

func (c *closer) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if errors.Is(err, io.EOF) && c.err != nil {
		err = c.err
	}
	return n, err
}

func (c *closer) Close() error {
	c.closed.Store(true)
	return nil
}

func TestBody(t *testing.T) {
	t.Parallel()
	torn := errors.New("torn")
	tests := []struct {
		name   string
		params any
		body   *closer
		want   error
	}{
		{"cannot be read", nil, &closer{Reader: strings.NewReader("half"), err: torn}, torn},
		{"is not taken", nil, &closer{Reader: strings.NewReader(strings.Repeat("x", 1<<20))}, effect.ErrDenied},
		{"is not sent", make(chan int), &closer{Reader: strings.NewReader("x")}, effect.ErrInvalid},
		{"behind a request that is too large", strings.Repeat("x", effect.MaxRequestBytes), &closer{Reader: strings.NewReader("x")}, effect.ErrLimit},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx := withHost(t.Context(), func(_ string, body io.Reader, w io.Writer) error {
				if tt.want == torn {
					_, err := io.ReadAll(body)
					return err
				}
				return saying(`{"error":{"kind":"denied","message":"no"}}`+"\n", nil)("", nil, w)
			})
			_, _, err := effect.Do(ctx, "x", tt.params, tt.body)
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if !tt.body.closed.Load() {
				t.Error("the body was not closed")
			}
		})
	}
}

func TestEndOfContext(t *testing.T) {
	t.Parallel()
	gone := errors.New("gone")
	t.Run("before the reply", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		_, _, err := effect.Do(withHost(ctx, func(_ string, body io.Reader, _ io.Writer) error {
			cancel(gone)
			_, err := io.ReadAll(body)
			return err
		}), "x", nil, &endless{})
		if !errors.Is(err, gone) {
			t.Errorf("got %v, want the context's cause", err)
		}
	})
	t.Run("in the reply", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		hold := make(chan struct{})
		defer close(hold)
		_, reply, err := effect.Do(withHost(ctx, func(_ string, _ io.Reader, w io.Writer) error {
			_, err := io.WriteString(w, `{"result":{}}`+"\n")
			<-hold
			return err
		}), "x", nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		cancel(gone)
		if _, err := io.ReadAll(reply); !errors.Is(err, gone) {
			t.Errorf("got %v, want the context's cause", err)
		}
	})
	t.Run("beforehand", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(gone)
		if _, _, err := effect.Do(withHost(ctx, saying("", nil)), "x", nil, nil); !errors.Is(err, gone) {
			t.Errorf("got %v, want the context's cause", err)
		}
	})
}

// endless is a body without an end.
type endless struct{}

func (*endless) Read(p []byte) (int, error) { return len(p), nil }

func TestClosedReply(t *testing.T) {
	t.Parallel()
	_, reply, err := effect.Do(withHost(t.Context(), saying(`{"result":{}}`+"\nx", nil)), "x", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := reply.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	if _, err := reply.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Errorf("read after the close: %v, want an error", err)
	}
}

func TestNoHost(t *testing.T) {
	t.Parallel()
	if _, _, err := effect.Do(t.Context(), "x", nil, nil); !errors.Is(err, effect.ErrFailed) {
		t.Errorf("got %v, want that there is no host", err)
	}
}

// The slots belong to the program, so the tests that use them up are not
// parallel.

// holding is a host that answers once hold is closed; opened counts what was
// opened.
func holding(ctx context.Context, hold chan struct{}, opened *atomic.Int32) context.Context {
	return effect.WithOpener(ctx, func(context.Context, []byte) (effect.Conn, error) {
		opened.Add(1)
		body, bodyIn := io.Pipe()
		replyOut, reply := io.Pipe()
		go func() {
			<-hold
			_ = body.Close()
			_ = reply.CloseWithError(saying(`{"result":{}}`+"\n", nil)("", nil, reply))
		}()
		return &fakeConn{PipeReader: replyOut, body: bodyIn}, nil
	})
}

// waiting is a context that is cancelled as soon as somebody waits for it, and
// not before.
type waiting struct {
	context.Context
	cancel context.CancelFunc
}

func (w waiting) Done() <-chan struct{} {
	w.cancel()
	return w.Context.Done()
}

func TestAtMost64(t *testing.T) {
	hold := make(chan struct{})
	var opened atomic.Int32
	ctx := holding(t.Context(), hold, &opened)
	var group sync.WaitGroup
	do := func() {
		_, reply, err := effect.Do(ctx, "x", nil, nil)
		if err != nil {
			t.Error(err)
			return
		}
		_ = reply.Close()
	}
	for range 64 {
		group.Go(do)
	}
	for opened.Load() < 64 {
		goruntime.Gosched()
	}
	cancelled, cancel := context.WithCancel(ctx)
	if _, _, err := effect.Do(waiting{cancelled, cancel}, "x", nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting for a slot ended with %v", err)
	}
	if n := opened.Load(); n != 64 {
		t.Errorf("%d effects were opened at once, want 64", n)
	}
	group.Go(do)
	close(hold)
	group.Wait()
	if n := opened.Load(); n != 65 {
		t.Errorf("%d effects were opened in all, want 65", n)
	}
}

func TestCloseAll(t *testing.T) {
	ctx := withHost(t.Context(), func(_ string, body io.Reader, w io.Writer) error {
		if _, err := io.WriteString(w, `{"result":{}}`+"\n"); err != nil {
			return err
		}
		_, err := io.ReadAll(body) // which ends when the effect is closed
		return err
	})
	for range 3 * 64 { // which only works where the slots come back
		_, reply, err := effect.Do(ctx, "x", nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		effect.CloseAll()
		if _, err := reply.Read(make([]byte, 1)); err == nil || err == io.EOF {
			t.Fatalf("read: %v, want an error", err)
		}
	}
}

// FuzzReply checks that any first line gives either a result that is an object or
// an error.
func FuzzReply(f *testing.F) {
	for _, seed := range []string{`{"result":{}}`, `{"error":{"kind":"denied","message":"m","grant":"g"}}`, `{"result":null}`, `{"error":null}`, `{"error":{}}`, `[]`, `{`, ``} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		result, reply, err := effect.Do(withHost(t.Context(), saying(line+"\n", nil)), "x", nil, nil)
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without a text")
			}
			return
		}
		defer reply.Close()
		var object map[string]json.RawMessage
		if err := json.Unmarshal(result, &object); err != nil || object == nil {
			t.Errorf("result %s of %q: want an object (%v)", result, line, err)
		}
	})
}
