// Package vault keeps the values of secrets in the state store, encrypted.
//
// Each value is encrypted with age (https://age-encryption.org/v1) to one X25519
// identity, the vault's key, together with its name and a code that only the key's
// holder can make: whoever can write to the store can neither read a value, nor
// give one the name of another, nor put in one of their own. They can bring back
// an older value of the same name, or remove it.
//
// The key lives in the keyring of the operating system, or in a file. Which of the
// two is decided when the first secret is set, and recorded; it is never another
// one just because the first cannot be had.
package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/mcpwasm/mcpwasm/host/capability/secrets"
	"github.com/mcpwasm/mcpwasm/internal/nearest"
	"github.com/mcpwasm/mcpwasm/registry/store"
)

// Keys of the store.
const (
	prefix  = "secret/"
	metaKey = "secret-key" // says which key it is, and where
)

var (
	// ErrNotFound says that the vault has no secret of a name.
	ErrNotFound = errors.New("there is no such secret")
	// ErrOtherKey says that a key file was named that is not there, for a store
	// whose key is elsewhere.
	ErrOtherKey = errors.New("this store has its key already")
	// ErrUnprotected says that a passphrase was wanted for a key that is there
	// already, without one.
	ErrUnprotected = errors.New("it is there already, without a passphrase")
)

// Options say where the vault's key is. The zero value is what was recorded, and
// for a vault without secrets the keyring of the operating system.
type Options struct {
	// KeyFile is a file with the key, as age-keygen writes it, in the clear or
	// encrypted with a passphrase. It must not be open to other users. Where
	// there is none, setting the first secret makes it.
	KeyFile string
	// Passphrase asks a person for the passphrase of a key file; nil: an
	// encrypted key file is an error.
	Passphrase func(ctx context.Context, file string) (string, error)
	// NewPassphrase asks for the one that a new key file is encrypted with;
	// nil: it is not encrypted. Setting a secret is an error then where there
	// is a key already that is not.
	NewPassphrase func(ctx context.Context, file string) (string, error)
	// Keyring is where the key is kept without a key file; default: that of
	// the operating system.
	Keyring Keyring

	// workFactor is that of new passphrases, a power of two; 0: age's own,
	// which takes about a second.
	workFactor int
}

// Vault keeps secrets. It is safe for concurrent use, also by several processes.
// It is a [secrets.Provider]: a reference is a secret's name.
type Vault struct {
	store store.Store
	keys  keys

	mu  sync.Mutex // held while the key is fetched
	key *key       // once it was
}

var _ secrets.Provider = (*Vault)(nil)

// Open returns the vault of a store. It reads nothing yet; the key is fetched when
// it is first needed.
func Open(s store.Store, o Options) *Vault {
	if o.Keyring == nil {
		o.Keyring = system{}
	}
	return &Vault{store: s, keys: keys{o}}
}

// Entry is what is known of a secret without its key.
type Entry struct {
	Name string
	Set  time.Time // when it was set, to the second
}

// record is what the store has for a secret.
type record struct {
	Set  time.Time `json:"set"`
	Data []byte    `json:"data"` // age
}

var formName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// CheckName reports whether a text can be the name of a secret.
func CheckName(name string) error {
	if !formName.MatchString(name) {
		return fmt.Errorf(`the name %q: want at most 64 letters, digits, "_" and "-"`, name)
	}
	return nil
}

// tries is how often a change is begun again when other processes change the
// vault meanwhile.
const tries = 10

// Set keeps a value, which [secrets.CheckValue] must accept, in place of any that
// the name had. The first value makes the vault's key.
func (v *Vault) Set(ctx context.Context, name, value string) error {
	if err := errors.Join(CheckName(name), secrets.CheckValue(value)); err != nil {
		return err
	}
	return v.change(ctx, func() ([]store.Change, error) {
		old, err := v.store.Get(ctx, metaKey, prefix+name)
		if err != nil {
			return nil, err
		}
		k, err := v.unlock(ctx, old[0], true)
		if err != nil {
			return nil, err
		}
		set := time.Now().UTC().Truncate(time.Second)
		data, err := k.seal(sealed{Name: name, Set: set, Value: value})
		if err != nil {
			return nil, err
		}
		entry, err := json.Marshal(record{set, data})
		if err != nil {
			return nil, err
		}
		meta, err := k.record()
		if err != nil {
			return nil, err
		}
		// The key's record is written again, so that it cannot be removed or
		// made by another process at the same time.
		return []store.Change{
			{Key: metaKey, If: old[0].Version, Value: meta},
			{Key: prefix + name, If: old[1].Version, Value: entry},
		}, nil
	})
}

// change applies changes that are worked out again after each conflict.
func (v *Vault) change(ctx context.Context, plan func() ([]store.Change, error)) error {
	var err error
	for range tries {
		changes, planErr := plan()
		if planErr != nil {
			return planErr
		}
		if _, err = v.store.Apply(ctx, changes...); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return err
}

// List returns the secrets in the order of their names. It needs no key.
func (v *Vault) List(ctx context.Context) ([]Entry, error) {
	var out []Entry
	for after := ""; ; {
		const page = 100
		entries, err := v.store.List(ctx, prefix, after, page)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			r, err := decodeRecord(e)
			if err != nil {
				return nil, err
			}
			out = append(out, Entry{strings.TrimPrefix(e.Key, prefix), r.Set})
			after = e.Key
		}
		if len(entries) < page {
			return out, nil
		}
	}
}

