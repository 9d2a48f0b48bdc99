package bench

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// BenchmarkColdStart measures from before the start of a process to its first
// answers on standard output: to tools/list, and then to tools/call, as a client
// asks. server=native is mcp-go's stdio server as a program of its own.
func BenchmarkColdStart(b *testing.B) {
	echo := callTool(b, "echo", map[string]any{"text": "hello, world"}, `"hello, world"`)
	bench := []request{listTools(b, `"echo"`), echo}
	hello := []request{listTools(b, `"greet"`), callTool(b, "greet", map[string]any{"name": "you"}, `"Hello, you!"`)}
	coldStart(b, "server=native", bench, func(tb testing.TB) []string { return []string{built(tb, "bench", "stdio-bench")} })
	for _, g := range []struct {
		name, file string
		asked      []request
	}{
		{"hello", "hello.wasm", hello},
		{"reactor-mcpgo", "mcpgo-reactor.wasm", bench},
		{"reactor-gosdk", "gosdk-reactor.wasm", bench},
		{"stdio-mcpgo", "stdio-bench.wasm", bench},
	} {
		coldStart(b, "server="+g.name+"/cache=empty", g.asked, func(tb testing.TB) []string { return hosted(tb, tb.TempDir(), g.file) })
		coldStart(b, "server="+g.name+"/cache=warm", g.asked, func(tb testing.TB) []string { return hosted(tb, warmCache(tb, g.file, g.asked), g.file) })
	}
}

var warmed = map[string]bool{}

// warmCache returns the shared cache after a start that fills it for a module.
func warmCache(tb testing.TB, file string, asked []request) string {
	tb.Helper()
	dir := sharedCache(tb)
	if !warmed[file] {
		if _, err := firstAnswers(hosted(tb, dir, file), asked); err != nil {
			tb.Fatal(err)
		}
		warmed[file] = true
	}
	return dir
}

// hosted is the command line of mcpwasm for a module.
func hosted(tb testing.TB, cache, file string) []string {
	tb.Helper()
	return []string{built(tb, "mcpwasm"), "run", "--cache-dir", cache, built(tb, "plugins", file)}
}

// coldStart measures a command that is started anew each time.
func coldStart(b *testing.B, name string, asked []request, command func(testing.TB) []string) {
	b.Run(name, func(b *testing.B) {
		took := make([][]time.Duration, len(asked))
		b.ResetTimer()
		for range b.N {
			b.StopTimer()
			args := command(b)
			b.StartTimer()
			all, err := firstAnswers(args, asked)
			if err != nil {
				b.Fatal(err)
			}
			for i, d := range all {
				took[i] = append(took[i], d)
			}
		}
		b.StopTimer()
		for i, r := range asked {
			slices.Sort(took[i])
			_, verb, _ := strings.Cut(r.method, "/")
			b.ReportMetric(float64(percentile(took[i], 50).Microseconds())/1e3, verb+"-p50-ms")
			b.ReportMetric(float64(percentile(took[i], 100).Microseconds())/1e3, verb+"-max-ms")
		}
	})
}

// firstAnswers starts a process, asks it one thing after the other, and returns
// how long each answer took from before the start. It waits until the process
// has ended.
func firstAnswers(args []string, asked []request) (took []time.Duration, err error) {
	cmd := exec.Command(args[0], args[1:]...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	answers := bufio.NewReader(out)
	for _, r := range asked {
		var answer []byte
		if _, err = in.Write(append(r.line(), '\n')); err == nil {
			answer, err = answers.ReadBytes('\n')
		}
		took = append(took, time.Since(start))
		if err == nil {
			err = r.check(answer)
		}
		if err != nil {
			break
		}
	}
	err = errors.Join(err, in.Close()) // which ends it
	_, rest := io.Copy(io.Discard, answers)
	if err = errors.Join(err, rest, cmd.Wait()); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", args[len(args)-1], err, &stderr)
	}
	return took, nil
}
