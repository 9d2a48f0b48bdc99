package sign

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/mcpwasm/mcpwasm/internal/wire"
)

// envelopeDSSE is a DSSE envelope (github.com/secure-systems-lab/dsse, envelope.md)
// with its one signature.
type envelopeDSSE struct {
	payloadType string
	payload     []byte
	signature   []byte
}

// preAuthEncoding is what the signature of an envelope covers: DSSE's PAE.
func preAuthEncoding(payloadType string, payload []byte) []byte {
	pae := make([]byte, 0, len(payloadType)+len(payload)+64)
	pae = append(pae, "DSSEv1 "...)
	pae = strconv.AppendInt(pae, int64(len(payloadType)), 10)
	pae = append(pae, ' ')
	pae = append(pae, payloadType...)
	pae = append(pae, ' ')
	pae = strconv.AppendInt(pae, int64(len(payload)), 10)
	pae = append(pae, ' ')
	return append(pae, payload...)
}

// parseDSSE reads an envelope that holds a statement and one signature.
func parseDSSE(o wire.Object) (envelopeDSSE, error) {
	if err := onlyMembers(o, "payload", "payloadType", "signatures"); err != nil {
		return envelopeDSSE{}, err
	}
	var e envelopeDSSE
	var err error
	if e.payloadType, _, err = o.GetString("payloadType"); err != nil {
		return envelopeDSSE{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if e.payloadType != payloadStatement {
		return envelopeDSSE{}, fmt.Errorf("%w: a payload of type %q, want %s", ErrVersion, e.payloadType, payloadStatement)
	}
	if e.payload, err = base64Member(o, "payload"); err != nil {
		return envelopeDSSE{}, err
	}
	raw, _ := o.Get("signatures")
	if wire.IsNull(raw) {
		return envelopeDSSE{}, fmt.Errorf("%w: an envelope without signatures", ErrDamaged)
	}
	signatures, err := wire.ParseArray(raw)
	if err != nil {
		return envelopeDSSE{}, fmt.Errorf("%w: signatures: %w", ErrDamaged, err)
	}
	if len(signatures) != 1 {
		return envelopeDSSE{}, fmt.Errorf("%w: an envelope with %d signatures, want one", ErrDamaged, len(signatures))
	}
	signature, err := wire.ParseObject(signatures[0])
	if err != nil {
		return envelopeDSSE{}, fmt.Errorf("%w: signatures: %w", ErrDamaged, err)
	}
	if err := onlyMembers(signature, "sig", "keyid"); err != nil {
		return envelopeDSSE{}, err
	}
	e.signature, err = base64Member(signature, "sig")
	return e, err
}

// maxTokens bounds the names and values of an envelope and of what stands beside
// it; most have some fifty. A statement is text in it.
const maxTokens = 10_000

// checked parses JSON whose member names are unique and which has nothing behind
// it.
func checked(content []byte) (wire.Object, error) { return checkedAtMost(content, maxTokens) }

func checkedAtMost(content []byte, tokens int) (wire.Object, error) {
	if err := wire.CheckAtMost(content, tokens); err != nil {
		return wire.Object{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	o, err := wire.ParseObject(content)
	if err != nil {
		return wire.Object{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return o, nil
}

// onlyMembers refuses what a bundle of a known version does not have: other
// readers could take it for something.
func onlyMembers(o wire.Object, known ...string) error {
	for _, m := range o.Members() {
		if !slices.Contains(known, m.Name) {
			return fmt.Errorf("%w: unknown member %q", ErrDamaged, m.Name)
		}
	}
	return nil
}

// base64Member returns a member that must be there, be base64 and not be empty.
func base64Member(o wire.Object, name string) ([]byte, error) {
	text, _, err := o.GetString(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	b, err := decodeBase64(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, name, err)
	}
	return b, nil
}

// decodeBase64 reads standard base64 with its padding. There is one spelling of
// every value: no line ends, no stray bits.
func decodeBase64(text string) ([]byte, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, errors.New("not standard base64")
	}
	if base64.StdEncoding.EncodedLen(len(b)) != len(text) {
		return nil, errors.New("base64 with line ends in it")
	}
	if len(b) == 0 {
		return nil, errors.New("empty")
	}
	return b, nil
}
