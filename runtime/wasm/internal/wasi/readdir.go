package wasi

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/mcpwasm/mcpwasm/runtime"
)

// listing goes through a directory. A cookie is the number of an entry; "." and
// ".." are the first two. Some entries are kept, so that a guest can ask again
// for one that did not fit; for an earlier one the directory is read anew.
type listing struct {
	file    runtime.File
	next    uint64 // the number after the last of entries
	entries []fs.DirEntry
}

// listed is how many entries are read at once.
const listed = 256

// dots is the number of entries that no file system lists.
const dots = 2

// entry returns the entry with a number, or nil where there is none.
func (l *listing) entry(ctx context.Context, n uint64) (fs.DirEntry, error) {
	if n < dots {
		return nil, fs.ErrInvalid
	}
	if n < l.next-uint64(len(l.entries)) {
		if err := l.rewind(); err != nil {
			return nil, err
		}
	}
	for n >= l.next {
		stop(ctx)
		entries, err := l.file.ReadDir(listed)
		if len(entries) == 0 {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return nil, err
		}
		l.entries = entries
		l.next += uint64(len(entries))
	}
	return l.entries[uint64(len(l.entries))-(l.next-n)], nil
}

func (l *listing) rewind() error {
	l.entries, l.next = nil, dots
	_, err := l.file.Seek(0, io.SeekStart)
	return err
}

// readDir fills buf with entries from cookie on ("dirent"). The last one may be
// cut off; one that is shorter than buf ends the directory.
func (d *dir) readDir(ctx context.Context, buf []byte, cookie uint64) (int, Errno) {
	if errno := d.may(false); errno != Success {
		return 0, errno
	}
	if errno := d.startListing(cookie); errno != Success {
		return 0, errno
	}
	n := 0
	for ; n < len(buf); cookie++ {
		e, err := d.entry(ctx, cookie)
		if err != nil && n == 0 {
			return 0, errnoOf(err)
		}
		if e == nil {
			break
		}
		n += e.put(buf[n:], cookie+1)
	}
	return n, Success
}

// startListing makes sure that there is something to list; from the start, the
// directory is read anew.
func (d *dir) startListing(cookie uint64) Errno {
	if d.list.file == nil {
		f, err := d.mount.FS.OpenFile(".", os.O_RDONLY, true)
		if err != nil {
			return errnoOf(err)
		}
		d.list.file = f
	}
	if d.list.next < dots || cookie < dots {
		return errnoOf(d.list.rewind())
	}
	return Success
}

// dirent is an entry as a guest sees it.
type dirent struct {
	name string
	kind Filetype
	ino  uint64
}

func (d *dir) entry(ctx context.Context, n uint64) (*dirent, error) {
	switch n {
	case 0:
		return d.dot(".")
	case 1:
		if d.name == "." {
			return d.dot("..")
		}
		e := &dirent{name: "..", kind: FiletypeDirectory}
		if fi, err := d.mount.FS.Stat(d.name+"/..", true); err == nil {
			e.ino = filestatOf(fi).Ino
		}
		return e, nil
	}
	e, err := d.list.entry(ctx, n)
	if e == nil || err != nil {
		return nil, err
	}
	de := &dirent{name: e.Name(), kind: typeOf(e.Type())}
	if fi, err := e.Info(); err == nil { // it may be gone by now
		de.ino = filestatOf(fi).Ino
	}
	return de, nil
}

func (d *dir) dot(name string) (*dirent, error) {
	fi, err := d.list.file.Stat()
	if err != nil {
		return nil, err
	}
	return &dirent{name: name, kind: FiletypeDirectory, ino: filestatOf(fi).Ino}, nil
}

// put writes the entry, as far as there is room, and returns how much that was.
func (e *dirent) put(buf []byte, next uint64) int {
	b := make([]byte, 24, 24+len(e.name))
	le.PutUint64(b, next)
	le.PutUint64(b[8:], e.ino)
	le.PutUint32(b[16:], uint32(len(e.name)))
	b[20] = byte(e.kind)
	return copy(buf, append(b, e.name...))
}
