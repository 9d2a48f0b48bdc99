package wasm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/mcpwasm/mcpwasm/runtime"
	"github.com/tetratelabs/wazero"
)

// A module of a few kilobytes can cost the compiler minutes and gigabytes (loops
// within loops over many locals, a call with a thousand results over and over),
// and no bound on its form that real programs keep to rules that out. So a module
// that is not known is compiled by [Config.Compile] first, in a process that can
// be stopped, and then taken from the cache.

// ErrCompileMemory is what [Config.Compile] returns where a module needs more
// memory to be compiled than it may.
var ErrCompileMemory = errors.New("compiling it takes more memory than it may")

// Compile compiles a module as [Config.Compile] gets it, into a cache directory.
// It takes what time and memory it takes: it is meant for a process of its own.
func Compile(ctx context.Context, dir string, module []byte) error {
	b := New(Config{CacheDir: dir})
	cache, err := b.openCache()
	if err != nil {
		return err
	}
	// Whatever an operator allows it was checked; any memory compiles.
	r := wazero.NewRuntimeWithConfig(ctx, b.runtimeConfig(cache, runtime.Limits{MemoryBytes: 1 << 32}))
	_, err = r.CompileModule(ctx, module)
	return errors.Join(err, r.Close(ctx), b.Close(ctx))
}

// compile compiles a module for a runtime, elsewhere first. Compiled code that is
// damaged is thrown away, all of it, since nothing says which file it is.
func (b *Backend) compile(ctx context.Context, r wazero.Runtime, module []byte, deadline time.Duration) (wazero.CompiledModule, error) {
	for try := 0; ; try++ {
		if err := b.precompile(ctx, module, deadline); err != nil {
			return nil, err
		}
		code, err := r.CompileModule(ctx, module)
		// wazero has no error of its own for that.
		if err == nil || try > 0 || !strings.Contains(err.Error(), "compilationcache:") {
			return code, err
		}
		if err := b.dropCode(); err != nil {
			return nil, fmt.Errorf("compiled code in %s is damaged and cannot be removed: %w", b.config.CacheDir, err)
		}
	}
}

// dropCode removes what is in the cache directory. Others have what they use of
// it in memory.
func (b *Backend) dropCode() error {
	return filepath.WalkDir(b.config.CacheDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Remove(path)
	})
}

// precompile has a module compiled elsewhere, unless it was before.
func (b *Backend) precompile(ctx context.Context, module []byte, deadline time.Duration) error {
	if b.config.Compile == nil || b.config.CacheDir == "" || b.config.Interpreter {
		return nil
	}
	sum := sha256.New()
	sum.Write(module)
	sum.Write([]byte(compiler())) // whose code another one does not take
	done := filepath.Join(b.config.CacheDir, "compiled-"+hex.EncodeToString(sum.Sum(nil)))
	if _, err := os.Stat(done); err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, deadline, compileLimit("compile="+deadline.String(), "the module did not compile in time"))
	defer cancel()
	err := b.config.Compile(ctx, b.config.CacheDir, module)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, ErrCompileMemory):
		return compileLimit("compileMemory", err.Error())
	case err != nil:
		return loadError(err)
	}
	return os.WriteFile(done, nil, 0o600)
}

// compiler names the compiler and its version.
var compiler = sync.OnceValue(func() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, m := range info.Deps {
		if m.Path == "github.com/tetratelabs/wazero" {
			return m.Path + "@" + m.Version
		}
	}
	return ""
})

func compileLimit(limit, detail string) error {
	return &runtime.GuestError{Kind: runtime.KindLimit, Limit: limit, Detail: detail}
}
