package sandbox

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
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
	attacks := []attack{
		{name: "endless loop", tool: "loop", want: []string{late}},
		{name: "sleep past the deadline", tool: "sleep", want: []string{late}},
		{name: "memory until there is none", tool: "hog", want: []string{"limit memory=64MiB"}},
		{name: "stdout flood", tool: "stdout-flood", want: []string{late}},
		{name: "stderr flood", tool: "stderr-flood", want: []string{late}},
		{name: "stderr without a newline", tool: "stderr-endless-line", want: []string{late}},
		// Mostly 66 MiB, at times 128 and a little more; why is not known.
		{name: "goroutines without end", tool: "goroutines", want: []string{"limit "}, extra: 32 << 10},
		{name: "deep recursion in Go", tool: "recursion", want: []string{"limit "}},
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
		{"work on the way back", "unwind", "", 0},
		{"deep recursion", "recursion", "limit stack=8MiB", 0},
		{"deep recursion of large frames", "recursion-wide", "limit stack=8MiB", 0},
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

// outcomes are what becomes of the modules that cannot run, or cost too much to
// bring up: why they are refused, or the bound that they hit. What a module
// "survived" is one that is strange but allowed.
var outcomes = map[string]string{
	"bad-code":          "the module is not valid: invalid function",
	"bad-component":     "it is a component",
	"bad-count":         `damaged WebAssembly: section "import" at byte 8: it ends too early`,
	"bad-custom-1gb":    "damaged WebAssembly: section at byte 547: it ends too early",
	"bad-empty":         "the file is empty",
	"bad-half":          "damaged WebAssembly: section at byte 189: it ends too early",
	"bad-handler-type":  "the module is not valid: its export mcpwasm_v1_handle",
	"bad-import":        "it imports what this host does not have: env.system",
	"bad-import-global": "it imports what this host does not have: env.__memory_base",
	"bad-import-socket": "it imports what this host does not have: wasi_snapshot_preview1.sock_open",
	"bad-import-type":   "the module is not valid: its import wasi_snapshot_preview1.fd_write",
	"bad-leb":           "damaged WebAssembly: section at byte 8: a number is too long",
	"bad-name":          "survived",
	"bad-opcode":        "invalid instruction 0xff",
	"bad-order":         `damaged WebAssembly: section at byte 547: a second section "type"`,
	"bad-section-size":  "damaged WebAssembly: section at byte 8: it ends too early",
	"bomb-custom":       "damaged WebAssembly: more than 10000 sections",
	"bomb-data-outside": "the guest trapped: data[1]: out of bounds",
	"bomb-element-out":  "survived",
	"bomb-exports":      `section "export" at byte 93: 1000002 entries; the most are 100000`,
	"bomb-functions":    "it has 2000001 functions, at most 1000000 are allowed",
	"bomb-globals":      "it has 2000000 globals, at most 100000 are allowed",
	"bomb-ifs":          "limit compile=2s",
	"bomb-imports":      `section "import" at byte 28: 1000002 entries; the most are 100000`,
	"bomb-locals":       "it has 4000000000 locals or more, at most 50000 are allowed",
	"bomb-locals-many":  "its functions have more than 33554432 locals in all",
	"bomb-loops":        "limit compile=2s",
	"bomb-memories":     "the module is not valid: section memory",
	"bomb-memory-size":  "its memory starts with 4GiB, the limit is memory=64MiB",
	"bomb-nest":         "limit compile=2s",
	"bomb-segments":     "it has 2000000 element segments, at most 100000 are allowed",
	"bomb-straight":     "it has 21000004 bytes, at most 7654321 are allowed",
	"bomb-table":        "limit compile=2s",
	"bomb-table-size":   "it has a table of 4000000000 elements, at most 1048576 are allowed",
	"bomb-tables":       "it has 1000 tables, at most 16 are allowed",
}

// TestModules brings up every module that is in outcomes, and knows of no other.
func TestModules(t *testing.T) {
	modules, err := filepath.Glob(filepath.Join("..", "bin", "hostile", "b[ao]*-*.wasm"))
	if err != nil || len(modules) != len(outcomes) {
		t.Errorf("%d modules for %d outcomes, %v: run make sandbox, which builds them", len(modules), len(outcomes), err)
	}
	for _, name := range slices.Sorted(maps.Keys(outcomes)) {
		t.Run("modules/"+name, func(t *testing.T) {
			config := beside(t, built(t, "hostile", name+".wasm"), "")
			p := start(t, strings.Replace(config, "startDeadline: 500ms}", "startDeadline: 500ms, compile: 2s}", 1))
			a := attack{
				tool: "attacker__attack", deadline: 10 * time.Second, quick: true, fromStart: true,
				want: []string{outcomes[name]}, never: []string{"\x1b", "\u202e"},
			}
			a.run(t, p)
		})
	}
}
