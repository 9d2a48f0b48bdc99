package wasi

import (
	"context"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

type systemKey struct{}

// With returns a context for calls into the guest whose world s is.
func With(ctx context.Context, s *System) context.Context {
	return context.WithValue(ctx, systemKey{}, s)
}

// From returns the guest's world that a call into the guest carries.
func From(ctx context.Context) *System { return ctx.Value(systemKey{}).(*System) }

// Has reports whether preview 1 has a function of the given name.
func Has(name string) bool {
	_, ok := functions[name]
	return ok
}

// Instantiate puts the module into a runtime. Its functions act on the system
// that the calling context carries (see [With]).
func Instantiate(ctx context.Context, r wazero.Runtime) error {
	b := r.NewHostModuleBuilder(plugins.ImportModuleWASI)
	for name, f := range functions {
		var results []api.ValueType
		if name != "proc_exit" {
			results = []api.ValueType{api.ValueTypeI32}
		}
		b.NewFunctionBuilder().WithGoModuleFunction(f.host(), f.types(), results).Export(name)
	}
	_, err := b.Instantiate(ctx)
	return err
}

// function is one function of preview 1: its parameters as a string of 'i' (32
// bits) and 'I' (64 bits), and what it does. The result is an errno.
type function struct {
	params string
	do     func(c *call) Errno
}

func (f function) types() []api.ValueType {
	types := make([]api.ValueType, len(f.params))
	for i, p := range f.params {
		types[i] = api.ValueTypeI32
		if p == 'I' {
			types[i] = api.ValueTypeI64
		}
	}
	return types
}

func (f function) host() api.GoModuleFunc {
	return func(ctx context.Context, m api.Module, stack []uint64) {
		errno := From(ctx).run(ctx, f, m.Memory(), stack)
		if len(stack) > 0 {
			stack[0] = uint64(errno)
		}
	}
}

// run is a call of f by the guest.
func (s *System) run(ctx context.Context, f function, mem api.Memory, stack []uint64) Errno {
	s.ctx = ctx
	return f.do(&call{System: s, ctx: ctx, mem: mem, stack: stack})
}

// call is one call by the guest.
type call struct {
	*System
	ctx   context.Context
	mem   api.Memory
	stack []uint64
}

func (c *call) u32(i int) uint32 { return uint32(c.stack[i]) }
func (c *call) u64(i int) uint64 { return c.stack[i] }
func (c *call) u16(i int) uint16 { return uint16(c.stack[i]) }

// bytes returns a part of the guest's memory.
func (c *call) bytes(ptr, n uint32) ([]byte, Errno) {
	if c.mem == nil {
		return nil, EFAULT
	}
	b, ok := c.mem.Read(ptr, n)
	if !ok {
		return nil, EFAULT
	}
	return b, Success
}

func (c *call) put32(ptr, v uint32) Errno {
	b, errno := c.bytes(ptr, 4)
	if errno == Success {
		le.PutUint32(b, v)
	}
	return errno
}

func (c *call) put64(ptr uint32, v uint64) Errno {
	b, errno := c.bytes(ptr, 8)
	if errno == Success {
		le.PutUint64(b, v)
	}
	return errno
}

// maxVectors bounds the buffers of one read or write (POSIX IOV_MAX on most
// systems).
const maxVectors = 1024

// vectors reads the list of buffers of a read or write and checks them all
// before the first is used.
func (c *call) vectors(ptr, n uint32) ([][]byte, Errno) {
	if n > maxVectors {
		return nil, EINVAL
	}
	list, errno := c.bytes(ptr, n*8)
	if errno != Success {
		return nil, errno
	}
	vs := make([][]byte, n)
	var total uint64
	for i := range vs {
		v := list[i*8:]
		if vs[i], errno = c.bytes(le32(v), le32(v[4:])); errno != Success {
			return nil, errno
		}
		total += uint64(len(vs[i]))
	}
	if total > 1<<31-1 {
		return nil, EINVAL
	}
	return vs, Success
}

// maxPath bounds a path (PATH_MAX on Linux).
const maxPath = 4096

func (c *call) path(ptr, n uint32) (string, Errno) {
	if n > maxPath {
		return "", ENAMETOOLONG
	}
	b, errno := c.bytes(ptr, n)
	return string(b), errno
}
