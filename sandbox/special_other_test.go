//go:build !unix

package sandbox

import (
	"errors"
	"testing"
)

// makeSpecial makes nothing where there is no FIFO: opening what is not there
// fails as well.
func makeSpecial(*testing.T, string) {}

// makeDevice says that there are no device nodes.
func makeDevice(string) error { return errors.New("no device nodes") }
