package wasm

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Ids of the sections that are looked into (WebAssembly core specification,
// 5.5.2).
const (
	sectionCustom   = 0
	sectionType     = 1
	sectionImport   = 2
	sectionFunction = 3
	sectionTable    = 4
	sectionMemory   = 5
	sectionGlobal   = 6
	sectionExport   = 7
	sectionElement  = 9
	sectionCode     = 10
	sectionData     = 11
	sectionTag      = 13
)

// exportGlobal is the kind of an export that is a global (5.5.10).
const exportGlobal = 3

const headerBytes = 8

// section is one section of a module's binary.
type section struct {
	id      byte
	content []byte
}

// parseSections splits a module whose header is good ([plugins.Inspect]).
func parseSections(module []byte) ([]section, error) {
	c := cursor{b: module[headerBytes:]}
	var list []section
	for len(c.b) > 0 {
		list = append(list, section{c.byte(), c.bytes(c.uint())})
	}
	return list, c.err
}

// assembleSections is the reverse of parseSections, with the same header.
func assembleSections(module []byte, list []section) []byte {
	n := headerBytes
	for _, s := range list {
		n += len(s.content) + 6
	}
	out := append(make([]byte, 0, n), module[:headerBytes]...)
	for _, s := range list {
		out = append(out, s.id)
		out = binary.AppendUvarint(out, uint64(len(s.content)))
		out = append(out, s.content...)
	}
	return out
}

var errMalformed = errors.New("malformed")

// cursor reads the binary format's primitives. After its first error it gives
// zero values and nothing is left to read.
type cursor struct {
	b   []byte
	err error
}

func (c *cursor) fail(err error) {
	c.b = nil
	if c.err == nil {
		c.err = err
	}
}

func (c *cursor) byte() byte {
	b := c.bytes(1)
	if len(b) == 0 {
		return 0
	}
	return b[0]
}

func (c *cursor) bytes(n uint64) []byte {
	if n > uint64(len(c.b)) {
		c.fail(errMalformed)
		return nil
	}
	b := c.b[:n]
	c.b = c.b[n:]
	return b
}

// uint reads an unsigned number of 32 bits.
func (c *cursor) uint() uint64 {
	v, n := binary.Uvarint(c.b)
	if n <= 0 || n > 5 || v > 1<<32-1 {
		c.fail(errMalformed)
		return 0
	}
	c.b = c.b[n:]
	return v
}

// skip reads over n numbers of whatever sign and size.
func (c *cursor) skip(n uint64) {
	for range n {
		for left := 10; c.byte()&0x80 != 0; left-- {
			if left == 1 {
				c.fail(errMalformed)
			}
		}
		if c.err != nil {
			return
		}
	}
}

// count reads a vector's length, which is bounded.
func (c *cursor) count(most uint64, what string) uint64 {
	n := c.uint()
	if n > most {
		c.fail(fmt.Errorf("it has %d %s, at most %d are allowed", n, what, most))
		return 0
	}
	return n
}
