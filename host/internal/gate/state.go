package gate

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mcpwasm/mcpwasm/host/internal/seal"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/store"
)

// state is what goes around through the client, sealed, between the rounds of one
// request: the guest's own state, and what a person was asked and has answered.
type state struct {
	Guest *string `json:"guest,omitempty"`
	// Inputs are the client's answers to the guest, kept while a person is asked:
	// the guest gets them in the round after.
	Inputs json.RawMessage `json:"inputs,omitempty"`
	// Granted are what was allowed for this request, with how often.
	Granted map[string]int `json:"granted,omitempty"`
	Asked   []asked        `json:"asked,omitempty"`
	// Nonce makes a state that can allow something good for one use. What has none
	// is the guest's own, which it may get twice.
	Nonce string `json:"nonce,omitempty"`
}

// asked is one thing that a person was asked.
type asked struct {
	Key  string `json:"key"`
	Rule string `json:"rule"`
	What string `json:"what"` // in words, for the list of what was answered
	// Phase is when it was asked, for the operator.
	Phase string `json:"phase"`
}

// maxInputs bounds answers to a guest that are kept in a state, in bytes.
const maxInputs = 256 << 10

// InputKey names the host's question among inputRequests, and inputResponses.
const InputKey = "mcpwasm/policy"

// binding is what a state of this request is good for.
func (c *Call) binding() seal.Binding {
	return seal.Binding{Server: c.defs.server.about.Server.Name + "@" + c.r.Identity, Principal: c.r.Principal.Subject,
		Method: c.r.Method, Digest: seal.Digest(c.r.Params)}
}

// openState reads the state that the client brings back. What was the host's own is
// taken out of the parameters. The error is a *Stop.
func (c *Call) openState(ctx context.Context) error {
	params := c.r.Params
	if v, ok := params.Get("inputResponses"); ok && wire.KindOf(v) != "an object" {
		return refuse(plugins.CodeInvalidParams, "Invalid params: inputResponses: want an object, have %s", wire.KindOf(v))
	}
	sealed, ok, err := params.GetString("requestState")
	if err != nil {
		return refuse(plugins.CodeInvalidParams, "Invalid params: %v", err)
	}
	if !ok {
		return nil
	}
	text, err := c.gate.cfg.Sealer.Open(c.binding(), sealed)
	if err == nil && json.Unmarshal([]byte(text), &c.state) != nil {
		err = seal.ErrState
	}
	if err != nil {
		return refuse(plugins.CodeInvalidParams, "Invalid params: %v", err)
	}
	var given *answer
	if len(c.state.Asked) > 0 {
		if given, err = readAnswer(params); err != nil {
			return err
		}
	}
	if err := c.gate.use(ctx, c.state.Nonce); err != nil {
		return err
	}
	c.restore()
	if given == nil {
		return nil
	}
	return c.take(ctx, given)
}

// restore puts the guest's own state and inputs in the place of the host's.
func (c *Call) restore() {
	params := c.r.Params.Delete("requestState")
	if c.state.Guest != nil {
		params = params.SetString("requestState", *c.state.Guest)
	}
	if len(c.state.Asked) > 0 {
		params = params.Delete("inputResponses")
		if len(c.state.Inputs) > 0 {
			params = params.Set("inputResponses", c.state.Inputs)
		}
	}
	c.r.Params = params
}

// Seal protects the state that the guest gives the client, with what was allowed so
// far. It reports false where there is nothing to keep.
func (c *Call) Seal(guest string, hasState bool) (string, bool) {
	s := state{Granted: c.state.Granted}
	if hasState {
		s.Guest = &guest
	}
	if len(s.Granted) > 0 {
		s.Nonce = rand.Text()
	}
	if !hasState && len(s.Granted) == 0 {
		return "", false
	}
	return c.seal(s), true
}

func (c *Call) seal(s state) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings, numbers and checked JSON
	}
	return c.gate.cfg.Sealer.Seal(c.binding(), string(b))
}

// maxNonces bounds the states that are remembered as used. One that cannot be
// remembered is not used.
const maxNonces = 100_000

// nonces are those of states that were used, for as long as they could be used
// again.
type nonces struct {
	mu    sync.Mutex
	until map[string]time.Time
	swept time.Time
}

// claim reports whether a nonce is used for the first time.
func (n *nonces) claim(nonce string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	if n.until == nil || now.Sub(n.swept) > sweepEvery {
		n.sweepLocked(now)
	}
	if _, used := n.until[nonce]; used || len(n.until) >= maxNonces {
		return false
	}
	n.until[nonce] = now.Add(seal.TTL)
	return true
}

func (n *nonces) sweepLocked(now time.Time) {
	n.swept = now
	if n.until == nil {
		n.until = map[string]time.Time{}
	}
	for nonce, until := range n.until {
		if now.After(until) {
			delete(n.until, nonce)
		}
	}
}

// use makes sure that a state is used once. The error is a *Stop.
func (g *Gate) use(ctx context.Context, nonce string) error {
	if nonce == "" {
		return nil
	}
	used := refuse(plugins.CodeInvalidParams, "Invalid params: requestState was used already; send the request again without it")
	if !g.used.claim(nonce) {
		return used
	}
	if !g.cfg.Shared || g.cfg.Store == nil {
		return nil
	}
	_, err := g.cfg.Store.Apply(ctx, store.Change{Key: usedPrefix + nonce, Value: []byte{}, Expires: time.Now().Add(seal.TTL)})
	switch {
	case errors.Is(err, store.ErrConflict):
		return used
	case err != nil:
		g.cfg.Log.Warn("what a person answered cannot be used", "error", fmt.Errorf("store: %w", err))
		return refuse(plugins.CodeInternalError, "the answer could not be used; the host's log says why")
	}
	return nil
}
