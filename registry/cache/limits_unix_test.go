//go:build unix

package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func init() { roles["full"], roles["readonly"] = roleFull, roleReadOnly }

// roleFull reads content that is larger than what the system lets be written.
func roleFull(args []string) error {
	signal.Ignore(syscall.SIGXFSZ)
	limit := syscall.Rlimit{Cur: 600_000, Max: 600_000}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	return getAll(args[0])
}

// getAll reads all content by both ways, twice.
func getAll(dir string) error {
	c, err := openPatiently(dir, Options{})
	if err != nil {
		return err
	}
	u, contents := remote()
	for range 2 {
		for _, content := range contents {
			for _, whole := range []bool{true, false} {
				if err := get(c, u, content, whole); err != nil {
					return err
				}
			}
		}
	}
	fmt.Println("fetched", u.count())
	return nil
}

// TestFullDisk uses what cannot be kept, says so, and leaves nothing half-way.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	c, _ := newCache(t, Options{})
	out, err := another(t, "full", c.Dir()).CombinedOutput()
	// Three pieces fit; three do not, and are fetched for each of four reads,
	// twice where the reader needs them from the start.
	if err != nil || !strings.Contains(string(out), "fetched") || !strings.Contains(string(out), "not kept") {
		t.Fatalf("%v: %s", err, out)
	}
	if left := files(t, c, ingestDir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if v := sound(t, c); v.Files != 3 {
		t.Errorf("%d files were kept, want 3", v.Files)
	}
}

// roleReadOnly is another user than root, whom no mode would keep from writing.
func roleReadOnly(args []string) error {
	if os.Geteuid() == 0 {
		if err := errors.Join(syscall.Setgid(65534), syscall.Setuid(65534)); err != nil {
			return err
		}
	}
	if f, err := os.Create(filepath.Join(args[0], ingestDir, "x")); err == nil {
		return errors.Join(errors.New("the folder can be written to"), f.Close())
	}
	return getAll(args[0])
}

// TestReadOnly uses a cache that may not be written to.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	// Above the folder, everybody has to get through.
	dir, err := os.MkdirTemp("", "mcpwasm-cache-test")
	must(t, err)
	t.Cleanup(func() {
		_ = filepath.WalkDir(dir, func(p string, _ fs.DirEntry, _ error) error { return os.Chmod(p, 0o700) })
		_ = os.RemoveAll(dir) // a folder for temporary files
	})
	must(t, os.Chmod(dir, 0o755))
	c, _ := open(t, filepath.Join(dir, "packages"), Options{})
	u, contents := remote()
	for _, content := range contents[:3] {
		want(t, c.Source(repository, u), content)
	}
	must(t, filepath.WalkDir(c.Dir(), func(p string, d fs.DirEntry, err error) error {
		mode := os.FileMode(0o400)
		if d.IsDir() {
			mode = 0o500
		}
		if os.Geteuid() == 0 {
			err = errors.Join(err, os.Chown(p, 65534, 65534))
		}
		return errors.Join(err, os.Chmod(p, mode))
	}))
	out, err := another(t, "readonly", c.Dir()).CombinedOutput()
	// What is there is not fetched; the other three are, for each of four reads.
	if err != nil || !strings.Contains(string(out), "fetched 12") || !strings.Contains(string(out), "not kept") {
		t.Fatalf("%v: %s", err, out)
	}
}
