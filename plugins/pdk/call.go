package pdk

import (
	"context"
	"encoding/json"
)

// call is what one message says about itself, for the functions that take a
// context.
type call struct {
	method string
	params json.RawMessage
	meta   meta
	// inputs are the answers to what earlier rounds asked for, state what the
	// handler gave with its question.
	inputs map[string]json.RawMessage
	state  string
	// kept are the inputs of rounds before the last, which the client does not
	// send again; they travel in the state.
	kept map[string]json.RawMessage
}

// meta is the part of a request's _meta that the PDK reads.
type meta struct {
	ProgressToken json.RawMessage    `json:"progressToken"`
	LogLevel      Level              `json:"io.modelcontextprotocol/logLevel"`
	Capabilities  clientCapabilities `json:"io.modelcontextprotocol/clientCapabilities"`
	ClientInfo    json.RawMessage    `json:"io.modelcontextprotocol/clientInfo"`
}

// clientCapabilities is MCP's ClientCapabilities as far as input requests need
// it; a nil member was not declared.
type clientCapabilities struct {
	Elicitation *struct {
		Form json.RawMessage `json:"form"`
		URL  json.RawMessage `json:"url"`
	} `json:"elicitation"`
	Sampling *struct {
		Tools   json.RawMessage `json:"tools"`
		Context json.RawMessage `json:"context"`
	} `json:"sampling"`
	Roots *struct{} `json:"roots"`
}

type callKey struct{}

var noCall call

// callOf returns the message that ctx belongs to, an empty one for a context
// that belongs to none.
func callOf(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &noCall
}

// Params returns the parameters of the request as they came, with "_meta". They
// must not be changed.
func Params(ctx context.Context) json.RawMessage { return callOf(ctx).params }

// ClientInfo returns the name and version that the client gives itself, or ""
// for a client that does not say. It is nothing to base a decision on.
func ClientInfo(ctx context.Context) (name, version string) {
	var v struct{ Name, Version string }
	if raw := callOf(ctx).meta.ClientInfo; len(raw) > 0 && json.Unmarshal(raw, &v) != nil {
		return "", ""
	}
	return v.Name, v.Version
}
