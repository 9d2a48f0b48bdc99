//go:build linux || darwin

package wasm

import (
	"context"
	"syscall"

	"github.com/tetratelabs/wazero/experimental"
)

// withMemory returns a context for bringing up a guest whose memory is mapped: it
// grows in place up to its limit, and is given back when the guest ends. A slice
// of Go's would be copied to grow, and what was copied stays until it is collected:
// a guest with 64 MiB would cost the host several times that.
func withMemory(ctx context.Context) context.Context {
	return experimental.WithMemoryAllocator(ctx, experimental.MemoryAllocatorFunc(mapMemory))
}

// mapMemory reserves addresses for as much as a guest may have. The system gives
// memory for what is touched. It panics where no addresses are left, which fails the call.
func mapMemory(_, most uint64) experimental.LinearMemory {
	const flags = syscall.MAP_ANON | syscall.MAP_PRIVATE | syscall.MAP_NORESERVE
	b, err := syscall.Mmap(-1, 0, int(max(most, pageSize)), syscall.PROT_READ|syscall.PROT_WRITE, flags)
	if err != nil {
		panic("no addresses are left for the guest's memory: " + err.Error())
	}
	return &mapping{b}
}

// mapping is the memory of one guest.
type mapping struct{ all []byte }

// Reallocate implements experimental.LinearMemory.
func (m *mapping) Reallocate(size uint64) []byte {
	if size > uint64(len(m.all)) {
		return nil
	}
	return m.all[:size]
}

// Free implements experimental.LinearMemory. Nobody runs in the guest any more.
func (m *mapping) Free() {
	if m.all != nil {
		_ = syscall.Munmap(m.all) // it is a mapping of our own, as it was made
		m.all = nil
	}
}
