package bench

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"testing"
	"time"
)

// BenchmarkColdStart measures from before the start of a process to its first
// answer on standard output, which is to the first message that it is sent. Of
// each server, a process is started for tools/list and another for tools/call.
// server=native is mcp-go's stdio server as a program of its own.
func BenchmarkColdStart(b *testing.B) {
	echo := callTool(b, "echo", map[string]any{"text": "hello, world"}, `"hello, world"`)
	list := listTools(b, `"echo"`)
	b.Run("server=native", func(b *testing.B) {
		native := func(testing.TB) []string { return []string{built(b, "bench", "stdio-bench")} }
		coldStart(b, list, native)
		coldStart(b, echo, native)
	})
	for _, g := range []struct {
		name, file string
		list, call request
	}{
		{"hello", "hello.wasm", listTools(b, `"greet"`), callTool(b, "greet", map[string]any{"name": "you"}, `"Hello, you!"`)},
		{"reactor-mcpgo", "mcpgo-reactor.wasm", list, echo},
		{"reactor-gosdk", "gosdk-reactor.wasm", list, echo},
		{"stdio-mcpgo", "stdio-bench.wasm", list, echo},
	} {
		b.Run("server="+g.name, func(b *testing.B) {
			b.Run("cache=empty", func(b *testing.B) {
				empty := func(tb testing.TB) []string { return hosted(tb, tb.TempDir(), g.file) }
				coldStart(b, g.list, empty)
				coldStart(b, g.call, empty)
			})
			b.Run("cache=warm", func(b *testing.B) {
				warm := func(tb testing.TB) []string { return hosted(tb, sharedCache(tb), g.file) }
				coldStart(b, g.list, warm)
				coldStart(b, g.call, warm)
			})
		})
	}
}

// hosted is the command line of mcpwasm for a module.
func hosted(tb testing.TB, cache, file string) []string {
	tb.Helper()
	return []string{built(tb, "mcpwasm"), "run", "--cache-dir", cache, built(tb, "plugins", file)}
}

// coldStart measures a command that is started anew each time. A start that
// does not count comes first; it fills the cache, where the command keeps it.
func coldStart(b *testing.B, r request, command func(testing.TB) []string) {
	b.Run("first="+r.method, func(b *testing.B) {
		if _, err := firstAnswer(command(b), r); err != nil {
			b.Fatal(err)
		}
		took := make([]time.Duration, b.N)
		b.ResetTimer()
		for i := range took {
			b.StopTimer()
			args := command(b)
			b.StartTimer()
			var err error
			if took[i], err = firstAnswer(args, r); err != nil {
				b.Fatal(err)
			}
		}
		b.StopTimer()
		slices.Sort(took)
		b.ReportMetric(float64(percentile(took, 50).Microseconds())/1e3, "p50-ms")
		b.ReportMetric(float64(took[len(took)-1].Microseconds())/1e3, "max-ms")
	})
}

// firstAnswer starts a process, sends it one message, and returns how long the
// answer took from before the start. It waits until the process has ended.
func firstAnswer(args []string, r request) (time.Duration, error) {
	cmd := exec.Command(args[0], args[1:]...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return 0, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	message := append(r.line(), '\n')
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	_, err = in.Write(message)
	answer, readErr := bufio.NewReader(out).ReadBytes('\n')
	took := time.Since(start)
	err = errors.Join(err, readErr, in.Close())
	if _, more := io.Copy(io.Discard, out); more != nil {
		err = errors.Join(err, more)
	}
	if err = errors.Join(err, cmd.Wait()); err != nil {
		return 0, fmt.Errorf("%s: %w\n%s", args[len(args)-1], err, &stderr)
	}
	return took, r.check(answer)
}
