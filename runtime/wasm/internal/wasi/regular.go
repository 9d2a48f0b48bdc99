package wasi

import (
	"errors"
	"io"
	"math"
	"os"

	"github.com/mcpwasm/mcpwasm/runtime"
)

// regular is an open regular file.
type regular struct {
	node
	file   runtime.File
	flag   int // of package os, to open it again with
	rights uint64
}

// writable are the flags of a file that can be written to.
const writable = os.O_WRONLY | os.O_RDWR

// maxTransfer bounds what one read or write of the host moves, so that the end
// of the call's context is seen between two.
const maxTransfer = 1 << 20

// Fdstat implements [File].
func (r *regular) Fdstat() Fdstat { return Fdstat{Type: FiletypeRegular, Rights: r.rights} }

// used asks for what neither reads nor writes: whoever may do what the file was
// opened for may do that.
func (r *regular) used() Errno { return r.may(r.flag&writable != 0 && r.rights&rightRead == 0) }

// Stat implements [File].
func (r *regular) Stat() (Filestat, Errno) {
	if errno := r.used(); errno != Success {
		return Filestat{}, errno
	}
	fi, err := r.file.Stat()
	if err != nil {
		return Filestat{}, errnoOf(err)
	}
	return filestatOf(fi), Success
}

// allowed asks for a right of the descriptor and then the gate.
func (r *regular) allowed(write bool) Errno {
	right := uint64(rightRead)
	if write {
		right = rightWrite
	}
	if r.rights&right == 0 {
		return EBADF
	}
	return r.may(write)
}

// Read implements [File].
func (r *regular) Read(p []byte) (int, Errno) {
	if errno := r.allowed(false); errno != Success {
		return 0, errno
	}
	return count(r.file.Read(p[:min(len(p), maxTransfer)]))
}

// Write implements [File].
func (r *regular) Write(p []byte) (int, Errno) {
	if errno := r.allowed(true); errno != Success {
		return 0, errno
	}
	return count(r.file.Write(p[:min(len(p), maxTransfer)]))
}

// ReadAt implements [File].
func (r *regular) ReadAt(p []byte, off uint64) (int, Errno) {
	if errno := r.allowed(false); errno != Success {
		return 0, errno
	}
	if off > math.MaxInt64 {
		return 0, EINVAL
	}
	n := min(uint64(len(p)), maxTransfer, math.MaxInt64-off) // no file goes on beyond
	return count(r.file.ReadAt(p[:n], int64(off)))
}

// WriteAt implements [File]. A file that is appended to is appended to, as on
// Linux; the position stays.
func (r *regular) WriteAt(p []byte, off uint64) (int, Errno) {
	if errno := r.allowed(true); errno != Success {
		return 0, errno
	}
	p = p[:min(len(p), maxTransfer)]
	switch {
	case off > math.MaxInt64:
		return 0, EINVAL
	case off > math.MaxInt64-uint64(len(p)):
		return 0, EFBIG
	case r.flag&os.O_APPEND == 0:
		return count(r.file.WriteAt(p, int64(off)))
	}
	at, err := r.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, errnoOf(err)
	}
	n, errno := count(r.file.Write(p))
	if _, err := r.file.Seek(at, io.SeekStart); err != nil && errno == Success {
		errno = errnoOf(err)
	}
	return n, errno
}

// count turns the result of a transfer into the guest's: the end of a file is no
// error, and neither is a part.
func count(n int, err error) (int, Errno) {
	if n > 0 || errors.Is(err, io.EOF) {
		return n, Success
	}
	return n, errnoOf(err)
}

// SeekTo implements [File].
func (r *regular) SeekTo(delta int64, whence uint8) (uint64, Errno) {
	if errno := r.used(); errno != Success {
		return 0, errno
	}
	at, err := r.file.Seek(delta, int(whence))
	return uint64(max(at, 0)), errnoOf(err)
}

// change asks whether size, content or times may be changed through the
// descriptor.
func (r *regular) change(right uint64) Errno {
	if r.rights&right == 0 {
		return EBADF
	}
	return r.may(true)
}

// SetSize implements [File].
func (r *regular) SetSize(n uint64) Errno {
	if errno := r.change(rightSetSize | rightWrite); errno != Success {
		return errno
	}
	if n > math.MaxInt64 {
		return EFBIG
	}
	return errnoOf(r.file.Truncate(int64(n)))
}

// Allocate implements [File].
func (r *regular) Allocate(off, n uint64) Errno {
	if errno := r.change(rightAllocate | rightWrite); errno != Success {
		return errno
	}
	switch {
	case n == 0:
		return EINVAL
	case off > math.MaxInt64 || n > math.MaxInt64-off:
		return EFBIG
	}
	return errnoOf(r.file.Grow(int64(off + n)))
}

// SetTimes implements [File].
func (r *regular) SetTimes(atim, mtim uint64, flags uint16) Errno {
	a, m, errno := timesOf(atim, mtim, flags)
	if errno != Success {
		return errno
	}
	if errno := r.may(true); errno != Success {
		return errno
	}
	return errnoOf(r.file.Chtimes(a, m))
}

// Sync implements [File].
func (r *regular) Sync() Errno {
	if errno := r.used(); errno != Success {
		return errno
	}
	return errnoOf(r.file.Sync())
}

// Ready implements [File]: a disk is not waited for.
func (r *regular) Ready(write bool) (Readiness, Errno) {
	if errno := r.allowed(write); errno != Success {
		return Readiness{}, errno
	}
	return Readiness{Ready: true, Bytes: maxTransfer}, Success
}

// Close implements [File].
func (r *regular) Close() Errno { return errnoOf(r.file.Close()) }

// setAppend makes writes go to the end of the file, or no longer. Systems cannot
// change that for an open file everywhere, so it is opened again; one that has no
// name any more stays as it is.
func (r *regular) setAppend(on bool) Errno {
	if r.flag&writable == 0 || on == (r.flag&os.O_APPEND != 0) {
		return Success
	}
	if errno := r.may(true); errno != Success {
		return errno
	}
	f, err := r.mount.FS.OpenFile(r.name, r.flag^os.O_APPEND, true)
	if err != nil {
		return errnoOf(err)
	}
	if errno := r.follow(f); errno != Success {
		_ = f.Close()
		return errno
	}
	_ = r.file.Close()
	r.file, r.flag = f, r.flag^os.O_APPEND
	return Success
}

// follow makes sure that f is the same file, and takes over the position.
func (r *regular) follow(f runtime.File) Errno {
	was, err := r.file.Stat()
	if err != nil {
		return errnoOf(err)
	}
	is, err := f.Stat()
	if err != nil {
		return errnoOf(err)
	}
	if !os.SameFile(was, is) {
		return ENOTSUP
	}
	at, err := r.file.Seek(0, io.SeekCurrent)
	if err == nil {
		_, err = f.Seek(at, io.SeekStart)
	}
	return errnoOf(err)
}
