package sign

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/secure-systems-lab/go-securesystemslib/encrypted"
)

// KeyType is an algorithm of keys.
type KeyType string

// The algorithms that keys may have.
const (
	ECDSA   KeyType = "ecdsa"   // ECDSA over P-256 with SHA-256
	Ed25519 KeyType = "ed25519" // RFC 8032
)

// Types of PEM blocks.
const (
	pemPublic    = "PUBLIC KEY"
	pemPKCS8     = "PRIVATE KEY"
	pemEC        = "EC PRIVATE KEY"
	pemSigstore  = "ENCRYPTED SIGSTORE PRIVATE KEY"
	pemCosign    = "ENCRYPTED COSIGN PRIVATE KEY"
	maxKeyBytes  = 64 << 10
	unusableHint = "want ECDSA P-256 or Ed25519"
)

// ErrPassword is wrapped by [ParsePrivateKey] where a key cannot be decrypted.
var ErrPassword = errors.New("the password is wrong, or the key is damaged")

// GenerateKey makes a private key. "" is [ECDSA].
func GenerateKey(t KeyType) (crypto.Signer, error) {
	switch t {
	case ECDSA, "":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case Ed25519:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}
	return nil, fmt.Errorf("key type %q: want %s or %s", t, ECDSA, Ed25519)
}

// MarshalPrivateKey writes a key as cosign does: PKCS #8, encrypted by NaCl's
// secretbox under a key that scrypt makes of the password, which may be empty.
func MarshalPrivateKey(key crypto.Signer, password []byte) ([]byte, error) {
	if err := checkKey(key.Public()); err != nil {
		return nil, fmt.Errorf("write private key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("write private key: %w", err)
	}
	box, err := encrypted.Encrypt(der, password)
	if err != nil {
		return nil, fmt.Errorf("encrypt private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemSigstore, Bytes: box}), nil
}

// MarshalPublicKey writes a public key as PEM (SPKI).
func MarshalPublicKey(key crypto.PublicKey) ([]byte, error) {
	if err := checkKey(key); err != nil {
		return nil, fmt.Errorf("write public key: %w", err)
	}
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("write public key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemPublic, Bytes: der}), nil
}

// ParsePublicKey reads a PEM public key (SPKI): one block and nothing else, of an
// ECDSA P-256 or Ed25519 key.
func ParsePublicKey(text []byte) (crypto.PublicKey, error) {
	block, err := onlyBlock(text)
	if err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	if block.Type != pemPublic {
		return nil, fmt.Errorf("public key: a PEM block %q, want %q", block.Type, pemPublic)
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	if err := checkKey(key); err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	// What is signed names a key by the hash of this form of it.
	if der, err := x509.MarshalPKIXPublicKey(key); err != nil || !bytes.Equal(der, block.Bytes) {
		return nil, errors.New("public key: not in its canonical form")
	}
	return key, nil
}

// ParsePrivateKey reads a private key as cosign writes it, encrypted, or PKCS #8
// or SEC 1 in plain: one PEM block and nothing else. password is asked for only where the key is encrypted;
// an error about it wraps [ErrPassword].
func ParsePrivateKey(text []byte, password func() ([]byte, error)) (crypto.Signer, error) {
	block, err := onlyBlock(text)
	if err != nil {
		return nil, fmt.Errorf("private key: %w", err)
	}
	der := block.Bytes
	switch block.Type {
	case pemSigstore, pemCosign:
		if der, err = decrypt(der, password); err != nil {
			return nil, fmt.Errorf("private key: %w", err)
		}
	case pemPKCS8, pemEC:
	case pemPublic:
		return nil, errors.New("private key: this is a public key")
	default:
		return nil, fmt.Errorf("private key: a PEM block %q, want %q or %q", block.Type, pemSigstore, pemPKCS8)
	}
	key, err := parsePrivate(der, block.Type == pemEC)
	if err != nil {
		return nil, fmt.Errorf("private key: %w", err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("private key: %T, %s", key, unusableHint)
	}
	if err := checkKey(signer.Public()); err != nil {
		return nil, fmt.Errorf("private key: %w", err)
	}
	return signer, nil
}

func decrypt(box []byte, password func() ([]byte, error)) ([]byte, error) {
	if password == nil {
		return nil, fmt.Errorf("encrypted, and there is no password: %w", ErrPassword)
	}
	secret, err := password()
	if err != nil {
		return nil, err
	}
	der, err := encrypted.Decrypt(box, secret)
	if err != nil {
		return nil, ErrPassword // the library's text says less
	}
	return der, nil
}

func parsePrivate(der []byte, sec1 bool) (any, error) {
	if sec1 {
		return x509.ParseECPrivateKey(der)
	}
	return x509.ParsePKCS8PrivateKey(der)
}

// onlyBlock returns the one PEM block of a text.
func onlyBlock(text []byte) (*pem.Block, error) {
	if len(text) > maxKeyBytes {
		return nil, fmt.Errorf("%d bytes, more than the %d of any key", len(text), maxKeyBytes)
	}
	block, rest := pem.Decode(text)
	if block == nil {
		return nil, errors.New("no PEM block in it")
	}
	if !bytes.HasPrefix(bytes.TrimSpace(text), []byte("-----BEGIN ")) {
		return nil, errors.New("text before the PEM block")
	}
	if other, _ := pem.Decode(rest); other != nil {
		return nil, errors.New("several PEM blocks, want one")
	}
	if len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("text behind the PEM block")
	}
	if len(block.Headers) > 0 {
		return nil, errors.New("a PEM block with headers, want one without")
	}
	return block, nil
}

// checkKey names what a key is where it cannot be used.
func checkKey(key crypto.PublicKey) error {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return fmt.Errorf("ECDSA %s: %s", k.Curve.Params().Name, unusableHint)
		}
		if _, err := k.ECDH(); err != nil { // which checks that it is on the curve
			return fmt.Errorf("ECDSA P-256: %w", err)
		}
		return nil
	case ed25519.PublicKey:
		if len(k) != ed25519.PublicKeySize {
			return fmt.Errorf("Ed25519 key of %d bytes, want %d", len(k), ed25519.PublicKeySize)
		}
		return nil
	case *rsa.PublicKey:
		return fmt.Errorf("RSA %d: %s", k.N.BitLen(), unusableHint)
	}
	return fmt.Errorf("%T: %s", key, unusableHint)
}

// KeyID names a public key: "key:sha256:" and the hash of its SPKI DER.
func KeyID(key crypto.PublicKey) (string, error) {
	sum, err := keyHash(key)
	if err != nil {
		return "", err
	}
	return "key:sha256:" + hex.EncodeToString(sum[:]), nil
}

func keyHash(key crypto.PublicKey) ([sha256.Size]byte, error) {
	if err := checkKey(key); err != nil {
		return [sha256.Size]byte{}, err
	}
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return [sha256.Size]byte{}, err
	}
	return sha256.Sum256(der), nil
}
