//go:build unix

package cache

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func init() {
	// Opening it would wait for somebody who writes to it.
	damages["a pipe"] = func(t *testing.T, f string) {
		must(t, os.Remove(f))
		must(t, syscall.Mkfifo(f, 0o600))
	}
}

// TestOpenCloses makes sure that others can neither read nor write.
func TestOpenCloses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "packages")
	must(t, os.Mkdir(dir, 0o700))
	must(t, os.Chmod(dir, 0o777))
	c, _ := open(t, dir, Options{})
	for _, name := range []string{".", blobsDir, ingestDir, listsDir} {
		info, err := os.Stat(filepath.Join(c.Dir(), name))
		if err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}
