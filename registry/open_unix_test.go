//go:build unix

package registry

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestOpenSymlink(t *testing.T) {
	target := write(t, "x.wasm", stdioModule)
	link := filepath.Join(filepath.Dir(target), "link")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), link, Options{}); err != nil {
		t.Error(err)
	}
}

// TestOpenPipe would hang if the pipe were opened: nobody writes to it.
func TestOpenPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "x.wasm")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), pipe, Options{})
	if err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("error %v, want one about the kind of file", err)
	}
}
