package wasm

import (
	"context"
	"strings"
	"testing"
	"time"

	. "github.com/mcpwasm/mcpwasm/internal/wasmtest"
	"github.com/tetratelabs/wazero"
)

// codeModule has one type for all functions: (i32) → (i32). Function 0 is
// exported as f.
func codeModule(bodies ...string) []byte {
	return []byte(Header + Section(Type, Vector("\x60\x01\x7f\x01\x7f")) + Section(Function, Repeated(len(bodies), "\x00")) +
		Section(Table, Vector("\x70\x00\x08")) + Section(Memory, Vector("\x00\x10")) + Section(Global, Vector("\x7f\x01\x41\x07\x0b")) +
		Section(Export, Vector(Exported("f", FuncExport, 0))) + Section(Code, Vector(bodies...)))
}

const (
	// fib is f(n) = n < 2 ? n : f(n-1) + f(n-2).
	fib = "\x20\x00\x41\x02\x48\x04\x7f\x20\x00\x05\x20\x00\x41\x01\x6b\x10\x00\x20\x00\x41\x02\x6b\x10\x00\x6a\x0b"
	// fill fills the whole memory.
	fill = "\x41\x00\x41\x07\x41\x80\x80\xc0\x00\xfc\x0b\x00"
)

func instantiate(t *testing.T, module []byte) (ctx context.Context, call func(context.Context, uint64) (uint64, error)) {
	t.Helper()
	module, err := prepare(module)
	if err != nil {
		t.Fatal(err)
	}
	ctx = t.Context()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCloseOnContextDone(true))
	t.Cleanup(func() { _ = r.Close(context.Background()) })
	m, err := r.Instantiate(ctx, module)
	if err != nil {
		t.Fatal(err)
	}
	return ctx, func(ctx context.Context, n uint64) (uint64, error) {
		out, err := m.ExportedFunction("f").Call(ctx, n)
		if err != nil {
			return 0, err
		}
		return out[0], nil
	}
}

// TestInterruptibleComputes: what a function computes is as it was.
func TestInterruptibleComputes(t *testing.T) {
	tests := []struct {
		name string
		body string
		want uint64
	}{
		{"a small body", Body(NoLocals, "\x20\x00"), 20},
		{"recursion", Body(NoLocals, fib), 6765},
		{"many chunks", Body(Vector("\x01\x7f"), strings.Repeat("\x20\x01\x41\x01\x6a\x21\x01", 1000)+"\x20\x01"), 1000},
		{"locals of several kinds", Body(Vector("\x02\x7e", "\x01\x7f"), "\x41\x05\x21\x03"+strings.Repeat("\x01", 600)+"\x20\x03"), 5},
		{"code that is not reached", Body(NoLocals, "\x20\x00\x0f"+strings.Repeat("\x01", 600)), 20},
		{"fill", Body(NoLocals, fill+"\x41\xff\xff\x03\x2d\x00\x00"), 7},
		{"a global of its own", Body(NoLocals, strings.Repeat("\x01", 600)+"\x23\x00"), 7},
		{"a table that grows", Body(NoLocals, "\xd0\x70\x41\x02\xfc\x0f\x00"), 8},
		{"vectors", Body(NoLocals, "\xfd\x0c"+strings.Repeat("\x09", 16)+"\xfd\x16\x03"), 9},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, call := instantiate(t, codeModule(tt.body))
			if got, err := call(ctx, 20); err != nil || got != tt.want {
				t.Errorf("%d, %v, want %d", got, err, tt.want)
			}
		})
	}
}

// TestInterruptible: code without a loop ends soon after its context. It would
// run for hours.
func TestInterruptible(t *testing.T) {
	for name, module := range map[string][]byte{
		"recursion that is wide": codeModule(Body(NoLocals, fib)),
		"calls through calls": codeModule(Body(NoLocals, strings.Repeat("\x20\x00\x10\x01\x1a", 60)+"\x20\x00"),
			Body(NoLocals, strings.Repeat("\x20\x00\x10\x02\x1a", 9000)+"\x20\x00"), Body(NoLocals, strings.Repeat("\x20\x00\x10\x03\x1a", 9000)+"\x20\x00"),
			Body(NoLocals, strings.Repeat(fill, 900)+"\x20\x00")),
	} {
		t.Run(name, func(t *testing.T) {
			ctx, call := instantiate(t, module)
			ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
			defer cancel()
			if _, err := call(ctx, 90); err == nil || ctx.Err() == nil {
				t.Errorf("it came back: %v", err)
			}
		})
	}
}

func TestPrepareRefuses(t *testing.T) {
	tests := []struct {
		name   string
		module []byte
		want   string
	}{
		{"the counter itself", codeModule(Body(NoLocals, "\x23\x01")), "a global that it does not have"},
		{"too many locals", codeModule(Body(Vector(Leb(50_001)+"\x7f"), "\x20\x00")), "50001 locals"},
		{"many locals in many functions", codeModule(strings.Split(strings.Repeat(Body(Vector(Leb(50_000)+"\x7f"), "\x20\x00")+"|", 700), "|")[:700]...), "locals in all"},
		{"two sections of code", []byte(Header + Section(Code, Vector()) + Section(Code, Vector())), "section 10 twice"},
		{"another memory", codeModule(Body(NoLocals, "\x41\x00\x41\x00\x41\x00\xfc\x0b\x01\x20\x00")), "a memory that it does not have"},
		{"a huge body", codeModule(Body(NoLocals, strings.Repeat("\x01", maxBody))), "at most 7654321"},
		{"unknown instruction", codeModule(Body(NoLocals, "\xff")), "invalid instruction 0xff"},
		{"a tail call", codeModule(Body(NoLocals, "\x20\x00\x12\x00")), "invalid instruction 0x12"},
		{"a table of branches that ends early", codeModule(Body(NoLocals, "\x0e\xff\xff\xff\xff\x0f\x00\x00")), "a label that it does not have"},
		{"a label beyond the function", codeModule(Body(NoLocals, "\x20\x00\x0c\x01")), "a label that it does not have"},
		{"types without end", []byte(Header + Section(Type, "\xff\xff\xff\xff\x0f")), "4294967295 types"},
		{"cut off", []byte(Header + "\x01\x05\x01"), "malformed"},
		{"more elements than there are bytes", []byte(Header + "\x09\x08\x01\x01\x00\x8b\x8b\x8b\x8b\x01"), "longer than what holds it"},
		{"more data than there are bytes", []byte(Header + "\x0b\x07\x01\x01\x8b\x8b\x8b\x8b\x01"), "malformed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := prepare(tt.module); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

// FuzzPrepare: whatever is prepared is a module still, if it was one.
func FuzzPrepare(f *testing.F) {
	f.Add(codeModule(Body(NoLocals, fib)))
	f.Add(codeModule(Body(NoLocals, fill+"\x20\x00")))
	f.Fuzz(func(t *testing.T, module []byte) {
		if len(module) < headerBytes || string(module[:headerBytes]) != Header {
			return
		}
		out, err := prepare(module)
		if err != nil {
			return
		}
		ctx := context.Background()
		r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter().WithMemoryLimitPages(16))
		defer func() { _ = r.Close(ctx) }()
		if _, err := r.CompileModule(ctx, module); err != nil {
			return
		}
		if _, err := r.CompileModule(ctx, out); err != nil {
			t.Errorf("%x: %v", module, err)
		}
	})
}
