package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/registry"
	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/sign"
	"github.com/mcpwasm/mcpwasm/registry/trust"
)

// verifyJSON is the output of verify. Where nothing holds it is printed as well,
// before the error.
type verifyJSON struct {
	Reference string `json:"reference"` // with the digest that was verified
	Digest    string `json:"digest"`
	Verified  bool   `json:"verified"`
	Rule      string `json:"rule,omitempty"`     // of the trust policy, where that decided
	Unsigned  bool   `json:"unsigned,omitempty"` // allowed without a signature
	// Envelopes are the signatures and attestations.
	Envelopes []envelopeJSON `json:"envelopes"`
}

type envelopeJSON struct {
	Kind          string     `json:"kind"` // "signature" or "attestation"
	PredicateType string     `json:"predicateType"`
	Signer        string     `json:"signer"` // as it was verified; what it claims where it does not hold
	Verified      bool       `json:"verified"`
	Form          string     `json:"form,omitempty"` // "bundle", "tag" or "attachment"
	Time          *time.Time `json:"time,omitempty"`
	Error         string     `json:"error,omitempty"`
	another       bool       // it may well hold, for a signer who was not asked about
}

// state says in words whether an envelope holds.
func (e envelopeJSON) state() string {
	switch {
	case e.Verified:
		return "holds"
	case e.another:
		return "by another"
	}
	return "DOES NOT HOLD: " + oneLine(e.Error, 300)
}

// verifierFlags say who must have signed; none of them is the trust policy.
type verifierFlags struct {
	keys []string
	id   sign.Identity
	root string
}

func (f *verifierFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.keys, "key", nil, "public key `FILE`; may be repeated: one of them must have signed")
	flags.StringVar(&f.id.Subject, "identity", "", "the exact `IDENTITY` in the certificate of a keyless signature")
	flags.StringVar(&f.id.SubjectPattern, "identity-pattern", "", "regular `EXPRESSION` (RE2) that the whole identity must match")
	flags.StringVar(&f.id.Issuer, "issuer", "", "the exact `URL` of who issued the identity")
	flags.StringVar(&f.id.IssuerPattern, "issuer-pattern", "", "regular `EXPRESSION` (RE2) that the whole issuer must match")
	flags.StringVar(&f.root, "root", "", "trusted root `FILE`: whose certificates and logs are believed")
}

// verifiers returns who must have signed, none for the trust policy.
func (f *verifierFlags) verifiers() ([]sign.Verifier, error) {
	var all []sign.Verifier
	for _, path := range f.keys {
		text, err := readSmall(path)
		if err != nil {
			return nil, err
		}
		key, err := sign.ParsePublicKey(text)
		if err != nil {
			return nil, &failure{ExitInput, fmt.Errorf("%s: %w", path, err), ""}
		}
		v, err := sign.NewKeyVerifier(path, key)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	if f.id == (sign.Identity{}) {
		if f.root != "" {
			return nil, usage("", "--root goes with --identity and --issuer")
		}
		return all, nil
	}
	if f.root == "" {
		return nil, usage("sigstore's own comes with cosign trusted-root create or gh attestation trusted-root", "--identity needs --root FILE, a trusted root")
	}
	root, err := readRoot(f.root)
	if err != nil {
		return nil, err
	}
	v, err := sign.NewIdentityVerifier(f.id, root)
	if err != nil {
		return nil, usage("--identity and --issuer go together", "%w", err)
	}
	return append(all, v), nil
}

func newVerify(s Streams) *cobra.Command {
	var packages packageFlags
	var cache cacheFlags
	var wanted verifierFlags
	cmd := &cobra.Command{
		Use:   "verify REF|FOLDER",
		Short: "Verify who signed a package",
		Long: `Verify shows every signature and attestation of a package and by whom it is, and
fails if the package is not signed by who must have signed it: the key or identity
of the flags, or else whom the trust policy of the configuration names. An
attestation is no signature.`,
		Example: `  mcpwasm verify ghcr.io/acme/weather:1.2.0
  mcpwasm verify ghcr.io/acme/weather:1.2.0 --key acme.pub
  mcpwasm verify ghcr.io/acme/weather:1.2.0 --root trusted_root.json \
    --identity https://github.com/acme/weather/.github/workflows/release.yml@refs/tags/v1.2.0 \
    --issuer https://token.actions.githubusercontent.com`,
		Args: takes(1, 1, "a reference or a layout folder"),
	}
	packages.register(cmd)
	cache.register(cmd)
	wanted.register(cmd)
	out := newOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		verifiers, err := wanted.verifiers()
		if err != nil {
			return err
		}
		if len(verifiers) == 0 {
			return verifyByPolicy(cmd.Context(), s, out, &packages, cache.dir(), args[0])
		}
		if packages.offline {
			return usage("without --key and --identity the trust policy decides, by what is in the cache", "--offline contradicts --key and --identity")
		}
		return verifyBySigners(cmd.Context(), s, out, &packages, verifiers, args[0])
	}
	return cmd
}

