package sign_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/registry/sign"
)

func password(text string) func() ([]byte, error) {
	return func() ([]byte, error) { return []byte(text), nil }
}

func TestKeysGoRound(t *testing.T) {
	// Each encryption takes scrypt's time and memory: as few as show it.
	for kind, secret := range map[sign.KeyType]string{sign.ECDSA: "correct horse", sign.Ed25519: ""} {
		t.Run(string(kind), func(t *testing.T) {
			key, err := sign.GenerateKey(kind)
			check(t, err)
			text, err := sign.MarshalPrivateKey(key, []byte(secret))
			check(t, err)
			if !strings.HasPrefix(string(text), "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n") {
				t.Errorf("the private key is %s", text)
			}
			again, err := sign.ParsePrivateKey(text, password(secret))
			check(t, err)
			if _, err := sign.ParsePrivateKey(text, password("wrong")); !errors.Is(err, sign.ErrPassword) {
				t.Errorf("by a wrong password: %v", err)
			}
			if _, err := sign.ParsePrivateKey(text, nil); !errors.Is(err, sign.ErrPassword) {
				t.Errorf("without a password: %v", err)
			}
			public, err := sign.MarshalPublicKey(again.Public())
			check(t, err)
			parsed, err := sign.ParsePublicKey(public)
			check(t, err)
			if !parsed.(interface{ Equal(crypto.PublicKey) bool }).Equal(key.Public()) {
				t.Error("it is another key")
			}
		})
	}
}

func TestParsePrivateKeyOfOthers(t *testing.T) {
	ours, err := sign.GenerateKey(sign.ECDSA)
	check(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(ours)
	check(t, err)
	tests := []struct {
		name string
		text []byte
		pub  string // "" where it is not kept
	}{
		{"cosign 3", golden(t, "ecdsa3.key"), "ecdsa3"},
		{"cosign 2", golden(t, "ecdsa2.key"), "ecdsa2"},
		{"imported by cosign", golden(t, "ed25519.key"), "ed25519"},
		{"older name", []byte(strings.ReplaceAll(string(golden(t, "ecdsa2.key")), "SIGSTORE", "COSIGN")), "ecdsa2"},
		{"PKCS 8 of OpenSSL", golden(t, "ed25519.pem"), "ed25519"},
		{"PKCS 8", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), ""},
		{"SEC 1", golden(t, "sec1.pem"), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			key, err := sign.ParsePrivateKey(tt.text, password("test"))
			check(t, err)
			if tt.pub == "" {
				return
			}
			public, err := sign.MarshalPublicKey(key.Public())
			check(t, err)
			if string(public) != string(golden(t, tt.pub+".pub")) {
				t.Errorf("the public key is %s", public)
			}
		})
	}
}

// longer adds a NULL to the end of an ASN.1 sequence, which readers of keys pass
// over.
func longer(der []byte) []byte {
	der = append(bytes.Clone(der), 5, 0)
	der[1] += 2
	return der
}

func TestParsePublicKeyRefuses(t *testing.T) {
	large, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	check(t, err)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	check(t, err)
	spki := func(key any) string {
		der, err := x509.MarshalPKIXPublicKey(key)
		check(t, err)
		return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	}
	good := string(golden(t, "ecdsa3.pub"))
	block, _ := pem.Decode([]byte(good))
	tests := []struct{ name, text, says string }{
		{"P-384", spki(large.Public()), "ECDSA P-384: want ECDSA P-256 or Ed25519"},
		{"RSA", spki(rsaKey.Public()), "RSA 2048: want ECDSA P-256 or Ed25519"},
		{"two of them", good + good, "several PEM blocks"},
		{"text behind", good + "x", "text behind"},
		{"text before", "x\n" + good, "text before"},
		{"nothing", "", "no PEM block"},
		{"a private key", string(golden(t, "ecdsa3.key")), `"ENCRYPTED SIGSTORE PRIVATE KEY", want "PUBLIC KEY"`},
		{"trailing bytes", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: append(block.Bytes, 0)})), "public key"},
		{"more in its sequence", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: longer(block.Bytes)})), "not in its canonical form"},
		{"headers", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Headers: map[string]string{"A": "b"}, Bytes: block.Bytes})), "headers"},
		{"too long", strings.Repeat(" ", 65<<10) + good, "more than"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := sign.ParsePublicKey([]byte(tt.text)); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("the error is %v, want %q in it", err, tt.says)
			}
		})
	}
}

func TestParsePrivateKeyRefuses(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	check(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(rsaKey)
	check(t, err)
	tests := []struct{ name, text, says string }{
		{"a public key", string(golden(t, "ecdsa3.pub")), "this is a public key"},
		{"RSA", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "RSA 2048"},
		{"another block", string(pem.EncodeToMemory(&pem.Block{Type: "OPENSSH PRIVATE KEY", Bytes: der})), "OPENSSH"},
		{"no box", string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED SIGSTORE PRIVATE KEY", Bytes: []byte("{}")})), "password"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := sign.ParsePrivateKey([]byte(tt.text), password("test")); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("the error is %v, want %q in it", err, tt.says)
			}
		})
	}
	asked := errors.New("nobody to ask")
	if _, err := sign.ParsePrivateKey(golden(t, "ecdsa3.key"), func() ([]byte, error) { return nil, asked }); !errors.Is(err, asked) {
		t.Errorf("the error is %v", err)
	}
}

func TestGenerateKeyRefuses(t *testing.T) {
	if _, err := sign.GenerateKey("rsa"); err == nil || !strings.Contains(err.Error(), `key type "rsa": want ecdsa or ed25519`) {
		t.Errorf("the error is %v", err)
	}
}
