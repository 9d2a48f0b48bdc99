package files

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
)

// Config says what a folder is and what its guests may make of it. A zero bound
// takes its default.
type Config struct {
	// Source is the host's folder.
	Source string
	// Access is [plugins.ReadOnly] or [plugins.ReadWrite]; "" is read-only.
	Access plugins.Access
	// QuotaBytes bounds the sizes of all files together, as they appear: a hole
	// counts like what is written. Default: what the folder holds at first and
	// 1 GiB.
	QuotaBytes int64
	// QuotaFiles bounds the number of names: files, directories and links.
	// Default: what the folder holds at first and 100,000.
	QuotaFiles int
	// OpenFiles bounds what is open at once. Default 256.
	OpenFiles int
}

// Room that a folder has by default beyond what it holds at first.
const (
	DefaultRoom      = 1 << 30
	DefaultRoomFiles = 100_000
)

// defaultOpen is the default of [Config.OpenFiles].
const defaultOpen = 256

// Folder is a folder of the host that guests use. It is safe for concurrent use.
type Folder struct {
	root   *os.Root
	config Config
	// escapes is how os.Root says that a path leads out, for which it has no
	// exported error.
	escapes error

	mu    sync.Mutex // held during every change
	usage usage
	open  map[*file]struct{}
}

var _ runtime.FS = (*Folder)(nil)

// Open opens a folder, which must be there. The folder stays the same if its
// name is given to another one.
func Open(c Config) (*Folder, error) {
	root, err := os.OpenRoot(c.Source)
	if err != nil {
		return nil, fmt.Errorf("open folder: %w", err)
	}
	c.Access = cmp.Or(c.Access, plugins.ReadOnly)
	c.OpenFiles = cmp.Or(c.OpenFiles, defaultOpen)
	f := &Folder{root: root, config: c, open: map[*file]struct{}{}}
	var pe *fs.PathError
	if _, err := root.Lstat(".."); errors.As(err, &pe) {
		f.escapes = pe.Err
	}
	return f, nil
}

// Close closes the folder. Files that are open stay so.
func (f *Folder) Close() error { return f.root.Close() }

// fail makes an error that the file system's own numbers describe.
func fail(op, name string, err error) error { return &fs.PathError{Op: op, Path: name, Err: err} }

// explain gives what os.Root has no number for one.
func (f *Folder) explain(op, name string, err error) error {
	if f.escapes != nil && errors.Is(err, f.escapes) {
		return fail(op, name, syscall.EPERM)
	}
	return err
}

// change does something that changes the folder, if that is allowed at all.
func (f *Folder) change(op, name string, do func() error) error {
	if f.config.Access != plugins.ReadWrite {
		return fail(op, name, syscall.EROFS)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.explain(op, name, do())
}

// Stat implements [runtime.FS].
func (f *Folder) Stat(name string, follow bool) (fs.FileInfo, error) {
	stat := f.root.Lstat
	if follow {
		stat = f.root.Stat
	}
	fi, err := stat(name)
	return fi, f.explain("stat", name, err)
}

// Mkdir implements [runtime.FS].
func (f *Folder) Mkdir(name string) error {
	return f.change("mkdir", name, func() error {
		return f.add(1, 0, func() error { return f.root.Mkdir(name, 0o777) })
	})
}

// Remove implements [runtime.FS].
func (f *Folder) Remove(name string, dir bool) error {
	return f.change("remove", name, func() error {
		fi, err := f.root.Lstat(name)
		switch {
		case err != nil:
			return err
		case dir && !fi.IsDir():
			return fail("remove", name, syscall.ENOTDIR)
		case !dir && fi.IsDir():
			return fail("remove", name, syscall.EISDIR)
		case last(name) == ".":
			return fail("remove", name, syscall.EINVAL)
		}
		if err := f.root.Remove(name); err != nil {
			return err
		}
		f.gone(fi)
		return nil
	})
}

// last returns the last element of a name that the system would act on.
func last(name string) string {
	name = strings.TrimRight(name, "/")
	return name[strings.LastIndexByte(name, '/')+1:]
}

// Rename implements [runtime.FS]. A directory takes the place of an empty one,
// which os.Root does not do by itself.
func (f *Folder) Rename(from, to string) error {
	return f.change("rename", to, func() error {
		source, err := f.root.Lstat(from)
		if err != nil {
			return err
		}
		target, err := f.root.Lstat(to)
		if err != nil {
			target = nil // the renaming says what is wrong with it
		}
		if target != nil && os.SameFile(source, target) {
			if names(source) > 1 || path.Clean(from) == path.Clean(to) {
				return nil
			}
			target = nil // the same name in other letters
		}
		if target != nil && target.IsDir() {
			if !source.IsDir() {
				return fail("rename", to, syscall.EISDIR)
			}
			if err := f.makeWay(from, to); err != nil {
				return err
			}
		}
		if err := f.root.Rename(from, to); err != nil {
			return err
		}
		if target != nil {
			f.gone(target)
		}
		return nil
	})
}

// makeWay removes the empty directory that another one is to replace. One cannot
// be moved into itself.
func (f *Folder) makeWay(from, to string) error {
	if strings.HasPrefix(path.Clean(to)+"/", path.Clean(from)+"/") || last(to) == "." {
		return fail("rename", to, syscall.EINVAL)
	}
	return f.root.Remove(to)
}

// Link implements [runtime.FS]. A link itself can be linked; it is not followed.
func (f *Folder) Link(from, to string) error {
	return f.change("link", to, func() error {
		fi, err := f.root.Lstat(from)
		switch {
		case err != nil:
			return err
		case fi.IsDir():
			return fail("link", from, syscall.EPERM)
		}
		return f.add(1, 0, func() error { return f.root.Link(from, to) })
	})
}

// Symlink implements [runtime.FS]. One that is absolute, or leads out of the
// folder by its words, is refused: no guest could follow it, but a careless
// program of the host would. One that comes to lead out because it was moved is
// not noticed.
func (f *Folder) Symlink(target, name string) error {
	return f.change("symlink", name, func() error {
		where := path.Join("/", path.Dir(path.Clean(name)))
		if path.IsAbs(target) || leadsOut(where, target) {
			return fail("symlink", name, syscall.EPERM)
		}
		return f.add(1, int64(len(target)), func() error { return f.root.Symlink(target, name) })
	})
}

// leadsOut reports whether a link in the directory where, which begins with "/",
// leads out of that, if no element of either is a link.
func leadsOut(where, target string) bool {
	depth := strings.Count(where, "/")
	if where == "/" {
		depth = 0
	}
	for part := range strings.SplitSeq(target, "/") {
		switch part {
		case "", ".":
		case "..":
			depth--
		default:
			depth++
		}
		if depth < 0 {
			return true
		}
	}
	return false
}

// Readlink implements [runtime.FS].
func (f *Folder) Readlink(name string) (string, error) {
	target, err := f.root.Readlink(name)
	return target, f.explain("readlink", name, err)
}

// Chtimes implements [runtime.FS].
func (f *Folder) Chtimes(name string, follow bool, atime, mtime time.Time) error {
	return f.change("chtimes", name, func() error {
		fi, err := f.root.Lstat(name)
		if err != nil {
			return err
		}
		if fi.Mode()&fs.ModeSymlink == 0 || follow {
			return f.root.Chtimes(name, atime, mtime)
		}
		dir, err := f.root.Open(path.Dir(name))
		if err != nil {
			return err
		}
		defer func() { _ = dir.Close() }()
		return linkTimes(dir, path.Base(name), atime, mtime)
	})
}
