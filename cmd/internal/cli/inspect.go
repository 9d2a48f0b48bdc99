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

// inspectJSON is the output of inspect. Sizes are in bytes.
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
	cmd := &cobra.Command{
		Use:               "inspect FILE",
		Short:             "Show what a module is, without running it",
		Args:              takes(1, 1, "the .wasm file"),
		ValidArgsFunction: files("wasm"),
	}
	out := newOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		a, err := registry.Open(cmd.Context(), args[0], registry.Options{})
		if err != nil {
			return err
		}
		if out.json() {
			return writeJSON(s.Out, inspection(a))
		}
		return printInspection(s, inspection(a))
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
	rows := [][]string{
		{"source", printable(i.Source)}, {"name", i.Name}, {"digest", i.Digest},
		{"size", bytesText(i.Size)}, {"shape", string(i.Shape)},
	}
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
