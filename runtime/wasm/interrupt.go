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
		case sectionExport:
			s.content = appendElements(s.content, [][]byte{m.stackExport()})
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
	results [][]byte // by type
	types   []uint64 // of the module's own functions
	imports uint64   // functions, which have the indices before
	globals uint64   // all of them; the counter's index, and the one before the stack's

	importTypes []uint64

	// What is appended to sections.
	moreTypes, moreFunctions, moreBodies [][]byte

	pieces map[byte]uint64   // helpers by instruction: see [metered.helper]
	blocks map[string]uint64 // types of blocks by their results: see [function.wrap]
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
			checkElements(&c)
		case sectionData:
			checkData(&c)
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
		m.results = append(m.results, c.bytes(c.count(maxParams, "results of a function")))
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
		m.importTypes = append(m.importTypes, c.uint())
		if c.err != nil {
			return
		}
	}
}

// globalSection adds the counter and what is left of the stack to a section, or
// makes one.
func (m *metered) globalSection(b []byte) []byte {
	c := cursor{b: b}
	n := uint64(0)
	if len(b) > 0 {
		n = c.uint()
	}
	out := binary.AppendUvarint(nil, n+2)
	out = append(out, c.b...)
	for _, start := range []int32{slice, stackBytes} {
		out = append(appendConst(append(out, typeI32, 1), start), opEnd)
	}
	return out
}

// stackExport is how the host sees what is left of the stack.
func (m *metered) stackExport() []byte {
	b := append([]byte{byte(len(exportStack))}, exportStack...)
	return binary.AppendUvarint(append(b, exportGlobal), m.globals+1)
}

// codeSection rewrites the bodies of functions (5.5.13).
func (m *metered) codeSection(b []byte) ([]byte, error) {
	c := cursor{b: b}
	if n := c.uint(); n != uint64(len(m.types)) {
		return nil, errors.New("it has another number of functions than of bodies")
	}
	graph, err := m.scan(c)
	if err != nil {
		return nil, err
	}
	charged := graph.charged()
	out := make([]byte, 0, len(b)+len(b)/8)
	var body []byte
	for i, t := range m.types {
		f := function{metered: m, in: cursor{b: c.bytes(c.uint())}, out: body[:0], scratch: m.params[t], typ: t, frame: &frame{}}
		if charged[i] {
			f.cost = int32(min(graph.frames[i], stackBytes+1))
		}
		body = f.rewrite()
		out = binary.AppendUvarint(out, uint64(len(body)))
		out = append(out, body...)
	}
	// The vector's length comes last, when it is known.
	all := binary.AppendUvarint(make([]byte, 0, len(out)+1<<10), uint64(len(m.types)+len(m.moreBodies)))
	return append(append(all, out...), bytes.Join(m.moreBodies, nil)...), nil
}

// scan reads all bodies, which must be good for what is done with them, and
// returns what calls what.
func (m *metered) scan(c cursor) (*callGraph, error) {
	g := &callGraph{frames: make([]uint64, len(m.types)), ends: make([]int, len(m.types))}
	locals := uint64(0)
	f := function{metered: m, frame: &frame{}}
	for i, t := range m.types {
		if t >= uint64(len(m.params)) {
			return nil, errors.New("it has a function of no type")
		}
		f.in, f.depth, f.scratch, f.calls = cursor{b: c.bytes(c.uint())}, 0, m.params[t], g.calls
		f.read()
		if c.err == nil && f.in.err != nil {
			c.fail(f.in.err)
		}
		if locals += f.scratch; locals > maxLocalsInAll {
			c.fail(fmt.Errorf("its functions have more than %d locals in all", uint64(maxLocalsInAll)))
		}
		if c.err != nil {
			return nil, fmt.Errorf("a function's body: %w", c.err)
		}
		g.calls = f.calls
		g.ends[i], g.frames[i] = len(f.calls), f.frame.bytes()+slotBytes*(m.params[t]+uint64(len(m.results[t])))
	}
	return g, nil
}

