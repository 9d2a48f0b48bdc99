package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/registry/lock"
	"github.com/mcpwasm/mcpwasm/registry/sign"
)

func newLock(s Streams) *cobra.Command {
	return family("lock", "Sign, verify and format the lock file", `The lock file holds what was approved. Where the configuration has trust.lock.signers
nothing of it is started, and nothing in it changed, unless one of them has signed
the file as it is.`,
		newLockSign(s), newLockVerify(s), newLockFormat(s))
}

func newLockSign(s Streams) *cobra.Command {
	var configAt string
	var lockAt lockFlags
	var signer signerFlags
	cmd := &cobra.Command{
		Use:   "sign",
		Short: "Sign the lock file as it is",
		Long: `Sign prints what the lock file says and writes a signature over it beside it, to
` + lock.FileName + lock.SignatureSuffix + `. Where the configuration has trust.lock.signers, one of
them has to sign.`,
		Args: takes(0, 0, "no arguments"),
	}
	cmd.Flags().StringVarP(&configAt, "config", "c", "", configHelp)
	lockAt.register(cmd)
	signer.register(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := signer.check(); err != nil {
			return err
		}
		l, err := openForSigning(s, configAt, &lockAt)
		if err != nil {
			return err
		}
		if err := l.list(s, false); err != nil {
			return err
		}
		return l.sign(cmd.Context(), s, &signer)
	}
	return cmd
}

// openForSigning reads a lock file that has to be there, whatever its signature.
func openForSigning(s Streams, configAt string, lockAt *lockFlags) (*lockFile, error) {
	file, err := optionalConfig(s, configAt)
	if err != nil {
		return nil, err
	}
	l, err := lockAt.read(file)
	if err != nil {
		return nil, err
	}
	if l.data == nil {
		return nil, &failure{ExitInput, fmt.Errorf("%s: there is no such file", l.path), "mcpwasm add REFERENCE approves a package"}
	}
	return l, nil
}

func (l *lockFile) sign(ctx context.Context, s Streams, flags *signerFlags) error {
	by, err := flags.signer(ctx, s)
	if err != nil {
		return err
	}
	bundle, err := lock.Sign(ctx, l.data, by.signer)
	if err != nil {
		return err
	}
	if len(l.signers) > 0 {
		if _, err := lock.Verify(l.data, bundle, l.signers); err != nil {
			return &failure{ExitInput, fmt.Errorf("%s: trust.lock.signers of the configuration does not take a signature by %s: nothing was written: %w", l.path, by.name, err),
				"sign with a key or identity that it names, or add this one to it"}
		}
	}
	if err := lock.WriteSignature(ctx, l.path, l.data, bundle); err != nil {
		return &failure{ExitFailure, err, ""}
	}
	say(s, "%s is signed by %s", l.path, by.name)
	return nil
}

// lockVerifyJSON is the output of lock verify.
type lockVerifyJSON struct {
	File   string `json:"file"`
	Signer string `json:"signer"` // as it was verified
}

func newLockVerify(s Streams) *cobra.Command {
	var configAt, key string
	var lockAt lockFlags
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check the lock file and its signature",
		Long: `Verify checks that the lock file is whole, and that one of trust.lock.signers of the
configuration has signed it, or the holder of the key that --key names.`,
		Args: takes(0, 0, "no arguments"),
	}
	cmd.Flags().StringVarP(&configAt, "config", "c", "", configHelp)
	cmd.Flags().StringVar(&key, "key", "", "public key `FILE` in place of the configuration's signers")
	lockAt.register(cmd)
	out := newOutput(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		l, err := openForSigning(s, configAt, &lockAt)
		if err != nil {
			return err
		}
		if key != "" {
			v, err := publicKey(key)
			if err != nil {
				return err
			}
			l.signers = []sign.Verifier{v}
		}
		if len(l.signers) == 0 {
			return usage("--key FILE names one", "the configuration has no trust.lock.signers: who has to have signed %s?", l.path)
		}
		if err := l.check(l.data); err != nil {
			return err
		}
		if out.json() {
			return writeJSON(s.Out, lockVerifyJSON{l.path, l.signed.Signer})
		}
		_, err = fmt.Fprintf(s.Out, "%s: signed by %s\n", printable(l.path), printable(l.signed.Signer))
		return err
	}
	return cmd
}

// publicKey reads the key of a verifier.
func publicKey(path string) (sign.Verifier, error) {
	text, err := readSmall(path)
	if err != nil {
		return nil, err
	}
	key, err := sign.ParsePublicKey(text)
	if err != nil {
		return nil, &failure{ExitInput, fmt.Errorf("%s: %w", path, err), ""}
	}
	return sign.NewKeyVerifier(path, key)
}

func newLockFormat(s Streams) *cobra.Command {
	var configAt string
	var lockAt lockFlags
	cmd := &cobra.Command{
		Use:   "fmt",
		Short: "Write the lock file in its one form again",
		Long: `Fmt writes the lock file in its one form again, after a merge, an editor or git's
conversion of line ends. An entry that is not as it was approved stays an error.`,
		Args: takes(0, 0, "no arguments"),
	}
	cmd.Flags().StringVarP(&configAt, "config", "c", "", configHelp)
	lockAt.register(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		file, err := optionalConfig(s, configAt)
		if err != nil {
			return err
		}
		path := lockAt.in(file)
		changed, err := lock.Rewrite(cmd.Context(), path)
		switch {
		case errors.Is(err, os.ErrNotExist):
			return &failure{ExitInput, fmt.Errorf("%s: there is no such file", path), ""}
		case err != nil:
			return &failure{ExitInput, err, ""}
		case changed:
			say(s, "%s was written again", path)
		}
		return nil
	}
	return cmd
}
