package wasi

import (
	"math"
	"time"
)

// DefaultClockPrecision is the step of a guest's clocks unless another is
// given. Finer ones tell a guest about its neighbours: how long the processor's
// caches took to answer, for one.
const DefaultClockPrecision = time.Millisecond

// Clocks ("clockid"); those of processor time are not there.
const (
	clockRealtime  = 0
	clockMonotonic = 1
)

// clocks are a guest's two clocks. They advance in steps of precision, and a
// time is the beginning of the step that it is in.
type clocks struct {
	begin     time.Time // where the monotonic clock has its first step
	precision time.Duration
}

func newClocks(precision time.Duration) clocks {
	if precision <= 0 {
		precision = DefaultClockPrecision
	}
	return clocks{begin: time.Now(), precision: precision}
}

// exact returns what a clock would show at t without steps, in nanoseconds.
func (c clocks) exact(clock uint32, t time.Time) (uint64, Errno) {
	switch clock {
	case clockRealtime:
		return uint64(t.UnixNano()), Success
	case clockMonotonic:
		// Not 0 at the start: some programs take that for "no time".
		return uint64(t.Sub(c.begin) + c.precision), Success
	}
	return 0, EINVAL
}

// show returns what a clock shows at t.
func (c clocks) show(clock uint32, t time.Time) (uint64, Errno) {
	exact, errno := c.exact(clock, t)
	return exact - exact%uint64(c.precision), errno
}

// until returns how long it is from t until a clock shows a time at least: the
// step's beginning, so that a guest that wakes up finds its time has come, and
// learns no more from waking up than from the clock. It is 0 for the past.
func (c clocks) until(clock uint32, t time.Time, shown uint64) (time.Duration, Errno) {
	exact, errno := c.exact(clock, t)
	shown = min(shown, math.MaxInt64/2)
	if rest := shown % uint64(c.precision); rest > 0 {
		shown += uint64(c.precision) - rest
	}
	return time.Duration(shown - min(shown, exact)), errno
}

func clockRes(c *call) Errno {
	if _, errno := c.clocks.exact(c.u32(0), c.clocks.begin); errno != Success {
		return errno
	}
	return c.put64(c.u32(1), uint64(c.clocks.precision))
}

func clockTime(c *call) Errno {
	t, errno := c.clocks.show(c.u32(0), time.Now())
	if errno != Success {
		return errno
	}
	return c.put64(c.u32(2), t)
}
