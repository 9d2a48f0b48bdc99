package wasi

import "syscall"

// Numbers of the Windows API ("System Error Codes") that package syscall does
// not name.
const (
	errorNotSameDevice  syscall.Errno = 17
	errorWriteProtect   syscall.Errno = 19
	errorSharing        syscall.Errno = 32
	errorDiskFull       syscall.Errno = 112
	errorInvalidName    syscall.Errno = 123
	errorDirectory      syscall.Errno = 267
	errorTooManyOpen    syscall.Errno = 4
	errorTooManyLinks   syscall.Errno = 1142
	errorFilenameExceed syscall.Errno = 206
)

func init() {
	for host, errno := range map[syscall.Errno]Errno{
		errorNotSameDevice:               EXDEV,
		errorWriteProtect:                EROFS,
		errorSharing:                     EBUSY,
		errorDiskFull:                    ENOSPC,
		errorInvalidName:                 ENOENT,
		errorDirectory:                   ENOTDIR,
		errorTooManyOpen:                 EMFILE,
		errorTooManyLinks:                EMLINK,
		errorFilenameExceed:              ENAMETOOLONG,
		syscall.ERROR_DIR_NOT_EMPTY:      ENOTEMPTY,
		syscall.ERROR_PRIVILEGE_NOT_HELD: EPERM,
	} {
		systemErrnos[host] = errno
	}
}