// function is a body on its way from in to out.
type function struct {
	*metered
	in      cursor
	out     []byte
	typ     uint64
	scratch uint64 // the index of a local that is added
	cost    int32  // of its frame; 0 where that is not charged for
	depth   int    // of blocks around the instruction that is read
	calls   []uint32
	frame   *frame
}

// read reads the body to its end.
func (f *function) read() {
	size := len(f.in.b)
	if size > maxBody {
		f.in.fail(fmt.Errorf("it has %d bytes, at most %d are allowed", size, maxBody))
		return
	}
	f.copyLocals()
	if f.in.err != nil {
		return
	}
	f.frame.reset(f.scratch)
	for len(f.in.b) > 0 {
		f.instruction()
	}
	if f.depth != -1 {
		f.in.fail(errMalformed)
	}
}

// rewrite puts the counting in front of the body, and in front of what fills and
// copies, and takes the frame from the budget. The body was read before.
func (f *function) rewrite() []byte {
	size := len(f.in.b)
	f.copyLocals()
	if size > smallBody || f.callsOthers() {
		f.get(f.globals)
		f.out = appendConst(f.out, callCost)
		f.charge()
	}
	if f.cost > 0 {
		f.wrap()
	} else {
		f.instructions()
	}
	return f.out
}

// wrap has the body in a block, so that there is one way out of it: that is what
// a branch to the function's own label leaves, too.
func (f *function) wrap() {
	left := f.globals + 1
	f.get(left)
	f.out = append(appendConst(f.out, f.cost), opI32Sub)
	f.local(opLocalTee, f.scratch)
	f.set(left)
	f.local(opLocalGet, f.scratch)
	f.out = append(appendConst(f.out, 0), opI32LtS, opIf, blockEmpty, opUnreachable, opEnd, opBlock)
	f.blockOf(f.results[f.typ])
	f.instructions()
	f.get(left)
	f.out = append(appendConst(f.out, f.cost), opI32Add)
	f.set(left)
	f.out = append(f.out, opEnd)
}

// blockOf writes the type of a block that has results and no parameters.
func (f *function) blockOf(results []byte) {
	switch len(results) {
	case 0:
		f.out = append(f.out, blockEmpty)
		return
	case 1:
		f.out = append(f.out, results[0])
		return
	}
	i, ok := f.blocks[string(results)]
	if !ok {
		if f.blocks == nil {
			f.blocks = map[string]uint64{}
		}
		i = uint64(len(f.params) + len(f.moreTypes))
		f.blocks[string(results)] = i
		f.moreTypes = append(f.moreTypes, append(binary.AppendUvarint([]byte{0x60, 0}, uint64(len(results))), results...))
	}
	f.out = appendSigned(f.out, i)
}

// callsOthers reports whether there is a call in what is left.
func (f *function) callsOthers() bool {
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
		done += len(code)
		f.copy(kind, code)
		if done >= chunk && len(f.in.b) > 0 {
			f.get(f.globals)
			f.out = appendConst(f.out, int32(min(done, slice)))
			f.charge()
			done = 0
		}
	}
}

// copy writes an instruction, or what stands for it.
func (f *function) copy(kind kind, code []byte) {
	switch kind {
	case kindCopy:
		code = binary.AppendUvarint([]byte{opCall}, f.helper(opMemoryCopy))
	case kindFill:
		code = binary.AppendUvarint([]byte{opCall}, f.helper(opMemoryFill))
	case kindBulk:
		f.chargeBulk()
	case kindReturn:
		if f.cost > 0 {
			code = binary.AppendUvarint([]byte{opBr}, uint64(f.depth))
		}
	}
	f.out = append(f.out, code...)
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
	return appendSigned(append(b, opI32Const), uint64(n))
}

// appendSigned appends a number as one that could be negative.
func appendSigned(b []byte, n uint64) []byte {
	for ; n > 0x3f; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}
