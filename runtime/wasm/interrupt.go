package wasm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// wazero looks at the end of a call's context at the head of a loop and nowhere
// else. A guest without loops would run for ever all the same: 60 functions that
// each call the next twice, a recursion that is wide and not deep, a long row of
// memory.fill. So modules are rewritten before they are compiled: a counter, in a
// global that the guest cannot name, goes down with what a function has to do
// when it is entered, and with what is filled or copied; when it is used up, an
// empty loop makes wazero look.

const (
	// slice is how much is done between two looks: about as many bytes of
	// code, which run in about a millisecond.
	slice = 1 << 20
	// callCost is charged for entering a function, and smallBody is up to where
	// a body that calls nothing is taken for covered by that.
	callCost  = 64
	smallBody = 64
	// chunk is after how much code it is charged for. What a frame still has to
	// do when a call comes back is not charged before, or a deep recursion
	// would pay on the way down for hours on the way up.
	chunk = 256
	// A byte that is filled or copied costs 1/16.
	bulkShift = 4
)

// interruptible rewrites a module's sections so that a guest cannot run for
// longer than a slice without looking whether it is to end.
func interruptible(list []section) ([]section, error) {
	m := &metered{}
	if err := m.read(list); err != nil {
		return nil, err
	}
	code := indexOf(list, sectionCode)
	if code < 0 {
		return list, nil
	}
	bodies, err := m.codeSection(list[code].content)
	if err != nil {
		return nil, err
	}
	out := make([]section, 0, len(list)+1)
	placed := false
	for _, s := range list {
		if !placed && afterGlobals(s.id) {
			out, placed = append(out, section{sectionGlobal, m.globalSection(nil)}), true
		}
		switch s.id {
		case sectionType:
			s.content = appendElements(s.content, m.moreTypes)
		case sectionFunction:
			s.content = appendElements(s.content, m.moreFunctions)
		case sectionGlobal:
			s.content, placed = m.globalSection(s.content), true
		case sectionCode:
			s.content = bodies
		}
		out = append(out, s)
	}
	return out, nil
}

func indexOf(list []section, id byte) int {
	return slices.IndexFunc(list, func(s section) bool { return s.id == id })
}

// appendElements adds elements, as they are encoded, to a section that is a
// vector.
func appendElements(b []byte, more [][]byte) []byte {
	c := cursor{b: b}
	out := binary.AppendUvarint(nil, c.uint()+uint64(len(more)))
	return append(append(out, c.b...), bytes.Join(more, nil)...)
}

// afterGlobals reports whether a section stands behind that of globals.
func afterGlobals(id byte) bool { return id > sectionGlobal && id != sectionTag }

// metered is what has to be known of a module to rewrite its code.
type metered struct {
	params  []uint64 // by type
	types   []uint64 // of the module's own functions
	imports uint64   // functions, which have the indices before
	globals uint64   // all of them; the counter's index

	// What is appended to sections.
	moreTypes, moreFunctions, moreBodies [][]byte

	pieces map[byte]uint64 // of helpers by instruction: see [metered.helper]
}

func (m *metered) read(list []section) error {
	seen := map[byte]bool{}
	for _, s := range list {
		if seen[s.id] && s.id != sectionCustom {
			return fmt.Errorf("it has section %d twice", s.id)
		}
		seen[s.id] = true
		c := cursor{b: s.content}
		switch s.id {
		case sectionType:
			m.readTypes(&c)
		case sectionImport:
			m.readImports(&c)
		case sectionFunction:
			for range c.count(maxFunctions, "functions") {
				m.types = append(m.types, c.uint())
			}
		case sectionGlobal:
			m.globals += c.count(maxGlobals, "globals")
		case sectionElement:
			c.count(maxSegments, "element segments")
		case sectionData:
			c.count(maxSegments, "data segments")
		}
		if c.err != nil {
			return fmt.Errorf("section %d: %w", s.id, c.err)
		}
	}
	return nil
}

// readTypes reads function types (5.3.6).
func (m *metered) readTypes(c *cursor) {
	for range c.count(maxTypes, "types") {
		if c.byte() != 0x60 {
			c.fail(errMalformed)
			return
		}
		params := c.count(maxParams, "parameters of a function")
		c.bytes(params)
		c.bytes(c.count(maxParams, "results of a function"))
		m.params = append(m.params, params)
	}
}

// readImports counts imported functions. [checkImports] has refused all imports but
// functions, which makes this easy.
func (m *metered) readImports(c *cursor) {
	for range c.uint() {
		c.bytes(c.uint())
		c.bytes(c.uint())
		if m.imports++; c.byte() != 0 {
			c.fail(errors.New("it imports what is no function"))
		}
		c.uint()
		if c.err != nil {
			return
		}
	}
}

// globalSection adds the counter to a section, or makes one.
func (m *metered) globalSection(b []byte) []byte {
	c := cursor{b: b}
	n := uint64(0)
	if len(b) > 0 {
		n = c.uint()
	}
	out := binary.AppendUvarint(nil, n+1)
	out = append(out, c.b...)
	out = append(out, typeI32, 1)
	out = appendConst(out, slice)
	return append(out, opEnd)
}

