package gateway

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host/internal/gate"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// defaultTTLMillis is how long a client may keep a list for which its server
// gave no hint. Lists are data here; what changes them is told to subscribers.
const defaultTTLMillis = 60_000

// Bounds of waiting for servers while several are listed: one that hangs must not
// keep the others from their clients. It is listed once it has answered, which
// subscribers are told.
const (
	listWait  = 5 * time.Second
	listRetry = 30 * time.Second // until a server that failed is asked again
)

// each calls f with what every server that works says about itself, as clients see
// it. Of several, one that does not work, or not yet, is passed over.
func (g *Gateway) each(ctx context.Context, f func(s *Server, d *plugins.Definitions)) error {
	return g.eachSet(ctx, func(s *Server, set *definitionSet) { f(s, g.face(set)) })
}

// face is what clients see of a server.
func (g *Gateway) face(set *definitionSet) *plugins.Definitions {
	if g.cfg.Prefix {
		return set.prefixed
	}
	return set.own
}

func (g *Gateway) eachSet(ctx context.Context, f func(s *Server, set *definitionSet)) error {
	servers := g.Servers()
	if !g.cfg.Prefix {
		for _, s := range servers {
			d, err := s.definitions(ctx)
			if err != nil {
				return err
			}
			f(s, d)
		}
		return nil
	}
	sets := make([]*definitionSet, len(servers))
	wait, cancel := context.WithTimeout(ctx, listWait)
	defer cancel()
	var all sync.WaitGroup
	for i, s := range servers {
		if sets[i] = s.defs.Load(); sets[i] == nil && s.worthWaiting() {
			all.Go(func() { sets[i] = g.listable(wait, s) })
		}
	}
	all.Wait()
	for i, s := range servers {
		if sets[i] != nil {
			f(s, sets[i])
		}
	}
	return ctx.Err()
}

// listable returns a server's definitions, or nil where it has none in time.
func (g *Gateway) listable(ctx context.Context, s *Server) *definitionSet {
	d, err := s.definitions(ctx)
	switch {
	case err == nil:
		return d
	case ctx.Err() != nil:
		g.cfg.Log.Warn("a server takes long to say what it has; the others are listed without it", "server", s.name)
		s.awaitListable()
	case s.err == nil: // one that never started was reported then
		g.cfg.Log.Warn("a server cannot be listed", "server", s.name, "error", err)
	}
	return nil
}

// Definitions returns what one server says about itself, under its own names.
func (g *Gateway) Definitions(ctx context.Context, server string) (plugins.Definitions, error) {
	for _, s := range g.Servers() {
		if s.name == server {
			d, err := s.definitions(ctx)
			if err != nil {
				return plugins.Definitions{}, err
			}
			return *d.own, nil
		}
	}
	return plugins.Definitions{}, fmt.Errorf("there is no server %q", server)
}

// list answers one of the list methods.
func (g *Gateway) list(ctx context.Context, spec listSpec, r Request) (wire.Object, error) {
	caps, err := g.capabilities(ctx)
	if err != nil {
		return wire.Object{}, err
	}
	if !caps.Has(spec.capability) {
		return wire.Object{}, methodNotFound(spec.method)
	}
	after, err := parseCursor(r.Params)
	if err != nil {
		return wire.Object{}, err
	}
	items, ttl, scope, err := g.items(ctx, spec)
	if err != nil {
		return wire.Object{}, err
	}
	view := g.cfg.Gate.View()
	if view.Varies() {
		scope = "private"
	}
	page, next := paginate(items, after, g.cfg.PageSize, shower(ctx, view, spec, r.principal()))
	if err := ctx.Err(); err != nil {
		return wire.Object{}, err // what was not decided any more is not hidden
	}
	result := wire.Object{}.SetString("resultType", plugins.ResultComplete).Set(spec.member, joinRaw(page))
	if next != "" {
		result = result.SetString("nextCursor", next)
	}
	return g.finish(ctx, setHints(result, max(ttl, 0), scope)), nil
}

