package wasm

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
	"github.com/mcpwasm/mcpwasm/runtime/wasm/internal/wasi"
)

// checkModule refuses what could be compiled but not run here.
func checkModule(m *plugins.Module, l runtime.Limits) error {
	if m.Shape == plugins.ShapeExtism {
		return errors.New("it is an Extism plugin; this backend runs reactors and stdio programs")
	}
	if most := l.MemoryBytes / pageSize; m.MemoryPages > most {
		return fmt.Errorf("its memory starts with %s, the limit is memory=%s; raise the limit",
			runtime.FormatBytes(m.MemoryPages*pageSize), runtime.FormatBytes(l.MemoryBytes))
	}
	return checkImports(m.Imports)
}

// checkImports names what a module needs and this host does not have.
func checkImports(imports []plugins.Import) error {
	var unknown []string
	for _, i := range imports {
		known := i.Module == plugins.ImportModuleWASI && wasi.Has(i.Name) ||
			i.Module == plugins.ImportModuleV1 && slices.Contains(contractNames, i.Name)
		if !known || i.Kind != "func" {
			unknown = append(unknown, fmt.Sprintf("%s.%s (%s)", shorten(i.Module), shorten(i.Name), i.Kind))
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	const most = 5
	more := ""
	if n := len(unknown) - most; n > 0 {
		unknown, more = unknown[:most], fmt.Sprintf(" and %d more", n)
	}
	return fmt.Errorf("it imports what this host does not have: %s%s; known are the functions of %s and of %s (%s)",
		strings.Join(unknown, ", "), more, plugins.ImportModuleWASI, plugins.ImportModuleV1, strings.Join(contractNames, ", "))
}

// shorten makes a guest's text fit for an error: printable, on one line, and
// not too long.
func shorten(s string) string {
	const most = 200
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return strings.TrimSpace(s)
}
