package pdktest

import (
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mcpwasm/mcpwasm/plugins/pdk/effect"
)

// maxValue bounds a value in bytes.
const maxValue = 1 << 20

// KV is a key-value store in memory. The zero value is empty. Several clients may
// share one, at once.
type KV struct {
	// ReadOnly denies writing, as a host does for tools with readOnlyHint.
	ReadOnly bool

	mu      sync.Mutex
	entries map[string]entry
	version int // the last one given
}

type entry struct {
	value   []byte
	version string
	expires time.Time // zero for never
}

// info returns what a reply says about an entry.
func (e entry) info() map[string]any {
	m := map[string]any{"version": e.version, "size": len(e.value)}
	if !e.expires.IsZero() {
		m["expiresMs"] = time.Until(e.expires).Milliseconds()
	}
	return m
}

type kvParams struct {
	Key       string  `json:"key"`
	IfVersion *string `json:"ifVersion"`
	TTLMs     int64   `json:"ttlMs"`
	Prefix    string  `json:"prefix"`
	After     string  `json:"after"`
	Limit     int     `json:"limit"`
}

func (s *KV) perform(c *call) error {
	var p kvParams
	if err := strict(c.Params, &p); err != nil {
		return err
	}
	if c.Method != "kv/list" && (p.Key == "" || len(p.Key) > 1024) {
		return invalid("key: want 1 to 1024 bytes")
	}
	switch c.Method {
	case "kv/get":
		return s.get(c, p)
	case "kv/set":
		return s.set(c, p)
	case "kv/delete":
		return s.remove(c, p)
	case "kv/list":
		return s.list(c, p)
	}
	return invalid("unknown method %q", c.Method)
}

// at returns the entry of a key that has not expired; the lock is held.
func (s *KV) at(key string) (entry, bool) {
	e, ok := s.entries[key]
	if ok && !e.expires.IsZero() && !time.Now().Before(e.expires) {
		delete(s.entries, key)
		return entry{}, false
	}
	return e, ok
}

func (s *KV) get(c *call, p kvParams) error {
	s.mu.Lock()
	e, ok := s.at(p.Key)
	s.mu.Unlock()
	if !ok {
		return &effect.Error{Kind: effect.ErrNotFound, Message: "no key " + strconv.Quote(p.Key)}
	}
	if err := reply(c.w, e.info()); err != nil {
		return err
	}
	_, err := c.w.Write(e.value)
	return err
}

// allow checks that the key may be changed; the lock is held.
func (s *KV) allow(p kvParams) error {
	e, _ := s.at(p.Key)
	switch {
	case s.ReadOnly:
		return denied("--kv", "the key-value store is read-only for this tool")
	case p.IfVersion != nil && *p.IfVersion != e.version:
		return &effect.Error{Kind: effect.ErrConflict, Message: "key " + strconv.Quote(p.Key) + " has another version"}
	}
	return nil
}

func (s *KV) set(c *call, p kvParams) error {
	value, err := io.ReadAll(io.LimitReader(c.body, maxValue+1))
	if err != nil {
		return err
	}
	if len(value) > maxValue {
		return &effect.Error{Kind: effect.ErrLimit, Message: "a value has at most 1 MiB"}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.allow(p); err != nil {
		return err
	}
	s.version++
	e := entry{value: value, version: strconv.Itoa(s.version)}
	if p.TTLMs > 0 {
		e.expires = time.Now().Add(time.Duration(p.TTLMs) * time.Millisecond)
	}
	if s.entries == nil {
		s.entries = map[string]entry{}
	}
	s.entries[p.Key] = e
	return reply(c.w, map[string]string{"version": e.version})
}

func (s *KV) remove(c *call, p kvParams) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.allow(p); err != nil {
		return err
	}
	_, existed := s.at(p.Key)
	delete(s.entries, p.Key)
	return reply(c.w, map[string]bool{"deleted": existed})
}

func (s *KV) list(c *call, p kvParams) error {
	if p.Limit == 0 {
		p.Limit = 100
	}
	if p.Limit < 1 || p.Limit > 1000 {
		return invalid("limit: want 1 to 1000")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	keys, more := []map[string]any{}, false
	for _, key := range slices.Sorted(maps.Keys(s.entries)) {
		e, ok := s.at(key)
		if !ok || !strings.HasPrefix(key, p.Prefix) || key <= p.After {
			continue
		}
		if more = len(keys) == p.Limit; more {
			break
		}
		info := e.info()
		info["key"] = key
		keys = append(keys, info)
	}
	return reply(c.w, map[string]any{"keys": keys, "more": more})
}
