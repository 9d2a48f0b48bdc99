//go:build wasip1

package main

import (
	"syscall"
	"unsafe"
)

// Functions of WASI preview 1, by which a program learns what was opened for it.

//go:wasmimport wasi_snapshot_preview1 fd_prestat_get
//go:noescape
func fdPrestatGet(fd int32, stat unsafe.Pointer) syscall.Errno

//go:wasmimport wasi_snapshot_preview1 fd_prestat_dir_name
//go:noescape
func fdPrestatDirName(fd int32, path unsafe.Pointer, size int32) syscall.Errno

// preopens returns the paths of the directories that were opened for the
// program: from descriptor 3 on, up to the first that is none.
func preopens() []string {
	var paths []string
	for fd := int32(3); ; fd++ {
		var stat struct{ tag, size uint32 }
		if fdPrestatGet(fd, unsafe.Pointer(&stat)) != 0 {
			return paths
		}
		name := make([]byte, stat.size)
		if stat.tag != 0 || fdPrestatDirName(fd, unsafe.Pointer(unsafe.SliceData(name)), int32(stat.size)) != 0 {
			continue
		}
		paths = append(paths, string(name))
	}
}
