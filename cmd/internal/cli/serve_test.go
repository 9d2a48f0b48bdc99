package cli_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mcpwasm/mcpwasm/cmd/internal/cli"
)

// patience is how long a test waits for what must come; it never decides whether
// a test passes.
const patience = 2 * time.Minute

// command is a command line that runs inside the test.
type command struct {
	t      *testing.T
	stdin  *io.PipeWriter
	stdout chan string // lines
	stderr chan string // lines
	code   chan int
	stop   context.CancelFunc
}

func start(t *testing.T, args ...string) *command {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	errR, errW := io.Pipe()
	c := &command{t: t, stdin: inW, stdout: lines(outR), stderr: lines(errR), code: make(chan int, 1), stop: cancel}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.code <- cli.Run(ctx, args, cli.Streams{In: inR, Out: outW, Err: errW})
		_, _ = outW.Close(), errW.Close()
	}()
	t.Cleanup(func() {
		cancel()
		_ = inW.Close()
		<-done
	})
	return c
}

// lines reads lines until the end, whether or not somebody takes them.
func lines(r io.Reader) chan string {
	c := make(chan string, 1000)
	go func() {
		defer close(c)
		for s := bufio.NewScanner(r); s.Scan(); {
			c <- s.Text()
		}
	}()
	return c
}

// next returns the next line that has some text, and skips the others.
func (c *command) next(from chan string, text string) string {
	c.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case line, ok := <-from:
			if !ok {
				c.t.Fatalf("the output ended before a line with %q", text)
			}
			if strings.Contains(line, text) {
				return line
			}
		case <-deadline:
			c.t.Fatalf("no line with %q", text)
		}
	}
}

// exit waits for the end.
func (c *command) exit(want int) {
	c.t.Helper()
	select {
	case got := <-c.code:
		if got != want {
			c.t.Errorf("exit code %d, want %d", got, want)
		}
	case <-time.After(patience):
		c.t.Fatal("it does not end")
	}
}

// ask sends a request of MCP 2026-07-28 on standard input and returns the answer.
func (c *command) ask(id int, method, params string) string {
	c.t.Helper()
	if _, err := fmt.Fprintln(c.stdin, request(id, method, params)); err != nil {
		c.t.Fatal(err)
	}
	return c.next(c.stdout, fmt.Sprintf(`"id":%d`, id))
}

func request(id int, method, params string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":{%s"_meta":{`+
		`"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`, id, method, params)
}

func post(t *testing.T, url, method, params string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(request(1, method, params)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	req.Header.Set("MCP-Protocol-Version", "2026-07-28")
	req.Header.Set("Mcp-Method", method)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// TestListening binds every IPv4 address as what it is, and says how to get
// another port when one is taken.
func TestListening(t *testing.T) {
	c := start(t, "run", "--cache-dir", cacheDir(t), "--http", "0.0.0.0:0", sample(t, "hello"))
	_, port, _ := strings.Cut(c.next(c.stderr, "serving MCP at http://0.0.0.0:"), "0.0.0.0:")
	port = strings.TrimSuffix(port, "/mcp")
	other := start(t, "run", "--cache-dir", cacheDir(t), "--http", "0.0.0.0:"+port, sample(t, "hello"))
	other.next(other.stderr, "mcpwasm: error: serve HTTP: ")
	other.next(other.stderr, "hint: --http 127.0.0.1:0 takes a free port")
	other.exit(cli.ExitFailure)
}

func TestRunHTTP(t *testing.T) {
	c := start(t, "run", "--cache-dir", cacheDir(t), "--http", ":0", sample(t, "hello"))
	_, url, _ := strings.Cut(c.next(c.stderr, "serving MCP at "), "serving MCP at ")
	if !strings.HasPrefix(url, "http://127.0.0.1:") || !strings.HasSuffix(url, "/mcp") {
		t.Errorf("url %q: a port alone must bind loopback", url)
	}
	if status, body := post(t, url, "tools/list", ""); status != 200 || !strings.Contains(body, `"greet"`) {
		t.Errorf("tools/list: %d %s", status, body)
	}
	if status, _ := post(t, strings.TrimSuffix(url, "/mcp"), "tools/list", ""); status != 404 {
		t.Errorf("another path: status %d, want 404", status)
	}
	c.stop()
	c.exit(cli.ExitOK)
}

func TestRunHTTPWarns(t *testing.T) {
	c := start(t, "run", "--cache-dir", cacheDir(t), "--http", "0.0.0.0:0", sample(t, "hello"))
	c.next(c.stderr, "warning: ")
	c.next(c.stderr, "serving MCP at ")
	c.stop()
	c.exit(cli.ExitOK)
}

func TestRunEndsWithItsInput(t *testing.T) {
	c := start(t, "run", "--cache-dir", cacheDir(t), sample(t, "hello"))
	if answer := c.ask(1, "tools/list", ""); !strings.Contains(answer, `"greet"`) {
		t.Errorf("tools/list: %s", answer)
	}
	if err := c.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	c.exit(cli.ExitOK)
}

func TestRunEndsWhenInterrupted(t *testing.T) {
	c := start(t, "run", "--cache-dir", cacheDir(t), sample(t, "hello"))
	c.ask(1, "tools/list", "")
	c.stop()
	c.exit(cli.ExitOK)
}

// TestServeReloads changes the file as people do: by writing to it, by replacing
// it, and badly.
func TestServeReloads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mcpwasm.yaml")
	entry := func(name string) string {
		return fmt.Sprintf("  %s: {source: '%s'}\n", name, sample(t, "hello"))
	}
	write := func(to, content string) {
		t.Helper()
		if err := os.WriteFile(to, []byte("servers:\n"+content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(path, entry("one")+"  broken: {source: missing.wasm}\n")
	c := start(t, "serve", "--cache-dir", cacheDir(t), "--config", path)
	c.next(c.stderr, `server "broken"`)
	if answer := c.ask(1, "tools/list", ""); !strings.Contains(answer, `"one__greet"`) {
		t.Errorf("a broken server keeps another from serving: %s", answer)
	}

	write(path, entry("one")+entry("two"))
	c.next(c.stderr, "was taken over")
	if answer := c.ask(2, "tools/list", ""); !strings.Contains(answer, `"one__greet"`) || !strings.Contains(answer, `"two__greet"`) {
		t.Errorf("after a change: %s", answer)
	}

	write(path, entry("one")+"  three: {sorce: x}\n")
	c.next(c.stderr, `mcpwasm.yaml:3:11: servers.three: unknown key "sorce": did you mean "source"?`)
	c.next(c.stderr, "the servers go on as they were")
	if answer := c.ask(3, "tools/call", `"name":"two__greet","arguments":{"name":"Ada"},`); !strings.Contains(answer, "Hello, Ada!") {
		t.Errorf("after a bad change: %s", answer)
	}

	write(path+".new", entry("four"))
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	c.next(c.stderr, "was taken over")
	if answer := c.ask(4, "tools/list", ""); !strings.Contains(answer, `"four__greet"`) || strings.Contains(answer, `"one__greet"`) {
		t.Errorf("after a replacement: %s", answer)
	}
	if err := c.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	c.exit(cli.ExitOK)
}
