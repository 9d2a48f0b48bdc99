package wire

import (
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// Canonical returns the one form of a JSON value that [Check] accepts: RFC 8785
// (no white space, members in ascending order of their names' UTF-16 code units,
// strings with as few escapes as can be), but that numbers stay as they are
// written, because RFC 8785 would round them to double precision.
func Canonical(b []byte) ([]byte, error) {
	if err := Check(b); err != nil {
		return nil, err
	}
	v := jsontext.Value(slices.Clone(b))
	if err := v.Canonicalize(jsontext.CanonicalizeRawInts(false), jsontext.CanonicalizeRawFloats(false)); err != nil {
		return nil, fmt.Errorf("canonical form: %s", trimPrefix(err))
	}
	return v, nil
}
