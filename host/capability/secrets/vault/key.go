package vault

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"filippo.io/age"
)

// meta says which key a store's secrets are encrypted to.
type meta struct {
	Kind  string `json:"kind"`           // keyring or file
	Path  string `json:"path,omitempty"` // of the file, absolute
	Check string `json:"check"`          // tells keys apart, and says nothing else about them
}

const (
	kindKeyring = "keyring"
	kindFile    = "file"
)

func (m meta) String() string {
	if m.Kind == kindFile {
		return "the key file " + m.Path
	}
	return "the keyring of the operating system"
}

func decodeMeta(b []byte) (meta, error) {
	var m meta
	if err := json.Unmarshal(b, &m); err != nil {
		return m, fmt.Errorf("the store's record of its key is damaged: %w", err)
	}
	return m, nil
}

// key is the identity that secrets are encrypted to.
type key struct {
	meta
	identity *age.X25519Identity
	mac      []byte

	encrypted bool // with a passphrase, in a key file
}

// newKey returns the key of an identity; where it is kept is for the caller to
// add.
func newKey(id *age.X25519Identity) (*key, error) {
	k := &key{identity: id}
	secret := []byte(id.String())
	var err error
	if k.mac, err = hkdf.Key(sha256.New, secret, nil, "mcpwasm vault 1: authenticity", sha256.Size); err != nil {
		return nil, err
	}
	check, err := hkdf.Key(sha256.New, secret, nil, "mcpwasm vault 1: which key", 16)
	if err != nil {
		return nil, err
	}
	k.Check = hex.EncodeToString(check)
	return k, nil
}

// record returns what the store says about the key.
func (k *key) record() ([]byte, error) { return json.Marshal(k.meta) }

// sealed is what is encrypted for a secret.
type sealed struct {
	Name  string    `json:"name"`
	Set   time.Time `json:"set"`
	Value string    `json:"value"`
	// MAC is HMAC-SHA256 over the rest: anybody who knows a recipient can
	// encrypt to it, and age does not say who did.
	MAC []byte `json:"mac,omitempty"`
}

func (k *key) authenticate(s sealed) ([]byte, error) {
	s.MAC = nil
	b, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	h := hmac.New(sha256.New, k.mac)
	_, _ = h.Write(b) // never fails
	return h.Sum(nil), nil
}

// seal encrypts a secret.
func (k *key) seal(s sealed) ([]byte, error) {
	var err error
	if s.MAC, err = k.authenticate(s); err != nil {
		return nil, err
	}
	b, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	return encrypt(b, k.identity.Recipient())
}

func encrypt(b []byte, to age.Recipient) ([]byte, error) {
	var out bytes.Buffer
	w, err := age.Encrypt(&out, to)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(b); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// maxSealed bounds what is decrypted, in bytes: a value of which every character
// is escaped in JSON, and the rest.
const maxSealed = 1 << 20

var errForged = errors.New("the store's entry cannot be decrypted, or was not written with its key: set it again")

// open decrypts a secret.
func (k *key) open(data []byte) (sealed, error) {
	var s sealed
	r, err := age.Decrypt(bytes.NewReader(data), k.identity)
	if err != nil {
		return s, errForged
	}
	b, err := io.ReadAll(io.LimitReader(r, maxSealed))
	if err != nil {
		return s, errForged
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return sealed{}, errForged // what was decrypted is in no error
	}
	want, err := k.authenticate(s)
	if err != nil || !hmac.Equal(s.MAC, want) {
		return sealed{}, errForged
	}
	return s, nil
}
