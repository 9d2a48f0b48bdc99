package kv

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/plugins"
)

type getResult struct {
	Version   string `json:"version"`
	Size      int64  `json:"size"`
	ExpiresMs *int64 `json:"expiresMs,omitempty"`
}

func (h *Handler) get(ctx context.Context, s scope, p params, reply *effect.Reply) error {
	e, err := h.cfg.Store.Get(ctx, s.indexKey(p.key), s.valueKey(p.key))
	if err != nil {
		return err
	}
	x, err := decodeIndex(e[0])
	if err != nil {
		return fmt.Errorf("%q: %w", p.key, err)
	}
	now := time.Now()
	if !x.alive(now) || e[1].Version == 0 {
		return effect.Errorf(plugins.EffectNotFound, "there is no key %q", p.key)
	}
	if err := reply.Head(getResult{formatVersion(x.version), x.size, x.left(now)}); err != nil {
		return err
	}
	_, err = reply.Write(e[1].Value)
	return err
}

type listResult struct {
	Keys []listKey `json:"keys"`
	More bool      `json:"more"`
}

type listKey struct {
	Key string `json:"key"`
	getResult
}

func (h *Handler) list(ctx context.Context, s scope, p params, reply *effect.Reply) error {
	r := listResult{Keys: []listKey{}}
	root := s.indexKey("")
	after := root + p.after
	for now := time.Now(); ; {
		want := p.limit - len(r.Keys) + 1 // one more, to know of more
		entries, err := h.cfg.Store.List(ctx, root+p.prefix, after, want)
		if err != nil {
			return err
		}
		for _, e := range entries {
			after = e.Key
			x, err := decodeIndex(e)
			if err != nil {
				return fmt.Errorf("%q: %w", e.Key, err)
			}
			if !x.alive(now) {
				continue
			}
			if len(r.Keys) == p.limit {
				r.More = true
				return reply.Head(r)
			}
			r.Keys = append(r.Keys, listKey{strings.TrimPrefix(e.Key, root), getResult{formatVersion(x.version), x.size, x.left(now)}})
		}
		if len(entries) < want {
			return reply.Head(r)
		}
	}
}
