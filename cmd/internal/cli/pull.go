package cli

import (
	"cmp"
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/registry"
	"github.com/mcpwasm/mcpwasm/registry/cache"
	"github.com/mcpwasm/mcpwasm/registry/lock"
	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// pullJSON is the output of pull.
type pullJSON struct {
	Reference string   `json:"reference"` // with the digest
	Digest    string   `json:"digest"`
	Module    string   `json:"module"`           // the digest of the binary
	Signers   []string `json:"signers"`          // who vouches for it
	Unsigned  bool     `json:"unsigned"`         // by --insecure-allow-unsigned
	Output    string   `json:"output,omitempty"` // the folder, where one was written
}

func newPull(s Streams) *cobra.Command {
	var flags packageFlags
	var cacheFlags cacheFlags
	var dir string
	cmd := &cobra.Command{
		Use:   "pull REFERENCE",
		Short: "Fetch a package and verify it",
		Long: `Pull fetches a package into the cache, or with -o into an OCI layout folder together with
its signatures and whatever else is about it. It is verified first, as run and add do it.
What is there already is not fetched again, so that a pull that broke off goes on where it was.`,
		Example:           `  mcpwasm pull ghcr.io/acme/weather:1.2.0 -o weather.oci`,
		Args:              takes(1, 1, "the reference"),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	flags.register(cmd)
	flags.registerUnsigned(cmd)
	cacheFlags.register(cmd)
	cmd.Flags().StringVarP(&dir, "out", "o", "", "write the package to a layout `FOLDER`, which is made if it is not there")
	out := newOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ref, err := oci.ParseReference(args[0])
		if err != nil {
			return notPulled(s, flags, args[0], err)
		}
		if dir == "" && cacheFlags.dir() == "" {
			return usage("-o FOLDER keeps it there", "pull: without a cache there is nowhere to keep it")
		}
		client, file, err := flags.open(s, cacheFlags.dir())
		if err != nil {
			return err
		}
		ctx, done := showTransfers(cmd.Context(), s)
		result, err := pull(ctx, client, ref, dir, cmp.Or(file.CacheBytes, cache.DefaultMaxBytes))
		done()
		if err != nil {
			return err
		}
		if result.Unsigned {
			say(s, "warning: nobody vouches for %s", result.Reference)
		}
		if out.json() {
			return writeJSON(s.Out, result)
		}
		_, err = fmt.Fprintln(s.Out, result.Reference)
		return err
	}
	return cmd
}

// notPulled says of a name that it is one, and what it stands for.
func notPulled(s Streams, flags packageFlags, text string, err error) error {
	if !lock.IsName(text) {
		return usage("", "%w", err)
	}
	file, fileErr := optionalConfig(s, flags.config)
	if fileErr == nil {
		if l, err := flags.lock.read(file); err == nil && l.Servers[text].Reference != "" {
			e := l.Servers[text]
			return usage("mcpwasm pull "+e.Reference, "%s is a name, approved as %s, which is in the cache already: want a reference", text, e.Reference)
		}
	}
	return usage("", "%w", err)
}

// pull verifies a package and then keeps it, in the cache of a size where there is
// no folder.
func pull(ctx context.Context, client *registry.Client, ref oci.Reference, dir string, size int64) (pullJSON, error) {
	p, err := client.Verify(ctx, ref)
	if err != nil {
		return pullJSON{}, err
	}
	module, err := client.Keep(ctx, p)
	if err != nil {
		return pullJSON{}, err
	}
	result := pullJSON{Reference: p.Reference.String(), Digest: p.Reference.Digest, Module: module,
		Signers: append([]string{}, p.Verdict.Signers...), Unsigned: p.Verdict.Unsigned, Output: dir}
	switch {
	case dir == "" && client.Kept(p):
		return result, nil
	case dir == "" && p.Wasm.Size > size:
		return result, &failure{ExitFailure, fmt.Errorf("%s was verified and not kept: its module has %d bytes, and cache.size is %d", result.Reference, p.Wasm.Size, size),
			"raise cache.size in the configuration, approve the package with mcpwasm add, or write it to a folder with -o"}
	case dir == "":
		return result, &failure{ExitFailure, fmt.Errorf("%s was verified and not kept in the cache", result.Reference), "-o FOLDER writes it to a folder"}
	}
	return result, writePulled(ctx, p, dir)
}

// writePulled writes a verified package to a layout folder.
func writePulled(ctx context.Context, p *registry.Package, dir string) error {
	d, err := p.Source().Resolve(ctx, p.Reference.Digest)
	if err != nil {
		return &failure{ExitInput, err, ""}
	}
	layout, err := oci.CreateLayout(dir)
	if err != nil {
		return &failure{ExitInput, err, ""}
	}
	defer func() { _ = layout.Close() }() // its files are closed by now
	if err := oci.Copy(ctx, p.Source(), layout, d, oci.CopyOptions{Referrers: true}); err != nil {
		return err
	}
	if p.Reference.Tag == "" {
		return nil
	}
	return layout.Tag(ctx, d, p.Reference.Tag)
}
