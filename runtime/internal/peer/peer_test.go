package peer

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
)

const modernHello = `{"jsonrpc":"2.0","id":1,"result":{"supportedVersions":["2026-07-28"],"capabilities":{}}}`

// connectTo connects to a server that is a function of its input and output,
// and answers the handshake for it.
func connectTo(t testing.TB, cfg Config, serve func(in *bufio.Reader, out *io.PipeWriter)) *Peer {
	t.Helper()
	r, out := io.Pipe()
	in, w := io.Pipe()
	go func() {
		br := bufio.NewReader(in)
		if _, err := br.ReadString('\n'); err != nil {
			return
		}
		fmt.Fprintln(out, modernHello)
		serve(br, out)
	}()
	cfg.Server = "test"
	p, err := Connect(t.Context(), cfg, r, w)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Close()
		_ = out.Close()
	})
	return p
}

func toolCall(name string) runtime.Call {
	return runtime.Call{Message: plugins.Message{Method: plugins.MethodCallTool, Params: wire.Object{}.SetString("name", name).Set("_meta", json.RawMessage("{}")).JSON()}}
}

// echo answers each call with the tool's name, except "drop".
func echo(t testing.TB) func(*bufio.Reader, *io.PipeWriter) {
	return func(in *bufio.Reader, out *io.PipeWriter) {
		for {
			line, err := in.ReadBytes('\n')
			if err != nil {
				return
			}
			m, err := wire.ParseMessage(line)
			if err != nil {
				t.Errorf("the server reads %s", line)
			}
			if name, _, _ := m.Params.GetString("name"); m.Kind == wire.Request && name != "drop" {
				fmt.Fprintf(out, `{"jsonrpc":"2.0","id":%s,"result":{"name":%q}}`+"\n", m.ID, name)
			}
		}
	}
}

// BenchmarkHandle is what the peer adds to a call, with a server in the same
// process that only echoes.
func BenchmarkHandle(b *testing.B) {
	p := connectTo(b, Config{}, echo(b))
	c := toolCall("t")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Handle(b.Context(), c); err != nil {
			b.Fatal(err)
		}
	}
}

// TestHammer has many callers at once, some of which give up: every answer
// reaches the one who asked.
func TestHammer(t *testing.T) {
	p := connectTo(t, Config{Limits: runtime.Limits{CancelGrace: time.Millisecond}}, echo(t))
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			for j := range 50 {
				name := fmt.Sprintf("t%d.%d", i, j)
				a, err := p.Handle(t.Context(), toolCall(name))
				if err != nil || !strings.Contains(string(a.Result), `"`+name+`"`) {
					t.Errorf("%s: %s, %v", name, a.Result, err)
				}
				if j%10 == 0 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
					if _, err := p.Handle(ctx, toolCall("drop")); !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("drop: %v", err)
					}
					cancel()
				}
			}
		})
	}
	wg.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.calls) != 0 || p.running != 0 || len(p.parked) != 0 {
		t.Errorf("left over: %d calls, %d running, %d parked", len(p.calls), p.running, len(p.parked))
	}
}

// TestNeverReads has a server that asks without reading the answers.
func TestNeverReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connectTo(t, Config{}, func(_ *bufio.Reader, out *io.PipeWriter) {
			for i := range 2 * maxUrgent {
				if _, err := fmt.Fprintf(out, `{"jsonrpc":"2.0","id":%d,"method":"ping"}`+"\n", i); err != nil {
					return
				}
			}
		})
		<-p.Done()
		if err := p.Err(); !errors.Is(err, &runtime.GuestError{Kind: runtime.KindLimit}) || !strings.Contains(err.Error(), "does not read") {
			t.Errorf("ended by %v", err)
		}
	})
}

// TestInputClosed has a server that closes its input after it has answered: the
// answer counts, and the next message is told what happened.
func TestInputClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, out := io.Pipe()
		in, w := io.Pipe()
		go func() {
			br := bufio.NewReader(in)
			_, _ = br.ReadString('\n')
			fmt.Fprintln(out, modernHello)
			_, _ = br.ReadString('\n')
			_ = in.Close()
			fmt.Fprintln(out, `{"jsonrpc":"2.0","id":2,"result":{}}`)
		}()
		p, err := Connect(t.Context(), Config{Server: "test"}, r, w)
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		if _, err := p.Handle(t.Context(), toolCall("t")); err != nil {
			t.Error(err)
		}
		_, err = p.Handle(t.Context(), toolCall("t"))
		if !errors.Is(err, &runtime.GuestError{Kind: runtime.KindExit}) || !strings.Contains(err.Error(), "closed its standard input") {
			t.Errorf("second message: %v", err)
		}
		<-p.Done()
	})
}

// TestManyParked has more calls wait for an input than may.
func TestManyParked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, out := io.Pipe()
		in, w := io.Pipe()
		go func() {
			for s := bufio.NewScanner(in); s.Scan(); {
				m, err := wire.ParseMessage(s.Bytes())
				switch {
				case err != nil:
					t.Errorf("the server reads %s", s.Text())
				case m.Method == "initialize":
					fmt.Fprintln(out, `{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","capabilities":{}}}`)
				case m.Method == plugins.MethodCallTool:
					fmt.Fprintf(out, `{"jsonrpc":"2.0","id":%s,"method":"elicitation/create","params":{}}`+"\n", m.ID)
				}
			}
		}()
		p, err := Connect(t.Context(), Config{Server: "test", Legacy: true}, r, w)
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		defer p.Close()
		c := toolCall("t")
		c.Message.Params = json.RawMessage(`{"name":"t","_meta":{"io.modelcontextprotocol/clientCapabilities":{"elicitation":{}}}}`)
		for i := range maxParked + 1 {
			a, err := p.Handle(t.Context(), c)
			if err != nil || (a.Error != nil) != (i == maxParked) {
				t.Fatalf("call %d: %s %v, %v", i, a.Result, a.Error, err)
			}
		}
		time.Sleep(p.limits.Park) // they expire together, and leave nothing
		synctest.Wait()
		p.mu.Lock()
		defer p.mu.Unlock()
		if len(p.calls) != 0 || len(p.parked) != 0 {
			t.Errorf("left over: %d calls, %d parked", len(p.calls), len(p.parked))
		}
	})
}

// TestProbeError tells the caller what to do about a server that the probe
// kills.
func TestProbeError(t *testing.T) {
	r, out := io.Pipe()
	in, w := io.Pipe()
	go func() {
		_, _ = bufio.NewReader(in).ReadString('\n')
		_ = out.Close()
	}()
	_, err := Connect(t.Context(), Config{Server: "test"}, r, w)
	var probe *ProbeError
	if !errors.As(err, &probe) || !errors.Is(err, &runtime.GuestError{Kind: runtime.KindExit}) {
		t.Errorf("have %v", err)
	}
}
