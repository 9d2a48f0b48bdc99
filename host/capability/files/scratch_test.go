package files

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/mcpwasm/mcpwasm/runtime"
)

// temp gives a test a folder for temporary files of its own.
func temp(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Setenv("TMP", dir)
	return dir
}

func left(t *testing.T, dir string) int {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestScratch(t *testing.T) {
	dir := temp(t)
	unused, a, b := NewScratch(), NewScratch(), NewScratch()
	for _, s := range []*Scratch{a, b} {
		if err := s.Mkdir("d"); err != nil {
			t.Fatal(err)
		}
	}
	if n := left(t, dir); n != 2 {
		t.Errorf("%d folders for two that are used", n)
	}
	o, err := a.OpenFile("d/f", os.O_RDWR|os.O_CREATE, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Truncate(scratchBytes); err != nil {
		t.Error(err)
	}
	if err := o.Truncate(scratchBytes + 1); !errors.Is(err, runtime.ErrQuota) {
		t.Errorf("over the quota: %v", err)
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	if _, err := b.Stat("d/f", true); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the other one has it: %v", err)
	}
	if err := errors.Join(unused.Close(), a.Close(), b.Close(), b.Close()); err != nil {
		t.Error(err)
	}
	if n := left(t, dir); n != 0 {
		t.Errorf("%d folders are left", n)
	}
	if err := unused.Mkdir("d"); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after its end: %v", err)
	}
}

// TestSweepScratch: what a process that is no more left is removed, what others
// have is not.
func TestSweepScratch(t *testing.T) {
	dir := temp(t)
	ended := exec.Command(os.Args[0], "-test.run=^$")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	gone := scratchPrefix + strconv.Itoa(ended.ProcessState.Pid()) + "-1"
	keep := []string{
		scratchPrefix + strconv.Itoa(os.Getpid()) + "-1", scratchPrefix + "x-1", scratchPrefix + "-1-1", "other",
	}
	for _, name := range append(keep, gone) {
		if err := os.MkdirAll(filepath.Join(dir, name, "d", "e"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := SweepScratch(); err != nil {
		t.Fatal(err)
	}
	for _, name := range keep {
		if _, err := os.Stat(filepath.Join(dir, name, "d", "e")); err != nil {
			t.Error(err)
		}
	}
	if n := left(t, dir); n != len(keep) {
		t.Errorf("%d folders are left", n)
	}
}
