package wasm

import (
	"errors"
	"fmt"
)

// Opcodes that are looked for or written (WebAssembly core specification, 5.4).
const (
	opLoop      = 0x03
	opIf        = 0x04
	opElse      = 0x05
	opEnd       = 0x0b
	opBr        = 0x0c
	opBrIf      = 0x0d
	opReturn    = 0x0f
	opCall      = 0x10
	opDrop      = 0x1a
	opLocalGet  = 0x20
	opLocalSet  = 0x21
	opGlobalGet = 0x23
	opGlobalSet = 0x24
	opI32Const  = 0x41
	opI32Eqz    = 0x45
	opI32LtS    = 0x48
	opI32LtU    = 0x49
	opI32GtU    = 0x4b
	opI32Add    = 0x6a
	opI32Sub    = 0x6b
	opI32Or     = 0x72
	opI32ShrU   = 0x76

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
)

// instruction reads over one instruction. Those of proposals beyond WebAssembly
// 2.0 are refused, as wazero would.
func (f *function) instruction() kind {
	c := &f.in
	switch op := c.byte(); {
	case op == 0x02 || op == opLoop || op == opIf: // a block type
		c.skip(1)
	case op == 0x0c || op == 0x0d: // br, br_if
		c.skip(1)
	case op == 0x0e: // br_table
		c.skip(c.uint() + 1)
	case op == 0x10: // call
		c.skip(1)
		return kindCall
	case op == 0x11: // call_indirect
		c.skip(2)
		return kindCall
	case op == 0x1c: // select with types
		c.bytes(c.uint())
	case op == opGlobalGet || op == opGlobalSet:
		if c.uint() >= f.globals {
			c.fail(fmt.Errorf("it uses a global that it does not have"))
		}
	case op >= 0x20 && op <= 0x26 || op == 0xd2: // local.*, table.get, table.set, ref.func
		c.skip(1)
	case op >= 0x28 && op <= 0x3e: // loads and stores
		c.skip(2)
	case op == 0x3f || op == 0x40 || op == 0xd0: // memory.size, memory.grow, ref.null
		c.skip(1)
	case op == opI32Const || op == 0x42:
		c.skip(1)
	case op == 0x43:
		c.bytes(4)
	case op == 0x44:
		c.bytes(8)
	case op == 0xfc:
		return f.bulkInstruction()
	case op == 0xfd:
		f.vectorInstruction()
	case op <= 0x01 || op == 0x05 || op == opEnd || op == 0x0f || op == 0x1a || op == 0x1b || op >= 0x45 && op <= 0xc4 || op == 0xd1:
	default:
		c.fail(fmt.Errorf("invalid instruction %#x", op))
	}
	return kindOther
}

// bulkInstruction reads over the rest of an instruction with the prefix 0xfc.
func (f *function) bulkInstruction() kind {
	switch op := f.in.uint(); op {
	case 0, 1, 2, 3, 4, 5, 6, 7: // saturating conversions
	case opMemoryCopy:
		f.memories(2)
		return kindCopy
	case opMemoryFill:
		f.memories(1)
		return kindFill
	case 8, 12, 14: // memory.init, table.init, table.copy
		f.in.skip(2)
		return kindBulk
	case 15, 17: // table.grow, table.fill
		f.in.skip(1)
		return kindBulk
	case 9, 13, 16: // data.drop, elem.drop, table.size
		f.in.skip(1)
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
func (f *function) vectorInstruction() {
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
