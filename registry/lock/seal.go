package lock

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// ErrIntegrity is wrapped by the error of an entry that is not as it was written.
var ErrIntegrity = errors.New("the entry was changed since it was approved")

// Seal returns the entry with the hash over itself: "sha256:" and the hexadecimal
// SHA-256 of its canonical JSON (RFC 8785), without integrity and with its name as
// the member "name".
func Seal(name string, e Entry) (Entry, error) {
	sum, err := integrity(name, e)
	if err != nil {
		return Entry{}, err
	}
	e.Integrity = sum
	return e, nil
}

func integrity(name string, e Entry) (string, error) {
	e.Integrity = ""
	raw, err := json.Marshal(struct {
		Name string `json:"name"`
		Entry
		Integrity string `json:"integrity,omitempty"` // hides the entry's
	}{name, e, ""})
	if err != nil {
		return "", fmt.Errorf("hash the entry %q: %w", name, err)
	}
	return hash(raw)
}

// hash returns the digest of a JSON value's canonical form (RFC 8785). Numbers are
// IEEE 754 doubles there: two integers beyond 2^53 may have the same one. What
// runs does not depend on that, since the bytes have a digest as well.
func hash(raw json.RawMessage) (string, error) {
	v := jsontext.Value(raw).Clone()
	if err := v.Canonicalize(); err != nil {
		return "", fmt.Errorf("canonical JSON: %w", err)
	}
	return oci.DigestOf(v), nil
}
