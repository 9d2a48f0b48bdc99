package sign

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"

	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"

	"github.com/mcpwasm/mcpwasm/internal/wire"
)

// Claims says what an envelope says of itself, for people who look at it. None of
// it has been verified: it must decide nothing. What cannot be read is "".
func (e Envelope) Claims() (signer, predicateType string) {
	switch e.form {
	case formTag:
		return certificateSigner(pemBytes(e.keyless.certificate)), PredicateSignature
	case formDSSE:
		o, err := checked(e.content)
		if err != nil {
			return "", ""
		}
		d, err := parseDSSE(o)
		if err != nil {
			return "", ""
		}
		return certificateSigner(pemBytes(e.keyless.certificate)), claimedType(d.payload)
	}
	b, err := parseBundle(e.content)
	if err != nil {
		return "", ""
	}
	return bundleSigner(e.content), claimedType(b.payload)
}

// maxClaimedTokens is more than a large SBOM has.
const maxClaimedTokens = 1 << 20

func claimedType(payload []byte) string {
	o, err := checkedAtMost(payload, maxClaimedTokens)
	if err != nil {
		return ""
	}
	t, _, _ := o.GetString("predicateType") // "" is what it is then
	return t
}

// bundleSigner reads who a bundle says signed it.
func bundleSigner(content []byte) string {
	o, err := wire.ParseObject(content)
	if err != nil {
		return ""
	}
	material, _, _ := o.GetObject("verificationMaterial") // parseBundle has read it
	if key, ok, _ := material.GetObject("publicKey"); ok {
		hint, _, _ := key.GetString("hint")
		sum, err := base64.StdEncoding.DecodeString(hint)
		if err != nil || len(sum) != 32 {
			return ""
		}
		return "key:sha256:" + hex.EncodeToString(sum)
	}
	leaf, ok, _ := material.GetObject("certificate")
	if !ok {
		chain, _, _ := material.GetObject("x509CertificateChain")
		raw, _ := chain.Get("certificates")
		if list, err := wire.ParseArray(raw); err == nil && len(list) > 0 {
			leaf, _ = wire.ParseObject(list[0])
		}
	}
	der, err := base64Member(leaf, "rawBytes")
	if err != nil {
		return ""
	}
	return certificateSigner(der)
}

func pemBytes(text string) []byte {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil
	}
	return block.Bytes
}

func certificateSigner(der []byte) string {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return ""
	}
	who, err := certificate.SummarizeCertificate(c)
	if err != nil {
		return ""
	}
	return who.SubjectAlternativeName + " " + who.Issuer
}
