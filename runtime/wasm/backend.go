package wasm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/mcpwasm/mcpwasm/internal/privdir"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
	"github.com/tetratelabs/wazero"
)

// Config says how guests are compiled. Its zero value works.
type Config struct {
	// CacheDir keeps compiled code from one process to the next. It holds
	// native code that will be executed: it is made for the user alone (mode
	// 0700), and another user's is refused. Default: compiled code is kept
	// in memory only, or with Compile in a temporary folder that Close removes.
	CacheDir string
	// Interpreter runs guests without compiling them, which is many times
	// slower. It is what happens anyway where the compiler does not support
	// the platform.
	Interpreter bool
	// Compile compiles a module into a cache directory with [Compile], in a
	// process that ends when ctx does and that may use so much memory only
	// ([ErrCompileMemory]). It is asked for modules that are not in CacheDir,
	// for which a temporary folder stands where there is none. Nil compiles in
	// this process, where nothing but their form bounds what modules cost.
	Compile func(ctx context.Context, dir string, module []byte) error
}

// Backend loads WebAssembly modules. It is safe for concurrent use.
type Backend struct {
	config Config

	once     sync.Once
	cache    wazero.CompilationCache
	cacheErr error
	// temporary is the folder of a cache that ends with the backend.
	temporary string
}

var _ runtime.Backend = (*Backend)(nil)

// New returns a backend. The cache's directory is opened by the first Load.
func New(c Config) *Backend { return &Backend{config: c} }

// Close frees the compiled code. All programs must have been closed.
func (b *Backend) Close(ctx context.Context) error {
	if _, err := b.openCache(); err != nil {
		return nil // there never was one
	}
	err := b.cache.Close(ctx)
	if b.temporary != "" {
		err = errors.Join(err, os.RemoveAll(b.temporary))
	}
	return err
}

func (b *Backend) openCache() (wazero.CompilationCache, error) {
	b.once.Do(func() {
		if b.config.CacheDir == "" && b.config.Compile == nil {
			b.cache = wazero.NewCompilationCache()
			return
		}
		if b.config.CacheDir == "" {
			if b.temporary, b.cacheErr = os.MkdirTemp("", "mcpwasm-code-"); b.cacheErr != nil {
				return
			}
			b.config.CacheDir = b.temporary
		}
		if b.cacheErr = privdir.Make(b.config.CacheDir); b.cacheErr == nil {
			b.cache, b.cacheErr = wazero.NewCompilationCacheWithDir(b.config.CacheDir)
		}
	})
	if b.cacheErr != nil {
		return nil, fmt.Errorf("open compilation cache %s: %w; give another cache directory", b.config.CacheDir, b.cacheErr)
	}
	return b.cache, nil
}

// Check refuses a module that could be compiled but not run with the given
// options: a shape that this backend does not know, a memory that starts above
// the limit, an import that the host does not have. The error is one line that
// says which. Whether the lifetime fits is [runtime.Options.LifetimeFor]'s.
func Check(m *plugins.Module, o runtime.Options) error {
	return checkModule(m, o.Limits.Defaults())
}

// Load implements [runtime.Backend]. Its errors are those of
// [plugins.Inspect] and [Check], and a cache that cannot be used; what only the compiler finds is returned by Start.
func (b *Backend) Load(ctx context.Context, a runtime.Artifact, o runtime.Options) (runtime.Program, error) {
	o.Limits = o.Limits.Defaults()
	m, err := plugins.Inspect(a.Wasm)
	if err == nil {
		err = Check(&m, o)
	}
	code := a.Wasm
	if err == nil {
		code, err = prepare(a.Wasm)
	}
	if err != nil {
		return nil, &runtime.GuestError{Kind: runtime.KindLoad, Detail: err.Error()}
	}
	cache, err := b.openCache()
	if err != nil {
		return nil, err
	}
	p := &program{name: a.Name, module: m, options: o, compiled: make(chan struct{})}
	p.lifetime, _ = o.LifetimeFor(m.Shape) // Open reports what does not fit
	ctx = context.WithoutCancel(ctx)
	p.wazero = wazero.NewRuntimeWithConfig(ctx, b.runtimeConfig(cache, o.Limits))
	ctx, p.stopCompiling = context.WithCancel(ctx)
	go p.compile(ctx, code, b)
	return p, nil
}

const pageSize = 64 << 10

// runtimeConfig is the one place that says how guests are bounded: their memory,
// and that the end of a call's context ends the guest.
func (b *Backend) runtimeConfig(cache wazero.CompilationCache, l runtime.Limits) wazero.RuntimeConfig {
	c := wazero.NewRuntimeConfig()
	if b.config.Interpreter {
		c = wazero.NewRuntimeConfigInterpreter()
	}
	return c.
		WithCompilationCache(cache).
		WithMemoryLimitPages(uint32(min(l.MemoryBytes/pageSize, 1<<16))).
		WithCloseOnContextDone(true).
		WithDebugInfoEnabled(false)
}