// item is a definition as clients see it, and where it stands in its server's own.
type item struct {
	plugins.Definition
	set   *definitionSet
	index int
}

// items returns all definitions of a list in order, with the hints of all.
func (g *Gateway) items(ctx context.Context, spec listSpec) (items []item, ttl int64, scope string, err error) {
	ttl, scope = -1, "public"
	err = g.eachSet(ctx, func(_ *Server, set *definitionSet) {
		l := spec.list(g.face(set))
		items = slices.Grow(items, len(l.Items))
		for i, d := range l.Items {
			items = append(items, item{d, set, i})
		}
		hint := int64(defaultTTLMillis)
		if l.TTLMillis != nil {
			hint = *l.TTLMillis
		}
		if ttl < 0 || hint < ttl {
			ttl = hint
		}
		if l.CacheScope != "public" {
			scope = "private"
		}
	})
	slices.SortStableFunc(items, func(a, b item) int { return cmp.Compare(a.Key, b.Key) })
	return items, ttl, scope, err
}

// shower returns what tells whether a definition is shown.
func shower(ctx context.Context, view gate.View, spec listSpec, p cel.Principal) func(item) bool {
	return func(i item) bool {
		if view.Varies() {
			return view.Shows(ctx, i.set.seen, spec.subject(spec.list(i.set.own).Items[i.index].Key), p)
		}
		return i.set.showsAll(ctx, view, spec)[i.index]
	}
}

// shown is what of a list everybody is shown by one policy.
type shown struct {
	view  gate.View
	items []bool
}

// showsAll decides on a whole list, once for each policy.
func (d *definitionSet) showsAll(ctx context.Context, view gate.View, spec listSpec) []bool {
	if s := d.shown[spec.index].Load(); s != nil && s.view == view {
		return s.items
	}
	s := &shown{view: view}
	for _, def := range spec.list(d.own).Items {
		s.items = append(s.items, view.Shows(ctx, d.seen, spec.subject(def.Key), cel.Principal{}))
	}
	if ctx.Err() == nil {
		d.shown[spec.index].Store(s)
	}
	return s.items
}

// paginate returns the items after a key that are shown, at most size of them, and
// the cursor of the next page. A cursor is a key, not a position, so that a list
// that changes between two pages loses nothing that was there all the time.
func paginate(items []item, after string, size int, shows func(item) bool) (page []plugins.Definition, next string) {
	start := 0
	if after != "" {
		start, _ = slices.BinarySearchFunc(items, after, func(i item, k string) int {
			if i.Key <= k {
				return -1
			}
			return 1
		})
	}
	for _, i := range items[start:] {
		if !shows(i) {
			continue
		}
		if len(page) == size {
			return page, cursorPrefix + base64.RawURLEncoding.EncodeToString([]byte(page[size-1].Key))
		}
		page = append(page, i.Definition)
	}
	return page, ""
}

const cursorPrefix = "k."

func parseCursor(params wire.Object) (after string, err error) {
	cursor, ok, err := params.GetString("cursor")
	if err != nil {
		return "", invalidParams("%v", err)
	}
	if !ok {
		return "", nil
	}
	encoded, ok := strings.CutPrefix(cursor, cursorPrefix)
	key, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if !ok || err != nil || len(key) == 0 {
		return "", invalidParams("cursor: not one that this server gave; start again without one")
	}
	return string(key), nil
}

func joinRaw(defs []plugins.Definition) json.RawMessage {
	out := []byte{'['}
	for i, d := range defs {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, d.Raw...)
	}
	return append(out, ']')
}

func setHints(o wire.Object, ttlMillis int64, scope string) wire.Object {
	return o.Set("ttlMs", strconv.AppendInt(nil, ttlMillis, 10)).SetString("cacheScope", scope)
}

