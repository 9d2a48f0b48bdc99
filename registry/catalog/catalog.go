// Package catalog lists servers that somebody recommends, so that they can be
// searched: where they are, what they ask for, and who is said to sign them.
//
// A [Catalog] is published as a signed OCI artifact, see [Push] and [Pull], and
// read in this form strictly, by [Parse]. [Read] takes other forms as well, by
// their content: what a person writes, Docker's MCP catalog files, and answers of
// an MCP Registry. What was read is kept in a [Folder].
//
// A catalog decides nothing. What it says about who signs a package is a hint
// that is shown; the package is verified by the operator's own policy.
package catalog

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/mcpwasm/mcpwasm/internal/wire"
)

// MediaType is the artifact type of a catalog and the media type of its one layer.
const MediaType = "application/vnd.mcpwasm.catalog.v1+json"

// Bounds of a catalog, in bytes and in number.
const (
	// MaxBytes bounds a catalog in every form; a larger one is refused.
	MaxBytes = 8 << 20
	// MaxEntries bounds the entries of a catalog.
	MaxEntries = 10_000
)

// formatVersion is the version of the form of a [Catalog].
const formatVersion = 1

// Catalog is a list of servers. Its JSON form is described by [Schema].
type Catalog struct {
	// Format is the version of this form: 1.
	Format int `json:"catalog"`
	// Name is what the catalog is kept under: [a-z][a-z0-9-]{0,31}.
	Name string `json:"name"`
	// Title and Description are for people, at most 100 and 1000 characters.
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
	// Version follows semver.org 2.0.0, without a leading "v"; it may be missing.
	Version string `json:"version,omitempty"`
	// Created is when this state of the catalog was made, in UTC and whole
	// seconds. A catalog that is published has it: an older one is not taken for
	// a newer one.
	Created time.Time `json:"created,omitzero"`
	// Entries are in ascending order of their names.
	Entries []Entry `json:"entries"`
}

// Entry is one server: a package of ours by its reference, or what a foreign
// catalog says about a server of another kind. At least one of Reference,
// Container, Remotes and Others is there.
type Entry struct {
	// Name identifies the entry in its catalog, without regard to case: letters,
	// digits, ".", "_", "-" and at most one "/", at most 200 characters.
	Name string `json:"name"`
	// Reference is where the package is: "ghcr.io/acme/weather:1.2.0".
	Reference string `json:"reference,omitempty"`
	// Digest is that of the package's OCI manifest, "" where the catalog
	// recommends whatever the reference's tag names.
	Digest string `json:"digest,omitempty"`
	// Version is the server's own, at most 100 characters.
	Version string `json:"version,omitempty"`
	// Title and Description are for people, at most 100 and 1000 characters.
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
	// Tags are at most 50 of at most 64 characters.
	Tags []string `json:"tags,omitempty"`
	// License is an SPDX expression; foreign catalogs have other texts.
	License string `json:"license,omitempty"`
	// Homepage is an http or https URL.
	Homepage string `json:"homepage,omitempty"`
	// Capabilities are what the package asks for, in the short forms of [Short].
	Capabilities []string `json:"capabilities,omitempty"`
	// Trust says who is known to sign the package. It is a hint, see [Hint].
	Trust []Hint `json:"trust,omitempty"`
	// Container is set for a server in a container.
	Container *Container `json:"container,omitempty"`
	// Remotes are where the server runs already.
	Remotes []Remote `json:"remotes,omitempty"`
	// Others are packages of kinds that this program does not run.
	Others []Other `json:"others,omitempty"`
}

// Hint is a signer that the catalog's publisher vouches for: a key, or an
// identity and its issuer. It is shown and proposed to an operator, and trusted
// by nobody because it stands here.
type Hint struct {
	// Key is the fingerprint of a public key: "sha256:" and the hash of its SPKI DER.
	Key string `json:"key,omitempty"`
	// Identity and Issuer are those of a keyless signature's certificate.
	Identity string `json:"identity,omitempty"`
	Issuer   string `json:"issuer,omitempty"`
}

// String returns the hint as [sign.Statement] names a signer.
//
// [sign.Statement]: https://pkg.go.dev/github.com/mcpwasm/mcpwasm/registry/sign#Statement
func (h Hint) String() string {
	if h.Key != "" {
		return "key:" + h.Key
	}
	return h.Identity + " " + h.Issuer
}

