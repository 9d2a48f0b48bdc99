package plugins

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ErrModule is what every error of [Inspect] wraps.
var ErrModule = errors.New("not a module that can run here")

// Bounds of what Inspect reads: those that web browsers put on a module
// (WebAssembly JavaScript Interface, "Implementation-defined Limits"), and a
// like one on the number of sections.
const (
	maxImports  = 100_000
	maxExports  = 100_000
	maxSections = 10_000
	maxName     = 100_000
)

// Module is what [Inspect] reads off a module's binary.
type Module struct {
	Shape Shape
	// Contract is the version of the guest contract that the host picked, 0
	// unless the shape is [ShapeReactor].
	Contract int
	Imports  []Import // in the module's order
	Exports  []Export // in the module's order
	Sections []Section
	// Size is the whole binary's, in bytes.
	Size int
	// MemoryPages is what the module's own memory starts with, in pages of
	// 64 KiB; 0 when it has none of its own.
	MemoryPages uint64
}

// Import is one thing that a module needs from its host.
type Import struct {
	Module, Name string
	Kind         string // func, table, memory, global or tag
}

// Export is one thing that a module offers to its host.
type Export struct {
	Name string
	Kind string // func, table, memory, global or tag
}

// Section is one section of a module's binary.
type Section struct {
	// Name is the section's name in the specification ("code"), or for a
	// custom section the name that it carries.
	Name   string
	Custom bool
	// Size is that of the section's content, in bytes.
	Size int
}

// Inspect tells which shape of guest a binary is by what it imports and
// exports, and reads what there is to show about it, without compiling or
// running anything. It looks inside the sections that it needs only (imports,
// memories, exports, names of custom sections), so that a module it accepts may
// still be invalid. The format is that of the WebAssembly core specification
// ("Binary Format", "Modules").
//
// Every error wraps [ErrModule] and says in one line what the bytes are and what
// to do.
func Inspect(wasm []byte) (Module, error) {
	m := Module{Size: len(wasm)}
	if err := checkHeader(wasm); err != nil {
		return m, fmt.Errorf("%w: %w", ErrModule, err)
	}
	if err := m.readSections(wasm); err != nil {
		return m, fmt.Errorf("%w: damaged WebAssembly: %w; build or download it again", ErrModule, err)
	}
	if err := m.recognise(); err != nil {
		return m, fmt.Errorf("%w: %w", ErrModule, err)
	}
	return m, nil
}

// HasExport reports whether the module exports a thing of the given name and
// kind.
func (m *Module) HasExport(name, kind string) bool {
	return slices.Contains(m.Exports, Export{name, kind})
}

// importsFrom reports whether the module needs anything from the named module.
func (m *Module) importsFrom(module string) bool {
	return slices.ContainsFunc(m.Imports, func(i Import) bool { return i.Module == module })
}

// needsHandler reports whether the module imports what only the handler of a
// message can use.
func (m *Module) needsHandler() bool {
	return slices.ContainsFunc(m.Imports, func(i Import) bool {
		return i.Module == ImportModuleV1 && i.Name != ImportEffectOpen
	})
}

// recognise sets the shape and the contract's version.
func (m *Module) recognise() error {
	var known, newer []int
	for _, e := range m.Exports {
		v, ok := handlerVersion(e.Name)
		switch {
		case !ok || e.Kind != "func":
		case v <= ContractVersion:
			known = append(known, v)
		default:
			newer = append(newer, v)
		}
	}
	switch {
	case len(known) > 0:
		m.Shape, m.Contract = ShapeReactor, slices.Max(known)
	case len(newer) > 0:
		return fmt.Errorf("it speaks %s of the guest contract, this host speaks version %d; update the host, or build the guest with an SDK for version %d",
			versions(newer), ContractVersion, ContractVersion)
	case m.importsFrom(ImportModuleExtism):
		m.Shape = ShapeExtism
	case m.needsHandler():
		return fmt.Errorf("it imports %s but exports no function %s; export it (Go: build with -buildmode=c-shared)", ImportModuleV1, ExportHandleV1)
	case m.HasExport(ExportStart, "func"):
		m.Shape = ShapeStdio
	default:
		return fmt.Errorf("it exports neither %s (a server built with the SDK) nor %s (a program that speaks MCP on stdin and stdout) and does not import %s; build it for wasip1",
			ExportHandleV1, ExportStart, ImportModuleExtism)
	}
	return m.checkExports()
}

// checkExports refuses what could never work in the shape that was recognised.
func (m *Module) checkExports() error {
	if m.Shape == ShapeExtism {
		return nil
	}
	if !m.HasExport("memory", "memory") {
		return errors.New(`it exports no memory named "memory", through which the host could talk to it; export it`)
	}
	if m.Shape == ShapeReactor && m.HasExport(ExportStart, "func") && !m.HasExport(ExportInitialize, "func") {
		return fmt.Errorf("it is both a program (%s) and a reactor (%s) and could not be initialised; build it as a reactor, with %s (Go: -buildmode=c-shared)",
			ExportStart, ExportHandleV1, ExportInitialize)
	}
	return nil
}

// handlerVersion returns the contract's version that a handler's name stands
// for: 12 for "mcpwasm_v12_handle".
func handlerVersion(name string) (int, bool) {
	digits, ok := strings.CutPrefix(name, "mcpwasm_v")
	if !ok {
		return 0, false
	}
	if digits, ok = strings.CutSuffix(digits, "_handle"); !ok {
		return 0, false
	}
	v, err := strconv.ParseUint(digits, 10, 31)
	// The name must be the one that is written from the number: no signs and
	// no leading zeros.
	return int(v), err == nil && v > 0 && strconv.FormatUint(v, 10) == digits
}

// versions names versions in ascending order: "version 2" or "versions 2, 3".
func versions(vs []int) string {
	slices.SortFunc(vs, cmp.Compare[int])
	const most = 5
	var b strings.Builder
	b.WriteString("version")
	if len(vs) > 1 {
		b.WriteByte('s')
	}
	for i, v := range vs {
		if i == most {
			b.WriteString(", …")
			break
		}
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, " %d", v)
	}
	return b.String()
}
