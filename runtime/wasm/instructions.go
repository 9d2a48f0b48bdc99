package wasm

import (
	"errors"
	"fmt"
)

// Opcodes that are looked for or written (WebAssembly core specification, 5.4).
const (
	opLoop        = 0x03
	opIf          = 0x04
	opElse        = 0x05
	opEnd         = 0x0b
	opBr          = 0x0c
	opBrIf        = 0x0d
	opReturn      = 0x0f
	opCall        = 0x10
	opDrop        = 0x1a
	opLocalGet    = 0x20
	opLocalSet    = 0x21
	opLocalTee    = 0x22
	opUnreachable = 0x00
	opBlock       = 0x02
	opGlobalGet   = 0x23
	opGlobalSet   = 0x24
	opI32Const    = 0x41
	opI32Eqz      = 0x45
	opI32LtS      = 0x48
	opI32LtU      = 0x49
	opI32GtU      = 0x4b
	opI32Add      = 0x6a
	opI32Sub      = 0x6b
	opI32Or       = 0x72
	opI32ShrU     = 0x76

	typeI32    = 0x7f
	blockEmpty = 0x40

	// After 0xfc.
	opMemoryCopy = 10
	opMemoryFill = 11
)

// kind is what the rewriting wants to know of an instruction.
type kind int

const (
	kindOther kind = iota
	kindCall
	kindBulk // fills or copies as much as the uppermost number says
	kindCopy // memory.copy
	kindFill // memory.fill
	kindReturn
)

// instruction reads over one instruction, and keeps account of the frame where
// there is one. Those of proposals beyond WebAssembly 2.0 are refused, as wazero
// would.
func (f *function) instruction() kind {
	c := &f.in
	f.frame.at++
	op := c.byte()
	switch {
	case op <= 0x0f && op != 0x00 && op != 0x01:
		return f.control(op)
	case op == opCall:
		f.call(c.uint())
		return kindCall
	case op == 0x11: // call_indirect
		f.frame.pop(1)
		f.calls = append(f.calls, anywhere)
		f.called(c.uint())
		c.skip(1)
		return kindCall
	case op == opDrop:
		f.frame.pop(1)
	case op == 0x1b || op == 0x1c: // select
		if op == 0x1c {
			c.bytes(c.uint())
		}
		f.frame.effect(3, 1)
	case op == opLocalGet:
		f.frame.get(c.uint())
	case op == opLocalSet:
		f.frame.set(c.uint())
	case op == opLocalTee:
		i := c.uint()
		f.frame.set(i)
		f.frame.get(i)
	case op == opGlobalGet || op == opGlobalSet:
		f.global(op)
	case op == 0x25 || op == 0xd2: // table.get, ref.func
		c.skip(1)
		f.frame.effect(uint64(op&1), 1)
	case op == 0x26: // table.set
		c.skip(1)
		f.frame.effect(2, 0)
	case op >= 0x28 && op <= 0x3e: // loads and stores
		c.skip(2)
		if op < 0x36 {
			f.frame.effect(1, 1)
		} else {
			f.frame.effect(2, 0)
		}
	case op == 0x3f || op == 0x40: // memory.size, memory.grow
		c.skip(1)
		f.frame.effect(uint64(op&^0x3f)>>6, 1)
	case op == opI32Const || op == 0x42 || op == 0xd0: // and ref.null
		c.skip(1)
		f.frame.push(1)
	case op == 0x43:
		c.bytes(4)
		f.frame.push(1)
	case op == 0x44:
		c.bytes(8)
		f.frame.push(1)
	case op >= 0x45 && op <= 0xc4 || op == 0xd1:
		f.frame.effect(operands(op), 1)
	case op == 0xfc:
		return f.bulkInstruction()
	case op == 0xfd:
		f.vectorInstruction()
	case op <= 0x01:
	default:
		c.fail(fmt.Errorf("invalid instruction %#x", op))
	}
	return kindOther
}

// control reads the rest of what opens and closes blocks, or leaves them.
func (f *function) control(op byte) kind {
	switch op {
	case opBlock, opLoop, opIf:
		if op == opIf {
			f.frame.pop(1)
		}
		f.depth++
		f.frame.open(f.blockType())
	case opElse:
		f.frame.close(true)
	case opEnd:
		f.depth--
		f.frame.close(false)
		if f.depth < 0 && len(f.in.b) > 0 {
			f.in.fail(errMalformed)
		}
	case opBr:
		f.label()
	case opBrIf:
		f.frame.pop(1)
		f.label()
	case 0x0e: // br_table
		f.frame.pop(1)
		for n := f.in.uint() + 1; n > 0 && f.in.err == nil; n-- {
			f.label()
		}
	case opReturn:
		return kindReturn
	default:
		f.in.fail(fmt.Errorf("invalid instruction %#x", op))
	}
	return kindOther
}

