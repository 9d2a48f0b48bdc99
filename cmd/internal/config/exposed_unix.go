//go:build unix

package config

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// writers says who may write to a file, "" for the user and root.
func writers(info fs.FileInfo) string {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "is on a system that does not say who can write to it"
	}
	if st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		return fmt.Sprintf("belongs to user %d", st.Uid)
	}
	return writable(info.Mode(), st.Gid == st.Uid)
}

// writable says who may write by a file's mode, "" for nobody but its owner. own
// is set where the group has no member but the owner, as systems that make a
// group for each user have it. In a folder with the sticky bit, nobody replaces
// another's file.
func writable(mode fs.FileMode, own bool) string {
	switch {
	case mode.IsDir() && mode&fs.ModeSticky != 0:
		return ""
	case mode.Perm()&0o002 != 0:
		return fmt.Sprintf("can be written to by everybody (mode %#o)", mode.Perm())
	case mode.Perm()&0o020 != 0 && !own:
		return fmt.Sprintf("can be written to by its group (mode %#o)", mode.Perm())
	}
	return ""
}
