package interop

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// target is where a client finds a server: a command to start, or a URL.
type target struct {
	command []string
	env     []string
	url     string
	ended   string // the file in which a started server's end is noted
}

// stdioTarget returns a target that starts mcpwasm, with how it ends noted down.
func stdioTarget(t *testing.T, args ...string) target {
	t.Helper()
	ended := filepath.Join(t.TempDir(), "ended")
	return target{command: append([]string{os.Args[0], mcpwasm}, args...), env: []string{launchFile + "=" + ended}, ended: ended}
}

// checkEnded checks that the started server has ended of itself when its input
// was closed, or in good order when it was sent SIGTERM. A client that starts a
// second one to try its revision may end that as it likes.
func (g target) checkEnded(t *testing.T, terminated bool) {
	t.Helper()
	if g.ended == "" {
		return
	}
	var lines []string
	for until := time.Now().Add(patience); len(lines) == 0; time.Sleep(10 * time.Millisecond) {
		b, err := os.ReadFile(g.ended)
		if err != nil && time.Now().After(until) {
			t.Fatalf("the server did not end: %v", err)
		}
		lines = strings.Split(strings.TrimSpace(string(b)), "\n")
		if lines[0] == "" {
			lines = nil
		}
	}
	want := "exit 0"
	if terminated {
		want = "exit 0 after SIGTERM"
	}
	if last := lines[len(lines)-1]; last != want {
		t.Errorf("the server ended with %q, want %q", last, want)
	}
}

// startHTTP starts mcpwasm on a free port of this machine; it is asked to end when
// the test ends, and must do so without an error.
func startHTTP(t *testing.T, args ...string) target {
	t.Helper()
	cmd := exec.Command(mcpwasm, append([]string{args[0], "--http", "127.0.0.1:0"}, args[1:]...)...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var log syncBuffer
	urls := make(chan string, 1)
	read := make(chan struct{})
	go func() {
		defer close(read)
		scanURL(stderr, &log, urls)
	}()
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Errorf("end the server: %v", err)
		}
		<-read
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server ended with %v", err)
		}
		if t.Failed() {
			t.Logf("the server's standard error:\n%s", log.String())
		}
	})
	select {
	case url := <-urls:
		return target{url: url}
	case <-read:
		t.Fatalf("the server ended:\n%s", log.String())
	case <-time.After(patience):
		t.Fatalf("the server did not start:\n%s", log.String())
	}
	return target{}
}

func scanURL(r io.Reader, log io.Writer, urls chan<- string) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		_, _ = io.WriteString(log, lines.Text()+"\n") // a syncBuffer does not fail
		if url, ok := strings.CutPrefix(lines.Text(), "mcpwasm: serving MCP at "); ok {
			urls <- url
		}
	}
}

type syncBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
