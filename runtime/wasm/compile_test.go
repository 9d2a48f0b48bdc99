package wasm

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
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
