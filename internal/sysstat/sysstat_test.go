package sysstat_test

import (
	"io/fs"
	"os"
	"path/filepath"
	goruntime "runtime"
	"testing"
	"testing/fstest"
	"time"

	"github.com/mcpwasm/mcpwasm/internal/sysstat"
)

func TestOf(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	atime := time.Unix(1e9, 100)
	if err := os.Chtimes(name, atime, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(name, name+"2"); err != nil {
		t.Fatal(err)
	}
	fi, err := os.Lstat(name)
	if err != nil {
		t.Fatal(err)
	}
	s := sysstat.Of(fi)
	if !s.Atime.Equal(atime) {
		t.Errorf("atime %v, want %v", s.Atime, atime)
	}
	if goruntime.GOOS != "windows" && (s.Links != 2 || s.Ino == 0) {
		t.Errorf("links %d, ino %d", s.Links, s.Ino)
	}
}

// TestOfUnknown: a file that is none of the system's still has its time.
func TestOfUnknown(t *testing.T) {
	when := time.Unix(5, 0)
	fi, err := fs.Stat(fstest.MapFS{"a": {ModTime: when}}, "a")
	if err != nil {
		t.Fatal(err)
	}
	if s := sysstat.Of(fi); s.Links != 1 || !s.Atime.Equal(when) || !s.Ctime.Equal(when) {
		t.Errorf("%+v", s)
	}
}
