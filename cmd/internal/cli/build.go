package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/lock"
	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/pack"
)

// buildJSON is the output of build.
type buildJSON struct {
	Output       string            `json:"output"`
	Name         string            `json:"name"`
	Version      string            `json:"version"`
	Digest       string            `json:"digest"` // of the package's manifest
	Size         int64             `json:"size"`   // of all of it, in bytes
	Module       string            `json:"module"` // the module's digest
	Tools        []string          `json:"tools"`
	Capabilities *plugins.Requests `json:"capabilities"`
}

func newBuild(s Streams) *cobra.Command {
	var f buildFlags
	cmd := &cobra.Command{
		Use:   "build FILE.wasm|DIR [flags]",
		Short: "Make a package of a server, in an OCI layout folder",
		Long: `Build makes a package of a module, or of a folder with a Go plugin, which it compiles first.
What the server offers and asks for is what the server itself says, run in the sandbox without
any grant. What it cannot know (licence, source, version) comes from flags and from
package.yaml beside it. The same input gives the same digest; $SOURCE_DATE_EPOCH is the date
that is written, which is 1970 otherwise.

It takes no reference and sends nothing: mcpwasm push publishes a package.`,
		Args:              takes(1, 1, "the .wasm file or the folder with the source"),
		ValidArgsFunction: files("wasm"),
	}
	f.register(cmd)
	var dir string
	cmd.Flags().StringVarP(&dir, "out", "o", "", "`FOLDER` for the package (default: NAME.oci here); a layout that is there is replaced")
	out := newOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		p, m, err := f.build(cmd.Context(), s, args[0])
		if err != nil {
			return err
		}
		if dir == "" {
			dir = packageFolder(m.Name)
		}
		if err := writeLayout(cmd.Context(), dir, p, tagOf(m.Version)); err != nil {
			return err
		}
		built := describeBuilt(dir, p, m)
		if out.json() {
			return writeJSON(s.Out, built)
		}
		return printBuilt(s, built)
	}
	return cmd
}

// packageFolder is where a package is built unless a folder is named: "weather.oci"
// for "io.github.someone/weather".
func packageFolder(name string) string { return name[strings.LastIndex(name, "/")+1:] + ".oci" }

// tagOf makes a tag of a version: tags have no "+".
func tagOf(version string) string { return strings.ReplaceAll(version, "+", "_") }

func describeBuilt(dir string, p *pack.Package, m *plugins.Manifest) buildJSON {
	b := buildJSON{Output: dir, Name: m.Name, Version: m.Version, Digest: p.Descriptor.Digest,
		Module: p.Manifest.Layers[0].Digest, Tools: keys(m.Definitions.Tools), Capabilities: m.Capabilities}
	for _, c := range p.Content {
		b.Size += c.Size
	}
	return b
}

func printBuilt(s Streams, b buildJSON) error {
	rows := [][]string{
		{"package", b.Name + " " + b.Version}, {"folder", printable(b.Output)}, {"digest", b.Digest}, {"size", bytesText(int(b.Size))},
	}
	rows = append(rows, labelled("tools", b.Tools, "none")...)
	rows = append(rows, labelled("asks for", lock.Asked(b.Capabilities), "nothing")...)
	return writeTable(s.Out, rows)
}

// labelled are rows of a list, the label in the first.
func labelled(label string, items []string, none string) [][]string {
	if len(items) == 0 {
		return [][]string{{label, none}}
	}
	var rows [][]string
	for _, item := range items {
		rows = append(rows, []string{label, oneLine(item, 200)})
		label = ""
	}
	return rows
}

// writeLayout writes a package to a folder, in the place of a layout that is there.
// The folder has all of it or is as it was.
func writeLayout(ctx context.Context, dir string, p *pack.Package, tag string) (err error) {
	dir = filepath.Clean(dir)
	if err := checkReplaceable(dir); err != nil {
		return &failure{ExitUsage, err, "-o names another folder"}
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), ".mcpwasm-build-*")
	if err != nil {
		return fmt.Errorf("write the package: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(temp) // the first error counts
		}
	}()
	if err := os.Chmod(temp, 0o755); err != nil { //nolint:gosec // a package is no secret
		return fmt.Errorf("write the package: %w", err)
	}
	layout, err := oci.CreateLayout(temp)
	if err != nil {
		return err
	}
	if err := errors.Join(p.Push(ctx, layout, tag), layout.Close()); err != nil {
		return fmt.Errorf("write the package: %w", err)
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("replace the package: %w", err)
	}
	if err := os.Rename(temp, dir); err != nil {
		return fmt.Errorf("write the package: %w", err)
	}
	return nil
}

// checkReplaceable refuses to replace what is not a layout and nothing else.
func checkReplaceable(dir string) error {
	info, err := os.Lstat(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("write the package: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is there and is no folder", dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("write the package: %w", err)
	}
	for _, e := range entries {
		if !slices.Contains([]string{"oci-layout", "index.json", "blobs"}, e.Name()) {
			return fmt.Errorf("the folder %s is there and has more than a package in it: %s", dir, e.Name())
		}
	}
	return nil
}
