package wasm

import "encoding/binary"

// While native code fills or copies memory, neither does wazero look at the
// context nor does Go's garbage collector get its turn, and everybody else waits
// for it: 64 MiB take 10 ms and more. So memory.fill and memory.copy become
// calls of functions that are appended to the module, which do the same in
// pieces.

// piece is how many bytes are filled or copied without a look. It takes about
// 0.1 ms.
const piece = 1 << 20

// helper returns the index of the function that does what the instruction does
// with the given opcode, opMemoryFill or opMemoryCopy, after 0xfc.
func (m *metered) helper(op byte) uint64 {
	if i, ok := m.pieces[op]; ok {
		return i
	}
	if m.pieces == nil {
		m.pieces = map[byte]uint64{}
	}
	a := assembler{metered: m, op: op}
	body := a.body()
	typ := uint64(len(m.params) + len(m.moreTypes))
	m.moreTypes = append(m.moreTypes, []byte{0x60, 3, typeI32, typeI32, typeI32, 0})
	i := m.imports + uint64(len(m.types)+len(m.moreFunctions))
	m.moreFunctions = append(m.moreFunctions, binary.AppendUvarint(nil, typ))
	m.moreBodies = append(m.moreBodies, append(binary.AppendUvarint(nil, uint64(len(body))), body...))
	m.pieces[op] = i
	return i
}

// Locals of a helper.
const (
	localTo   = iota
	localFrom // or the value
	localSize
	localScratch
)

// assembler writes the body of a helper.
type assembler struct {
	*metered
	op byte
	b  []byte
}

// body is, with to, from and size being parameters:
//
//	charge for size
//	if size ≤ piece or to+size or from+size leaves 32 bits { do it, or trap; return }
//	do it with nothing at the very end, which traps if that is out of bounds
//	if to ≤ from { loop { do a piece at the start } } else { loop { do one at the end } }
//	do the rest, at the start
//
// so that nothing is written if anything is out of bounds, and nothing is
// overwritten before it was copied.
func (a *assembler) body() []byte {
	f := function{metered: a.metered, out: []byte{1, 1, typeI32}, scratch: localScratch}
	f.local(opLocalGet, localSize)
	f.chargeBulk()
	f.out = append(f.out, opDrop)
	a.b = f.out
	a.atOnce()
	a.do(func() { a.moved(localTo) }, func() { a.moved(localFrom) }, func() { a.number(0) })
	if a.op == opMemoryCopy {
		a.code(opLocalGet, localFrom, opLocalGet, localTo, opI32LtU, opIf, blockEmpty)
		a.backwards()
		a.code(opElse)
		a.forwards()
		a.code(opEnd)
	} else {
		a.backwards()
	}
	a.whole()
	a.code(opEnd)
	return a.b
}

func (a *assembler) code(b ...byte) { a.b = append(a.b, b...) }

func (a *assembler) number(n int32) { a.b = appendConst(a.b, n) }

// atOnce does what is small, and what wraps around, which traps but for the last
// byte of 4 GiB.
func (a *assembler) atOnce() {
	a.large()
	a.code(opI32Eqz)
	a.wraps(localTo)
	if a.op == opMemoryCopy {
		a.wraps(localFrom)
	}
	a.code(opIf, blockEmpty)
	a.whole()
	a.code(opReturn, opEnd)
}

// large compares the size with a piece.
func (a *assembler) large() {
	a.code(opLocalGet, localSize)
	a.number(piece)
	a.code(opI32GtU)
}

func (a *assembler) wraps(local byte) {
	a.moved(local)
	a.code(opLocalGet, local, opI32LtU, opI32Or)
}

// moved is a local plus the size. The value that is filled with stays.
func (a *assembler) moved(local byte) {
	a.code(opLocalGet, local)
	if local == localTo || a.op == opMemoryCopy {
		a.code(opLocalGet, localSize, opI32Add)
	}
}

func (a *assembler) do(to, from, size func()) {
	to()
	from()
	size()
	a.code(0xfc, a.op, 0)
	if a.op == opMemoryCopy {
		a.code(0)
	}
}

// whole does it with the locals as they are.
func (a *assembler) whole() {
	a.do(func() { a.code(opLocalGet, localTo) }, func() { a.code(opLocalGet, localFrom) }, func() { a.code(opLocalGet, localSize) })
}

// backwards leaves no more than a piece.
func (a *assembler) backwards() {
	a.code(opLoop, blockEmpty, opLocalGet, localSize)
	a.number(piece)
	a.code(opI32Sub, opLocalSet, localSize)
	a.do(func() { a.moved(localTo) }, func() { a.moved(localFrom) }, func() { a.number(piece) })
	a.large()
	a.code(opBrIf, 0, opEnd)
}

// forwards leaves no more than a piece.
func (a *assembler) forwards() {
	a.code(opLoop, blockEmpty)
	a.do(func() { a.code(opLocalGet, localTo) }, func() { a.code(opLocalGet, localFrom) }, func() { a.number(piece) })
	for _, local := range []byte{localTo, localFrom, localSize} {
		op := byte(opI32Add)
		if local == localSize {
			op = opI32Sub
		}
		a.code(opLocalGet, local)
		a.number(piece)
		a.code(op, opLocalSet, local)
	}
	a.large()
	a.code(opBrIf, 0, opEnd)
}
