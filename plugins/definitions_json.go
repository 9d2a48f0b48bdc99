package plugins

import (
	"encoding/json"
	"fmt"
)

// definitionsJSON is the JSON form of [Definitions]: lists as plain arrays,
// caching hints beside them.
type definitionsJSON struct {
	ServerInfo        json.RawMessage   `json:"serverInfo,omitempty"`
	Capabilities      json.RawMessage   `json:"capabilities,omitempty"`
	Instructions      string            `json:"instructions,omitempty"`
	Tools             []json.RawMessage `json:"tools,omitempty"`
	Prompts           []json.RawMessage `json:"prompts,omitempty"`
	Resources         []json.RawMessage `json:"resources,omitempty"`
	ResourceTemplates []json.RawMessage `json:"resourceTemplates,omitempty"`
	Caching           *cachingJSON      `json:"caching,omitempty"`
}

// cachingJSON holds the caching hints of the lists (MCP 2026-07-28,
// server/utilities/caching).
type cachingJSON struct {
	Tools             *cacheHint `json:"tools,omitempty"`
	Prompts           *cacheHint `json:"prompts,omitempty"`
	Resources         *cacheHint `json:"resources,omitempty"`
	ResourceTemplates *cacheHint `json:"resourceTemplates,omitempty"`
}

type cacheHint struct {
	TTLMillis  *int64 `json:"ttlMs,omitempty"`
	CacheScope string `json:"cacheScope,omitempty"`
}

// MarshalJSON writes the lists as arrays of complete definitions, and their
// caching hints, where there are any, as "caching".
func (d Definitions) MarshalJSON() ([]byte, error) {
	caching := cachingJSON{
		Tools: d.Tools.hint(), Prompts: d.Prompts.hint(),
		Resources: d.Resources.hint(), ResourceTemplates: d.ResourceTemplates.hint(),
	}
	j := definitionsJSON{
		ServerInfo: d.ServerInfo, Capabilities: d.Capabilities, Instructions: d.Instructions,
		Tools: d.Tools.raw(), Prompts: d.Prompts.raw(),
		Resources: d.Resources.raw(), ResourceTemplates: d.ResourceTemplates.raw(),
	}
	if caching != (cachingJSON{}) {
		j.Caching = &caching
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads what [Definitions.MarshalJSON] writes. Lists are sorted; a
// definition without its key, or two with the same one, are an error.
func (d *Definitions) UnmarshalJSON(b []byte) error {
	var j definitionsJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	c := cachingJSON{}
	if j.Caching != nil {
		c = *j.Caching
	}
	out := Definitions{ServerInfo: j.ServerInfo, Capabilities: j.Capabilities, Instructions: j.Instructions}
	for _, l := range []struct {
		list *List
		raw  []json.RawMessage
		name string // of the list
		key  string // member that identifies a definition
		hint *cacheHint
	}{
		{&out.Tools, j.Tools, "tools", "name", c.Tools},
		{&out.Prompts, j.Prompts, "prompts", "name", c.Prompts},
		{&out.Resources, j.Resources, "resources", "uri", c.Resources},
		{&out.ResourceTemplates, j.ResourceTemplates, "resourceTemplates", "uriTemplate", c.ResourceTemplates},
	} {
		if err := l.list.fill(l.name, l.key, l.raw, l.hint); err != nil {
			return err
		}
	}
	*d = out
	return nil
}

func (l *List) raw() []json.RawMessage {
	var raw []json.RawMessage
	for _, d := range l.Items {
		raw = append(raw, d.Raw)
	}
	return raw
}

func (l *List) hint() *cacheHint {
	if l.TTLMillis == nil && l.CacheScope == "" {
		return nil
	}
	return &cacheHint{l.TTLMillis, l.CacheScope}
}

func (l *List) fill(list, key string, raw []json.RawMessage, hint *cacheHint) error {
	for i, r := range raw {
		// A map, because a struct's member would match without regard to case.
		var members map[string]json.RawMessage
		var name string
		if err := json.Unmarshal(r, &members); err != nil {
			return fmt.Errorf("%s[%d]: want an object: %w", list, i, err)
		}
		if json.Unmarshal(members[key], &name) != nil || name == "" {
			return fmt.Errorf("%s[%d]: %s: want a string that is not empty", list, i, key)
		}
		l.Items = append(l.Items, Definition{Key: name, Raw: r})
	}
	l.Sort()
	for i := 1; i < len(l.Items); i++ {
		if l.Items[i].Key == l.Items[i-1].Key {
			return fmt.Errorf("%s: two definitions with the %s %q", list, key, l.Items[i].Key)
		}
	}
	if hint != nil {
		l.TTLMillis, l.CacheScope = hint.TTLMillis, hint.CacheScope
	}
	return nil
}
