package peer

import (
	"context"
	"encoding/json"
	"errors"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
)

// legacyVersions are the revisions with an initialize, newest first.
var legacyVersions = []string{"2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"}

// verdict is what a probe tells.
type verdict struct {
	modern *era   // set: the server speaks the newest revision
	legacy string // otherwise the revision to offer in initialize
	err    *runtime.GuestError
}

// negotiate finds out which era the server speaks (2026-07-28,
// basic/transports/stdio, "Backward Compatibility").
func (p *Peer) negotiate(ctx context.Context) error {
	if p.cfg.Legacy {
		return p.initialize(ctx, legacyVersions[0], nil)
	}
	probe, err := p.ask(ctx, plugins.MethodDiscover, p.probeParams())
	if err != nil {
		return p.probeError(err)
	}
	defer p.abandon(probe)
	wait, cancel := context.WithTimeout(ctx, min(replyWait, p.limits.StartDeadline/2))
	defer cancel()
	answer, err := p.answerOf(wait, probe)
	var v verdict
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil:
		v = p.judge(answer)
	case p.ended():
		return p.probeError(err)
	default: // silence, or an answer that is none
		v.legacy = legacyVersions[0]
	}
	switch {
	case v.err != nil:
		return v.err
	case v.modern != nil:
		return p.modernStart(ctx, *v.modern)
	}
	return p.probeError(p.initialize(ctx, v.legacy, probe))
}

// probeError marks the end of a server that was probed.
func (p *Peer) probeError(err error) error {
	var e *runtime.GuestError
	if errors.As(err, &e) && e.Kind == runtime.KindExit && p.ended() {
		return &ProbeError{Guest: e}
	}
	return err
}

func (p *Peer) probeParams() wire.Object {
	return wire.Object{}.Set("_meta", p.ownMeta().JSON())
}

// ownMeta is the _meta of the peer's own requests to a modern server.
func (p *Peer) ownMeta() wire.Object {
	info, caps := p.client()
	return wire.Object{}.
		SetString(plugins.MetaProtocolVersion, plugins.ProtocolVersion).
		Set(plugins.MetaClientInfo, info).
		Set(plugins.MetaClientCapabilities, caps)
}

// judge reads the answer to the probe.
func (p *Peer) judge(a plugins.Answer) verdict {
	if a.Error != nil && a.Error.Code != plugins.CodeUnsupportedVersion {
		return verdict{legacy: legacyVersions[0]}
	}
	var versions []string
	var result wire.Object
	var ok bool
	if a.Error != nil {
		data, err := wire.ParseObject(a.Error.Data)
		if err == nil {
			versions, ok = stringList(data, "supported")
		}
	} else if o, err := wire.ParseObject(a.Result); err == nil {
		result = o
		versions, ok = stringList(o, "supportedVersions")
	}
	if !ok {
		// It has answered what it was not asked: an older server that does
		// not look at the method, or at the order of things.
		return verdict{legacy: legacyVersions[0]}
	}
	if a.Error == nil && slices.Contains(versions, plugins.ProtocolVersion) {
		caps, _, _ := result.GetObject("capabilities")
		return verdict{modern: &era{modern: true, version: plugins.ProtocolVersion, caps: caps}}
	}
	for _, v := range legacyVersions {
		if slices.Contains(versions, v) {
			return verdict{legacy: v}
		}
	}
	return verdict{err: p.versionError(versions)}
}

func (p *Peer) versionError(versions []string) *runtime.GuestError {
	return p.guestError(runtime.KindProtocol, "it speaks MCP revisions that this host does not (%s); this host speaks %s, %s",
		cut(strings.Join(versions, ", ")), plugins.ProtocolVersion, strings.Join(legacyVersions, ", "))
}

func stringList(o wire.Object, name string) ([]string, bool) {
	v, ok := o.Get(name)
	if !ok {
		return nil, false
	}
	var list []string
	if json.Unmarshal(v, &list) != nil || list == nil {
		return nil, false
	}
	return list, true
}

