package cel

import (
	"slices"
	"strings"

	celgo "cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"

	"github.com/mcpwasm/mcpwasm/plugins"
)

// declaration is a variable of the language or a field of one. All that is known of
// it is said here once: the environments, the values, the suggestions in messages
// and [Reference] come from it.
type declaration struct {
	path string
	// typ is nil for an object, whose fields are the declarations below its path.
	typ    *celgo.Type
	phases []Phase
	doc    string
	// values are the texts that it can be, beside the empty one where empty is set; none
	// where it can be any. With open it can be others as well: these are the known ones.
	values      []string
	empty, open bool
	// upper says that it has no lower-case letters.
	upper bool
	// untrusted says that a server or a client can make the value up.
	untrusted bool
	// get returns the value; nil for an object and for what the activation makes
	// itself. It is called at most once for a decision.
	get func(*view) any
	// has says whether the value is there; nil for always.
	has func(*view) bool
	// readable returns why the value is not made; nil for always.
	readable func(*view) error
	// fallback says that what is not there can be read all the same.
	fallback bool
}

// view is an [Input] in which a server and a tool are always there.
type view struct {
	*Input
	server *Server
	tool   *Tool
}

var (
	allPhases  = Phases
	afterList  = []Phase{PhaseCall, PhaseEffect, PhaseResult}
	onEffect   = []Phase{PhaseEffect}
	onResult   = []Phase{PhaseResult}
	stringList = celgo.ListType(celgo.StringType)
	dynMap     = celgo.MapType(celgo.StringType, celgo.DynType)
)

// declarations are in the order in which people read them: an object stands before its fields.
var declarations = slices.Concat(serverDeclarations, toolDeclarations, callerDeclarations, effectDeclarations, resultDeclarations)

var serverDeclarations = []declaration{
	{path: "server", phases: allPhases, doc: "The server that is asked."},
	{path: "server.name", typ: celgo.StringType, phases: allPhases, doc: "Its name in the configuration or the lock file; of one that is started from a file, the file's without `.wasm`, which anybody can give it.",
		get: func(v *view) any { return text(v.server.Name) }},
	{path: "server.digest", typ: celgo.StringType, phases: allPhases, doc: "`sha256:…` of its module.",
		get: func(v *view) any { return text(v.server.Digest) }},
	{path: "server.signers", typ: stringList, phases: allPhases, doc: "Who vouched for its package by the trust policy; empty where it was not verified.",
		get: func(v *view) any { return texts(v.server.Signers) }},
	{path: "server.registry", typ: celgo.StringType, phases: allPhases, doc: "Where its package came from, such as `ghcr.io`; empty for what is no package.",
		get: func(v *view) any { return text(v.server.Registry) }},
	{path: "server.repository", typ: celgo.StringType, phases: allPhases, doc: "Its package, such as `ghcr.io/someone/server`; empty for what is no package.",
		get: func(v *view) any { return text(v.server.Repository) }},
	{path: "server.backend", typ: celgo.StringType, phases: allPhases, doc: "What runs it.", values: []string{"wasm"},
		get: func(v *view) any { return text(v.server.Backend) }},
	{path: "server.grants", phases: allPhases, doc: "What the operator granted it."},
	{path: "server.grants.http", typ: stringList, phases: allPhases, doc: "Where it may send HTTP requests, as in the configuration.",
		get: func(v *view) any { return texts(v.server.Grants.HTTP) }},
	{path: "server.grants.mounts", typ: stringList, phases: allPhases, doc: "Its mounts, as in the configuration.",
		get: func(v *view) any { return texts(v.server.Grants.Mounts) }},
	{path: "server.grants.kv", typ: celgo.StringType, phases: allPhases, doc: "Key-value data; empty for none.", values: []string{"ro", "rw"}, empty: true,
		get: func(v *view) any { return text(v.server.Grants.KV) }},
	{path: "server.grants.secrets", typ: stringList, phases: allPhases, doc: "The names of its secrets.",
		get: func(v *view) any { return texts(v.server.Grants.Secrets) }},
}

