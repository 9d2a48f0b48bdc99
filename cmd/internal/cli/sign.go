package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/cmd/internal/config"
	"github.com/mcpwasm/mcpwasm/registry"
	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/sign"
)

// signedJSON is the output of sign and attest.
type signedJSON struct {
	Reference     string `json:"reference"` // with the digest that was signed
	Digest        string `json:"digest"`
	PredicateType string `json:"predicateType"`
	Signer        string `json:"signer"`   // "key:sha256:…", or the identity, a space and its issuer
	Manifest      string `json:"manifest"` // digest of the manifest that carries it
	Already       bool   `json:"already"`  // it was there, and nothing was added
}

// place is a repository to write to, and the manifest in it that is meant.
type place struct {
	target  oci.Target
	name    string // of the repository, in references
	subject oci.Descriptor
	close   func() error
}

// reference names the manifest by its digest.
func (p place) reference() string { return p.name + "@" + p.subject.Digest }

// findPlace resolves what a command signs, once: from here on only the digest
// counts, wherever a tag may point by then.
func findPlace(ctx context.Context, s Streams, f *packageFlags, text string) (place, error) {
	source, err := registry.ParseSource(text)
	if err != nil {
		return place{}, err
	}
	switch source.Kind {
	case registry.SourceReference:
		client, _, err := f.open(s, "")
		if err != nil {
			return place{}, err
		}
		p := place{target: client.Repository(source.Reference), name: source.Reference.Name(), close: func() error { return nil }}
		p.subject, err = p.target.Resolve(ctx, source.Reference.Identifier())
		return p, notFound(text, err)
	case registry.SourceFolder:
		return layoutPlace(ctx, text)
	}
	hint := "want HOST/REPOSITORY[:TAG][@DIGEST] or a layout folder"
	if source.Shadows {
		hint = "./" + text + " means the folder"
	}
	return place{}, usage(hint, "%s cannot be signed", source)
}

// layoutPlace is findPlace for a layout folder.
func layoutPlace(ctx context.Context, dir string) (place, error) {
	layout, err := oci.OpenLayout(dir)
	if err != nil {
		return place{}, &failure{ExitInput, err, "a layout folder holds one package: name the folder without a tag"}
	}
	p := place{target: layout, name: dir, close: layout.Close}
	if p.subject, err = layout.Main(ctx); err != nil {
		return place{}, errors.Join(&failure{ExitInput, err, ""}, layout.Close())
	}
	return p, nil
}

func notFound(text string, err error) error {
	if errors.Is(err, oci.ErrNotFound) {
		return &failure{ExitInput, fmt.Errorf("%s: %w", text, err), ""}
	}
	return err
}

func newSign(s Streams) *cobra.Command {
	var packages packageFlags
	var signer signerFlags
	var tagForm bool
	cmd := &cobra.Command{
		Use:   "sign REF|FOLDER",
		Short: "Sign a package",
		Long: `Sign resolves a tag to a digest, once, signs the digest, and adds the signature to
the repository as a sigstore bundle: mcpwasm verify and cosign 3 verify it.

--tag-form writes what cosign 2 verifies, in place of the bundle: where there are
both, cosign 2 does not look at the older form.`,
		Example: `  mcpwasm sign ghcr.io/acme/weather:1.2.0 --key acme.key
  mcpwasm sign ghcr.io/acme/weather:1.2.0 --keyless`,
		Args: takes(1, 1, "a reference or a layout folder"),
	}
	packages.register(cmd)
	signer.register(cmd)
	cmd.Flags().BoolVar(&tagForm, "tag-form", false, "sign in the form of cosign 2, behind a tag; needs --key")
	out := newOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := signer.check(); err != nil {
			return err
		}
		if tagForm && signer.keyless {
			return usage("", "--tag-form needs --key")
		}
		p, err := findPlace(cmd.Context(), s, &packages, args[0])
		if err != nil {
			return err
		}
		made, err := signPlace(cmd.Context(), s, p, &signer, tagForm)
		if err := errors.Join(err, p.close()); err != nil {
			return attachFailure(err)
		}
		return printSigned(s, out, made)
	}
	return cmd
}

