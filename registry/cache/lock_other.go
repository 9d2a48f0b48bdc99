//go:build !windows && (!unix || solaris || aix)

package cache

import (
	"errors"
	"os"
)

const nonblock = 0

const renameLocked = false

// tryLock fails: everybody fetches into a file of their own then.
func tryLock(*os.File, bool) (bool, error) { return false, errors.ErrUnsupported }
