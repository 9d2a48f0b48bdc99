package effect

import (
	"cmp"
	"strings"
)

// Kind says what sort of failure an [Error] is. It is an error itself, for
// errors.Is:
//
//	if errors.Is(err, effect.ErrNotFound) { … }
type Kind string

// The kinds. A host may have others in time.
const (
	// ErrDenied: no grant covers it, or a policy forbids it.
	ErrDenied Kind = "denied"
	// ErrInvalid: the request makes no sense.
	ErrInvalid Kind = "invalid"
	// ErrNotFound: there is no such thing.
	ErrNotFound Kind = "notFound"
	// ErrConflict: it has another version than was said.
	ErrConflict Kind = "conflict"
	// ErrLimit: it is larger, longer or more than is allowed.
	ErrLimit Kind = "limit"
	// ErrTimeout: it took too long.
	ErrTimeout Kind = "timeout"
	// ErrUnreachable: the other side could not be reached.
	ErrUnreachable Kind = "unreachable"
	// ErrFailed: the host could not do it.
	ErrFailed Kind = "failed"
)

// Error implements the error interface.
func (k Kind) Error() string { return string(k) }

// Error is why the host did not perform an effect.
type Error struct {
	Kind Kind `json:"kind"`
	// Message is one line for a person.
	Message string `json:"message"`
	// Grant is, for a denial, what the operator would have to give, as it is
	// written on the command line.
	Grant string `json:"grant,omitempty"`
}

// Error returns the message, and the missing grant where there is one.
func (e *Error) Error() string {
	text := cmp.Or(e.Message, string(e.Kind), "the effect failed")
	if e.Grant != "" && !strings.Contains(text, e.Grant) {
		text += " (missing grant: " + e.Grant + ")"
	}
	return text
}

// Is reports whether target is the error's [Kind].
func (e *Error) Is(target error) bool {
	k, ok := target.(Kind)
	return ok && k == e.Kind
}

// Timeout reports whether it took too long, as net.Error wants it.
func (e *Error) Timeout() bool { return e.Kind == ErrTimeout }

var _ error = (*Error)(nil)
