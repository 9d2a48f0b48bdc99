package wasi

import (
	"math"
	"time"
)

// maxSubscriptions bounds one poll.
const maxSubscriptions = 4096

// Sizes of the records in the guest's memory, and the kinds of subscriptions
// ("subscription", "event", "eventtype").
const (
	subscriptionSize = 48
	eventSize        = 32

	eventClock = 0
	eventRead  = 1
	eventWrite = 2
)

// poller is one poll_oneoff.
type poller struct {
	*call
	subs, events []byte
	n            int
	// deadline is when the first clock fires; zero is never.
	deadline time.Time
	fires    []time.Time // of each subscription; zero for descriptors
	input    bool        // the guest waits for its standard input
}

// poll waits until one of the subscriptions has something to say.
func poll(c *call) Errno {
	n := c.u32(2)
	if n == 0 || n > maxSubscriptions {
		return EINVAL
	}
	subs, errno := c.bytes(c.u32(0), n*subscriptionSize)
	if errno != Success {
		return errno
	}
	events, errno := c.bytes(c.u32(1), n*eventSize)
	if errno != Success {
		return errno
	}
	if _, errno := c.bytes(c.u32(3), 4); errno != Success {
		return errno
	}
	// The guest may have its events where its subscriptions are.
	subs = append([]byte(nil), subs...)
	p := &poller{call: c, subs: subs, events: events, fires: make([]time.Time, n)}
	if errno := p.prepare(); errno != Success {
		return errno
	}
	p.run()
	return c.put32(c.u32(3), uint32(p.n))
}

func (p *poller) sub(i int) []byte { return p.subs[i*subscriptionSize:][:subscriptionSize] }

// prepare finds when the clocks fire.
func (p *poller) prepare() Errno {
	now := time.Now()
	in := p.System.input()
	for i := range p.fires {
		s := p.sub(i)
		switch s[8] {
		case eventClock:
			at, errno := p.clock(s, now)
			if errno != Success {
				p.event(i, errno, Readiness{})
				continue
			}
			p.fires[i] = at
			if p.deadline.IsZero() || at.Before(p.deadline) {
				p.deadline = at
			}
		case eventRead, eventWrite:
			if d, errno := p.fd(le32(s[16:])); errno == Success && d == in && s[8] == eventRead {
				p.input = true
			}
		default:
			return EINVAL
		}
	}
	return Success
}

// clock returns when a clock's subscription fires.
func (p *poller) clock(s []byte, now time.Time) (time.Time, Errno) {
	const absolute = 1
	clock, at := le32(s[16:]), min(le.Uint64(s[24:]), math.MaxInt64/2)
	shown, errno := p.clocks.show(clock, now)
	if errno != Success {
		return time.Time{}, errno
	}
	if le.Uint16(s[40:])&absolute == 0 {
		at += shown
	}
	d, errno := p.clocks.until(clock, now, at)
	return now.Add(d), errno
}

// run collects what is ready, and waits where nothing is.
func (p *poller) run() {
	var timer <-chan time.Time
	for {
		stop(p.ctx)
		p.collect()
		if p.n > 0 {
			return
		}
		if timer == nil && !p.deadline.IsZero() {
			t := time.NewTimer(time.Until(p.deadline))
			defer t.Stop()
			timer = t.C
		}
		p.wait(p.ctx, timer, p.input)
	}
}

func (p *poller) collect() {
	now := time.Now()
	for i, at := range p.fires {
		s := p.sub(i)
		if s[8] == eventClock {
			if !at.IsZero() && !now.Before(at) {
				p.event(i, Success, Readiness{})
			}
			continue
		}
		d, errno := p.fd(le32(s[16:]))
		if errno != Success {
			p.event(i, errno, Readiness{})
			continue
		}
		if r, errno := d.file.Ready(s[8] == eventWrite); errno != Success || r.Ready {
			p.event(i, errno, r)
		}
	}
}

// event writes the answer to subscription i.
func (p *poller) event(i int, errno Errno, r Readiness) {
	s, e := p.sub(i), p.events[p.n*eventSize:][:eventSize]
	p.n++
	clear(e)
	copy(e, s[:8]) // what the guest knows it by
	le.PutUint16(e[8:], uint16(errno))
	e[10] = s[8]
	le.PutUint64(e[16:], r.Bytes)
	if r.Hangup {
		le.PutUint16(e[24:], 1)
	}
}