// codeSection rewrites the bodies of functions (5.5.13).
func (m *metered) codeSection(b []byte) ([]byte, error) {
	c := cursor{b: b}
	n := c.uint()
	if n != uint64(len(m.types)) {
		return nil, errors.New("it has another number of functions than of bodies")
	}
	out := make([]byte, 0, len(b)+len(b)/8)
	locals := uint64(0)
	var body []byte
	for _, t := range m.types {
		if t >= uint64(len(m.params)) {
			return nil, errors.New("it has a function of no type")
		}
		f := function{metered: m, in: cursor{b: c.bytes(c.uint())}, out: body[:0], scratch: m.params[t]}
		if f.rewrite(); c.err == nil && f.in.err != nil {
			c.fail(f.in.err)
		}
		if locals += f.scratch; locals > maxLocalsInAll {
			c.fail(fmt.Errorf("its functions have more than %d locals in all", uint64(maxLocalsInAll)))
		}
		if c.err != nil {
			return nil, fmt.Errorf("a function's body: %w", c.err)
		}
		body = f.out
		out = binary.AppendUvarint(out, uint64(len(body)))
		out = append(out, body...)
	}
	// The vector's length comes last, when it is known.
	all := binary.AppendUvarint(make([]byte, 0, len(out)+1<<10), n+uint64(len(m.moreBodies)))
	return append(append(all, out...), bytes.Join(m.moreBodies, nil)...), nil
}

// function is a body on its way from in to out.
type function struct {
	*metered
	in      cursor
	out     []byte
	scratch uint64 // the index of a local that is added
}

// rewrite puts the counting in front of the body, and in front of what fills and
// copies.
func (f *function) rewrite() {
	size := len(f.in.b)
	if size > maxBody {
		f.in.fail(fmt.Errorf("it has %d bytes, at most %d are allowed", size, maxBody))
		return
	}
	f.copyLocals()
	if size > smallBody || f.calls() {
		f.get(f.globals)
		f.out = appendConst(f.out, callCost)
		f.charge()
	}
	f.instructions()
}

// calls reports whether there is a call in what is left.
func (f *function) calls() bool {
	ahead := *f
	for len(ahead.in.b) > 0 {
		if ahead.instruction() == kindCall {
			return true
		}
	}
	return false
}

// copyLocals copies the vector of locals and adds one.
func (f *function) copyLocals() {
	groups := f.in.count(maxLocals, "groups of locals")
	f.out = binary.AppendUvarint(f.out, groups+1)
	declared := uint64(0)
	for range groups {
		n := f.in.uint()
		if declared += n; declared > maxLocals {
			f.in.fail(fmt.Errorf("it has %d locals or more, at most %d are allowed", declared, maxLocals))
			return
		}
		f.out = append(binary.AppendUvarint(f.out, n), f.in.byte())
	}
	f.out = append(f.out, 1, typeI32)
	f.scratch += declared
}

// instructions copies them to the end and charges for each chunk.
func (f *function) instructions() {
	done := 0
	for len(f.in.b) > 0 {
		before := f.in.b
		kind := f.instruction()
		code := before[:len(before)-len(f.in.b)]
		switch kind {
		case kindCopy:
			code = binary.AppendUvarint([]byte{opCall}, f.helper(opMemoryCopy))
		case kindFill:
			code = binary.AppendUvarint([]byte{opCall}, f.helper(opMemoryFill))
		case kindBulk:
			f.chargeBulk()
		}
		f.out = append(f.out, code...)
		if done += len(code); done >= chunk && len(f.in.b) > 0 {
			f.get(f.globals)
			f.out = appendConst(f.out, int32(min(done, slice)))
			f.charge()
			done = 0
		}
	}
}

func (f *function) get(global uint64) {
	f.out = binary.AppendUvarint(append(f.out, opGlobalGet), global)
}

func (f *function) set(global uint64) {
	f.out = binary.AppendUvarint(append(f.out, opGlobalSet), global)
}

func (f *function) local(op byte, index uint64) {
	f.out = binary.AppendUvarint(append(f.out, op), index)
}

// charge takes the upper of the two numbers on the stack, a cost, from the lower,
// the counter, and looks whether the guest is to end where that used the counter
// up.
func (f *function) charge() {
	f.out = append(f.out, opI32Sub)
	f.set(f.globals)
	f.get(f.globals)
	f.out = appendConst(f.out, 0)
	f.out = append(f.out, opI32LtS, opIf, blockEmpty)
	f.out = appendConst(f.out, slice)
	f.set(f.globals)
	f.out = append(f.out, opLoop, blockEmpty, opEnd, opEnd)
}

// chargeBulk charges for the number of bytes or elements on top of the stack.
func (f *function) chargeBulk() {
	f.local(opLocalSet, f.scratch)
	f.get(f.globals)
	f.local(opLocalGet, f.scratch)
	f.out = append(appendConst(f.out, bulkShift), opI32ShrU)
	f.charge()
	f.local(opLocalGet, f.scratch)
}

// appendConst appends i32.const; n is not negative.
func appendConst(b []byte, n int32) []byte {
	b = append(b, opI32Const)
	for ; n > 0x3f; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}
