//go:build wasip1

package effect

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"unsafe"
)

// effectOpen is the function of the host, docs/guest-contract.md, "Imports".
//
//go:wasmimport mcpwasm_v1 effect_open
//go:noescape
func effectOpen(ptr unsafe.Pointer, size int32) int32

// openHost opens an effect of the host. The descriptor does not block, so that
// Go's poller waits for it and other goroutines run meanwhile.
func openHost(_ context.Context, request []byte) (Conn, error) {
	fd := int(effectOpen(unsafe.Pointer(unsafe.SliceData(request)), int32(len(request))))
	if fd < 0 {
		return nil, &Error{Kind: ErrFailed, Message: fmt.Sprintf("open effect: %v", syscall.Errno(-fd))}
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		_ = syscall.Close(fd)
		return nil, &Error{Kind: ErrFailed, Message: fmt.Sprintf("open effect: %v", err)}
	}
	return descriptor{os.NewFile(uintptr(fd), "effect")}, nil
}

// descriptor is an effect of the host.
type descriptor struct{ *os.File }

// CloseWrite implements [Conn].
func (d descriptor) CloseWrite() error {
	c, err := d.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := c.Control(func(fd uintptr) { failed = syscall.Shutdown(int(fd), syscall.SHUT_WR) }); err != nil {
		return err
	}
	return failed
}
