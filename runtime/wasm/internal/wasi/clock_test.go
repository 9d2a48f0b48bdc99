package wasi

import (
	"math"
	"testing"
	"time"
)

func TestClocksShow(t *testing.T) {
	begin := time.Unix(1_700_000_000, 123_456_789)
	tests := []struct {
		name      string
		precision time.Duration
		clock     uint32
		after     time.Duration
		want      uint64
	}{
		{"realtime is rounded down", time.Millisecond, clockRealtime, 0, 1_700_000_000_123_000_000},
		{"realtime before the next step", time.Millisecond, clockRealtime, 543_210, 1_700_000_000_123_000_000},
		{"realtime at the next step", time.Millisecond, clockRealtime, 543_211, 1_700_000_000_124_000_000},
		{"realtime in seconds", time.Second, clockRealtime, 0, 1_700_000_000_000_000_000},
		{"realtime, as it is", 1, clockRealtime, 0, 1_700_000_000_123_456_789},
		{"monotonic does not start at 0", time.Millisecond, clockMonotonic, 0, 1_000_000},
		{"monotonic before the next step", time.Millisecond, clockMonotonic, 999_999, 1_000_000},
		{"monotonic at the next step", time.Millisecond, clockMonotonic, 1_000_000, 2_000_000},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := clocks{begin, tt.precision}
			if got, errno := c.show(tt.clock, begin.Add(tt.after)); errno != Success || got != tt.want {
				t.Errorf("%d, errno %d, want %d", got, errno, tt.want)
			}
		})
	}
}

// TestClocksUntil: when a wait is over, the clock shows the time that was waited
// for, and it is a step's beginning.
func TestClocksUntil(t *testing.T) {
	begin := time.Unix(1_700_000_000, 123_456_789)
	now := begin.Add(10_345_678)
	for _, clock := range []uint32{clockRealtime, clockMonotonic} {
		c := clocks{begin, time.Millisecond}
		shown, _ := c.show(clock, now)
		for _, wait := range []uint64{1, 999_999, 1_000_000, 1_000_001, 5_000_000_000} {
			d, errno := c.until(clock, now, shown+wait)
			if errno != Success || d <= 0 || d > time.Duration(wait)+2*time.Millisecond {
				t.Errorf("clock %d, %d: %v, errno %d", clock, wait, d, errno)
			}
			after, _ := c.exact(clock, now.Add(d))
			if after < shown+wait || after%1_000_000 != 0 {
				t.Errorf("clock %d, %d: wakes at %d", clock, wait, after)
			}
		}
		for _, past := range []uint64{0, shown, shown - 1} {
			if d, _ := c.until(clock, now, past); d != 0 {
				t.Errorf("clock %d: %v until %d, which is past", clock, d, past)
			}
		}
		if d, _ := c.until(clock, now, math.MaxUint64); d <= 0 {
			t.Errorf("clock %d: %v until the end of time", clock, d)
		}
	}
}

// TestClockPrecision asks as a guest does: nothing that it can read is finer
// than a step, and no clock goes back.
func TestClockPrecision(t *testing.T) {
	for _, precision := range []time.Duration{0, 20 * time.Millisecond} {
		want := uint64(precision)
		if want == 0 {
			want = uint64(time.Millisecond)
		}
		for _, clock := range []uint64{clockRealtime, clockMonotonic} {
			w := newWorld()
			w.clocks = newClocks(precision)
			read := func(name string, params ...uint64) uint64 {
				t.Helper()
				if errno, exit := w.call(t.Context(), name, params...); errno != Success || exit != nil {
					t.Fatal(errno, exit)
				}
				v, _ := w.mem.ReadUint64Le(uint32(params[len(params)-1]))
				return v
			}
			if res := read("clock_res_get", clock, 80); res != want {
				t.Errorf("clock_res_get: %d, want %d", res, want)
			}
			last, steps := read("clock_time_get", clock, 1, 80), 0
			for steps < 3 {
				now := read("clock_time_get", clock, 1, 80)
				if now < last || now%want != 0 {
					t.Fatalf("clock %d: %d after %d", clock, now, last)
				}
				if now > last {
					steps++
				}
				last = now
			}
			// A short sleep ends where the clock has gone on.
			w.mem.Write(1000, make([]byte, subscriptionSize))
			w.mem.WriteUint32Le(1016, uint32(clock))
			w.mem.WriteUint64Le(1024, 1)
			before := read("clock_time_get", clock, 1, 80)
			if errno, _ := w.call(t.Context(), "poll_oneoff", 1000, 2000, 1, 3000); errno != Success {
				t.Fatal(errno)
			}
			if now := read("clock_time_get", clock, 1, 80); now <= before {
				t.Errorf("clock %d: a sleep of a nanosecond ended at %d, begun at %d", clock, now, before)
			}
		}
	}
}
