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

const sectionTable = 4

// boundTables returns the module with a maximum for every table, so that
// table.grow answers -1 beyond it; the module itself where every table has a
// small one. The module's sections must be well formed ([plugins.Inspect]).
func boundTables(module []byte) ([]byte, error) {
	for at := 8; at < len(module); {
		size, n := binary.Uvarint(module[at+1:])
		start := at + 1 + n
		if n <= 0 || size > uint64(len(module)-start) {
			return nil, errors.New("a section is cut off")
		}
		end := start + int(size)
		if module[at] != sectionTable {
			at = end
			continue
		}
		tables, changed, err := boundTableSection(module[start:end])
		if err != nil || !changed {
			return module, err
		}
		out := make([]byte, 0, len(module)+len(tables))
		out = append(append(out, module[:at]...), sectionTable)
		out = binary.AppendUvarint(out, uint64(len(tables)))
		out = append(out, tables...)
		return append(out, module[end:]...), nil
	}
	return module, nil
}

// boundTableSection rewrites the vector of table types (WebAssembly core
// specification, 5.5.7): a reference type, then limits.
func boundTableSection(b []byte) (out []byte, changed bool, err error) {
	r := tableReader{b: b}
	count := r.uint()
	if r.err == nil && count > maxTables {
		return nil, false, fmt.Errorf("it has %d tables, at most %d are allowed", count, maxTables)
	}
	out = binary.AppendUvarint(nil, count)
	for range count {
		reference, flags, least := r.byte(), r.byte(), r.uint()
		most, bounded := uint64(0), flags == 1
		if bounded {
			most = r.uint()
		}
		switch {
		case r.err != nil:
			return nil, false, r.err
		case flags > 1:
			return nil, false, errors.New("it has a table of a kind that is not known")
		case least > maxTableElements:
			return nil, false, fmt.Errorf("it has a table of %d elements, at most %d are allowed", least, maxTableElements)
		case !bounded || most > least+maxTableGrowth:
			most, changed = least+maxTableGrowth, true
		}
		out = append(out, reference, 1)
		out = binary.AppendUvarint(binary.AppendUvarint(out, least), most)
	}
	if r.err == nil && len(r.b) > 0 {
		r.err = errors.New("its table section has more than its tables")
	}
	return out, changed, r.err
}

// tableReader reads from a section; the first error stays.
type tableReader struct {
	b   []byte
	err error
}

func (r *tableReader) byte() byte {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *tableReader) uint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || v > 1<<32-1 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *tableReader) fail() {
	r.b = nil
	if r.err == nil {
		r.err = errors.New("its table section is malformed")
	}
}
