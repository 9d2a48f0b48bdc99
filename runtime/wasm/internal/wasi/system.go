package wasi

import (
	"context"
	"sync"
	"time"

	"github.com/mcpwasm/mcpwasm/runtime"
	"github.com/tetratelabs/wazero/sys"
)

// Config is what a guest is given at its start.
type Config struct {
	Args                  []string // the program's name first
	Env                   []string // "KEY=value"
	Stdin, Stdout, Stderr File
	// ClockPrecision is the step of the guest's clocks, 0 for
	// [DefaultClockPrecision].
	ClockPrecision time.Duration
	// Mounts are the directories that it finds from descriptor 3 on, in order.
	Mounts []runtime.Mount
	// Spin says that a guest is to be ended that yields over and over where
	// it should wait.
	Spin bool
}

// System is one guest's world. Its functions are called by the guest, which
// does one thing at a time; the methods for the host are safe beside that.
type System struct {
	args, env []string
	fds       []*descriptor // by number; nil is free
	clocks    clocks

	wake chan struct{} // something that is waited for may have changed
	spin *spinning

	ctx context.Context // of the function that the guest called last

	exit   uint32
	exited bool
	spun   bool

	effects    int           // descriptors of effects that are open
	performing chan struct{} // has an element for each that is performed
	performed  sync.WaitGroup
	ends       []func() error // of mounts that are its own

	mu      sync.Mutex
	waiting bool            // for input that is not there
	idle    []chan struct{} // closed when it next does
	stdin   *Pipe           // nil when the input is no pipe

	authority runtime.Authority
}

// descriptor is an entry of the table. Its flags are those of fdflags.
type descriptor struct {
	file  File
	flags uint16
}

// Flags of descriptors ("fdflags"); any of the last three asks for writes that
// reach the disk.
const (
	flagAppend   = 1
	flagNonblock = 4
	flagsSync    = 2 | 8 | 16
)

// New returns a guest's world.
func New(c Config) *System {
	s := &System{
		args: c.Args, env: c.Env, clocks: newClocks(c.ClockPrecision),
		wake: make(chan struct{}, 1), performing: make(chan struct{}, maxEffects),
	}
	if c.Spin {
		s.spin = &spinning{}
	}
	for _, f := range []File{c.Stdin, c.Stdout, c.Stderr} {
		s.fds = append(s.fds, &descriptor{file: f})
		if w, ok := f.(interface{ attach(func()) }); ok {
			w.attach(s.poke)
		}
	}
	for _, m := range c.Mounts {
		if m.New != nil {
			fs, end := m.New()
			m.FS = fs
			s.ends = append(s.ends, end)
		}
		s.fds = append(s.fds, &descriptor{file: preopen(s, m)})
	}
	if in, ok := c.Stdin.(source); ok {
		s.stdin = in.p
	}
	return s
}

// Exited returns the code that the guest gave to proc_exit. It is to be called
// after the guest has ended.
func (s *System) Exited() (code uint32, ok bool) { return s.exit, s.exited }

// Spun reports whether the guest was ended because it yielded where it should
// wait. It is to be called after the guest has ended.
func (s *System) Spun() bool { return s.spun }

// poke wakes the guest if it waits. It never blocks.
func (s *System) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Idle returns a channel that is closed when the guest waits for input and has
// read all that there is, which shows that it is alive.
func (s *System) Idle() <-chan struct{} {
	c := make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting && s.stdin != nil && s.stdin.empty() {
		close(c)
		return c
	}
	s.idle = append(s.idle, c)
	return c
}

func (s *System) setWaiting(v bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = v
	if v && s.stdin != nil && s.stdin.empty() {
		for _, c := range s.idle {
			close(c)
		}
		s.idle = nil
	}
}

// wait blocks until something may have changed or the timer fires, and ends the
// guest when ctx does. input says that the guest waits for its standard input.
func (s *System) wait(ctx context.Context, timer <-chan time.Time, input bool) {
	s.spin.reset()
	if input {
		s.setWaiting(true)
		defer s.setWaiting(false)
	}
	select {
	case <-s.wake:
	case <-timer:
	case <-ctx.Done():
		stop(ctx)
	}
}

// stop ends the guest because ctx has ended. wazero takes the panic for the end
// of the module.
func stop(ctx context.Context) {
	if ctx.Err() != nil {
		panic(sys.NewExitError(sys.ExitCodeContextCanceled))
	}
}

// spinning recognises a guest that yields where it should wait: Go's
// signal.Notify on wasip1 does, and never reads its input again.
type spinning struct {
	yields int
	since  time.Time
}

// A guest spins when it has yielded so many times in a row for so long. Both
// are far beyond what a program does that waits for another of its threads.
const (
	spinYields = 5000
	spinTime   = 200 * time.Millisecond
)

func (s *spinning) reset() {
	if s != nil {
		s.yields = 0
	}
}

// yield reports whether the guest spins.
func (s *spinning) yield() bool {
	if s == nil {
		return false
	}
	if s.yields == 0 {
		s.since = time.Now()
	}
	s.yields++
	return s.yields >= spinYields && s.yields%64 == 0 && time.Since(s.since) >= spinTime
}

func (s *System) fd(n uint32) (*descriptor, Errno) {
	if uint64(n) >= uint64(len(s.fds)) || s.fds[n] == nil {
		return nil, EBADF
	}
	return s.fds[n], Success
}

// maxFDs bounds the table.
const maxFDs = 1024

// add puts a file into the lowest free place of the table.
func (s *System) add(f File, flags uint16) (uint32, Errno) {
	d := &descriptor{file: f, flags: flags}
	for i, e := range s.fds {
		if e == nil {
			s.fds[i] = d
			return uint32(i), Success
		}
	}
	if len(s.fds) >= maxFDs {
		return 0, EMFILE
	}
	s.fds = append(s.fds, d)
	return uint32(len(s.fds) - 1), Success
}

// Close closes the files that the guest left open and ends its effects.
func (s *System) Close() {
	s.EndEffects()
	for i, d := range s.fds {
		if d != nil {
			d.file.Close()
			s.fds[i] = nil
		}
	}
	for _, end := range s.ends {
		_ = end() // the guest is gone, and what is left is swept at the next start
	}
	s.ends = nil
}