// verifyBySigners has the signers of the flags decide.
func verifyBySigners(ctx context.Context, s Streams, out *output, f *packageFlags, verifiers []sign.Verifier, text string) error {
	p, err := findPlace(ctx, s, f, text)
	if err != nil {
		return err
	}
	envelopes, err := sign.Collect(ctx, p.target, p.subject.Digest)
	if err := errors.Join(err, p.close()); err != nil {
		return attachFailure(err)
	}
	result := verifyJSON{Reference: p.reference(), Digest: p.subject.Digest, Envelopes: []envelopeJSON{}}
	var reason error
	for _, e := range envelopes {
		shown, err := verifyEnvelope(verifiers, e)
		result.Envelopes = append(result.Envelopes, shown)
		result.Verified = result.Verified || shown.Verified && shown.PredicateType == sign.PredicateSignature
		if reason == nil && shown.PredicateType == sign.PredicateSignature {
			reason = err // of the first one: the others stand in the output
		}
	}
	if err := printVerified(s, out, result); err != nil {
		return err
	}
	switch {
	case result.Verified:
		return nil
	case reason == nil:
		return &failure{ExitInput, fmt.Errorf("%s: it has no signature", result.Reference), ""}
	}
	return &failure{ExitInput, fmt.Errorf("%s: no signature holds: %w", result.Reference, reason), ""}
}

// verifyEnvelope shows an envelope by the first verifier that it holds for.
func verifyEnvelope(verifiers []sign.Verifier, e sign.Envelope) (envelopeJSON, error) {
	first := sign.ErrOtherSigner // where there is nobody to verify it by
	if len(verifiers) > 0 {
		first = nil
	}
	for _, v := range verifiers {
		st, err := v.Verify(e)
		if err == nil {
			return statementJSON(st, e.Form()), nil
		}
		if first == nil {
			first = err
		}
	}
	signer, predicateType := e.Claims()
	shown := statementJSON(sign.Statement{Signer: signer, PredicateType: predicateType}, e.Form())
	shown.Verified, shown.Error = false, first.Error()
	shown.another = errors.Is(first, sign.ErrOtherSigner)
	if predicateType == "" { // nobody knows what it would have said
		shown.Kind, shown.PredicateType = "signature", sign.PredicateSignature
	}
	return shown, first
}

func statementJSON(st sign.Statement, form string) envelopeJSON {
	shown := envelopeJSON{Kind: "attestation", PredicateType: st.PredicateType, Signer: st.Signer, Verified: true, Form: form}
	if st.IsSignature() {
		shown.Kind = "signature"
	}
	if !st.Time.IsZero() {
		shown.Time = &st.Time
	}
	return shown
}

// verifyByPolicy has the trust policy decide.
func verifyByPolicy(ctx context.Context, s Streams, out *output, f *packageFlags, cacheDir, text string) error {
	ref, err := packageReference(text)
	if err != nil {
		return err
	}
	client, file, err := f.open(s, cacheDir)
	if err != nil {
		return err
	}
	policy, err := file.TrustPolicy()
	if err != nil {
		return err
	}
	p, err := client.Verify(ctx, ref)
	if refused, ok := errors.AsType[*registry.PackageError](err); ok && errors.Is(err, trust.ErrUntrusted) {
		ref = refused.Reference
		if err := printFound(ctx, s, out, client.Source(ref), known(policy, ref), ref); err != nil {
			return err
		}
	}
	if err != nil {
		return untrusted(err)
	}
	result := verifyJSON{
		Reference: p.Reference.Name() + "@" + p.Reference.Digest, Digest: p.Reference.Digest,
		Verified: !p.Verdict.Unsigned, Rule: p.Verdict.Rule, Unsigned: p.Verdict.Unsigned, Envelopes: []envelopeJSON{},
	}
	for _, signer := range p.Verdict.Signers {
		result.Envelopes = append(result.Envelopes, statementJSON(sign.Statement{PredicateType: sign.PredicateSignature, Signer: signer}, ""))
	}
	for _, st := range p.Verdict.Attestations {
		result.Envelopes = append(result.Envelopes, statementJSON(st, ""))
	}
	return printVerified(s, out, result)
}

// printFound prints what there is of a package that the policy refuses. Who cannot
// be asked for signatures has none, and the refusal says so.
func printFound(ctx context.Context, s Streams, out *output, src oci.Source, signers []sign.Verifier, ref oci.Reference) error {
	found := verifyJSON{Reference: ref.Name() + "@" + ref.Digest, Digest: ref.Digest, Envelopes: []envelopeJSON{}}
	envelopes, err := sign.Collect(ctx, src, ref.Digest)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		envelopes = nil
	}
	for _, e := range envelopes {
		shown, _ := verifyEnvelope(signers, e)
		found.Envelopes = append(found.Envelopes, shown)
	}
	return printVerified(s, out, found)
}

// untrusted gives a refusal of the policy its exit code and a way out.
func untrusted(err error) error {
	if errors.Is(err, trust.ErrUntrusted) {
		return &failure{ExitInput, err, "trust.rules in the configuration say who may vouch for a package; --key and --identity ask for one signer"}
	}
	return err
}

func printVerified(s Streams, out *output, v verifyJSON) error {
	if out.json() {
		return writeJSON(s.Out, v)
	}
	rows := [][]string{{"package", printable(v.Reference)}}
	if v.Rule != "" {
		rows = append(rows, []string{"rule", printable(v.Rule)})
	}
	for _, e := range v.Envelopes {
		what := e.Kind
		if e.Kind == "attestation" {
			what += " " + oneLine(e.PredicateType, 80)
		}
		row := []string{what, oneLine(e.Signer, 200), e.state()}
		if e.Time != nil {
			row = append(row, e.Time.UTC().Format(time.RFC3339))
		}
		rows = append(rows, row)
	}
	return writeTable(s.Out, rows)
}

// packageReference reads an argument that must be a package in a registry.
func packageReference(text string) (oci.Reference, error) {
	source, err := registry.ParseSource(text)
	if err != nil {
		return oci.Reference{}, err
	}
	if source.Kind != registry.SourceReference {
		return oci.Reference{}, usage("want HOST/REPOSITORY[:TAG][@DIGEST], or --key or --identity", "%s: a trust policy is about packages in registries", source)
	}
	return source.Reference, nil
}
