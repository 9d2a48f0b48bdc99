package host_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpwasm/mcpwasm/host"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
)

// tight are limits that a bad guest runs into soon.
var tight = runtime.Limits{
	Deadline:      30 * time.Second,
	StartDeadline: 30 * time.Second,
	MemoryBytes:   64 << 20,
	AnswerBytes:   64 << 10,
	NotifyBytes:   64 << 10,
	StderrBytes:   4 << 10,
}

// TestBadGuests has guests fail in every way that there is. The caller gets one
// clear line, and the next call works.
func TestBadGuests(t *testing.T) {
	tests := []struct {
		guest, tool string
		want        []string // parts of the error; none: the call works
	}{
		{"reactor", "garbage", []string{`server "bad", "garbage"`, "not JSON"}},
		{"reactor", "twice", []string{`server "bad", "twice"`, "answered twice"}},
		{"reactor", "silent", []string{`server "bad", "silent"`, "without an answer"}},
		{"reactor", "noise", nil},
		{"reactor", "loop", []string{`server "bad", "loop"`, "limit deadline=2s"}},
		{"reactor", "exit", []string{`server "bad", "exit"`, "exited with code 7", "goodbye"}},
		{"reactor", "trap", []string{`server "bad", "trap"`, "trapped", "on purpose"}},
		{"reactor", "hog", []string{`server "bad", "hog"`, "limit memory=64MiB"}},
		{"reactor", "huge", []string{`server "bad", "huge"`, "limit answer=64KiB"}},
		{"reactor", "flood", []string{`server "bad", "flood"`, "limit notifications=64KiB"}},
		{"reactor", "stderr", nil},
		{"stdio", "garbage", []string{`server "bad", "garbage"`}},
		{"stdio", "twice", nil},
		{"stdio", "otherid", []string{`server "bad", "otherid"`, "987654321"}},
		{"stdio", "noise", nil},
		{"stdio", "babble", []string{`server "bad", "babble"`}},
		{"stdio", "silent", []string{`server "bad", "silent"`, "limit deadline=2s"}},
		{"stdio", "loop", []string{`server "bad", "loop"`, "limit deadline=2s"}},
		{"stdio", "exit", []string{`server "bad", "exit"`, "exited with code 7", "goodbye"}},
		{"stdio", "trap", []string{`server "bad", "trap"`, "on purpose"}},
		{"stdio", "hog", []string{`server "bad", "hog"`, "limit memory=64MiB"}},
		{"stdio", "huge", []string{`server "bad", "huge"`, "limit answer=64KiB"}},
		{"stdio", "flood", []string{`server "bad", "flood"`, "limit notifications=64KiB"}},
		{"stdio", "stderr", nil},
	}
	// The guests of a kind share a host: what fails must not hurt the next.
	for _, name := range []string{"reactor", "stdio"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			limits := tight
			h := open(t, host.Config{Servers: []host.Server{{Name: "bad", Source: guest(t, name), Limits: limits}}})
			limits.Deadline = 2 * time.Second
			hurried := open(t, host.Config{Servers: []host.Server{{Name: "bad", Source: guest(t, name), Limits: limits}}})
			for _, tt := range tests {
				if tt.guest != name {
					continue
				}
				t.Run(tt.tool, func(t *testing.T) {
					h, times := h, 2
					if slices.ContainsFunc(tt.want, isDeadline) {
						h, times = hurried, 1
					}
					for range times {
						checkCall(t, h, tt.tool, tt.want)
						checkCall(t, h, "ok", nil)
					}
				})
			}
		})
	}
}

// isDeadline reports whether an error is expected that only time brings about.
func isDeadline(want string) bool { return strings.Contains(want, "eadline=2s") }

// checkCall calls a tool that is to work, or to fail with one line that has all
// parts of want.
func checkCall(t *testing.T, h *host.Host, tool string, want []string) {
	t.Helper()
	result, err := h.CallTool(t.Context(), tool, nil)
	if want == nil {
		if err != nil || !strings.Contains(string(result), `"text":"ok"`) {
			t.Fatalf("%s: %s, %v", tool, result, err)
		}
		return
	}
	checkError(t, err, want)
}

