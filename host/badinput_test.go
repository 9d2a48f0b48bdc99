package host_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bufio"

	"github.com/mcpwasm/mcpwasm/plugins"
)

// hundredMB is a line that no host should keep.
const hundredMB = 100 << 20

// okCall is a request of MCP 2026-07-28 that works.
func okCall(id string) string {
	return `{"jsonrpc":"2.0","id":"` + id + `","method":"tools/call","params":{"name":"greet","arguments":{"name":"Ada"},"_meta":{` +
		`"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`
}

// badInputs are what a client may send that is no request, with the code and a
// part of the message that it gets back, and the status over HTTP.
var badInputs = []struct {
	name   string
	input  func() io.Reader
	code   int
	want   string
	status int
}{
	{"100 MB", func() io.Reader { return io.LimitReader(endless{}, hundredMB) }, plugins.CodeInvalidRequest, "4194304 bytes", http.StatusRequestEntityTooLarge},
	{"no JSON", text(`hello?`), plugins.CodeParseError, "Parse error", http.StatusBadRequest},
	{"half a message", text(okCall("h")[:40]), plugins.CodeParseError, "Parse error", http.StatusBadRequest},
	{"two messages", text(okCall("a") + okCall("b")), plugins.CodeParseError, "Parse error", http.StatusBadRequest},
	{"invalid UTF-8", text(strings.Replace(okCall("u"), "Ada", "Ad\xff", 1)), plugins.CodeParseError, "UTF-8", http.StatusBadRequest},
	{"duplicate key", text(strings.Replace(okCall("d"), `"name":"greet"`, `"name":"greet","name":"rm"`, 1)), plugins.CodeParseError, "duplicate", http.StatusBadRequest},
	{"folded key", text(strings.Replace(okCall("f"), `"name":"greet"`, `"name":"greet","Name":"rm"`, 1)), plugins.CodeParseError, "", http.StatusBadRequest},
	{"depth 10,000", text(strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)), plugins.CodeParseError, "nested too deep", http.StatusBadRequest},
	{"deep arguments", text(strings.Replace(okCall("p"), `"Ada"`, strings.Repeat(`{"a":`, 10_000)+"1"+strings.Repeat("}", 10_000), 1)),
		plugins.CodeParseError, "nested too deep", http.StatusBadRequest},
	{"a number", text(`5`), plugins.CodeInvalidRequest, "", http.StatusBadRequest},
	{"no version", text(`{"id":1,"method":"tools/list"}`), plugins.CodeInvalidRequest, "", http.StatusBadRequest},
	{"id of a wrong type", text(strings.Replace(okCall("t"), `"id":"t"`, `"id":{}`, 1)), plugins.CodeInvalidRequest, "id", http.StatusBadRequest},
	{"method of a wrong type", text(strings.Replace(okCall("t"), `"tools/call"`, `5`, 1)), plugins.CodeInvalidRequest, "method", http.StatusBadRequest},
	{"params of a wrong type", text(`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":[]}`), plugins.CodeInvalidRequest, "params", http.StatusBadRequest},
}

func text(s string) func() io.Reader { return func() io.Reader { return strings.NewReader(s) } }

// endless is a string without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// checkBad compares an answer to bad input.
func checkBad(t *testing.T, line []byte, code int, want string) {
	t.Helper()
	var m struct{ Error plugins.Error }
	if err := json.Unmarshal(line, &m); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	if m.Error.Code != code || !strings.Contains(m.Error.Message, want) {
		t.Errorf("%s, want code %d and %q", line, code, want)
	}
	if len(line) > 2000 {
		t.Errorf("the answer has %d bytes", len(line))
	}
}

// server is a running mcpwasm.
type server struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr chan string
}

// runBinary starts the ordinary build of mcpwasm on the sample hello.
func runBinary(t *testing.T, args ...string) *server {
	t.Helper()
	path := guest(t, "hello")
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	args = append(append([]string{"run", "--cache-dir", cacheDir(t)}, args...), path)
	s := &server{cmd: exec.CommandContext(ctx, binary(), args...), stderr: make(chan string, 100)}
	var err error
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.out = bufio.NewReader(out)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(s.stderr)
		for l := bufio.NewScanner(stderr); l.Scan(); {
			s.stderr <- l.Text()
		}
	}()
	t.Cleanup(func() {
		cancel()
		_ = s.cmd.Wait() // it was killed where the test has not ended it
	})
	return s
}

