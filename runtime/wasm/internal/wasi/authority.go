package wasi

import (
	"errors"

	"github.com/mcpwasm/mcpwasm/runtime"
)

// SetAuthority says what the guest may do from now on. It is called while the
// guest does not run, or by a stdio guest's host between two messages.
func (s *System) SetAuthority(a runtime.Authority) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.authority = a
	s.epoch++
}

// held returns what the guest may do and the number of that authority.
func (s *System) held() (runtime.Authority, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.authority, s.epoch
}

// gate decides on a use of a path of the guest's, absolute and clean.
func (s *System) gate(path string, write bool) Errno {
	a, _ := s.held()
	if a.Files == nil {
		return ENOTCAPABLE
	}
	switch err := a.Files(path, write); {
	case err == nil:
		return Success
	case errors.Is(err, runtime.ErrReadOnly):
		return EROFS
	}
	return ENOTCAPABLE
}
