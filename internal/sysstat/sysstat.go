// Package sysstat reads what the operating system says about a file beyond
// [fs.FileInfo].
package sysstat

import (
	"io/fs"
	"time"
)

// Stat is what is known. Where the system does not say, numbers are zero, Links
// is 1 and the times are that of the last modification.
type Stat struct {
	Dev, Ino, Links uint64
	Atime, Ctime    time.Time
}

// Of returns what fi, which comes from package os, says.
func Of(fi fs.FileInfo) Stat {
	s := Stat{Links: 1, Atime: fi.ModTime(), Ctime: fi.ModTime()}
	fill(&s, fi.Sys())
	return s
}
