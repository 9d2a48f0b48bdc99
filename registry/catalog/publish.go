package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/pack"
)

// Bounds of a server.json, in characters, as [ServerSchema] has them.
const (
	maxServerName        = 200
	maxServerDescription = 100
	maxServerVersion     = 255
)

var (
	formServerName = regexp.MustCompile(`^[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+$`)
	// formRepository is a repository's page at a service that the registry knows.
	formRepository = regexp.MustCompile(`^https://(github|gitlab)\.com/[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$`)
)

// ErrNoDescription is wrapped by the error about a server.json without a description.
var ErrNoDescription = errors.New("description: missing: the manifest has none")

// NewServerJSON writes the server.json of a package that was pushed: what the
// package's own manifest says, and where it is. The reference has a digest.
// description replaces the manifest's, unless it is "". Notes say in one line each
// what was left out or cut.
func NewServerJSON(m *plugins.Manifest, ref oci.Reference, description string) (s *ServerJSON, notes []string, err error) {
	if m == nil {
		return nil, nil, errors.New("the package has no manifest: build it with mcpwasm build")
	}
	if !oci.IsDigest(ref.Digest) {
		return nil, nil, fmt.Errorf("reference %q: want a digest", ref)
	}
	s = &ServerJSON{
		Schema: ServerSchema, Name: m.Name, Title: m.Title, Version: m.Version,
		Description: description,
		Packages: []ServerPackage{{
			RegistryType: "oci", Identifier: identifier(ref), RuntimeHint: runtimeHint,
			Transport:        ServerTransport{Type: "stdio"},
			RuntimeArguments: []json.RawMessage{json.RawMessage(`{"type":"positional","value":"run"}`)},
			Environment:      environment(m.Capabilities),
		}},
	}
	if s.Description == "" {
		if s.Description = tidy(m.Description, maxServerDescription); s.Description != m.Description {
			notes = append(notes, fmt.Sprintf("the description was shortened to %d characters", maxServerDescription))
		}
	}
	if note := s.setSource(m.Source); note != "" {
		notes = append(notes, note)
	}
	return s, notes, s.Validate()
}

// identifier names the package by its digest; a tag is for people, but for one
// that moves.
func identifier(ref oci.Reference) string {
	if ref.Tag == "latest" {
		ref.Tag = ""
	}
	return ref.String()
}

// environment lists what a person gives the server.
func environment(r *plugins.Requests) []ServerInput {
	if r == nil {
		return nil
	}
	var list []ServerInput
	for _, e := range r.Env {
		list = append(list, ServerInput{Name: e.Name, Description: e.Reason, IsRequired: !e.Optional})
	}
	for _, s := range r.Secrets {
		list = append(list, ServerInput{Name: s.Name, Description: s.Reason, IsRequired: !s.Optional, IsSecret: true})
	}
	return list
}

// setSource says where the source code is: the registry takes repositories of
// services that it knows, and everything else is a website.
func (s *ServerJSON) setSource(source string) (note string) {
	if source == "" {
		return "the manifest names no source: the server.json has no repository"
	}
	trimmed := strings.TrimSuffix(strings.TrimSuffix(source, "/"), ".git")
	if m := formRepository.FindStringSubmatch(trimmed); m != nil {
		s.Repository = &ServerRepository{URL: trimmed, Source: m[1]}
		return ""
	}
	s.WebsiteURL = source
	return fmt.Sprintf("the source %s is no repository at github.com or gitlab.com: it became the website", source)
}

// Validate checks what [ServerSchema] says of the members, and what the MCP
// Registry checks beyond that: docs/reference/server-json in
// github.com/modelcontextprotocol/registry.
func (s *ServerJSON) Validate() error {
	switch n := utf8.RuneCountInString(s.Description); {
	case len(s.Name) > maxServerName || !formServerName.MatchString(s.Name):
		return fmt.Errorf("server.json: name: %q: want a reverse domain name, one \"/\" and a name, such as io.github.someone/weather: name the package so when it is built", s.Name)
	case n == 0:
		return fmt.Errorf("server.json: %w", ErrNoDescription)
	case n > maxServerDescription:
		return fmt.Errorf("server.json: description: %d characters, more than the %d allowed", n, maxServerDescription)
	case utf8.RuneCountInString(s.Title) > maxTitle:
		return fmt.Errorf("server.json: title: more than the %d characters allowed", maxTitle)
	case len(s.Version) > maxServerVersion || !isVersion(s.Version):
		return fmt.Errorf("server.json: version: %q: want a semantic version", s.Version)
	}
	for _, link := range []string{s.WebsiteURL, repositoryURL(s.Repository)} {
		if u, err := url.Parse(link); link != "" && (err != nil || u.Scheme != "https") {
			return fmt.Errorf("server.json: %q: want an https URL", link)
		}
	}
	for i, p := range s.Packages {
		if err := p.validate(); err != nil {
			return fmt.Errorf("server.json: packages[%d].%w", i, err)
		}
	}
	return nil
}

