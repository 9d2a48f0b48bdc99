package wasi

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/mcpwasm/mcpwasm/runtime"
)

// dir is a directory that paths start from. It stands for a name in its mount
// and not for the directory that had the name when it was opened: a path is
// resolved anew each time. Only what lists it is bound to the directory.
type dir struct {
	node
	preopened bool
	list      listing
}

// preopen returns a directory that the guest has from its start.
func preopen(s *System, m runtime.Mount) *dir {
	return &dir{node: node{sys: s, mount: m, name: ".", path: m.Path}, preopened: true}
}

// resolve returns what a path names that starts from d. The path must not be
// absolute or lead out of d by its ".."; links are the mount's business.
func (d *dir) resolve(p string) (*node, Errno) {
	name := p
	if d.name != "." {
		name = d.name + "/" + p
	}
	switch {
	case p == "":
		return nil, ENOENT
	case strings.ContainsRune(p, 0):
		return nil, EINVAL
	case !utf8.ValidString(p):
		return nil, EILSEQ
	case p[0] == '/' || leadsOut(p):
		return nil, EPERM
	case len(name) > maxPath:
		return nil, ENAMETOOLONG
	}
	return &node{sys: d.sys, mount: d.mount, name: name, path: path.Join(d.path, p)}, Success
}