// signPlace signs a manifest.
func signPlace(ctx context.Context, s Streams, p place, f *signerFlags, tagForm bool) (signedJSON, error) {
	made := signedJSON{Reference: p.reference(), Digest: p.subject.Digest, PredicateType: sign.PredicateSignature}
	if !tagForm {
		return attach(ctx, s, p, f, made, nil)
	}
	key, err := f.privateKey(ctx, s)
	if err != nil {
		return made, err
	}
	added, err := sign.AttachTagForm(ctx, p.target, p.name, p.subject, key)
	if err != nil {
		return made, err
	}
	made.Manifest, made.Already = added.Digest, added.Before
	made.Signer, err = sign.KeyID(key.Public())
	return made, err
}

// attach signs a statement of a type and adds its bundle.
func attach(ctx context.Context, s Streams, p place, f *signerFlags, made signedJSON, predicate []byte) (signedJSON, error) {
	signer, err := f.signer(ctx, s)
	if err != nil {
		return made, err
	}
	added, err := sign.Attach(ctx, p.target, p.subject, made.PredicateType, predicate, signer.signer)
	if err != nil {
		return made, err
	}
	made.Manifest, made.Signer, made.Already = added.Digest, signer.name, added.Before
	return made, nil
}

func attachFailure(err error) error {
	switch {
	case errors.Is(err, sign.ErrOtherForm):
		return &failure{ExitFailure, err, "cosign 2 does not look at the tag form where there is a bundle"}
	case errors.Is(err, sign.ErrTooMuch), errors.Is(err, oci.ErrContent):
		return &failure{ExitInput, err, ""}
	}
	return err
}

func printSigned(s Streams, out *output, made signedJSON) error {
	if out.json() {
		return writeJSON(s.Out, made)
	}
	rows := [][]string{{"signed", printable(made.Reference)}, {"signer", printable(made.Signer)}}
	if made.Already {
		rows = [][]string{{"signed already", printable(made.Reference)}, {"by", printable(made.Signer)}}
	}
	if made.PredicateType != sign.PredicateSignature {
		rows = append(rows, []string{"attested", printable(made.PredicateType)})
	}
	return writeTable(s.Out, rows)
}

func newAttest(s Streams) *cobra.Command {
	var packages packageFlags
	var signer signerFlags
	var kind, predicate string
	cmd := &cobra.Command{
		Use:   "attest REF|FOLDER",
		Short: "Attach a signed attestation to a package: an SBOM, a provenance",
		Long: `Attest signs a statement about a package's digest and adds it to the repository as
a sigstore bundle. The predicate is a JSON object: a SLSA provenance, an SBOM in
SPDX or CycloneDX, or something of another type, which a URI names. An attestation
is no signature: it does not say that the package may run.`,
		Example: `  mcpwasm attest ghcr.io/acme/weather:1.2.0 --type cyclonedx --predicate sbom.json --key acme.key
  mcpwasm attest ghcr.io/acme/weather:1.2.0 --type slsa --predicate provenance.json --keyless`,
		Args: takes(1, 1, "a reference or a layout folder"),
	}
	packages.register(cmd)
	signer.register(cmd)
	cmd.Flags().StringVar(&kind, "type", "", "what the predicate is: slsa, spdx, cyclonedx or a `URI`")
	cmd.Flags().StringVar(&predicate, "predicate", "", "`FILE` with the predicate, a JSON object")
	out := newOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if kind == "" || predicate == "" {
			return usage("usage: "+cmd.UseLine(), "attest: want --type and --predicate")
		}
		predicateType, err := config.PredicateType(kind)
		if err != nil {
			return usage("mcpwasm sign makes signatures", "--%w", err)
		}
		if err := signer.check(); err != nil {
			return err
		}
		text, err := readBounded(predicate, sign.MaxPredicateBytes)
		if err != nil {
			return err
		}
		p, err := findPlace(cmd.Context(), s, &packages, args[0])
		if err != nil {
			return err
		}
		made := signedJSON{Reference: p.reference(), Digest: p.subject.Digest, PredicateType: predicateType}
		made, err = attach(cmd.Context(), s, p, &signer, made, text)
		if err := errors.Join(err, p.close()); err != nil {
			return attachFailure(err)
		}
		return printSigned(s, out, made)
	}
	return cmd
}