func checkError(t *testing.T, err error, want []string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	t.Log(err)
	if len(err.Error()) > 1000 || strings.Contains(err.Error(), "\n") {
		t.Errorf("not one line of reasonable length: %q", err)
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q lacks %q", err, w)
		}
	}
}

// TestBadStarts has guests fail before they have answered anything. The server
// says why, every time that it is asked.
func TestBadStarts(t *testing.T) {
	tests := []struct {
		guest, mode string
		want        []string // none: it works
	}{
		{"reactor", "start-hang", []string{`server "bad"`, "limit startDeadline=2s"}},
		{"reactor", "start-exit", []string{`server "bad"`, "exited with code 3", "no licence"}},
		{"reactor", "start-trap", []string{`server "bad"`, "trapped", "not today"}},
		{"reactor", "discover-nonsense", []string{`server "bad"`, "capabilities: want an object"}},
		{"reactor", "discover-garbage", []string{`server "bad"`, "not JSON"}},
		{"reactor", "discover-error", []string{`server "bad"`, "not in the mood"}},
		{"reactor", "discover-loop", []string{`server "bad"`, "limit deadline=2s"}},
		{"stdio", "start-hang", []string{`server "bad"`, "limit startDeadline=2s"}},
		{"stdio", "start-exit", []string{`server "bad"`, "exited with code 3", "no licence"}},
		{"stdio", "start-banner", nil},
		{"stdio", "start-stderr", nil},
		{"stdio", "nonsense", []string{`server "bad"`, "is it an MCP server?"}},
		{"stdio", "future", []string{`server "bad"`, "2031-01-01", "2026-07-28"}},
	}
	for _, tt := range tests {
		t.Run(tt.guest+"/"+tt.mode, func(t *testing.T) {
			t.Parallel()
			limits := tight
			if slices.ContainsFunc(tt.want, isDeadline) {
				limits.Deadline, limits.StartDeadline = 2*time.Second, 2*time.Second
			}
			h := open(t, host.Config{Servers: []host.Server{
				{Name: "bad", Source: guest(t, tt.guest), Args: []string{tt.mode}, Limits: limits}}})
			if tt.want == nil {
				checkCall(t, h, "ok", nil)
				return
			}
			for range 2 { // the second finds a guest that has failed
				_, err := h.CallTool(t.Context(), "ok", nil)
				checkError(t, err, tt.want)
			}
			_, err := h.Definitions(t.Context(), "bad")
			checkError(t, err, tt.want)
		})
	}
}

// TestServeStdio runs a server whose Go runtime spins as soon as it has to wait
// for input. When it has to is not for the host to say: a run in which every
// message is there in time works. A run that does not work names the spinning
// and the way out, and there is one before long.
func TestServeStdio(t *testing.T) {
	path := guest(t, "servestdio")
	for end := time.Now().Add(patience); ; {
		out, err := exec.Command(binary(), "tools", "--cache-dir", cacheDir(t), path).CombinedOutput()
		if err != nil {
			for _, want := range []string{`mcpwasm: error: `, `server "servestdio"`, "signal.Notify", "use Listen instead of ServeStdio"} {
				if !strings.Contains(string(out), want) {
					t.Errorf("%v: %s, want %q", err, out, want)
				}
			}
			return
		}
		if want := "mcpwasm: the server has no tools\n"; string(out) != want {
			t.Fatalf("%s, want %q or an error", out, want)
		}
		if time.Now().After(end) {
			t.Fatal("it never spins: is the guest still what it was?")
		}
	}
}

