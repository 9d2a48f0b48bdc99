package wasm

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mcpwasm/mcpwasm/runtime"
	"github.com/tetratelabs/wazero"
)

// TestPrecompile: a module is compiled apart once, and why it could not be is told.
func TestPrecompile(t *testing.T) {
	module, err := prepare(codeModule("\x04\x00\x20\x00\x0b"))
	if err != nil {
		t.Fatal(err)
	}
	times := 0
	tests := []struct {
		name    string
		compile func(context.Context, string, []byte) error
		want    string
	}{
		{"too slow", func(ctx context.Context, _ string, _ []byte) error { <-ctx.Done(); return ctx.Err() }, "limit compile=20ms"},
		{"too large", func(context.Context, string, []byte) error { return ErrCompileMemory }, "limit compileMemory"},
		{"not valid", func(context.Context, string, []byte) error { return errors.New("bad code") }, "not valid: bad code"},
		{"good", func(ctx context.Context, dir string, module []byte) error { times++; return Compile(ctx, dir, module) }, ""},
		{"known", func(context.Context, string, []byte) error { times++; return nil }, ""},
	}
	dir := t.TempDir()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			deadline := time.Minute
			if tt.name == "too slow" {
				deadline = 20 * time.Millisecond
			}
			b := New(Config{CacheDir: dir, Compile: tt.compile})
			err := b.precompile(t.Context(), module, deadline)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
	if times != 1 {
		t.Errorf("compiled %d times, want once", times)
	}
}

// TestDamagedCode cuts off what was compiled: it is compiled again.
func TestDamagedCode(t *testing.T) {
	dir := t.TempDir()
	module, err := prepare(codeModule("\x04\x00\x20\x00\x0b"))
	if err != nil {
		t.Fatal(err)
	}
	compile := func() error {
		b := New(Config{CacheDir: dir, Compile: Compile})
		cache, err := b.openCache()
		if err != nil {
			return err
		}
		r := wazero.NewRuntimeWithConfig(t.Context(), b.runtimeConfig(cache, runtime.Limits{MemoryBytes: 1 << 24}))
		_, err = b.compile(t.Context(), r, module, time.Minute)
		return errors.Join(err, r.Close(t.Context()), b.Close(t.Context()))
	}
	if err := compile(); err != nil {
		t.Fatal(err)
	}
	cut := 0
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), "compiled-") {
			return err
		}
		cut++
		return os.Truncate(path, 8)
	})
	if err != nil || cut == 0 {
		t.Fatalf("%d files were cut: %v", cut, err)
	}
	if err := compile(); err != nil {
		t.Errorf("with damaged code: %v", err)
	}
}
