package pdk

import (
	"context"
	"encoding/json"
)

// discover answers server/discover.
func (s *Server) discover(context.Context, *params) (any, error) {
	about := map[string]any{"io.modelcontextprotocol/serverInfo": s.info()}
	if s.asked != nil {
		about[capabilitiesKey] = s.asked
	}
	result := map[string]any{
		"resultType":        "complete",
		"supportedVersions": []string{ProtocolVersion},
		"capabilities":      s.capabilities(),
		"_meta":             about,
		"ttlMs":             s.Cache.TTLMillis,
		"cacheScope":        s.Cache.scope(),
	}
	if s.Instructions != "" {
		result["instructions"] = s.Instructions
	}
	return result, nil
}

func (s *Server) info() any {
	return struct {
		Name        string `json:"name"`
		Version     string `json:"version"`
		Title       string `json:"title,omitempty"`
		Description string `json:"description,omitempty"`
		WebsiteURL  string `json:"websiteUrl,omitempty"`
		Icons       []Icon `json:"icons,omitempty"`
	}{s.name, s.version, s.Title, s.Description, s.WebsiteURL, s.Icons}
}

// capabilities declares what the server has; logging is always there.
func (s *Server) capabilities() map[string]any {
	type changes struct {
		Subscribe   bool `json:"subscribe,omitempty"`
		ListChanged bool `json:"listChanged,omitempty"`
	}
	c := map[string]any{"logging": struct{}{}}
	if len(s.tools) > 0 {
		c["tools"] = changes{ListChanged: s.Changes.Tools}
	}
	if len(s.prompts) > 0 {
		c["prompts"] = changes{ListChanged: s.Changes.Prompts}
	}
	if len(s.resources)+len(s.templates) > 0 {
		c["resources"] = changes{s.Changes.Updates, s.Changes.Resources}
	}
	if s.completes {
		c["completions"] = struct{}{}
	}
	if len(s.Extensions) > 0 {
		c["extensions"] = s.Extensions
	}
	return c
}

func (c Cache) scope() string {
	if c.Public {
		return "public"
	}
	return "private"
}

// listResult returns a result with a list and its caching hint.
func listResult(name string, list any, c Cache) any {
	return map[string]any{"resultType": "complete", name: list, "ttlMs": c.TTLMillis, "cacheScope": c.scope()}
}

// list answers one of the list methods. Lists are one page: the host makes
// pages for clients.
func list[T any](s *Server, p *params, name string, items []T, definition func(T) json.RawMessage) (any, error) {
	if p.Cursor != "" {
		return nil, Errorf(CodeInvalidParams, "cursor: this server never gave one out")
	}
	all := make([]json.RawMessage, len(items))
	for i, item := range items {
		all[i] = definition(item)
	}
	return listResult(name, all, s.Cache), nil
}

func (s *Server) listTools(_ context.Context, p *params) (any, error) {
	return list(s, p, "tools", s.tools, func(t tool) json.RawMessage { return t.definition })
}

func (s *Server) listPrompts(_ context.Context, p *params) (any, error) {
	return list(s, p, "prompts", s.prompts, func(v prompt) json.RawMessage { return v.definition })
}

func (s *Server) listResources(_ context.Context, p *params) (any, error) {
	return list(s, p, "resources", s.resources, func(r resource) json.RawMessage { return r.definition })
}

func (s *Server) listTemplates(_ context.Context, p *params) (any, error) {
	return list(s, p, "resourceTemplates", s.templates, func(t template) json.RawMessage { return t.definition })
}
