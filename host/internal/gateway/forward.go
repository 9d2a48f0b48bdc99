package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mcpwasm/mcpwasm/host/internal/gate"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
)

// target is the server that a message is for, and the message in that server's
// own names. The server must be released.
type target struct {
	server  *Server
	defs    *definitionSet
	params  wire.Object
	own     string // the server's own name for what the message names
	subject gate.Subject
	tool    plugins.Definition // where the message calls one
}

// forward has a guest answer a message, as far as the policy lets it.
func (g *Gateway) forward(ctx context.Context, r Request) (wire.Object, error) {
	if err := r.Params.CheckNames("_meta", "name", "arguments", "uri", "ref", "argument", "context", "inputResponses", "requestState"); err != nil {
		return wire.Object{}, invalidParams("%v", err)
	}
	t, err := g.target(ctx, r)
	if err != nil {
		return wire.Object{}, err
	}
	defer t.server.release()
	result, err := g.decided(ctx, r, t)
	if stop, ok := errors.AsType[*gate.Stop](err); ok {
		if stop.Err != nil {
			return wire.Object{}, stop.Err
		}
		return setServerInfo(stop.Result, t.defs.own.ServerInfo), nil
	}
	return result, err
}

// decided asks the policy, then the guest, then the policy again. An error can be a
// *gate.Stop.
func (g *Gateway) decided(ctx context.Context, r Request, t target) (wire.Object, error) {
	call, err := g.cfg.Gate.Open(ctx, t.defs.seen, t.request(r))
	if err != nil {
		return wire.Object{}, err
	}
	defer call.Close()
	if err := call.Decide(ctx); err != nil {
		return wire.Object{}, err
	}
	answer, err := t.server.guest.Handle(ctx, runtime.Call{
		Message:   plugins.Message{Method: r.Method, Params: call.Params().JSON()},
		Session:   r.Session,
		Authority: t.authority(r, call),
		Notify:    t.server.filter(ctx, r, call),
	})
	answer = t.server.scrubAnswer(answer)
	if err != nil {
		answer.Error = asError(t.server.scrubFailure(err))
	}
	if answer.Error != nil {
		left, err := call.Error(ctx, answer.Error)
		if err != nil {
			return wire.Object{}, err
		}
		return wire.Object{}, left
	}
	return g.result(ctx, r, t, call, answer.Result)
}

// request is the message as the gate sees it.
func (t target) request(r Request) gate.Request {
	return gate.Request{
		Method: r.Method, Params: t.params, Subject: t.subject, Identity: t.server.identity,
		Principal: r.principal(), ID: r.ID, Revision: r.Revision, Transport: r.Transport,
		Session: r.Conversation, Ends: r.Ends,
		CanAsk: missingCapability(r.Meta.Client, "elicitation/create", wire.Object{}) == nil,
		Scrub:  t.server.scrub,
	}
}

// target finds the server that a message is for and checks the parameters that
// every message of its method has.
func (g *Gateway) target(ctx context.Context, r Request) (t target, err error) {
	switch r.Method {
	case plugins.MethodCallTool:
		return g.named(ctx, r, "tools", func(d *plugins.Definitions) *plugins.List { return &d.Tools })
	case plugins.MethodGetPrompt:
		return g.named(ctx, r, "prompts", func(d *plugins.Definitions) *plugins.List { return &d.Prompts })
	case plugins.MethodReadResource:
		return g.addressed(ctx, r)
	case plugins.MethodComplete:
		return g.completed(ctx, r)
	}
	// What the host does not know goes to the only server as it is: it may be
	// an extension that both ends speak. Between several nobody could say whose
	// it is.
	if g.cfg.Prefix {
		return t, methodNotFound(r.Method)
	}
	return g.owner(ctx, "", "", func(string) (wire.Object, error) { return r.Params, nil })
}

// named finds the server of a tool or prompt. Only what the server has defined
// reaches it.
func (g *Gateway) named(ctx context.Context, r Request, capability string, list func(*plugins.Definitions) *plugins.List) (target, error) {
	name, ok, err := r.Params.GetString("name")
	if err != nil || !ok {
		return target{}, wantString("name", err)
	}
	if v, ok := r.Params.Get("arguments"); ok && wire.KindOf(v) != "an object" {
		return target{}, invalidParams("arguments: want an object, have %s", wire.KindOf(v))
	}
	t, err := g.owner(ctx, capability, nameSeparator, func(own string) (wire.Object, error) {
		return r.Params.SetString("name", own), nil
	}, name)
	if err != nil {
		return t, err
	}
	def, ok := list(t.defs.own).Find(t.own)
	if !ok {
		t.server.release()
		return target{}, invalidParams("unknown %s %q", capability[:len(capability)-1], name)
	}
	if err := t.defs.checkArguments(capability, def, t.params); err != nil {
		t.server.release()
		return target{}, err
	}
	if t.subject.Prompt = t.own; capability == "tools" {
		t.tool, t.subject = def, gate.Subject{Tool: t.own}
	}
	return t, nil
}

// addressed finds the server of a resource. A server may have resources that it
// does not list, so any URI reaches it.
func (g *Gateway) addressed(ctx context.Context, r Request) (target, error) {
	uri, ok, err := r.Params.GetString("uri")
	if err != nil || !ok {
		return target{}, wantString("uri", err)
	}
	t, err := g.owner(ctx, "resources", uriSeparator, func(own string) (wire.Object, error) {
		return r.Params.SetString("uri", own), nil
	}, uri)
	if err != nil {
		return t, err
	}
	t.subject.Resource = t.own
	if err := g.checkURI(t); err != nil {
		t.server.release()
		return t, err
	}
	return t, nil
}

