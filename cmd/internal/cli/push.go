package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// pushJSON is the output of push.
type pushJSON struct {
	Reference string `json:"reference"` // with the digest
	Digest    string `json:"digest"`
}

func newPush(s Streams) *cobra.Command {
	var flags packageFlags
	var build buildFlags
	cmd := &cobra.Command{
		Use:   "push FOLDER|FILE.wasm REFERENCE",
		Short: "Publish a package in a registry",
		Long: `Push sends a package to a registry: an OCI layout folder with its signatures and whatever
else is about it, or a .wasm file, which is built first (see mcpwasm build). What the registry
has is not sent again. It prints the reference with the digest, which is what is signed and pinned.`,
		Example: `  mcpwasm push weather.oci ghcr.io/acme/weather:1.2.0
  mcpwasm push weather.wasm localhost:5000/acme/weather:1.2.0 --plain-http localhost:5000`,
		Args:              takes(2, 2, "a layout folder or a .wasm file, and the reference"),
		ValidArgsFunction: files("wasm"),
	}
	flags.register(cmd)
	build.cacheFlags.register(cmd)
	build.registerSaid(cmd)
	out := newOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if isSwapped(args) {
			return usage("mcpwasm push "+args[1]+" "+args[0], "push: the folder or file comes first, and the reference behind it")
		}
		ref, err := publishReference(args[1])
		if err != nil {
			return err
		}
		if flags.offline {
			return usage("", "push: it cannot be done --offline")
		}
		client, _, err := flags.open(s, "")
		if err != nil {
			return err
		}
		d, err := push(cmd.Context(), s, &build, args[0], client.Repository(ref), ref)
		if err != nil {
			return err
		}
		ref.Digest = d.Digest
		if out.json() {
			return writeJSON(s.Out, pushJSON{ref.String(), ref.Digest})
		}
		_, err = fmt.Fprintln(s.Out, ref)
		return err
	}
	return cmd
}

// isSwapped reports whether a reference stands where what is published under it has
// to, and the other way round.
func isSwapped(args []string) bool {
	_, first := oci.ParseReference(args[0])
	_, second := oci.ParseReference(args[1])
	there := func(path string) bool { _, err := os.Lstat(path); return err == nil }
	return first == nil && !there(args[0]) && (second != nil || there(args[1]))
}

// publishReference reads the reference under which something is published.
func publishReference(text string) (oci.Reference, error) {
	ref, err := oci.ParseReference(text)
	if err != nil {
		return ref, usage("", "%w", err)
	}
	if ref.Digest != "" {
		return ref, usage("name a tag: "+ref.Name()+":1.0.0", "%s: the digest follows from the content", text)
	}
	return ref, nil
}

// push publishes a layout folder, or what is built of a source.
func push(ctx context.Context, s Streams, build *buildFlags, source string, to oci.Target, ref oci.Reference) (oci.Descriptor, error) {
	layout, err := oci.OpenLayout(source)
	if err != nil && !isLayout(source) {
		p, _, err := build.build(ctx, s, source)
		if err != nil {
			return oci.Descriptor{}, err
		}
		ctx, done := showTransfers(ctx, s)
		defer done()
		return p.Descriptor, p.Push(ctx, to, ref.Tag)
	}
	if err != nil {
		return oci.Descriptor{}, &failure{ExitInput, err, ""}
	}
	defer func() { _ = layout.Close() }() // it was only read
	d, err := layout.Main(ctx)
	if err != nil {
		return d, &failure{ExitInput, err, "push takes a folder with one package"}
	}
	ctx, done := showTransfers(ctx, s)
	defer done()
	if err := oci.Copy(ctx, layout, to, d, oci.CopyOptions{Referrers: true}); err != nil {
		return d, publishFailure(err)
	}
	return d, publishFailure(to.Tag(ctx, d, ref.Tag))
}

// isLayout reports whether a folder is meant to be a layout, whole or damaged.
func isLayout(dir string) bool {
	for _, name := range []string{"oci-layout", "index.json"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}

// publishFailure gives errors of publishing their exit code.
func publishFailure(err error) error {
	if errors.Is(err, oci.ErrContent) {
		return &failure{ExitInput, err, ""}
	}
	return err
}
