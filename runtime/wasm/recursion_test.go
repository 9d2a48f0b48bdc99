package wasm

import (
	"math/rand/v2"
	"strings"
	"testing"

	. "github.com/mcpwasm/mcpwasm/internal/wasmtest"
	"github.com/tetratelabs/wazero/api"
)

const (
	// again is f(n-1), in a function that is f.
	again = "\x20\x00\x41\x01\x6b\x10\x00"
	// none returns 7 when n is 0.
	none = "\x20\x00\x45\x04\x40\x41\x07\x0f\x0b"
)

// TestWrapped: what a function computes that is charged for its frame is as it
// was, whichever way leads out of it, and the budget is whole again.
func TestWrapped(t *testing.T) {
	tests := []struct {
		name string
		body string
	}{
		{"falls off its end", none + again + "\x41\x01\x6a"},
		{"returns", none + again + "\x0f"},
		{"returns from nested blocks", none + "\x02\x40\x03\x40\x02\x40" + again + "\x0f\x0b\x0b\x0b\x00"},
		{"returns with more on the stack", none + "\x41\x05\x41\x06" + again + "\x0f"},
		{"code after the return", none + again + "\x0f\x1a\x1a\x41\x01\x0f\x6a"},
		{"branches to its own label", none + "\x02\x40" + again + "\x0c\x01\x0b\x00"},
		{"branches to it on a condition", none + again + "\x20\x00\x41\x03\x6f\x0d\x00\x41\x02\x6a"},
		{"a table that has it", none + "\x02\x7f" + again + "\x20\x00\x41\x03\x71\x0e\x03\x00\x01\x00\x01\x0b\x41\x11\x6a"},
		{"unreachable blocks", none + again + "\x0f\x02\x7f\x03\x7f\x0c\x00\x0b\x0b\x00"},
		{"through a second", "\x20\x00\x10\x01"},
		{"through a table", none + "\x20\x00\x41\x01\x6b\x41\x00\x11\x00\x00\x41\x01\x6a"},
	}
	second := Body(NoLocals, none+again+"\x41\x01\x6a")
	for _, tt := range tests {
		for name, config := range configs {
			t.Run(tt.name+"/"+name, func(t *testing.T) {
				module := codeModule(Body(NoLocals, tt.body), second)
				if strings.Contains(tt.body, "\x11\x00\x00") {
					module = withElement(module)
				}
				plain, wrapped := instance(t, config, module), instance(t, config, prepared(t, module))
				for n := range uint64(50) {
					same(t, plain, wrapped, n)
				}
			})
		}
	}
}

// withElement puts function 0 into the table of a codeModule.
func withElement(module []byte) []byte {
	list, _ := parseSections(module)
	var out []section
	for _, s := range list {
		if s.id == sectionCode {
			out = append(out, section{sectionElement, []byte(Vector("\x00\x41\x00\x0b" + Vector("\x00")))})
		}
		out = append(out, s)
	}
	return assembleSections(module, out)
}

// same calls f in both, which must agree.
func same(t *testing.T, plain, wrapped api.Module, args ...uint64) {
	t.Helper()
	want, wantErr := plain.ExportedFunction("f").Call(t.Context(), args...)
	got, err := wrapped.ExportedFunction("f").Call(t.Context(), args...)
	if trap(err) != trap(wantErr) {
		t.Fatalf("f(%d): error %q, want %q", args, trap(err), trap(wantErr))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("f(%d) = %d, want %d", args, got, want)
		}
	}
	if left := api.DecodeI32(wrapped.ExportedGlobal(exportStack).Get()); err == nil && left != stackBytes {
		t.Fatalf("f(%d) leaves %d of the budget", args, left)
	}
}

// TestWrappedResults: functions with several results and of other types.
func TestWrappedResults(t *testing.T) {
	// f(n) = n == 0 ? (1, 2.0, 3) : f(n-1), through a return and a branch.
	body := Body(NoLocals, "\x20\x00\x45\x04\x40\x42\x01\x44\x00\x00\x00\x00\x00\x00\x00\x40\x41\x03\x0f\x0b"+
		"\x20\x00\x41\x01\x71\x04\x40"+again+"\x0c\x01\x0b"+again)
	module := []byte(Header + Section(Type, Vector("\x60\x01\x7f\x03\x7e\x7c\x7f")) + Section(Function, Vector("\x00")) +
		Section(Export, Vector(Exported("f", FuncExport, 0))) + Section(Code, Vector(body)))
	for name, config := range configs {
		t.Run(name, func(t *testing.T) {
			plain, wrapped := instance(t, config, module), instance(t, config, prepared(t, module))
			for n := range uint64(20) {
				same(t, plain, wrapped, n)
			}
		})
	}
}

// TestWrappedAtRandom compares functions of random control flow.
func TestWrappedAtRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 150 {
		// Each call counts n down, so that it ends.
		body := Body(Vector("\x01\x7f"), "\x20\x00\x41\x01\x48\x04\x40\x41\x07\x0f\x0b"+statements(r, 0, 6)+"\x20\x01")
		module := codeModule(body, body)
		for name, config := range configs {
			plain, wrapped := instance(t, config, module), instance(t, config, prepared(t, module))
			for n := range uint64(5) {
				same(t, plain, wrapped, n)
			}
			if t.Failed() {
				t.Fatalf("%s: %x", name, module)
			}
		}
	}
}