func repositoryURL(r *ServerRepository) string {
	if r == nil {
		return ""
	}
	return r.URL
}

// validate checks a package in a registry: its version stands in the identifier,
// and nowhere else.
func (p *ServerPackage) validate() error {
	switch {
	case p.RegistryType != "oci":
		return fmt.Errorf("registryType: %q: want oci", p.RegistryType)
	case p.Version != "" || p.RegistryBaseURL != "":
		return errors.New("version: a package of type oci has version and registry in its identifier")
	case p.Transport.Type != "stdio":
		return fmt.Errorf("transport: %q: want stdio", p.Transport.Type)
	}
	if _, err := oci.ParseReference(p.Identifier); err != nil {
		return fmt.Errorf("identifier: %w", err)
	}
	for i, v := range p.Environment {
		if v.Name == "" {
			return fmt.Errorf("environmentVariables[%d].name: missing", i)
		}
	}
	return nil
}

// listedRegistries are those from which the MCP Registry takes packages; a "*."
// stands for every name below.
var listedRegistries = []string{"docker.io", "ghcr.io", "mcr.microsoft.com", "*.azurecr.io", "*.pkg.dev"}

// CheckServerName makes sure that a package says that it belongs to the server of a
// name, as the MCP Registry does: by a label of its config. An annotation is for
// people, and must not say something else. An error about that wraps [ErrCatalog].
func CheckServerName(ctx context.Context, src oci.Source, l *pack.Listing, name string) error {
	label, err := serverLabel(ctx, src, l)
	switch have := l.Manifest.Annotations[pack.AnnotationServerName]; {
	case err != nil:
		return err
	case label == "":
		return unfit{fmt.Errorf("the package's config has no label %s, which the MCP Registry asks for: build it again with mcpwasm build", pack.AnnotationServerName)}
	case label != name:
		return unfit{fmt.Errorf("the label %s is %q: want %q", pack.AnnotationServerName, label, name)}
	case have != "" && have != name:
		return unfit{fmt.Errorf("the annotation %s is %q: want %q", pack.AnnotationServerName, have, name)}
	}
	return nil
}

// Demands says in one line each what the MCP Registry asks for that is not seen, or
// not met, here.
func Demands(s *ServerJSON, ref oci.Reference) []string {
	namespace, _, _ := strings.Cut(s.Name, "/")
	lines := []string{
		fmt.Sprintf("whoever publishes it proves to own %s, by mcp-publisher login", namespace),
		"everybody can pull the package, without logging in",
	}
	if !isListed(ref.Registry) {
		lines = append(lines, fmt.Sprintf("the official one takes packages from %s, and not from %s", strings.Join(listedRegistries, ", "), ref.Registry))
	}
	return lines
}

func isListed(host string) bool {
	for _, listed := range listedRegistries {
		suffix, wild := strings.CutPrefix(listed, "*")
		if host == listed || wild && strings.HasSuffix(host, suffix) && len(host) > len(suffix) {
			return true
		}
	}
	return false
}

// maxConfigBytes bounds a package's config.
const maxConfigBytes = 1 << 20

// serverLabel reads the label of the config that the MCP Registry looks at.
func serverLabel(ctx context.Context, src oci.Source, l *pack.Listing) (string, error) {
	content, err := read(ctx, src, l.Manifest.Config, maxConfigBytes)
	if err != nil {
		return "", fmt.Errorf("read the package's config: %w", err)
	}
	var config struct {
		Config struct{ Labels map[string]string }
	}
	if err := json.Unmarshal(content, &config); err != nil {
		return "", nil // a config of another kind has no labels
	}
	return config.Config.Labels[pack.AnnotationServerName], nil
}
