//go:build unix

package wasi

import "syscall"

func init() { systemErrnos[syscall.EDQUOT] = EDQUOT }
