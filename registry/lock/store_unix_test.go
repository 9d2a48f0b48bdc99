//go:build unix

package lock_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/mcpwasm/mcpwasm/registry/lock"
)

func TestUpdateKeepsModeAndLink(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "real"), filepath.Join(dir, lock.FileName)
	a, b := sealed(t, "a"), sealed(t, "b")
	if err := lock.Update(t.Context(), path, nil, lock.Edit{Name: "a", New: &a}); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if err := lock.Update(t.Context(), link, nil, lock.Edit{Name: "b", New: &b}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != 0o640 {
		t.Error(info.Mode(), err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Error("the link was replaced", err)
	}
	if f := load(t, link); len(f.Servers) != 2 {
		t.Error(f)
	}
}
