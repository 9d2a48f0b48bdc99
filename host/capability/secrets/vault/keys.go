package vault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"filippo.io/age"
	"github.com/zalando/go-keyring"
)

// Keyring keeps texts that only the user can read, outside of the store.
type Keyring interface {
	// Get returns the text of an account, and whether there is one.
	Get(account string) (text string, ok bool, err error)
	Set(account, text string) error
}

// ErrNoKeyring says that there is no keyring to be used here.
var ErrNoKeyring = errors.New("the keyring of the operating system cannot be used")

// system is the keyring of the operating system: macOS Keychain, Windows
// Credential Manager, the Secret Service of the desktop elsewhere.
type system struct{}

const service = "mcpwasm"

// Get implements [Keyring].
func (system) Get(account string) (string, bool, error) {
	text, err := keyring.Get(service, account)
	if errors.Is(err, keyring.ErrNotFound) {
		return "", false, nil
	}
	return text, err == nil, err
}

// Set implements [Keyring].
func (system) Set(account, text string) error { return keyring.Set(service, account, text) }

// keys fetches and makes keys.
type keys struct{ Options }

// create makes a key, or takes that of a key file which is there already.
func (o keys) create(ctx context.Context) (*key, error) {
	if o.KeyFile != "" {
		path, err := filepath.Abs(o.KeyFile)
		if err != nil {
			return nil, err
		}
		k, err := o.file(ctx, path, true)
		if err != nil {
			return nil, err
		}
		if o.NewPassphrase != nil && !k.encrypted {
			return nil, fmt.Errorf("the key file %s: %w", path, ErrUnprotected)
		}
		k.meta.Kind, k.Path = kindFile, path
		return k, nil
	}
	if o.NewPassphrase != nil {
		return nil, errors.New("a passphrase is for a key file, and none is named: the key would be in the keyring of the operating system")
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, err
	}
	k, err := newKey(id)
	if err != nil {
		return nil, err
	}
	k.Kind = kindKeyring
	// Every key has an account of its own, so that none is lost when two
	// processes make the first one at the same time.
	if _, err := wait(ctx, func() (struct{}, error) {
		return struct{}{}, o.Keyring.Set(account(k.Check), id.String())
	}); err != nil {
		return nil, noKeyring(ctx, err)
	}
	return k, nil
}

func account(check string) string { return "secret store " + check }

func noKeyring(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%w: %w", ErrNoKeyring, err)
}

// load fetches the key that a record names, from the key file that was given if
// there is one.
func (o keys) load(ctx context.Context, m meta) (*key, error) {
	var k *key
	var err error
	switch {
	case o.KeyFile != "":
		path, nameErr := o.named(m)
		if nameErr != nil {
			return nil, nameErr
		}
		k, err = o.file(ctx, path, false)
		if err == nil && k.Check != m.Check {
			err = fmt.Errorf("the key file %s has another key than the store's secrets, which are for that in %s", path, m)
		}
	case m.Kind == kindFile:
		k, err = o.file(ctx, m.Path, false)
		if err == nil && k.Check != m.Check {
			err = fmt.Errorf("%s has another key than the one that the store's secrets are for", m)
		}
	case m.Kind == kindKeyring:
		k, err = o.fromKeyring(ctx, m)
	default:
		err = fmt.Errorf("the store's key is kept in %q, which this version does not know", m.Kind)
	}
	if err != nil {
		return nil, err
	}
	k.meta = m
	return k, nil
}

// named returns the path of the key file in the options, for a store that has its
// key already.
func (o keys) named(m meta) (string, error) {
	path, err := filepath.Abs(o.KeyFile)
	if err != nil || path == m.Path {
		return path, err
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("there is no key file %s: %w, in %s", path, ErrOtherKey, m)
	}
	return path, nil
}

// fromKeyring fetches a key from the keyring.
func (o keys) fromKeyring(ctx context.Context, m meta) (*key, error) {
	text, err := wait(ctx, func() (string, error) {
		text, _, err := o.Keyring.Get(account(m.Check))
		return text, err
	})
	if err != nil {
		return nil, noKeyring(ctx, err)
	}
	if text == "" {
		return nil, errors.New("the keyring has no key of this store any more, so that its secrets cannot be read: remove them and set them again")
	}
	id, err := age.ParseX25519Identity(text)
	if err != nil {
		return nil, errors.New("what the keyring has for this store is no key") // err may quote it
	}
	k, err := newKey(id)
	if err == nil && k.Check != m.Check {
		err = errors.New("the keyring has another key than the one that the store's secrets are for")
	}
	return k, err
}

// wait runs a call that knows no context; a keyring may wait for its user. A call
// that is given up ends when it does.
func wait[T any](ctx context.Context, call func() (T, error)) (T, error) {
	type result struct {
		v   T
		err error
	}
	done := make(chan result, 1)
	go func() {
		v, err := call()
		done <- result{v, err}
	}()
	select {
	case r := <-done:
		return r.v, r.err
	case <-ctx.Done():
		var zero T
		return zero, ctx.Err()
	}
}
