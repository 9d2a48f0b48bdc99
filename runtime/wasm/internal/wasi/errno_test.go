package wasi

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"testing"

	"github.com/mcpwasm/mcpwasm/runtime"
)

func TestErrnoOf(t *testing.T) {
	tests := []struct {
		err  error
		want Errno
	}{
		{nil, Success},
		{fmt.Errorf("write: %w", runtime.ErrQuota), EDQUOT},
		{runtime.ErrReadOnly, EROFS},
		{&fs.PathError{Err: syscall.ENOSPC}, ENOSPC},
		{&os.LinkError{Err: syscall.EXDEV}, EXDEV},
		{&os.SyscallError{Err: syscall.ENOTEMPTY}, ENOTEMPTY},
		{&fs.PathError{Err: fs.ErrNotExist}, ENOENT},
		{fs.ErrExist, EEXIST},
		{fs.ErrPermission, EACCES},
		{fs.ErrInvalid, EINVAL},
		{os.ErrClosed, EBADF},
		{errors.ErrUnsupported, ENOTSUP},
		{syscall.ECHILD, EIO},
		{errors.New("anything"), EIO},
	}
	for _, tt := range tests {
		if got := errnoOf(tt.err); got != tt.want {
			t.Errorf("%v: %d, want %d", tt.err, got, tt.want)
		}
	}
}