// leadsOut reports whether a relative path has more ".." than it has entered
// directories, at any point.
func leadsOut(p string) bool {
	depth := 0
	for part := range strings.SplitSeq(p, "/") {
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

// at resolves a path, asks the gate and does something with the mount's name.
func (d *dir) at(p string, write bool, do func(mount runtime.FS, name string) error) Errno {
	n, errno := d.resolve(p)
	if errno != Success {
		return errno
	}
	if errno := n.may(write); errno != Success {
		return errno
	}
	return errnoOf(do(n.mount.FS, n.name))
}

func (d *dir) lstat(p string, follow bool) (st Filestat, errno Errno) {
	errno = d.at(p, false, func(m runtime.FS, name string) error {
		fi, err := m.Stat(name, follow)
		if err == nil {
			st = filestatOf(fi)
		}
		return err
	})
	return st, errno
}

func (d *dir) chtimes(p string, follow bool, atim, mtim uint64, flags uint16) Errno {
	a, m, errno := timesOf(atim, mtim, flags)
	if errno != Success {
		return errno
	}
	return d.at(p, true, func(mount runtime.FS, name string) error { return mount.Chtimes(name, follow, a, m) })
}

func (d *dir) mkdir(p string) Errno { return d.at(p, true, runtime.FS.Mkdir) }

func (d *dir) rmdir(p string) Errno {
	return d.at(p, true, func(m runtime.FS, name string) error { return m.Remove(name, true) })
}

func (d *dir) unlink(p string) Errno {
	return d.at(p, true, func(m runtime.FS, name string) error { return m.Remove(name, false) })
}

func (d *dir) readlink(p string) (target string, errno Errno) {
	errno = d.at(p, false, func(m runtime.FS, name string) (err error) {
		target, err = m.Readlink(name)
		return err
	})
	return target, errno
}

func (d *dir) symlink(target, p string) Errno {
	switch {
	case target == "":
		return ENOENT
	case strings.ContainsRune(target, 0):
		return EINVAL
	case !utf8.ValidString(target):
		return EILSEQ
	}
	return d.at(p, true, func(m runtime.FS, name string) error { return m.Symlink(target, name) })
}

// link does not follow a link: what it leads to may change between the look and
// the act.
func (d *dir) link(p string, follow bool, to *dir, toPath string) Errno {
	if follow {
		return EINVAL
	}
	return d.pair(p, to, toPath, runtime.FS.Link)
}

func (d *dir) rename(p string, to *dir, toPath string) Errno {
	return d.pair(p, to, toPath, runtime.FS.Rename)
}

// pair does something that changes two names of one mount. What the first one stands
// for can be read by the second one then, so reading it is asked for as well.
func (d *dir) pair(p string, to *dir, toPath string, do func(m runtime.FS, from, to string) error) Errno {
	n, errno := to.resolve(toPath)
	if errno != Success {
		return errno
	}
	from, errno := d.resolve(p)
	if errno != Success {
		return errno
	}
	for _, use := range []struct {
		of    *node
		write bool
	}{{n, true}, {from, true}, {from, false}} {
		if errno := use.of.may(use.write); errno != Success {
			return errno
		}
	}
	if d.mount.Path != to.mount.Path {
		return EXDEV
	}
	return errnoOf(do(d.mount.FS, from.name, n.name))
}

// Flags for opening ("oflags").
const (
	openCreate    = 1
	openDirectory = 2
	openExclusive = 4
	openTruncate  = 8
)

// open opens what a path names. Rights decide whether it is opened for reading,
// writing or both.
func (d *dir) open(p string, follow bool, oflags uint16, rights uint64, fdflags uint16) (File, Errno) {
	const directoryExcludes = openCreate | openTruncate
	if oflags > 15 || fdflags > 31 || oflags&openDirectory != 0 && oflags&directoryExcludes != 0 {
		return nil, EINVAL
	}
	n, errno := d.resolve(p)
	if errno != Success {
		return nil, errno
	}
	flag := hostFlags(oflags, rights, fdflags)
	if errno := n.mayOpen(flag, rights); errno != Success {
		return nil, errno
	}
	var create Errno // why nothing may be created
	if flag&os.O_CREATE != 0 {
		if create = n.may(true); create != Success {
			flag &^= os.O_CREATE | os.O_EXCL
		}
	}
	f, err := n.mount.FS.OpenFile(n.name, flag, follow)
	switch {
	case err == nil && create != Success && oflags&openExclusive != 0:
		_ = f.Close()
		return nil, EEXIST
	case err != nil && create != Success && errors.Is(err, fs.ErrNotExist):
		return nil, create
	case err != nil:
		return nil, errnoOf(err)
	}
	file, errno := n.opened(f, oflags, rights, flag)
	if errno != Success {
		_ = f.Close()
	}
	return file, errno
}

// mayOpen asks for all that a file is opened for, before it is truncated.
func (n *node) mayOpen(flag int, rights uint64) Errno {
	if flag&writable == 0 {
		return n.may(false)
	}
	if errno := n.may(true); errno != Success || rights&(rightRead|rightReaddir) == 0 {
		return errno
	}
	return n.may(false)
}

// hostFlags returns the flags of package os.
func hostFlags(oflags uint16, rights uint64, fdflags uint16) int {
	flag := os.O_RDONLY
	switch change := rights&rightsToChange != 0; {
	case change && rights&(rightRead|rightReaddir) != 0, oflags&openTruncate != 0:
		flag = os.O_RDWR
	case change:
		flag = os.O_WRONLY
	}
	add := func(given bool, f int) {
		if given {
			flag |= f
		}
	}
	add(oflags&openCreate != 0, os.O_CREATE)
	add(oflags&openExclusive != 0, os.O_EXCL)
	add(oflags&openTruncate != 0, os.O_TRUNC)
	add(fdflags&flagsSync != 0, os.O_SYNC)
	add(fdflags&flagAppend != 0, os.O_APPEND)
	return flag
}

// opened returns the descriptor's file for what was opened.
func (n *node) opened(f runtime.File, oflags uint16, rights uint64, flag int) (File, Errno) {
	fi, err := f.Stat()
	if err != nil {
		return nil, errnoOf(err)
	}
	if !fi.IsDir() {
		if oflags&openDirectory != 0 {
			return nil, ENOTDIR
		}
		return &regular{node: *n, file: f, flag: flag &^ (os.O_CREATE | os.O_EXCL | os.O_TRUNC), rights: rights & rightsOfFiles}, Success
	}
	if flag&writable != 0 {
		return nil, EISDIR // not every system says so itself
	}
	d := &dir{node: *n, list: listing{file: f}}
	if d.name = strings.TrimRight(d.name, "/"); d.name == "" {
		d.name = "."
	}
	return d, Success
}

// Fdstat implements [File]: a directory has all rights, and what comes of them is
// decided for each path.
func (d *dir) Fdstat() Fdstat {
	return Fdstat{Type: FiletypeDirectory, Rights: rightsOfDirs, Inheriting: rightsOfAnything}
}

// Stat implements [File].
func (d *dir) Stat() (Filestat, Errno) {
	if errno := d.may(false); errno != Success {
		return Filestat{}, errno
	}
	if d.preopened {
		fi, err := d.mount.FS.Stat(".", true)
		if err != nil {
			return Filestat{}, errnoOf(err)
		}
		return filestatOf(fi), Success
	}
	fi, err := d.list.file.Stat()
	if err != nil {
		return Filestat{}, errnoOf(err)
	}
	return filestatOf(fi), Success
}

// SetTimes implements [File].
func (d *dir) SetTimes(atim, mtim uint64, flags uint16) Errno {
	return d.chtimes(".", true, atim, mtim, flags)
}

// Sync implements [File]: entries reach the disk when the system likes.
func (d *dir) Sync() Errno { return d.may(false) }

// Close implements [File].
func (d *dir) Close() Errno {
	if d.list.file == nil {
		return Success
	}
	return errnoOf(d.list.file.Close())
}

// What cannot be done with a directory.

func (d *dir) Read([]byte) (int, Errno)            { return 0, EISDIR }
func (d *dir) Write([]byte) (int, Errno)           { return 0, EISDIR }
func (d *dir) ReadAt([]byte, uint64) (int, Errno)  { return 0, EISDIR }
func (d *dir) WriteAt([]byte, uint64) (int, Errno) { return 0, EISDIR }
func (d *dir) SeekTo(int64, uint8) (uint64, Errno) { return 0, EISDIR }
func (d *dir) SetSize(uint64) Errno                { return EISDIR }
func (d *dir) Allocate(uint64, uint64) Errno       { return EISDIR }
func (d *dir) Ready(bool) (Readiness, Errno)       { return Readiness{}, EISDIR }
