// Package seal protects the state of multi-round requests on its way through
// the client.
//
// A guest's requestState comes back from a client that may be hostile (MCP
// 2026-07-28, basic/patterns/mrtr, "Server Requirements"). The host therefore
// never hands out the guest's own state but an AES-256-GCM ciphertext of it,
// bound to the server, the principal, the method, a digest of the request's
// parameters and an expiry.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpwasm/mcpwasm/internal/wire"
)

// KeySize is the size of a sealing key in bytes.
const KeySize = 32

// TTL is how long a sealed state can be presented.
const TTL = 15 * time.Minute

// ErrState is the error of Open. It does not say which check failed: whoever
// forges a state learns nothing from it.
var ErrState = errors.New("requestState was not issued for this request, or has expired")

// Binding is what a sealed state can be used for.
type Binding struct {
	Server    string // name of the server that issued the state
	Principal string // authenticated caller, "" where there is none
	Method    string
	// Digest of the request that the state continues, from [Digest].
	Digest [sha256.Size]byte
}

// Sealer seals and opens states with one key, safe for concurrent use.
type Sealer struct {
	aead cipher.AEAD
	now  func() time.Time
}

// New returns a sealer for a key of [KeySize] bytes. A nil key is replaced by a
// random one, which makes states valid for this process only.
func New(key []byte) (*Sealer, error) {
	if key == nil {
		key = make([]byte, KeySize)
		rand.Read(key) // never fails (crypto/rand)
	}
	if len(key) != KeySize {
		return nil, fmt.Errorf("state key: want %d bytes, have %d", KeySize, len(key))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("state key: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("state key: %w", err)
	}
	return &Sealer{aead: aead, now: time.Now}, nil
}

// Seal returns state as an opaque string in URL-safe base64.
func (s *Sealer) Seal(b Binding, state string) string {
	plain := binary.BigEndian.AppendUint64(nil, uint64(s.now().Add(TTL).UnixMilli()))
	plain = append(plain, state...)
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, plain, b.additional()))
}

// Open returns the state that Seal was given, or [ErrState].
func (s *Sealer) Open(b Binding, sealed string) (string, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(sealed)
	if err != nil {
		return "", ErrState
	}
	plain, err := s.aead.Open(nil, nil, raw, b.additional())
	if err != nil || len(plain) < 8 {
		return "", ErrState
	}
	expiry := time.UnixMilli(int64(binary.BigEndian.Uint64(plain)))
	if !s.now().Before(expiry) {
		return "", ErrState
	}
	return string(plain[8:]), nil
}

// additional is the binding as bytes: length-prefixed, so that no two bindings
// have the same.
func (b Binding) additional() []byte {
	var out []byte
	for _, s := range []string{b.Server, b.Principal, b.Method} {
		out = binary.BigEndian.AppendUint32(out, uint32(len(s)))
		out = append(out, s...)
	}
	return append(out, b.Digest[:]...)
}

// Digest identifies a request by its parameters, without those that differ
// between the rounds of one request: _meta, inputResponses and requestState.
// The order of members does not count (RFC 8785), but numbers count as they are
// written, since two that round to one double are two arguments all the same.
func Digest(params wire.Object) [sha256.Size]byte {
	v := jsontext.Value(params.Delete("_meta", "inputResponses", "requestState").JSON())
	// Its only error is malformed JSON, which params is not.
	_ = v.Canonicalize(jsontext.CanonicalizeRawInts(false), jsontext.CanonicalizeRawFloats(false))
	return sha256.Sum256(v)
}
