package sandbox

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// server is an entry of the configuration.
func server(name, source, more string) string {
	return fmt.Sprintf("  %s:\n    source: %s\n%s", name, source, more)
}

const limits = "    limits: {memory: 64MiB, deadline: 500ms, startDeadline: 500ms}\n"

// beside is a configuration of an attacker and a neighbour.
func beside(t *testing.T, source, more string) string {
	t.Helper()
	return "servers:\n" + server("attacker", source, limits+more) + server("neighbour", built(t, "plugins", "hello.wasm"), "")
}

// TestComputing has every attack in a process of its own, so that what one leaves
// in memory is not another's.
func TestComputing(t *testing.T) {
	const late = "limit deadline=500ms"
	// The stack of a guest is the host's memory and has a bound of its own in
	// wazero (84 MB, and half of that while it grows), which no limit lowers.
	const stack = 128 << 10
	attacks := []attack{
		{name: "endless loop", tool: "loop", want: []string{late}},
		{name: "sleep past the deadline", tool: "sleep", want: []string{late}},
		{name: "memory until there is none", tool: "hog", want: []string{"limit memory=64MiB"}},
		{name: "stdout flood", tool: "stdout-flood", want: []string{late}},
		{name: "stderr flood", tool: "stderr-flood", want: []string{late}},
		{name: "stderr without a newline", tool: "stderr-endless-line", want: []string{late}},
		{name: "goroutines without end", tool: "goroutines", want: []string{"limit "}},
		{name: "deep recursion in Go", tool: "recursion", want: []string{"limit "}, extra: stack},
		{name: "answer of 20 MB", tool: "answer-huge", want: []string{"limit "}},
		{name: "effects without end", tool: "effects", want: []string{late, "denied more"}},
	}
	for _, a := range attacks {
		t.Run("time and memory/"+a.name, func(t *testing.T) {
			p := start(t, beside(t, built(t, "plugins", "hostile.wasm"), ""))
			ready(t, p, "attacker__ok")
			a.tool = "attacker__" + a.tool
			a.run(t, p)
		})
	}
	raw := []struct {
		name, module, want string
		extra              int
	}{
		{"chain of calls without a loop", "chain", late, 0},
		{"chain through a table", "chain-indirect", late, 0},
		{"wide recursion", "fibonacci", late, 0},
		{"work on the way back", "unwind", "", stack},
		{"deep recursion", "recursion", "stack overflow", stack},
		{"deep recursion of large frames", "recursion-wide", "stack overflow", stack},
		{"memory.fill in a row", "fill", late, 0},
		{"memory.copy in a row", "copy", late, 0},
		{"memory.grow step by step", "memory-grow", "survived", 0},
		{"memory.grow past the limit", "memory-grow-max", "survived", 0},
		{"table.grow by 4e9", "table-grow-4e9", "survived", 0},
		{"table.grow by 5e8 with fill", "table-grow-5e8", "survived", 0},
		{"table.grow step by step", "table-grow-step", "survived", 0},
		{"start function that loops", "start-loop", "limit startDeadline=500ms", 0},
		{"start function that calls", "start-chain", "limit startDeadline=500ms", 0},
		{"message to nowhere", "read-nowhere", "out of bounds", 0},
		{"answer from nowhere", "answer-nowhere", "out of bounds", 0},
		{"answer of 4 GB", "answer-4gb", "out of bounds", 0},
		{"two answers", "answer-twice", "answered twice", 0},
	}
	for _, r := range raw {
		t.Run("time and memory/"+r.name, func(t *testing.T) {
			p := start(t, beside(t, built(t, "hostile", r.module+".wasm"), ""))
			starting := strings.HasPrefix(r.module, "start-")
			if !starting {
				ready(t, p, "attacker__unknown")
			}
			want := []string{r.want}
			attack{tool: "attacker__attack", want: want, extra: r.extra, fromStart: starting}.run(t, p)
		})
	}
}

// ready waits until both servers are compiled and listed.
func ready(t *testing.T, p *process, tool string) {
	t.Helper()
	p.call(t, tool, "")
	p.call(t, "neighbour__greet", `{"name":"you"}`)
}

// TestModules has modules that cannot run, or cost too much to bring up.
func TestModules(t *testing.T) {
	modules, err := filepath.Glob(filepath.Join("..", "bin", "hostile", "b[ao]*-*.wasm"))
	if err != nil || len(modules) == 0 {
		t.Fatal("no modules: run make sandbox, which builds them", err)
	}
	for _, m := range modules {
		name := strings.TrimSuffix(filepath.Base(m), ".wasm")
		t.Run("modules/"+name, func(t *testing.T) {
			config := beside(t, built(t, "hostile", name+".wasm"), "")
			p := start(t, strings.Replace(config, "startDeadline: 500ms}", "startDeadline: 500ms, compile: 5s}", 1))
			a := attack{tool: "attacker__attack", deadline: 10 * time.Second, quick: true, never: []string{"\x1b", "\u202e"}, fromStart: true}
			a.run(t, p)
		})
	}
}
