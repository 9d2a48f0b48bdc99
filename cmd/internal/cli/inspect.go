package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry"
)

// inspectJSON is the output of inspect: of a module, and of the package that it
// came in. Sizes are in bytes.
type inspectJSON struct {
	Source   string        `json:"source"`
	Name     string        `json:"name"`
	Digest   string        `json:"digest"`
	Size     int           `json:"size"`
	Shape    plugins.Shape `json:"shape"`
	Contract int           `json:"contract,omitempty"`
	Memory   uint64        `json:"initialMemory"`
	Imports  []nameJSON    `json:"imports"`
	Exports  []nameJSON    `json:"exports"`
	Sections []sectionJSON `json:"sections"`
	// Package is what the module came in, where that was no plain file.
	Package *packageJSON `json:"package,omitempty"`
}

type nameJSON struct {
	Module string `json:"module,omitempty"`
	Name   string `json:"name"`
	Kind   string `json:"kind"`
}

type sectionJSON struct {
	Name   string `json:"name"`
	Custom bool   `json:"custom,omitempty"`
	Size   int    `json:"size"`
}

func newInspect(s Streams) *cobra.Command {
	var f inspectFlags
	cmd := &cobra.Command{
		Use:   "inspect FILE|FOLDER|REF|NAME",
		Short: "Show what a module or package is, without running it",
		Long: `Inspect shows what a module is and needs, and of a package in a layout folder or a registry,
or of one that was approved under a name, what it says and asks for, who signed it, and
whether the trust policy would let it run. Nothing is run, so the package need not be trusted.`,
		Args:              takes(1, 1, "the .wasm file, layout folder, reference or name"),
		ValidArgsFunction: files("wasm"),
	}
	f.register(cmd)
	out := newOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		i, err := f.inspect(cmd.Context(), s, args[0])
		if err != nil {
			return err
		}
		if out.json() {
			return writeJSON(s.Out, i)
		}
		return printInspection(s, i)
	}
	return cmd
}

const wasmPage = 64 << 10

func inspection(a registry.Artifact) inspectJSON {
	i := inspectJSON{
		Source: a.Source, Name: a.Name, Digest: a.Digest, Size: a.Module.Size,
		Shape: a.Module.Shape, Contract: a.Module.Contract, Memory: a.Module.MemoryPages * wasmPage,
		Imports: []nameJSON{}, Exports: []nameJSON{}, Sections: []sectionJSON{},
	}
	for _, m := range a.Module.Imports {
		i.Imports = append(i.Imports, nameJSON{m.Module, m.Name, m.Kind})
	}
	for _, e := range a.Module.Exports {
		i.Exports = append(i.Exports, nameJSON{"", e.Name, e.Kind})
	}
	for _, c := range a.Module.Sections {
		i.Sections = append(i.Sections, sectionJSON(c))
	}
	return i
}

func printInspection(s Streams, i inspectJSON) error {
	rows := [][]string{{"source", printable(i.Source)}, {"name", i.Name}}
	if i.Package != nil {
		rows = append(rows, i.Package.rows()...)
		rows = append(rows, []string{"module", i.Digest})
	} else {
		rows = append(rows, []string{"digest", i.Digest})
	}
	rows = append(rows, []string{"size", bytesText(i.Size)}, []string{"shape", string(i.Shape)})
	if i.Contract > 0 {
		rows = append(rows, []string{"contract", strconv.Itoa(i.Contract)})
	}
	rows = append(rows, []string{"memory", bytesText(int(i.Memory)) + " at start"})
	for n, m := range importModules(i.Imports) {
		label := ""
		if n == 0 {
			label = "imports"
		}
		rows = append(rows, []string{label, m})
	}
	return writeTable(s.Out, rows)
}

// importModules says, in one line for each module, what is imported from it.
func importModules(imports []nameJSON) []string {
	byModule := map[string][]string{}
	var order []string
	for _, m := range imports {
		if byModule[m.Module] == nil {
			order = append(order, m.Module)
		}
		byModule[m.Module] = append(byModule[m.Module], m.Name)
	}
	var lines []string
	for _, m := range order {
		names := byModule[m]
		slices.Sort(names)
		names = slices.Compact(names) // a compiler may import one function twice
		lines = append(lines, oneLine(m+": "+strings.Join(names, ", "), 2000))
	}
	return lines
}

// bytesText says a size for people.
func bytesText(n int) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d bytes", n)
}
