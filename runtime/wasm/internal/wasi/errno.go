package wasi

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/mcpwasm/mcpwasm/runtime"
)

// Errno is an error number of preview 1 ("errno").
type Errno uint32

// The error numbers that are used here.
const (
	Success      Errno = 0
	EACCES       Errno = 2
	EAGAIN       Errno = 6
	EBADF        Errno = 8
	EBUSY        Errno = 10
	EDQUOT       Errno = 19
	EEXIST       Errno = 20
	EFAULT       Errno = 21
	EFBIG        Errno = 22
	EILSEQ       Errno = 25
	EINVAL       Errno = 28
	EIO          Errno = 29
	EISDIR       Errno = 31
	ELOOP        Errno = 32
	EMFILE       Errno = 33
	EMLINK       Errno = 34
	ENAMETOOLONG Errno = 37
	ENOENT       Errno = 44
	ENOSPC       Errno = 51
	ENOTDIR      Errno = 54
	ENOTEMPTY    Errno = 55
	ENOTSOCK     Errno = 57
	ENOTSUP      Errno = 58
	ENXIO        Errno = 60
	EPERM        Errno = 63
	EPIPE        Errno = 64
	EROFS        Errno = 69
	ESPIPE       Errno = 70
	ETXTBSY      Errno = 74
	EXDEV        Errno = 75
	ENOTCAPABLE  Errno = 76
)

// systemErrnos are the host's error numbers that have a name of their own in
// preview 1. On Windows some of them are package syscall's own; what the system
// itself says is in errno_windows.go.
var systemErrnos = map[syscall.Errno]Errno{
	syscall.EACCES:       EACCES,
	syscall.EAGAIN:       EAGAIN,
	syscall.EBADF:        EBADF,
	syscall.EBUSY:        EBUSY,
	syscall.EEXIST:       EEXIST,
	syscall.EFBIG:        EFBIG,
	syscall.EINVAL:       EINVAL,
	syscall.EISDIR:       EISDIR,
	syscall.ELOOP:        ELOOP,
	syscall.EMFILE:       EMFILE,
	syscall.EMLINK:       EMLINK,
	syscall.ENAMETOOLONG: ENAMETOOLONG,
	syscall.ENFILE:       EMFILE,
	syscall.ENOENT:       ENOENT,
	syscall.ENOSPC:       ENOSPC,
	syscall.ENOTDIR:      ENOTDIR,
	syscall.ENOTEMPTY:    ENOTEMPTY,
	syscall.ENXIO:        ENXIO,
	syscall.EPERM:        EPERM,
	syscall.EROFS:        EROFS,
	syscall.ESPIPE:       ESPIPE,
	syscall.ETXTBSY:      ETXTBSY,
	syscall.EXDEV:        EXDEV,
}

// goErrors are errors of any system, by what package os says they are.
var goErrors = []struct {
	err   error
	errno Errno
}{
	{runtime.ErrQuota, EDQUOT},
	{runtime.ErrReadOnly, EROFS},
	{fs.ErrNotExist, ENOENT},
	{fs.ErrExist, EEXIST},
	{fs.ErrPermission, EACCES},
	{fs.ErrInvalid, EINVAL},
	{fs.ErrClosed, EBADF},
	{errors.ErrUnsupported, ENOTSUP},
}

// errnoOf returns the number for an error of a [runtime.FS]. What has none is EIO.
func errnoOf(err error) Errno {
	if err == nil {
		return Success
	}
	var host syscall.Errno
	if errors.As(err, &host) {
		if errno, ok := systemErrnos[host]; ok {
			return errno
		}
	}
	for _, e := range goErrors {
		if errors.Is(err, e.err) {
			return e.errno
		}
	}
	return EIO
}
