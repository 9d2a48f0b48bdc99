// Package wasmtest writes WebAssembly binaries, well formed or not, that no
// compiler would: for tests, and for the hostile guests of make sandbox.
//
// The format is that of the WebAssembly core specification, 5 ("Binary
// Format"). Values are strings of bytes, so that a module is written down as a
// concatenation. Nothing is checked.
package wasmtest

import (
	"encoding/binary"
	"strings"
)

// Header is a core module's magic number and version.
const Header = "\x00asm\x01\x00\x00\x00"

// Ids of sections, in the order in which they stand in a module (5.5.2).
const (
	Custom    = 0
	Type      = 1
	Import    = 2
	Function  = 3
	Table     = 4
	Memory    = 5
	Global    = 6
	Export    = 7
	Start     = 8
	Element   = 9
	DataCount = 12
	Code      = 10
	Data      = 11
)

// Leb encodes an unsigned number as LEB128.
func Leb[T ~int | ~uint32 | ~uint64](n T) string {
	return string(binary.AppendUvarint(nil, uint64(n)))
}

// Sleb encodes a signed number as LEB128, as the operands of i32.const and
// i64.const are.
func Sleb(n int64) string {
	var b []byte
	for {
		c := byte(n & 0x7f)
		n >>= 7
		if n == 0 && c&0x40 == 0 || n == -1 && c&0x40 != 0 {
			return string(append(b, c))
		}
		b = append(b, c|0x80)
	}
}

// Name encodes a name, with its length.
func Name(s string) string { return Leb(len(s)) + s }

// Vector encodes a sequence, with its number of elements.
func Vector(elems ...string) string { return Leb(len(elems)) + strings.Join(elems, "") }

// Repeated encodes a sequence of n times the same element.
func Repeated(n int, elem string) string { return Leb(n) + strings.Repeat(elem, n) }

// Section encodes a section with its id and length.
func Section(id byte, content string) string { return string(id) + Leb(len(content)) + content }

// Imported encodes an import of a function of the given type.
func Imported(module, name string, typ int) string {
	return Name(module) + Name(name) + "\x00" + Leb(typ)
}

// Kinds of exports.
const (
	FuncExport   = "\x00"
	MemoryExport = "\x02"
)

// Exported encodes an export.
func Exported(name, kind string, index int) string { return Name(name) + kind + Leb(index) }

// Body encodes an entry of the code section: the vector of locals, encoded, and
// the instructions without the final end.
func Body(locals, instructions string) string {
	code := locals + instructions + "\x0b"
	return Leb(len(code)) + code
}

// NoLocals is the vector of locals of a function that has none.
const NoLocals = "\x00"
