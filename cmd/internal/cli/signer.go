package cli

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/registry/sign"
)

// Environment variables with identity tokens: sigstore's, and those of GitHub
// Actions, which lead to one.
const (
	envIDToken           = "SIGSTORE_ID_TOKEN"
	envGitHubTokenURL    = "ACTIONS_ID_TOKEN_REQUEST_URL"
	envGitHubTokenBearer = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
)

// maxSmallFile bounds keys, tokens, roots and signing configs that are read.
const maxSmallFile = 1 << 20

// signerFlags say who signs.
type signerFlags struct {
	key           string
	keyless       bool
	tokenFile     string
	signingConfig string
	fulcio        string
	rekor         []string
	timestamp     []string
	root          string
}

func (f *signerFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.key, "key", "", "private key `FILE`, as keygen or cosign writes it")
	flags.BoolVar(&f.keyless, "keyless", false, "sign by an identity, with sigstore's public services unless others are named: who signed what is public then, for ever")
	flags.StringVar(&f.tokenFile, "identity-token", "", "`FILE` with the identity token (default: $"+envIDToken+", or the one of GitHub Actions)")
	flags.StringVar(&f.signingConfig, "signing-config", "", "`FILE` that says which services to use")
	flags.StringVar(&f.fulcio, "fulcio", "", "`URL` of the certificate authority")
	flags.StringArrayVar(&f.rekor, "rekor", nil, "`URL` of a transparency log; may be repeated")
	flags.StringArrayVar(&f.timestamp, "timestamp", nil, "`URL` of a timestamp authority; may be repeated")
	flags.StringVar(&f.root, "root", "", "trusted root `FILE` that a keyless signature must verify by before it is attached")
}

// check refuses flags that contradict each other.
func (f *signerFlags) check() error {
	services := f.fulcio != "" || len(f.rekor)+len(f.timestamp) > 0
	switch {
	case f.key == "" && !f.keyless:
		return usage("mcpwasm keygen makes a key", "who signs? want --key FILE or --keyless")
	case f.key != "" && f.keyless:
		return usage("leave one of them out", "--key and --keyless contradict each other")
	case f.key != "" && (services || f.signingConfig != "" || f.tokenFile != "" || f.root != ""):
		return usage("", "--identity-token, --signing-config, --fulcio, --rekor, --timestamp and --root go with --keyless")
	case services && f.signingConfig != "":
		return usage("leave one of them out", "--signing-config and --fulcio, --rekor, --timestamp contradict each other")
	case services && f.fulcio == "":
		return usage("", "--rekor and --timestamp go with --fulcio")
	}
	return nil
}

// privateKey reads the key that --key names.
func (f *signerFlags) privateKey(ctx context.Context, s Streams) (crypto.Signer, error) {
	text, err := readSmall(f.key)
	if err != nil {
		return nil, err
	}
	key, err := sign.ParsePrivateKey(text, func() ([]byte, error) { return nil, nil })
	if errors.Is(err, sign.ErrPassword) { // it is none of --no-password
		key, err = sign.ParsePrivateKey(text, func() ([]byte, error) { return keyPassword(ctx, s, f.key) })
	}
	if errors.Is(err, sign.ErrPassword) {
		return nil, &failure{ExitInput, fmt.Errorf("%s: %w", f.key, err), "$" + envKeyPassword + " and $" + envCosignPassword + " go before the terminal"}
	}
	if f, ok := errors.AsType[*failure](err); ok {
		return nil, f // it could not be asked for
	}
	if err != nil {
		return nil, &failure{ExitInput, fmt.Errorf("%s: %w", f.key, err), ""}
	}
	return key, nil
}

// signer returns who signs.
func (f *signerFlags) signer(ctx context.Context, s Streams) (*recorder, error) {
	if f.key != "" {
		key, err := f.privateKey(ctx, s)
		if err != nil {
			return nil, err
		}
		signer, err := sign.KeySigner(key)
		if err != nil {
			return nil, err
		}
		id, err := sign.KeyID(key.Public())
		return &recorder{signer: signer, name: id}, err
	}
	c := sign.KeylessConfig{Token: f.token}
	var err error
	if c.Services, err = f.services(); err != nil {
		return nil, err
	}
	if f.root != "" {
		if c.Root, err = readRoot(f.root); err != nil {
			return nil, err
		}
	}
	signer, err := sign.NewKeylessSigner(c)
	if err != nil {
		return nil, usage("", "%w", err)
	}
	r := &recorder{}
	r.signer = recording{signer, r}
	return r, nil
}

// services returns those that the flags name, or the public ones.
func (f *signerFlags) services() (sign.Services, error) {
	if f.signingConfig != "" {
		text, err := readSmall(f.signingConfig)
		if err != nil {
			return sign.Services{}, err
		}
		services, err := sign.ParseSigningConfig(text)
		if err != nil {
			return sign.Services{}, &failure{ExitInput, fmt.Errorf("%s: %w", f.signingConfig, err), ""}
		}
		return services, nil
	}
	if f.fulcio == "" {
		return sign.PublicServices(), nil
	}
	services := sign.Services{Fulcio: f.fulcio, Timestamps: f.timestamp}
	for _, u := range f.rekor {
		services.Logs = append(services.Logs, sign.Log{URL: u})
	}
	return services, nil
}

// token gets the identity token.
func (f *signerFlags) token(ctx context.Context) (string, error) {
	if f.tokenFile != "" {
		text, err := readSmall(f.tokenFile)
		return strings.TrimSpace(string(text)), err
	}
	if t := os.Getenv(envIDToken); t != "" {
		return t, nil
	}
	if u := os.Getenv(envGitHubTokenURL); u != "" {
		return sign.GitHubToken(ctx, u, os.Getenv(envGitHubTokenBearer))
	}
	return "", &failure{ExitFailure, errors.New("there is no identity token"),
		"--identity-token FILE or $" + envIDToken + " holds one; in GitHub Actions the job needs the permission id-token: write"}
}

// recorder is a signer of which the command tells who it was.
type recorder struct {
	signer sign.Signer
	name   string
}

// recording notes who a keyless signature turned out to be by.
type recording struct {
	sign.Signer
	to *recorder
}

// Sign implements sign.Signer.
func (r recording) Sign(ctx context.Context, statement []byte) ([]byte, error) {
	bundle, err := r.Signer.Sign(ctx, statement)
	if err == nil {
		r.to.name, _ = sign.NewEnvelope("", bundle).Claims()
	}
	return bundle, err
}

// readRoot reads a trusted root.
func readRoot(path string) (*sign.Root, error) {
	text, err := readSmall(path)
	if err != nil {
		return nil, err
	}
	root, err := sign.ParseRoot(text)
	if err != nil {
		return nil, &failure{ExitInput, fmt.Errorf("%s: %w", path, err), ""}
	}
	return root, nil
}

// readSmall reads a file of a bounded size.
func readSmall(path string) ([]byte, error) { return readBounded(path, maxSmallFile) }

func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &failure{ExitInput, err, ""}
	}
	defer f.Close() //nolint:errcheck // it was only read
	content, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, &failure{ExitInput, err, ""}
	}
	if int64(len(content)) > limit {
		return nil, &failure{ExitInput, fmt.Errorf("%s: more than %d bytes", path, limit), ""}
	}
	return content, nil
}
