package sysstat

import (
	"syscall"
	"time"
)

func fill(s *Stat, sys any) {
	st, ok := sys.(*syscall.Stat_t)
	if !ok {
		return
	}
	s.Dev, s.Ino, s.Links = uint64(st.Dev), st.Ino, uint64(st.Nlink) //nolint:unconvert // other widths on other systems
	s.Atime = time.Unix(st.Atimespec.Unix())
	s.Ctime = time.Unix(st.Ctimespec.Unix())
}
