package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/cmd/internal/config"
	"github.com/mcpwasm/mcpwasm/registry/lock"
	"github.com/mcpwasm/mcpwasm/registry/sign"
)

// lockFlags say where the lock file is.
type lockFlags struct{ path string }

func (f *lockFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.path, "lock", "", "lock `FILE` with the packages that were approved (default: "+lock.FileName+" beside the configuration)")
}

// lockFile is a lock file that was read, and whose signature holds where the
// configuration wants one.
type lockFile struct {
	*lock.File
	path    string
	data    []byte // nil where there is no file
	signers []sign.Verifier
	signed  sign.Statement // by whom, where there are signers and a file
}

// open reads the lock file of a configuration. One that is not there is empty.
func (f *lockFlags) open(file *config.File) (*lockFile, error) {
	l, err := f.read(file)
	if err == nil {
		err = l.check(l.data)
	}
	return l, err
}

// read is open for whoever only looks: the signature is not checked.
func (f *lockFlags) read(file *config.File) (*lockFile, error) {
	l := &lockFile{path: f.in(file)}
	var err error
	if l.signers, err = file.LockSigners(); err != nil {
		return nil, err
	}
	if l.data, err = lock.Read(l.path); err != nil {
		return nil, &failure{ExitInput, err, ""}
	}
	if l.data == nil {
		l.File = &lock.File{}
		return l, nil
	}
	if l.File, err = lock.Parse(l.data); err != nil {
		return nil, &failure{ExitInput, fmt.Errorf("%s: %w", l.path, err), ""}
	}
	return l, nil
}

// in returns the path of a configuration's lock file.
func (f *lockFlags) in(file *config.File) string {
	if f.path != "" {
		return f.path
	}
	return filepath.Join(filepath.Dir(file.Path), lock.FileName)
}

// dir is what the paths in the file are relative to.
func (l *lockFile) dir() string { return filepath.Dir(l.path) }

func signatureOf(path string) string { return path + lock.SignatureSuffix }

// check makes sure that the file's bytes are signed, where they have to be.
func (l *lockFile) check(data []byte) error {
	if len(l.signers) == 0 || data == nil {
		return nil
	}
	bundle, err := readSignature(signatureOf(l.path))
	if err == nil {
		l.signed, err = lock.Verify(data, bundle, l.signers)
	}
	if err != nil {
		// Who it says that it is by, helps to see why.
		if claimed, _ := sign.NewEnvelope("", bundle).Claims(); claimed != "" {
			err = fmt.Errorf("%w; the signature says that it is by %s, which is not verified", err, claimed)
		}
		return &failure{ExitInput, fmt.Errorf("%s: %w", l.path, err), "look at what it says, and sign it: mcpwasm lock sign --key FILE"}
	}
	return nil
}

// present refuses to start anything from a registry where the file has to be signed
// and is not there: whoever removes it must not get further than who changes it.
func (l *lockFile) present() error {
	if len(l.signers) == 0 || l.data != nil {
		return nil
	}
	return &failure{ExitInput, fmt.Errorf("%s: there is no such file, and by trust.lock.signers nothing from a registry is started without it", l.path),
		"mcpwasm add REFERENCE approves a package, and mcpwasm lock sign --key FILE signs the file"}
}

// readSignature reads a lock file's signature; one that is not there is nil.
func readSignature(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	return io.ReadAll(io.LimitReader(f, lock.MaxSignatureBytes+1))
}

// update changes entries, unless somebody else did since the file was read, and
// tells who has to sign it.
func (l *lockFile) update(ctx context.Context, s Streams, edits ...lock.Edit) error {
	err := lock.Update(ctx, l.path, l.check, edits...)
	if errors.Is(err, lock.ErrMeanwhile) {
		return &failure{ExitFailure, err, "run the command again"}
	}
	if err != nil {
		if f, ok := errors.AsType[*failure](err); ok {
			return f
		}
		return &failure{ExitFailure, err, ""}
	}
	if len(l.signers) > 0 {
		say(s, "%s has to be signed before anything in it is started: mcpwasm lock sign --key FILE", l.path)
	}
	return nil
}

// guarded are the lock file and what stands beside it.
func (l *lockFile) guarded() []string { return []string{l.path, signatureOf(l.path)} }
