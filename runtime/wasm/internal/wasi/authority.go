package wasi

import (
	"context"
	"errors"
	"io/fs"

	"github.com/mcpwasm/mcpwasm/runtime"
)

// SetAuthority says what the guest may do from now on. What it has open is
// decided again. A guest has none before the first call.
func (s *System) SetAuthority(a runtime.Authority) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.authority = a
}

// gate returns what decides on paths.
func (s *System) gate() runtime.FileGate {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.authority.Files
}

// decide asks the gate about a path, absolute and clean.
func decide(ctx context.Context, gate runtime.FileGate, path string, write bool) Errno {
	if gate == nil {
		return ENOTCAPABLE
	}
	switch err := gate(ctx, path, write); {
	case err == nil:
		return Success
	case errors.Is(err, runtime.ErrReadOnly):
		return EROFS
	case errors.Is(err, fs.ErrPermission):
		return EACCES
	default:
		return ENOTCAPABLE
	}
}

// node is where a descriptor of a mount is.
type node struct {
	sys   *System
	mount runtime.Mount
	// name is the mount's name of it, as the guest has put it together; path
	// is what the gate decides on.
	name, path string
}

// may asks the gate whether the node can be used.
func (n *node) may(write bool) Errno { return decide(n.sys.ctx, n.sys.gate(), n.path, write) }
