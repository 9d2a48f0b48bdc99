package wasi

import (
	"errors"

	"github.com/mcpwasm/mcpwasm/runtime"
)

// SetAuthority says what the guest may do from now on. What it has open is
// decided again. A guest has none before the first call.
func (s *System) SetAuthority(a runtime.Authority) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.authority = a
	s.epoch++
}

// gate returns what decides on paths, and the epoch, which is another one after
// each [System.SetAuthority].
func (s *System) gate() (runtime.FileGate, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.authority.Files, s.epoch
}

// decide asks the gate about a path, absolute and clean.
func decide(gate runtime.FileGate, path string, write bool) Errno {
	if gate == nil {
		return ENOTCAPABLE
	}
	switch err := gate(path, write); {
	case err == nil:
		return Success
	case errors.Is(err, runtime.ErrReadOnly):
		return EROFS
	default:
		return ENOTCAPABLE
	}
}

// decision is what the gate said in an epoch; it is none before the first.
type decision struct {
	epoch int
	errno Errno
}

// node is where a descriptor of a mount is.
type node struct {
	sys   *System
	mount runtime.Mount
	// name is the mount's name of it, as the guest has put it together; path
	// is what the gate decides on.
	name, path     string
	reading, write decision
}

// may asks the gate, once in an epoch, whether the node can be used.
func (n *node) may(write bool) Errno {
	d := &n.reading
	if write {
		d = &n.write
	}
	gate, epoch := n.sys.gate()
	if d.epoch != epoch || epoch == 0 {
		*d = decision{epoch: epoch, errno: decide(gate, n.path, write)}
	}
	return d.errno
}
