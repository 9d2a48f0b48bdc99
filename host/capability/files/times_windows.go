package files

import (
	"errors"
	"os"
	"syscall"
	"time"
)

// nonblock: a pipe has no name in a folder here.
const nonblock = 0

func linkTimes(_ *os.File, name string, _, _ time.Time) error {
	return fail("chtimes", name, errors.ErrUnsupported)
}

// fileTimes sets the times of an open file; a zero one stays as it is.
func fileTimes(f *os.File, atime, mtime time.Time) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = c.Control(func(h uintptr) {
		failed = syscall.SetFileTime(syscall.Handle(h), nil, filetime(atime), filetime(mtime))
	})
	if err == nil && failed != nil {
		err = fail("chtimes", f.Name(), failed)
	}
	return err
}

func filetime(t time.Time) *syscall.Filetime {
	if t.IsZero() {
		return nil
	}
	ft := syscall.NsecToFiletime(t.UnixNano())
	return &ft
}
