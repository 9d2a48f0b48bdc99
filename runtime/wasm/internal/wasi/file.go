package wasi

import "io"

// File is what a descriptor stands for. No method blocks: one that would have
// to wait answers EAGAIN, and the [System] waits for [File.Ready] where the
// guest wants that.
type File interface {
	// Stat returns what the file is.
	Stat() Filestat
	// Read and Write move bytes at the file's own position. 0 bytes and
	// Success is the end of the input.
	Read(p []byte) (int, Errno)
	Write(p []byte) (int, Errno)
	// ReadAt and WriteAt are pread and pwrite.
	ReadAt(p []byte, off uint64) (int, Errno)
	WriteAt(p []byte, off uint64) (int, Errno)
	// SeekTo moves the position and returns it; whence is 0 (start), 1
	// (current) or 2 (end).
	SeekTo(delta int64, whence uint8) (uint64, Errno)
	// SetSize is ftruncate, Allocate posix_fallocate, SetTimes futimens.
	SetSize(n uint64) Errno
	Allocate(off, n uint64) Errno
	SetTimes(atim, mtim uint64, flags uint16) Errno
	// Sync writes to the disk.
	Sync() Errno
	// Ready reports whether reading or writing would not have to wait.
	Ready(write bool) (Readiness, Errno)
	// Close ends the file.
	Close() Errno
}

// Dir is a File that paths start from. Paths are the guest's, unchecked.
type Dir interface {
	File
	// Prestat returns the guest's name of a directory that it was given at
	// its start, and false for one that it opened.
	Prestat() (string, bool)
	ReadDir(buf []byte, cookie uint64) (int, Errno)
	Open(path string, follow bool, oflags uint16, rights, inheriting uint64, fdflags uint16) (File, Errno)
	Lstat(path string, follow bool) (Filestat, Errno)
	Chtimes(path string, follow bool, atim, mtim uint64, flags uint16) Errno
	Mkdir(path string) Errno
	Rmdir(path string) Errno
	Unlink(path string) Errno
	Readlink(path string) (string, Errno)
	Symlink(target, path string) Errno
	Link(path string, follow bool, to Dir, toPath string) Errno
	Rename(path string, to Dir, toPath string) Errno
}

// Filetype says what a file is ("filetype").
type Filetype uint8

// FiletypeUnknown is what a pipe is: preview 1 has no name for it, and a
// character device would pass for a terminal.
const FiletypeUnknown Filetype = 0

// Filestat is what is known about a file ("filestat").
type Filestat struct {
	Dev, Ino         uint64
	Type             Filetype
	Links, Size      uint64
	Atim, Mtim, Ctim uint64 // nanoseconds since 1970
	Rights           uint64 // what can be done with the descriptor
	Inheriting       uint64 // and with descriptors opened from it
}

// Readiness is the answer to a poll.
type Readiness struct {
	Ready  bool
	Bytes  uint64 // that can be read or written
	Hangup bool
}

// Rights of streams ("rights").
const (
	rightRead     = 1 << 1
	rightSetFlags = 1 << 3
	rightWrite    = 1 << 6
	rightFilestat = 1 << 21
	rightPoll     = 1 << 27
)

// stream is the base of files without a position: they can be read or written
// in order, and nothing else.
type stream struct{}

func (stream) Stat() Filestat {
	return Filestat{
		Type: FiletypeUnknown, Links: 1,
		Rights: rightRead | rightWrite | rightSetFlags | rightFilestat | rightPoll,
	}
}
func (stream) Read([]byte) (int, Errno)              { return 0, EBADF }
func (stream) Write([]byte) (int, Errno)             { return 0, EBADF }
func (stream) ReadAt([]byte, uint64) (int, Errno)    { return 0, ESPIPE }
func (stream) WriteAt([]byte, uint64) (int, Errno)   { return 0, ESPIPE }
func (stream) SeekTo(int64, uint8) (uint64, Errno)   { return 0, ESPIPE }
func (stream) SetSize(uint64) Errno                  { return EINVAL }
func (stream) Allocate(uint64, uint64) Errno         { return ESPIPE }
func (stream) SetTimes(uint64, uint64, uint16) Errno { return ENOTSUP }
func (stream) Sync() Errno                           { return EINVAL }
func (stream) Close() Errno                          { return Success }

// Empty returns an input that is at its end.
func Empty() File { return empty{} }

type empty struct{ stream }

func (empty) Read([]byte) (int, Errno) { return 0, Success }

func (empty) Ready(write bool) (Readiness, Errno) {
	if write {
		return Readiness{}, EBADF
	}
	return Readiness{Ready: true, Hangup: true}, Success
}

// Output returns a file whose writes go to w, which must not block for long.
func Output(w io.Writer) File { return output{w: w} }

type output struct {
	stream
	w io.Writer
}

func (o output) Write(b []byte) (int, Errno) {
	n, err := o.w.Write(b)
	if err != nil {
		return n, EIO
	}
	return n, Success
}

func (o output) Ready(write bool) (Readiness, Errno) {
	if !write {
		return Readiness{}, EBADF
	}
	return Readiness{Ready: true, Bytes: 1 << 16}, Success
}
