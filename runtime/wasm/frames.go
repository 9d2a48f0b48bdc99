package wasm

import "sort"

// Values that wazero cannot keep in registers are spilled into the frame, each
// into a slot of its own. frame estimates from above how large that makes one:
// a slot for every local, parameter and result, and for every value that is
// still wanted after a call or after some other values were computed. It runs
// over the code once, as if that had no branches.
const (
	frameBase = 64 // a frame without values takes 24 bytes, registers kept for the caller the rest
	slotBytes = 8  // and twice that where there are vectors
	// registers is how many values there are at least registers for: no value
	// loses its own but to a call where there are no more. With more of them one
	// may have lost it after tickValues others.
	registers  = 12
	tickValues = 8
)

// frame is an estimate in progress.
type frame struct {
	slots  uint64
	wide   bool
	now    uint32 // goes up when values may be spilled
	values uint32 // since then
	at     uint32 // instructions

	stack  []uint32 // when each operand was computed
	locals []held
	blocks []block
	joins  []join
}

// held is what a local holds.
type held struct {
	since        uint32 // in ticks
	set, counted uint32 // instructions; counted is 0 for a value without a slot
}

// block is one that is open.
type block struct{ start, height, results uint32 }

// join is one that was closed: a local that was set inside holds another value
// afterwards. They are disjoint, in their order.
type join struct{ start, end uint32 }

func (s *frame) reset(locals uint64) {
	*s = frame{stack: s.stack[:0], blocks: s.blocks[:0], joins: s.joins[:0], locals: s.locals[:0], slots: locals}
	s.locals = append(s.locals, make([]held, locals)...)
}

func (s *frame) bytes() uint64 {
	if s.wide {
		return frameBase + 2*slotBytes*s.slots
	}
	return frameBase + slotBytes*s.slots
}

func (s *frame) tick() { s.now, s.values = s.now+1, 0 }

func (s *frame) push(n uint64) {
	for range n {
		s.stack = append(s.stack, s.now)
		if len(s.locals)+len(s.stack) <= registers {
			continue
		}
		if s.values++; s.values >= tickValues {
			s.tick()
		}
	}
}

func (s *frame) pop(n uint64) {
	for ; n > 0 && len(s.stack) > 0; n-- {
		if s.stack[len(s.stack)-1] < s.now {
			s.slots++
		}
		s.stack = s.stack[:len(s.stack)-1]
	}
}

func (s *frame) get(i uint64) {
	if i >= uint64(len(s.locals)) {
		return // not valid
	}
	l := &s.locals[i]
	if l.since < s.now && (l.counted == 0 || s.joined(l)) {
		s.slots++
		l.counted = s.at
	}
	s.push(1)
	if l.since < s.now {
		s.stack[len(s.stack)-1] = hasSlot
	}
}

// hasSlot is when an operand was computed that has its slot already.
const hasSlot = ^uint32(0)

func (s *frame) set(i uint64) {
	s.pop(1)
	if i < uint64(len(s.locals)) {
		s.locals[i] = held{since: s.now, set: s.at}
	}
}

// joined reports whether a block was closed, since a local's value was counted,
// that holds where it was set.
func (s *frame) joined(l *held) bool {
	i := sort.Search(len(s.joins), func(i int) bool { return s.joins[i].end > l.counted })
	return l.set > 0 && i < len(s.joins) && s.joins[i].start < l.set
}

func (s *frame) open(params, results uint64) {
	height := uint32(max(len(s.stack)-int(params), 0))
	s.blocks = append(s.blocks, block{s.at, height, uint32(results)})
}

// close ends a block, or the first half of one.
func (s *frame) close(again bool) {
	if len(s.blocks) == 0 {
		return
	}
	b := s.blocks[len(s.blocks)-1]
	for len(s.joins) > 0 && s.joins[len(s.joins)-1].start >= b.start {
		s.joins = s.joins[:len(s.joins)-1]
	}
	s.joins = append(s.joins, join{b.start, s.at})
	s.stack = s.stack[:min(len(s.stack), int(b.height))]
	if !again {
		s.blocks = s.blocks[:len(s.blocks)-1]
		s.push(uint64(b.results))
	}
}

func (s *frame) effect(pops, pushes uint64) {
	s.pop(pops)
	s.push(pushes)
}