var toolDeclarations = []declaration{
	{path: "tool", phases: allPhases, doc: "The tool that is listed or called; its fields are empty where it is no tool."},
	{path: "tool.name", typ: celgo.StringType, phases: allPhases, doc: "Its name, the server's own; empty where it is no tool.",
		get: func(v *view) any { return text(v.tool.Name) }},
	{path: "tool.hash", typ: celgo.StringType, phases: allPhases, doc: "`sha256:…` of its whole definition, as in the lock file.",
		get: func(v *view) any { return text(v.tool.Hash) }},
	{path: "tool.hints", phases: allPhases, untrusted: true, doc: "What the server says of the tool itself."},
	hint("readOnly", false, "It changes nothing.", func(h *Hints) *bool { return h.ReadOnly }),
	hint("destructive", true, "It may destroy something.", func(h *Hints) *bool { return h.Destructive }),
	hint("idempotent", false, "Calling it again changes nothing more.", func(h *Hints) *bool { return h.Idempotent }),
	hint("openWorld", true, "It deals with the world outside.", func(h *Hints) *bool { return h.OpenWorld }),
	{path: "tool.tags", typ: stringList, phases: allPhases, doc: "The operator's tags, from the configuration.",
		get: func(v *view) any { return texts(v.tool.Tags) }},
	{path: "prompt", typ: celgo.StringType, phases: allPhases, doc: "The name of the prompt; empty where it is no prompt.",
		get: func(v *view) any { return text(v.Prompt) }},
	{path: "resource", typ: celgo.StringType, phases: allPhases, doc: "The URI of the resource, or the URI template of a template; empty where it is neither.",
		get: func(v *view) any { return text(v.Resource) }},
	{path: "labels", typ: stringList, phases: allPhases, doc: "The labels of what is decided on, `key:value` each: from the configuration and from rules with `labels`, in an effect also those of the grant. Rules with `labels` cannot read them."},
	{path: "args", typ: dynMap, phases: afterList, doc: "The arguments of the tool or the prompt. Typed by the tool's input schema where the rule names the server and the tool; otherwise everything is dynamic. Numbers are never rounded: one that does not fit is an error."},
}

// hint declares one of a tool's annotations, with the value that the specification
// gives it where the server says nothing.
func hint(name string, otherwise bool, doc string, get func(*Hints) *bool) declaration {
	says := "; `false` where the server does not say"
	if otherwise {
		says = "; `true` where the server does not say"
	}
	return declaration{
		path: "tool.hints." + name, typ: celgo.BoolType, phases: allPhases, untrusted: true, fallback: true,
		doc: strings.TrimSuffix(doc, ".") + says + ".",
		has: func(v *view) bool { return get(&v.tool.Hints) != nil },
		get: func(v *view) any {
			if b := get(&v.tool.Hints); b != nil {
				return types.Bool(*b)
			}
			return types.Bool(otherwise)
		},
	}
}

// requestMethods are those of the protocol that reach a server. The host answers the others
// itself.
var requestMethods = []string{plugins.MethodCallTool, plugins.MethodGetPrompt, plugins.MethodReadResource, plugins.MethodComplete}

