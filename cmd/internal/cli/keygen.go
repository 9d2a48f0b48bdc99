package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/registry/sign"
)

// Environment variables with the password of a signing key. The second one is
// what cosign calls it.
const (
	envKeyPassword    = "MCPWASM_KEY_PASSWORD"
	envCosignPassword = "COSIGN_PASSWORD"
)

// keygenJSON is the output of keygen.
type keygenJSON struct {
	Private string `json:"privateKey"` // file
	Public  string `json:"publicKey"`  // file
	Key     string `json:"key"`        // "key:sha256:…"
}

func newKeygen(s Streams) *cobra.Command {
	var prefix string
	var noPassword bool
	kind := choice{string(sign.ECDSA), []string{string(sign.ECDSA), string(sign.Ed25519)}}
	cmd := &cobra.Command{
		Use:   "keygen",
		Short: "Make a key for signing packages",
		Long: `Keygen writes a private key, PREFIX.key, and its public key, PREFIX.pub, in the
format of cosign. The private key is encrypted with a password: from
$` + envKeyPassword + `, from $` + envCosignPassword + `, or asked for on the terminal; it
has at least 12 characters. Files that are there are never overwritten.`,
		Example: `  mcpwasm keygen -o acme
  mcpwasm sign ghcr.io/acme/weather:1.2.0 --key acme.key`,
		Args: takes(0, 0, "no argument"),
	}
	kind.register(cmd, "type", "algorithm of the key")
	cmd.Flags().StringVarP(&prefix, "out", "o", "mcpwasm", "`PREFIX` of the two files")
	cmd.Flags().BoolVar(&noPassword, "no-password", false, "encrypt with an empty password: whoever has the file can sign")
	out := newOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		made := keygenJSON{Private: prefix + ".key", Public: prefix + ".pub"}
		for _, path := range []string{made.Private, made.Public} { // before a password is asked for
			if _, err := os.Lstat(path); err == nil {
				return &failure{ExitFailure, fmt.Errorf("write key: %s is there already", path), "-o PREFIX names other files"}
			}
		}
		var password []byte
		if !noPassword {
			var err error
			if password, err = newKeyPassword(cmd.Context(), s, made.Private); err != nil {
				return err
			}
		}
		var err error
		if made.Key, err = writeKeys(made, sign.KeyType(kind.value), password); err != nil {
			return err
		}
		if out.json() {
			return writeJSON(s.Out, made)
		}
		return writeTable(s.Out, [][]string{{"private key", made.Private}, {"public key", made.Public}, {"key", made.Key}})
	}
	return cmd
}

// writeKeys makes a key and writes its files, which must not be there.
func writeKeys(files keygenJSON, kind sign.KeyType, password []byte) (id string, err error) {
	key, err := sign.GenerateKey(kind)
	if err != nil {
		return "", err
	}
	private, err := sign.MarshalPrivateKey(key, password)
	if err != nil {
		return "", err
	}
	public, err := sign.MarshalPublicKey(key.Public())
	if err != nil {
		return "", err
	}
	if err := writeNew(files.Private, private, 0o600); err != nil {
		return "", err
	}
	if err := writeNew(files.Public, public, 0o644); err != nil {
		// Without its public key it is of no use.
		return "", errors.Join(err, os.Remove(files.Private))
	}
	return sign.KeyID(key.Public())
}

// writeNew writes a file that must not be there.
func writeNew(path string, content []byte, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write key: %w", errors.Join(err, os.Remove(path)))
	}
	return nil
}

// passwordFromEnv returns the password that the environment has, if it has one, and
// the variable; it may be empty.
func passwordFromEnv() (password, name string, ok bool) {
	for _, name := range []string{envKeyPassword, envCosignPassword} {
		if v, ok := os.LookupEnv(name); ok {
			return v, name, true
		}
	}
	return "", "", false
}

// newKeyPassword returns the password for a new key.
func newKeyPassword(ctx context.Context, s Streams, file string) ([]byte, error) {
	if p, name, ok := passwordFromEnv(); ok {
		return []byte(p), newPasswordFailure(checkLength(p, "password in $"+name))
	}
	p, err := askNew(ctx, s, file, "password")
	return []byte(p), newPasswordFailure(err)
}

// newPasswordFailure is passwordFailure for a key that is made.
func newPasswordFailure(err error) error {
	if errors.Is(err, errTooShort) {
		return &failure{ExitFailure, err, "--no-password makes a key without one"}
	}
	return passwordFailure(err)
}

// keyPassword returns the password of a key that has one.
func keyPassword(ctx context.Context, s Streams, file string) ([]byte, error) {
	if p, _, ok := passwordFromEnv(); ok {
		return []byte(p), nil
	}
	p, err := askPassword(ctx, s, file, "password")
	return []byte(p), passwordFailure(err)
}

func passwordFailure(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return &failure{ExitFailure, err, "$" + envKeyPassword + " holds the password where nobody can be asked"}
}
