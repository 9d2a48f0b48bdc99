package gate

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// Stop is what a message ends with in place of the guest's answer: a denial, or
// a question to the person at the client. One of its fields is set.
type Stop struct {
	Result wire.Object
	Err    *plugins.Error
}

// Error implements the error interface.
func (s *Stop) Error() string {
	if s.Err != nil {
		return s.Err.Message
	}
	return "ended by the policy: " + string(s.Result.JSON())
}

// metaDenied is where a denied tool's result says why, for programs.
const metaDenied = "mcpwasm/denied"

// denied is the denial of a message. A tool's caller gets a result, so that the
// model reads it; everybody else an error.
func (c *Call) denied(phase cel.Phase, rule, message string) error {
	return c.deniedFor(wire.Object{}.SetString("rule", rule).SetString("phase", string(phase)), deniedText(rule, message))
}

// deniedFor is denied with all that programs are told.
func (c *Call) deniedFor(reason wire.Object, text string) error {
	why := reason.JSON()
	if c.r.Method != plugins.MethodCallTool {
		return &Stop{Err: &plugins.Error{Code: plugins.CodeDenied, Message: text, Data: why}}
	}
	content := "[" + string(textContent(text)) + "]"
	return &Stop{Result: wire.Object{}.SetString("resultType", plugins.ResultComplete).
		Set("content", json.RawMessage(content)).Set("isError", json.RawMessage("true")).
		Set("_meta", wire.Object{}.Set(metaDenied, why).JSON())}
}

func textContent(text string) json.RawMessage {
	return wire.Object{}.SetString("type", "text").SetString("text", text).JSON()
}

// deniedText is what is said of a denial, to clients and to guests.
func deniedText(rule, message string) string {
	if rule == "" {
		return "Denied by the policy: " + message
	}
	return fmt.Sprintf("Denied by the policy (rule %s): %s", rule, message)
}

// refuse is the end of a message that is none which the gate could decide on.
func refuse(code int, format string, args ...any) error {
	return &Stop{Err: plugins.Errorf(code, format, args...)}
}

// because adds a reason to a rule's message, which may end in a full stop.
func because(message, reason string) string {
	return strings.TrimRight(message, ". ") + "; " + reason
}
