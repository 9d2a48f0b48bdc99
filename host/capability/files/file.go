package files

import (
	"io"
	"io/fs"
	"math"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/mcpwasm/mcpwasm/runtime"
)

// file is an open file of a folder. What makes it larger is done with the
// folder's lock held, so that it is counted.
type file struct {
	*os.File
	folder *Folder
	info   fs.FileInfo // from when it was opened: which file it is
	append bool
	once   sync.Once
}

var _ runtime.File = (*file)(nil)

// begin is the rest of opening.
func (o *file) begin(flag int) error {
	o.append = flag&os.O_APPEND != 0
	if flag&os.O_TRUNC == 0 || o.info.IsDir() {
		return nil
	}
	return o.resize(0)
}

// Write implements [runtime.File].
func (o *file) Write(p []byte) (n int, err error) {
	o.folder.mu.Lock()
	defer o.folder.mu.Unlock()
	whence := io.SeekCurrent
	if o.append {
		whence = io.SeekEnd
	}
	at, err := o.Seek(0, whence)
	if err != nil {
		return 0, err
	}
	err = o.growing(at, len(p), func() error { n, err = o.File.Write(p); return err })
	return n, err
}

// WriteAt implements [runtime.File].
func (o *file) WriteAt(p []byte, off int64) (n int, err error) {
	o.folder.mu.Lock()
	defer o.folder.mu.Unlock()
	err = o.growing(off, len(p), func() error { n, err = o.File.WriteAt(p, off); return err })
	return n, err
}

// growing writes n bytes at a position, if there is room for what the file grows
// by; what it grew by is counted, even if the writing failed half-way.
func (o *file) growing(at int64, n int, write func() error) error {
	if n == 0 {
		return nil // not even a hole
	}
	if at > math.MaxInt64-int64(n) {
		return fail("write", o.Name(), syscall.EFBIG)
	}
	before, err := o.Stat()
	if err != nil {
		return err
	}
	if err := o.folder.room(0, at+int64(n)-before.Size()); err != nil {
		return err
	}
	err = write()
	if after, err := o.Stat(); err == nil {
		o.folder.usage.bytes += after.Size() - before.Size()
	}
	return err
}

// Truncate implements [runtime.File].
func (o *file) Truncate(size int64) error {
	o.folder.mu.Lock()
	defer o.folder.mu.Unlock()
	return o.resize(size)
}

// Grow implements [runtime.File].
func (o *file) Grow(size int64) error {
	o.folder.mu.Lock()
	defer o.folder.mu.Unlock()
	fi, err := o.Stat()
	if err != nil || fi.Size() >= size {
		return err
	}
	return o.resize(size)
}

// resize is called with the folder's lock held.
func (o *file) resize(size int64) error {
	fi, err := o.Stat()
	if err != nil {
		return err
	}
	return o.folder.add(0, size-fi.Size(), func() error { return o.File.Truncate(size) })
}

// Chtimes implements [runtime.File].
func (o *file) Chtimes(atime, mtime time.Time) error {
	return fileTimes(o.File, atime, mtime)
}

// Close implements [runtime.File]. A file without a name is gone with the last
// that has it open.
func (o *file) Close() error {
	err := fs.ErrClosed
	o.once.Do(func() {
		o.folder.mu.Lock()
		defer o.folder.mu.Unlock()
		fi, statErr := o.Stat()
		err = o.File.Close()
		delete(o.folder.open, o)
		if statErr != nil || fi.IsDir() || names(fi) != 0 {
			return
		}
		for other := range o.folder.open {
			if os.SameFile(other.info, fi) {
				return
			}
		}
		o.folder.release(fi.Size())
	})
	return err
}
