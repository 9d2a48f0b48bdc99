package wasi

import "io"

// File is what a descriptor stands for. No method blocks: one that would have
// to wait answers EAGAIN, and the [System] waits for [File.Ready] where the
// guest wants that.
type File interface {
	// Fdstat returns what the descriptor is; it asks nobody.
	Fdstat() Fdstat
	// Stat returns what is known about the file.
	Stat() (Filestat, Errno)
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

// Filetype says what a file is ("filetype").
type Filetype uint8

// The types. FiletypeUnknown is what a pipe is: preview 1 has no name for it, and
// a character device would pass for a terminal.
const (
	FiletypeUnknown   Filetype = 0
	FiletypeBlock     Filetype = 1
	FiletypeCharacter Filetype = 2
	FiletypeDirectory Filetype = 3
	FiletypeRegular   Filetype = 4
	FiletypeSocket    Filetype = 6
	FiletypeLink      Filetype = 7
)

// Fdstat is what is known about a descriptor ("fdstat"), but for its flags.
type Fdstat struct {
	Type       Filetype
	Rights     uint64 // what can be done with it
	Inheriting uint64 // and with descriptors opened from it
}

// Filestat is what is known about a file ("filestat").
type Filestat struct {
	Dev, Ino         uint64
	Type             Filetype
	Links, Size      uint64
	Atim, Mtim, Ctim uint64 // nanoseconds since 1970
}

// Readiness is the answer to a poll.
type Readiness struct {
	Ready  bool
	Bytes  uint64 // that can be read or written
	Hangup bool
}

// stream is the base of files without a position: they can be read or written
// in order, and nothing else.
type stream struct{}

func (stream) Fdstat() Fdstat {
	return Fdstat{Type: FiletypeUnknown, Rights: rightRead | rightWrite | rightSetFlags | rightFilestat | rightPoll}
}
func (stream) Stat() (Filestat, Errno)               { return Filestat{Type: FiletypeUnknown, Links: 1}, Success }
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
