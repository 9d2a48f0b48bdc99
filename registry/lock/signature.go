package lock

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// PredicateType is the one of the statement that signs a lock file. It is none of a
// package's, so that a signature over a package is never taken for one over a
// lock file, or the other way round.
const PredicateType = "https://github.com/mcpwasm/mcpwasm/lock/v1"

// ErrUnsigned is wrapped by the error of a lock file that has to be signed and is
// not: there is no signature, or it is another's or over another content.
var ErrUnsigned = errors.New("the lock file is not signed as it has to be")

// Statement returns the in-toto statement (in-toto.io/Statement/v1) over a lock
// file's bytes, for a signer to sign.
func Statement(data []byte) ([]byte, error) {
	type subject struct {
		Name   string            `json:"name"`
		Digest map[string]string `json:"digest"`
	}
	statement, err := json.Marshal(struct {
		Type          string    `json:"_type"`
		Subject       []subject `json:"subject"`
		PredicateType string    `json:"predicateType"`
		Predicate     struct{}  `json:"predicate"`
	}{
		Type:          "https://in-toto.io/Statement/v1",
		Subject:       []subject{{FileName, map[string]string{"sha256": oci.DigestOf(data)[len("sha256:"):]}}},
		PredicateType: PredicateType,
	})
	if err != nil {
		return nil, fmt.Errorf("sign lock file: %w", err)
	}
	return statement, nil
}
