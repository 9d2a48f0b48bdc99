package sysstat

import (
	"syscall"
	"time"
)

func fill(s *Stat, sys any) {
	if st, ok := sys.(*syscall.Win32FileAttributeData); ok {
		s.Atime = time.Unix(0, st.LastAccessTime.Nanoseconds())
	}
}
