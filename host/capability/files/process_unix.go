//go:build unix

package files

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// alive reports whether there is a process with a number, whoever's it is.
func alive(pid int) bool {
	return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

// own reports whether a folder is this user's: others can give a folder any name
// in a place that all share.
func own(e fs.DirEntry) bool {
	fi, err := e.Info()
	if err != nil {
		return false
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Getuid()
}
