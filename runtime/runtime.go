// Package runtime runs one artifact in isolation: messages in, messages out.
// It knows no policy, no protocol era and no transport.
//
// A [Backend] loads an artifact into a [Program]; a program starts an
// [Instance]; [Open] wraps a program in a [Server], which owns how long
// instances live ([Lifetime]), how much they may use ([Limits]) and how many
// run at once. Backends are subpackages: runtime/wasm is the first.
//
// The name meets the standard library's: inside this module the standard
// runtime package is imported as goruntime.
package runtime

import (
	"context"
	"time"

	"github.com/mcpwasm/mcpwasm/plugins"
)

// Artifact is what a backend loads.
type Artifact struct {
	// Name is how errors and logs call it: a server's name.
	Name string
	// Digest identifies the content, as "sha256:" and 64 hexadecimal digits.
	Digest string
	// Wasm is the module's binary. It is not copied and must not change.
	Wasm []byte
}

// Backend loads artifacts of one kind.
type Backend interface {
	// Load checks an artifact and prepares it to be started. It returns
	// quickly: work that takes long (compiling) goes on in the background,
	// and the first Start waits for it.
	Load(ctx context.Context, a Artifact, o Options) (Program, error)
}

// Program is a loaded artifact, safe for concurrent use.
type Program interface {
	// Shape tells how the artifact is driven; it decides which lifetimes it
	// can have.
	Shape() plugins.Shape
	// Start brings up a fresh instance. first is the call that it is started
	// for: a guest that negotiates does so with what the caller declared.
	Start(ctx context.Context, first Call) (Instance, error)
	// Close frees what the program holds, after its instances were closed.
	Close(ctx context.Context) error
}

// Instance is one running guest. Handle is safe for concurrent use; a guest
// that can do one thing at a time makes its callers wait.
type Instance interface {
	// Handle gives the guest one message and returns its one answer. The
	// error is a *GuestError when the guest is at fault; ctx's error when the
	// caller gave up.
	Handle(ctx context.Context, c Call) (plugins.Answer, error)
	// Done is closed once the guest can take no more messages.
	Done() <-chan struct{}
	// Close ends the guest.
	Close(ctx context.Context) error
}

// Call is one message on its way to a guest.
type Call struct {
	Message plugins.Message
	// Session keys the instance under [LifetimeSession]; calls with the same
	// key share a guest. Empty is a key like any other.
	Session string
	// Authority is what the guest may do for this message. Nil is nothing, but
	// for a stdio guest, which goes on between messages and holds what it held.
	Authority *Authority
	// Notify takes what the guest sends while it works on this message:
	// progress and log messages, in order, none after Handle has returned.
	// Nil drops them. It must not call back into the server.
	Notify func(plugins.Notification)
}

// Tool returns the name that a message is about (a tool's or prompt's name, a
// resource's URI), for errors and logs, or "".
func (c Call) Tool() string { return messageSubject(c.Message) }

// Options is what an operator decides about a server. The zero value is safe.
type Options struct {
	// Args are the guest's arguments after its program name.
	Args []string
	// Env is the guest's environment, "KEY=value" each. Nothing of the host's
	// own environment is ever added.
	Env []string
	// Mounts are the folders that the guest sees, whether it may use them or
	// not: that is decided by what it holds ([Authority]).
	Mounts []Mount
	// Start is what a stdio guest holds before its first message with an
	// [Authority]. A reactor holds nothing while it is initialised.
	Start Authority
	// Exclusive gives a stdio guest one message at a time, so that it is known
	// for which one it does something. Reactors never have more.
	Exclusive bool
	// Lifetime of an instance; default: [LifetimeCall] for reactors,
	// [LifetimeSession] for stdio guests.
	Lifetime Lifetime
	// Limits bound what a guest may use; zero fields take their defaults.
	Limits Limits
	// ClockPrecision is the step in which the guest's clocks advance, 0 for a
	// millisecond.
	ClockPrecision time.Duration
	// Signal takes what a guest says that is not about one message: list
	// changed and resource updated notifications. Nil drops them.
	Signal func(session string, n plugins.Notification)
	// Stderr takes what a guest writes to its standard error, a line at a
	// time without the newline. Nil drops it.
	Stderr func(line string)
}
