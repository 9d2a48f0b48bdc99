package plugins

import (
	"fmt"
	"slices"
)

// Ceiling bounds what packages may ask for.
type Ceiling struct {
	// Any allows everything; the rest is not looked at then.
	Any bool
	// HTTP are the requests that may be asked for, in the forms of grants. Each
	// request of a package must be within one of them as a whole. "*" lets "*" be
	// asked for, although that is every address as well: one that is not public is
	// reached by a grant for that address only.
	HTTP []HTTPGrant
	// Files and KV are the most access that may be asked for, "" is none.
	Files, KV Access
	// Secrets and Env are the names that may be asked for; "*" is every name. A
	// secret may be asked for where HTTP lets requests with it be sent.
	Secrets, Env []string
}

// Exceeded returns what is asked for beyond the ceiling, a line each and at most
// 20, nothing where all is within. A nil ceiling lets nothing be asked for. Asking for time
// and randomness exceeds none: every guest has them. The texts of a package that
// stand in the lines have passed [Manifest.Validate], or are quoted.
func (c *Ceiling) Exceeded(asked *Requests) []string {
	if asked == nil || c != nil && c.Any {
		return nil
	}
	if c == nil {
		c = &Ceiling{}
	}
	h := newHTTPCeiling(c.HTTP)
	var beyond []string
	for _, q := range asked.HTTP {
		beyond = append(beyond, h.exceeded(q)...)
	}
	for _, f := range asked.Files {
		if !c.Files.allows(f.Access, ReadOnly) {
			beyond = append(beyond, fmt.Sprintf("files: %s of %q", accessText(f.Access, ReadOnly), f.Path))
		}
	}
	if asked.KV != nil && !c.KV.allows(asked.KV.Access, ReadWrite) {
		beyond = append(beyond, "kv: "+accessText(asked.KV.Access, ReadWrite))
	}
	for _, s := range asked.Secrets {
		beyond = append(beyond, c.secret(s, h)...)
	}
	for _, e := range asked.Env {
		if !named(c.Env, e.Name) {
			beyond = append(beyond, fmt.Sprintf("env: %q", e.Name))
		}
	}
	if more := len(beyond) - maxBeyond; more > 0 {
		beyond = append(beyond[:maxBeyond-1:maxBeyond-1], fmt.Sprintf("%d more", more+1))
	}
	return beyond
}

// maxBeyond is how many lines a person is asked to read.
const maxBeyond = 20

// named reports whether a list has a name, or all of them.
func named(list []string, name string) bool {
	return slices.Contains(list, name) || slices.Contains(list, "*")
}

// allows reports whether an access that is asked for, "" being the default, is at
// most this one.
func (a Access) allows(asked string, byDefault Access) bool {
	if asked == "" {
		asked = string(byDefault)
	}
	return Access(asked).valid() && a.valid() && (a == ReadWrite || asked == string(ReadOnly))
}

// accessText is what is asked for in words.
func accessText(asked string, byDefault Access) string {
	if asked == "" {
		asked = string(byDefault)
	}
	switch Access(asked) {
	case ReadOnly:
		return "reading"
	case ReadWrite:
		return "reading and writing"
	}
	return fmt.Sprintf("access %q", asked)
}

// secret returns the hosts that a secret may not be asked for, or its name.
func (c *Ceiling) secret(s SecretRequest, h httpCeiling) []string {
	switch {
	case !named(c.Secrets, s.Name):
		return []string{fmt.Sprintf("secrets: %q", s.Name)}
	case len(s.Hosts) == 0:
		return []string{fmt.Sprintf("secrets: %q for hosts that are not named", s.Name)}
	}
	var beyond []string
	for _, target := range s.Hosts {
		if !h.reaches(target) {
			beyond = append(beyond, fmt.Sprintf("secrets: %q sent to %q", s.Name, target))
		}
	}
	return beyond
}
