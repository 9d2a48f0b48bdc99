package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	goruntime "runtime"

	"filippo.io/age"
	"filippo.io/age/armor"
)

// maxKeyFile bounds a key file, in bytes.
const maxKeyFile = 16 << 10

// file reads a key file; with create it makes one where there is none.
func (o keys) file(ctx context.Context, path string, create bool) (*key, error) {
	b, err := readKeyFile(path)
	if create && errors.Is(err, fs.ErrNotExist) {
		if err := o.makeFile(ctx, path); err != nil {
			return nil, fmt.Errorf("make the key file %s: %w", path, err)
		}
		b, err = readKeyFile(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no key file %s", path)
	}
	if err != nil {
		return nil, fmt.Errorf("the key file %s: %w", path, err)
	}
	id, err := o.parse(ctx, path, b)
	if err != nil {
		return nil, fmt.Errorf("the key file %s: %w", path, err)
	}
	k, err := newKey(id)
	if err != nil {
		return nil, err
	}
	k.encrypted = isEncrypted(b)
	return k, nil
}

func readKeyFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	if info, err = f.Stat(); err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); goruntime.GOOS != "windows" && mode&0o077 != 0 {
		return nil, fmt.Errorf("it is open to other users (mode %#o): chmod 600 closes it", mode)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err == nil && len(b) > maxKeyFile {
		err = errors.New("it is too large to be a key file")
	}
	return b, err
}

const ageHeader = "age-encryption.org/"

func isArmored(b []byte) bool { return bytes.HasPrefix(b, []byte(armor.Header)) }

// isEncrypted reports whether a key file is one that a passphrase opens.
func isEncrypted(b []byte) bool { return isArmored(b) || bytes.HasPrefix(b, []byte(ageHeader)) }

// parse reads an identity as age-keygen writes it, encrypted with a passphrase or
// not. Errors of age may quote what they read, so that none is passed on.
func (o keys) parse(ctx context.Context, path string, b []byte) (*age.X25519Identity, error) {
	if isEncrypted(b) {
		var err error
		if b, err = o.decrypt(ctx, path, b, isArmored(b)); err != nil {
			return nil, err
		}
	}
	ids, err := age.ParseIdentities(bytes.NewReader(b))
	if err != nil || len(ids) != 1 {
		return nil, errNoKey
	}
	id, ok := ids[0].(*age.X25519Identity)
	if !ok {
		return nil, errNoKey
	}
	return id, nil
}

var errNoKey = errors.New("want one X25519 identity (AGE-SECRET-KEY-1…), as age-keygen writes it")

func (o keys) decrypt(ctx context.Context, path string, b []byte, armored bool) ([]byte, error) {
	if o.Passphrase == nil {
		return nil, errors.New("it is encrypted with a passphrase, for which nobody can be asked here")
	}
	passphrase, err := o.Passphrase(ctx, path)
	if err != nil {
		return nil, err
	}
	id, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, err
	}
	var in io.Reader = bytes.NewReader(b)
	if armored {
		in = armor.NewReader(in)
	}
	r, err := age.Decrypt(in, id)
	if err != nil {
		return nil, errors.New("the passphrase is wrong, or the file is damaged")
	}
	out, err := io.ReadAll(io.LimitReader(r, maxKeyFile))
	if err != nil {
		return nil, errors.New("the file is damaged")
	}
	return out, nil
}

// makeFile makes a key file that only the user can read. One that another process
// makes at the same time stays.
func (o keys) makeFile(ctx context.Context, path string) error {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return err
	}
	content := []byte("# mcpwasm: the key of the secret store. Keep it to yourself.\n" + id.String() + "\n")
	if o.NewPassphrase != nil {
		if content, err = o.protect(ctx, path, content); err != nil {
			return err
		}
	}
	if err := writeNew(path, content); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func (o keys) protect(ctx context.Context, path string, content []byte) ([]byte, error) {
	passphrase, err := o.NewPassphrase(ctx, path)
	if err != nil {
		return nil, err
	}
	to, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, err
	}
	if o.workFactor > 0 {
		to.SetWorkFactor(o.workFactor)
	}
	return encrypt(content, to)
}

// writeNew makes a file that must not be there yet. Others see it with its whole
// content or not at all.
func writeNew(path string, content []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".mcpwasm-key-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = tmp.Write(content)
	if err == nil {
		err = tmp.Sync()
	}
	err = errors.Join(err, tmp.Close())
	if err == nil {
		err = os.Link(tmp.Name(), path)
	}
	return errors.Join(err, os.Remove(tmp.Name()))
}
