package pdk

import (
	"context"
	"encoding/json"
	"fmt"
)

// Resource is what a resource says about itself (MCP schema, "Resource").
type Resource struct {
	URI         string         `json:"uri"`
	Name        string         `json:"name"`
	Title       string         `json:"title,omitempty"`
	Description string         `json:"description,omitempty"`
	MIMEType    string         `json:"mimeType,omitempty"`
	Size        int64          `json:"size,omitempty"` // bytes, 0 for unsaid
	Icons       []Icon         `json:"icons,omitempty"`
	Annotations *Annotations   `json:"annotations,omitempty"`
	Meta        map[string]any `json:"_meta,omitempty"`
	// Cache says for how long what was read may be kept; nil as the server's.
	Cache *Cache `json:"-"`
}

// ResourceTemplate describes resources whose URIs follow a pattern (MCP schema,
// "ResourceTemplate").
type ResourceTemplate struct {
	// URITemplate holds variables in braces, "notes://{folder}/{name}", RFC 6570
	// level 1; {+path} (level 2) also matches slashes.
	URITemplate string         `json:"uriTemplate"`
	Name        string         `json:"name"`
	Title       string         `json:"title,omitempty"`
	Description string         `json:"description,omitempty"`
	MIMEType    string         `json:"mimeType,omitempty"`
	Icons       []Icon         `json:"icons,omitempty"`
	Annotations *Annotations   `json:"annotations,omitempty"`
	Meta        map[string]any `json:"_meta,omitempty"`
	// Complete suggests values by variable.
	Complete map[string]Completer `json:"-"`
	// Cache says for how long what was read may be kept; nil as the server's.
	Cache *Cache `json:"-"`
}

// ResourceHandler reads a resource; variables holds the values of a template's
// variables. Nil contents mean that there is no such resource.
type ResourceHandler func(ctx context.Context, uri string, variables map[string]string) ([]ResourceContents, error)

type resource struct {
	Resource
	definition json.RawMessage
	read       ResourceHandler
}

type template struct {
	ResourceTemplate
	definition json.RawMessage
	pattern    pattern
	read       ResourceHandler
}

// AddResource adds a resource. It panics if URI or name is empty or the URI is
// taken.
func (s *Server) AddResource(r Resource, handler ResourceHandler) {
	if r.URI == "" || r.Name == "" {
		panic("pdk: a resource needs a URI and a name")
	}
	if _, ok := s.resourceByURI[r.URI]; ok {
		panic(fmt.Sprintf("pdk: resource %q is added twice", r.URI))
	}
	s.resourceByURI[r.URI] = len(s.resources)
	s.resources = append(s.resources, resource{r, mustEncode(r), handler})
}

// AddResourceTemplate adds a template. Where several match a URI, the one that
// was added first reads it; a resource goes before all templates. It panics if
// the template is malformed or has no name.
func (s *Server) AddResourceTemplate(t ResourceTemplate, handler ResourceHandler) {
	p, err := parsePattern(t.URITemplate)
	if err != nil || t.Name == "" {
		panic(fmt.Sprintf("pdk: resource template %q, name %q: it needs a name and a valid template: %v", t.URITemplate, t.Name, err))
	}
	for name := range t.Complete {
		if !p.has(name) {
			panic(fmt.Sprintf("pdk: resource template %q: completes %q, which is none of its variables", t.URITemplate, name))
		}
	}
	s.completes = s.completes || len(t.Complete) > 0
	s.templates = append(s.templates, template{t, mustEncode(t), p, handler})
}

// readResource answers resources/read.
func (s *Server) readResource(ctx context.Context, p *params) (any, error) {
	if i, ok := s.resourceByURI[p.URI]; ok {
		r := s.resources[i]
		contents, err := r.read(ctx, p.URI, nil)
		return s.readResult(contents, err, p.URI, r.MIMEType, r.Cache)
	}
	for _, t := range s.templates {
		if variables, ok := t.pattern.match(p.URI); ok {
			contents, err := t.read(ctx, p.URI, variables)
			return s.readResult(contents, err, p.URI, t.MIMEType, t.Cache)
		}
	}
	return nil, resourceNotFound(p.URI)
}

func (s *Server) readResult(contents []ResourceContents, err error, uri, mimeType string, cache *Cache) (any, error) {
	if err != nil {
		return nil, err
	}
	if contents == nil {
		return nil, resourceNotFound(uri)
	}
	filled := make([]ResourceContents, len(contents))
	for i, c := range contents {
		if c.URI == "" {
			c.URI = uri
		}
		if c.MIMEType == "" {
			c.MIMEType = mimeType
		}
		filled[i] = c
	}
	if cache == nil {
		cache = &s.Cache
	}
	return listResult("contents", filled, *cache), nil
}
