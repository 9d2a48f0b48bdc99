package catalog

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// dockerServer is an entry of Docker's MCP catalog, as far as it matters here
// (github.com/docker/mcp-gateway, pkg/catalog/types.go).
type dockerServer struct {
	Name           string           `json:"name"`
	Type           string           `json:"type"`
	Image          string           `json:"image"`
	Title          string           `json:"title"`
	Description    string           `json:"description"`
	Readme         string           `json:"readme"`
	Upstream       string           `json:"upstream"`
	Source         string           `json:"source"`
	LongLived      bool             `json:"longLived"`
	Remote         dockerRemote     `json:"remote"`
	SSEEndpoint    string           `json:"sseEndpoint"`
	OAuth          json.RawMessage  `json:"oauth"`
	Secrets        []Secret         `json:"secrets"`
	Env            []dockerVariable `json:"env"`
	Command        []string         `json:"command"`
	Volumes        []string         `json:"volumes"`
	User           string           `json:"user"`
	DisableNetwork bool             `json:"disableNetwork"`
	AllowHosts     []string         `json:"allowHosts"`
	ExtraHosts     []string         `json:"extraHosts"`
	Prefix         string           `json:"prefix"`
	Config         json.RawMessage  `json:"config"`
	Tools          json.RawMessage  `json:"tools"`
	Metadata       struct {
		Category string   `json:"category"`
		Tags     []string `json:"tags"`
		License  string   `json:"license"`
		Owner    string   `json:"owner"`
	} `json:"metadata"`
}

type dockerVariable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dockerRemote struct {
	URL       string            `json:"url"`
	Transport string            `json:"transport_type"`
	Headers   map[string]string `json:"headers"`
}

// docker reads both forms: the map "registry", and the list "servers" whose
// entries have a snapshot.
func (r *Reading) docker(n *node) error {
	var top struct {
		Name        string `json:"name"`
		DisplayName string `json:"displayName"`
		Title       string `json:"title"`
	}
	if err := decodeLenient(n, &top); err != nil {
		return fmt.Errorf("catalog: %w", err)
	}
	r.Catalog = &Catalog{Format: formatVersion, Title: tidy(top.DisplayName+top.Title, maxTitle)}
	if IsName(top.Name) {
		r.Catalog.Name = top.Name
	}
	if list := n.get("registry"); list != nil {
		for _, m := range list.members {
			r.dockerEntry(m.name, m.value)
		}
	} else {
		for i, s := range n.get("servers").items {
			r.dockerSnapshot(i, s)
		}
	}
	if count := len(r.Catalog.Entries); count > MaxEntries {
		return fmt.Errorf("catalog: %w", tooMany("entries", count, MaxEntries))
	}
	return nil
}

func (r *Reading) dockerSnapshot(i int, n *node) {
	where := fmt.Sprintf("servers[%d]", i)
	snapshot := n.get("snapshot")
	if snapshot == nil || !snapshot.is("server", kindObject) || !snapshot.get("server").is("name", kindText) {
		r.note(where, errors.New("it has no snapshot of the server"))
		return
	}
	server := snapshot.get("server")
	r.dockerEntry(server.get("name").text, server)
}

func (r *Reading) dockerEntry(name string, n *node) {
	var s dockerServer
	if err := decodeLenient(n, &s); err != nil {
		r.note(name, err)
		return
	}
	e := Entry{
		Name: name, Title: tidy(s.Title, maxTitle), Description: tidy(s.Description, maxDescription),
		Tags: tidyTags(append([]string{s.Metadata.Category}, s.Metadata.Tags...)...), License: tidy(s.Metadata.License, maxLicense),
	}
	for _, url := range []string{s.Upstream, s.Source, s.Readme} {
		if e.Homepage == "" {
			e.Homepage = tidyLink(url)
		}
	}
	if err := s.place(&e); err != nil {
		r.note(name, err)
		return
	}
	r.add(name, e, false)
}

// place says where the server is: in a container, elsewhere, or both.
func (s *dockerServer) place(e *Entry) error {
	switch s.Type {
	case "", "server", "remote", "poci":
	default:
		return fmt.Errorf("type %q: want server, remote or poci", s.Type)
	}
	if remote, err := s.remote(); err != nil {
		return err
	} else if remote != nil {
		e.Remotes = []Remote{*remote}
		if s.Image == "" {
			e.Remotes[0].OAuth = s.OAuth
			return nil
		}
	}
	if s.Image == "" && s.Type != "poci" {
		return errors.New("it has neither an image nor the URL of a remote server")
	}
	e.Container = s.container()
	return nil
}

func (s *dockerServer) container() *Container {
	c := &Container{
		Image: s.Image, Command: s.Command, Secrets: s.Secrets, Volumes: s.Volumes, User: s.User,
		DisableNetwork: s.DisableNetwork, AllowHosts: s.AllowHosts, ExtraHosts: s.ExtraHosts, LongLived: s.LongLived,
		Prefix: s.Prefix, Config: s.Config, Tools: s.Tools, OAuth: s.OAuth,
	}
	if s.Type == "poci" {
		c.Type = s.Type
	}
	for _, v := range s.Env {
		c.Env = append(c.Env, Variable{Name: v.Name, Value: v.Value})
	}
	for i := range c.Secrets {
		c.Secrets[i].Description = tidy(c.Secrets[i].Description, maxText)
	}
	return c
}

// remote is where the server runs already; the endpoint of server-sent events is
// the older form.
func (s *dockerServer) remote() (*Remote, error) {
	r := &Remote{URL: s.Remote.URL}
	switch transport := strings.ToLower(s.Remote.Transport); {
	case s.Remote.URL == "" && s.SSEEndpoint == "":
		return nil, nil
	case s.Remote.URL == "":
		r.URL, r.Transport = s.SSEEndpoint, "sse"
	case transport == "sse":
		r.Transport = "sse"
	case transport == "", transport == "http", transport == "streaming", transport == "streamable-http", transport == "streamable":
		r.Transport = "streamable-http"
	default:
		return nil, fmt.Errorf("remote.transport_type: %q: want http or sse", s.Remote.Transport)
	}
	for _, name := range sortedKeys(s.Remote.Headers) {
		r.Headers = append(r.Headers, Variable{Name: name, Value: s.Remote.Headers[name]})
	}
	// What stands for a secret in a header is said among the secrets.
	for _, secret := range s.Secrets {
		for i := range r.Headers {
			if strings.Contains(r.Headers[i].Value, "${"+secret.Env+"}") {
				r.Headers[i].Secret = true
			}
		}
	}
	return r, nil
}