func (s *server) answer(t *testing.T) []byte {
	t.Helper()
	line, err := s.out.ReadBytes('\n')
	if err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return line
}

func TestBadInputStdio(t *testing.T) {
	s := runBinary(t)
	for _, tt := range badInputs {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := io.Copy(s.in, io.MultiReader(tt.input(), strings.NewReader("\n"))); err != nil {
				t.Fatal(err)
			}
			checkBad(t, s.answer(t), tt.code, tt.want)
			if _, err := fmt.Fprintln(s.in, okCall("next")); err != nil {
				t.Fatal(err)
			}
			if line := s.answer(t); !bytes.Contains(line, []byte("Hello, Ada!")) || !bytes.Contains(line, []byte(`"id":"next"`)) {
				t.Errorf("the next request: %s", line)
			}
		})
	}
	if err := s.in.Close(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(s.out); err != nil || len(rest) > 0 {
		t.Errorf("more came: %q, %v", rest, err)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("it ends with %v", err)
	}
}

func TestBadInputHTTP(t *testing.T) {
	s := runBinary(t, "--http", "127.0.0.1:0")
	url := ""
	for line := range s.stderr {
		if _, u, ok := strings.Cut(line, "serving MCP at "); ok {
			url = u
			break
		}
	}
	for _, tt := range badInputs {
		t.Run(tt.name, func(t *testing.T) {
			// A server that refuses a large body may do so before all of it
			// was sent.
			status, body := postBody(t, url, tt.input(), nil)
			if status != tt.status {
				t.Errorf("status %d, want %d", status, tt.status)
			}
			checkBad(t, body, tt.code, tt.want)
			mustGreet(t, url)
		})
	}
	for name, header := range map[string]string{"foreign Origin": "http://evil.example", "null Origin": "null", "Origin of another port": "http://127.0.0.1:1"} {
		t.Run(name, func(t *testing.T) {
			status, body := postBody(t, url, strings.NewReader(okCall("o")), http.Header{"Origin": {header}})
			if status != http.StatusForbidden || bytes.Contains(body, []byte("Hello")) {
				t.Errorf("status %d, %s", status, body)
			}
			mustGreet(t, url)
		})
	}
}

func mustGreet(t *testing.T, url string) {
	t.Helper()
	status, body := postBody(t, url, strings.NewReader(okCall("next")), nil)
	if status != http.StatusOK || !bytes.Contains(body, []byte("Hello, Ada!")) {
		t.Errorf("the next request: %d %s", status, body)
	}
}

func postBody(t *testing.T, url string, body io.Reader, header http.Header) (int, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"},
		"Mcp-Protocol-Version": {"2026-07-28"}, "Mcp-Method": {"tools/call"}, "Mcp-Name": {"greet"}}
	for k, v := range header {
		req.Header[k] = v
	}
	// The transport tells what the server said before it stopped reading.
	client := &http.Client{Transport: &http.Transport{ExpectContinueTimeout: time.Second}}
	defer client.CloseIdleConnections()
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, data
}

// TestBadFiles gives the command files that cannot be run.
func TestBadFiles(t *testing.T) {
	hello := guest(t, "hello")
	dir := t.TempDir()
	for name, want := range badFiles(t, dir, hello) {
		t.Run(name, func(t *testing.T) {
			for _, args := range [][]string{{"run"}, {"tools"}, {"call", "--cache-dir", cacheDir(t)}} {
				args = append(args, filepath.Join(dir, name))
				if args[0] == "call" {
					args = append(args, "greet")
				}
				cmd := exec.Command(binary(), args...)
				var stdout, stderr bytes.Buffer
				cmd.Stdout, cmd.Stderr = &stdout, &stderr
				_ = cmd.Run() // its code is checked
				lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
				if code := cmd.ProcessState.ExitCode(); code != 3 || stdout.Len() > 0 || !strings.HasPrefix(lines[0], "mcpwasm: error: ") ||
					!strings.Contains(lines[0], want) || len(lines) > 2 || len(lines) == 2 && !strings.HasPrefix(lines[1], "hint: ") {
					t.Errorf("%s: code %d, standard output %q, standard error %q, want %q", args[0], code, &stdout, &stderr, want)
				}
			}
		})
	}
}
