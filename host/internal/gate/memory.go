package gate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/registry/store"
)

// Where the store keeps what people have answered for good, and which states were
// used.
const (
	answerPrefix = "approvals/answer/"
	usedPrefix   = "approvals/used/"
)

// Approval is something that a person has allowed for good.
type Approval struct {
	ID   string    `json:"-"`
	When time.Time `json:"when"`
	// Principal is for whom it holds, "" for whoever uses this host on stdio.
	Principal string `json:"principal,omitempty"`
	Server    string `json:"server"`
	Digest    string `json:"digest,omitempty"` // of the server's module
	Tool      string `json:"tool,omitempty"`
	Rule      string `json:"rule"`
	What      string `json:"what"` // in words
}

// Approvals lists what was allowed for good, in ascending order of the ids.
func Approvals(ctx context.Context, s store.Store) ([]Approval, error) {
	var all []Approval
	for after := ""; ; {
		entries, err := s.List(ctx, answerPrefix, after, store.MaxBatch)
		if err != nil {
			return nil, fmt.Errorf("list approvals: %w", err)
		}
		for _, e := range entries {
			a := Approval{ID: strings.TrimPrefix(e.Key, answerPrefix)}
			if err := json.Unmarshal(e.Value, &a); err != nil {
				return nil, fmt.Errorf("approval %s: %w", a.ID, err)
			}
			all = append(all, a)
			after = e.Key
		}
		if len(entries) < store.MaxBatch {
			return all, nil
		}
	}
}

// ErrNoApproval says that there is no approval with an id.
var ErrNoApproval = errors.New("there is no such approval")

// Forget takes back what was allowed for good.
func Forget(ctx context.Context, s store.Store, id string) error {
	if id == "" || len(id) > keyBytes*2 {
		return fmt.Errorf("approval %q: %w", clip(id, 80), ErrNoApproval)
	}
	entries, err := s.Get(ctx, answerPrefix+id)
	if err == nil {
		if entries[0].Version == 0 {
			return fmt.Errorf("approval %q: %w", id, ErrNoApproval)
		}
		_, err = s.Apply(ctx, store.Change{Key: entries[0].Key, If: entries[0].Version, Delete: true})
	}
	if err != nil {
		return fmt.Errorf("forget approval %q: %w", id, err)
	}
	return nil
}

// keyBytes is how much of a hash names an answer: nobody finds two with the same.
const keyBytes = 16

// key names what a rule asks: it changes with everything that the person was told
// and that the answer is for.
func (c *Call) key(q cel.Question, e *cel.Effect) string {
	server, s := c.defs.server.about.Server, c.r.Subject
	parts := []string{c.r.Transport, c.r.Principal.Subject, server.Name, server.Digest,
		s.Tool, s.Prompt, s.Resource, c.defs.hash(s), q.Rule, q.Hash}
	if e != nil {
		parts = append(parts, effectText(e))
	}
	b, err := json.Marshal(parts)
	if err != nil {
		panic(err) // strings
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:keyBytes])
}

// unanswered returns the questions that nobody has answered for this request, this
// session or for good.
func (c *Call) unanswered(ctx context.Context, asks []cel.Question, e *cel.Effect) []cel.Question {
	var open []cel.Question
	for _, q := range asks {
		if !c.answered(ctx, c.key(q, e), e) {
			open = append(open, q)
		}
	}
	return open
}

func (c *Call) answered(ctx context.Context, key string, e *cel.Effect) bool {
	times := c.state.Granted[key]
	if e != nil && counted(e) {
		times -= c.spent[effectText(e)]
		if effect.Again(ctx) {
			times++ // its own answer
		}
	}
	if times > 0 || c.session.allowed(key) {
		return true
	}
	if !c.lasting() {
		return false
	}
	entries, err := c.gate.cfg.Store.Get(ctx, answerPrefix+key)
	if err != nil {
		c.gate.cfg.Log.Warn("what was allowed for good cannot be read; it is asked again", "error", err)
		return false
	}
	return entries[0].Version != 0
}

// lasting reports whether an answer can hold for good: where it can be kept, for
// somebody who will be known again. On stdio that is whoever started the host.
func (c *Call) lasting() bool {
	return c.gate.cfg.Store != nil && (c.r.Principal.Subject != "" || c.r.Transport == TransportStdio)
}

// Transports of [Request].
const (
	TransportStdio = "stdio"
	TransportHTTP  = "http"
	TransportGo    = "go"
)

// keep allows something for good. One that is there already stays.
func (c *Call) keep(ctx context.Context, a asked) error {
	value, err := json.Marshal(Approval{When: c.time.UTC().Truncate(time.Second), Principal: c.r.Principal.Subject,
		Server: c.defs.server.about.Server.Name, Digest: c.defs.server.about.Server.Digest,
		Tool: c.r.Subject.Tool, Rule: a.Rule, What: a.What})
	if err != nil {
		return fmt.Errorf("encode approval: %w", err)
	}
	_, err = c.gate.cfg.Store.Apply(ctx, store.Change{Key: answerPrefix + a.Key, Value: value})
	if err != nil && !errors.Is(err, store.ErrConflict) {
		return fmt.Errorf("keep approval: %w", err)
	}
	return nil
}