// discover answers server/discover.
func (g *Gateway) discover(ctx context.Context) (wire.Object, error) {
	caps, err := g.capabilities(ctx)
	if err != nil {
		return wire.Object{}, err
	}
	instructions, err := g.instructions(ctx)
	if err != nil {
		return wire.Object{}, err
	}
	versions, err := json.Marshal(g.cfg.Versions)
	if err != nil {
		return wire.Object{}, err
	}
	result := wire.Object{}.SetString("resultType", plugins.ResultComplete).
		Set("supportedVersions", versions).
		Set("capabilities", caps.JSON())
	if instructions != "" {
		result = result.SetString("instructions", instructions)
	}
	return g.finish(ctx, setHints(result, defaultTTLMillis, "private")), nil
}

// instructions are the server's own, or those of all servers under their names.
func (g *Gateway) instructions(ctx context.Context) (string, error) {
	var parts []string
	err := g.each(ctx, func(s *Server, d *plugins.Definitions) {
		if d.Instructions == "" {
			return
		}
		text := d.Instructions
		if g.cfg.Prefix {
			text = "# " + s.name + "\n\n" + text
		}
		parts = append(parts, text)
	})
	return strings.Join(parts, "\n\n"), err
}

// capabilities returns the server's own, or what any server has. Every list can
// change, whatever its server says: the set of servers can, and the policy, which
// decides what is listed.
func (g *Gateway) capabilities(ctx context.Context) (wire.Object, error) {
	var all wire.Object
	err := g.each(ctx, func(_ *Server, d *plugins.Definitions) {
		caps, err := wire.ParseObject(d.Capabilities)
		if err == nil {
			all = union(all, caps)
		}
	})
	if err != nil {
		return all, err
	}
	for _, name := range []string{"tools", "prompts", "resources"} {
		if c, ok, err := all.GetObject(name); ok && err == nil {
			all = all.Set(name, c.Set("listChanged", json.RawMessage("true")).JSON())
		}
	}
	return all, nil
}

// union adds b's members to a's; objects in both are united in turn, otherwise
// what is true in either is true.
func union(a, b wire.Object) wire.Object {
	for _, m := range b.Members() {
		have, ok := a.Get(m.Name)
		if ok {
			x, errX := wire.ParseObject(have)
			y, errY := wire.ParseObject(m.Value)
			switch {
			case errX == nil && errY == nil:
				a = a.Set(m.Name, union(x, y).JSON())
				continue
			case string(have) == "true":
				continue
			}
		}
		a = a.Set(m.Name, m.Value)
	}
	return a
}

// finish puts the server's identity into a result (MCP 2026-07-28,
// basic/index, "Per-response protocol fields").
func (g *Gateway) finish(ctx context.Context, result wire.Object) wire.Object {
	return setServerInfo(result, g.ServerInfo(ctx))
}

// ServerInfo returns the Implementation object that clients see.
func (g *Gateway) ServerInfo(ctx context.Context) json.RawMessage {
	info := g.cfg.Info
	if !g.cfg.Prefix {
		// The error is that of a server that does not work, which is told
		// where its definitions are asked for.
		_ = g.each(ctx, func(_ *Server, d *plugins.Definitions) {
			if len(d.ServerInfo) > 0 {
				info = d.ServerInfo
			}
		})
	}
	return info
}

func setServerInfo(result wire.Object, info json.RawMessage) wire.Object {
	if len(info) == 0 {
		return result
	}
	meta, _, err := result.GetObject("_meta")
	if err != nil || meta.Has(plugins.MetaServerInfo) {
		return result
	}
	return result.Set("_meta", meta.Set(plugins.MetaServerInfo, info).JSON())
}

func methodNotFound(method string) *plugins.Error {
	return plugins.Errorf(plugins.CodeMethodNotFound, "Method not found: %s", method)
}

// Handshake returns what the answer to an older revision's initialize is made
// of.
func (g *Gateway) Handshake(ctx context.Context) (caps wire.Object, info json.RawMessage, instructions string, err error) {
	if caps, err = g.capabilities(ctx); err != nil {
		return caps, nil, "", err
	}
	instructions, err = g.instructions(ctx)
	return caps, g.ServerInfo(ctx), instructions, err
}
