package plugins

// Ceiling bounds what packages may ask for.
type Ceiling struct {
	// Any allows everything; the rest is not looked at then.
	Any bool
	// HTTP are the requests that may be asked for, in the forms of grants.
	HTTP []HTTPGrant
	// Files and KV are the most access that may be asked for, "" is none.
	Files, KV Access
	// Secrets and Env are the names that may be asked for; "*" is every name.
	Secrets, Env []string
}

// Exceeded returns what is asked for beyond the ceiling, a line each, nothing
// where all is within. A nil ceiling lets nothing be asked for.
func (c *Ceiling) Exceeded(asked *Requests) []string { return nil }
