package catalog

import (
	"encoding/json"
)

// ServerSchema is the URI of the JSON Schema of a server.json that [NewServerJSON]
// writes.
const ServerSchema = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"

// runtimeHint says in a server.json what runs the package.
const runtimeHint = "mcpwasm"

// ServerJSON is a server as it is published in an MCP Registry: the members of
// [ServerSchema] that matter here.
type ServerJSON struct {
	Schema      string            `json:"$schema,omitempty"`
	Name        string            `json:"name"`
	Title       string            `json:"title,omitempty"`
	Description string            `json:"description"`
	Version     string            `json:"version"`
	WebsiteURL  string            `json:"websiteUrl,omitempty"`
	Repository  *ServerRepository `json:"repository,omitempty"`
	Packages    []ServerPackage   `json:"packages,omitempty"`
	Remotes     []ServerTransport `json:"remotes,omitempty"`
}

// ServerRepository is where the source code is.
type ServerRepository struct {
	URL       string `json:"url"`
	Source    string `json:"source"` // the service: "github"
	Subfolder string `json:"subfolder,omitempty"`
}

// ServerPackage is one way to get and run the server.
type ServerPackage struct {
	RegistryType     string            `json:"registryType"`
	RegistryBaseURL  string            `json:"registryBaseUrl,omitempty"`
	Identifier       string            `json:"identifier"`
	Version          string            `json:"version,omitempty"`
	RuntimeHint      string            `json:"runtimeHint,omitempty"`
	Transport        ServerTransport   `json:"transport"`
	RuntimeArguments []json.RawMessage `json:"runtimeArguments,omitempty"`
	PackageArguments []json.RawMessage `json:"packageArguments,omitempty"`
	Environment      []ServerInput     `json:"environmentVariables,omitempty"`
}

// ServerTransport is how the server is spoken to.
type ServerTransport struct {
	Type      string          `json:"type"`
	URL       string          `json:"url,omitempty"`
	Headers   []ServerInput   `json:"headers,omitempty"`
	Variables json.RawMessage `json:"variables,omitempty"`
}

// ServerInput is a variable of the environment, or a header.
type ServerInput struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	IsRequired  bool            `json:"isRequired,omitempty"`
	IsSecret    bool            `json:"isSecret,omitempty"`
	Value       string          `json:"value,omitempty"`
	Default     string          `json:"default,omitempty"`
	Placeholder string          `json:"placeholder,omitempty"`
	Choices     []string        `json:"choices,omitempty"`
	Variables   json.RawMessage `json:"variables,omitempty"`
}
