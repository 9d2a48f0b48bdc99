//go:build unix

package sandbox

import (
	"fmt"
	"os"
	"syscall"
	"testing"
)

// makeSpecial makes a FIFO, which nobody ever writes to.
func makeSpecial(t *testing.T, path string) {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
}

// makeDevice makes a node of the device of /dev/zero, which can be read for ever.
// The error says why this machine or this user is not able to.
func makeDevice(path string) error {
	info, err := os.Stat("/dev/zero")
	if err != nil {
		return err
	}
	zero, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("%s: its device is not known", info.Name())
	}
	if err := syscall.Mknod(path, syscall.S_IFCHR|0o600, int(zero.Rdev)); err != nil {
		return fmt.Errorf("make a device node: %w", err)
	}
	return nil
}
