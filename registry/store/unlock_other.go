//go:build !unix || solaris || aix

package store

import "os"

// release closes a file, and with it gives up its lock.
func release(f *os.File) error { return f.Close() }