var callerDeclarations = []declaration{
	{path: "principal", phases: allPhases, doc: "Who asks."},
	{path: "principal.subject", typ: celgo.StringType, phases: allPhases, doc: "The authenticated caller; empty where nobody authenticates.",
		get: func(v *view) any { return text(v.Principal.Subject) }},
	{path: "principal.claims", typ: dynMap, phases: allPhases, doc: "The claims of the authentication. Reading one that is not there is an error: ask `has(principal.claims.NAME)` first."},
	{path: "principal.client", phases: afterList, untrusted: true, doc: "What the client calls itself."},
	{path: "principal.client.name", typ: celgo.StringType, phases: afterList, untrusted: true, doc: "Its name.",
		get: func(v *view) any { return text(v.Principal.Client.Name) }},
	{path: "principal.client.version", typ: celgo.StringType, phases: afterList, untrusted: true, doc: "Its version.",
		get: func(v *view) any { return text(v.Principal.Client.Version) }},
	{path: "request", phases: afterList, doc: "The client's request."},
	{path: "request.id", typ: celgo.StringType, phases: afterList, doc: "Its id as text, the client's choice; empty for calls from Go.",
		get: func(v *view) any { return text(v.Request.ID) }},
	{path: "request.method", typ: celgo.StringType, phases: afterList, doc: "Its method; a server alone also gets those of extensions.", values: requestMethods, empty: true, open: true,
		get: func(v *view) any { return text(v.Request.Method) }},
	{path: "request.revision", typ: celgo.StringType, phases: afterList, doc: "The protocol revision that the client speaks, such as `2026-07-28`.",
		get: func(v *view) any { return text(v.Request.Revision) }},
	{path: "request.time", typ: celgo.TimestampType, phases: afterList, doc: "When it came, by the host's clock.",
		has: func(v *view) bool { return !v.Request.Time.IsZero() },
		get: func(v *view) any { return types.Timestamp{Time: v.Request.Time} }},
	{path: "request.transport", typ: celgo.StringType, phases: afterList, doc: "How it came; `go` is a call from Go.", values: []string{"stdio", "http", "go"}, empty: true,
		get: func(v *view) any { return text(v.Request.Transport) }},
	{path: "session", phases: afterList, doc: "What happened before."},
	{path: "session.calls", typ: celgo.IntType, phases: afterList, doc: "How many requests reached a guest before this one.",
		get: func(v *view) any { return types.Int(v.Session.Calls) }},
	{path: "session.labels", typ: stringList, phases: afterList, doc: "The labels of all results and effects so far, `key:value` each.",
		get: func(v *view) any { return texts(v.Session.Labels) }},
}

var effectDeclarations = []declaration{
	{path: "effect", phases: onEffect, doc: "What the server asks its host for.",
		has: func(v *view) bool { return v.Effect != nil }},
	{path: "effect.kind", typ: celgo.StringType, phases: onEffect, doc: "What it is; the part of that name is there. A secret that is put into a request has `effect.http` as well.", values: []string{EffectHTTP, EffectFile, EffectKV, EffectSecret},
		get: func(v *view) any { return text(v.Effect.Kind) }},
	{path: "effect.http", phases: onEffect, doc: "An HTTP request; each hop of a redirect is one.",
		has: func(v *view) bool { return v.Effect.HTTP != nil }},
	{path: "effect.http.method", typ: celgo.StringType, phases: onEffect, doc: "Its method in upper case.", upper: true,
		get: func(v *view) any { return text(v.Effect.HTTP.Method) }},
	{path: "effect.http.scheme", typ: celgo.StringType, phases: onEffect, doc: "The scheme of its URL.", values: []string{"https", "http"},
		get: func(v *view) any { return text(v.Effect.HTTP.Scheme) }},
	{path: "effect.http.host", typ: celgo.StringType, phases: onEffect, doc: "A name in lower-case ASCII, or an address.",
		get: func(v *view) any { return text(v.Effect.HTTP.Host) }},
	{path: "effect.http.port", typ: celgo.IntType, phases: onEffect, doc: "The port, never 0.",
		get: func(v *view) any { return types.Int(v.Effect.HTTP.Port) }},
	{path: "effect.http.path", typ: celgo.StringType, phases: onEffect, doc: "The path in its normal form as it is sent, without query.",
		get: func(v *view) any { return text(v.Effect.HTTP.Path) }},
	{path: "effect.http.query", typ: celgo.StringType, phases: onEffect, doc: "The query as it is sent, escaped and without the question mark; empty for none. Of a secret it has the handle, not the value.",
		get: func(v *view) any { return text(v.Effect.HTTP.Query) }},
	{path: "effect.file", phases: onEffect, doc: "A use of a mount.",
		has: func(v *view) bool { return v.Effect.File != nil }},
	{path: "effect.file.path", typ: celgo.StringType, phases: onEffect, doc: "The server's own path, absolute and clean; links are not resolved.",
		get: func(v *view) any { return text(v.Effect.File.Path) }},
	{path: "effect.file.access", typ: celgo.StringType, phases: onEffect, doc: "What is done: to list or look is `read`; to make, move or delete is `write`.", values: []string{AccessRead, AccessWrite},
		get: func(v *view) any { return text(v.Effect.File.Access) }},
	{path: "effect.kv", phases: onEffect, doc: "A use of key-value data.",
		has: func(v *view) bool { return v.Effect.KV != nil }},
	{path: "effect.kv.key", typ: celgo.StringType, phases: onEffect, doc: "The key; with `list` a prefix.",
		get: func(v *view) any { return text(v.Effect.KV.Key) }},
	{path: "effect.kv.access", typ: celgo.StringType, phases: onEffect, doc: "What is done; to delete is `write`.", values: []string{AccessRead, AccessWrite, AccessList},
		get: func(v *view) any { return text(v.Effect.KV.Access) }},
	{path: "effect.secret", phases: onEffect, doc: "A use of a secret.",
		has: func(v *view) bool { return v.Effect.Secret != nil }},
	{path: "effect.secret.name", typ: celgo.StringType, phases: onEffect, doc: "Its name in the grant.",
		get: func(v *view) any { return text(v.Effect.Secret.Name) }},
}

