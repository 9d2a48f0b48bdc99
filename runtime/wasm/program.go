package wasm

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
	"github.com/mcpwasm/mcpwasm/runtime/wasm/internal/wasi"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// program is a loaded module. It has a wazero runtime of its own, since that is
// what bounds a guest's memory.
type program struct {
	name     string
	module   plugins.Module
	options  runtime.Options
	lifetime runtime.Lifetime
	wazero   wazero.Runtime

	stopCompiling context.CancelFunc
	// compiled is closed when code and err are set.
	compiled chan struct{}
	code     wazero.CompiledModule
	err      error
}

func (p *program) Shape() plugins.Shape { return p.module.Shape }

// compile runs in the background.
func (p *program) compile(ctx context.Context, wasm []byte, b *Backend) {
	defer close(p.compiled)
	defer func() {
		// A compiler's bug must not be the host's end.
		if r := recover(); r != nil {
			p.err = loadError(fmt.Errorf("the compiler failed: %v", r))
		}
	}()
	if p.err = wasi.Instantiate(ctx, p.wazero); p.err != nil {
		return
	}
	if p.err = instantiateContract(ctx, p.wazero); p.err != nil {
		return
	}
	code, err := b.compile(ctx, p.wazero, wasm, p.options.Limits.Compile)
	if err == nil {
		err = errors.Join(checkSignatures(code, p.module.Shape), checkImportTypes(code, p.wazero))
	}
	if err != nil {
		if p.err = err; !errors.Is(err, &runtime.GuestError{}) && ctx.Err() == nil {
			p.err = loadError(err)
		}
		return
	}
	p.code = code
}

func loadError(err error) error {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return &runtime.GuestError{Kind: runtime.KindLoad, Detail: "the module is not valid: " + shorten(line)}
}

// checkSignatures checks the functions that the host will call.
func checkSignatures(code wazero.CompiledModule, shape plugins.Shape) error {
	want := map[string][]api.ValueType{plugins.ExportStart: nil}
	if shape == plugins.ShapeReactor {
		want = map[string][]api.ValueType{plugins.ExportHandleV1: {api.ValueTypeI32}, plugins.ExportInitialize: nil}
	}
	exports := code.ExportedFunctions()
	for name, params := range want {
		f, ok := exports[name]
		if ok && (string(f.ParamTypes()) != string(params) || len(f.ResultTypes()) > 0) {
			return fmt.Errorf("its export %s has another type than the contract's", name)
		}
	}
	return nil
}

// Start implements [runtime.Program].
func (p *program) Start(ctx context.Context, first runtime.Call) (runtime.Instance, error) {
	select {
	case <-p.compiled:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if p.err != nil {
		return nil, p.err
	}
	d := p.options.Limits.StartDeadline
	ctx, cancel := context.WithTimeoutCause(ctx, d, &runtime.GuestError{
		Kind:   runtime.KindDeadline,
		Limit:  "startDeadline=" + d.String(),
		Detail: "the guest did not start in time",
	})
	defer cancel()
	if p.module.Shape == plugins.ShapeStdio {
		return p.startStdio(ctx, first)
	}
	return p.startReactor(ctx, first)
}

// Close implements [runtime.Program].
func (p *program) Close(ctx context.Context) error {
	p.stopCompiling()
	<-p.compiled
	return p.wazero.Close(ctx)
}

// args are the guest's arguments: the program's name first.
func (p *program) args() []string { return append([]string{p.name}, p.options.Args...) }

// instantiate brings up a module without running any of its exports.
func (p *program) instantiate(ctx context.Context) (api.Module, error) {
	return p.wazero.InstantiateModule(withMemory(ctx), p.code, wazero.NewModuleConfig().WithName("").WithStartFunctions())
}

// checkImportTypes compares the types of what the module imports with the
// host's.
func checkImportTypes(code wazero.CompiledModule, r wazero.Runtime) error {
	for _, f := range code.ImportedFunctions() {
		module, name, _ := f.Import()
		host := r.Module(module).ExportedFunctionDefinitions()[name]
		if string(f.ParamTypes()) != string(host.ParamTypes()) || string(f.ResultTypes()) != string(host.ResultTypes()) {
			return fmt.Errorf("its import %s.%s has another type than the host's function", module, name)
		}
	}
	return nil
}
