package cache

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

const nonblock = 0

// renameLocked says that a file cannot be renamed while it is open.
const renameLocked = false

// tryLock locks a file until it is closed, alone or with others, and reports
// whether it could: somebody else may have it. What is locked is a byte far behind
// the content, which stays readable to all.
func tryLock(f *os.File, alone bool) (bool, error) {
	flags := uint32(windows.LOCKFILE_FAIL_IMMEDIATELY)
	if alone {
		flags |= windows.LOCKFILE_EXCLUSIVE_LOCK
	}
	err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, &windows.Overlapped{OffsetHigh: 1 << 30})
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, windows.ERROR_LOCK_VIOLATION), errors.Is(err, windows.ERROR_IO_PENDING):
		return false, nil
	}
	return false, err
}
