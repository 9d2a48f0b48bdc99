//go:build unix

package sandbox

import (
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
