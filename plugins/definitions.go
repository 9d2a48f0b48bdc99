package plugins

import (
	"cmp"
	"encoding/json"
	"slices"
)

// Definition is one tool, prompt, resource or resource template, complete and
// unchanged, with the key that identifies it in its list.
type Definition struct {
	// Key is the name of a tool or prompt, the uri of a resource, the
	// uriTemplate of a template.
	Key string
	// Raw is the definition as the server wrote it, fields unknown to this
	// host included.
	Raw json.RawMessage
}

// MarshalJSON returns the definition's own bytes.
func (d Definition) MarshalJSON() ([]byte, error) { return d.Raw, nil }

// List is a list of definitions in ascending order of their keys.
type List struct {
	Items []Definition
	// TTLMillis and CacheScope are the server's caching hints for the list,
	// or nil and "" where it gave none (MCP 2026-07-28, server/utilities/caching).
	TTLMillis  *int64
	CacheScope string
}

// Sort orders the items by key, so that a list is the same however the server
// enumerated it.
func (l *List) Sort() {
	slices.SortStableFunc(l.Items, func(a, b Definition) int { return cmp.Compare(a.Key, b.Key) })
}

// Find returns the definition with the given key.
func (l *List) Find(key string) (Definition, bool) {
	i, ok := slices.BinarySearchFunc(l.Items, key, func(d Definition, k string) int { return cmp.Compare(d.Key, k) })
	if !ok {
		return Definition{}, false
	}
	return l.Items[i], true
}

// Definitions is everything that a server says about itself before it is
// called. It is data: it is read once, can be pinned, and is what lists are
// answered from.
type Definitions struct {
	ServerInfo        json.RawMessage `json:"serverInfo,omitempty"`   // MCP Implementation object
	Capabilities      json.RawMessage `json:"capabilities,omitempty"` // MCP ServerCapabilities object
	Instructions      string          `json:"instructions,omitempty"`
	Tools             List            `json:"tools"`
	Prompts           List            `json:"prompts"`
	Resources         List            `json:"resources"`
	ResourceTemplates List            `json:"resourceTemplates"`
}
