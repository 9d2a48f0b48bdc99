package sandbox

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is a safety net.
const patience = 30 * time.Second

// process is a mcpwasm that serves over stdio.
type process struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	stderr *buffer

	mu      sync.Mutex
	next    int
	pending map[string]chan response
	loose   chan response // what answers to no id
}

type response struct {
	ID     json.RawMessage `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
	Line string `json:"-"`
}

// text is what a caller sees.
func (r response) text() string {
	if r.Error != nil {
		return r.Error.Message
	}
	var result struct {
		Content []struct{ Text string } `json:"content"`
	}
	if json.Unmarshal(r.Result, &result) != nil || len(result.Content) == 0 {
		return string(r.Result)
	}
	return result.Content[0].Text
}

// buffer keeps what a process writes to its standard error.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (b *buffer) len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Len()
}

func (b *buffer) since(offset int) string { return b.String()[offset:] }

// logged waits for a text in what was written to standard error since an offset,
// and returns the rest of its line.
func (p *process) logged(text string, since int) (string, bool) {
	for end := time.Now().Add(patience / 6); ; time.Sleep(10 * time.Millisecond) {
		log := p.stderr.since(since)
		if i := strings.Index(log, text); i >= 0 {
			line, _, _ := strings.Cut(log[i:], "\n")
			return line, true
		}
		if time.Now().After(end) {
			return "", false
		}
	}
}

// cacheDir is shared by all processes, so that a module is compiled once.
var cacheDir string

// start serves what a configuration names. env is added to the process's own.
func start(t *testing.T, config string, env ...string) *process {
	t.Helper()
	file := filepath.Join(t.TempDir(), "mcpwasm.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &process{pending: map[string]chan response{}, loose: make(chan response, 100), stderr: &buffer{}}
	p.cmd = exec.Command(built(t, "mcpwasm"), "serve", "--config", file, "--cache-dir", cacheDir)
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stderr = p.stderr
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() { defer close(read); p.read(out) }()
	t.Cleanup(func() {
		_ = p.in.Close()
		kill := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
		defer kill.Stop()
		<-read
		if err := p.cmd.Wait(); err != nil {
			t.Errorf("mcpwasm ended with %v: %s", err, tail(p.stderr.String()))
		}
	})
	return p
}

func tail(s string) string { return s[max(0, len(s)-2000):] }

func (p *process) read(out io.Reader) {
	r := bufio.NewReader(out)
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return
		}
		a := response{Line: string(line)}
		if json.Unmarshal(line, &a) != nil {
			continue
		}
		p.mu.Lock()
		c := p.pending[string(a.ID)]
		delete(p.pending, string(a.ID))
		p.mu.Unlock()
		if c == nil {
			c = p.loose
		}
		c <- a
	}
}

const meta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},` +
	`"io.modelcontextprotocol/clientInfo":{"name":"sandbox","version":"1"}}`

// call calls a tool and waits for what comes of it.
func (p *process) call(t *testing.T, tool, arguments string) response {
	t.Helper()
	if arguments == "" {
		arguments = "{}"
	}
	c := make(chan response, 1)
	p.mu.Lock()
	p.next++
	id := strconv.Itoa(p.next)
	p.pending[id] = c
	_, err := fmt.Fprintf(p.in, `{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":%q,"arguments":%s,%s}}`+"\n", id, tool, arguments, meta)
	p.mu.Unlock()
	if err != nil {
		t.Errorf("%s: the host is gone: %v: %s", tool, err, tail(p.stderr.String()))
		return response{}
	}
	select {
	case a := <-c:
		return a
	case <-time.After(patience):
		t.Errorf("%s: no answer: %s", tool, tail(p.stderr.String()))
		return response{}
	}
}

// status reads a number of kB from /proc/PID/status.
func (p *process) status(field string) int {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			n, _ := strconv.Atoi(strings.Fields(rest)[0])
			return n
		}
	}
	return 0
}

// resetPeak makes VmHWM start anew (proc(5), clear_refs).
func (p *process) resetPeak() {
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.cmd.Process.Pid), []byte("5"), 0)
}

func (p *process) descriptors() int {
	list, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	return len(list)
}

// built returns the path of something that make leaves in bin.
func built(t *testing.T, elem ...string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(append([]string{"..", "bin"}, elem...)...))
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		t.Fatalf("%v: run make sandbox, which builds it", err)
	}
	return path
}
