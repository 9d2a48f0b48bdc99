package plugins

import (
	_ "embed"
	"encoding/json"
)

// MaxManifestBytes bounds a manifest; [ParseManifest] refuses a larger one.
const MaxManifestBytes = 8 << 20

// Manifest is what a package says about itself: who it is, which capabilities it
// asks for, and its definitions, complete. It is data that a signature can
// cover: lists are answered from it without running the guest. What is asked for
// is granted by an operator, never by the manifest.
//
// Its JSON form is described by [ManifestSchema]. [ParseManifest] reads it.
type Manifest struct {
	// Contract is the version of the guest contract that the package was built
	// for, see [ContractVersion].
	Contract int `json:"contract"`
	// Name identifies the package wherever it is listed: letters, digits, ".",
	// "_" and "-", with at most one "/" behind a reverse domain name, as in the
	// MCP Registry's server.json: "io.github.someone/weather". At most 200
	// characters.
	Name string `json:"name"`
	// Version follows semver.org 2.0.0, without a leading "v".
	Version string `json:"version"`
	// Title is the name for people, at most 100 characters.
	Title string `json:"title,omitempty"`
	// Description is one paragraph for people, at most 1000 characters.
	Description string `json:"description,omitempty"`
	// License is an SPDX licence expression: "Apache-2.0".
	License string `json:"license,omitempty"`
	// Source is where the source code is: an https URL.
	Source string `json:"source,omitempty"`
	// Authors are people or organisations, as they like to be named.
	Authors []string `json:"authors,omitempty"`
	// Capabilities are what the package asks for; nil asks for nothing.
	Capabilities *Requests `json:"capabilities,omitempty"`
	// Definitions are what the server offers; without any it offers nothing.
	Definitions Definitions `json:"definitions"`
}

// Requests are the capabilities that a package asks for. A guest holds what was
// asked for and granted, and nothing else.
type Requests struct {
	HTTP    []HTTPRequest   `json:"http,omitempty"`
	Files   []FilesRequest  `json:"files,omitempty"`
	KV      *KVRequest      `json:"kv,omitempty"`
	Secrets []SecretRequest `json:"secrets,omitempty"`
	Env     []EnvRequest    `json:"env,omitempty"`
	// Clock asks for the time of day; Random for unpredictable numbers. They
	// are on unless an operator wants runs that repeat exactly; asking says
	// that the server is of no use without.
	Clock  *PlainRequest `json:"clock,omitempty"`
	Random *PlainRequest `json:"random,omitempty"`
}

// HTTPRequest asks for outbound HTTP requests to hosts.
type HTTPRequest struct {
	// Host is a host name or an IP address (IPv6 in brackets). A label "*"
	// stands for exactly one label: "*.example.com". "*" alone is any host, for
	// servers that fetch what they are told to.
	Host string `json:"host"`
	// Scheme is "https" (the default) or "http".
	Scheme string `json:"scheme,omitempty"`
	// Ports default to the scheme's own.
	Ports []int `json:"ports,omitempty"`
	// Methods are in upper case; default: GET and HEAD.
	Methods []string `json:"methods,omitempty"`
	// Paths are prefixes by whole segments ("/v1" covers "/v1" and "/v1/x", not
	// "/v10"); default: every path.
	Paths []string `json:"paths,omitempty"`
	PlainRequest
}

// FilesRequest asks for a folder of the operator's choice.
type FilesRequest struct {
	// Path is where the guest sees it: absolute and clean, "/data".
	Path string `json:"path"`
	// Access is "ro" (the default) or "rw".
	Access string `json:"access,omitempty"`
	// QuotaBytes is the room that the guest expects for what it writes; 0 for no
	// expectation.
	QuotaBytes int64 `json:"quotaBytes,omitempty"`
	PlainRequest
}

// KVRequest asks for the key-value store.
type KVRequest struct {
	// Access is "ro" or "rw" (the default).
	Access string `json:"access,omitempty"`
	// QuotaBytes is the room that the guest expects; 0 for no expectation.
	QuotaBytes int64 `json:"quotaBytes,omitempty"`
	PlainRequest
}

// SecretRequest asks for the use of a secret: the guest names it, the host puts
// its value into requests to the hosts listed here, and the guest never sees it.
type SecretRequest struct {
	// Name is how the guest names it: letters, digits, "_" and "-".
	Name string `json:"name"`
	// Hosts are the hosts that it is sent to, "host" or "host:port".
	Hosts []string `json:"hosts"`
	// In are the places of a request where it may stand: "header", "query",
	// "body"; default: header.
	In []string `json:"in,omitempty"`
	PlainRequest
}

// EnvRequest asks for an environment variable.
type EnvRequest struct {
	// Name has letters, digits and "_" and does not start with a digit.
	Name string `json:"name"`
	PlainRequest
}

// PlainRequest is what every request says to the person who grants it.
type PlainRequest struct {
	// Reason says what it is for, in one line of at most 200 characters.
	Reason string `json:"reason,omitempty"`
	// Optional requests may be denied without making the server useless.
	Optional bool `json:"optional,omitempty"`
}

// ManifestSchema returns the JSON Schema (2020-12) of a [Manifest]. It says all
// that [ParseManifest] checks, but that keys of definitions are unique, that
// names within the requests are, and what JSON Schema takes for granted (no
// duplicate members).
func ManifestSchema() json.RawMessage { return []byte(manifestSchema) }

//go:embed manifest.schema.json
var manifestSchema string

// ParseManifest reads a manifest strictly: an unknown key is an error that
// suggests the known one, a member may not stand twice (nor twice but for its
// case), and [Manifest.Validate] must pass. Errors of the form name the line and
// column, errors of the content the path.
func ParseManifest(data []byte) (*Manifest, error) {
	var m Manifest
	if err := decodeStrict(data, &m); err != nil {
		return nil, err
	}
	if err := m.Validate(); err != nil {
		return nil, err
	}
	return &m, nil
}
