package wasm

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Bounds of a module's tables. wazero keeps eight bytes of the host's memory for
// an element, which no memory limit counts, and grows a table that has no
// maximum until the host's memory is used up. Compilers emit tables that cannot
// grow at all, so what is left here is plenty.
const (
	maxTables        = 16
	maxTableElements = 1 << 20 // at the start; 8 MiB
	maxTableGrowth   = 1 << 16 // beyond the start; 512 KiB
)

// boundTables gives every table a maximum, so that table.grow answers -1 beyond
// it.
func boundTables(list []section) error {
	for i := range list {
		if list[i].id != sectionTable {
			continue
		}
		var err error
		if list[i].content, err = boundTableSection(list[i].content); err != nil {
			return err
		}
	}
	return nil
}

// boundTableSection rewrites the vector of table types (WebAssembly core
// specification, 5.5.7): a reference type, then limits.
func boundTableSection(b []byte) ([]byte, error) {
	c := cursor{b: b}
	count := c.count(maxTables, "tables")
	out := binary.AppendUvarint(nil, count)
	for range count {
		reference, flags, least := c.byte(), c.byte(), c.uint()
		most := least + maxTableGrowth
		if flags == 1 {
			most = min(most, c.uint())
		}
		switch {
		case c.err != nil:
			return nil, fmt.Errorf("its table section: %w", c.err)
		case flags > 1:
			return nil, errors.New("it has a table of a kind that is not known")
		case least > maxTableElements:
			return nil, fmt.Errorf("it has a table of %d elements, at most %d are allowed", least, maxTableElements)
		}
		out = append(out, reference, 1)
		out = binary.AppendUvarint(binary.AppendUvarint(out, least), most)
	}
	if c.err == nil && len(c.b) > 0 {
		c.fail(errors.New("its table section has more than its tables"))
	}
	return out, c.err
}
