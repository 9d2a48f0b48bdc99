package sign

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
)

// keyVerifier checks signatures by a public key.
type keyVerifier struct {
	name, id string
	key      crypto.PublicKey
}

// NewKeyVerifier checks signatures by a public key: ECDSA P-256 or Ed25519. name
// is what its String returns.
//
// Of an Ed25519 key both pure Ed25519 and Ed25519ph are accepted (RFC 8032,
// section 5.1): cosign writes the second one, and verifies the first one.
func NewKeyVerifier(name string, key crypto.PublicKey) (Verifier, error) {
	id, err := KeyID(key)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", name, err)
	}
	return &keyVerifier{name, id, key}, nil
}

// String implements [Verifier].
func (v *keyVerifier) String() string { return v.name }

// Verify implements [Verifier].
func (v *keyVerifier) Verify(e Envelope) (Statement, error) {
	switch e.form {
	case formTag:
		return v.verifyTag(e)
	case formDSSE:
		o, err := checked(e.content)
		if err != nil {
			return Statement{}, err
		}
		envelope, err := parseDSSE(o)
		if err != nil {
			return Statement{}, err
		}
		return v.verifyDSSE(e, envelope)
	case formBundle:
		b, err := parseBundle(e.content)
		if err != nil {
			return Statement{}, err
		}
		if b.certificate {
			return Statement{}, fmt.Errorf("%w: by a certificate's key, not by %s", ErrOtherSigner, v.name)
		}
		return v.verifyDSSE(e, b.envelopeDSSE)
	}
	return Statement{}, fmt.Errorf("%w: an envelope of no known form", ErrDamaged)
}

func (v *keyVerifier) verifyDSSE(e Envelope, d envelopeDSSE) (Statement, error) {
	if !verifyBytes(v.key, preAuthEncoding(d.payloadType, d.payload), d.signature) {
		return Statement{}, fmt.Errorf("%w: %s", ErrOtherSigner, v.name)
	}
	predicateType, predicate, err := parseStatement(d.payload, e.Subject)
	if err != nil {
		return Statement{}, err
	}
	return Statement{PredicateType: predicateType, Predicate: predicate, Signer: v.id}, nil
}

func (v *keyVerifier) verifyTag(e Envelope) (Statement, error) {
	if !verifyBytes(v.key, e.content, e.signature) {
		return Statement{}, fmt.Errorf("%w: %s", ErrOtherSigner, v.name)
	}
	if err := checkSimple(e.content, e.Subject); err != nil {
		return Statement{}, err
	}
	return Statement{PredicateType: PredicateSignature, Signer: v.id}, nil
}

// verifyBytes checks a signature over a message.
func verifyBytes(key crypto.PublicKey, message, signature []byte) bool {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		sum := sha256.Sum256(message)
		return ecdsa.VerifyASN1(k, sum[:], signature)
	case ed25519.PublicKey:
		if ed25519.Verify(k, message, signature) {
			return true
		}
		sum := sha512.Sum512(message)
		return ed25519.VerifyWithOptions(k, sum[:], signature, &ed25519.Options{Hash: crypto.SHA512}) == nil
	}
	return false
}

// signBytes signs a message: ECDSA over its SHA-256, or pure Ed25519.
func signBytes(key crypto.Signer, message []byte) ([]byte, error) {
	if _, ok := key.Public().(ed25519.PublicKey); ok {
		return key.Sign(rand.Reader, message, crypto.Hash(0))
	}
	sum := sha256.Sum256(message)
	return key.Sign(rand.Reader, sum[:], crypto.SHA256)
}

// Signer makes signatures; [KeySigner] and [NewKeylessSigner] return one.
type Signer interface {
	// Sign returns a sigstore bundle (JSON) over the DSSE envelope of a statement.
	Sign(ctx context.Context, statement []byte) ([]byte, error)
}

// keySigner signs with a key. It knows what verifies its signatures.
type keySigner struct {
	key  crypto.Signer
	hint string
	Verifier
}

// KeySigner signs with a key of one's own: ECDSA P-256 or Ed25519.
func KeySigner(key crypto.Signer) (Signer, error) {
	if key == nil {
		return nil, fmt.Errorf("signer: no key")
	}
	sum, err := keyHash(key.Public())
	if err != nil {
		return nil, fmt.Errorf("signer: %w", err)
	}
	v, err := NewKeyVerifier("the key", key.Public())
	if err != nil {
		return nil, err
	}
	return &keySigner{key, base64.StdEncoding.EncodeToString(sum[:]), v}, nil
}

// Sign implements [Signer].
func (s *keySigner) Sign(_ context.Context, statement []byte) ([]byte, error) {
	signature, err := signBytes(s.key, preAuthEncoding(payloadStatement, statement))
	if err != nil {
		return nil, fmt.Errorf("sign statement: %w", err)
	}
	return keyBundle(s.hint, statement, signature)
}