// TestOneBadServer has a broken server beside one that works: in the file, at
// its start, and in its calls.
func TestOneBadServer(t *testing.T) {
	h := open(t, host.Config{Prefix: true, Servers: []host.Server{
		{Name: "good", Source: guest(t, "reactor")},
		{Name: "missing", Source: "no/such/file.wasm"},
		{Name: "text", Wasm: []byte("This is no module.")},
		{Name: "dies", Source: guest(t, "stdio"), Args: []string{"start-exit"}},
	}})
	for i, want := range []string{"", "there is no such file", "not WebAssembly", ""} {
		err := h.Status()[i].Err
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: status %v, want %q", h.Status()[i].Name, err, want)
		}
	}
	checkCall(t, h, "good__ok", nil)
	for tool, want := range map[string][]string{
		"missing__ok": {`server "missing"`, "the host's log says why"},
		"text__ok":    {`server "text"`, "the host's log says why"},
		"dies__ok":    {`server "dies"`, "exited with code 3", "no licence"},
		"nobody__ok":  {"nobody__ok"},
	} {
		_, err := h.CallTool(t.Context(), tool, nil)
		checkError(t, err, want)
		if e, ok := errors.AsType[*plugins.Error](err); !ok {
			t.Errorf("%s: %T is no error of the protocol", tool, err)
		} else if tool != "nobody__ok" && e.Code != plugins.CodeInternalError {
			t.Errorf("%s: code %d", tool, e.Code)
		}
	}
	answer, err := h.Call(t.Context(), plugins.MethodListTools, nil, nil)
	if err != nil || !strings.Contains(string(answer.Result), `"good__ok"`) || strings.Contains(string(answer.Result), `"dies__`) {
		t.Errorf("tools/list: %s, %v", answer.Result, err)
	}
	checkCall(t, h, "good__ok", nil)
}

// TestCancelReachesTheGuest cancels calls and looks for what the guests say of
// it on their standard error.
func TestCancelReachesTheGuest(t *testing.T) {
	for _, name := range []string{"reactor", "legacy"} {
		t.Run(name, func(t *testing.T) {
			logs := &logLines{lines: make(chan string, 100)}
			h := open(t, host.Config{
				Servers: []host.Server{{Name: "g", Source: guest(t, name), Limits: runtime.Limits{CancelGrace: 2 * time.Second}}},
				Logger:  slog.New(slog.NewTextHandler(logs, nil)),
			})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			params := json.RawMessage(`{"name":"wait","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",` +
				`"io.modelcontextprotocol/clientCapabilities":{},"progressToken":"t"}}`)
			_, err := h.Call(ctx, plugins.MethodCallTool, params, func(n plugins.Notification) {
				if n.Method == plugins.NotifyProgress {
					cancel()
				}
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
			logs.wait(t, "the call was cancelled")
		})
	}
}

// TestCacheKeepsWhatAFreshServerSays has a server change its tools while it
// runs: the next one, which has not changed yet, is listed as it is.
func TestCacheKeepsWhatAFreshServerSays(t *testing.T) {
	dir := cacheDir(t)
	config := host.Config{CacheDir: dir, Servers: []host.Server{{Name: "g", Source: guest(t, "legacy")}}}
	tools := func(h *host.Host) string {
		t.Helper()
		answer, err := h.Call(t.Context(), plugins.MethodListTools, nil, nil)
		if err != nil || answer.Error != nil {
			t.Fatal(err, answer.Error)
		}
		return string(answer.Result)
	}
	h := open(t, config)
	if list := tools(h); strings.Contains(list, `"late"`) {
		t.Fatalf("before the change: %s", list)
	}
	if _, err := h.CallTool(t.Context(), "grow", nil); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); !strings.Contains(tools(h), `"late"`); {
		if time.Now().After(deadline) {
			t.Fatal("the change is not seen")
		}
		time.Sleep(time.Millisecond)
	}
	if list := tools(open(t, config)); strings.Contains(list, `"late"`) {
		t.Errorf("a server that was just started: %s", list)
	}
}

// logLines takes what a logger writes.
type logLines struct {
	mu    sync.Mutex
	lines chan string
}

func (l *logLines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines <- string(b)
	return len(b), nil
}

func (l *logLines) wait(t *testing.T, text string) {
	t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case line := <-l.lines:
			if strings.Contains(line, text) {
				return
			}
		case <-timeout:
			t.Fatalf("nobody logged %q", text)
		}
	}
}
