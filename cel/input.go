package cel

import (
	"encoding/json"
	"fmt"
	"time"
)

// Phase is when a decision is made.
type Phase string

// The phases, in the order in which one call meets them.
const (
	// PhaseList decides whether a definition is shown in a list. Lists must not
	// differ from one connection to the next (MCP 2026-07-28, server/tools), so
	// neither a session nor a request can be referred to.
	PhaseList Phase = "list"
	// PhaseCall decides on a message before its guest sees it.
	PhaseCall Phase = "call"
	// PhaseEffect decides on what a guest asks its host for while it works.
	PhaseEffect Phase = "effect"
	// PhaseResult decides on what a guest says, before the client sees it.
	PhaseResult Phase = "result"
)

// Phases are all phases in order.
var Phases = []Phase{PhaseList, PhaseCall, PhaseEffect, PhaseResult}

// Input is what a decision is made about: the variables of the expressions, of
// which each phase has its own ([Reference]). It is not changed by a decision, and
// Server and Tool can be shared by many. The JSON form is that of cases and of
// policy explain.
type Input struct {
	Server *Server `json:"server,omitempty"`
	// Tool is nil where no tool is called; its fields are then empty.
	Tool *Tool `json:"tool,omitempty"`
	// Prompt is the name of a prompt, Resource the URI of a resource or the URI
	// template of a template, in the server's own names; "" where it is another's.
	Prompt   string `json:"prompt,omitempty"`
	Resource string `json:"resource,omitempty"`
	// Labels are those of what is decided on, "key:value" each: the tool's, the
	// prompt's, the resource's; in an effect the grant's as well.
	Labels []string `json:"labels,omitempty"`
	// Args are a tool's or a prompt's arguments as they are forwarded: a JSON
	// object that passed internal/wire.Check, or nothing.
	Args      json.RawMessage `json:"args,omitempty"`
	Principal Principal       `json:"principal,omitzero"`
	Request   Request         `json:"request,omitzero"`
	Session   Session         `json:"session,omitzero"`
	// Effect and Result are there in their phases only.
	Effect *Effect `json:"effect,omitempty"`
	Result *Result `json:"result,omitempty"`
}

// Server is the server that is asked.
type Server struct {
	Name   string `json:"name"`
	Digest string `json:"digest,omitempty"` // "sha256:…" of the module
	// Signers are who vouched for its package by the trust policy, empty where it
	// was not verified.
	Signers []string `json:"signers,omitempty"`
	// Registry and Repository say where the package came from: "ghcr.io" and
	// "ghcr.io/someone/server"; "" for what is no package.
	Registry   string `json:"registry,omitempty"`
	Repository string `json:"repository,omitempty"`
	Backend    string `json:"backend,omitempty"` // "wasm"
	Grants     Grants `json:"grants,omitzero"`
}

// Grants are what the operator granted a server, each in the form in which people
// write it (package plugins).
type Grants struct {
	HTTP    []string `json:"http,omitempty"`
	Mounts  []string `json:"mounts,omitempty"`
	KV      string   `json:"kv,omitempty"`      // "", "ro" or "rw"
	Secrets []string `json:"secrets,omitempty"` // names
}

// Tool is the tool that is called or listed.
type Tool struct {
	Name string `json:"name"` // the server's own
	// Hash is "sha256:…" of its whole definition in canonical form (RFC 8785), as in
	// the lock file.
	Hash string `json:"hash,omitempty"`
	// Hints are what the server says of the tool itself: untrusted.
	Hints Hints `json:"hints,omitzero"`
	// Tags are the operator's, from the configuration.
	Tags []string `json:"tags,omitempty"`
	// InputSchema types the arguments; it is no variable.
	InputSchema json.RawMessage `json:"inputSchema,omitempty"`
}

// Hints are a tool's annotations (MCP 2026-07-28, schema, ToolAnnotations); nil
// where the server gives none, for which the specification's default is read.
type Hints struct {
	ReadOnly    *bool `json:"readOnly,omitempty"`    // default false
	Destructive *bool `json:"destructive,omitempty"` // default true
	Idempotent  *bool `json:"idempotent,omitempty"`  // default false
	OpenWorld   *bool `json:"openWorld,omitempty"`   // default true
}

// Principal is who asks.
type Principal struct {
	// Subject is the authenticated caller, "" where nobody authenticates: on
	// stdio, and over HTTP without Principal in the host's configuration.
	Subject string         `json:"subject,omitempty"`
	Claims  map[string]any `json:"claims,omitempty"` // of the authentication; values as of JSON
	// Client is what the client calls itself: untrusted.
	Client Client `json:"client,omitzero"`
}

