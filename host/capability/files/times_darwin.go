package files

import (
	"os"
	"time"

	"github.com/mcpwasm/mcpwasm/internal/sysstat"
	"golang.org/x/sys/unix"
)

// nonblock keeps the opening of a FIFO from waiting for its other end.
const nonblock = unix.O_NONBLOCK

// linkTimes sets the times of a link in a directory, which os.Root would follow;
// a zero one stays as it is.
func linkTimes(dir *os.File, name string, atime, mtime time.Time) error {
	return control(dir, func(fd int) error {
		var st unix.Stat_t
		if err := unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return err
		}
		was := []unix.Timespec{st.Atim, st.Mtim}
		for i, t := range []time.Time{atime, mtime} {
			if !t.IsZero() {
				was[i] = unix.NsecToTimespec(t.UnixNano())
			}
		}
		return unix.UtimesNanoAt(fd, name, was, unix.AT_SYMLINK_NOFOLLOW)
	})
}

// fileTimes sets the times of an open file likewise, to the microsecond.
func fileTimes(f *os.File, atime, mtime time.Time) error {
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	return control(f, func(fd int) error {
		return unix.Futimes(fd, []unix.Timeval{timeval(atime, sysstat.Of(fi).Atime), timeval(mtime, fi.ModTime())})
	})
}

func timeval(t, otherwise time.Time) unix.Timeval {
	if t.IsZero() {
		t = otherwise
	}
	return unix.NsecToTimeval(t.UnixNano())
}

func control(f *os.File, do func(fd int) error) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := c.Control(func(fd uintptr) { failed = do(int(fd)) }); err != nil {
		return err
	}
	if failed != nil {
		return fail("chtimes", f.Name(), failed)
	}
	return nil
}
