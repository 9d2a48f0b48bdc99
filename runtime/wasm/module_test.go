package wasm_test

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"testing"
	"time"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
	"github.com/mcpwasm/mcpwasm/runtime/wasm"
)

func leb(n int) string { return string(binary.AppendUvarint(nil, uint64(n))) }

func name(s string) string { return leb(len(s)) + s }

func section(id byte, content string) string { return string(id) + leb(len(content)) + content }

func vector(elems ...string) string { return leb(len(elems)) + strings.Join(elems, "") }

// assemble returns a reactor whose handler has the given body. Type 0 is
// (i32) → (), type 1 () → (). The imports take the first function indices.
func assemble(body string, handlerType byte, imports ...string) []byte {
	code := "\x00" + body + "\x0b" // no locals
	return []byte("\x00asm\x01\x00\x00\x00" +
		section(1, vector("\x60\x01\x7f\x00", "\x60\x00\x00")) +
		section(2, vector(imports...)) +
		section(3, vector(string(handlerType))) +
		section(4, vector("\x70\x00\x00")) + // a table without a maximum
		section(5, vector("\x00\x01")) +
		section(7, vector(name("memory")+"\x02\x00", name("mcpwasm_v1_handle")+"\x00"+leb(len(imports)))) +
		section(10, vector(leb(len(code))+code)))
}

func imported(module, fn string, typ byte) string {
	return name(module) + name(fn) + "\x00" + string(typ)
}

func TestHandmadeModules(t *testing.T) {
	read := imported(plugins.ImportModuleV1, "message_read", 0)
	tests := []struct {
		name string
		wasm []byte
		want failing
	}{
		{"unreachable", assemble("\x00", 0), failing{"echo", runtime.KindTrap, "", "unreachable"}},
		{"endless loop", assemble("\x03\x40\x0c\x00\x0b", 0), failing{"echo", runtime.KindDeadline, "deadline=2s", ""}},
		{"endless recursion", assemble("\x20\x00\x10\x00", 0), failing{"echo", runtime.KindLimit, "stack=8MiB", "stack overflow"}},
		{"a table of 4e9 elements, refused with -1", assemble("\xd0\x70\x41\x80\xd0\xac\xf3\x7e\xfc\x0f\x00\x41\x7f\x46\x04\x40\x00\x0b", 0),
			failing{"echo", runtime.KindTrap, "", "unreachable"}},
		{"never answers", assemble("", 0), failing{"echo", runtime.KindProtocol, "", "without an answer"}},
		{"message to nowhere", assemble("\x41\x70\x10\x00", 0, read), failing{"echo", runtime.KindTrap, "", "message_read: out of bounds"}},
		{"handler of another type", assemble("", 1), failing{"echo", runtime.KindLoad, "", "another type"}},
		{"import of another type", assemble("", 0, imported(plugins.ImportModuleV1, "notify", 1)), failing{"echo", runtime.KindLoad, "", "notify"}},
		{"invalid code", assemble("\x6a", 0), failing{"echo", runtime.KindLoad, "", "not valid"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t, tt.wasm, runtime.Options{Limits: runtime.Limits{Deadline: 2 * time.Second}})
			for range 2 {
				_, err := s.Handle(t.Context(), tool("echo"))
				checkFailure(t, err, tt.want)
			}
		})
	}
}

func TestLoadRefuses(t *testing.T) {
	tests := []struct {
		name string
		wasm []byte
		err  string
	}{
		{"empty", nil, "it is empty"},
		{"component", []byte("\x00asm\x0d\x00\x01\x00"), "component"},
		{"truncated", assemble("", 0)[:33], "damaged"},
		{"unknown imports", assemble("", 0, imported("env", "emscripten_sleep", 0), imported(plugins.ImportModuleWASI, "fd_fly", 0)),
			"env.emscripten_sleep (func), wasi_snapshot_preview1.fd_fly (func); known are"},
		{"many unknown imports", assemble("", 0, strings.Split(strings.Repeat(imported("env", "x", 0)+"|", 8), "|")[:8]...), "and 3 more"},
		{"extism", []byte("\x00asm\x01\x00\x00\x00" + section(2, vector(imported("extism:host/env", "alloc", 0)))), "Extism"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := runtime.Open(t.Context(), backend, runtime.Artifact{Name: "guest", Wasm: tt.wasm}, runtime.Options{})
			if !errors.Is(err, &runtime.GuestError{Kind: runtime.KindLoad}) || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
		})
	}
}

func TestCacheDir(t *testing.T) {
	load := func(dir string) error {
		b := wasm.New(wasm.Config{CacheDir: dir})
		s, err := runtime.Open(t.Context(), b, runtime.Artifact{Name: "guest", Wasm: assemble("", 0)}, runtime.Options{})
		if err != nil {
			return err
		}
		_, err = s.Handle(t.Context(), tool("echo"))
		checkFailure(t, err, failing{"echo", runtime.KindProtocol, "", ""})
		return errors.Join(s.Close(t.Context()), b.Close(t.Context()))
	}
	mode := func(dir string) os.FileMode {
		st, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		return st.Mode().Perm()
	}
	fresh, loose := filepath.Join(t.TempDir(), "a", "b"), t.TempDir()
	if err := os.Chmod(loose, 0o777); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"created": fresh, "made tight": loose} {
		t.Run(name, func(t *testing.T) {
			for range 2 {
				if err := load(dir); err != nil {
					t.Fatal(err)
				}
			}
			if m := mode(dir); goruntime.GOOS != "windows" && m != 0o700 {
				t.Errorf("mode %#o", m)
			}
			if found, _ := filepath.Glob(filepath.Join(dir, "*", "*")); len(found) == 0 {
				t.Error("nothing was cached")
			}
		})
	}
	t.Run("cannot be used", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := load(file); err == nil || !strings.Contains(err.Error(), "open compilation cache "+file) {
			t.Errorf("error %v", err)
		}
	})
}
