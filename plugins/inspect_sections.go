package plugins

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// Section ids that are looked into.
const (
	sectionCustom = 0
	sectionImport = 2
	sectionMemory = 5
	sectionExport = 7
)

// sectionNames are the sections' names by id (core specification, "Binary
// Format", "Modules", "Sections"); "tag" is the exception handling proposal's.
var sectionNames = [...]string{
	"custom", "type", "import", "function", "table", "memory", "global", "export",
	"start", "element", "code", "data", "data count", "tag",
}

// externKinds are the kinds of imports and exports by their byte.
var externKinds = [...]string{"func", "table", "memory", "global", "tag"}

var errTruncated = errors.New("it ends too early")

// readSections walks over the sections of a binary whose header is good.
func (m *Module) readSections(wasm []byte) error {
	r := &reader{rest: wasm[headerLen:]}
	var seen [len(sectionNames)]bool
	for len(r.rest) > 0 {
		at := len(wasm) - len(r.rest)
		if len(m.Sections) == maxSections {
			return fmt.Errorf("more than %d sections", maxSections)
		}
		id := r.byte()
		body := &reader{rest: r.bytes(r.u32())}
		if r.err != nil {
			return fmt.Errorf("section at byte %d: %w", at, r.err)
		}
		if int(id) >= len(sectionNames) {
			return fmt.Errorf("section at byte %d: unknown id %d", at, id)
		}
		if id != sectionCustom && seen[id] {
			return fmt.Errorf("section at byte %d: a second section %q", at, sectionNames[id])
		}
		seen[id] = true
		if err := m.readSection(id, body); err != nil {
			return fmt.Errorf("section %q at byte %d: %w", sectionNames[id], at, err)
		}
	}
	return nil
}

func (m *Module) readSection(id byte, r *reader) error {
	s := Section{Name: sectionNames[id], Custom: id == sectionCustom, Size: len(r.rest)}
	switch id {
	case sectionCustom:
		s.Name = r.name()
	case sectionImport:
		m.readImports(r)
	case sectionMemory:
		if r.count(maxImports) > 0 {
			m.MemoryPages = r.limits()
		}
	case sectionExport:
		m.readExports(r)
	}
	m.Sections = append(m.Sections, s)
	return r.err
}

func (m *Module) readImports(r *reader) {
	n := r.count(maxImports)
	for range n {
		i := Import{Module: r.name(), Name: r.name()}
		kind := r.byte()
		r.skipExtern(kind)
		if r.err != nil {
			return
		}
		i.Kind = externKinds[kind]
		m.Imports = append(m.Imports, i)
	}
	r.end()
}

func (m *Module) readExports(r *reader) {
	n := r.count(maxExports)
	seen := make(map[string]bool, min(n, 1024))
	for range n {
		e := Export{Name: r.name()}
		kind := r.byte()
		r.u32() // index
		switch {
		case r.err != nil:
		case int(kind) >= len(externKinds):
			r.fail(fmt.Errorf("unknown kind %d of an export", kind))
		case seen[e.Name]:
			r.fail(fmt.Errorf("export %q stands there twice", shorten(e.Name)))
		}
		if r.err != nil {
			return
		}
		seen[e.Name] = true
		e.Kind = externKinds[kind]
		m.Exports = append(m.Exports, e)
	}
	r.end()
}

// shorten keeps a name from filling an error.
func shorten(s string) string {
	const most = 64
	if len(s) <= most {
		return s
	}
	n := most
	for !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// reader reads the binary format's primitives. After its first error it gives
// zero values.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.rest = nil
}

func (r *reader) end() {
	if r.err == nil && len(r.rest) > 0 {
		r.fail(fmt.Errorf("%d bytes too many", len(r.rest)))
	}
}

func (r *reader) byte() byte {
	b := r.bytes(1)
	if len(b) == 0 {
		return 0
	}
	return b[0]
}

func (r *reader) bytes(n uint32) []byte {
	if r.err == nil && uint64(n) > uint64(len(r.rest)) {
		r.fail(errTruncated)
	}
	if r.err != nil {
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) u32() uint32 {
	v := r.leb(5)
	if v > 1<<32-1 {
		r.fail(errors.New("a number is too large"))
		return 0
	}
	return uint32(v)
}

// leb reads an unsigned LEB128 number of at most most bytes.
func (r *reader) leb(most int) uint64 {
	var v uint64
	for i := range most {
		b := r.byte()
		v |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			return v
		}
	}
	r.fail(errors.New("a number is too long"))
	return 0
}

// count reads the length of a vector. Each element takes a byte at least, so
// that the claim of more than there are bytes is seen at once.
func (r *reader) count(most int) int {
	n := r.u32()
	if uint64(n) > uint64(len(r.rest)) {
		r.fail(errTruncated)
		return 0
	}
	if int64(n) > int64(most) {
		r.fail(fmt.Errorf("%d entries; the most are %d", n, most))
		return 0
	}
	return int(n)
}

func (r *reader) name() string {
	n := r.u32()
	if n > maxName {
		r.fail(fmt.Errorf("a name of %d bytes; the most are %d", n, maxName))
	}
	b := r.bytes(n)
	if !utf8.Valid(b) {
		r.fail(errors.New("a name is not UTF-8"))
		return ""
	}
	return string(b)
}

// skipExtern reads over an import's type (core specification, "Binary Format",
// "Types", "External Types").
func (r *reader) skipExtern(kind byte) {
	switch kind {
	case 0: // a function's type index
		r.u32()
	case 1:
		r.skipType()
		r.limits()
	case 2:
		r.limits()
	case 3:
		r.skipType()
		r.byte() // mutability
	case 4: // a tag's attribute and type index
		r.byte()
		r.u32()
	default:
		r.fail(fmt.Errorf("unknown kind %d of an import", kind))
	}
}

// skipType reads over a value type: one byte, or for a typed reference (0x63,
// 0x64) its heap type, a signed number of 33 bits, as well.
func (r *reader) skipType() {
	if t := r.byte(); t == 0x63 || t == 0x64 {
		r.leb(5)
	}
}

// limits reads a memory's or table's limits and returns the lower one. Bit 0 of
// the flags says that there is an upper one; bit 3 (custom page sizes) that a
// page size follows.
func (r *reader) limits() uint64 {
	const hasMax, hasPageSize, known = 1, 8, 15
	flags := r.byte()
	if flags > known {
		r.fail(fmt.Errorf("unknown flags %#x of limits", flags))
		return 0
	}
	least := r.leb(10)
	if flags&hasMax != 0 {
		r.leb(10)
	}
	if flags&hasPageSize != 0 {
		r.u32()
	}
	return least
}
