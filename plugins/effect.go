package plugins

import "encoding/json"

// Methods of the requests that a guest may make to its host while it works on a
// message (docs/guest-contract.md, "Effects").
const (
	EffectHTTP         = "http/request"
	EffectKVGet        = "kv/get"
	EffectKVSet        = "kv/set"
	EffectKVDelete     = "kv/delete"
	EffectKVList       = "kv/list"
	EffectSecretHandle = "secret/handle"
)

// EffectRequest is what a guest asks its host for.
type EffectRequest struct {
	Method string          `json:"method"`
	Params json.RawMessage `json:"params,omitempty"` // a JSON object
	// Body says that bytes follow, up to the end that the guest gives.
	Body bool `json:"body,omitempty"`
}

// EffectReply is the first line of the host's reply: one of the two.
type EffectReply struct {
	Result json.RawMessage `json:"result,omitempty"` // a JSON object
	Error  *EffectError    `json:"error,omitempty"`
}

// Kinds of an [EffectError].
const (
	// EffectDenied: no grant covers it, or a rule forbids it.
	EffectDenied = "denied"
	// EffectInvalid: the request makes no sense.
	EffectInvalid = "invalid"
	// EffectNotFound: there is no such thing.
	EffectNotFound = "notFound"
	// EffectConflict: it has another version than was said.
	EffectConflict = "conflict"
	// EffectLimit: it is larger, longer or more than is allowed.
	EffectLimit = "limit"
	// EffectTimeout: it took too long.
	EffectTimeout = "timeout"
	// EffectUnreachable: the other side could not be reached or broke off.
	EffectUnreachable = "unreachable"
	// EffectFailed: the host could not do it; the operator's log says more.
	EffectFailed = "failed"
)

// EffectError is why a request of a guest was not performed.
type EffectError struct {
	Kind string `json:"kind"`
	// Message is one line for a person.
	Message string `json:"message"`
	// Grant is what an operator would have to give for a denial to be none, as
	// it is written on the command line: "--allow-http example.com".
	Grant string `json:"grant,omitempty"`
}

// Error implements the error interface.
func (e *EffectError) Error() string { return e.Message }
