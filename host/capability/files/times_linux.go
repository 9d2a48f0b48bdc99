package files

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// nonblock keeps the opening of a FIFO from waiting for its other end.
const nonblock = unix.O_NONBLOCK

// linkTimes sets the times of a link in a directory, which os.Root would follow;
// a zero one stays as it is.
func linkTimes(dir *os.File, name string, atime, mtime time.Time) error {
	return setTimes(dir, name, unix.AT_SYMLINK_NOFOLLOW, atime, mtime)
}

// fileTimes sets the times of an open file likewise.
func fileTimes(f *os.File, atime, mtime time.Time) error {
	return setTimes(f, "", unix.AT_EMPTY_PATH, atime, mtime)
}

func setTimes(f *os.File, name string, flags int, atime, mtime time.Time) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = c.Control(func(fd uintptr) {
		failed = unix.UtimesNanoAt(int(fd), name, []unix.Timespec{timespec(atime), timespec(mtime)}, flags)
	})
	if err == nil && failed != nil {
		err = fail("chtimes", f.Name(), failed)
	}
	return err
}

func timespec(t time.Time) unix.Timespec {
	if t.IsZero() {
		return unix.Timespec{Nsec: unix.UTIME_OMIT}
	}
	return unix.NsecToTimespec(t.UnixNano())
}
