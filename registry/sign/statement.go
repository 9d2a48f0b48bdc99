package sign

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// Types of in-toto statements (github.com/in-toto/attestation, spec/v1). cosign
// still writes the older one for attestations.
const (
	typeStatement   = "https://in-toto.io/Statement/v1"
	typeStatementV0 = "https://in-toto.io/Statement/v0.1"
	// payloadStatement is what DSSE calls them.
	payloadStatement = "application/vnd.in-toto+json"
)

// maxSubjects bounds the subjects of an attestation.
const maxSubjects = 10_000

// NewStatement returns the JSON of an in-toto statement about a digest. A nil
// predicate is an empty object.
func NewStatement(digest, predicateType string, predicate json.RawMessage) ([]byte, error) {
	if !oci.IsDigest(digest) {
		return nil, fmt.Errorf("statement about %q: want a digest", digest)
	}
	if predicateType == "" {
		return nil, errors.New("statement without a predicate type")
	}
	if predicate == nil {
		predicate = json.RawMessage("{}")
	}
	if err := wire.Check(predicate); err != nil {
		return nil, fmt.Errorf("predicate: %w", err)
	}
	if _, err := wire.ParseObject(predicate); err != nil {
		return nil, fmt.Errorf("predicate: %w", err)
	}
	type subject struct {
		Digest map[string]string `json:"digest"`
	}
	return json.Marshal(struct {
		Type          string          `json:"_type"`
		Subject       []subject       `json:"subject"`
		PredicateType string          `json:"predicateType"`
		Predicate     json.RawMessage `json:"predicate"`
	}{typeStatement, []subject{{map[string]string{"sha256": strings.TrimPrefix(digest, "sha256:")}}}, predicateType, predicate})
}

// parseStatement reads a statement that was verified to be the signer's, and
// checks that it is about a digest.
//
// A signature has exactly one subject. An attestation may have several, as the provenance of a build
// that made several things has, exactly one of which is the digest.
func parseStatement(payload []byte, digest string) (predicateType string, predicate json.RawMessage, err error) {
	if err := wire.Check(payload); err != nil {
		return "", nil, fmt.Errorf("%w: statement: %w", ErrDamaged, err)
	}
	s, err := wire.ParseObject(payload)
	if err != nil {
		return "", nil, fmt.Errorf("%w: statement: %w", ErrDamaged, err)
	}
	if err := s.CheckNames("_type", "subject", "predicateType", "predicate"); err != nil {
		return "", nil, fmt.Errorf("%w: statement: %w", ErrDamaged, err)
	}
	form, _, err := s.GetString("_type")
	if err != nil {
		return "", nil, fmt.Errorf("%w: statement: %w", ErrDamaged, err)
	}
	predicateType, _, err = s.GetString("predicateType")
	if err != nil || predicateType == "" {
		return "", nil, fmt.Errorf("%w: a statement without a predicate type", ErrDamaged)
	}
	signature := predicateType == PredicateSignature
	if form != typeStatement && (form != typeStatementV0 || signature) {
		return "", nil, fmt.Errorf("%w: a statement of type %q, want %s", ErrVersion, form, typeStatement)
	}
	subjects, err := subjectDigests(s)
	if err != nil {
		return "", nil, err
	}
	if err := matchSubject(subjects, digest, signature); err != nil {
		return "", nil, err
	}
	predicate, _ = s.Get("predicate")
	if signature {
		predicate = nil
	}
	return predicateType, predicate, nil
}

// subjectDigests returns the subjects' SHA-256 digests, "" of one that has none.
func subjectDigests(statement wire.Object) ([]string, error) {
	raw, ok := statement.Get("subject")
	if !ok {
		return nil, fmt.Errorf("%w: a statement without subjects", ErrDamaged)
	}
	elements, err := wire.ParseArray(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: subject: %w", ErrDamaged, err)
	}
	if n := len(elements); n == 0 || n > maxSubjects {
		return nil, fmt.Errorf("%w: a statement with %d subjects, want 1 to %d", ErrDamaged, n, maxSubjects)
	}
	digests := make([]string, len(elements))
	for i, element := range elements {
		subject, err := wire.ParseObject(element)
		if err != nil {
			return nil, fmt.Errorf("%w: subject: %w", ErrDamaged, err)
		}
		set, _, err := subject.GetObject("digest")
		if err != nil {
			return nil, fmt.Errorf("%w: subject: %w", ErrDamaged, err)
		}
		sum, ok, err := set.GetString("sha256")
		if err != nil {
			return nil, fmt.Errorf("%w: subject: digest: %w", ErrDamaged, err)
		}
		if ok {
			digests[i] = "sha256:" + sum
		}
	}
	return digests, nil
}

func matchSubject(subjects []string, digest string, signature bool) error {
	if signature && len(subjects) != 1 {
		return fmt.Errorf("%w: a signature with %d subjects, want one", ErrDamaged, len(subjects))
	}
	found := 0
	for _, s := range subjects {
		if s == digest {
			found++
		}
	}
	switch {
	case found == 1:
		return nil
	case found > 1:
		return fmt.Errorf("%w: %s is a subject %d times", ErrDamaged, digest, found)
	case len(subjects) == 1:
		return fmt.Errorf("%w: %s, not %s", ErrOtherDigest, orNone(subjects[0]), digest)
	}
	return fmt.Errorf("%w: %d subjects, none of which is %s", ErrOtherDigest, len(subjects), digest)
}

func orNone(digest string) string {
	if digest == "" {
		return "no SHA-256 digest"
	}
	return digest
}