// label reads one. Those beyond the function's own would be that one in a
// function that is wrapped.
func (f *function) label() {
	if f.in.uint() > uint64(max(f.depth, 0)) {
		f.in.fail(errors.New("it branches to a label that it does not have"))
	}
}

// blockType reads one (5.4.1).
func (f *function) blockType() (params, results uint64) {
	if len(f.in.b) == 0 {
		f.in.fail(errMalformed)
		return 0, 0
	}
	switch b := f.in.b[0]; {
	case b == blockEmpty:
		f.in.byte()
	case b&0xc0 == 0x40: // a negative number: a value's type
		f.in.byte()
		results = 1
	default:
		if t := f.in.uint(); t < uint64(len(f.params)) {
			return f.params[t], uint64(len(f.results[t]))
		}
		f.in.fail(errors.New("it has a block of no type"))
	}
	return 0, results
}

// call notes a call of a function.
func (f *function) call(i uint64) {
	switch {
	case i < f.imports:
		f.called(f.importTypes[i])
	case i-f.imports < uint64(len(f.types)):
		f.calls = append(f.calls, uint32(i-f.imports))
		f.called(f.types[i-f.imports])
	default:
		f.in.fail(errors.New("it calls a function that it does not have"))
	}
}

// called is what a call of a function of a type does to the frame.
func (f *function) called(t uint64) {
	if t >= uint64(len(f.params)) {
		f.in.fail(errors.New("it calls a function of no type"))
		return
	}
	f.frame.pop(f.params[t])
	f.frame.tick()
	f.frame.push(uint64(len(f.results[t])))
}

func (f *function) global(op byte) {
	if f.in.uint() >= f.globals {
		f.in.fail(errors.New("it uses a global that it does not have"))
	}
	f.frame.effect(uint64(op-opGlobalGet), uint64(opGlobalSet-op))
}

// operands is how many operands a numeric instruction has.
func operands(op byte) uint64 {
	binary := op >= 0x46 && op <= 0x4f || op >= 0x51 && op <= 0x66 || op >= 0x6a && op <= 0x78 ||
		op >= 0x7c && op <= 0x8a || op >= 0x92 && op <= 0x98 || op >= 0xa0 && op <= 0xa6
	if binary {
		return 2
	}
	return 1
}

// bulkInstruction reads over the rest of an instruction with the prefix 0xfc.
func (f *function) bulkInstruction() kind {
	switch op := f.in.uint(); op {
	case 0, 1, 2, 3, 4, 5, 6, 7: // saturating conversions
		f.frame.effect(1, 1)
	case opMemoryCopy:
		f.memories(2)
		f.frame.effect(3, 0)
		return kindCopy
	case opMemoryFill:
		f.memories(1)
		f.frame.effect(3, 0)
		return kindFill
	case 8, 12, 14: // memory.init, table.init, table.copy
		f.in.skip(2)
		f.frame.effect(3, 0)
		return kindBulk
	case 15: // table.grow
		f.in.skip(1)
		f.frame.effect(2, 1)
		return kindBulk
	case 17: // table.fill
		f.in.skip(1)
		f.frame.effect(3, 0)
		return kindBulk
	case 9, 13: // data.drop, elem.drop
		f.in.skip(1)
	case 16: // table.size
		f.in.skip(1)
		f.frame.push(1)
	default:
		f.in.fail(fmt.Errorf("invalid instruction 0xfc %#x", op))
	}
	return kindOther
}

// memories reads the indices of n memories, of which there is one.
func (f *function) memories(n int) {
	for range n {
		if f.in.byte() != 0 {
			f.in.fail(errors.New("it uses a memory that it does not have"))
		}
	}
}

// vectorInstruction reads over the rest of an instruction with the prefix 0xfd.
// For the frame each is a value.
func (f *function) vectorInstruction() {
	f.frame.wide = true
	f.frame.slots++
	switch op := f.in.uint(); {
	case op <= 11 || op == 92 || op == 93: // loads and the store
		f.in.skip(2)
	case op == 12 || op == 13: // a constant, or the lanes of a shuffle
		f.in.bytes(16)
	case op >= 21 && op <= 34: // a lane
		f.in.byte()
	case op >= 84 && op <= 91: // loads and stores of a lane
		f.in.skip(2)
		f.in.byte()
	case op > 255:
		f.in.fail(fmt.Errorf("invalid instruction 0xfd %#x", op))
	}
}