// checkURI refuses a URI that a server may take for another one: policies decide on
// it as it is written. One that the server itself lists is no other.
func (g *Gateway) checkURI(t target) error {
	normal := gate.NormalURI(t.own)
	if normal == t.own {
		return nil
	}
	for _, l := range []*plugins.List{&t.defs.own.Resources, &t.defs.own.ResourceTemplates} {
		if _, ok := l.Find(t.own); ok {
			return nil
		}
	}
	written := t.own
	if g.cfg.Prefix {
		written, normal = joinName(t.server.name, uriSeparator, written), joinName(t.server.name, uriSeparator, normal)
	}
	return invalidParams("uri: %q is not in normal form (RFC 3986, section 6.2.2), which is %q", written, normal)
}

// completed finds the server of a prompt's or template's argument.
func (g *Gateway) completed(ctx context.Context, r Request) (target, error) {
	ref, ok, err := r.Params.GetObject("ref")
	if err != nil || !ok {
		return target{}, invalidParams("ref: want an object with the type ref/prompt or ref/resource")
	}
	if _, ok, err := r.Params.GetObject("argument"); err != nil || !ok {
		return target{}, invalidParams("argument: want an object with a name and a value")
	}
	member, sep := "name", nameSeparator
	switch kind, _, _ := ref.GetString("type"); kind {
	case "ref/prompt":
	case "ref/resource":
		member, sep = "uri", uriSeparator
	default:
		return target{}, invalidParams("ref: type: want ref/prompt or ref/resource")
	}
	name, ok, err := ref.GetString(member)
	if err != nil || !ok {
		return target{}, wantString("ref: "+member, err)
	}
	t, err := g.owner(ctx, "completions", sep, func(own string) (wire.Object, error) {
		return r.Params.Set("ref", ref.SetString(member, own).JSON()), nil
	}, name)
	if err != nil || member == "name" {
		t.subject.Prompt = t.own
		return t, err
	}
	t.subject.Resource = t.own
	if err := g.checkURI(t); err != nil {
		t.server.release()
		return t, err
	}
	return t, nil
}

// owner finds the server of an exposed name (none: the only server), checks that
// it has a capability, and has its parameters made for the server's own name.
func (g *Gateway) owner(ctx context.Context, capability, sep string, rename func(own string) (wire.Object, error), exposed ...string) (target, error) {
	name := ""
	if len(exposed) > 0 {
		name = exposed[0]
	}
	own, s, ok := g.resolve(name, sep)
	if !ok {
		return target{}, invalidParams("%q is of no server here%s", name, g.meant(ctx, capability, name))
	}
	d, err := s.definitions(ctx)
	if err == nil && capability != "" && !declares(d.own.Capabilities, capability) {
		err = plugins.Errorf(plugins.CodeMethodNotFound, "Method not found: server %q has no %s", s.name, capability)
	}
	var params wire.Object
	if err == nil {
		params, err = rename(own)
	}
	if err != nil {
		s.release()
		return target{}, err
	}
	return target{server: s, defs: d, params: params, own: own}, nil
}

// meant suggests the exposed name of the one tool or prompt that a server itself
// calls by this name.
func (g *Gateway) meant(ctx context.Context, capability, name string) string {
	var found []string
	err := g.each(ctx, func(s *Server, d *plugins.Definitions) {
		full := joinName(s.name, nameSeparator, name)
		for _, spec := range lists {
			if _, ok := spec.list(d).Find(full); ok && spec.capability == capability && spec.key == "name" {
				found = append(found, full)
			}
		}
	})
	if err != nil || len(found) != 1 {
		return ""
	}
	return fmt.Sprintf(": did you mean %q?", found[0])
}

func declares(capabilities json.RawMessage, name string) bool {
	caps, err := wire.ParseObject(capabilities)
	return err == nil && caps.Has(name)
}

func wantString(name string, err error) error {
	if err != nil {
		return invalidParams("%v", err)
	}
	return invalidParams("missing %s", name)
}

// result makes a guest's result one that the client may see: the policy decides on
// it as the guest has said it.
func (g *Gateway) result(ctx context.Context, r Request, t target, call *gate.Call, raw json.RawMessage) (wire.Object, error) {
	result, err := wire.ParseObject(raw)
	if err == nil {
		err = result.CheckNames("resultType", "_meta", "ttlMs", "cacheScope", "inputRequests", "requestState")
	}
	if err != nil {
		return wire.Object{}, fmt.Errorf("server %q: result: %w", t.server.name, err)
	}
	kind, ok, err := result.GetString("resultType")
	if err != nil {
		return result, fmt.Errorf("server %q: %w", t.server.name, err)
	}
	if !ok {
		result, kind = result.SetString("resultType", plugins.ResultComplete), plugins.ResultComplete
	}
	if result, err = call.Answer(ctx, result); err != nil {
		return result, err
	}
	switch {
	case kind == plugins.ResultInputRequired:
		if result, err = inputRequired(r, t, call, result); err != nil {
			return result, err
		}
	case r.Method == plugins.MethodReadResource:
		result = defaultHints(result)
	}
	if g.cfg.Prefix {
		result = prefixURIs(t.server.name, r.Method, result)
	}
	return setServerInfo(result, t.defs.own.ServerInfo), nil
}

// defaultHints adds the caching hints that resources/read must have.
func defaultHints(result wire.Object) wire.Object {
	if !result.Has("ttlMs") {
		result = result.Set("ttlMs", json.RawMessage("0"))
	}
	if !result.Has("cacheScope") {
		result = result.SetString("cacheScope", "private")
	}
	return result
}