// Client is an MCP Implementation, as far as policies see it.
type Client struct {
	Name    string `json:"name,omitempty"`
	Version string `json:"version,omitempty"`
}

// Request is the client's request.
type Request struct {
	ID     string `json:"id,omitempty"` // as text, "" for calls from Go
	Method string `json:"method,omitempty"`
	// Revision is the protocol revision that the client speaks.
	Revision  string    `json:"revision,omitempty"`
	Time      time.Time `json:"time,omitzero"`       // of the host's clock
	Transport string    `json:"transport,omitempty"` // "stdio", "http", or "go" for calls from Go
}

// Session is what happened before.
type Session struct {
	// Calls counts the requests that reached a guest before this one.
	Calls int64 `json:"calls,omitempty"`
	// Labels are those of all results and effects so far, "key:value" each.
	Labels []string `json:"labels,omitempty"`
}

// Kinds of effects.
const (
	EffectHTTP   = "http"
	EffectFile   = "file"
	EffectKV     = "kv"
	EffectSecret = "secret"
)

// Effect is what a guest asks its host for. The part that Kind names is there; a
// secret that is put into a request has HTTP as well.
type Effect struct {
	Kind   string  `json:"kind"`
	HTTP   *HTTP   `json:"http,omitempty"`
	File   *File   `json:"file,omitempty"`
	KV     *KV     `json:"kv,omitempty"`
	Secret *Secret `json:"secret,omitempty"`
}

// HTTP is an HTTP request; each hop of a redirect is one.
type HTTP struct {
	Method string `json:"method"` // upper case
	Scheme string `json:"scheme"` // "https" or "http"
	Host   string `json:"host"`   // lower-case ASCII name, or an address as netip.Addr writes it
	Port   int    `json:"port"`   // never 0
	Path   string `json:"path"`   // normal, as it is sent, without query
	// Query is as it is sent, escaped and without "?", "" for none. Of a secret it has
	// the handle, not the value.
	Query string `json:"query,omitempty"`
}

// Access of files and keys.
const (
	AccessRead  = "read"
	AccessWrite = "write"
	AccessList  = "list" // keys only
)

// File is a use of a mount.
type File struct {
	Path   string `json:"path"`   // the guest's, absolute and clean; links are not resolved
	Access string `json:"access"` // "read" or "write"
}

// KV is a use of key-value data.
type KV struct {
	Key    string `json:"key"`    // with "list" a prefix
	Access string `json:"access"` // "read", "write" or "list"
}

// Secret is a use of a secret, by the name in its grant.
type Secret struct {
	Name string `json:"name"`
}

// Kinds of [Result].
const (
	ResultAnswer       = "answer"       // a result, that of a tool with isError included
	ResultError        = "error"        // an error of the protocol
	ResultNotification = "notification" // progress or a log message
	ResultInput        = "input"        // something that the guest asks the client
)

// Result is what a guest says. All of it is the guest's own word: untrusted.
type Result struct {
	Kind    string   `json:"kind"`
	Size    int64    `json:"size"` // bytes of JSON
	IsError bool     `json:"isError,omitempty"`
	Types   []string `json:"types,omitempty"` // of the content, such as "text" and "image", each once
	// Text is every string in it, a line each, in their order.
	Text string `json:"text,omitempty"`
	// Content, where it is not nil, says Types and Text, which are then not looked at:
	// a rule that refers to neither costs nothing for them. It gives the same each
	// time that it is called, by any number of goroutines.
	Content func() (types []string, text string) `json:"-"`
}

// maxContent is how large a result may be for [Result.Content] to be asked, in bytes of JSON:
// taking its texts out of it takes some 3 ns for each.
const maxContent = 512 << 10

// readable returns an error for what is too large to be taken out of the result.
func (r *Result) readable(what string) error {
	if r.Content != nil && r.Size > maxContent {
		return fmt.Errorf("%s: the result is too large to be read: %d bytes, at most %d; ask for result.size first", what, r.Size, maxContent)
	}
	return nil
}

func (r *Result) types() []string {
	if r.Content == nil {
		return r.Types
	}
	types, _ := r.Content()
	return types
}

func (r *Result) text() string {
	if r.Content == nil {
		return r.Text
	}
	_, text := r.Content()
	return text
}
