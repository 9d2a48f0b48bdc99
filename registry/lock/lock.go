// Package lock is the file mcpwasm.lock: which packages were approved, under
// which names, exactly as they were when somebody looked at them.
//
// Each server has an [Entry] with the digests of its package and module, who
// vouched for it, what it asked for and was granted, and hashes of its
// definitions. What is started is described anew ([Of]) and compared
// ([Compare]); any difference is for a person to approve.
//
// The file is JSON in one form, so that a change shows in review as what it is.
// Every entry carries a hash over itself: what was altered by accident or by
// hand is not taken for what was approved. Against somebody who can write to the
// file and computes the hash anew, it can be signed ([Sign]).
//
// The package knows nothing of how servers run.
package lock

import (
	"time"

	"github.com/mcpwasm/mcpwasm/plugins"
)

// FileName is how the file is called, and SignatureSuffix what its signature's
// name adds.
const (
	FileName        = "mcpwasm.lock"
	SignatureSuffix = ".sigstore.json"
)

// FormVersion is the version of the file's form that is read and written.
const FormVersion = 1

// Bounds of a file.
const (
	MaxBytes   = 16 << 20
	MaxServers = 1000
	// maxSigners and maxTexts bound the lists of an entry.
	maxSigners = 100
	maxTexts   = 1000
)

// File is what a lock file holds. The zero value is an empty one.
type File struct {
	// Servers by their names, [a-z][a-z0-9-]{0,31}.
	Servers map[string]Entry
}

// Entry is one package as it was approved. Its JSON form has no name: that is
// the key under which it stands.
type Entry struct {
	// Reference is where it comes from: registry/repository:tag, or
	// registry/repository@digest where it was added by its digest alone.
	Reference string `json:"reference"`
	// Digest is what the reference resolved to: the package's OCI manifest, or an
	// index that leads to it.
	Digest string `json:"digest"`
	// Package is who the package says it is; nil for a bare module, which has no
	// manifest.
	Package *Package `json:"package,omitempty"`
	Module  Module   `json:"module"`
	// Signers vouched for the package, ascending, in the form of sign.Statement.
	// None did exactly where Unsigned is set.
	Signers  []string `json:"signers,omitempty"`
	Unsigned bool     `json:"unsigned,omitempty"`
	// Capabilities are what the package asked for, nil where it asked for nothing.
	Capabilities *plugins.Requests `json:"capabilities,omitempty"`
	Definitions  Definitions       `json:"definitions"`
	Grants       Grants            `json:"grants"`
	// Approved is when somebody did, in UTC and whole seconds.
	Approved time.Time `json:"approved"`
	// Integrity is the hash over all of the above and the name ([Seal]).
	Integrity string `json:"integrity"`
}

// Package is what a manifest says a package is.
type Package struct {
	Name    string `json:"name"`
	Version string `json:"version"` // semver.org 2.0.0
}

// Module is the Wasm binary.
type Module struct {
	Digest string `json:"digest"`
	Size   int64  `json:"size"` // bytes
}

// Definitions are hashes over what a server says about itself: "sha256:" and the
// hexadecimal SHA-256 of the canonical JSON (RFC 8785).
type Definitions struct {
	// Digest is over all of it.
	Digest string `json:"digest"`
	// About is over what is not in the lists: serverInfo, capabilities,
	// instructions and caching.
	About string `json:"about"`
	// The definitions of the lists by their keys, see plugins.Definition.
	Tools             map[string]string `json:"tools,omitempty"`
	Prompts           map[string]string `json:"prompts,omitempty"`
	Resources         map[string]string `json:"resources,omitempty"`
	ResourceTemplates map[string]string `json:"resourceTemplates,omitempty"`
}

// Grants are what the operator approved, in the forms of the configuration file.
type Grants struct {
	HTTP    []string          `json:"http,omitempty"`
	Mounts  []string          `json:"mounts,omitempty"`
	KV      string            `json:"kv,omitempty"`
	Secrets map[string]string `json:"secrets,omitempty"`
	Tools   map[string]string `json:"tools,omitempty"`
	// Env are the variables of the environment: "KEY=value", or "KEY" alone for
	// one whose value stands in the configuration file.
	Env []string `json:"env,omitempty"`
	// Clock is the precision of the clocks, as time.Duration writes it.
	Clock string `json:"clock,omitempty"`
}