// statements are n statements at a depth of blocks without results.
func statements(r *rand.Rand, depth, n int) string {
	var b strings.Builder
	for range n {
		switch k := r.IntN(9); {
		case k < 3 && depth < 4:
			b.WriteString("\x20\x01" + constant(r.IntN(7)) + "\x6a\x41\x03\x71\x04\x40" + statements(r, depth+1, 3) + "\x05" + statements(r, depth+1, 2) + "\x0b")
		case k < 4 && depth < 4:
			b.WriteString("\x02\x40" + statements(r, depth+1, 4) + "\x0b")
		case k < 6:
			b.WriteString("\x20\x00\x41\x01\x6b\x10" + Leb(r.IntN(2)) + "\x20\x01\x6a\x21\x01")
		case k < 7 && depth > 0:
			b.WriteString("\x20\x01\x41\x05\x6f\x45\x0d" + Leb(r.IntN(depth)))
		case k < 8 && depth > 1:
			// The function's own label has a result.
			b.WriteString("\x20\x01\x20\x01\x41\x03\x71\x45\x0d" + Leb(depth) + "\x1a")
		case depth > 2 && k == 8:
			b.WriteString("\x20\x01\x0f")
		default:
			b.WriteString("\x20\x01" + constant(r.IntN(1000)) + "\x6a\x21\x01")
		}
	}
	return b.String()
}

// constant is i32.const.
func constant(n int) string { return "\x41" + Sleb(int64(n)) }

// TestRecursionEnds: a recursion without end traps for its budget, long before
// wazero's own bound.
func TestRecursionEnds(t *testing.T) {
	loads := func(n int) string { return strings.Repeat("\x20\x00\x28\x02\x00", n) }
	tests := map[string][]byte{
		"of itself":               codeModule(Body(NoLocals, again)),
		"of two":                  codeModule(Body(NoLocals, "\x20\x00\x10\x01"), Body(NoLocals, again)),
		"through a table":         withElement(codeModule(Body(NoLocals, "\x20\x00\x41\x00\x11\x00\x00"))),
		"large frames":            codeModule(Body(NoLocals, loads(500)+"\x41\x00\x10\x00"+strings.Repeat("\x6a", 500))),
		"new values at each call": codeModule(Body(Vector("\x01\x7f"), "\x20\x00"+strings.Repeat("\x20\x00\x28\x02\x00\x20\x00\x10\x00\x6a\x6a", 3))),
		"chain without recursion": codeModule(append(chainOf(3000), Body(NoLocals, "\x20\x00"))...),
	}
	for name, module := range tests {
		t.Run(name, func(t *testing.T) {
			m := instance(t, configs["compiler"], prepared(t, module))
			_, err := m.ExportedFunction("f").Call(t.Context(), 1000)
			if name == "chain without recursion" {
				if err != nil || overflowed(m) {
					t.Errorf("error %v", err)
				}
				return
			}
			if !strings.Contains(trap(err), "unreachable") || !overflowed(m) {
				t.Errorf("error %q, overflowed %v", trap(err), overflowed(m))
			}
		})
	}
}

// chainOf are functions that each call the next.
func chainOf(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = Body(NoLocals, "\x20\x00\x10"+Leb(i+1))
	}
	return list
}

// TestCharged: which functions pay for their frames.
func TestCharged(t *testing.T) {
	tests := []struct {
		name   string
		frames []uint64
		calls  [][]uint32
		want   string
	}{
		{"none", nil, nil, ""},
		{"a chain", []uint64{64, 64, 64}, [][]uint32{{1}, {2}, nil}, "---"},
		{"itself", []uint64{64, 64}, [][]uint32{{0, 1}, nil}, "x-"},
		{"a cycle with a way in and out", []uint64{64, 64, 64, 64}, [][]uint32{{1}, {2}, {1, 3}, nil}, "-xx-"},
		{"two cycles", []uint64{64, 64, 64, 64}, [][]uint32{{1}, {0, 2}, {3}, {2}}, "xxxx"},
		{"anywhere", []uint64{64, 64, 64}, [][]uint32{{1}, {anywhere}, nil}, "xx-"},
		{"a large frame", []uint64{64, largeFrame + 1}, [][]uint32{{1}, nil}, "-x"},
		{"a deep chain", slicesOf(20, largeFrame), chainCalls(20), strings.Repeat("x", 19) + "-"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := callGraph{frames: tt.frames}
			for _, c := range tt.calls {
				g.calls = append(g.calls, c...)
				g.ends = append(g.ends, len(g.calls))
			}
			got := ""
			for _, c := range g.charged() {
				got += map[bool]string{true: "x", false: "-"}[c]
			}
			if got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

func slicesOf(n int, frame uint64) []uint64 {
	list := make([]uint64, n)
	for i := range list {
		list[i] = frame
	}
	return list
}

func chainCalls(n int) [][]uint32 {
	list := make([][]uint32, n)
	for i := range n - 1 {
		list[i] = []uint32{uint32(i + 1)}
	}
	return list
}
