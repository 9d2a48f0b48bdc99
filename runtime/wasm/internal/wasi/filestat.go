package wasi

import (
	"io/fs"
	"math"
	"time"

	"github.com/mcpwasm/mcpwasm/internal/sysstat"
)

// typeOf returns the type for a mode. A FIFO has none.
func typeOf(m fs.FileMode) Filetype {
	switch m.Type() {
	case 0:
		return FiletypeRegular
	case fs.ModeDir:
		return FiletypeDirectory
	case fs.ModeSymlink:
		return FiletypeLink
	case fs.ModeSocket:
		return FiletypeSocket
	case fs.ModeDevice:
		return FiletypeBlock
	case fs.ModeDevice | fs.ModeCharDevice:
		return FiletypeCharacter
	}
	return FiletypeUnknown
}

func filestatOf(fi fs.FileInfo) Filestat {
	sys := sysstat.Of(fi)
	return Filestat{
		Dev: sys.Dev, Ino: sys.Ino, Links: sys.Links,
		Type: typeOf(fi.Mode()), Size: uint64(max(fi.Size(), 0)),
		Atim: nanoseconds(sys.Atime), Mtim: nanoseconds(fi.ModTime()), Ctim: nanoseconds(sys.Ctime),
	}
}

// nanoseconds is 0 for what comes before 1970.
func nanoseconds(t time.Time) uint64 { return uint64(max(t.UnixNano(), 0)) }

// Flags for setting times ("fstflags").
const (
	setAtim    = 1
	setAtimNow = 2
	setMtim    = 4
	setMtimNow = 8
)

// timesOf returns the times that a guest wants a file to have; a zero one stays
// as it is.
func timesOf(atim, mtim uint64, flags uint16) (a, m time.Time, errno Errno) {
	if flags > setAtim|setAtimNow|setMtim|setMtimNow {
		return a, m, EINVAL
	}
	now := time.Now()
	a, errno = timeOf(atim, flags&setAtim != 0, flags&setAtimNow != 0, now)
	if errno == Success {
		m, errno = timeOf(mtim, flags&setMtim != 0, flags&setMtimNow != 0, now)
	}
	return a, m, errno
}

func timeOf(ns uint64, given, current bool, now time.Time) (time.Time, Errno) {
	switch {
	case given && (current || ns > math.MaxInt64):
		return time.Time{}, EINVAL
	case given:
		return time.Unix(0, int64(ns)), Success
	case current:
		return now, Success
	}
	return time.Time{}, Success
}