func decodeRecord(e store.Entry) (record, error) {
	var r record
	if err := json.Unmarshal(e.Value, &r); err != nil {
		return r, fmt.Errorf("the store's entry %q is damaged: %w", e.Key, err)
	}
	return r, nil
}

// Remove removes a secret, or returns [ErrNotFound]. It needs no key. After the
// last one the vault is as new, and the next that is set decides anew where the key
// is.
func (v *Vault) Remove(ctx context.Context, name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	return v.change(ctx, func() ([]store.Change, error) {
		old, err := v.store.Get(ctx, metaKey, prefix+name)
		if err != nil {
			return nil, err
		}
		if old[1].Version == 0 {
			return nil, v.notFound(ctx, name)
		}
		left, err := v.store.List(ctx, prefix, "", 2)
		if err != nil {
			return nil, err
		}
		changes := []store.Change{{Key: prefix + name, If: old[1].Version, Delete: true}}
		if m := old[0]; m.Version != 0 {
			changes = append(changes, store.Change{Key: metaKey, If: m.Version, Value: m.Value, Delete: len(left) < 2})
		}
		return changes, nil
	})
}

// notFound says which secret may have been meant.
func (v *Vault) notFound(ctx context.Context, name string) error {
	entries, err := v.List(ctx)
	if err != nil {
		return err
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name)
	}
	return fmt.Errorf("%w: %q%s", ErrNotFound, name, nearest.Hint(name, names))
}

// Get returns the value of a secret, or [ErrNotFound].
func (v *Vault) Get(ctx context.Context, name string) (string, error) {
	if err := CheckName(name); err != nil {
		return "", err
	}
	entries, err := v.store.Get(ctx, metaKey, prefix+name)
	if err != nil {
		return "", err
	}
	if entries[1].Version == 0 {
		return "", v.notFound(ctx, name)
	}
	r, err := decodeRecord(entries[1])
	if err != nil {
		return "", err
	}
	k, err := v.unlock(ctx, entries[0], false)
	if err != nil {
		return "", err
	}
	s, err := k.open(r.Data)
	if err != nil {
		return "", fmt.Errorf("the secret %q: %w", name, err)
	}
	if s.Name != name || !s.Set.Equal(r.Set) {
		return "", fmt.Errorf("the secret %q: the store has another one in its place: set it again", name)
	}
	return s.Value, nil
}

// Check implements [secrets.Provider]: the secret is there and the key opens it. A
// keyring may ask its user, here rather than when a guest needs the secret.
func (v *Vault) Check(ctx context.Context, name string) error {
	_, err := v.Get(ctx, name)
	return err
}

// Value implements [secrets.Provider].
func (v *Vault) Value(ctx context.Context, name string) (string, error) { return v.Get(ctx, name) }

// Where says where the vault's key is, for people: "the keyring of the operating
// system", "the key file /home/ada/mcpwasm.key". It is "" for a vault without
// secrets.
func (v *Vault) Where(ctx context.Context) (string, error) {
	entries, err := v.store.Get(ctx, metaKey)
	if err != nil || entries[0].Version == 0 {
		return "", err
	}
	m, err := decodeMeta(entries[0].Value)
	if err != nil {
		return "", err
	}
	return m.String(), nil
}

// CheckKeyFile returns an [ErrOtherKey] where there is no key file as named in the
// options, and the vault's key is elsewhere. It is for what needs no key and would
// not find out.
func (v *Vault) CheckKeyFile(ctx context.Context) error {
	entries, err := v.store.Get(ctx, metaKey)
	if err != nil || entries[0].Version == 0 || v.keys.KeyFile == "" {
		return err
	}
	m, err := decodeMeta(entries[0].Value)
	if err == nil {
		_, err = v.keys.named(m)
	}
	return err
}

// unlock returns the key that the store's record is about. With create a vault
// that has none gets one, which is not recorded yet.
func (v *Vault) unlock(ctx context.Context, recorded store.Entry, create bool) (*key, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if recorded.Version == 0 {
		if !create {
			return nil, errors.New("the store has secrets and no record of their key: it is damaged")
		}
		if v.key == nil {
			k, err := v.keys.create(ctx)
			if err != nil {
				return nil, err
			}
			v.key = k
		}
		return v.key, nil
	}
	m, err := decodeMeta(recorded.Value)
	if err != nil {
		return nil, err
	}
	if v.key != nil && v.key.Check == m.Check {
		return v.key, nil
	}
	k, err := v.keys.load(ctx, m)
	if err == nil && create && v.keys.NewPassphrase != nil && !k.encrypted {
		err = fmt.Errorf("the store's key is in %s: %w", m, ErrUnprotected)
	}
	if err != nil {
		return nil, err
	}
	v.key = k
	return k, nil
}
