package lock

import (
	"context"
	"errors"
	"fmt"

	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/sign"
)

// PredicateType is the one of the statement that signs a lock file. It is none of a
// package's, so that a signature over a package is never taken for one over a
// lock file, or the other way round.
const PredicateType = "https://github.com/mcpwasm/mcpwasm/lock/v1"

// MaxSignatureBytes bounds the file with a lock file's signature.
const MaxSignatureBytes = 1 << 20

// ErrUnsigned is wrapped by the error of a lock file that has to be signed and is
// not: there is no signature, or it is another's or over another content.
var ErrUnsigned = errors.New("the lock file is not signed as it has to be")

// Sign returns a sigstore bundle over a lock file's bytes: an in-toto statement
// about their SHA-256, of the type [PredicateType].
func Sign(ctx context.Context, data []byte, s sign.Signer) ([]byte, error) {
	if _, err := Parse(data); err != nil {
		return nil, err
	}
	statement, err := sign.NewStatement(oci.DigestOf(data), PredicateType, nil)
	if err != nil {
		return nil, fmt.Errorf("sign lock file: %w", err)
	}
	bundle, err := s.Sign(ctx, statement)
	if err != nil {
		return nil, fmt.Errorf("sign lock file: %w", err)
	}
	return bundle, nil
}

// Verify checks that one of the signers signed these bytes of a lock file, and
// returns who did. No bundle, or no signers, is an error that wraps [ErrUnsigned] like
// all others.
func Verify(data, bundle []byte, signers []sign.Verifier) (sign.Statement, error) {
	if len(bundle) == 0 {
		return sign.Statement{}, fmt.Errorf("%w: there is no signature", ErrUnsigned)
	}
	if len(bundle) > MaxSignatureBytes {
		return sign.Statement{}, fmt.Errorf("%w: the signature has more than %d bytes", ErrUnsigned, MaxSignatureBytes)
	}
	envelope := sign.NewEnvelope(oci.DigestOf(data), bundle)
	errs := []error{ErrUnsigned}
	for _, v := range signers {
		s, err := sign.VerifyStatement(v, envelope, PredicateType)
		if err == nil {
			return s, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", v, err))
	}
	return sign.Statement{}, joined(errs)
}

// joined is errors.Join in one line.
func joined(errs []error) error {
	if len(errs) == 1 {
		return errs[0]
	}
	err := errs[0]
	for _, e := range errs[1:] {
		err = fmt.Errorf("%w: %w", err, e)
	}
	return err
}
