// Package kv performs kv/get, kv/set, kv/delete and kv/list: data that a guest
// keeps (docs/guest-contract.md, "Effects"), in a [store.Store].
//
// A guest sees the keys of its own server and of the principal that it works
// for, and can name no others: what it sends is the end of a name whose beginning
// is a hash of the two. What it holds is what was granted and, where the package
// has a manifest, asked for as well.
package kv

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/store"
)

// Bounds of the contract, and defaults.
const (
	// MaxKeyBytes bounds a key.
	MaxKeyBytes = 1 << 10
	// MaxValueBytes bounds a value.
	MaxValueBytes = 1 << 20
	// DefaultQuotaBytes bounds the keys and values of one server and principal.
	DefaultQuotaBytes = 16 << 20
	// MaxKeys bounds how many keys one server and principal have.
	MaxKeys = 100_000
	// MaxTTL bounds how long a value is kept that is not kept for ever.
	MaxTTL = 10 * 365 * 24 * time.Hour

	maxList     = 1000
	defaultList = 100
)

// Config of a [Handler].
type Config struct {
	// Server is the server's name, for messages.
	Server string
	// Scope names the data: servers of one scope share it, and a server that
	// is renamed keeps it. Any text.
	Scope string
	// Granted is what the operator gave; nil denies everything.
	Granted *plugins.KVGrant
	// Asked is what the package's manifest asks for, if HasManifest; nil is
	// nothing then. Its quota is what the package expects, and bounds nothing.
	Asked       *plugins.KVRequest
	HasManifest bool
	// Labels are the operator's for the data, for the policy.
	Labels []string
	// Store is where the data is.
	Store store.Store

	maxKeys int // of tests
}

// Handler performs the requests of one server.
type Handler struct {
	cfg   Config
	quota quota
	// turn is held by who writes: two writers of one process would only send
	// each other back to begin again.
	turn chan struct{}
}

var _ effect.Handler = (*Handler)(nil)

// New returns the handler for a server.
func New(cfg Config) *Handler {
	h := &Handler{cfg: cfg, turn: make(chan struct{}, 1), quota: quota{DefaultQuotaBytes, MaxKeys}}
	if cfg.Granted != nil && cfg.Granted.QuotaBytes > 0 {
		h.quota.bytes = cfg.Granted.QuotaBytes
	}
	if cfg.maxKeys > 0 {
		h.quota.keys = cfg.maxKeys
	}
	return h
}

// Perform implements [effect.Handler]. The policy is asked about a change when the
// value is there, and nothing is left but to make it.
func (h *Handler) Perform(ctx context.Context, c effect.Call, r effect.Request, reply *effect.Reply) error {
	perform, ok := methods[r.Method]
	if !ok {
		return effect.Errorf(plugins.EffectInvalid, "there is no method %q", r.Method)
	}
	if err := h.authorize(c, perform.access == cel.AccessWrite); err != nil {
		return err
	}
	if r.HasBody && r.Method != plugins.EffectKVSet {
		return effect.Errorf(plugins.EffectInvalid, "%s has no body", r.Method)
	}
	p, err := parse(r.Params, perform.params)
	if err != nil {
		return effect.Errorf(plugins.EffectInvalid, "%s: %s", r.Method, err)
	}
	if r.HasBody {
		if p.value, err = readValue(r.Body); err != nil {
			return failure(r.Method, err)
		}
	}
	e := &cel.Effect{Kind: cel.EffectKV, KV: &cel.KV{Key: p.key, Access: perform.access}}
	if perform.access == cel.AccessList {
		e.KV.Key = p.prefix
	}
	if err := c.Permit(ctx, e, h.cfg.Labels); err != nil {
		return err
	}
	return failure(r.Method, perform.do(h, ctx, newScope(h.cfg.Scope, c.Principal), p, reply))
}

// methods are what there is to perform.
var methods = map[string]struct {
	access string
	params []string
	do     func(*Handler, context.Context, scope, params, *effect.Reply) error
}{
	plugins.EffectKVGet:    {cel.AccessRead, []string{"key"}, (*Handler).get},
	plugins.EffectKVSet:    {cel.AccessWrite, []string{"key", "ifVersion", "ttlMs"}, (*Handler).set},
	plugins.EffectKVDelete: {cel.AccessWrite, []string{"key", "ifVersion"}, (*Handler).delete},
	plugins.EffectKVList:   {cel.AccessList, []string{"prefix", "after", "limit"}, (*Handler).list},
}

// authorize says why a call may not read, or write, the data.
func (h *Handler) authorize(c effect.Call, write bool) error {
	granted, asked := h.cfg.Granted, h.cfg.Asked
	switch {
	case h.cfg.HasManifest && asked == nil: // first, since a grant would not help
		return effect.Denied("", "the package of server %s does not ask for key-value data", h.cfg.Server)
	case granted == nil:
		return effect.Denied("--kv", "server %s was not granted key-value data", h.cfg.Server)
	case h.cfg.Store == nil:
		return errors.New("there is no store for key-value data")
	case !write:
		return nil
	case asked != nil && !writable(asked.Access):
		return effect.Denied("", "the package of server %s asks for key-value data for reading only", h.cfg.Server)
	case !writable(string(granted.Access)):
		return effect.Denied("--kv=rw", "server %s was granted key-value data for reading only", h.cfg.Server)
	case c.ReadOnly && c.Tool != "":
		return effect.Denied("--tool-access "+c.Tool+"=rw", "tool %s only reads, as it says (readOnlyHint) or the grants do: it may not change key-value data", c.Tool)
	case c.ReadOnly:
		return effect.Denied("", "key-value data may not be changed while server %s answers %s", h.cfg.Server, c.Method)
	}
	return nil
}

// writable is false for what nobody knows.
func writable(access string) bool { return access == "" || access == string(plugins.ReadWrite) }

// failure tells a guest that the store was too slow; what else ails it is the
// operator's business.
func failure(method string, err error) error {
	var known *plugins.EffectError
	switch {
	case err == nil || errors.As(err, &known):
		return err
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.Is(err, store.ErrBusy):
		return effect.Errorf(plugins.EffectTimeout, "%s: the store did not answer in time", method)
	}
	return fmt.Errorf("%s: %w", method, err)
}
