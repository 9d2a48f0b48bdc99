package wasi

// Errno is an error number of preview 1 ("errno").
type Errno uint32

// The error numbers that are used here.
const (
	Success      Errno = 0
	EAGAIN       Errno = 6
	EBADF        Errno = 8
	EFAULT       Errno = 21
	EINVAL       Errno = 28
	EIO          Errno = 29
	EMFILE       Errno = 33
	ENAMETOOLONG Errno = 37
	ENOTDIR      Errno = 54
	ENOTSOCK     Errno = 57
	ENOTSUP      Errno = 58
	ENOTCAPABLE  Errno = 76
	EPIPE        Errno = 64
	EROFS        Errno = 69
	ESPIPE       Errno = 70
)
