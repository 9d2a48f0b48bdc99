//go:build !linux && !darwin && !windows

package files

import (
	"errors"
	"os"
	"syscall"
	"time"
)

// nonblock keeps the opening of a FIFO from waiting for its other end.
const nonblock = syscall.O_NONBLOCK

func linkTimes(_ *os.File, name string, _, _ time.Time) error {
	return fail("chtimes", name, errors.ErrUnsupported)
}

func fileTimes(f *os.File, _, _ time.Time) error {
	return fail("chtimes", f.Name(), errors.ErrUnsupported)
}
