package sign

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/mcpwasm/mcpwasm/internal/wire"
)

// MediaTypeBundle is sigstore's bundle (github.com/sigstore/protobuf-specs,
// protos/sigstore_bundle.proto) in the version that is written.
const MediaTypeBundle = "application/vnd.dev.sigstore.bundle.v0.3+json"

// readableBundles are the versions that are read. They differ in how a
// certificate is held and in what a log's entry must prove.
var readableBundles = []string{
	MediaTypeBundle,
	"application/vnd.dev.sigstore.bundle+json;version=0.3",
	"application/vnd.dev.sigstore.bundle+json;version=0.2",
	"application/vnd.dev.sigstore.bundle+json;version=0.1",
}

// parsedBundle is a sigstore bundle over a DSSE envelope.
type parsedBundle struct {
	envelopeDSSE
	// certificate says that the signer's key is in a certificate, and not one
	// that the verifier knows.
	certificate bool
}

// parseBundle reads what every verifier needs of a bundle.
func parseBundle(content []byte) (parsedBundle, error) {
	o, err := checked(content)
	if err != nil {
		return parsedBundle{}, err
	}
	version, _, err := o.GetString("mediaType")
	if err != nil {
		return parsedBundle{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if !slices.Contains(readableBundles, version) {
		return parsedBundle{}, fmt.Errorf("%w: a bundle of type %q, want %s", ErrVersion, version, MediaTypeBundle)
	}
	if o.Has("messageSignature") {
		return parsedBundle{}, fmt.Errorf("%w: a bundle that signs bytes in place of a statement", ErrVersion)
	}
	if err := onlyMembers(o, "mediaType", "verificationMaterial", "dsseEnvelope"); err != nil {
		return parsedBundle{}, err
	}
	material, _, err := o.GetObject("verificationMaterial")
	if err != nil {
		return parsedBundle{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	certificate, err := hasCertificate(material)
	if err != nil {
		return parsedBundle{}, err
	}
	inner, ok, err := o.GetObject("dsseEnvelope")
	if err != nil || !ok {
		return parsedBundle{}, fmt.Errorf("%w: a bundle without an envelope", ErrDamaged)
	}
	envelope, err := parseDSSE(inner)
	return parsedBundle{envelope, certificate}, err
}

// hasCertificate says which of the ways to name the signer's key a bundle has;
// it must have exactly one.
func hasCertificate(material wire.Object) (bool, error) {
	if err := onlyMembers(material, "publicKey", "certificate", "x509CertificateChain", "tlogEntries", "timestampVerificationData"); err != nil {
		return false, err
	}
	if err := checkProofs(material); err != nil {
		return false, err
	}
	ways := 0
	for _, name := range []string{"publicKey", "certificate", "x509CertificateChain"} {
		if material.Has(name) {
			ways++
		}
	}
	if ways != 1 {
		return false, fmt.Errorf("%w: a bundle that names %d keys, want one", ErrDamaged, ways)
	}
	if !material.Has("publicKey") {
		return true, nil
	}
	key, _, err := material.GetObject("publicKey")
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if err := onlyMembers(key, "hint"); err != nil {
		return false, err
	}
	// What it hints at is not looked at: the verifier has a key of its own.
	if _, _, err := key.GetString("hint"); err != nil {
		return false, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return false, nil
}

// Bounds of what proves a bundle's time and certificate: what a bundle repeats
// would be decoded, and verified, as often.
const (
	maxLogEntries = 32
	maxTimestamps = 32
	maxHashes     = 64 // of the way to a log's root, as many as an index has bits
)

// checkProofs counts, and refuses what a bundle of a known version does not have:
// the library would take it by other spellings of its name.
func checkProofs(material wire.Object) error {
	chain, err := only(material, "x509CertificateChain", "certificates")
	if err != nil {
		return err
	}
	if _, err := atMost(chain, "certificates", maxChain); err != nil {
		return err
	}
	timestamps, err := only(material, "timestampVerificationData", "rfc3161Timestamps")
	if err != nil {
		return err
	}
	if _, err := atMost(timestamps, "rfc3161Timestamps", maxTimestamps); err != nil {
		return err
	}
	entries, err := atMost(material, "tlogEntries", maxLogEntries)
	if err != nil {
		return err
	}
	for _, raw := range entries {
		entry, err := wire.ParseObject(raw)
		if err != nil {
			return fmt.Errorf("%w: tlogEntries: %w", ErrDamaged, err)
		}
		if err := onlyMembers(entry, "logIndex", "logId", "kindVersion", "integratedTime", "inclusionPromise", "inclusionProof", "canonicalizedBody"); err != nil {
			return err
		}
		proof, err := only(entry, "inclusionProof", "logIndex", "rootHash", "treeSize", "hashes", "checkpoint")
		if err != nil {
			return err
		}
		if _, err := atMost(proof, "hashes", maxHashes); err != nil {
			return err
		}
	}
	return nil
}

// only returns a member that is an object with known members; none is empty.
func only(o wire.Object, name string, known ...string) (wire.Object, error) {
	if raw, _ := o.Get(name); wire.IsNull(raw) {
		return wire.Object{}, nil
	}
	member, _, err := o.GetObject(name)
	if err != nil {
		return wire.Object{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return member, onlyMembers(member, known...)
}

// atMost returns the elements of a member that is an array; none is empty.
func atMost(o wire.Object, name string, limit int) ([]json.RawMessage, error) {
	raw, _ := o.Get(name)
	if wire.IsNull(raw) {
		return nil, nil
	}
	elements, err := wire.ParseArray(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, name, err)
	}
	if len(elements) > limit {
		return nil, fmt.Errorf("%w: %d %s, more than the %d allowed", ErrDamaged, len(elements), name, limit)
	}
	return elements, nil
}

// keyBundle writes the bundle of a statement that a key signed.
func keyBundle(hint string, statement, signature []byte) ([]byte, error) {
	type (
		publicKey struct {
			Hint string `json:"hint"`
		}
		material struct {
			PublicKey publicKey `json:"publicKey"`
		}
		sig struct {
			Sig string `json:"sig"`
		}
		dsse struct {
			Payload     string `json:"payload"`
			PayloadType string `json:"payloadType"`
			Signatures  []sig  `json:"signatures"`
		}
	)
	encode := base64.StdEncoding.EncodeToString
	return json.Marshal(struct {
		MediaType string   `json:"mediaType"`
		Material  material `json:"verificationMaterial"`
		Envelope  dsse     `json:"dsseEnvelope"`
	}{MediaTypeBundle, material{publicKey{hint}}, dsse{encode(statement), payloadStatement, []sig{{encode(signature)}}}})
}
