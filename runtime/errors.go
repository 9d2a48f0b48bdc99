package runtime

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/mcpwasm/mcpwasm/plugins"
)

// Kind says how a guest failed.
type Kind string

// The ways in which a guest can fail.
const (
	// KindLoad: the artifact cannot be run at all.
	KindLoad Kind = "load"
	// KindTrap: WebAssembly stopped it (unreachable, out of bounds, stack).
	KindTrap Kind = "trap"
	// KindExit: it called proc_exit.
	KindExit Kind = "exit"
	// KindDeadline: it ran out of time.
	KindDeadline Kind = "deadline"
	// KindLimit: it ran into a limit other than time.
	KindLimit Kind = "limit"
	// KindProtocol: it answered what is no answer.
	KindProtocol Kind = "protocol"
	// KindSpin: it spins where it should wait for input, and would never read
	// again.
	KindSpin Kind = "spin"
	// KindOverload: the server has as many messages as it may have; the guest
	// is not at fault and was not asked.
	KindOverload Kind = "overload"
)

// GuestError is why a message got no answer from a guest.
type GuestError struct {
	Kind   Kind
	Server string // the artifact's name
	Tool   string // what the message was about; empty when not about one
	// Limit names the limit for KindDeadline, KindLimit and KindOverload as it
	// is named in the configuration, with its value: "deadline=30s".
	Limit string
	// Detail is one line for a person.
	Detail string
}

// Error implements the error interface, in one line.
func (e *GuestError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "server %q", e.Server)
	if e.Tool != "" {
		fmt.Fprintf(&b, ", %q", e.Tool)
	}
	b.WriteString(": ")
	if e.Limit != "" {
		fmt.Fprintf(&b, "limit %s: ", e.Limit)
	}
	b.WriteString(e.Detail)
	return b.String()
}

// Is makes errors.Is(err, &GuestError{Kind: k}) match by kind.
func (e *GuestError) Is(target error) bool {
	t, ok := target.(*GuestError)
	return ok && (t.Kind == "" || t.Kind == e.Kind)
}

// messageSubject finds the name or uri among a message's parameters.
func messageSubject(m plugins.Message) string {
	var p struct {
		Name string `json:"name"`
		URI  string `json:"uri"`
	}
	switch m.Method {
	case plugins.MethodCallTool, plugins.MethodGetPrompt, plugins.MethodReadResource:
		if json.Unmarshal(m.Params, &p) != nil {
			return ""
		}
	}
	if p.Name != "" {
		return p.Name
	}
	return p.URI
}
