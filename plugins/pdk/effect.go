package pdk

import (
	"context"
	"encoding/json"
	"io"

	"github.com/mcpwasm/mcpwasm/plugins/pdk/effect"
)

// EffectError is why the host did not do what it was asked for. Its kinds are for
// errors.Is:
//
//	if errors.Is(err, pdk.ErrDenied) { … }
type EffectError = effect.Error

// The kinds of an [EffectError].
const (
	ErrDenied      = effect.ErrDenied      // no grant covers it, or a policy forbids it
	ErrInvalid     = effect.ErrInvalid     // the request makes no sense
	ErrNotFound    = effect.ErrNotFound    // there is no such thing
	ErrConflict    = effect.ErrConflict    // it has another version than was said
	ErrLimit       = effect.ErrLimit       // it is larger, longer or more than is allowed
	ErrTimeout     = effect.ErrTimeout     // it took too long
	ErrUnreachable = effect.ErrUnreachable // the other side could not be reached
	ErrFailed      = effect.ErrFailed      // the host could not do it
)

// Effect asks the host for something (docs/guest-contract.md, "Effects"); params
// encodes as a JSON object or is nil, body follows the request unless it is nil.
// The caller closes reply, the bytes behind the result. It is [effect.Do], which
// says the rest. The packages kv and hosthttp are easier to use.
func Effect(ctx context.Context, method string, params any, body io.Reader) (result json.RawMessage, reply io.ReadCloser, err error) {
	return effect.Do(ctx, method, params, body)
}

// Secret returns a handle, letters, digits and "_", that stands for a secret of
// the operator's. The host puts the value in its place where the handle stands
// in a header, the query or the body of an HTTP request to a host that the
// secret was granted for; the guest never sees the value. Ask for it in every
// message and do not keep it: handles differ from process to process.
func Secret(ctx context.Context, name string) (handle string, err error) {
	result, reply, err := effect.Do(ctx, "secret/handle", map[string]string{"name": name}, nil)
	if err != nil {
		return "", err
	}
	defer func() { _ = reply.Close() }()
	var r struct {
		Handle string `json:"handle"`
	}
	if err := json.Unmarshal(result, &r); err != nil || r.Handle == "" {
		return "", &EffectError{Kind: ErrFailed, Message: "the host's reply to secret/handle has no handle"}
	}
	return r.Handle, nil
}
