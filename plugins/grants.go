package plugins

// Grants are what an operator gives a server. The zero value is nothing. A guest
// holds what was granted and, where its package has a manifest, asked for as
// well ([Grants.Narrow]). Every grant has a form that people write, which its
// String returns and its parser reads; [Grants.Validate] says whether they hold
// together.
type Grants struct {
	HTTP    []HTTPGrant
	Mounts  []MountGrant
	KV      *KVGrant
	Secrets []SecretGrant
	// Tools override what a tool's hints say, by the tool's name.
	Tools map[string]Access
}

// HTTPGrant lets a server send requests to hosts.
type HTTPGrant struct {
	// Methods in upper case; none is every method.
	Methods []string
	// Scheme is "https" or "http"; "" is https, and for addresses of this
	// machine (127.0.0.0/8, ::1, localhost) http as well.
	Scheme string
	// Host is a name in lower-case ASCII whose labels may each be "*", "*" alone
	// for every name, or an IP address as netip.Addr writes it. Only a grant by
	// address reaches an address that is not public; "localhost" is one of
	// 127.0.0.1 and ::1.
	Host string
	// Port, 0 for the scheme's own.
	Port int
	// Path is a prefix by whole segments, "" for every path.
	Path string
}

// MountGrant lets a server see a folder of the host.
type MountGrant struct {
	// Source is the host's folder, Path where the guest sees it: absolute and
	// clean.
	Source, Path string
	Access       Access
	// QuotaBytes bounds what the folder may hold in all, 0 for the default.
	QuotaBytes int64
}

// Access to a mount or a store.
type Access string

// The kinds of access. "" is not one: whoever reads it has a default.
const (
	ReadOnly  Access = "ro"
	ReadWrite Access = "rw"
)

// KVGrant lets a server keep data.
type KVGrant struct {
	Access Access // default rw
	// QuotaBytes bounds keys and values together, 0 for the default.
	QuotaBytes int64
}

// SecretGrant lets a server use a secret that it never sees.
type SecretGrant struct {
	// Name is how the guest names it: letters, digits, "_" and "-", at most 64.
	Name string
	// Provider is where the value comes from: "store", "env", "file" or
	// "command"; Ref is what the provider takes: a name, a variable, a path, a
	// command line.
	Provider, Ref string
	// Hosts are what it is sent to: "host" or "host:port", the host as in
	// [HTTPGrant] but without wildcards, and an IPv6 address in brackets. Without
	// a port it is the scheme's own.
	Hosts []string
	// In are the places of a request where it may stand: "header", "query",
	// "body"; none is all three.
	In []string
}
