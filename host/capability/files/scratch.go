package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
)

// What a scratch folder may hold.
const (
	scratchBytes = 64 << 20
	scratchFiles = 10_000
	scratchOpen  = 64
)

// scratchPrefix begins the names of scratch folders; the process's number
// follows, so that what a process that is no more has left can be found.
const scratchPrefix = "mcpwasm-scratch-"

// Scratch is a folder for one instance: empty at first, 64 MiB and 10,000 files
// at most, 64 of them open, and gone after [Scratch.Close]. It is made at its first use, in the
// host's folder for temporary files, readable by the host's user alone. It is
// safe for concurrent use.
type Scratch struct {
	mu     sync.Mutex
	path   string // "" until it is made
	folder *Folder
	closed bool
}

var _ runtime.FS = (*Scratch)(nil)

// NewScratch returns a scratch folder that nothing was done for yet.
func NewScratch() *Scratch { return &Scratch{} }

// made returns the folder, which is made where it was not.
func (s *Scratch) made() (*Folder, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fs.ErrClosed
	}
	if s.folder != nil {
		return s.folder, nil
	}
	path, err := os.MkdirTemp("", scratchPrefix+strconv.Itoa(os.Getpid())+"-")
	if err != nil {
		return nil, fmt.Errorf("make scratch folder: %w", err)
	}
	folder, err := Open(Config{
		Source: path, Access: plugins.ReadWrite, QuotaBytes: scratchBytes, QuotaFiles: scratchFiles, OpenFiles: scratchOpen,
	})
	if err != nil {
		return nil, errors.Join(err, os.Remove(path))
	}
	s.path, s.folder = path, folder
	return folder, nil
}

// Close removes the folder and all that is in it. Files that are still open can
// be closed later, but hold nothing up: where the system does not let go of a file
// that is open, [SweepScratch] removes it another day.
func (s *Scratch) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.folder == nil {
		s.closed = true
		return nil
	}
	s.closed = true
	return errors.Join(s.folder.Close(), removeTree(s.path))
}

// SweepScratch removes the scratch folders that processes have left that are no
// more. It is for a host's start.
func SweepScratch() error {
	entries, err := os.ReadDir(os.TempDir())
	if err != nil {
		return fmt.Errorf("sweep scratch folders: %w", err)
	}
	var errs []error
	for _, e := range entries {
		if pid, ok := scratchOwner(e.Name()); ok && e.IsDir() && own(e) && !alive(pid) {
			errs = append(errs, removeTree(filepath.Join(os.TempDir(), e.Name())))
		}
	}
	return errors.Join(errs...)
}

// scratchOwner reads the process's number off a scratch folder's name.
func scratchOwner(name string) (pid int, ok bool) {
	rest, ok := strings.CutPrefix(name, scratchPrefix)
	number, _, dash := strings.Cut(rest, "-")
	pid, err := strconv.Atoi(number)
	return pid, ok && dash && err == nil && pid > 0
}

// OpenFile implements [runtime.FS].
func (s *Scratch) OpenFile(name string, flag int, follow bool) (runtime.File, error) {
	f, err := s.made()
	if err != nil {
		return nil, err
	}
	return f.OpenFile(name, flag, follow)
}

// Stat implements [runtime.FS].
func (s *Scratch) Stat(name string, follow bool) (fs.FileInfo, error) {
	f, err := s.made()
	if err != nil {
		return nil, err
	}
	return f.Stat(name, follow)
}

// do does something with the folder.
func (s *Scratch) do(act func(*Folder) error) error {
	f, err := s.made()
	if err != nil {
		return err
	}
	return act(f)
}

// Mkdir implements [runtime.FS].
func (s *Scratch) Mkdir(name string) error {
	return s.do(func(f *Folder) error { return f.Mkdir(name) })
}

// Remove implements [runtime.FS].
func (s *Scratch) Remove(name string, dir bool) error {
	return s.do(func(f *Folder) error { return f.Remove(name, dir) })
}

// Rename implements [runtime.FS].
func (s *Scratch) Rename(from, to string) error {
	return s.do(func(f *Folder) error { return f.Rename(from, to) })
}

// Link implements [runtime.FS].
func (s *Scratch) Link(from, to string) error {
	return s.do(func(f *Folder) error { return f.Link(from, to) })
}

// Symlink implements [runtime.FS].
func (s *Scratch) Symlink(target, name string) error {
	return s.do(func(f *Folder) error { return f.Symlink(target, name) })
}

// Readlink implements [runtime.FS].
func (s *Scratch) Readlink(name string) (target string, err error) {
	err = s.do(func(f *Folder) error { target, err = f.Readlink(name); return err })
	return target, err
}

// Chtimes implements [runtime.FS].
func (s *Scratch) Chtimes(name string, follow bool, atime, mtime time.Time) error {
	return s.do(func(f *Folder) error { return f.Chtimes(name, follow, atime, mtime) })
}
