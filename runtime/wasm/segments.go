package wasm

import "errors"

// checkElements reads over element segments (5.5.12). wazero makes room for as
// many elements as a segment says that it has, at 32 bytes each, before it reads
// the first.
func checkElements(c *cursor) {
	const passive, explicit, expressions = 1, 2, 4
	for range c.count(maxSegments, "element segments") {
		flags := c.uint()
		if flags > passive|explicit|expressions {
			c.fail(errMalformed)
		}
		if flags&passive == 0 {
			if flags&explicit != 0 {
				c.uint() // the table
			}
			c.constant()
		}
		if flags&(passive|explicit) != 0 {
			kind := c.byte() // or type, which may have a heap type behind it (5.3.4)
			if flags&expressions != 0 && (kind == 0x63 || kind == 0x64) {
				c.skip(1)
			}
		}
		for range c.countBytes() {
			if flags&expressions != 0 {
				c.constant()
			} else {
				c.uint()
			}
		}
		if c.err != nil {
			return
		}
	}
}

// checkData reads over data segments (5.5.14), for the same reason.
func checkData(c *cursor) {
	for range c.count(maxSegments, "data segments") {
		flags := c.uint()
		if flags > 2 {
			c.fail(errMalformed)
		}
		if flags == 2 {
			c.uint() // the memory
		}
		if flags != 1 {
			c.constant()
		}
		c.bytes(c.uint())
		if c.err != nil {
			return
		}
	}
}

// countBytes reads the length of a vector whose elements have a byte at least.
func (c *cursor) countBytes() uint64 {
	n := c.uint()
	if n > uint64(len(c.b)) {
		c.fail(errors.New("a vector is longer than what holds it"))
		return 0
	}
	return n
}

// constant reads over a constant expression (3.3.10) and its end.
func (c *cursor) constant() {
	for c.err == nil {
		switch op := c.byte(); op {
		case opEnd:
			return
		case opI32Const, 0x42, opGlobalGet, 0xd0, 0xd2: // and i64.const, ref.null, ref.func
			c.skip(1)
		case 0x43: // f32.const
			c.bytes(4)
		case 0x44: // f64.const
			c.bytes(8)
		case 0xfd: // v128.const
			c.skip(1)
			c.bytes(16)
		case 0x6a, 0x6b, 0x6c, 0x7c, 0x7d, 0x7e: // addition and the like of integers
		default:
			c.fail(errMalformed)
		}
	}
}
