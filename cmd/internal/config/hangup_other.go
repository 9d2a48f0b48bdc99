//go:build !unix

package config

import "os"

// hangups delivers nothing: the system has no SIGHUP.
func hangups() (signals <-chan os.Signal, stop func()) { return nil, func() {} }
