package wasm

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	. "github.com/mcpwasm/mcpwasm/internal/wasmtest"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// bulkModule exports fill and copy, of the type (i32, i32, i32) → (), and 4 MiB of
// memory.
func bulkModule() []byte {
	arguments := "\x20\x00\x20\x01\x20\x02"
	return []byte(Header + Section(Type, Vector("\x60\x03\x7f\x7f\x7f\x00")) + Section(Function, Vector("\x00", "\x00")) +
		Section(Memory, Vector("\x00\x40")) + Section(Export, Vector(Exported("fill", FuncExport, 0), Exported("copy", FuncExport, 1), Exported("memory", MemoryExport, 0))) +
		Section(Code, Vector(Body(NoLocals, arguments+"\xfc\x0b\x00"), Body(NoLocals, arguments+"\xfc\x0a\x00\x00"))))
}

var configs = map[string]wazero.RuntimeConfig{
	"compiler":    wazero.NewRuntimeConfig().WithCloseOnContextDone(true),
	"interpreter": wazero.NewRuntimeConfigInterpreter().WithCloseOnContextDone(true),
}

func instance(t *testing.T, c wazero.RuntimeConfig, module []byte) api.Module {
	t.Helper()
	r := wazero.NewRuntimeWithConfig(t.Context(), c)
	t.Cleanup(func() { _ = r.Close(context.Background()) })
	m, err := r.Instantiate(t.Context(), module)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func prepared(t *testing.T, module []byte) []byte {
	t.Helper()
	out, err := prepare(module)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func memory(t *testing.T, m api.Module) []byte {
	t.Helper()
	b, ok := m.Memory().Read(0, m.Memory().Size())
	if !ok {
		t.Fatal("its memory cannot be read")
	}
	return b
}

// bulkArguments are those that are on an edge, and some that are not.
func bulkArguments() [][3]uint64 {
	const size = 4 << 20
	edges := []uint64{0, 1, piece + 1, 2 * piece, size - piece, size, size + 1, 1<<32 - piece, 1<<32 - 1}
	var list [][3]uint64
	for _, to := range edges {
		for _, from := range edges {
			for _, n := range edges {
				if n > piece || n < 2 && to+from > size {
					list = append(list, [3]uint64{to, from, n})
				}
			}
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 40 {
		list = append(list, [3]uint64{r.Uint64N(size), r.Uint64N(size), r.Uint64N(size)})
	}
	return list
}

// TestPieces: what is filled and copied in pieces leaves the memory as it would
// be, and fails as it would.
func TestPieces(t *testing.T) {
	for name, config := range configs {
		t.Run(name, func(t *testing.T) {
			plain, rewritten := instance(t, config, bulkModule()), instance(t, config, prepared(t, bulkModule()))
			want, got := memory(t, plain), memory(t, rewritten)
			r := rand.New(rand.NewPCG(3, 4))
			for i := range want {
				want[i] = byte(r.Uint32())
			}
			copy(got, want)
			for _, export := range []string{"copy", "fill"} {
				f, g := plain.ExportedFunction(export), rewritten.ExportedFunction(export)
				for _, a := range bulkArguments() {
					_, wantErr := f.Call(t.Context(), a[:]...)
					_, err := g.Call(t.Context(), a[:]...)
					if trap(err) != trap(wantErr) {
						t.Fatalf("%s%v: error %q, want %q", export, a, trap(err), trap(wantErr))
					}
					if !bytes.Equal(got, want) {
						t.Fatalf("%s%v: the memory differs", export, a)
					}
				}
			}
		})
	}
}

// trap is an error without the stack.
func trap(err error) string {
	if err == nil {
		return ""
	}
	line, _, _ := bytes.Cut([]byte(fmt.Sprint(err)), []byte("\n"))
	return string(line)
}