// modernStart takes up work with a server of the newest revision.
func (p *Peer) modernStart(ctx context.Context, e era) error {
	p.era.Store(&e)
	if p.cfg.Signal == nil {
		return nil
	}
	// A server that declares list changes and then does not take the
	// subscription still works.
	if err := p.relisten(ctx, nil); err != nil {
		if p.ended() || ctx.Err() != nil {
			return p.giveUp(ctx, err)
		}
		p.fault("list changes will not be noticed: %v", err)
	}
	return nil
}

// initialize does the handshake of the older eras. A probe that is still out may
// show, late, that the server is modern after all: then an error is its due
// answer to initialize.
func (p *Peer) initialize(ctx context.Context, version string, probe *call) error {
	answer, err := p.request(ctx, "initialize", p.initParams(version))
	if err == nil && answer.Error != nil {
		if other := offered(answer.Error); other != "" && other != version {
			answer, err = p.request(ctx, "initialize", p.initParams(other))
		}
	}
	if err == nil && answer.Error == nil {
		return p.legacyStart(ctx, answer.Result)
	}
	if probe != nil {
		if late, ok := p.lateVerdict(probe); ok && !p.ended() {
			return p.modernStart(ctx, late)
		}
	}
	if err != nil {
		return err
	}
	return p.guestError(runtime.KindProtocol, "it refused initialize: %s (code %d)", cut(answer.Error.Message), answer.Error.Code)
}

// offered returns the newest revision that an error of initialize names
// (2025-11-25, basic/lifecycle, "Error Handling").
func offered(e *plugins.Error) string {
	data, err := wire.ParseObject(e.Data)
	if err != nil {
		return ""
	}
	versions, _ := stringList(data, "supported")
	for _, v := range legacyVersions {
		if slices.Contains(versions, v) {
			return v
		}
	}
	return ""
}

func (p *Peer) lateVerdict(probe *call) (era, bool) {
	p.mu.Lock()
	done, answer, err := probe.done, probe.answer, probe.err
	p.mu.Unlock()
	if !done || err != nil {
		return era{}, false
	}
	v := p.judge(answer)
	if v.modern == nil {
		return era{}, false
	}
	return *v.modern, true
}

func (p *Peer) initParams(version string) wire.Object {
	info, caps := p.client()
	return wire.Object{}.
		SetString("protocolVersion", version).
		Set("capabilities", legacyCaps(caps)).
		Set("clientInfo", info)
}

// legacyStart takes up work with a server that has been initialised.
func (p *Peer) legacyStart(ctx context.Context, result json.RawMessage) error {
	init, err := wire.ParseObject(result)
	if err != nil {
		return p.guestError(runtime.KindProtocol, "it answered initialize wrongly: %v", err)
	}
	version, ok, err := init.GetString("protocolVersion")
	if err != nil || !ok {
		return p.guestError(runtime.KindProtocol, "it answered initialize without a protocolVersion; is it an MCP server?")
	}
	if !slices.Contains(legacyVersions, version) {
		return p.versionError([]string{version})
	}
	caps, _, err := init.GetObject("capabilities")
	if err != nil {
		return p.guestError(runtime.KindProtocol, "it answered initialize wrongly: %v", err)
	}
	p.era.Store(&era{version: version, caps: caps, discover: discoverResult(init)})
	_, err = p.out.put(ctx, p.done, wire.Message{Kind: wire.Notification, Method: "notifications/initialized"})
	if err != nil {
		return p.giveUp(ctx, err)
	}
	return nil
}

// hostInfo is the Implementation object of this host.
func hostInfo() json.RawMessage {
	return wire.Object{}.SetString("name", "mcpwasm").SetString("version", hostVersion()).JSON()
}

// hostVersion is this module's version, whether it is the program or embedded
// in one.
func hostVersion() string {
	const module = "github.com/mcpwasm/mcpwasm"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == module && m.Version != "" {
			return m.Version
		}
	}
	return "devel"
}

// bounded runs f with a deadline for what a server answers at once.
func bounded(ctx context.Context, f func(context.Context) error) error {
	short, cancel := context.WithTimeout(ctx, replyWait)
	defer cancel()
	return f(short)
}