// Container is how a server in a container is run, with the members of Docker's
// MCP catalog and of a package in a server.json, unchanged: placeholders such as
// "{{server.path}}" and "{name}" are not replaced here.
type Container struct {
	// Image is the image's reference as the catalog has it: "mcp/time@sha256:…".
	Image string `json:"image,omitempty"`
	// Type is Docker's, where it is not "server": "poci" runs a container for
	// each call of a tool, as Tools say.
	Type string `json:"type,omitempty"`
	// Command is the arguments behind the image.
	Command []string   `json:"command,omitempty"`
	Env     []Variable `json:"env,omitempty"`
	Secrets []Secret   `json:"secrets,omitempty"`
	// Volumes are "source:target[:ro]".
	Volumes []string `json:"volumes,omitempty"`
	User    string   `json:"user,omitempty"`
	// DisableNetwork allows no network; AllowHosts are the only hosts that may
	// be reached, "host:port[/protocol]"; ExtraHosts are "name:address".
	DisableNetwork bool     `json:"disableNetwork,omitempty"`
	AllowHosts     []string `json:"allowHosts,omitempty"`
	ExtraHosts     []string `json:"extraHosts,omitempty"`
	// LongLived keeps one container for a session, not one for each call.
	LongLived bool `json:"longLived,omitempty"`
	// Prefix is put before the names of its tools.
	Prefix string `json:"prefix,omitempty"`
	// Config, Tools and OAuth are Docker's: a list of JSON Schemas of what can be
	// configured, a list of tools, and the providers of authorisation.
	Config json.RawMessage `json:"config,omitempty"`
	Tools  json.RawMessage `json:"tools,omitempty"`
	OAuth  json.RawMessage `json:"oauth,omitempty"`
	// Transport is how the container is spoken to where that is not stdio.
	Transport *Remote `json:"transport,omitempty"`
	// RuntimeArguments and PackageArguments are those of a server.json.
	RuntimeArguments json.RawMessage `json:"runtimeArguments,omitempty"`
	PackageArguments json.RawMessage `json:"packageArguments,omitempty"`
}

// Variable is a variable of a container's environment, or a header.
type Variable struct {
	Name string `json:"name"`
	// Value is fixed; where it is "" somebody gives one, or Default is taken.
	Value       string   `json:"value,omitempty"`
	Default     string   `json:"default,omitempty"`
	Description string   `json:"description,omitempty"`
	Required    bool     `json:"required,omitempty"`
	Secret      bool     `json:"secret,omitempty"` // of a header
	Choices     []string `json:"choices,omitempty"`
	// Variables are what "{name}" in Value stands for, as a server.json has it.
	Variables json.RawMessage `json:"variables,omitempty"`
}

// Secret is a secret that a container gets in a variable of its environment.
type Secret struct {
	// Name is what the catalog calls it: "github.token".
	Name        string `json:"name"`
	Env         string `json:"env"`
	Example     string `json:"example,omitempty"`
	Description string `json:"description,omitempty"`
	Required    bool   `json:"required,omitempty"`
}

// Remote is a server that runs elsewhere.
type Remote struct {
	// Transport is "streamable-http" or "sse".
	Transport string `json:"transport"`
	// URL may have placeholders "{name}", which Variables describe.
	URL       string          `json:"url"`
	Headers   []Variable      `json:"headers,omitempty"`
	Variables json.RawMessage `json:"variables,omitempty"`
	OAuth     json.RawMessage `json:"oauth,omitempty"`
}

// Other is a package of another kind: npm, pypi, nuget, mcpb.
type Other struct {
	Type       string `json:"type"`
	Identifier string `json:"identifier"`
	Version    string `json:"version,omitempty"`
}

// Kind says in a word what an entry is: "package", "container", "remote", or the
// type of the first of its other packages.
func (e *Entry) Kind() string {
	switch {
	case e.Reference != "":
		return "package"
	case e.Container != nil:
		return "container"
	case len(e.Remotes) > 0:
		return "remote"
	case len(e.Others) > 0:
		return e.Others[0].Type
	}
	return ""
}

// Encode returns the canonical form: JSON by RFC 8785, the entries in ascending
// order of their names. It returns an error where [Catalog.Validate] does, or where
// the form is larger than [MaxBytes].
func (c *Catalog) Encode() ([]byte, error) {
	sorted := *c
	sorted.Created = c.Created.UTC().Truncate(time.Second)
	sorted.Entries = slices.Clone(c.Entries)
	if sorted.Entries == nil {
		sorted.Entries = []Entry{}
	}
	slices.SortStableFunc(sorted.Entries, func(a, b Entry) int { return cmp.Compare(a.Name, b.Name) })
	if err := sorted.Validate(); err != nil {
		return nil, err
	}
	data, err := json.Marshal(&sorted)
	if err == nil {
		data, err = wire.Canonical(data)
	}
	if err != nil {
		return nil, fmt.Errorf("encode catalog: %w", err)
	}
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("catalog %q: %d bytes, more than the %d allowed: split it", c.Name, len(data), MaxBytes)
	}
	return data, nil
}

// Parse reads the form that is published, and no other: JSON, of which an unknown
// member is an error that suggests the known one, and [Catalog.Validate] must
// pass.
func Parse(data []byte) (*Catalog, error) {
	tree, err := parseJSON(data)
	if err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	c, err := decodeCatalog(tree)
	if err != nil {
		return nil, err
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return c, nil
}

// decodeCatalog reads our form, of which entries may still be incomplete.
func decodeCatalog(tree *node) (*Catalog, error) {
	var c Catalog
	if err := decodeStrict(tree, &c); err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	return &c, nil
}

// fromText lets a person write a reference in place of an entry.
func (e *Entry) fromText(text string) { e.Reference = text }
