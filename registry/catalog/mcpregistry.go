package catalog

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// registry reads an answer of an MCP Registry: {"servers":[{"server":{…},
// "_meta":{…}}],"metadata":{"nextCursor":…}}, or one such server. Older ones have
// the server itself in the list, and "next_cursor".
func (r *Reading) registry(n *node) error {
	r.Catalog = &Catalog{Format: formatVersion}
	if !n.is("servers", kindList) {
		r.listed("server", n)
		return nil
	}
	var top struct {
		Metadata struct {
			NextCursor  string `json:"nextCursor"`
			NextCursor0 string `json:"next_cursor"`
		} `json:"metadata"`
	}
	if err := decodeLenient(n, &top); err != nil {
		return fmt.Errorf("catalog: %w", err)
	}
	r.Next = cmp.Or(top.Metadata.NextCursor, top.Metadata.NextCursor0)
	for i, item := range n.get("servers").items {
		r.listed(fmt.Sprintf("servers[%d]", i), item)
	}
	if count := len(r.Catalog.Entries); count > MaxEntries {
		return fmt.Errorf("catalog: %w", tooMany("entries", count, MaxEntries))
	}
	return nil
}

// listed reads a server with what the registry says about it.
func (r *Reading) listed(where string, n *node) {
	if !n.is("server", kindObject) {
		r.server(where, n)
		return
	}
	var meta struct {
		Meta struct {
			Official struct {
				Status   string `json:"status"`
				IsLatest bool   `json:"isLatest"`
			} `json:"io.modelcontextprotocol.registry/official"`
		} `json:"_meta"`
	}
	if err := decodeLenient(n, &meta); err != nil {
		r.note(where, err)
		return
	}
	e, err := serverEntry(n.get("server"))
	switch status := meta.Meta.Official.Status; {
	case err != nil:
		r.note(where, err)
	case status == "deleted":
		r.note(e.Name, errors.New("the registry says that it is deleted"))
	default:
		if status == "deprecated" {
			e.Tags = append(e.Tags, status)
		}
		r.add(e.Name, e, meta.Meta.Official.IsLatest)
	}
}

// server reads one server.json.
func (r *Reading) server(where string, n *node) {
	e, err := serverEntry(n)
	if err != nil {
		r.note(where, err)
		return
	}
	r.add(cmp.Or(e.Name, where), e, false)
}

func serverEntry(n *node) (Entry, error) {
	if err := beforeCamelCase(n); err != nil {
		return Entry{}, err
	}
	var s ServerJSON
	if err := decodeLenient(n, &s); err != nil {
		return Entry{}, err
	}
	e := Entry{
		Name: s.Name, Version: tidy(s.Version, maxVersion), Title: tidy(s.Title, maxTitle),
		Description: tidy(s.Description, maxDescription), Homepage: tidyLink(s.WebsiteURL),
	}
	if s.Repository != nil {
		e.Homepage = cmp.Or(e.Homepage, tidyLink(s.Repository.URL))
	}
	for _, p := range s.Packages {
		if err := e.addPackage(p); err != nil {
			return Entry{}, err
		}
	}
	for _, t := range s.Remotes {
		e.Remotes = append(e.Remotes, t.remote())
	}
	return e, nil
}

// beforeCamelCase refuses the packages of a server.json of before 2025-09, whose
// members had other names.
func beforeCamelCase(n *node) error {
	if !n.is("packages", kindList) {
		return nil
	}
	for _, p := range n.get("packages").items {
		for _, member := range []string{"registry_name", "registry_type"} {
			if p.get(member) != nil {
				return fmt.Errorf("line %d: a package with %s is of the form of before 2025-09: get the file as the registry has it now, or write it with registryType, identifier, version and transport", p.line, member)
			}
		}
	}
	return nil
}

// addPackage adds a package of a server.json: one of ours is known by its hint,
// an image else is a container.
func (e *Entry) addPackage(p ServerPackage) error {
	switch {
	case p.RegistryType == "oci" && p.RuntimeHint == runtimeHint && e.Reference == "":
		ref, err := oci.ParseReference(p.Identifier)
		if err != nil {
			return err
		}
		e.Reference, e.Digest = p.Identifier, ref.Digest
	case p.RegistryType == "oci" && e.Container == nil:
		e.Container = p.container()
	case p.RegistryType == "":
		return errors.New("a package without a registryType")
	default:
		e.Others = append(e.Others, Other{p.RegistryType, p.Identifier, p.Version})
	}
	return nil
}

// container takes an image over. Before 2025-10 its version stood beside it, as a
// tag or a digest, and its registry as a URL.
func (p *ServerPackage) container() *Container {
	c := &Container{
		Image:            p.Identifier,
		RuntimeArguments: rawList(p.RuntimeArguments),
		PackageArguments: rawList(p.PackageArguments),
	}
	if host := strings.TrimSuffix(strings.TrimPrefix(p.RegistryBaseURL, "https://"), "/"); host != "" && !strings.HasPrefix(p.Identifier, host+"/") {
		c.Image = host + "/" + c.Image
	}
	last := c.Image[strings.LastIndex(c.Image, "/")+1:]
	switch {
	case p.Version == "" || strings.ContainsAny(last, ":@"):
	case strings.HasPrefix(p.Version, "sha256:"):
		c.Image += "@" + p.Version
	default:
		c.Image += ":" + p.Version
	}
	if p.Transport.Type != "" && p.Transport.Type != "stdio" {
		t := p.Transport.remote()
		c.Transport = &t
	}
	for _, v := range p.Environment {
		if v.IsSecret {
			c.Secrets = append(c.Secrets, Secret{Name: v.Name, Env: v.Name, Example: v.Placeholder, Description: tidy(v.Description, maxText), Required: v.IsRequired})
			continue
		}
		c.Env = append(c.Env, v.variable())
	}
	return c
}

func (v *ServerInput) variable() Variable {
	return Variable{
		Name: v.Name, Value: v.Value, Default: v.Default, Description: tidy(v.Description, maxText),
		Required: v.IsRequired, Secret: v.IsSecret, Choices: v.Choices, Variables: v.Variables,
	}
}

func (t *ServerTransport) remote() Remote {
	r := Remote{Transport: t.Type, URL: t.URL, Variables: t.Variables}
	for i := range t.Headers {
		r.Headers = append(r.Headers, t.Headers[i].variable())
	}
	return r
}

// rawList drops an empty list.
func rawList(args []json.RawMessage) json.RawMessage {
	if len(args) == 0 {
		return nil
	}
	raw, err := json.Marshal(args)
	if err != nil {
		return nil // it was parsed
	}
	return raw
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
