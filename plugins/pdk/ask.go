package pdk

// capabilitiesKey is where server/discover says what a server asks for, in the
// result's _meta (docs/guest-contract.md, "The message").
const capabilitiesKey = "mcpwasm/capabilities"

// Ask says what the server asks the operator for, for the package's manifest, in
// the shape of its member capabilities. It grants nothing: a server gets what was
// granted as well, and has to live with a denial. Call it once, in an init
// function; a second call panics.
func (s *Server) Ask(c Capabilities) {
	if s.asked != nil {
		panic("pdk: Ask was called twice")
	}
	s.asked = &c
}

// Capabilities are what a server asks for. In each, Reason says what it is for in
// one line of at most 200 characters, for the person who grants it, and Optional
// that the server is of use without.
type Capabilities struct {
	HTTP    []HTTPAsk   `json:"http,omitempty"`
	Files   []FilesAsk  `json:"files,omitempty"`
	KV      *KVAsk      `json:"kv,omitempty"`
	Secrets []SecretAsk `json:"secrets,omitempty"`
	Env     []EnvAsk    `json:"env,omitempty"`
	// Clock and Random are there unless an operator wants runs that repeat
	// exactly; asking says that the server is of no use without.
	Clock  *PlainAsk `json:"clock,omitempty"`
	Random *PlainAsk `json:"random,omitempty"`
}

// HTTPAsk asks for requests to a host.
type HTTPAsk struct {
	// Host is a name or an IP address (IPv6 in brackets). A label "*" stands
	// for one label, "*" alone for any host.
	Host string `json:"host"`
	// Scheme is "https", the default, or "http".
	Scheme string `json:"scheme,omitempty"`
	// Ports default to the scheme's own.
	Ports []int `json:"ports,omitempty"`
	// Methods in upper case; default: GET and HEAD.
	Methods []string `json:"methods,omitempty"`
	// Paths are prefixes by whole segments; default: every path.
	Paths    []string `json:"paths,omitempty"`
	Reason   string   `json:"reason,omitempty"`
	Optional bool     `json:"optional,omitempty"`
}

// FilesAsk asks for a folder of the operator's choice.
type FilesAsk struct {
	// Path is where the server sees it: absolute and clean.
	Path string `json:"path"`
	// Access is "ro", the default, or "rw".
	Access string `json:"access,omitempty"`
	// QuotaBytes is the room that the server expects, 0 for no expectation.
	QuotaBytes int64  `json:"quotaBytes,omitempty"`
	Reason     string `json:"reason,omitempty"`
	Optional   bool   `json:"optional,omitempty"`
}

// KVAsk asks for the key-value store, package kv.
type KVAsk struct {
	// Access is "ro" or "rw", the default.
	Access string `json:"access,omitempty"`
	// QuotaBytes is the room that the server expects, 0 for no expectation.
	QuotaBytes int64  `json:"quotaBytes,omitempty"`
	Reason     string `json:"reason,omitempty"`
	Optional   bool   `json:"optional,omitempty"`
}

// SecretAsk asks for the use of a secret, [Secret].
type SecretAsk struct {
	// Name has letters, digits, "_" and "-".
	Name string `json:"name"`
	// Hosts are where it is sent to, "host" or "host:port".
	Hosts []string `json:"hosts"`
	// In are the places of a request where it may stand: "header", "query",
	// "body"; default: header.
	In       []string `json:"in,omitempty"`
	Reason   string   `json:"reason,omitempty"`
	Optional bool     `json:"optional,omitempty"`
}

// EnvAsk asks for an environment variable.
type EnvAsk struct {
	Name     string `json:"name"`
	Reason   string `json:"reason,omitempty"`
	Optional bool   `json:"optional,omitempty"`
}

// PlainAsk asks for something that has no details.
type PlainAsk struct {
	Reason   string `json:"reason,omitempty"`
	Optional bool   `json:"optional,omitempty"`
}
