// Package privdir makes directories that only their user can write to or read.
package privdir

import (
	"fmt"
	"os"
	goruntime "runtime"
)

// Make makes a directory with its parents, mode 0700. One that is there already
// is taken where it is the user's own, and closed to others; another user's is
// refused, since whoever owns it decides what is in it. Windows has no such
// modes: there a directory has its parent's access list.
func Make(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if goruntime.GOOS == "windows" {
		return nil
	}
	st, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if owner, ok := owner(st); ok && owner != os.Geteuid() {
		return fmt.Errorf("%s belongs to user %d: use a directory of your own", dir, owner)
	}
	if st.Mode().Perm()&0o077 == 0 {
		return nil
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return fmt.Errorf("%s is open to others (mode %#o): %w", dir, st.Mode().Perm(), err)
	}
	return nil
}
