//go:build unix && !solaris && !aix

package store

import (
	"errors"
	"os"
	"syscall"
)

// release closes a file that may still be mapped: closing alone keeps its lock
// then.
func release(f *os.File) error {
	return errors.Join(syscall.Flock(int(f.Fd()), syscall.LOCK_UN), f.Close())
}
