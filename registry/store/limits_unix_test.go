//go:build unix

package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/mcpwasm/mcpwasm/registry/store"
)

func init() { roles["fill"] = roleFill }

// roleFill writes until the system allows no more, as on a full disk, and then
// reads what it has written.
func roleFill(args []string) error {
	signal.Ignore(syscall.SIGXFSZ)
	limit := syscall.Rlimit{Cur: 300_000, Max: 300_000}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	f, err := store.Open(args[0])
	if err != nil {
		return err
	}
	ctx := context.Background()
	var keys []string
	for i := range 100 {
		key := fmt.Sprint(i)
		if _, err = f.Apply(ctx, store.Change{Key: key, Value: make([]byte, 10_000)}); err != nil {
			break
		}
		keys = append(keys, key)
	}
	if err == nil || errors.Is(err, store.ErrDamaged) || len(keys) < 5 {
		return fmt.Errorf("after %d keys: %w", len(keys), err)
	}
	e, err := f.Get(ctx, keys...)
	if err != nil {
		return err
	}
	for _, e := range e {
		if len(e.Value) != 10_000 {
			return fmt.Errorf("%s has %d bytes", e.Key, len(e.Value))
		}
	}
	fmt.Println(len(keys))
	return nil
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	out, err := another(t, "fill", path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var n int
	if _, err := fmt.Sscan(string(out), &n); err != nil {
		t.Fatal(err)
	}
	if e, err := open(t, path).List(t.Context(), "", "", 1000); err != nil || len(e) != n {
		t.Errorf("%d of %d keys are left: %v", len(e), n, err)
	}
}

func TestModes(t *testing.T) {
	t.Parallel()
	f := newFile(t)
	for path, want := range map[string]os.FileMode{f.Path(): 0o600, filepath.Dir(f.Path()): 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	if err := os.Chmod(f.Path(), 0o644); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(open(t, f.Path()).Path()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("a file that is open to others stays %v, %v", info.Mode(), err)
	}
}

// TestReadOnlyFolder: root may write anywhere, so that another user tries then.
func TestReadOnlyFolder(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "readonly") // t.TempDir is closed to others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "test")
	if out, err := exec.Command("cp", self, binary).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	state := filepath.Join(dir, "state")
	if err := os.Mkdir(state, 0o500); err != nil {
		t.Fatal(err)
	}
	cmd := another(t, "open", filepath.Join(state, "state.db"))
	cmd.Path = binary
	if os.Geteuid() == 0 {
		const nobody = 65534
		for _, path := range []string{dir, state, binary} {
			if err := os.Chown(path, nobody, nobody); err != nil {
				t.Fatal(err)
			}
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		cmd.Dir = dir
	}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !strings.Contains(string(out), "its folder "+state+" must be writable") {
		t.Errorf("%v: %s", err, out)
	}
}