var resultDeclarations = []declaration{
	{path: "result", phases: onResult, untrusted: true, doc: "What the server says.",
		has: func(v *view) bool { return v.Result != nil }},
	{path: "result.kind", typ: celgo.StringType, phases: onResult, untrusted: true, doc: "What it is; `error` is one of the protocol, and `input` something that it asks the client.", values: []string{ResultAnswer, ResultError, ResultNotification, ResultInput},
		get: func(v *view) any { return text(v.Result.Kind) }},
	{path: "result.size", typ: celgo.IntType, phases: onResult, untrusted: true, doc: "Bytes of JSON.",
		get: func(v *view) any { return types.Int(v.Result.Size) }},
	{path: "result.isError", typ: celgo.BoolType, phases: onResult, untrusted: true, doc: "The tool says that it went wrong.",
		get: func(v *view) any { return types.Bool(v.Result.IsError) }},
	{path: "result.types", typ: stringList, phases: onResult, untrusted: true, doc: "The types of its content, such as `text` and `image`, each once.",
		readable: func(v *view) error { return v.Result.readable("result.types") },
		get:      func(v *view) any { return texts(v.Result.types()) }},
	{path: "result.text", typ: celgo.StringType, phases: onResult, untrusted: true, doc: "Every string in it, a line each.",
		readable: func(v *view) error { return v.Result.readable("result.text") },
		get:      func(v *view) any { return text(v.Result.text()) }},
}

func text(s string) any    { return types.String(s) }
func texts(s []string) any { return types.NewStringList(adapter, s) }

// declared finds a declaration by its path.
var declared = func() map[string]int {
	m := make(map[string]int, len(declarations))
	for i, d := range declarations {
		m[d.path] = i
	}
	return m
}()

// variables are the places of the variables in the declarations. They are few, and
// looking through them is faster than a map.
var variables = func() []int {
	var places []int
	for i := range declarations {
		if of, _ := declarations[i].split(); of == "" {
			places = append(places, i)
		}
	}
	return places
}()

// in reports whether the declaration is known in a phase.
func (d *declaration) in(phase Phase) bool { return slices.Contains(d.phases, phase) }

// split separates a declaration's name from the object that it is a field of, "" for a
// variable.
func (d *declaration) split() (object, name string) {
	if i := strings.LastIndexByte(d.path, '.'); i >= 0 {
		return d.path[:i], d.path[i+1:]
	}
	return "", d.path
}

// fieldsOf are the names below an object in a phase, those of the variables with "". An
// empty phase is any.
func fieldsOf(object string, phase Phase) []string {
	var names []string
	for i := range declarations {
		d := &declarations[i]
		if of, name := d.split(); of == object && (phase == "" || d.in(phase)) {
			names = append(names, name)
		}
	}
	return names
}
