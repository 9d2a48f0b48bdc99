package runtime

import (
	"fmt"
	"strconv"
	"time"
)

// Lifetime is how long an instance lives, and so what one message can leave
// behind for the next.
type Lifetime string

// The lifetimes.
const (
	// LifetimeCall gives every message a pristine instance.
	LifetimeCall Lifetime = "call"
	// LifetimeSession keeps an instance for each session key.
	LifetimeSession Lifetime = "session"
	// LifetimeProcess keeps one instance for everybody.
	LifetimeProcess Lifetime = "process"
)

// ParseLifetime returns the lifetime with the given name; "" stays "", which
// means the default.
func ParseLifetime(s string) (Lifetime, error) {
	switch l := Lifetime(s); l {
	case "", LifetimeCall, LifetimeSession, LifetimeProcess:
		return l, nil
	}
	return "", fmt.Errorf("unknown lifetime %q: use call, session or process", s)
}

// Limits bound what one server may use. A zero field takes the default that it
// names.
type Limits struct {
	// MemoryBytes bounds an instance's linear memory, rounded down to pages of
	// 64 KiB. Default 256 MiB.
	MemoryBytes uint64
	// Deadline bounds the wall-clock time of one message. Default 30 s.
	Deadline time.Duration
	// StartDeadline bounds the start of an instance: initialisation of a
	// reactor, the handshake of a stdio guest. Compilation does not count.
	// Default 30 s.
	StartDeadline time.Duration
	// Compile bounds the compilation of the module, where that is done in a
	// process of its own. Default 2 minutes.
	Compile time.Duration
	// MessageBytes bounds a message to the guest. Default 4 MiB.
	MessageBytes int
	// AnswerBytes bounds the guest's answer. Default 16 MiB.
	AnswerBytes int
	// NotifyBytes bounds all notifications of one message together.
	// Default 4 MiB.
	NotifyBytes int
	// StderrBytes bounds what is kept of an instance's standard error for one
	// message; the rest is dropped and counted. Default 64 KiB.
	StderrBytes int
	// Concurrency bounds the messages that are worked on at once. Default 16.
	Concurrency int
	// Queue bounds the messages that wait for their turn; one more is refused
	// at once. Default 256.
	Queue int
	// Sessions bounds the instances kept under LifetimeSession; the least
	// recently used idle one makes way for another. Default 64.
	Sessions int
	// CancelGrace is how long a guest may go on after its caller has
	// cancelled, before it is ended. Default 250 ms.
	CancelGrace time.Duration
	// Park bounds how long a stdio guest of an older era may wait for an input
	// that it asked the client for. Default 5 minutes.
	Park time.Duration
}

// Defaults returns l with every zero field replaced by its default.
func (l Limits) Defaults() Limits {
	def(&l.MemoryBytes, 256<<20)
	def(&l.Deadline, 30*time.Second)
	def(&l.StartDeadline, 30*time.Second)
	def(&l.Compile, 2*time.Minute)
	def(&l.MessageBytes, 4<<20)
	def(&l.AnswerBytes, 16<<20)
	def(&l.NotifyBytes, 4<<20)
	def(&l.StderrBytes, 64<<10)
	def(&l.Concurrency, 16)
	def(&l.Queue, 256)
	def(&l.Sessions, 64)
	def(&l.CancelGrace, 250*time.Millisecond)
	def(&l.Park, 5*time.Minute)
	return l
}

// FormatBytes writes a number of bytes as the configuration does, in the largest
// unit of KiB, MiB and GiB that divides it: "8MiB". One that is no whole KiB
// stays a number: "1000".
func FormatBytes[T int | uint64](n T) string {
	v, unit := uint64(n), ""
	for _, larger := range []string{"KiB", "MiB", "GiB"} {
		if v == 0 || v%1024 != 0 {
			break
		}
		v, unit = v/1024, larger
	}
	return strconv.FormatUint(v, 10) + unit
}

func def[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}
